// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Streams: what one thread writes another one merges; also for ThreadSanitizer. */
#include <pthread.h>
#include <sched.h>

#include "merge_rig.h"

#define THREADS 3
#define RECORDS 60000

static struct scene *numbered(void)
{
	BPFRING_OPTS(bpfring_merge_opts, opts, .max_lateness_ns = -1, .clock = BPFRING_KEY_NUMBER);

	return scene_new(0, &opts, 4096);
}

static int push(struct bpfring_stream *stream, uint64_t key, size_t size)
{
	uint8_t payload[256] = {0};
	struct entry e = {key, 0, 0};

	memcpy(payload, &e, sizeof(e));
	return bpfring_stream_push(stream, payload, size);
}

static void sizes(void **state)
{
	struct bpfring_stream *stream;

	(void)state;
	assert_int_equal(bpfring_stream_new(&stream, 0), -EINVAL);
	assert_logged("power of two");
	assert_int_equal(bpfring_stream_new(&stream, 32), -EINVAL);
	assert_logged("power of two");
	assert_int_equal(bpfring_stream_new(&stream, 192), -EINVAL);
	assert_logged("power of two");
	assert_int_equal(bpfring_stream_new(NULL, 64), -EINVAL);
	assert_int_equal(bpfring_stream_new(&stream, 64), 0);
	assert_int_equal(bpfring_stream_push(stream, "", 25), -E2BIG);
	assert_int_equal(bpfring_stream_push(NULL, "", 0), -EINVAL);
	assert_int_equal(push(stream, 1, 24), 1);
	assert_int_equal(push(stream, 2, 24), 0);
	assert_int_equal(push(stream, 3, 0), -EAGAIN);
	bpfring_stream_free(stream);
	bpfring_stream_free(NULL);
}

/* Records of all sizes, over the end of the memory again and again; the waking is asked for. */
static void over_the_end(void **state)
{
	struct scene *s = numbered();
	struct bpfring_stream *stream;
	unsigned int seed = 5;
	uint64_t next = 0;

	(void)state;
	assert_int_equal(bpfring_stream_new(&stream, 512), 0);
	assert_int_equal(bpfring_merge_add_stream(s->m, stream), 0);
	assert_int_equal(bpfring_merge_add_stream(s->m, stream), -EEXIST);
	assert_logged("in a merge already");
	for (unsigned int round = 0; round < 3000; round++) {
		unsigned int pushed = 0, most = (unsigned int)rand_r(&seed) % 20;
		const uint64_t from = next;
		int ret = 0;

		while (pushed < most && ret != -EAGAIN) {
			ret = push(stream, next, 16 + (unsigned int)rand_r(&seed) % 233);
			assert_true(ret == (pushed ? 0 : 1) || ret == -EAGAIN);
			if (ret >= 0)
				next++, pushed++;
		}
		assert_int_equal(consume(s, round % 2), BPFRING_END_DRAINED);
		assert_int_equal(s->count, pushed);
		for (unsigned int i = 0; i < pushed; i++)
			assert_int_equal(s->seen[i].key, from + i);
		s->count = 0;
	}
	bpfring_stream_free(stream);
	assert_int_equal(merge_stats(s->m).sources, 0);
	scene_free(s);
}

/* Streams and rings in one merge. */
static void beside_rings(void **state)
{
	BPFRING_OPTS(bpfring_merge_opts, opts, .max_lateness_ns = MSEC,
		     .clock = BPFRING_KEY_NUMBER);
	struct bpfring_stream *stream;
	struct scene *s;

	(void)state;
	sim_clock_start(1);
	s = scene_new(2, &opts, 4096);
	assert_int_equal(bpfring_stream_new(&stream, 4096), 0);
	assert_int_equal(bpfring_merge_add_stream(s->m, stream), 0);
	put_key(s, 0, 1);
	put_key(s, 1, 3);
	put_key(s, 0, 4);
	assert_int_equal(consume(s, false), BPFRING_END_HELD); /* by the stream */
	assert_nothing_seen(s);
	assert_int_equal(push(stream, 2, 16), 1);
	assert_int_equal(push(stream, 5, 16), 0);
	assert_int_equal(consume(s, false), BPFRING_END_HELD);
	assert_seen(s, 1, 2, 3);
	assert_int_equal(bpfring_merge_remove_stream(s->m, stream), 0);
	assert_int_equal(bpfring_merge_remove_stream(s->m, stream), -ENOENT);
	assert_logged("not in this merge");
	bpfring_merge_flush(s->m);
	assert_int_equal(consume(s, false), BPFRING_END_DRAINED);
	assert_seen(s, 4);
	bpfring_stream_free(stream);
	scene_free(s);
}

struct writer {
	struct bpfring_stream *stream;
	struct bpfring_loop *loop;
	uint64_t *clock;
	unsigned int records, wakes;
	pthread_t thread;
};

static void *write_all(void *arg)
{
	struct writer *w = arg;
	unsigned int seed = (unsigned int)(uintptr_t)arg;

	for (unsigned int i = 0; i < w->records;) {
		struct entry e = {__atomic_fetch_add(w->clock, 1, __ATOMIC_RELAXED), 0, i};
		int ret;

		while ((ret = bpfring_stream_push(w->stream, &e, sizeof(e))) == -EAGAIN)
			sched_yield();
		if (ret < 0)
			return arg;
		if (ret == 1) {
			w->wakes++;
			bpfring_loop_wakeup(w->loop);
		}
		i++;
		if (rand_r(&seed) % 64 == 0) /* so that the reader comes to sleep */
			sched_yield();
	}
	return NULL;
}

struct count {
	unsigned int records;
	uint64_t sum;
};

static int count_merged(void *ctx, const struct bpfring_merged *records, unsigned int n)
{
	struct count *count = ctx;

	for (unsigned int i = 0; i < n; i++) {
		struct entry e;

		assert_non_null(records[i].stream);
		assert_null(records[i].consumer);
		memcpy(&e, records[i].record.data, sizeof(e));
		count->records++;
		count->sum += e.key;
	}
	return 0;
}

/* Threads write, the loop sleeps with no time-out: whoever is not woken sleeps for ever. */
static void from_threads(void **state)
{
	BPFRING_OPTS(bpfring_merge_opts, opts, .max_lateness_ns = -1, .clock = BPFRING_KEY_NUMBER);
	struct writer writers[THREADS];
	struct count count = {0};
	uint64_t clock = 0, total = (uint64_t)THREADS * RECORDS;
	struct bpfring_merge *m;
	struct bpfring_loop *l;

	(void)state;
	assert_int_equal(bpfring_merge_new(&m, &opts), 0);
	assert_int_equal(bpfring_loop_new(&l, NULL), 0);
	assert_int_equal(bpfring_loop_add_merge_batch(l, m, count_merged, &count), 0);
	for (int i = 0; i < THREADS; i++) {
		writers[i] = (struct writer){.loop = l, .clock = &clock, .records = RECORDS};
		assert_int_equal(bpfring_stream_new(&writers[i].stream, 8192), 0);
		assert_int_equal(bpfring_merge_add_stream(m, writers[i].stream), 0);
	}
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&writers[i].thread, NULL, write_all, &writers[i]),
				 0);
	while (count.records < total)
		assert_true(bpfring_loop_poll(l, -1) >= 0);
	for (int i = 0; i < THREADS; i++) {
		void *failed;

		pthread_join(writers[i].thread, &failed);
		assert_null(failed);
	}
	assert_int_equal(count.sum, total * (total - 1) / 2);
	bpfring_merge_free(m);
	for (int i = 0; i < THREADS; i++)
		bpfring_stream_free(writers[i].stream);
	bpfring_loop_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(sizes),
		rig_test(over_the_end),
		rig_test(beside_rings),
		rig_test(from_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
