// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * What it costs a thread to tell BPF something about itself: a store into shared memory, or the
 * system call that it replaces, with its pidfd held open as a careful program would. And what it
 * costs to begin.
 */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpfring/task_storage.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "clock.h"
#include "hint.h"
#include "hint.skel.h"
#include "impl.h"
#include "session.h"
#include "stat.h"

#define BATCH	 1000
#define MAX_BIND 20000

enum { MODE_STORE, MODE_BIND_STORE, MODE_UPDATE };

struct hint_session {
	struct hint_bpf *skel;
	struct bpfring_task_storage *ts;
	int member;
	int pidfd;
};

static void hint_close(struct hint_session *s)
{
	bpfring_task_storage_close(s->ts);
	hint_bpf__destroy(s->skel);
	if (s->pidfd >= 0)
		close(s->pidfd);
}

static int hint_open(struct hint_session *s, const struct impl *impl)
{
	BPFRING_OPTS(bpfring_task_prepare_opts, opts,
		     .path = impl->no_wakeup ? BPFRING_TASK_PATH_FALLBACK : BPFRING_TASK_PATH_UPTR);
	int err;

	*s = (struct hint_session){.pidfd = -1};
	s->skel = hint_bpf__open();
	if (!s->skel)
		return -errno;
	err = bpfring_task_storage_prepare(s->skel->obj, "hints", &opts);
	if (err > 0)
		err = hint_bpf__load(s->skel);
	if (!err)
		err = bpfring_task_storage_open_object(&s->ts, s->skel->obj, "hints", NULL);
	if (!err) {
		s->member = bpfring_task_storage_find(s->ts, "hint", sizeof(struct bench_hint));
		s->pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
		err = s->member < 0 ? s->member : s->pidfd < 0 ? -errno : 0;
	}
	if (err)
		hint_close(s);
	return err;
}

static int batch(const struct hint_session *s, int mode, struct bench_hint *hint)
{
	struct bench_hint value = {0};
	int err = 0;

	for (unsigned long long i = 0; i < BATCH && !err; i++) {
		switch (mode) {
		case MODE_BIND_STORE:
			err = bpfring_task_storage_bind(s->ts, s->member, (void **)&hint);
			/* fall through */
		case MODE_STORE:
			*(volatile unsigned long long *)&hint->phase = i;
			break;
		default:
			value.phase = i;
			err = bpf_map_update_elem(bpf_map__fd(s->skel->maps.plain), &s->pidfd,
						  &value, BPF_ANY);
		}
	}
	return err;
}

static int measure_update(const struct bench_row *row, const struct impl *impl,
			  const struct bench_opts *opts, struct bench_result *ret)
{
	int64_t start, end = 0, duration = seconds_ns(opts->seconds);
	struct bench_hint *hint;
	struct hint_session s;
	uint64_t count = 0;
	int err = hint_open(&s, impl);

	(void)row;
	if (err)
		return err;
	err = bpfring_task_storage_bind(s.ts, s.member, (void **)&hint);
	for (int warm = 0; warm < 20 && !err; warm++)
		err = batch(&s, impl->mode, hint);
	for (start = now_ns(); !err && end - start < duration; end = now_ns()) {
		err = batch(&s, impl->mode, hint);
		count += BATCH;
	}
	if (!err)
		ret->producer_ns = (double)(end - start) / (double)count;
	hint_close(&s);
	return err;
}

struct binder {
	const struct hint_session *s;
	uint32_t ns;
	int err;
};

static void *bind_once(void *arg)
{
	struct binder *b = arg;
	int64_t start = now_ns();
	void *hint;

	b->err = bpfring_task_storage_bind(b->s->ts, b->s->member, &hint);
	b->ns = (uint32_t)(now_ns() - start);
	return NULL;
}

/* The first bind of each of many threads, one after the other. */
static int measure_bind(const struct bench_row *row, const struct impl *impl,
			const struct bench_opts *opts, struct bench_result *ret)
{
	static uint32_t ns[MAX_BIND];
	int64_t end = now_ns() + seconds_ns(opts->seconds);
	struct hint_session s;
	size_t count = 0;
	int err = hint_open(&s, impl);

	(void)row;
	if (err)
		return err;
	while (!err && count < MAX_BIND && now_ns() < end) {
		struct binder b = {.s = &s};
		pthread_t thread;

		err = -pthread_create(&thread, NULL, bind_once, &b);
		if (err)
			break;
		pthread_join(thread, NULL);
		err = b.err;
		ns[count++] = b.ns;
	}
	if (!err && count) {
		ret->producer_ns = ret->p50_ns = stat_percentile(ns, count, 0.5);
		ret->p99_ns = stat_percentile(ns, count, 0.99);
		ret->p999_ns = stat_percentile(ns, count, 0.999);
	}
	hint_close(&s);
	return err;
}

/* no_wakeup chooses the fall-back. */
const struct impl impls_hint[] = {
	{.name = "uptr", .kinds = KIND_HINT | KIND_HINT_BIND, .mode = MODE_STORE},
	{.name = "uptr-bind", .kinds = KIND_HINT, .mode = MODE_BIND_STORE},
	{.name = "fallback",
	 .kinds = KIND_HINT | KIND_HINT_BIND,
	 .mode = MODE_STORE,
	 .no_wakeup = true},
	{.name = "update-elem", .kinds = KIND_HINT, .mode = MODE_UPDATE},
	{.name = NULL},
};

const struct bench_row rows_hint[] = {
	{.name = "hint",
	 .family = "hint",
	 .about = "a thread tells BPF something: ns per update",
	 .measure = measure_update,
	 .key = METRIC_PRODUCER_NS,
	 .kinds = KIND_HINT},
	{.name = "hint-bind",
	 .family = "hint",
	 .about = "the first bind of a thread",
	 .measure = measure_bind,
	 .key = METRIC_P50_NS,
	 .kinds = KIND_HINT_BIND},
	{.name = NULL},
};
