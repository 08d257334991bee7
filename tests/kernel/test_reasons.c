// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Opening what cannot be opened: the error and the reason in the log have to be true. Objects that
 * are not loaded yet, descriptors of other things, and processes without bpf() (a seccomp filter)
 * or without /proc (a chroot).
 */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "everything.h"
#include "ops.skel.h"
#include "task_test.h"
#include "task_test.skel.h"
#include "user.h"
#include "user.skel.h"

static struct everything e;

/* All that opens a map by its descriptor; what was opened is closed again. */
struct opener {
	const char *name;
	int (*open)(int fd);
};

static int open_consumer(int fd)
{
	struct bpfring_consumer *c = NULL;
	int err = bpfring_consumer_open(&c, fd, NULL);

	bpfring_consumer_close(c);
	return err;
}

static int open_producer(int fd)
{
	struct bpfring_producer *p = NULL;
	int err = bpfring_producer_open(&p, fd, NULL);

	bpfring_producer_close(p);
	return err;
}

static int open_task_storage(int fd)
{
	struct bpfring_task_storage *ts = NULL;
	int err = bpfring_task_storage_open(&ts, fd, NULL);

	bpfring_task_storage_close(ts);
	return err;
}

static int open_struct_ops(int fd)
{
	struct bpfring_struct_ops *ops = NULL;
	int err = bpfring_struct_ops_open(&ops, fd, NULL);

	bpfring_struct_ops_close(ops);
	return err;
}

static const struct opener openers[] = {
	{"consumer", open_consumer},
	{"producer", open_producer},
	{"task storage", open_task_storage},
	{"struct_ops", open_struct_ops},
};

/* The error, and one line that has this in it. */
static void expect(const char *what, int err, int wanted, const char *words)
{
	if (err != wanted || log_lines() != (wanted ? 1 : 0) || !strstr(log_text(), words))
		fail_msg("%s: %s, not %s; no '%s' in %u lines: %s", what, bpfring_errname(err),
			 bpfring_errname(wanted), words, log_lines(), log_text());
	log_forget();
}

static void every_opener(int fd, int wanted, const char *words)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(openers); i++)
		expect(openers[i].name, openers[i].open(fd), wanted, words);
}

static void before_load(void **state)
{
	BPFRING_OPTS(bpfring_producer_opts, opts);
	struct task_test_bpf *skel = task_test_bpf__open();
	struct bpfring_task_storage *ts;
	struct bpfring_producer *p;

	(void)state;
	assert_non_null(skel);
	every_opener(bpf_map__fd(skel->maps.named), -EBADF, "is the object loaded?");
	every_opener(bpf_map__fd(NULL), -EBADF, "is the object loaded?");
	expect("map", bpfring_task_storage_open(&ts, bpf_map__fd(skel->maps.named), NULL), -EBADF,
	       "is the object loaded?");
	expect("object", bpfring_task_storage_open_object(&ts, skel->obj, "named", NULL), -EBADF,
	       "is the object loaded?");
	expect("pin", bpfring_task_storage_pin(skel->obj, "named", BPFFS "/named"), -EBADF,
	       "is the object loaded?");
	opts.kick_prog_fd = bpf_program__fd(skel->progs.store_bind);
	assert_true(opts.kick_prog_fd < 0);
	expect("kick", bpfring_producer_open(&p, e.ring_fd, &opts), -EINVAL,
	       "is the object loaded?");
	task_test_bpf__destroy(skel);
}

static void other_descriptors(void **state)
{
	int memfd = memfd_create("libbpf-placeholder-fd", MFD_CLOEXEC);
	int pipes[2], closed = fcntl(0, F_DUPFD_CLOEXEC, 500);

	(void)state;
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	close(closed);
	every_opener(closed, -EBADF, "it is not open");
	/* what newer versions of libbpf give out for a map that is not created */
	every_opener(memfd, -EINVAL, "autocreate");
	every_opener(pipes[0], -EINVAL, "is not a BPF map");
	close(memfd);
	close(pipes[0]);
	close(pipes[1]);
	if (!e.user)
		skip_because("no BPF program can be loaded");
	every_opener(bpf_program__fd(e.user->progs.drain), -EINVAL, "is not a BPF map");
}

static int refusal; /* what bpf() gives in the child */

static void without_bpf(int err)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_bpf, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned int)err),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog prog = {.len = ARRAY_SIZE(filter), .filter = filter};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, 2, &prog))
		_exit(77);
}

static void without_proc(void)
{
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", "/proc", "tmpfs", 0, NULL))
		_exit(77);
}

/* In a child that has lost bpf(), with this error, or /proc, or both. */
static void confined(int bpf_error, bool proc, void (*fn)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		if (!proc)
			without_proc();
		refusal = bpf_error;
		if (bpf_error)
			without_bpf(bpf_error);
		log_forget();
		fn();
		_exit(0);
	}
	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip_because("this user cannot be confined");
	assert_int_equal(status, 0);
}

#define CHILD_EXPECT(what, err, wanted, words)                                         \
	do {                                                                           \
		int err_ = (err);                                                      \
		if (err_ != (wanted) || !strstr(log_text(), (words))) {                \
			dprintf(2, "%s: %s, not %s; no '%s' in: %s\n", what,           \
				bpfring_errname(err_), bpfring_errname(wanted), words, \
				log_text());                                           \
			_exit(1);                                                      \
		}                                                                      \
		log_forget();                                                          \
	} while (0)

/* A process that was handed descriptors needs neither. */
static void rings_open(void)
{
	CHILD_EXPECT("consumer", open_consumer(e.ring_fd), 0, "");
	if (e.user)
		CHILD_EXPECT("producer", open_producer(bpf_map__fd(e.user->maps.user)), 0, "");
}

static void others_are_refused(void)
{
	int pipes[2];

	if (pipe2(pipes, O_CLOEXEC))
		_exit(1);
	for (unsigned int i = 0; i < ARRAY_SIZE(openers); i++) {
		CHILD_EXPECT(openers[i].name, openers[i].open(pipes[0]), -EINVAL,
			     "is not a BPF map");
		/* The number of a program's type is that of some map. */
		if (e.user)
			CHILD_EXPECT(openers[i].name,
				     openers[i].open(bpf_program__fd(e.user->progs.drain)), -EINVAL,
				     "is not a BPF map");
	}
}

static void programs_kick(void)
{
	BPFRING_OPTS(bpfring_producer_opts, opts);
	struct bpfring_producer *p = NULL;

	if (!e.user)
		return;
	opts.kick_prog_fd = bpf_program__fd(e.user->progs.drain);
	CHILD_EXPECT("kick", bpfring_producer_open(&p, bpf_map__fd(e.user->maps.user), &opts), 0,
		     "");
	bpfring_producer_close(p);
	opts.kick_prog_fd = bpf_map__fd(e.user->maps.user); /* by mistake */
	CHILD_EXPECT("kick", bpfring_producer_open(&p, bpf_map__fd(e.user->maps.user), &opts),
		     -EINVAL, "must be a SEC(\"syscall\") program");
}

static void without_proc_there_is_bpf(void **state)
{
	(void)state;
	confined(0, false, rings_open);
	confined(0, false, others_are_refused);
	confined(0, false, programs_kick);
}

/* It opens, for somebody else may drain, but it cannot kick. */
static void no_kick_without_bpf(void)
{
	BPFRING_OPTS(bpfring_producer_opts, opts);
	struct bpfring_producer *p = NULL;

	if (!e.user)
		return;
	opts.kick_prog_fd = bpf_program__fd(e.user->progs.drain);
	CHILD_EXPECT("kick", bpfring_producer_open(&p, bpf_map__fd(e.user->maps.user), &opts), 0,
		     "");
	CHILD_EXPECT("kick", bpfring_producer_kick(p), -refusal, "this process");
	bpfring_producer_close(p);
}

static void no_names_without_bpf(void)
{
	struct bpfring_consumer *c;
	struct bpfring_producer *p;
	struct bpfring_struct_ops *ops;
	struct bpfring_task_storage *ts;

	CHILD_EXPECT("pin", bpfring_consumer_open_pinned(&c, BPFFS "/x", NULL), -refusal,
		     "seccomp");
	CHILD_EXPECT("pin", bpfring_producer_open_pinned(&p, BPFFS "/x", NULL), -refusal,
		     "seccomp");
	CHILD_EXPECT("pin", bpfring_struct_ops_open_pinned(&ops, BPFFS "/x", NULL), -refusal,
		     "seccomp");
	CHILD_EXPECT("pin", bpfring_task_storage_open_pinned(&ts, BPFFS "/x", NULL), -refusal,
		     "seccomp");
}

/* The other kinds of maps need bpf() for more than their identity. */
static void maps_that_need_bpf(void)
{
	if (e.task)
		CHILD_EXPECT("task storage", open_task_storage(bpf_map__fd(e.task->maps.named)),
			     -refusal, "this process may not call bpf()");
	if (e.ops && bpfring_struct_ops_map_fd(e.ops) >= 0)
		CHILD_EXPECT("struct_ops", open_struct_ops(bpfring_struct_ops_map_fd(e.ops)),
			     -refusal, "this process may not call bpf()");
}

static void without_bpf_there_is_proc(void **state)
{
	static const int errors[] = {EPERM, ENOSYS, EACCES};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(errors); i++) {
		confined(errors[i], true, rings_open);
		confined(errors[i], true, others_are_refused);
		confined(errors[i], true, no_kick_without_bpf);
		confined(errors[i], true, no_names_without_bpf);
		confined(errors[i], true, maps_that_need_bpf);
	}
}

static void nothing_opens(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(openers); i++)
		CHILD_EXPECT(openers[i].name, openers[i].open(e.ring_fd), -refusal,
			     "is /proc mounted?");
}

static void without_both_there_is_nothing(void **state)
{
	static const int errors[] = {EPERM, ENOSYS, EACCES};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(errors); i++)
		confined(errors[i], false, nothing_opens);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(before_load),
		cmocka_unit_test(other_descriptors),
		cmocka_unit_test(without_proc_there_is_bpf),
		cmocka_unit_test(without_bpf_there_is_proc),
		cmocka_unit_test(without_both_there_is_nothing),
	};
	int failed;

	own_bpffs();
	catch_logs();
	everything_load(&e);
	everything_open(&e);
	/* they would be in the way: of its claim, and as the process's handle of the map */
	bpfring_producer_close(e.producer);
	bpfring_names_close(e.names);
	bpfring_task_storage_close(e.ts);
	e.producer = NULL;
	e.names = NULL;
	e.ts = NULL;
	if (e.ring_fd < 0) {
		puts("skipped: no ring can be made here");
		return 77;
	}
	log_forget();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	everything_close(&e);
	return failed;
}
