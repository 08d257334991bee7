// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* A merge in a loop: every wait mode, due times, outer loops, budgets, rings that come and go. */
#include <poll.h>

#include "merge_rig.h"

#define L MSEC

static struct scene *looped(unsigned int n, uint32_t wait, const struct bpfring_merge_opts *opts)
{
	BPFRING_OPTS(bpfring_loop_opts, loop_opts, .wait = wait);
	struct scene *s = scene_new(n, opts, 16384);

	assert_int_equal(bpfring_loop_new(&s->l, &loop_opts), 0);
	assert_int_equal(bpfring_loop_add_merge(s->l, s->m, see, s), 0);
	return s;
}

struct event {
	struct scene *s;
	unsigned int ring;
	uint64_t key;
};

static void happen(void *ctx)
{
	const struct event *e = ctx;

	put_key(e->s, e->ring, e->key);
}

/* Records at random times, far apart and close together: in order, and none held for too long. */
static void every_mode(void **state)
{
	static const int64_t gaps[] = {200, 20000, 3 * MSEC};
	static struct event events[3000];
	unsigned int seed = 11;

	(void)state;
	for (uint32_t i = 0; i < 4 * 3 * 2; i++) {
		BPFRING_OPTS(bpfring_merge_opts, opts, .max_lateness_ns = L);
		const uint32_t wait = i % 4;
		const int64_t gap = gaps[i / 4 % 3];
		struct scene *s;
		int64_t at = 1000 * L;

		if (wait == BPFRING_WAIT_SPIN && gap > MSEC)
			continue; /* takes for ever */
		sim_clock_start(at);
		if (wait == BPFRING_WAIT_SPIN)
			sim_clock_set_step(100);
		s = looped(i / 12 ? 40 : 2, wait, &opts);
		for (unsigned int k = 0; k < ARRAY_SIZE(events); k++) {
			at += 1 + rand_r(&seed) % (2 * gap);
			events[k] =
				(struct event){s, (unsigned int)rand_r(&seed) % s->n, (uint64_t)at};
			sim_clock_at(at, happen, &events[k]);
		}
		while (s->count < ARRAY_SIZE(events))
			assert_true(bpfring_loop_poll(s->l, -1) >= 0);
		for (unsigned int k = 0; k < s->count; k++) {
			int64_t held = s->seen_at[k] - (int64_t)s->seen[k].key;

			assert_int_equal(s->seen[k].key, events[k].key);
			if (held > L + 300 * USEC)
				fail_msg("mode %u, gap %lld: record %u held for %lld ns", wait,
					 (long long)gap, k, (long long)held);
		}
		assert_int_equal(merge_stats(s->m).late, 0);
		scene_free(s);
		sim_sys_reset();
	}
}

/* Between the records, it sleeps: no look but those for a reason. */
static void it_sleeps(void **state)
{
	BPFRING_OPTS(bpfring_merge_opts, opts, .max_lateness_ns = L);
	struct scene *s;
	struct event e[2];
	unsigned long sleeps;

	(void)state;
	sim_clock_start(1000 * L);
	s = looped(8, BPFRING_WAIT_SLEEP, &opts);
	assert_int_equal(bpfring_loop_poll(s->l, 5 * L), 0);
	for (int i = 0; i < 2; i++) {
		e[i] = (struct event){s, 3, (uint64_t)((1100 + 500 * i) * L)};
		sim_clock_at((int64_t)e[i].key, happen, &e[i]);
	}
	sleeps = sim_clock_sleeps();
	assert_int_equal(bpfring_loop_poll(s->l, -1), 1);
	assert_int_equal(sim_clock_now(), 1101 * L);
	assert_int_equal(bpfring_loop_poll(s->l, -1), 1);
	assert_int_equal(sim_clock_now(), 1601 * L);
	assert_in_range(sim_clock_sleeps() - sleeps, 4, 8);
	scene_free(s);
}

static bool readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

/* Inside another loop, on the true clock. */
static void in_an_outer_loop(void **state)
{
	BPFRING_OPTS(bpfring_merge_opts, opts, .max_lateness_ns = 20 * MSEC);
	struct scene *s = looped(4, BPFRING_WAIT_SLEEP, &opts);
	const int fd = bpfring_loop_fd(s->l);
	uint64_t last = 0;

	(void)state;
	assert_true(fd >= 0);
	while (readable(fd))
		assert_int_equal(bpfring_loop_dispatch(s->l), 0);
	for (unsigned int i = 0; i < 50; i++) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		unsigned int before = s->count;

		last = (uint64_t)monotonic();
		put_key(s, i % 4, last);
		if (i % 3)
			continue;
		while (s->count == before) {
			assert_int_equal(poll(&p, 1, 10000), 1);
			assert_true(bpfring_loop_dispatch(s->l) >= 0);
		}
	}
	while (s->count < 50) {
		struct pollfd p = {.fd = fd, .events = POLLIN};

		assert_int_equal(poll(&p, 1, 10000), 1);
		assert_true(bpfring_loop_dispatch(s->l) >= 0);
	}
	for (unsigned int i = 1; i < 50; i++)
		assert_true(s->seen[i].key >= s->seen[i - 1].key);
	scene_free(s);
}

/* A turn is as long as its budget, and the next poll goes on without sleeping. */
static void budgets(void **state)
{
	BPFRING_OPTS(bpfring_merge_opts, opts, .max_lateness_ns = -1, .clock = BPFRING_KEY_NUMBER,
		     .budget_records = 10);
	struct scene *s;

	(void)state;
	sim_clock_start(1);
	sim_clock_set_step(1);
	s = looped(3, BPFRING_WAIT_ADAPTIVE, &opts);
	for (unsigned int i = 0; i < 95; i++)
		put_key(s, i % 3, i);
	for (unsigned int i = 0; i < 9; i++)
		assert_int_equal(bpfring_loop_poll(s->l, -1), 10);
	assert_int_equal(bpfring_loop_poll(s->l, -1), 5);
	assert_true(sim_clock_now() < 10000);
	for (unsigned int i = 0; i < 95; i++)
		assert_int_equal(s->seen[i].key, i);
	scene_free(s);
}

static int remove_all(struct scene *s, const struct bpfring_merged *record)
{
	(void)record;
	assert_int_equal(bpfring_loop_remove_merge(s->l, s->m), 0);
	return 0;
}

static int free_it(struct scene *s, const struct bpfring_merged *record)
{
	(void)record;
	bpfring_merge_free(s->m);
	s->m = NULL;
	return 0;
}

static int close_first(struct scene *s, const struct bpfring_merged *record)
{
	(void)record;
	bpfring_consumer_close(s->rings[0].c);
	s->rings[0].c = NULL;
	return 0;
}

static int stop(struct scene *s, const struct bpfring_merged *record)
{
	(void)s, (void)record;
	return BPFRING_STOP;
}

static int keep(struct scene *s, const struct bpfring_merged *record)
{
	(void)record;
	s->count--;
	return BPFRING_KEEP;
}

static int fail_so(struct scene *s, const struct bpfring_merged *record)
{
	(void)s, (void)record;
	return -EXDEV;
}

static void callbacks(void **state)
{
	static const struct {
		int (*fn)(struct scene *, const struct bpfring_merged *);
		int first; /* what the poll returns */
		bool goes_on;
	} ways[] = {{remove_all, 40, false}, {free_it, 5, false}, {close_first, 32, true},
		    {stop, 5, true},	     {keep, 4, true},	  {fail_so, -EXDEV, true}};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(ways); i++) {
		BPFRING_OPTS(bpfring_merge_opts, opts, .max_lateness_ns = -1,
			     .clock = BPFRING_KEY_NUMBER);
		struct scene *s;
		int n;

		sim_clock_start(1);
		sim_clock_set_step(1);
		s = looped(4, BPFRING_WAIT_SLEEP, &opts);
		for (unsigned int k = 0; k < 40; k++)
			put_key(s, k % 4, k);
		s->at = 5;
		s->then = ways[i].fn;
		n = bpfring_loop_poll(s->l, 0);
		assert_int_equal(n, ways[i].first);
		if (ways[i].goes_on) {
			bpfring_loop_poll(s->l, 0);
			assert_int_equal(s->count, ways[i].fn == close_first ? 32 : 40);
			put_key(s, 1, 100);
			assert_int_equal(bpfring_loop_poll(s->l, -1), 1);
		} else {
			assert_int_equal(bpfring_loop_poll(s->l, 0), 0);
		}
		scene_free(s);
		sim_sys_reset();
	}
}

/* The loop is freed first; consumers come and go while it runs; another loop takes the merge. */
static void coming_and_going(void **state)
{
	BPFRING_OPTS(bpfring_merge_opts, opts, .max_lateness_ns = -1, .clock = BPFRING_KEY_NUMBER);
	struct scene *s;
	struct rig more;

	(void)state;
	sim_clock_start(1);
	sim_clock_set_step(1);
	s = looped(2, BPFRING_WAIT_SLEEP, &opts);
	put_key(s, 0, 1);
	assert_int_equal(bpfring_loop_poll(s->l, -1), 1);
	assert_int_equal(bpfring_loop_remove(s->l, s->rings[0].c), -EINVAL);
	assert_logged("bpfring_merge_remove()");
	assert_int_equal(bpfring_merge_consume(s->m, see, s, NULL, NULL), -EINVAL);
	assert_logged("in a loop");
	rig_open(&more, 4096, NULL, 0);
	put_number(more.r, 7);
	assert_int_equal(bpfring_merge_add(s->m, more.c), 0);
	assert_int_equal(bpfring_loop_poll(s->l, -1), 1);
	put_number(more.r, 8);
	assert_int_equal(bpfring_loop_poll(s->l, -1), 1);
	assert_int_equal(bpfring_merge_remove(s->m, more.c), 0);
	put_number(more.r, 9);
	assert_int_equal(bpfring_loop_poll(s->l, 0), 0);
	rig_close(&more);
	bpfring_loop_free(s->l);
	put_key(s, 1, 10);
	assert_int_equal(bpfring_merge_consume(s->m, see, s, NULL, NULL), 1);
	assert_int_equal(bpfring_loop_new(&s->l, NULL), 0);
	assert_int_equal(bpfring_loop_add_merge(s->l, s->m, see, s), 0);
	assert_int_equal(bpfring_loop_add_merge(s->l, s->m, see, s), -EEXIST);
	put_key(s, 1, 11);
	assert_int_equal(bpfring_loop_poll(s->l, -1), 1);
	scene_free(s);
}

/* What is held back comes out at the end. */
static void flushed(void **state)
{
	BPFRING_OPTS(bpfring_merge_opts, opts, .max_lateness_ns = 3600 * 1000 * MSEC);
	struct scene *s;

	(void)state;
	sim_clock_start(1000 * L);
	s = looped(3, BPFRING_WAIT_ADAPTIVE, &opts);
	for (unsigned int i = 0; i < 10; i++)
		put_key(s, i % 2, (uint64_t)(1000 * L) - 20 + i);
	assert_int_equal(bpfring_loop_poll(s->l, 5 * L), 0);
	assert_int_equal(bpfring_merge_flush(s->m), 0);
	assert_int_equal(bpfring_loop_poll(s->l, 0), 10);
	scene_free(s);
}

/* A busy head whose commit does not notify: the loop looks by itself. */
static void silent_commit(void *ctx)
{
	void **args = ctx;

	sim_submit(args[0], args[1], SIM_NO_WAKEUP);
}

static void silent_after_busy(void **state)
{
	BPFRING_OPTS(bpfring_merge_opts, opts, .max_lateness_ns = L);
	struct scene *s;
	void *args[2];

	(void)state;
	sim_clock_start(1000 * L);
	s = looped(2, BPFRING_WAIT_ADAPTIVE, &opts);
	args[0] = s->rings[0].r;
	args[1] = reserve_key(s, 0, (uint64_t)(1000 * L));
	sim_clock_at(1050 * L, silent_commit, args);
	while (!s->count)
		assert_true(bpfring_loop_poll(s->l, -1) >= 0);
	assert_true(sim_clock_now() <= 1115 * L);
	assert_seen(s, (uint64_t)(1000 * L));
	scene_free(s);
}

/* A ring breaks: the poll says so, the others go on. */
static void broken(void **state)
{
	BPFRING_OPTS(bpfring_merge_opts, opts, .max_lateness_ns = -1, .clock = BPFRING_KEY_NUMBER);
	struct scene *s;

	(void)state;
	sim_clock_start(1);
	sim_clock_set_step(1);
	s = looped(3, BPFRING_WAIT_ADAPTIVE, &opts);
	for (unsigned int k = 0; k < 9; k++)
		put_key(s, k % 3, k);
	*sim_ring_header(s->rings[1].r, sim_ring_cons(s->rings[1].r)) = 1 << 20;
	assert_int_equal(bpfring_loop_poll(s->l, 0), -EBADMSG);
	assert_logged("corrupt");
	assert_int_equal(bpfring_loop_poll(s->l, 0), 6);
	assert_int_equal(merge_stats(s->m).sources, 2);
	scene_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(every_mode), rig_test(it_sleeps),	   rig_test(in_an_outer_loop),
		rig_test(budgets),    rig_test(callbacks),	   rig_test(coming_and_going),
		rig_test(flushed),    rig_test(silent_after_busy), rig_test(broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
