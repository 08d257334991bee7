// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* What is refused, and what the log says of it. Runs for both paths. */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"
#include "untagged.skel.h"

#define MEMBER_SIZE sizeof(struct bpfring_task_member)

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

static const struct bpfring_task_member members[] = {
	{.sz = MEMBER_SIZE, .name = "before", .offset = 0, .size = 8},
	{.sz = MEMBER_SIZE,
	 .name = "cell",
	 .offset = 8,
	 .size = sizeof(struct task_cell_test),
	 .flags = BPFRING_TASK_MEMBER_SHARED},
	{.sz = MEMBER_SIZE, .name = "weight", .offset = 16, .size = 4, .align = 4},
	{.sz = MEMBER_SIZE, .name = "pad", .offset = 20, .size = 4, .align = 4},
	{.sz = MEMBER_SIZE,
	 .name = "small",
	 .offset = 24,
	 .size = sizeof(struct task_small_test),
	 .flags = BPFRING_TASK_MEMBER_SHARED},
};

/* The storage is opened anew, in a child, from the descriptors of its parts. */
static void hand_over(struct fixture *f, struct bpfring_task_storage_opts *opts, int slots[2])
{
	struct task_test_bpf *s = f->skel;

	bpfring_task_storage_close(f->ts);
	f->ts = NULL;
	if (f->path != BPFRING_TASK_PATH_FALLBACK)
		return;
	slots[0] = bpf_map__fd(s->maps.store_cell);
	slots[1] = bpf_map__fd(s->maps.store_small);
	opts->owner_fd = bpf_map__fd(s->maps.store_owner);
	opts->bind_fd = bpf_program__fd(s->progs.store_bind);
	opts->slot_fds = slots;
}

/* The calling thread binds its cell, and BPF sees what it stores. */
static void share_with_bpf(struct bpfring_task_storage *ts, unsigned long long a,
			   unsigned long long b)
{
	struct task_cell_test *cell;
	int member = bpfring_task_storage_find(ts, "cell", sizeof(*cell));

	CHILD_CHECK(!bpfring_task_storage_bind(ts, member, (void **)&cell));
	cell->a = a;
	cell->b = b;
	fixture_look();
	CHILD_CHECK(cell->sum == a + b);
}

/* A process that was handed the map, but may not read its types: it names the members itself. */
static void without_privileges(void **state)
{
	struct fixture *f = *state;
	struct task_test_bpf *s = f->skel;
	BPFRING_OPTS(bpfring_task_storage_opts, opts);
	struct bpfring_task_storage *ts;
	int slots[2];
	pid_t pid;

	hand_over(f, &opts, slots);
	pid = fork();
	if (!pid) {
		int fd = bpf_map__fd(s->maps.store);

		look_at_caller(s);
		CHILD_CHECK(!setgroups(0, NULL) && !setgid(65534) && !setuid(65534));
		bpfring_set_log(NULL);
		CHILD_CHECK(bpfring_task_storage_open(&ts, fd, &opts) == -EPERM);
		opts.members = members;
		opts.member_count = ARRAY_SIZE(members);
		CHILD_CHECK(!bpfring_task_storage_open(&ts, fd, &opts));
		share_with_bpf(ts, 3, 4);
		bpfring_task_storage_close(ts);
		_exit(0);
	}
	join_child(pid);
}

/* A container that was handed the map: another user, another PID namespace, none of our rights. */
static void in_a_container(void **state)
{
	struct fixture *f = *state;
	struct task_test_bpf *s = f->skel;
	BPFRING_OPTS(bpfring_task_storage_opts, opts, .members = members,
		     .member_count = ARRAY_SIZE(members));
	struct bpfring_task_storage *ts;
	int slots[2];
	pid_t pid;

	hand_over(f, &opts, slots);
	if (f->path == BPFRING_TASK_PATH_FALLBACK)
		opts.grace_fd = bpf_map__fd(s->maps.store_grace);
	pid = fork();
	if (!pid) {
		const unsigned int weight = 9;
		unsigned int w = 0;

		if (unshare(CLONE_NEWUSER | CLONE_NEWPID))
			_exit(0);
		pid = fork();
		if (pid) {
			int status;

			_exit(waitpid(pid, &status, 0) != pid || status);
		}
		CHILD_CHECK(getpid() == 1);
		look_at_caller(s);
		CHILD_CHECK(!bpfring_task_storage_open(&ts, bpf_map__fd(s->maps.store), &opts));
		share_with_bpf(ts, 3, 5);
		CHILD_CHECK(!bpfring_task_storage_set(ts, 1, 2, &weight, 4));
		CHILD_CHECK(!bpfring_task_storage_get(ts, gettid(), 2, &w, 4) && w == weight);
		CHILD_CHECK(!bpfring_task_storage_unbind_thread(ts, 1));
		bpfring_task_storage_close(ts);
		_exit(0);
	}
	join_child(pid);
}

static void *bind_in_thread(void *arg)
{
	struct fixture *f = arg;
	void *mem;

	return (void *)(intptr_t)bpfring_task_storage_bind(f->ts, f->cell, &mem);
}

/* The bind of a new thread. */
static int bind_once(struct fixture *f)
{
	pthread_t thread;
	void *ret;

	assert_int_equal(pthread_create(&thread, NULL, bind_in_thread, f), 0);
	pthread_join(thread, &ret);
	return (int)(intptr_t)ret;
}

static void logged(const char *cause)
{
	if (!strstr(log_text(), cause))
		fail_msg("not '%s' but: %s", cause, log_text());
	log_forget();
}

static void no_slot_is_left(void **state)
{
	BPFRING_OPTS(bpfring_task_prepare_opts, opts, .path = BPFRING_TASK_PATH_FALLBACK,
		     .max_threads = 1);
	struct task_test_bpf *skel = task_test_bpf__open();
	struct fixture *f = *state, one = {.skel = skel, .cell = f->cell};
	void *mem;

	assert_return_code(bpfring_task_storage_prepare(skel->obj, "store", &opts), 0);
	assert_int_equal(bpf_map__max_entries(skel->maps.store_owner), 1);
	assert_int_equal(bpf_map__max_entries(skel->maps.store_cell), 1);
	assert_int_equal(bpf_map__max_entries(skel->maps.store_extra), 3);
	assert_int_equal(task_test_bpf__load(skel), 0);
	assert_int_equal(bpfring_task_storage_open_object(&one.ts, skel->obj, "store", NULL), 0);
	assert_int_equal(bpfring_task_storage_bind(one.ts, one.cell, &mem), 0);
	catch_logs();
	log_forget();
	assert_int_equal(bind_once(&one), -ENOSPC);
	logged("max_threads");
	assert_int_equal(bpfring_task_storage_unbind(one.ts), 0);
	assert_int_equal(bind_once(&one), 0);
	bpfring_task_storage_close(one.ts);
	task_test_bpf__destroy(skel);
}

static void no_descriptor_is_left(void **state)
{
	struct fixture *f = *state;
	struct rlimit before, none;
	struct bpfring_task_storage *ts;
	int lowest = dup(0), err;

	assert_true(lowest >= 0);
	close(lowest);
	getrlimit(RLIMIT_NOFILE, &before);
	none = before;
	none.rlim_cur = (rlim_t)lowest;
	catch_logs();
	log_forget();
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	err = bind_once(f);
	assert_int_equal(bpfring_task_storage_open_object(&ts, f->skel->obj, "named", NULL),
			 -EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	logged("EMFILE");
	assert_int_equal(err, f->path == BPFRING_TASK_PATH_UPTR ? -EMFILE : 0);
	assert_int_equal(bind_once(f), 0);
	assert_int_equal(stats_of(f).bound, 0);
}

static void no_key_is_left(void **state)
{
	struct fixture *f = *state;
	struct bpfring_task_storage *ts;
	pthread_key_t keys[2048];
	unsigned int fds = count_fds();
	int count = 0;

	while (count < 2048 && !pthread_key_create(&keys[count], NULL))
		count++;
	assert_true(count < 2048);
	catch_logs();
	log_forget();
	assert_int_equal(bpfring_task_storage_open_object(&ts, f->skel->obj, "named", NULL),
			 -EAGAIN);
	logged("thread-specific key");
	assert_int_equal(count_fds(), fds);
	while (count--)
		pthread_key_delete(keys[count]);
	assert_int_equal(bpfring_task_storage_open_object(&ts, f->skel->obj, "named", NULL), 0);
	bpfring_task_storage_close(ts);
}

/* The members as a caller declares who cannot read them. */
static const struct bpfring_task_member declared[] = {
	{.name = "cell",
	 .offset = 8,
	 .size = sizeof(struct task_cell_test),
	 .flags = BPFRING_TASK_MEMBER_SHARED},
};

static void a_descriptor_that_is_read_only(void **state)
{
	struct fixture *f = *state;
	struct bpf_get_fd_by_id_opts read_only = {.sz = sizeof(read_only),
						  .open_flags = BPF_F_RDONLY};
	BPFRING_OPTS(bpfring_task_storage_opts, opts, .members = declared, .member_count = 1);
	struct bpf_map_info info = {0};
	uint32_t size = sizeof(info);
	int fd;

	if (f->path == BPFRING_TASK_PATH_FALLBACK)
		return; /* there a program writes the element, not the descriptor */
	bpfring_task_storage_close(f->ts);
	assert_int_equal(bpf_obj_get_info_by_fd(bpf_map__fd(f->skel->maps.store), &info, &size), 0);
	fd = bpf_map_get_fd_by_id_opts(info.id, &read_only);
	assert_true(fd >= 0);
	assert_int_equal(bpfring_task_storage_open(&f->ts, fd, &opts), 0);
	close(fd); /* it has its own */
	f->cell = 0;
	catch_logs();
	log_forget();
	assert_int_equal(bind_once(f), -EPERM);
	logged("the descriptor is read-only");
}

/* What the caller calls an __uptr is a number to the kernel: BPF would never see the memory. */
static void members_that_are_none(void **state)
{
	BPFRING_OPTS(bpfring_task_prepare_opts, prepare, .path = BPFRING_TASK_PATH_FALLBACK);
	BPFRING_OPTS(bpfring_task_storage_opts, opts, .members = declared, .member_count = 1);
	struct task_test_bpf *skel = task_test_bpf__open();
	struct fixture *f = *state;
	struct bpfring_task_storage *ts;
	int fd, slots[] = {-1};
	void *mem;

	assert_return_code(bpfring_task_storage_prepare(skel->obj, "store", &prepare), 0);
	assert_int_equal(task_test_bpf__load(skel), 0);
	fd = bpf_map__fd(skel->maps.store);
	catch_logs();
	log_forget();
	assert_int_equal(bpfring_task_storage_open(&ts, fd, &opts), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(bpfring_task_storage_bind(ts, 0, &mem), -EINVAL);
		logged("no __uptr at offset");
	}
	bpfring_task_storage_close(ts);

	/* And what belongs to the fall-back, given by halves. */
	opts.owner_fd = bpf_map__fd(skel->maps.store_owner);
	assert_int_equal(bpfring_task_storage_open(&ts, fd, &opts), -EINVAL);
	logged("needs owner_fd and slot_fds");
	assert_int_equal(bpfring_task_storage_find(f->ts, "cell", 1), -ERANGE);
	logged("bytes in the BPF program, 1 here");
	assert_int_equal(bpfring_task_storage_find(f->ts, "nothing", 1), -ENOENT);
	logged("has no member 'nothing'");
	opts.flags = 1U << 31 | BPFRING_TASK_NODUMP;
	assert_int_equal(bpfring_task_storage_open(&ts, bpf_map__fd(skel->maps.store), &opts),
			 -EINVAL);
	logged("unknown flags 0x80000000 or packing 0");
	opts.flags = 0;
	opts.slot_fds = slots;
	assert_int_equal(bpfring_task_storage_open(&ts, fd, &opts), -EBADF);
	logged("slot_fds[0] is -1");
	slots[0] = opts.owner_fd; /* slots of another size */
	assert_int_equal(bpfring_task_storage_open(&ts, fd, &opts), -EINVAL);
	logged("'store_owner' is not the mmapable array");
	opts.owner_fd = -1;
	assert_int_equal(bpfring_task_storage_open(&ts, fd, &opts), -EBADF);
	task_test_bpf__destroy(skel);
	assert_int_equal(bind_once(f), 0);
}

static void threads_that_are_none(void **state)
{
	static const pid_t none[] = {-1, -4711, 4194305};
	struct fixture *f = *state;
	unsigned long long word = 0;
	void *mem;

	catch_logs();
	log_forget();
	for (unsigned int i = 0; i < ARRAY_SIZE(none); i++) {
		assert_int_equal(bpfring_task_storage_set(f->ts, none[i], 0, &word, 8), -ESRCH);
		assert_int_equal(bpfring_task_storage_get(f->ts, none[i], 0, &word, 8), -ESRCH);
		assert_int_equal(bpfring_task_storage_bind_thread(f->ts, none[i], f->cell, &mem),
				 -ESRCH);
		assert_int_equal(bpfring_task_storage_unbind_thread(f->ts, none[i]), 0);
	}
	assert_string_equal(log_text(), "");
}

/* clang 14: no verifier is to explain it. */
static void an_object_without_tags(void **state)
{
	struct fixture *f = *state;
	BPFRING_OPTS(bpfring_task_prepare_opts, opts, .path = f->path);
	struct untagged_bpf *skel = untagged_bpf__open();

	assert_non_null(skel);
	catch_logs();
	log_forget();
	assert_int_equal(bpfring_task_storage_prepare(skel->obj, "store", &opts), -EINVAL);
	logged("clang >= 15");
	untagged_bpf__destroy(skel);
}

static int prepare_path(uint32_t path)
{
	BPFRING_OPTS(bpfring_task_prepare_opts, opts, .path = path);
	struct task_test_bpf *skel = task_test_bpf__open();
	int ret = skel ? bpfring_task_storage_prepare(skel->obj, "store", &opts) : -ENOMEM;

	task_test_bpf__destroy(skel);
	return ret;
}

/*
 * Who may not make maps may still load with a BPF token, which only the loader has: the kernel's
 * types know the answer too.
 */
static void prepare_without_privileges(void **state)
{
	int path = prepare_path(BPFRING_TASK_PATH_AUTO);
	pid_t pid = fork();

	(void)state;
	if (!pid) {
		if (unshare(CLONE_NEWUSER))
			_exit(0);
		CHILD_CHECK(prepare_path(BPFRING_TASK_PATH_AUTO) == path);
		CHILD_CHECK(prepare_path(BPFRING_TASK_PATH_FALLBACK) == BPFRING_TASK_PATH_FALLBACK);
		_exit(0);
	}
	join_child(pid);
	pid = fork();
	if (!pid) { /* nor anything to read the answer from */
		if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		    umount2("/sys", MNT_DETACH) || unshare(CLONE_NEWUSER))
			_exit(0);
		catch_logs();
		CHILD_CHECK(prepare_path(BPFRING_TASK_PATH_AUTO) == -EPERM);
		CHILD_CHECK(strstr(log_text(), "ask for one of the paths"));
		CHILD_CHECK(prepare_path(BPFRING_TASK_PATH_UPTR) == BPFRING_TASK_PATH_UPTR);
		CHILD_CHECK(prepare_path(BPFRING_TASK_PATH_FALLBACK) == BPFRING_TASK_PATH_FALLBACK);
		_exit(0);
	}
	join_child(pid);
}

/* The other way would need what was taken from the object's types. */
static void the_fall_back_is_final(void **state)
{
	struct fixture *f = *state;
	BPFRING_OPTS(bpfring_task_prepare_opts, opts, .path = BPFRING_TASK_PATH_FALLBACK);
	struct task_test_bpf *skel = task_test_bpf__open();

	assert_int_equal(bpfring_task_storage_prepare(skel->obj, "store", &opts),
			 BPFRING_TASK_PATH_FALLBACK);
	assert_int_equal(bpfring_task_storage_prepare(skel->obj, "named", NULL),
			 BPFRING_TASK_PATH_FALLBACK);
	catch_logs();
	log_forget();
	opts.path = BPFRING_TASK_PATH_UPTR;
	assert_int_equal(bpfring_task_storage_prepare(skel->obj, "store", &opts), -EBUSY);
	logged("open the object anew");
	task_test_bpf__destroy(skel);
	assert_int_equal(bind_once(f), 0);
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		TEST(refuses_bad_input),
		TEST(without_privileges),
		TEST(in_a_container),
		TEST(no_slot_is_left),
		TEST(no_descriptor_is_left),
		TEST(no_key_is_left),
		TEST(a_descriptor_that_is_read_only),
		TEST(members_that_are_none),
		TEST(threads_that_are_none),
		TEST(an_object_without_tags),
		TEST(the_fall_back_is_final),
		TEST(prepare_without_privileges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
	return fixture_main(argc, argv, run);
}
