// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Taps on real rings, beside consumers of both libraries, on rings that overwrite their oldest
 * records, and under a writer at full speed.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <bpfring/bpfring.h>
#include <bpfring/tap.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "recorder.h"
#include "recorder.skel.h"
#include "support.h"

#define OVERWRITE (1U << 19) /* BPF_F_RB_OVERWRITE, Linux 6.19 */
#define NO_WAKEUP 1U

static struct recorder_bpf *skel;
static int map_fd;

static bool try_load(uint32_t size, uint32_t flags)
{
	skel = recorder_bpf__open();
	if (!skel || bpf_map__set_max_entries(skel->maps.records, size) ||
	    bpf_map__set_map_flags(skel->maps.records, flags) || recorder_bpf__load(skel))
		return false;
	map_fd = bpf_map__fd(skel->maps.records);
	return true;
}

static void load(uint32_t size, uint32_t flags)
{
	assert_true(try_load(size, flags));
}

static void unload(void)
{
	recorder_bpf__destroy(skel);
	skel = NULL;
}

static bool has_overwrite(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = OVERWRITE);
	int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "try", 0, 0, 65536, &opts);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* How many of them got in. */
static unsigned int put(uint64_t number, unsigned int count, uint64_t flags)
{
	uint64_t args[ARGS] = {[ARG_NUMBER] = number, [ARG_COUNT] = count, [ARG_FLAGS] = flags};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = args, .ctx_size_in = sizeof(args));
	int err;

	do
		err = bpf_prog_test_run_opts(bpf_program__fd(skel->progs.record), &opts);
	while (err == -EINTR || err == -EAGAIN);
	if (err)
		abort();
	return opts.retval;
}

static void put_all(uint64_t number, unsigned int count)
{
	while (count) {
		unsigned int n = count < MOST_RECORDS ? count : MOST_RECORDS;

		assert_int_equal(put(number, n, NO_WAKEUP), n);
		number += n;
		count -= n;
	}
}

static uint64_t total_of(uint64_t number)
{
	return 8 + (IS_LARGE(number) ? sizeof(struct large) : sizeof(struct small));
}

static bool is_whole(const void *data, size_t size)
{
	const struct small *r = data;
	const unsigned int words = IS_LARGE(r->number) ? LARGE_WORDS : SMALL_WORDS;

	if (size != total_of(r->number) - 8 || IS_DISCARDED(r->number))
		return false;
	for (unsigned int i = 0; i < words; i++)
		if (((const uint64_t *)data)[1 + i] != CHECK(r->number, i))
			return false;
	return true;
}

/* What a tap or a consumer has had. */
struct had {
	uint64_t next; /* number */
	uint64_t pos;  /* of that record, for taps */
	uint64_t records;
	uint64_t torn;
	bool begun;
};

static int on_copy(void *ctx, const struct bpfring_tap_record *record)
{
	struct had *had = ctx;
	const struct small *r = record->data;

	if (record->size < sizeof(*r) || !is_whole(r, record->size) ||
	    (had->begun && r->number < had->next)) {
		had->torn++;
		return -EIO;
	}
	if (!had->begun) {
		had->begun = true;
		had->next = r->number;
		had->pos = record->pos;
	}
	for (; had->next < r->number; had->next++)
		had->pos += total_of(had->next);
	if (record->pos != had->pos) { /* the gap is not what it says */
		had->torn++;
		return -ERANGE;
	}
	had->pos += total_of(had->next++);
	had->records++;
	return 0;
}

static int on_record(void *ctx, void *data, size_t size)
{
	struct had *had = ctx;
	const struct small *r = data;

	while (IS_DISCARDED(had->next))
		had->next++;
	if (!is_whole(data, size) || r->number != had->next)
		had->torn++;
	had->next = r->number + 1;
	had->records++;
	return 0;
}

static int on_our_record(void *ctx, const void *data, size_t size)
{
	return on_record(ctx, (void *)(uintptr_t)data, size);
}

static struct bpfring_tap_stats stats_of(const struct bpfring_tap *t)
{
	BPFRING_OPTS(bpfring_tap_stats, stats);

	assert_int_equal(bpfring_tap_stats(t, &stats), 0);
	assert_int_equal(stats.pos - stats.start_pos,
			 stats.bytes + stats.discarded_bytes + stats.missed);
	return stats;
}

static uint64_t committed(uint64_t count) /* of the first records those not discarded */
{
	uint64_t n = 0;

	for (uint64_t number = 0; number < count; number++)
		n += !IS_DISCARDED(number);
	return n;
}

static struct bpf_map_info map_info(void)
{
	struct bpf_map_info info = {0};
	__u32 size = sizeof(info);

	assert_int_equal(bpf_obj_get_info_by_fd(map_fd, &info, &size), 0);
	return info;
}

static void by_descriptor_pin_and_id(void **state)
{
	const char *reason = own_bpffs();
	struct had had[3] = {0};
	struct bpfring_tap *t[3];

	(void)state;
	load(65536, 0);
	put_all(0, 100);
	assert_int_equal(bpfring_tap_open(&t[0], map_fd, NULL), 0);
	assert_int_equal(bpfring_tap_open_id(&t[1], map_info().id, NULL), 0);
	if (reason) {
		print_message("no pin: %s\n", reason);
		assert_int_equal(bpfring_tap_open(&t[2], map_fd, NULL), 0);
	} else {
		assert_int_equal(bpf_obj_pin(map_fd, BPFFS "/tapped"), 0);
		assert_int_equal(bpfring_tap_open_pinned(&t[2], BPFFS "/tapped", NULL), 0);
		assert_int_equal(unlink(BPFFS "/tapped"), 0);
	}
	for (int i = 0; i < 3; i++) {
		assert_int_equal(bpfring_tap_read(t[i], on_copy, &had[i], NULL, NULL),
				 committed(100));
		assert_string_equal(stats_of(t[i]).map_name, "records");
		assert_int_equal(stats_of(t[i]).map_id, map_info().id);
	}
	/* the map goes; what it held does not, as long as there is a tap */
	put_all(100, 50);
	unload();
	for (int i = 0; i < 3; i++) {
		assert_int_equal(bpfring_tap_read(t[i], on_copy, &had[i], NULL, NULL),
				 committed(150) - committed(100));
		assert_int_equal(bpfring_tap_read(t[i], on_copy, &had[i], NULL, NULL), 0);
		bpfring_tap_close(t[i]);
	}
}

static void read_only_descriptor(void **state)
{
	LIBBPF_OPTS(bpf_get_fd_by_id_opts, opts, .open_flags = BPF_F_RDONLY);
	struct bpfring_tap *t;
	int fd;

	(void)state;
	load(4096, 0);
	fd = bpf_map_get_fd_by_id_opts(map_info().id, &opts);
	assert_true(fd >= 0);
	log_forget();
	assert_int_equal(bpfring_tap_open(&t, fd, NULL), -EACCES);
	assert_non_null(strstr(log_text(), "read-only or write-only"));
	log_forget();
	close(fd);
	unload();
}

/* A writer that keeps to the ring's space, and one that need not. */
static struct writer {
	pthread_t thread;
	atomic_bool stop;
	_Atomic uint64_t next;
	unsigned int batch;
	unsigned int pause_us;
} writer;

static void *write_records(void *ctx)
{
	(void)ctx;
	while (!atomic_load(&writer.stop)) {
		uint64_t next = atomic_load(&writer.next);

		next += put(next, writer.batch, writer.pause_us ? 0 : NO_WAKEUP);
		atomic_store(&writer.next, next);
		if (writer.pause_us)
			usleep(writer.pause_us);
	}
	return NULL;
}

static void writer_start(unsigned int batch, unsigned int pause_us)
{
	memset(&writer, 0, sizeof(writer));
	writer.batch = batch;
	writer.pause_us = pause_us;
	assert_int_equal(pthread_create(&writer.thread, NULL, write_records, NULL), 0);
}

static void writer_stop(void)
{
	atomic_store(&writer.stop, true);
	pthread_join(writer.thread, NULL);
}

static struct tapping {
	struct bpfring_tap *t;
	struct had had;
	pthread_t thread;
	int result;
} tapping;

static void *run_tap(void *ctx)
{
	(void)ctx;
	tapping.result = bpfring_tap_run(tapping.t, on_copy, &tapping.had);
	return NULL;
}

static void tapping_start(void)
{
	BPFRING_OPTS(bpfring_tap_opts, opts, .cpu_permille = 500);

	memset(&tapping, 0, sizeof(tapping));
	assert_int_equal(bpfring_tap_open(&tapping.t, map_fd, &opts), 0);
	assert_int_equal(pthread_create(&tapping.thread, NULL, run_tap, NULL), 0);
}

/* What is still there is seen too, and together with what it missed that is everything. */
static void tapping_stop(void)
{
	struct bpfring_tap_stats stats;

	assert_int_equal(bpfring_tap_stop(tapping.t), 0);
	pthread_join(tapping.thread, NULL);
	assert_int_equal(tapping.result, 0);
	assert_true(bpfring_tap_read(tapping.t, on_copy, &tapping.had, NULL, NULL) >= 0);
	assert_int_equal(tapping.had.torn, 0);
	stats = stats_of(tapping.t);
	print_message("the tap has %llu of %llu records, missed %llu bytes, %llu looks, %llu us\n",
		      (unsigned long long)stats.records,
		      (unsigned long long)committed(atomic_load(&writer.next)),
		      (unsigned long long)stats.missed, (unsigned long long)stats.looks,
		      (unsigned long long)stats.cpu_ns / 1000);
	assert_int_equal(stats.pos, stats.prod_pos);
	assert_true(stats.missed || stats.records == committed(atomic_load(&writer.next)));
	bpfring_tap_close(tapping.t);
}

static void beside_our_consumer(void **state)
{
	struct had had = {0};
	struct bpfring_consumer *c;
	struct bpfring_loop *l;
	uint64_t until;

	(void)state;
	load(65536, 0);
	assert_int_equal(bpfring_consumer_open(&c, map_fd, NULL), 0);
	assert_int_equal(bpfring_loop_new(&l, NULL), 0);
	assert_int_equal(bpfring_loop_add(l, c, on_our_record, &had), 0);
	tapping_start();
	writer_start(20, 200);
	until = 20000 / (uint64_t)slowness();
	while (had.records < until)
		assert_true(bpfring_loop_poll(l, 100 * MSEC) >= 0);
	writer_stop();
	bpfring_loop_wakeup(l);
	assert_true(bpfring_loop_poll(l, 0) >= 0);
	assert_int_equal(had.torn, 0);
	assert_int_equal(had.records, committed(atomic_load(&writer.next)));
	tapping_stop();
	bpfring_loop_free(l);
	bpfring_consumer_close(c);
	unload();
}

static void beside_libbpf(void **state)
{
	struct had had = {0};
	struct ring_buffer *rb;
	uint64_t until;

	(void)state;
	load(65536, 0);
	rb = ring_buffer__new(map_fd, on_record, &had, NULL);
	assert_non_null(rb);
	tapping_start();
	writer_start(20, 200);
	until = 20000 / (uint64_t)slowness();
	while (had.records < until)
		assert_true(ring_buffer__poll(rb, 100) >= 0);
	writer_stop();
	assert_true(ring_buffer__consume(rb) >= 0);
	assert_int_equal(had.torn, 0);
	assert_int_equal(had.records, committed(atomic_load(&writer.next)));
	tapping_stop();
	ring_buffer__free(rb);
	unload();
}

static void *consume_all(void *ctx)
{
	struct had had = {0};

	while (!atomic_load(&writer.stop))
		bpfring_consumer_consume(ctx, on_our_record, &had, NULL, NULL);
	bpfring_consumer_consume(ctx, on_our_record, &had, NULL, NULL);
	return (void *)(uintptr_t)had.torn;
}

/* At full speed, with all who take part on few processors. */
static void at_full_speed(size_t size, uint32_t flags)
{
	struct bpfring_consumer *c = NULL;
	struct had had = {0};
	struct bpfring_tap_stats stats;
	struct bpfring_tap *t;
	pthread_t consumer;
	void *torn = NULL;
	int got = 0;

	load((uint32_t)size, flags);
	assert_int_equal(bpfring_tap_open(&t, map_fd, NULL), 0);
	if (!flags)
		assert_int_equal(bpfring_consumer_open(&c, map_fd, NULL), 0);
	writer_start(MOST_RECORDS, 0);
	if (c)
		assert_int_equal(pthread_create(&consumer, NULL, consume_all, c), 0);
	while (had.records < 200000 / (uint64_t)slowness() && got >= 0) {
		got = bpfring_tap_read(t, on_copy, &had, NULL, NULL);
		if (!got)
			sched_yield();
	}
	writer_stop();
	if (c)
		pthread_join(consumer, &torn);
	assert_null(torn);
	assert_int_equal(got < 0 ? got : 0, 0);
	assert_int_equal(had.torn, 0);
	stats = stats_of(t);
	print_message("%zu bytes: %llu records, %llu overruns, missed %llu bytes of %llu\n", size,
		      (unsigned long long)stats.records, (unsigned long long)stats.overruns,
		      (unsigned long long)stats.missed,
		      (unsigned long long)(stats.pos - stats.start_pos));
	bpfring_tap_close(t);
	bpfring_consumer_close(c);
	unload();
}

static void full_speed(void **state)
{
	(void)state;
	at_full_speed(16384, 0);
	at_full_speed(1 << 20, 0);
}

static void overwrite_full_speed(void **state)
{
	(void)state;
	if (!has_overwrite())
		skip_because("this kernel has no overwrite mode (Linux 6.19)");
	at_full_speed(16384, OVERWRITE);
	at_full_speed(1 << 20, OVERWRITE);
}

/* What is left of so many records, of the last bytes of the ring. */
static uint64_t left_of(uint64_t count, uint64_t size)
{
	uint64_t bytes = 0, left = 0;

	while (bytes + total_of(count - 1 - left) <= size - 8) {
		bytes += total_of(count - 1 - left);
		left++;
	}
	return left;
}

static void overwrite_snapshot(void **state)
{
	const unsigned int wraps = 100 * 16384 / 60;
	struct bpfring_consumer *c;
	struct had had = {0};
	struct bpfring_tap *t;
	uint64_t left, missed;

	(void)state;
	if (!has_overwrite())
		skip_because("this kernel has no overwrite mode (Linux 6.19)");
	load(16384, OVERWRITE);
	log_forget();
	assert_int_equal(bpfring_consumer_open(&c, map_fd, NULL), -EOPNOTSUPP);
	assert_non_null(strstr(log_text(), "bpfring_tap_open()"));
	log_forget();
	put_all(0, wraps);
	left = left_of(wraps, 16384);
	assert_int_equal(bpfring_tap_open(&t, map_fd, NULL), 0);
	assert_int_equal(bpfring_tap_read(t, on_copy, &had, NULL, NULL),
			 committed(wraps) - committed(wraps - left));
	assert_int_equal(stats_of(t).missed, 0);
	assert_int_equal(stats_of(t).map_flags & OVERWRITE, OVERWRITE);
	/* following */
	put_all(wraps, 100);
	assert_int_equal(bpfring_tap_read(t, on_copy, &had, NULL, NULL),
			 committed(wraps + 100) - committed(wraps));
	/* too slow: from the oldest that is left */
	put_all(wraps + 100, 1000);
	left = left_of(wraps + 1100, 16384);
	assert_int_equal(bpfring_tap_read(t, on_copy, &had, NULL, NULL),
			 committed(wraps + 1100) - committed(wraps + 1100 - left));
	missed = 0;
	for (uint64_t n = wraps + 100; n < wraps + 1100 - left; n++)
		missed += total_of(n);
	assert_int_equal(stats_of(t).missed, missed);
	bpfring_tap_close(t);
	unload();
}

static void *run_recorder(void *ctx)
{
	return (void *)(intptr_t)bpfring_tap_run(ctx, NULL, NULL);
}

/* The same program, whether the kernel overwrites or the tap makes room. */
static void record(uint32_t flags)
{
	BPFRING_OPTS(bpfring_tap_opts, opts, .flags = BPFRING_TAP_RECORDER, .cpu_permille = 500);
	const uint64_t until = 20000 / (uint64_t)slowness();
	struct had had = {0};
	struct bpfring_tap *t;
	pthread_t thread;
	void *result;
	int got;

	load(16384, flags);
	assert_int_equal(bpfring_tap_open(&t, map_fd, &opts), 0);
	assert_int_equal(pthread_create(&thread, NULL, run_recorder, t), 0);
	writer_start(20, 200);
	while (atomic_load(&writer.next) < until)
		usleep(1000);
	writer_stop();
	assert_int_equal(bpfring_tap_stop(t), 0);
	pthread_join(thread, &result);
	assert_null(result);
	assert_int_equal(bpfring_tap_seek(t, BPFRING_TAP_OLDEST), 0);
	got = bpfring_tap_read(t, on_copy, &had, NULL, NULL);
	print_message("the picture has the last %d of %llu records\n", got,
		      (unsigned long long)committed(atomic_load(&writer.next)));
	assert_int_equal(had.torn, 0);
	/* at least half of the ring, up to the last record, without a gap */
	assert_true(got * (int)sizeof(struct large) > 16384 / 4);
	while (IS_DISCARDED(had.next))
		had.next++;
	assert_true(had.next >= atomic_load(&writer.next));
	assert_int_equal(stats_of(t).missed, 0);
	bpfring_tap_close(t);
	unload();
}

static void recorder(void **state)
{
	(void)state;
	record(0);
	if (has_overwrite())
		record(OVERWRITE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_descriptor_pin_and_id),
		cmocka_unit_test(read_only_descriptor),
		cmocka_unit_test(beside_our_consumer),
		cmocka_unit_test(beside_libbpf),
		cmocka_unit_test(full_speed),
		cmocka_unit_test(recorder),
		cmocka_unit_test(overwrite_snapshot),
		cmocka_unit_test(overwrite_full_speed),
	};
	const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};

	catch_logs();
	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	if (!try_load(65536, 0)) {
		printf("skipped: this kernel or this user cannot load BPF programs\n");
		return 77;
	}
	unload();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
