/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * roundtrip: a question through the user ring, the BPF program that drains it, its answer through a
 * kernel ring: from reserve to the consumer's callback. producer-blocking: what a reserve costs
 * that waits for space in a ring with some space, but not enough.
 */
#include "clock.h"
#include "stat.h"
#include "user.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <bpfring/consumer.h>
#include <errno.h>
#include <stdlib.h>

#include "user.skel.h"

#define MAX_TRIPS 2000000U

static int64_t answered_at;

static int on_answer(void *ctx, const void *data, size_t size)
{
	(void)ctx, (void)data, (void)size;
	answered_at = now_ns();
	return 0;
}

static int on_answer_libbpf(void *ctx, void *data, size_t size)
{
	return on_answer(ctx, data, size);
}

struct answers {
	struct ring_buffer *libbpf;
	struct bpfring_consumer *bpfring;
};

static int answers_open(struct answers *a, const struct user *u)
{
	int fd = bpf_map__fd(u->skel->maps.answers);
	int err;

	*a = (struct answers){0};
	if (user_is_libbpf(u)) {
		a->libbpf = ring_buffer__new(fd, on_answer_libbpf, NULL, NULL);
		return a->libbpf ? 0 : -errno;
	}
	err = bpfring_consumer_open(&a->bpfring, fd, NULL);
	if (!err) /* it takes the answer as soon as the program returns: nobody has to notify it */
		bpfring_ring_set_quiet(bpfring_consumer_ring(a->bpfring), 1);
	return err;
}

static int answers_take(const struct answers *a)
{
	if (a->libbpf)
		return ring_buffer__consume(a->libbpf);
	return bpfring_consumer_consume(a->bpfring, on_answer, NULL, NULL, NULL);
}

static int trip(const struct user *u, const struct answers *a, uint32_t *ret)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	int64_t start = now_ns();
	int n;

	if (user_fill(u, 8, 1, 1) != 1)
		return -ENOSPC;
	if (bpf_prog_test_run_opts(bpf_program__fd(u->skel->progs.answer), &opts))
		return -errno;
	n = answers_take(a);
	*ret = (uint32_t)(answered_at - start);
	return n == 1 ? 0 : n < 0 ? n : -EBADMSG;
}

static int measure_roundtrip(const struct bench_row *row, const struct impl *impl,
			     const struct bench_opts *opts, struct bench_result *ret)
{
	uint32_t *ns = malloc(MAX_TRIPS * sizeof(*ns));
	struct answers answers = {0};
	size_t count = 0;
	struct user u;
	int64_t end;
	int err = user_open(&u, impl, row->ring_size, 1);

	if (!err)
		err = answers_open(&answers, &u);
	if (!err)
		err = pin_to_cpu(opts->producer_cpu);
	for (int i = 0; !err && i < 1000; i++)
		err = trip(&u, &answers, ns);
	end = now_ns() + seconds_ns(opts->seconds);
	while (!err && count < MAX_TRIPS && now_ns() < end)
		err = trip(&u, &answers, &ns[count++]);
	if (!err) {
		ret->p50_ns = stat_percentile(ns, count, 0.5);
		ret->p99_ns = stat_percentile(ns, count, 0.99);
		ret->p999_ns = stat_percentile(ns, count, 0.999);
	}
	if (answers.libbpf)
		ring_buffer__free(answers.libbpf);
	bpfring_consumer_close(answers.bpfring);
	user_close(&u);
	free(ns);
	return err;
}

static int measure_blocking(const struct bench_row *row, const struct impl *impl,
			    const struct bench_opts *opts, struct bench_result *ret)
{
	int64_t timeout = seconds_ns(opts->seconds), cpu, start;
	struct user u;
	int err = user_open(&u, impl, row->ring_size, 1);

	if (!err && user_fill(&u, 1016, 0, 3) != 3)
		err = -EBADMSG;
	if (!err) {
		start = now_ns();
		cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
		if (user_put_wait(&u, 2000, 0, timeout) >= 0)
			err = -EBADMSG;
		ret->cpu_pct =
			(double)(clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu) / (double)timeout * 100;
		ret->p50_ns = (double)(now_ns() - start - timeout);
	}
	user_close(&u);
	return err;
}

const struct bench_row rows_roundtrip[] = {
	{.name = "roundtrip",
	 .family = "roundtrip",
	 .about = "a question through the user ring to its answer through a kernel ring",
	 .measure = measure_roundtrip,
	 .key = METRIC_P50_NS,
	 .kinds = KIND_USER,
	 .size = 8,
	 .ring_size = 65536},
	{.name = "producer-blocking",
	 .family = "producer-blocking",
	 .about = "waiting for space in a ring that is not drained; p50: past the deadline",
	 .measure = measure_blocking,
	 .key = METRIC_CPU_PCT,
	 .kinds = KIND_USER,
	 .size = 2000,
	 .ring_size = 4096},
	{0},
};
