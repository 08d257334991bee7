// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * A daemon that closed its standard descriptors: none of ours may take their numbers, or what some
 * library prints would go into an epoll, and a dup2() onto them would close it.
 */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sys.h"
#include "base/sys_bpf.h"
#include "base/sys_struct_ops.h"
#include "everything.h"
#include "task_storage/task_storage.h"
#include "task_test.skel.h"

static int report_fd; /* stderr, out of the way */

/* What was just done left 0, 1 and 2 alone. */
static void check(const char *what)
{
	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) < 0)
			continue;
		dprintf(report_fd, "%s: descriptor %d is taken\n", what, fd);
		_exit(1);
	}
}

/* One call that makes a descriptor, or fails where the kernel or the user cannot. */
static void made(const char *what, int fd)
{
	check(what);
	if (fd < 0)
		dprintf(report_fd, "not tried: %s: %s\n", what, bpfring_errname(fd));
	else
		close(fd);
}

/* Every function of the system's that returns a descriptor. */
static void try_calls(const struct everything *e)
{
	static const uint16_t some_btf[] = {0xeb9f, 1};
	BPFRING_OPTS(bpfring_consumer_stats, stats);
	const uint32_t id = bpfring_consumer_stats(e->consumer, &stats) ? 0
									: (uint32_t)stats.map_id;
	char path[64];
	uint32_t link;

	made("eventfd", bpfring_sys_eventfd());
	made("timerfd", bpfring_sys_timerfd());
	made("epoll", bpfring_sys_epoll());
	made("dup", bpfring_sys_dup(report_fd));
	made("open", bpfring_sys_open("/proc/self/maps"));
	made("pidfd", bpfring_sys_pidfd(getpid(), 0));
	made("map_create", bpfring_sys_map_create(BPF_MAP_TYPE_ARRAY, 4, 4, 1, NULL));
	made("map_by_id", bpfring_sys_map_by_id(id));
	made("btf_load_raw", bpfring_sys_btf_load_raw(some_btf, sizeof(some_btf)));
	snprintf(path, sizeof(path), BPFFS "/descriptors-%d", getpid());
	if (!bpfring_sys_pin(e->ring_fd, path)) {
		made("map_by_path", bpfring_sys_map_by_path(path));
		unlink(path);
	}
	if (!bpfring_sys_next_link(0, &link))
		made("link_by_id", bpfring_sys_link_by_id(link));
}

static int every_record(void *ctx, const void *data, size_t size)
{
	(void)ctx, (void)data, (void)size;
	return 0;
}

static pthread_barrier_t barrier;

static void *be_bound(void *tid)
{
	*(pid_t *)tid = gettid();
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return NULL;
}

/* Descriptors that come later: for waiting, for timers, for another thread. */
static void try_objects(struct everything *e)
{
	struct bpfring_struct_ops_report *report;
	struct bpfring_probe_result probe = {.sz = sizeof(probe)};
	pthread_t thread;
	pid_t tid;
	void *mem;

	if (e->consumer) {
		bpfring_consumer_wait(e->consumer, 0);
		check("bpfring_consumer_wait()");
		bpfring_loop_add(e->loop, e->consumer, every_record, NULL);
	}
	bpfring_loop_fd(e->loop);
	check("bpfring_loop_fd()");
	if (e->producer) {
		while (!bpfring_producer_output(e->producer, "full", 4))
			;
		bpfring_producer_reserve_wait(e->producer, 8, 1, &mem);
		bpfring_producer_fd(e->producer);
		check("bpfring_producer_fd()");
	}
	if (e->ops && !bpfring_struct_ops_inspect(e->ops, &report))
		bpfring_struct_ops_report_free(report);
	check("bpfring_struct_ops_inspect()");
	if (e->ts) {
		pthread_barrier_init(&barrier, NULL, 2);
		pthread_create(&thread, NULL, be_bound, &tid);
		pthread_barrier_wait(&barrier);
		bpfring_task_storage_bind_thread(
			e->ts, tid, bpfring_task_storage_find(e->ts, "values", 512), &mem);
		check("bpfring_task_storage_bind_thread()");
		pthread_barrier_wait(&barrier);
		pthread_join(thread, NULL);
	}
	for (int i = 0; i < BPFRING_FEATURE_COUNT; i++) {
		bpfring_probe((enum bpfring_feature)i, &probe);
		check(bpfring_feature_name((enum bpfring_feature)i));
	}
}

static void daemons(void **state)
{
	struct everything e;
	int status;
	pid_t pid;

	(void)state;
	everything_load(&e);
	pid = fork();
	if (!pid) {
		report_fd = fcntl(2, F_DUPFD_CLOEXEC, 100);
		close(0);
		close(1);
		close(2);
		everything_open(&e);
		check("opening everything");
		try_calls(&e);
		try_objects(&e);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	everything_close(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(daemons)};

	if (own_bpffs())
		puts("without a BPF file system");
	catch_logs();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
