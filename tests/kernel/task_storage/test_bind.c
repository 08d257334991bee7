// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Binding threads, and what goes through the memory then. Runs for both paths. */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fixture.h"

static struct bpfring_task_storage_stats stats_of(struct fixture *f)
{
	struct bpfring_task_storage_stats s = {.sz = sizeof(s)};

	assert_int_equal(bpfring_task_storage_stats(f->ts, &s), 0);
	return s;
}

/* Both directions, and nothing that was there before. */
static void shares_memory(void **state)
{
	struct fixture *f = *state;
	struct task_cell_test *cell = bind_cell(f), *again = bind_cell(f);
	struct task_small_test *small;

	assert_ptr_equal(cell, again);
	assert_int_equal(cell->sum, 0);
	cell->a = 40;
	cell->b = 2;
	assert_int_equal(bpfring_task_storage_bind(f->ts, f->small, (void **)&small), 0);
	assert_int_equal(small->hits, 0);
	fixture_look();
	assert_int_equal(cell->sum, 42);
	assert_int_equal(cell->writer, (unsigned int)gettid());
	assert_int_equal(small->hits, 1);
	assert_int_equal(stats_of(f).bound, 1);
}

static void unbind_ends_it(void **state)
{
	struct fixture *f = *state;
	struct task_cell_test *cell = bind_cell(f);

	cell->a = 1;
	assert_int_equal(bpfring_task_storage_unbind(f->ts), 0);
	assert_int_equal(bpfring_task_storage_unbind(f->ts), 0);
	cell->writer = 0; /* mapped still, and nobody else's */
	fixture_look();
	assert_int_equal(cell->writer, 0);
	assert_int_equal(stats_of(f).bound, 0);
	cell = bind_cell(f);
	assert_int_equal(cell->a, 0);
	assert_int_equal(cell->sum, 0);
	fixture_look();
	assert_int_not_equal(cell->writes, 0);
}

static void describes_members(void **state)
{
	struct fixture *f = *state;
	struct bpfring_task_member m;
	unsigned long long word = 0;
	void *mem;

	assert_int_equal(bpfring_task_storage_member_count(f->ts), 5);
	assert_int_equal(bpfring_task_storage_member(f->ts, f->cell, &m), 0);
	assert_string_equal(m.name, "cell");
	assert_int_equal(m.size, sizeof(struct task_cell_test));
	assert_int_equal(m.offset, 8);
	assert_int_equal(m.flags, BPFRING_TASK_MEMBER_UPTR);
	assert_int_equal(m.align, 8);
	assert_int_equal(bpfring_task_storage_member(f->ts, 5, &m), -ENOENT);
	assert_int_equal(bpfring_task_storage_member(f->ts, -1, &m), -ENOENT);
	assert_int_equal(bpfring_task_storage_member(f->ts, 0, NULL), -EINVAL);
	bpfring_set_log(NULL);
	assert_int_equal(bpfring_task_storage_find(f->ts, "cell", 8), -ERANGE);
	assert_int_equal(bpfring_task_storage_find(f->ts, "none", 8), -ENOENT);
	assert_int_equal(bpfring_task_storage_find(f->ts, NULL, 8), -EINVAL);
	assert_int_equal(bpfring_task_storage_bind(f->ts, 0, &mem), -EINVAL);
	assert_int_equal(bpfring_task_storage_bind(f->ts, f->cell, NULL), -EINVAL);
	assert_int_equal(bpfring_task_storage_set(f->ts, 0, f->cell, &word, 8), -EINVAL);
	assert_int_equal(bpfring_task_storage_set(f->ts, 0, 0, &word, 4), -ERANGE);
	assert_int_equal(bpfring_task_storage_set(f->ts, 0, 0, NULL, 8), -EINVAL);
	assert_int_equal(bpfring_task_storage_set(f->ts, 0, 5, &word, 8), -EINVAL);
}

/* The kernel replaces the value as a whole: one member changed, the others stay. */
static void keeps_other_members(void **state)
{
	struct fixture *f = *state;
	const unsigned long long before = 0x1122334455667788;
	const unsigned int weight = 77;
	struct task_cell_test *cell;
	unsigned long long word;
	unsigned int w;

	assert_int_equal(bpfring_task_storage_get(f->ts, 0, 0, &word, 8), -ENOENT);
	assert_int_equal(bpfring_task_storage_set(f->ts, 0, 0, &before, 8), 0);
	cell = bind_cell(f);
	assert_int_equal(bpfring_task_storage_set(f->ts, 0, 2, &weight, 4), 0);
	assert_int_equal(bpfring_task_storage_get(f->ts, 0, 0, &word, 8), 0);
	assert_true(word == before);
	assert_int_equal(bpfring_task_storage_get(f->ts, gettid(), 2, &w, 4), 0);
	assert_int_equal(w, weight);
	cell->a = 5;
	fixture_look(); /* and what is shared is shared still */
	assert_int_equal(cell->sum, 5);
}

struct other {
	struct fixture *f;
	pthread_barrier_t barrier;
	pid_t tid;
	bool bind_too;
	struct task_cell_test *cell;
};

static void *other_thread(void *arg)
{
	struct other *o = arg;

	o->tid = gettid();
	pthread_barrier_wait(&o->barrier); /* known */
	pthread_barrier_wait(&o->barrier); /* bound by the other */
	if (o->bind_too)
		assert_ptr_equal(bind_cell(o->f), o->cell);
	fixture_look();
	pthread_barrier_wait(&o->barrier); /* looked at */
	pthread_barrier_wait(&o->barrier); /* may end */
	return NULL;
}

/* pthread_join() returns a moment before the kernel lets go of the thread. */
static void await_end(pid_t tid)
{
	while (!tgkill(getpid(), tid, 0))
		usleep(1000);
}

static void binds_another_thread(struct fixture *f, bool bind_too)
{
	struct other o = {.f = f, .bind_too = bind_too};
	struct task_cell_test *cell;
	pthread_t thread;

	pthread_barrier_init(&o.barrier, NULL, 2);
	assert_int_equal(pthread_create(&thread, NULL, other_thread, &o), 0);
	pthread_barrier_wait(&o.barrier);
	assert_int_equal(bpfring_task_storage_bind_thread(f->ts, o.tid, f->cell, (void **)&cell),
			 0);
	o.cell = cell;
	cell->a = 9;
	pthread_barrier_wait(&o.barrier);
	pthread_barrier_wait(&o.barrier);
	assert_int_equal(cell->sum, 9);
	assert_int_equal(cell->writer, (unsigned int)o.tid);
	assert_int_equal(stats_of(f).bound, 1);
	assert_int_equal(bpfring_task_storage_reap(f->ts), 0);
	pthread_barrier_wait(&o.barrier);
	pthread_join(thread, NULL);
	await_end(o.tid);
	/* What bound itself is gone with its thread; what did not is found dead. */
	assert_int_equal(bpfring_task_storage_reap(f->ts), bind_too ? 0 : 1);
	assert_int_equal(stats_of(f).bound, 0);
	assert_int_equal(bpfring_task_storage_bind_thread(f->ts, o.tid, f->cell, (void **)&cell),
			 -ESRCH);
	pthread_barrier_destroy(&o.barrier);
}

/* Nothing but the thread itself can name it before Linux 6.9. */
static bool refused_without_pidfds(struct fixture *f)
{
	struct other o = {.f = f};
	struct task_cell_test *cell;
	unsigned int weight;
	pthread_t thread;

	if (threads_have_pidfds())
		return false;
	pthread_barrier_init(&o.barrier, NULL, 2);
	assert_int_equal(pthread_create(&thread, NULL, other_thread, &o), 0);
	pthread_barrier_wait(&o.barrier);
	catch_logs();
	log_forget();
	assert_int_equal(bpfring_task_storage_bind_thread(f->ts, o.tid, f->cell, (void **)&cell),
			 -EOPNOTSUPP);
	assert_int_equal(log_lines(), 1);
	assert_non_null(strstr(log_text(), "descriptors of threads (Linux 6.9)"));
	assert_int_equal(bpfring_task_storage_get(f->ts, o.tid, 2, &weight, 4), -EOPNOTSUPP);
	assert_int_equal(stats_of(f).bound, 0);
	for (int i = 0; i < 3; i++)
		pthread_barrier_wait(&o.barrier);
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&o.barrier);
	return true;
}

static void another_thread(void **state)
{
	if (!refused_without_pidfds(*state))
		binds_another_thread(*state, false);
}

static void another_thread_that_adopts(void **state)
{
	if (!refused_without_pidfds(*state))
		binds_another_thread(*state, true);
}

static void *bind_and_wait(void *arg)
{
	struct other *o = arg;

	o->cell = bind_cell(o->f);
	o->tid = gettid();
	pthread_barrier_wait(&o->barrier);
	pthread_barrier_wait(&o->barrier); /* unbound by the other */
	fixture_look();
	pthread_barrier_wait(&o->barrier);
	pthread_barrier_wait(&o->barrier);
	o->cell = bind_cell(o->f); /* again: a new cell, not what is freed */
	fixture_look();
	assert_int_equal(o->cell->writer, (unsigned int)gettid());
	return NULL;
}

static void unbinds_another_thread(void **state)
{
	struct fixture *f = *state;
	struct other o = {.f = f};
	pthread_t thread;

	pthread_barrier_init(&o.barrier, NULL, 2);
	assert_int_equal(pthread_create(&thread, NULL, bind_and_wait, &o), 0);
	pthread_barrier_wait(&o.barrier);
	/* On an older kernel the element stays, and what it refers to is not followed. */
	assert_int_equal(bpfring_task_storage_unbind_thread(f->ts, o.tid),
			 threads_have_pidfds() ? 0 : -EOPNOTSUPP);
	assert_int_equal(stats_of(f).bound, 0);
	usleep(10000); /* it has gone to sleep */
	o.cell->writer = 0;
	pthread_barrier_wait(&o.barrier);
	pthread_barrier_wait(&o.barrier);
	assert_int_equal(o.cell->writer, 0);
	pthread_barrier_wait(&o.barrier);
	pthread_join(thread, NULL);
	assert_int_equal(stats_of(f).bound, 0);
	pthread_barrier_destroy(&o.barrier);
}

/* Two libraries in one process: one handle, one cell for a thread. */
static void one_handle_per_map(void **state)
{
	struct fixture *f = *state;
	struct bpfring_task_storage *second;
	struct task_cell_test *cell = bind_cell(f);
	void *mem;

	assert_int_equal(bpfring_task_storage_open_object(&second, f->skel->obj, "store", NULL), 0);
	assert_ptr_equal(second, f->ts);
	assert_int_equal(bpfring_task_storage_bind(second, f->cell, &mem), 0);
	assert_ptr_equal(mem, cell);
	bpfring_task_storage_close(second);
	cell->a = 3;
	fixture_look();
	assert_int_equal(cell->sum, 3);
}

/* close() with threads bound: elements are gone, nothing is written where the memory was. */
static void close_unbinds(void **state)
{
	struct fixture *f = *state;
	int key = (int)syscall(SYS_pidfd_open, getpid(), 0);
	char value[64];

	bind_cell(f);
	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(f->skel->maps.store), &key, value), 0);
	bpfring_task_storage_close(f->ts);
	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(f->skel->maps.store), &key, value),
			 -ENOENT);
	fixture_look();
	close(key);
	f->ts = NULL;
}

/* An element that a killed thread could leave: BPF must see that the slot went on. */
static void stale_element_is_not_followed(void **state)
{
	struct fixture *f = *state;
	int key = (int)syscall(SYS_pidfd_open, getpid(), 0), fd = bpf_map__fd(f->skel->maps.store);
	struct task_cell_test *cell = bind_cell(f);
	uint64_t value[4];

	fixture_look();
	assert_int_equal(bpf_map_lookup_elem(fd, &key, value), 0);
	assert_int_equal(bpfring_task_storage_unbind(f->ts), 0);
	assert_int_equal(bpf_map_update_elem(fd, &key, value, 0), 0);
	cell->writer = 0;
	fixture_look();
	assert_int_equal(cell->writer, 0);
	close(key);
}

/* What opening and preparing refuse. */
static void refuses_bad_input(void **state)
{
	BPFRING_OPTS(bpfring_task_storage_opts, opts);
	BPFRING_OPTS(bpfring_task_prepare_opts, prepare);
	struct fixture *f = *state;
	struct bpfring_task_storage *ts;
	int fd = bpf_map__fd(f->skel->maps.store);
	struct {
		struct bpfring_task_storage_opts known;
		char more[8];
	} newer = {.known.sz = sizeof(newer)};
	struct task_test_bpf *skel;

	bpfring_set_log(NULL);
	assert_int_equal(bpfring_task_storage_open(NULL, fd, NULL), -EINVAL);
	assert_int_equal(bpfring_task_storage_open(&ts, -1, NULL), -EBADF);
	assert_int_equal(bpfring_task_storage_open(&ts, 0, NULL), -EINVAL);
	assert_int_equal(
		bpfring_task_storage_open(&ts, bpf_map__fd(f->skel->maps.store_owner), NULL),
		-EINVAL);
	assert_int_equal(bpfring_task_storage_open_map(&ts, NULL, NULL), -EINVAL);
	assert_int_equal(bpfring_task_storage_open_object(&ts, f->skel->obj, "none", NULL),
			 -ENOENT);
	assert_int_equal(bpfring_task_storage_open_object(&ts, NULL, "store", NULL), -EINVAL);
	assert_int_equal(bpfring_task_storage_open_pinned(&ts, "/sys/fs/bpf/none", NULL), -ENOENT);
	assert_int_equal(bpfring_task_storage_open_pinned(&ts, NULL, NULL), -EINVAL);
	opts.flags = 1U << 31;
	assert_int_equal(bpfring_task_storage_open(&ts, fd, &opts), -EINVAL);
	opts.flags = 0;
	opts.packing = 3;
	assert_int_equal(bpfring_task_storage_open(&ts, fd, &opts), -EINVAL);
	newer.more[0] = 1;
	assert_int_equal(bpfring_task_storage_open(&ts, fd, &newer.known), -E2BIG);
	bpfring_task_storage_close(NULL);

	assert_int_equal(bpfring_task_storage_prepare(f->skel->obj, "store", NULL), -EBUSY);
	skel = task_test_bpf__open();
	assert_int_equal(bpfring_task_storage_prepare(skel->obj, "none", NULL), -ENOENT);
	assert_int_equal(bpfring_task_storage_prepare(skel->obj, "store_owner", NULL), -EINVAL);
	assert_int_equal(bpfring_task_storage_prepare(NULL, "store", NULL), -EINVAL);
	prepare.path = 3;
	assert_int_equal(bpfring_task_storage_prepare(skel->obj, "store", &prepare), -EINVAL);
	assert_int_equal(bpfring_task_storage_pin(skel->obj, "none", "/sys/fs/bpf/x"), -ENOENT);
	task_test_bpf__destroy(skel);
}

/* A process that was handed the map, but may not read its types: it names the members itself. */
static void without_privileges(void **state)
{
	const struct bpfring_task_member members[] = {
		{.name = "before", .offset = 0, .size = 8},
		{.name = "cell",
		 .offset = 8,
		 .size = sizeof(struct task_cell_test),
		 .flags = BPFRING_TASK_MEMBER_UPTR},
		{.name = "weight", .offset = 16, .size = 4, .align = 4},
		{.name = "pad", .offset = 20, .size = 4, .align = 4},
		{.name = "small",
		 .offset = 24,
		 .size = sizeof(struct task_small_test),
		 .flags = BPFRING_TASK_MEMBER_UPTR},
	};
	struct fixture *f = *state;
	struct task_test_bpf *s = f->skel;
	const int slots[] = {bpf_map__fd(s->maps.store_cell), bpf_map__fd(s->maps.store_small)};
	BPFRING_OPTS(bpfring_task_storage_opts, opts);
	struct bpfring_task_storage *ts;
	struct task_cell_test *cell;
	pid_t pid;

	bpfring_task_storage_close(f->ts);
	f->ts = NULL;
	if (f->path == BPFRING_TASK_FALLBACK) {
		opts.owner_fd = bpf_map__fd(s->maps.store_owner);
		opts.bind_fd = bpf_program__fd(s->progs.store_bind);
		opts.slot_fds = slots;
	}
	pid = fork();
	if (!pid) {
		int fd = bpf_map__fd(s->maps.store), member;

		s->bss->target_tgid = getpid();
		CHILD_CHECK(!setgroups(0, NULL) && !setgid(65534) && !setuid(65534));
		bpfring_set_log(NULL);
		CHILD_CHECK(bpfring_task_storage_open(&ts, fd, &opts) == -EPERM);
		opts.members = members;
		opts.member_count = ARRAY_SIZE(members);
		CHILD_CHECK(!bpfring_task_storage_open(&ts, fd, &opts));
		member = bpfring_task_storage_find(ts, "cell", sizeof(*cell));
		CHILD_CHECK(!bpfring_task_storage_bind(ts, member, (void **)&cell));
		cell->a = 3;
		cell->b = 4;
		fixture_look();
		CHILD_CHECK(cell->sum == 7);
		bpfring_task_storage_close(ts);
		_exit(0);
	}
	join_child(pid);
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		TEST(shares_memory),	      TEST(unbind_ends_it),
		TEST(describes_members),      TEST(keeps_other_members),
		TEST(another_thread),	      TEST(another_thread_that_adopts),
		TEST(unbinds_another_thread), TEST(one_handle_per_map),
		TEST(close_unbinds),	      TEST(refuses_bad_input),
		TEST(without_privileges),
	};
	/* on the other path the kernel does not show what is in the element */
	const struct CMUnitTest fallback_tests[] = {TEST(stale_element_is_not_followed)};

	if (tested_path == BPFRING_TASK_FALLBACK &&
	    cmocka_run_group_tests(fallback_tests, NULL, NULL))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
	return fixture_main(argc, argv, run);
}
