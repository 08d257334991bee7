// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * What scx_hints --demo shows, and checks: hinted threads first, commands and answers, three ways
 * to be ejected, hints that go on working under each new scheduler. Everything is counted, not
 * timed.
 */
#include <bpfring/bpfring.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "scx_hints_user.h"

#define WAITS	    100		  /* of urgent threads, for a look at the counts */
#define TIMES	    10		  /* that the rule against starvation is to be seen */
#define LIMIT_NS    60000000000LL /* for each step; emulated machines are slow */
#define SHORT_SLICE 5000	  /* microseconds */
#define LONG_SLICE  100000
#define LONG_WAITS  40 /* they take longer then */

/* Kinds of exit, as the kernel numbers them. */
enum { EXIT_UNREG = 64, EXIT_SYSRQ = 67, EXIT_ERROR_BPF = 1025, EXIT_ERROR_STALL = 1026 };

static int failures;

static void check(bool good, const char *format, ...)
{
	va_list args;

	printf("  %s: ", good ? "good" : "NOT SO");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	failures += !good;
}

static long long now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* The loop runs until @done says so. */
static int await(struct helper *h, bool (*done)(struct helper *h))
{
	long long end = now_ns() + LIMIT_NS;
	int err = 0;

	while (err >= 0 && !done(h)) {
		if (now_ns() > end)
			return -ETIMEDOUT;
		err = bpfring_loop_poll(h->loop, 20000000);
	}
	return err < 0 ? err : 0;
}

static bool is_answered(struct helper *h)
{
	return h->answer.id == h->sent || h->ended;
}

static bool is_ended(struct helper *h)
{
	return h->ended;
}

static bool is_bound_anew(struct helper *h)
{
	return threads_run_by(h->threads, h->loads) == h->hinted;
}

/* A command, and its answer. */
static int ask(struct helper *h, enum scx_hints_op op, unsigned long long value)
{
	int err = helper_send(h, op, value);

	return err ? err : await(h, is_answered);
}

/* @ret: the counts now less those of @from */
static int look(struct helper *h, const struct scx_hints_counts *from, struct scx_hints_counts *ret)
{
	const size_t n = sizeof(*ret) / sizeof(unsigned long long);
	int err = ask(h, SCX_HINTS_COUNTS, 0);

	*ret = h->answer.counts;
	for (size_t i = 0; i < n; i++)
		((unsigned long long *)ret)[i] -= ((const unsigned long long *)from)[i];
	if (!err && h->ended) {
		fprintf(stderr, "scx_hints: ejected too early\n");
		err = -ECANCELED;
	}
	return err;
}

static bool has_waits(const struct scx_hints_counts *c)
{
	return c->turns >= WAITS;
}

static bool has_long_waits(const struct scx_hints_counts *c)
{
	return c->turns >= LONG_WAITS;
}

static bool has_rule(const struct scx_hints_counts *c)
{
	return c->row >= TIMES;
}

/* The counts of a period that is long enough. */
static int observe(struct helper *h, bool (*enough)(const struct scx_hints_counts *),
		   struct scx_hints_counts *ret)
{
	const struct timespec pause = {.tv_nsec = 50000000};
	struct scx_hints_counts from = {0};
	long long end = now_ns() + LIMIT_NS;
	int err = look(h, &from, ret);

	from = *ret;
	do {
		if (!err)
			err = now_ns() > end ? -ETIMEDOUT : 0;
		nanosleep(&pause, NULL);
		if (!err)
			err = look(h, &from, ret);
	} while (!err && !enough(ret));
	if (!err)
		helper_print_counts(ret);
	return err;
}

static double passed_each(const struct scx_hints_counts *c)
{
	return (double)c->passed / (double)c->turns;
}

static double ticks_each(const struct scx_hints_counts *c)
{
	return (double)c->ticks / (double)(c->started ? c->started : 1);
}

static int show_schedule(struct helper *h, struct scx_hints_counts *with)
{
	char name[64] = "";
	int fd = open("/sys/kernel/sched_ext/root/ops", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, name, sizeof(name) - 1);
	int err;

	if (fd >= 0)
		close(fd);
	name[n > 0 ? n : 0] = '\0';
	name[strcspn(name, "\n")] = '\0';
	printf("== schedule and hint\n");
	check(!strcmp(name, SCX_HINTS_NAME), "the kernel's scheduler is \"%s\"", name);
	err = observe(h, has_waits, with);
	if (err)
		return err;
	check(with->first > 0, "hinted threads ran %llu times before unhinted ones that waited",
	      with->first);
	check(with->inverted == 0, "unhinted ones before hinted ones that waited: %llu times",
	      with->inverted);
	return 0;
}

/* Hinted threads that want all CPUs for ever do not get them for ever. */
static int show_rule(struct helper *h)
{
	const unsigned long long cpus = (unsigned long long)sysconf(_SC_NPROCESSORS_CONF);
	struct scx_hints_counts busy;
	int err;

	printf("== hinted threads that never sleep\n");
	threads_set_busy(h->threads, true);
	err = observe(h, has_rule, &busy);
	threads_set_busy(h->threads, false);
	if (err)
		return err;
	/* Each CPU may have begun a row before. */
	check(busy.row <= (busy.first + busy.kept) / SCX_HINTS_ROW + cpus,
	      "every %dth turn is an unhinted thread's, no more: %llu of %llu", SCX_HINTS_ROW,
	      busy.row, busy.first + busy.kept + busy.row);
	check(busy.inverted == 0, "unhinted ones otherwise before hinted ones: %llu times",
	      busy.inverted);
	return 0;
}

static int show_commands(struct helper *h, const struct scx_hints_counts *with)
{
	struct scx_hints_counts without, longer;
	int err;

	printf("== command: policy 0\n");
	err = ask(h, SCX_HINTS_POLICY, 0);
	if (!err)
		err = observe(h, has_waits, &without);
	if (err)
		return err;
	check(passed_each(&without) > 2 * passed_each(with),
	      "without the policy urgent threads are passed more often: by %.2f, not %.2f each",
	      passed_each(&without), passed_each(with));

	printf("== commands: policy 1, slice %d\n", LONG_SLICE);
	err = ask(h, SCX_HINTS_POLICY, 1);
	if (!err)
		err = ask(h, SCX_HINTS_SLICE, LONG_SLICE);
	if (!err)
		err = observe(h, has_long_waits, &longer);
	if (err)
		return err;
	/* An emulated machine that is short of time loses ticks, most of them in long turns. */
	check(ticks_each(&longer) > 1.5 * ticks_each(with),
	      "turns of unhinted threads are longer: %.1f ticks, not %.1f", ticks_each(&longer),
	      ticks_each(with));
	check(longer.inverted == 0, "unhinted ones before hinted ones that waited: %llu times",
	      longer.inverted);
	err = ask(h, SCX_HINTS_SLICE, 1);
	check(h->answer.error == -ERANGE, "a slice of 1 us is refused");
	return err ? err : ask(h, SCX_HINTS_SLICE, SHORT_SLICE);
}

/* It was told to end, or made to; then the next one. */
static int show_ejection(struct helper *h, unsigned int kind)
{
	struct scx_hints_counts counts;
	int err = await(h, is_ended);

	if (err)
		return err;
	check(h->exit.kind == kind, "it was ejected for the reason that was expected");
	err = helper_reload(h);
	if (!err)
		err = await(h, is_bound_anew);
	if (err)
		return err;
	check(true, "scheduler %u finds the hints where they were:", h->loads);
	threads_print(h->threads);
	err = observe(h, has_waits, &counts);
	if (!err)
		check(counts.first > 0 && counts.inverted == 0,
		      "and hinted threads run first: %llu times, not so %llu times", counts.first,
		      counts.inverted);
	return err;
}

static int show_sysrq(struct helper *h)
{
	int fd = open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);
	bool done;

	if (fd < 0) {
		printf("not shown, there is no /proc/sysrq-trigger\n");
		return 0;
	}
	done = write(fd, "S", 1) == 1;
	close(fd);
	return done ? show_ejection(h, EXIT_SYSRQ) : -EIO;
}

static int show_all(struct helper *h)
{
	struct scx_hints_counts with;
	int err = await(h, is_bound_anew);

	if (!err)
		err = show_schedule(h, &with);
	if (!err)
		err = show_rule(h);
	if (!err)
		err = show_commands(h, &with);
	if (err)
		return err;

	printf("== command: eject\n");
	err = ask(h, SCX_HINTS_EJECT, 0);
	if (!err)
		err = show_ejection(h, EXIT_ERROR_BPF);
	if (err)
		return err;

	printf("== SysRq-S\n");
	err = show_sysrq(h);
	if (err)
		return err;

	printf("== command: stall\n");
	err = ask(h, SCX_HINTS_STALL, 0);
	return err ? err : show_ejection(h, EXIT_ERROR_STALL);
}

int demo(struct helper *h)
{
	int err = show_all(h);

	if (err)
		return err;
	printf("== end\n");
	threads_stop(h->threads);
	h->threads = NULL;
	scheduler_free(h->sched, &h->exit);
	h->sched = NULL;
	helper_print_exit(&h->exit);
	check(h->exit.kind == EXIT_UNREG, "it was unregistered");
	printf("%s\n", failures ? "FAILED" : "Done.");
	return failures;
}
