// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Example of a helper process for a scheduler: loads scx_hints.bpf.c, whose hinted threads run
 * before all others, sends it the commands on stdin, and loads it again when the kernel ejects it.
 * One loop handles everything: events of the scheduler, its ejection, space for commands, stdin,
 * signals and time.
 */
#include <argp.h>
#include <bpfring/bpfring.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "scx_hints_user.h"

#define MAX_THREADS 64

static struct {
	double duration;
	unsigned int reloads;
	bool demo;
	struct helper helper;
} env = {.reloads = 3, .helper = {.hinted = 2, .unhinted = 6}};

static struct {
	char text[4096];
	size_t size;
} input;

static const struct argp_option options[] = {
	{"demo", 'D', NULL, 0,
	 "Show all by itself, and check it (exit status 77: not on this kernel)", 0},
	{"duration", 'd', "SECONDS", 0, "How long it runs (until SIGINT)", 0},
	{"hinted", 'n', "N", 0, "Threads that publish hints (2)", 0},
	{"unhinted", 'u', "N", 0, "Threads that do not (6)", 0},
	{"reloads", 'r', "N", 0, "How often the scheduler is loaded again (3)", 0},
	{"fallback", 'f', NULL, 0, "Use the path of task storage for kernels before 6.13", 0},
	{0},
};

static unsigned int parse_number(const char *arg, unsigned long min, unsigned long max,
				 struct argp_state *state)
{
	char *end;
	unsigned long n = strtoul(arg, &end, 10);

	if (*end || end == arg || n < min || n > max)
		argp_error(state, "not a number from %lu to %lu: %s", min, max, arg);
	return (unsigned int)n;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case 'D':
		env.demo = true;
		return 0;
	case 'd':
		env.duration = atof(arg);
		if (!(env.duration > 0 && env.duration < 1e6))
			argp_error(state, "not a number of seconds: %s", arg);
		return 0;
	case 'n':
		env.helper.hinted = parse_number(arg, 1, MAX_THREADS, state);
		return 0;
	case 'u':
		env.helper.unhinted = parse_number(arg, 0, MAX_THREADS, state);
		return 0;
	case 'r':
		env.reloads = parse_number(arg, 0, 1000000, state);
		return 0;
	case 'f':
		env.helper.fallback = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp parser = {
	.options = options,
	.parser = parse_option,
	.doc = "A scheduler that runs threads first which say that they are urgent.\v"
	       "Commands on stdin, from a terminal or a pipe: slice MICROSECONDS, policy 0 or 1 "
	       "(are hints "
	       "looked at?), counts, eject, stall.\nNeeds root and a kernel with sched_ext.",
};

/* ---- Commands ---- */

static int parse_command(const char *line, enum scx_hints_op *op, unsigned long long *value)
{
	static const char *const names[] = {"counts", "slice", "policy", "eject", "stall"};
	char name[8];

	*value = 0;
	if (sscanf(line, "%7s %llu", name, value) < 1)
		return -EINVAL;
	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(name, names[i]))
			continue;
		*op = (enum scx_hints_op)i;
		return 0;
	}
	return -EINVAL;
}

/* Sends the complete lines that were read. -ENOSPC: some are left, there was no space. */
static int send_lines(struct helper *h)
{
	char *line = input.text, *end;
	int err = 0;

	while (!err && (end = memchr(line, '\n', input.size - (size_t)(line - input.text)))) {
		enum scx_hints_op op;
		unsigned long long value;

		*end = '\0';
		if (!parse_command(line, &op, &value))
			err = helper_send(h, op, value);
		else if (*line)
			fprintf(stderr, "not a command: %s\n", line);
		if (err)
			*end = '\n'; /* once more, later */
		else
			line = end + 1;
	}
	input.size -= (size_t)(line - input.text);
	memmove(input.text, line, input.size);
	return err;
}

static int on_space(void *ctx, int fd, uint32_t events);

/* While the ring is full nothing more is read, so the writer of the commands has to wait, too. */
static int go_on(struct helper *h);

static int on_input(void *ctx, int fd, uint32_t events)
{
	struct helper *h = ctx;
	ssize_t n = read(fd, input.text + input.size, sizeof(input.text) - input.size);

	(void)events;
	if (n <= 0) /* the end; or a line without one */
		return bpfring_loop_remove_fd(h->loop, fd);
	input.size += (size_t)n;
	return go_on(h);
}

static int go_on(struct helper *h)
{
	int err = send_lines(h);

	while (err == -ENOSPC) {
		err = scheduler_await_space(h->sched, on_space, h);
		if (!err) /* on_space() will be called */
			return bpfring_loop_remove_fd(h->loop, STDIN_FILENO), 0;
		if (err > 0)
			err = send_lines(h);
	}
	if (err)
		return err;
	err = bpfring_loop_add_fd(h->loop, STDIN_FILENO, EPOLLIN, on_input, h);
	/* -EEXIST: it is watched already; -EPERM: a file or /dev/null, so no commands come. */
	return err == -EEXIST || err == -EPERM ? 0 : err;
}

static int on_space(void *ctx, int fd, uint32_t events)
{
	(void)fd, (void)events;
	return go_on(ctx);
}

/* ---- Signals and time ---- */

static int on_end(void *ctx, int fd, uint32_t events)
{
	(void)fd, (void)events;
	*(bool *)ctx = true;
	return BPFRING_STOP;
}

static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	/* Before any thread is started: they inherit it. */
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static int open_timer(void)
{
	const struct itimerspec when = {
		.it_value = {.tv_sec = (time_t)env.duration,
			     .tv_nsec =
				     (long)((env.duration - (double)(time_t)env.duration) * 1e9)}};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

	if (fd >= 0)
		timerfd_settime(fd, 0, &when, NULL); /* all zero: never */
	return fd;
}

static int run(struct helper *h, int signals)
{
	bool end = false;
	int timer = open_timer();
	int err = timer < 0 ? -errno : bpfring_loop_add_fd(h->loop, timer, EPOLLIN, on_end, &end);

	if (!err)
		err = bpfring_loop_add_fd(h->loop, signals, EPOLLIN, on_end, &end);
	if (!err)
		err = go_on(h);
	while (!err && !end) {
		err = bpfring_loop_poll(h->loop, -1);
		if (err > 0 || err == BPFRING_STOP)
			err = 0;
		if (err || !h->ended)
			continue;
		if (h->loads > env.reloads) {
			fprintf(stderr, "scx_hints: ejected too often\n");
			err = -ECANCELED;
		} else {
			err = helper_reload(h);
			if (!err)
				err = go_on(h);
		}
	}
	bpfring_loop_remove_fd(h->loop, signals);
	if (timer >= 0) {
		bpfring_loop_remove_fd(h->loop, timer);
		close(timer);
	}
	return err;
}

int main(int argc, char **argv)
{
	struct helper *h = &env.helper;
	int signals, err;

	argp_parse(&parser, argc, argv, 0, NULL, NULL);
	setlinebuf(stdout);
	err = helper_check();
	if (err)
		return err > 0 ? 77 : EXIT_FAILURE;
	signals = open_signals();
	err = signals < 0 ? -errno : helper_open(h);
	if (!err)
		err = env.demo ? demo(h) : run(h, signals);
	if (err < 0)
		fprintf(stderr, "scx_hints: %s\n", bpfring_errname(err));
	helper_close(h);
	if (signals >= 0)
		close(signals);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
