// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* What loops and consumers tell of themselves to whoever wants every message. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "rig.h"

static struct {
	char text[1 << 16];
	size_t used;
	unsigned int lines;
} story;

static void listen(enum bpfring_log_level level, const char *fmt, va_list args)
{
	int n = vsnprintf(story.text + story.used, sizeof(story.text) - story.used, fmt, args);

	(void)level;
	assert_true(n > 0 && story.text[story.used + (size_t)n - 1] == '\n');
	story.used += (size_t)n;
	assert_true(story.used < sizeof(story.text));
	story.lines++;
}

static void forget(void)
{
	memset(&story, 0, sizeof(story));
}

/* These words, in this order. */
static void assert_told(const char *const *words)
{
	const char *at = story.text;

	for (; *words; words++) {
		const char *found = strstr(at, *words);

		if (!found)
			fail_msg("no '%s' (any more) in:\n%s", *words, story.text);
		at = found + strlen(*words);
	}
}

static void put_one(void *ctx)
{
	put(ctx, 8);
}

static void wake(void *ctx)
{
	assert_int_equal(bpfring_loop_wakeup(ctx), 0);
}

static int take_event(void *ctx, int fd, uint32_t events)
{
	uint64_t count;

	(void)ctx, (void)events;
	return read(fd, &count, sizeof(count)) == 8 ? 0 : -1;
}

static void of_a_loop(void **state)
{
	static const char *const words[] = {
		"opened", "4096 bytes",
		/* the first look, and the sleep */
		"added", "map 'events' id 42: armed", "sleeps until notified",
		"notified by map 'events' id 42", "quiet, looked at every", "sleeps for",
		"it is time", "map 'events' id 42: armed", "sleeps until notified",
		/* other reasons to wake */
		"woken", "fd ", "is ready", "stopped", "removed", "closed after 10 records",
		"freed", NULL};
	int event = eventfd(0, EFD_CLOEXEC);
	struct counter counter = {0};
	struct bpfring_loop *l = NULL;
	struct rig rig;

	(void)state;
	bpfring_set_log(listen);
	forget();
	sim_clock_start(1000);
	rig_open(&rig, PAGE, NULL, 0);
	assert_int_equal(bpfring_loop_new(&l, NULL), 0);
	assert_int_equal(bpfring_loop_add(l, rig.c, count_record, &counter), 0);
	for (int64_t i = 0; i < 10; i++)
		sim_clock_at((i + 1) * 10 * USEC, put_one, rig.r);
	while (counter.records < 10)
		assert_true(bpfring_loop_poll(l, -1) >= 0);
	sim_clock_at(1000 * MSEC, wake, l);
	assert_int_equal(bpfring_loop_poll(l, -1), 0);
	assert_int_equal(bpfring_loop_add_fd(l, event, EPOLLIN, take_event, NULL), 0);
	assert_int_equal(write(event, &(uint64_t){1}, 8), 8);
	assert_int_equal(bpfring_loop_poll(l, -1), 0);
	assert_int_equal(bpfring_loop_stop(l), 0);
	assert_int_equal(bpfring_loop_run(l), 0);
	assert_int_equal(bpfring_loop_remove(l, rig.c), 0);
	rig_close(&rig);
	bpfring_loop_free(l);
	close(event);
	assert_told(words);
}

static void of_a_wait(void **state)
{
	static const char *const words[] = {"armed, sleeps until notified",
					    "notified",
					    "armed, sleeps for 1000 us",
					    "its head is busy",
					    "it is time",
					    NULL};
	struct counter counter = {0};
	struct rig rig;

	(void)state;
	bpfring_set_log(listen);
	forget();
	sim_clock_start(1000);
	rig_open(&rig, PAGE, NULL, 0);
	sim_clock_at(2000, put_one, rig.r);
	assert_int_equal(bpfring_consumer_wait(rig.c, -1), 1);
	assert_int_equal(bpfring_consumer_consume(rig.c, count_record, &counter, NULL, NULL), 1);
	assert_non_null(sim_reserve(rig.r, 8));
	assert_int_equal(bpfring_consumer_wait(rig.c, 10 * MSEC), 0);
	rig_close(&rig);
	assert_told(words);
}

/* Thousands of wake-ups in a second: a page of them is told, and how many were not. */
static void in_so_many_words(void **state)
{
	static const char *const words[] = {"lines left out", NULL};
	struct counter counter = {0};
	struct bpfring_loop *l = NULL;
	struct rig rig;

	(void)state;
	bpfring_set_log(listen);
	sim_clock_start(1);
	rig_open(&rig, PAGE, NULL, 0);
	assert_int_equal(bpfring_loop_new(&l, NULL), 0);
	assert_int_equal(bpfring_loop_add(l, rig.c, count_record, &counter), 0);
	forget();
	for (int i = 0; i < 5000; i++) {
		sim_clock_at(sim_clock_now() + 100 * USEC, put_one, rig.r);
		assert_int_equal(bpfring_loop_poll(l, -1), 1);
	}
	assert_in_range(story.lines, 20, 100);
	sim_clock_at(2000 * MSEC, put_one, rig.r);
	assert_int_equal(bpfring_loop_poll(l, -1), 1);
	assert_told(words);
	bpfring_loop_free(l);
	rig_close(&rig);
}

/* A stream at a steady rate: its window is told when it changes, not each time. */
static void what_stays_is_not_told_again(void **state)
{
	struct counter counter = {0};
	struct bpfring_loop *l = NULL;
	unsigned int windows = 0;
	struct rig rig;

	(void)state;
	bpfring_set_log(listen);
	sim_clock_start(1);
	rig_open(&rig, 16 * PAGE, NULL, 0);
	assert_int_equal(bpfring_loop_new(&l, NULL), 0);
	assert_int_equal(bpfring_loop_add(l, rig.c, count_record, &counter), 0);
	forget();
	for (int i = 0; i < 10; i++) { /* seconds */
		for (int n = 0; n < 200; n++)
			sim_clock_at(sim_clock_now() + n * 20 * USEC, put_one, rig.r);
		while (counter.records < 200U * (unsigned int)(i + 1))
			assert_true(bpfring_loop_poll(l, -1) >= 0);
		sim_clock_advance(1000 * MSEC);
	}
	for (const char *at = story.text; (at = strstr(at, "quiet, looked at")); at++)
		windows++;
	assert_in_range(windows, 1, 5); /* of ten looks */
	bpfring_loop_free(l);
	rig_close(&rig);
}

/* Nobody listens: nothing is said, whatever happens. */
static void to_nobody(void **state)
{
	struct counter counter = {0};
	struct bpfring_loop *l = NULL;
	struct rig rig;

	(void)state;
	forget();
	bpfring_set_log(NULL);
	rig_open(&rig, PAGE, NULL, 0);
	assert_int_equal(bpfring_loop_new(&l, NULL), 0);
	assert_int_equal(bpfring_loop_add(l, rig.c, NULL, &counter), -22);
	assert_int_equal(bpfring_loop_add(l, rig.c, count_record, &counter), 0);
	put(rig.r, 8);
	assert_int_equal(bpfring_loop_poll(l, -1), 1);
	bpfring_loop_free(l);
	rig_close(&rig);
	assert_int_equal(story.lines, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(of_a_loop),	    rig_test(of_a_wait),
		rig_test(in_so_many_words), rig_test(what_stays_is_not_told_again),
		rig_test(to_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
