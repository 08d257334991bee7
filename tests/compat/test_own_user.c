// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* User rings, where ours does other than libbpf: headings of docs/compat.md. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/wait.h>

#include "../kernel/producer/user.h"
#include "user.skel.h"

#include "scenario.h"

static struct api compat;
static const struct api *const api = &compat;

static struct user_bpf *load(uint32_t size, struct user_ring_buffer **ret)
{
	struct user_bpf *skel = user_bpf__open();

	assert_non_null(skel);
	bpf_map__set_max_entries(skel->maps.user, size);
	assert_int_equal(user_bpf__load(skel), 0);
	*ret = api->user_ring_buffer__new(bpf_map__fd(skel->maps.user), NULL);
	assert_non_null(*ret);
	return skel;
}

static int run(struct bpf_program *prog)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(prog), &opts), 0);
	return (int)opts.retval;
}

static void fill(struct user_ring_buffer *rb, uint32_t size)
{
	void *sample = api->user_ring_buffer__reserve(rb, size);

	assert_non_null(sample);
	*(struct user_sample *)sample = (struct user_sample){USER_THREADS, 0, 0};
	api->user_ring_buffer__submit(rb, sample);
}

/* "Waiting for space": libbpf spins while there is some space, but not enough. */
static void test_waits_asleep(void **state)
{
	struct user_ring_buffer *rb;
	struct user_bpf *skel = load(4096, &rb);
	int64_t cpu, start;

	(void)state;
	fill(rb, 3000);
	cpu = thread_cpu();
	start = monotonic();
	assert_null(api->user_ring_buffer__reserve_blocking(rb, 2000, 200));
	assert_int_equal(errno, ENOSPC);
	assert_true(monotonic() - start >= 199 * MSEC);
	assert_true(thread_cpu() - cpu < 50 * MSEC);
	api->user_ring_buffer__free(rb);
	user_bpf__destroy(skel);
}

struct drainer {
	struct bpf_program *first, *second;
	struct user_ring_buffer *rb;
};

static void *drain_twice(void *ctx)
{
	const struct drainer *d = ctx;

	usleep(50000);
	run(d->first);
	usleep(50000);
	run(d->second);
	return NULL;
}

/*
 * "Waiting for space": -1 waits until there is enough; libbpf gives up at the first wake-up
 * without.
 */
static void test_waits_for_ever(void **state)
{
	struct user_ring_buffer *rb;
	struct user_bpf *skel = load(4096, &rb);
	struct drainer d = {skel->progs.drain, skel->progs.drain, rb};
	pthread_t thread;
	void *sample;

	(void)state;
	skel->bss->stop_after = 1; /* one sample per drain */
	for (int i = 0; i < 2; i++) {
		struct user_sample *s = api->user_ring_buffer__reserve(rb, 1992);

		*s = (struct user_sample){0, 0, (unsigned long long)i};
		api->user_ring_buffer__submit(rb, s);
	}
	pthread_create(&thread, NULL, drain_twice, &d);
	sample = api->user_ring_buffer__reserve_blocking(rb, 3000, -1);
	assert_non_null(sample);
	pthread_join(thread, NULL);
	api->user_ring_buffer__discard(rb, sample);
	api->user_ring_buffer__free(rb);
	user_bpf__destroy(skel);
}

/* The same if the BPF program notifies nobody: libbpf sleeps for ever, or spins. */
static void test_silent_drain(void **state)
{
	struct user_ring_buffer *rb;
	struct user_bpf *skel = load(4096, &rb);
	struct drainer d = {skel->progs.drain_silently, skel->progs.drain_silently, rb};
	pthread_t thread;
	void *sample;

	(void)state;
	fill(rb, 4088);
	pthread_create(&thread, NULL, drain_twice, &d);
	sample =
		api->user_ring_buffer__reserve_blocking(rb, 3000, (int)(limit(5000 * MSEC) / MSEC));
	assert_non_null(sample);
	pthread_join(thread, NULL);
	api->user_ring_buffer__discard(rb, sample);
	api->user_ring_buffer__free(rb);
	user_bpf__destroy(skel);
}

/* "Samples of 2^24 bytes": libbpf accepts them, and the kernel can never pass them. */
static void test_largest_sample(void **state)
{
	struct user_ring_buffer *rb;
	struct user_bpf *skel = load(64 << 20, &rb);
	void *sample;

	(void)state;
	assert_null(api->user_ring_buffer__reserve(rb, 1 << 24));
	assert_int_equal(errno, E2BIG);
	sample = api->user_ring_buffer__reserve(rb, (1 << 24) - 1);
	assert_non_null(sample);
	api->user_ring_buffer__submit(rb, sample);
	assert_int_equal(run(skel->progs.drain_any), 1);
	api->user_ring_buffer__free(rb);
	user_bpf__destroy(skel);
}

/* "Producers that die": what they had reserved blocks nothing. */
static void test_dead_producer(void **state)
{
	struct user_bpf *skel = user_bpf__open_and_load();
	struct user_ring_buffer *rb;
	int status;
	pid_t pid;

	(void)state;
	assert_non_null(skel);
	pid = fork();
	if (!pid) {
		rb = api->user_ring_buffer__new(bpf_map__fd(skel->maps.user), NULL);
		_exit(!api->user_ring_buffer__reserve(rb, 16));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	rb = api->user_ring_buffer__new(bpf_map__fd(skel->maps.user), NULL);
	fill(rb, 16);
	assert_int_equal(run(skel->progs.drain), 1);
	api->user_ring_buffer__free(rb);
	user_bpf__destroy(skel);
}

/* "Pointers that are no samples": refused, where libbpf writes to them. */
static void test_foreign_pointers(void **state)
{
	struct user_ring_buffer *rb;
	struct user_bpf *skel = load(4096, &rb);
	void *sample = api->user_ring_buffer__reserve(rb, 16);
	uint64_t mine[4] = {1, 2, 3, 4};

	(void)state;
	*(struct user_sample *)sample = (struct user_sample){USER_THREADS, 0, 0};
	api->user_ring_buffer__submit(rb, &mine[1]);
	api->user_ring_buffer__discard(rb, (char *)sample + 8);
	assert_int_equal(mine[0], 1);
	api->user_ring_buffer__submit(rb, sample);
	api->user_ring_buffer__discard(rb, sample);
	assert_int_equal(run(skel->progs.drain), 1);
	api->user_ring_buffer__free(rb);
	user_bpf__destroy(skel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_waits_asleep),  cmocka_unit_test(test_waits_for_ever),
		cmocka_unit_test(test_silent_drain),  cmocka_unit_test(test_largest_sample),
		cmocka_unit_test(test_dead_producer), cmocka_unit_test(test_foreign_pointers),
	};
	struct user_bpf *skel;
	const char *why;

	catch_logs();
	skel = user_bpf__open_and_load();
	why = skel ? api_open_compat(&compat) : "this kernel or user cannot drain user rings";
	user_bpf__destroy(skel);
	if (why) {
		print_message("skipped: %s\n", why);
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
