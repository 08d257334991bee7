// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Threads that drain many rings: each record once, each ring on one thread at a time, in order. */
#include <bpfring/threads.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig.h"

#define RINGS	8
#define RECORDS 4000

/* The payload. */
struct payload {
	uint32_t ring;
	uint32_t number;
};

static struct scene {
	struct rig rigs[RINGS];
	struct bpfring_consumer *c[RINGS];
	struct bpfring_threads *t;
	atomic_uint next[RINGS];
	atomic_bool busy[RINGS]; /* in a callback */
	atomic_uint wrong, total, begun, ended;
	int verdict; /* of the callback, from record @after on */
	unsigned int after;
	long delay_ns;
	atomic_uint on_thread[RINGS]; /* that handled it last, from 1 */
} s;

static void open_rings(size_t size)
{
	memset(&s, 0, sizeof(s));
	for (int i = 0; i < RINGS; i++) {
		rig_open(&s.rigs[i], size, NULL, 0);
		s.c[i] = s.rigs[i].c;
	}
}

static void close_rings(void)
{
	for (int i = 0; i < RINGS; i++)
		rig_close(&s.rigs[i]);
}

/* False: full. */
static bool put_one(unsigned int ring, unsigned int number)
{
	struct payload *p = sim_reserve(s.rigs[ring].r, sizeof(*p));

	if (!p)
		return false;
	*p = (struct payload){ring, number};
	sim_submit(s.rigs[ring].r, p, 0);
	return true;
}

struct own {
	unsigned int thread;
};

static struct own owns[RINGS];

static int begin(void *ctx, unsigned int thread, void **ret)
{
	assert_ptr_equal(ctx, &s);
	atomic_fetch_add(&s.begun, 1);
	owns[thread].thread = thread + 1;
	*ret = &owns[thread];
	return 0;
}

static void end(void *ctx, unsigned int thread, void *own)
{
	(void)ctx;
	atomic_fetch_add(&s.ended, 1);
	if (own != &owns[thread])
		atomic_fetch_add(&s.wrong, 1);
}

static int take(void *ctx, const void *data, size_t size)
{
	const struct payload *p = data;
	const struct own *own = ctx;
	struct timespec delay = {.tv_nsec = s.delay_ns};

	if (size != sizeof(*p) || p->ring >= RINGS || atomic_exchange(&s.busy[p->ring], true))
		atomic_fetch_add(&s.wrong, 1);
	if (atomic_fetch_add(&s.next[p->ring], 1) != p->number)
		atomic_fetch_add(&s.wrong, 1);
	if (own)
		atomic_store(&s.on_thread[p->ring], own->thread);
	if (s.delay_ns)
		nanosleep(&delay, NULL);
	atomic_store(&s.busy[p->ring], false);
	return atomic_fetch_add(&s.total, 1) + 1 >= s.after && s.after ? s.verdict : 0;
}

static void start(const struct bpfring_threads_opts *opts)
{
	assert_int_equal(bpfring_threads_start(&s.t, s.c, RINGS, take, opts), 0);
}

static void wait_for(atomic_uint *what, unsigned int count)
{
	for (int i = 0; i < 60000 && atomic_load(what) < count; i++)
		usleep(1000);
	if (atomic_load(what) < count)
		fail_msg("%u of %u", atomic_load(what), count);
}

static void *produce(void *ctx)
{
	unsigned int first = (unsigned int)(uintptr_t)ctx;

	for (unsigned int n = 0; n < RECORDS; n++)
		for (unsigned int ring = first; ring < RINGS; ring += 2)
			while (!put_one(ring, n))
				usleep(50);
	return NULL;
}

static void every_record_once(void **state)
{
	(void)state;
	for (uint32_t threads = 0; threads <= 5; threads++) {
		BPFRING_OPTS(bpfring_threads_opts, opts, .threads = threads, .begin = begin,
			     .end = end, .ctx = &s);
		unsigned int expected = threads ? threads : 1, records = 0, rings = 0;
		pthread_t producers[2];

		open_rings(PAGE);
		start(&opts);
		assert_int_equal(bpfring_threads_count(s.t), expected);
		for (uintptr_t i = 0; i < 2; i++)
			assert_int_equal(pthread_create(&producers[i], NULL, produce, (void *)i),
					 0);
		for (int i = 0; i < 2; i++)
			pthread_join(producers[i], NULL);
		wait_for(&s.total, RINGS * RECORDS);
		assert_int_equal(bpfring_threads_stop(s.t), 0);
		assert_int_equal(bpfring_threads_join(s.t), 0);
		assert_int_equal(bpfring_threads_join(s.t), 0);
		for (unsigned int i = 0; i < expected; i++) {
			BPFRING_OPTS(bpfring_thread_stats, stats);

			assert_int_equal(bpfring_threads_stats(s.t, i, &stats), 0);
			records += (unsigned int)stats.records;
			rings += (unsigned int)stats.rings;
		}
		assert_int_equal(records, RINGS * RECORDS);
		assert_int_equal(rings, RINGS);
		assert_int_equal(s.wrong, 0);
		assert_int_equal(s.begun, expected);
		assert_int_equal(s.ended, expected);
		bpfring_threads_free(s.t);
		for (int i = 0; i < RINGS; i++) /* free again, and nothing left */
			assert_int_equal(bpfring_consumer_consume(s.c[i], take, NULL, NULL, NULL),
					 0);
		close_rings();
	}
}

/* Neighbours together, and every thread has some. */
static void dealt_in_order(void **state)
{
	BPFRING_OPTS(bpfring_threads_opts, opts, .threads = 3, .begin = begin, .ctx = &s,
		     .rebalance_ns = -1);

	(void)state;
	open_rings(PAGE);
	start(&opts);
	for (unsigned int i = 0; i < RINGS; i++)
		assert_true(put_one(i, 0));
	wait_for(&s.total, RINGS);
	bpfring_threads_free(s.t);
	for (int i = 1; i < RINGS; i++)
		assert_true(s.on_thread[i] == s.on_thread[i - 1] ||
			    s.on_thread[i] == s.on_thread[i - 1] + 1);
	assert_int_equal(s.on_thread[0], 1);
	assert_int_equal(s.on_thread[RINGS - 1], 3);
	close_rings();
}

static int begin_fails(void *ctx, unsigned int thread, void **ret)
{
	(void)ctx, (void)ret;
	atomic_fetch_add(&s.begun, 1);
	return thread == 1 ? -ENOTTY : 0;
}

static void none_runs_unless_all_can(void **state)
{
	BPFRING_OPTS(bpfring_threads_opts, opts, .threads = 3, .begin = begin_fails, .end = end,
		     .ctx = &s);
	struct bpfring_loop *l;

	(void)state;
	open_rings(PAGE);
	assert_true(put_one(0, 0));
	assert_int_equal(bpfring_threads_start(&s.t, s.c, RINGS, take, &opts), -ENOTTY);
	assert_int_equal(s.begun, 3);
	assert_int_equal(s.total, 0);
	assert_int_equal(bpfring_loop_new(&l, NULL), 0);
	assert_int_equal(bpfring_loop_add(l, s.c[5], take, NULL), 0);
	log_forget();
	assert_int_equal(bpfring_threads_start(&s.t, s.c, RINGS, take, NULL), -EEXIST);
	log_forget();
	assert_int_equal(s.total, 0);
	bpfring_loop_free(l);
	close_rings();
}

static void two_owners_are_refused(void **state)
{
	struct bpfring_threads *other;

	(void)state;
	open_rings(PAGE);
	start(NULL);
	assert_int_equal(bpfring_threads_start(&other, s.c + 3, 1, take, NULL), -EEXIST);
	log_forget();
	assert_int_equal(bpfring_threads_add(s.t, s.c[3]), -EEXIST);
	assert_true(put_one(3, 0));
	wait_for(&s.total, 1);
	bpfring_threads_free(s.t);
	assert_int_equal(s.wrong, 0);
	close_rings();
}

static void refuses(const struct bpfring_threads_opts *opts, int err)
{
	struct bpfring_threads *t = NULL;

	assert_int_equal(bpfring_threads_start(&t, s.c, RINGS, take, opts), err);
	assert_null(t);
	log_forget();
}

static void bad_arguments(void **state)
{
	BPFRING_OPTS(bpfring_threads_opts, flags, .flags = 1U << 31);
	BPFRING_OPTS(bpfring_threads_opts, numa, .flags = BPFRING_THREADS_NUMA);
	BPFRING_OPTS(bpfring_threads_opts, time, .rebalance_ns = -2);
	BPFRING_OPTS(bpfring_loop_opts, loop, .wait = 99);
	BPFRING_OPTS(bpfring_threads_opts, bad_loop, .loop = &loop);
	struct bpfring_threads *t;

	(void)state;
	open_rings(PAGE);
	refuses(&flags, -EINVAL);
	refuses(&numa, -EINVAL);
	refuses(&time, -EINVAL);
	refuses(&bad_loop, -EINVAL);
	assert_int_equal(bpfring_threads_start(NULL, s.c, RINGS, take, NULL), -EINVAL);
	assert_int_equal(bpfring_threads_start(&t, NULL, RINGS, take, NULL), -EINVAL);
	assert_int_equal(bpfring_threads_start(&t, s.c, 0, take, NULL), -EINVAL);
	assert_int_equal(bpfring_threads_start(&t, s.c, RINGS, NULL, NULL), -EINVAL);
	assert_int_equal(bpfring_threads_start_batch(&t, s.c, RINGS, NULL, NULL), -EINVAL);
	assert_int_equal(bpfring_threads_stop(NULL), -EINVAL);
	assert_int_equal(bpfring_threads_join(NULL), -EINVAL);
	assert_int_equal(bpfring_threads_add(NULL, s.c[0]), -EINVAL);
	assert_int_equal(bpfring_threads_remove(NULL, s.c[0]), -EINVAL);
	assert_int_equal(bpfring_threads_count(NULL), 0);
	bpfring_threads_free(NULL);
	close_rings();
}

static void a_callback_ends_all(void **state)
{
	static const int verdicts[] = {BPFRING_STOP, -EXDEV, BPFRING_KEEP};
	BPFRING_OPTS(bpfring_threads_opts, opts, .threads = 4, .end = end, .begin = begin,
		     .ctx = &s);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(verdicts); i++) {
		open_rings(PAGE);
		s.verdict = verdicts[i];
		s.after = 3;
		start(&opts);
		for (unsigned int ring = 0; ring < 3; ring++)
			assert_true(put_one(ring, 0));
		assert_int_equal(bpfring_threads_join(s.t), verdicts[i] == -EXDEV ? -EXDEV : 0);
		assert_int_equal(s.ended, 4);
		assert_int_equal(bpfring_threads_add(s.t, s.c[0]), -EEXIST);
		assert_int_equal(bpfring_threads_remove(s.t, s.c[0]), 0);
		assert_int_equal(bpfring_threads_add(s.t, s.c[0]), -ESHUTDOWN);
		bpfring_threads_free(s.t);
		close_rings();
	}
}

static int end_thread(void *ctx, const void *data, size_t size)
{
	(void)ctx, (void)data, (void)size;
	pthread_exit(NULL);
}

static void a_callback_ends_its_thread(void **state)
{
	BPFRING_OPTS(bpfring_threads_opts, opts, .threads = 2);

	(void)state;
	open_rings(PAGE);
	assert_int_equal(bpfring_threads_start(&s.t, s.c, RINGS, end_thread, &opts), 0);
	assert_true(put_one(0, 0));
	assert_int_equal(bpfring_threads_join(s.t), -ECANCELED);
	bpfring_threads_free(s.t);
	close_rings();
}

static int misuse(void *ctx, const void *data, size_t size)
{
	struct payload p = *(const struct payload *)data;
	int wrong = 0;

	(void)ctx, (void)size;
	wrong += bpfring_threads_join(s.t) != -EDEADLK;
	bpfring_threads_free(s.t);
	wrong += log_lines() != 1;
	log_forget();
	/* ring 7 belongs to the other thread, 0 is this one's own */
	wrong += bpfring_threads_remove(s.t, s.c[7]) != -EDEADLK;
	wrong += bpfring_threads_remove(s.t, s.c[p.ring]) != 0;
	wrong += bpfring_threads_remove(s.t, s.c[p.ring]) != -ENOENT;
	wrong += bpfring_threads_stop(s.t) != 0;
	atomic_fetch_add(&s.wrong, (unsigned int)wrong);
	return 0;
}

static void from_callbacks(void **state)
{
	BPFRING_OPTS(bpfring_threads_opts, opts, .threads = 2, .rebalance_ns = -1);

	(void)state;
	open_rings(PAGE);
	assert_int_equal(bpfring_threads_start(&s.t, s.c, RINGS, misuse, &opts), 0);
	assert_true(put_one(0, 0));
	assert_int_equal(bpfring_threads_join(s.t), 0);
	assert_int_equal(s.wrong, 0);
	bpfring_threads_free(s.t);
	close_rings();
}

static void on_signal(int number)
{
	(void)number;
	bpfring_threads_stop(s.t);
}

/* Signals come to the application's own threads, and may stop all. */
static void stopped_by_a_signal(void **state)
{
	struct sigaction action = {.sa_handler = on_signal}, before;

	(void)state;
	open_rings(PAGE);
	start(NULL);
	sigaction(SIGUSR1, &action, &before);
	kill(getpid(), SIGUSR1);
	assert_int_equal(bpfring_threads_join(s.t), 0);
	sigaction(SIGUSR1, &before, NULL);
	bpfring_threads_free(s.t);
	close_rings();
}

/* Rings come and go under load; none of their records is lost or handed out twice. */
static void rings_come_and_go(void **state)
{
	BPFRING_OPTS(bpfring_threads_opts, opts, .threads = 3, .rebalance_ns = 1000000);
	pthread_t producers[2];
	unsigned int turns = 0;

	(void)state;
	open_rings(PAGE);
	start(&opts);
	for (uintptr_t i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&producers[i], NULL, produce, (void *)i), 0);
	while (atomic_load(&s.total) < RINGS * RECORDS) {
		struct bpfring_consumer *c = s.c[turns % RINGS];

		assert_int_equal(bpfring_threads_remove(s.t, c), 0);
		assert_int_equal(bpfring_threads_remove(s.t, c), -ENOENT);
		if (turns % 3 == 0) /* it is ours */
			assert_true(bpfring_consumer_consume(c, take, NULL, NULL, NULL) >= 0);
		assert_int_equal(bpfring_threads_add(s.t, c), 0);
		if (turns++ % 5 == 0)
			usleep(500);
	}
	for (int i = 0; i < 2; i++)
		pthread_join(producers[i], NULL);
	assert_int_equal(s.wrong, 0);
	assert_int_equal(s.total, RINGS * RECORDS);
	bpfring_threads_free(s.t);
	print_message("%u times\n", turns);
	close_rings();
}

/* One thread has both busy rings at first. */
static void a_busy_thread_gives_rings_away(void **state)
{
	BPFRING_OPTS(bpfring_threads_opts, opts, .threads = 2, .rebalance_ns = 5000000,
		     .begin = begin, .ctx = &s);
	BPFRING_OPTS(bpfring_thread_stats, first);
	BPFRING_OPTS(bpfring_thread_stats, second);
	unsigned int numbers[2] = {0};

	(void)state;
	open_rings(PAGE);
	s.delay_ns = 200000;
	start(&opts);
	for (int i = 0; i < 30000 && !first.given; i++) {
		for (unsigned int ring = 0; ring < 2; ring++)
			while (put_one(ring, numbers[ring]))
				numbers[ring]++;
		usleep(1000);
		assert_int_equal(bpfring_threads_stats(s.t, 0, &first), 0);
	}
	assert_true(first.given > 0);
	wait_for(&s.total, numbers[0] + numbers[1]);
	assert_int_equal(bpfring_threads_stats(s.t, 1, &second), 0);
	assert_true(second.taken > 0);
	assert_int_equal(first.rings + second.rings, RINGS);
	bpfring_threads_free(s.t);
	assert_int_equal(s.wrong, 0);
	close_rings();
}

static int use_in_child(void *ctx)
{
	int wrong = 0;

	(void)ctx;
	wrong += bpfring_threads_stop(s.t) != -ECHILD;
	wrong += bpfring_threads_join(s.t) != -ECHILD;
	wrong += bpfring_threads_add(s.t, s.c[0]) != -ECHILD;
	wrong += bpfring_threads_remove(s.t, s.c[0]) != -ECHILD;
	bpfring_threads_free(s.t);
	return wrong;
}

static void in_a_forked_child(void **state)
{
	(void)state;
	open_rings(PAGE);
	start(NULL);
	assert_int_equal(in_child(use_in_child, NULL), 0);
	assert_true(put_one(2, 0));
	wait_for(&s.total, 1);
	bpfring_threads_free(s.t);
	close_rings();
}

/* Pinned to processors that there are, and to one that there is not. */
static void pinned(void **state)
{
	static const uint32_t here[RINGS] = {0},
			      nowhere[RINGS] = {4000, 4000, 4000, 4000, 4000, 4000, 4000, 4000};
	BPFRING_OPTS(bpfring_threads_opts, opts, .threads = 2,
		     .flags = BPFRING_THREADS_PIN | BPFRING_THREADS_NUMA, .cpus = here);

	(void)state;
	for (int how = 0; how < 3; how++) {
		open_rings(PAGE);
		if (how == 1)
			opts.cpus = nowhere;
		if (how == 2)
			opts = (struct bpfring_threads_opts){
				.sz = sizeof(opts), .threads = 2, .flags = BPFRING_THREADS_PIN};
		start(&opts);
		assert_true(put_one(0, 0));
		wait_for(&s.total, 1);
		if (how == 1) {
			assert_int_equal(log_lines(), 2);
			log_forget();
		}
		bpfring_threads_free(s.t);
		close_rings();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(every_record_once),
		rig_test(dealt_in_order),
		rig_test(none_runs_unless_all_can),
		rig_test(two_owners_are_refused),
		rig_test(bad_arguments),
		rig_test(a_callback_ends_all),
		rig_test(a_callback_ends_its_thread),
		rig_test(from_callbacks),
		rig_test(stopped_by_a_signal),
		rig_test(rings_come_and_go),
		rig_test(a_busy_thread_gives_rings_away),
		rig_test(in_a_forked_child),
		rig_test(pinned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
