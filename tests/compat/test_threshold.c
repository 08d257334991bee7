// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * BPF programs that notify when enough is waiting (BPF_RB_AVAIL_DATA), as wprof's: nothing is lost,
 * what was notified of is handed out, and a poll that sleeps is woken, with libbpf and with ours.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../kernel/support.h"
#include "api.h"
#include "threshold.h"
#include "threshold.skel.h"

#define RING_SIZE 1048576 /* all records of a run fit, however late the consumer is */

static const uint64_t thresholds[] = {1024, 8192, 65536, RING_SIZE / 4};

static struct api libbpf, compat;

struct rig {
	struct threshold_bpf *skel;
	struct ring_buffer *rb;
	uint64_t next;
	uint64_t wrong;
	atomic_bool done;
	uint64_t polls;
};

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int take(void *ctx, void *data, size_t size)
{
	struct rig *rig = ctx;
	const struct sample *s = data;

	rig->wrong += size != sizeof(*s) || s->number != rig->next;
	rig->next++;
	return 0;
}

/* How many notifications were forced so far. */
static int put(const struct rig *rig, uint64_t count)
{
	uint64_t args[1] = {count};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = args, .ctx_size_in = sizeof(args));
	int err;

	do
		err = bpf_prog_test_run_opts(bpf_program__fd(rig->skel->progs.put), &opts);
	while (err == -EINTR || err == -EAGAIN);
	if (err)
		abort();
	return (int)opts.retval;
}

static void rig_open(struct rig *rig, const struct api *api, uint64_t threshold, int way)
{
	memset(rig, 0, sizeof(*rig));
	rig->skel = threshold_bpf__open_and_load();
	assert_non_null(rig->skel);
	rig->skel->bss->threshold = threshold;
	rig->skel->bss->way = way;
	rig->rb = api->ring_buffer__new(bpf_map__fd(rig->skel->maps.ring), take, rig, NULL);
	assert_non_null(rig->rb);
}

static void rig_close(struct rig *rig, const struct api *api)
{
	api->ring_buffer__free(rig->rb);
	threshold_bpf__destroy(rig->skel);
}

/* Bursts of 1 to 60 records for a while; the last one is notified of. */
static void *produce(void *ctx)
{
	struct rig *rig = ctx;

	for (unsigned int i = 0; i < 400; i++) {
		put(rig, 1 + i * 7 % 60);
		if (i % 4 == 0)
			usleep(300);
	}
	rig->skel->bss->threshold = 0;
	put(rig, 1);
	rig->done = true;
	return NULL;
}

static void flows(const struct api *api, uint64_t threshold, int way)
{
	int64_t end = now() + limit(20000 * MSEC);
	pthread_t thread;
	struct rig rig;

	rig_open(&rig, api, threshold, way);
	pthread_create(&thread, NULL, produce, &rig);
	while ((!rig.done || rig.next < rig.skel->bss->number) && now() < end) {
		int n = api->ring_buffer__poll(rig.rb, 1000);

		assert_true(n >= 0);
		rig.polls++;
	}
	pthread_join(thread, NULL);
	print_message("%s, threshold %llu, asks %s: %llu records, %llu forced, %llu polls\n",
		      api == &compat ? "ours" : "libbpf", (unsigned long long)threshold,
		      way == ASK_BEFORE_RESERVE ? "before it reserves" : "before it submits",
		      (unsigned long long)rig.next, (unsigned long long)rig.skel->bss->forced,
		      (unsigned long long)rig.polls);
	assert_int_equal(rig.next, rig.skel->bss->number);
	assert_int_equal(rig.wrong, 0);
	assert_int_equal(rig.skel->bss->dropped, 0);
	rig_close(&rig, api);
}

static void test_flows(void **state)
{
	(void)state;
	for (int way = 0; way < ASK_WAYS; way++) {
		for (size_t i = 0; i < ARRAY_SIZE(thresholds); i++) {
			flows(&libbpf, thresholds[i], way);
			flows(&compat, thresholds[i], way);
		}
	}
}

struct sleeper {
	struct rig *rig;
	const struct api *api;
	int result;
};

static void *poll_once(void *ctx)
{
	struct sleeper *s = ctx;

	s->result = s->api->ring_buffer__poll(s->rig->rb, (int)(limit(5000 * MSEC) / MSEC));
	return NULL;
}

/*
 * A poll that sleeps while records trickle in below the threshold returns once it is crossed, with
 * all of them. Or, while ours waits in windows, sooner; then another poll gets the rest.
 */
static void wakes(const struct api *api, uint64_t threshold, int way)
{
	struct rig rig;

	rig_open(&rig, api, threshold, way);
	for (int round = 0; round < 6; round++) {
		struct sleeper s = {&rig, api, 0};
		pthread_t thread;
		int before, after;

		pthread_create(&thread, NULL, poll_once, &s);
		if (round % 2)
			usleep(2000); /* it sleeps; else records come before */
		before = put(&rig, 0);
		do
			after = put(&rig, 1);
		while (after == before && rig.skel->bss->number < 100000);
		pthread_join(thread, NULL);
		assert_true(s.result > 0);
		while (rig.next < rig.skel->bss->number)
			assert_true(api->ring_buffer__poll(rig.rb,
							   (int)(limit(2000 * MSEC) / MSEC)) > 0);
		assert_int_equal(api->ring_buffer__poll(rig.rb, round % 3), 0);
	}
	assert_int_equal(rig.wrong, 0);
	assert_int_equal(rig.skel->bss->dropped, 0);
	rig_close(&rig, api);
}

static void test_wakes(void **state)
{
	(void)state;
	for (int way = 0; way < ASK_WAYS; way++) {
		for (size_t i = 0; i < ARRAY_SIZE(thresholds); i++) {
			wakes(&libbpf, thresholds[i], way);
			wakes(&compat, thresholds[i], way);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wakes),
		cmocka_unit_test(test_flows),
	};
	struct threshold_bpf *skel;
	const char *why;

	catch_logs();
	skel = threshold_bpf__open_and_load();
	why = skel ? api_open_libbpf(&libbpf) : "this kernel or user cannot load the BPF program";
	threshold_bpf__destroy(skel);
	if (!why)
		why = api_open_compat(&compat);
	if (why) {
		print_message("skipped: %s\n", why);
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
