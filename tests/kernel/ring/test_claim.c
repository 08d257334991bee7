// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Claims: who can keep others from one, who cannot, and when they end. */
#define _FILE_OFFSET_BITS 64
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "kernel.h"

/* Either end of a ring; 0 or the error of opening it with the claim. */
struct handle {
	struct bpfring_consumer *c;
	struct bpfring_producer *p;
};

struct end {
	const char *name;
	uint32_t type;
	int fd;
};

static int claim(const struct end *end, struct handle *ret)
{
	BPFRING_OPTS(bpfring_consumer_opts, opts, .flags = BPFRING_CONSUMER_EXCLUSIVE);

	*ret = (struct handle){0};
	return end->type == BPF_MAP_TYPE_RINGBUF ? bpfring_consumer_open(&ret->c, end->fd, &opts)
						 : bpfring_producer_open(&ret->p, end->fd, NULL);
}

static void drop(struct handle *handle)
{
	bpfring_consumer_close(handle->c);
	bpfring_producer_close(handle->p);
}

/* Is it free? Leaves it so. */
static bool is_free(const struct end *end)
{
	struct handle handle;
	int err = claim(end, &handle);

	if (err && err != -EBUSY)
		fail_msg("%s: %s", end->name, bpfring_errname(err));
	drop(&handle);
	return !err;
}

/* A child that does something, says so and waits to be told to end. */
struct child {
	pid_t pid;
	int says, hears;
};

static struct child child_new(int (*fn)(void *ctx), void *ctx)
{
	struct child child;
	int up[2], down[2];
	char byte = 'n';

	assert_int_equal(pipe(up), 0);
	assert_int_equal(pipe(down), 0);
	fflush(NULL);
	child.pid = fork();
	assert_true(child.pid >= 0);
	if (!child.pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		bpfring_set_log(NULL);
		byte = fn(ctx) ? 'n' : 'y';
		if (write(up[1], &byte, 1) == 1 && read(down[0], &byte, 1) == 1)
			_exit(0);
		_exit(1);
	}
	close(up[1]);
	close(down[0]);
	child.says = up[0];
	child.hears = down[1];
	assert_int_equal(read(child.says, &byte, 1), 1);
	assert_int_equal(byte, 'y');
	return child;
}

static void child_end(const struct child *child, int signal)
{
	int status;

	if (signal)
		kill(child->pid, signal);
	else
		assert_int_equal(write(child->hears, "", 1), 1);
	assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
	close(child->says);
	close(child->hears);
}

static int hold(void *ctx)
{
	struct handle handle;

	return claim(ctx, &handle);
}

static int become_nobody(void)
{
	return setgroups(0, NULL) || setresgid(65534, 65534, 65534) ||
	       setresuid(65534, 65534, 65534);
}

/* Locks a range of the inode of anonymous files, as anybody can, but for bytes that others have. */
static int lock(int fd, short type, off_t start, off_t size)
{
	struct flock range = {
		.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = size};

	if (!fcntl(fd, F_OFD_SETLK, &range))
		return 0;
	if (errno != EAGAIN)
		return 1;
	return size > 1 && (lock(fd, type, start, size / 2) ||
			    lock(fd, type, start + size / 2, size - size / 2));
}

static int besiege(void *ctx)
{
	(void)ctx;
	return become_nobody() || lock(eventfd(0, EFD_CLOEXEC), F_WRLCK, 0, INT64_MAX);
}

static int besiege_by_reading(void *ctx)
{
	(void)ctx;
	return become_nobody() || lock(eventfd(0, EFD_CLOEXEC), F_RDLCK, 0, INT64_MAX);
}

#define MOST_LOCKS 4096

/* Bytes that anybody can see locked. */
static struct bytes {
	off_t at[MOST_LOCKS];
	size_t count;
} before;

static bool has(const struct bytes *bytes, off_t byte)
{
	for (size_t i = 0; i < bytes->count; i++)
		if (bytes->at[i] == byte)
			return true;
	return false;
}

static void read_locks(struct bytes *ret)
{
	FILE *locks = fopen("/proc/locks", "re");
	long long start, last;
	char line[256];

	ret->count = 0;
	while (locks && ret->count < MOST_LOCKS && fgets(line, sizeof(line), locks)) {
		const char *range = strrchr(line, ':');

		if (strstr(line, "OFDLCK") && range &&
		    sscanf(range, ":%*u %lld %lld", &start, &last) == 2 && start == last)
			ret->at[ret->count++] = (off_t)start;
	}
	if (locks)
		fclose(locks);
}

static void lie_in_wait_for(off_t byte)
{
	struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};

	if (fork())
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fcntl(eventfd(0, EFD_CLOEXEC), F_OFD_SETLKW, &range);
	pause();
	_exit(0);
}

/* Waits for every byte that was locked since, to lock it as soon as it is free. */
static int lie_in_wait(void *ctx)
{
	static struct bytes now;
	int waiting = 0;

	(void)ctx;
	if (become_nobody())
		return 1;
	read_locks(&now);
	for (size_t i = 0; i < now.count; i++) {
		if (has(&before, now.at[i]))
			continue;
		lie_in_wait_for(now.at[i]);
		waiting++;
	}
	usleep(100000);
	return !waiting; /* there must be that of the claim at least */
}

static struct end ends[2];

#define for_each_end(end) \
	for (struct end *end = ends; end < ends + ARRAY_SIZE(ends) && end->fd > 0; end++)

static void one_at_a_time(void **state)
{
	(void)state;
	for_each_end(end)
	{
		for (int i = 0; i < 5; i++) {
			struct child holder = child_new(hold, end);
			struct handle handle;

			assert_false(is_free(end));
			child_end(&holder, i % 2 ? SIGKILL : 0);
			assert_int_equal(claim(end, &handle), 0);
			assert_false(is_free(end));
			drop(&handle);
			assert_true(is_free(end));
		}
		log_forget();
	}
}

/* A stranger locks the whole inode: before a claim is taken, or while it is held. */
static void a_siege(void **state)
{
	static int (*const sieges[])(void *ctx) = {besiege, besiege_by_reading};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sieges); i++) {
		for_each_end(end)
		{
			struct child stranger = child_new(sieges[i], NULL), holder;
			struct handle handle;

			log_forget();
			assert_int_equal(claim(end, &handle), 0);
			if (log_lines() != 1 || !strstr(log_text(), "/proc/locks"))
				fail_msg("%s: not one warning: %s", end->name, log_text());
			/* still one at a time */
			assert_false(is_free(end));
			drop(&handle);
			assert_true(is_free(end));
			holder = child_new(hold, end);
			assert_false(is_free(end));
			child_end(&holder, SIGKILL);
			assert_true(is_free(end));
			/* taken in the siege, kept behind it */
			holder = child_new(hold, end);
			child_end(&stranger, SIGKILL);
			assert_false(is_free(end));
			child_end(&holder, SIGKILL);
			log_forget();
			assert_true(is_free(end));
			assert_int_equal(log_lines(), 0);
		}
	}
}

/* The holder is killed, and a stranger has waited for that to lock the very byte. */
static void a_stranger_who_waits(void **state)
{
	(void)state;
	for_each_end(end)
	{
		for (int killed = 0; killed < 2; killed++) {
			struct child holder, stranger;
			struct handle handle;

			read_locks(&before);
			holder = child_new(hold, end);
			stranger = child_new(lie_in_wait, NULL);
			child_end(&holder, killed ? SIGKILL : 0);
			usleep(20000);
			log_forget();
			assert_int_equal(claim(end, &handle), 0);
			if (log_lines() != 1 || !strstr(log_text(), "stranger"))
				fail_msg("%s: not one warning: %s", end->name, log_text());
			assert_false(is_free(end));
			drop(&handle);
			log_forget();
			assert_true(is_free(end));
			assert_int_equal(log_lines(), 0);
			child_end(&stranger, SIGKILL);
		}
	}
}

static int wait_for_signal(void *ctx)
{
	(void)ctx;
	return 0;
}

/*
 * A child that was forked while it was held has the descriptor, and must not keep the claim by it.
 */
static void a_forked_child(void **state)
{
	(void)state;
	for_each_end(end)
	{
		struct handle handle;
		struct child child;

		/* the parent closes */
		assert_int_equal(claim(end, &handle), 0);
		child = child_new(wait_for_signal, NULL);
		drop(&handle);
		log_forget();
		assert_true(is_free(end));
		assert_int_equal(log_lines(), 0);
		child_end(&child, SIGKILL);
	}
}

static int fork_and_hold(void *ctx)
{
	if (hold(ctx))
		return 1;
	if (!fork()) {
		prctl(PR_SET_PDEATHSIG, 0);
		usleep(500000);
		_exit(0);
	}
	return 0;
}

/* The parent is killed, its child lives on. */
static void an_orphan(void **state)
{
	(void)state;
	for_each_end(end)
	{
		struct child holder = child_new(fork_and_hold, end);

		assert_false(is_free(end));
		child_end(&holder, SIGKILL);
		assert_true(is_free(end));
		log_forget();
	}
}

static struct handle inherited;

static int close_inherited(void *ctx)
{
	(void)ctx;
	drop(&inherited);
	return 0;
}

/* A child that closes what it inherited ends nothing of its parent's. */
static void a_child_that_closes(void **state)
{
	(void)state;
	for_each_end(end)
	{
		struct child child;

		assert_int_equal(claim(end, &inherited), 0);
		child = child_new(close_inherited, NULL);
		assert_false(is_free(end));
		child_end(&child, 0);
		assert_false(is_free(end));
		drop(&inherited);
		assert_true(is_free(end));
		log_forget();
	}
}

static int hold_in_another_namespace(void *ctx)
{
	struct handle handle;
	int status, ready[2];
	char byte = 'n';
	pid_t pid;

	if (pipe(ready) || unshare(CLONE_NEWPID))
		return 1;
	pid = fork(); /* the first in it */
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		byte = claim(ctx, &handle) ? 'n' : 'y';
		if (write(ready[1], &byte, 1) == 1)
			pause();
		_exit(1);
	}
	status = read(ready[0], &byte, 1) == 1 && byte == 'y' ? 0 : 1;
	return status;
}

/* Containers see each other's claims. */
static void across_pid_namespaces(void **state)
{
	(void)state;
	for_each_end(end)
	{
		struct child holder = child_new(hold_in_another_namespace, end);

		assert_false(is_free(end));
		child_end(&holder, SIGKILL);
		for (int i = 0; i < 100 && !is_free(end); i++)
			usleep(10000); /* its child dies of it */
		assert_true(is_free(end));
		log_forget();
	}
}

/* Two at the same moment: one of them gets it. */
static int race(void *ctx)
{
	struct handle handle;
	int won = 0;

	for (int64_t until = monotonic() + 10000 * MSEC; won < 100 && monotonic() < until;) {
		int err = claim(ctx, &handle);
		atomic_int *holders = (void *)((struct end *)ctx)->name;

		if (err == -EBUSY)
			continue;
		if (err)
			return 2;
		if (atomic_fetch_add(holders, 1))
			return 3;
		won++;
		sched_yield();
		atomic_fetch_sub(holders, 1);
		drop(&handle);
	}
	return won < 100;
}

static void races(void **state)
{
	atomic_int *holders =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	(void)state;
	for_each_end(end)
	{
		struct end copy = *end;
		pid_t pids[3];
		int status;

		copy.name = (void *)holders;
		for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
			pids[i] = fork();
			if (!pids[i]) {
				bpfring_set_log(NULL);
				_exit(race(&copy));
			}
		}
		for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
			assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
			if (status)
				fail_msg("%s: a racer ended with %d", end->name,
					 WEXITSTATUS(status));
		}
	}
	munmap(holders, 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_at_a_time),
		cmocka_unit_test(a_siege),
		cmocka_unit_test(a_stranger_who_waits),
		cmocka_unit_test(a_forked_child),
		cmocka_unit_test(an_orphan),
		cmocka_unit_test(a_child_that_closes),
		cmocka_unit_test(across_pid_namespaces),
		cmocka_unit_test(races),
	};
	const __u32 page = (__u32)sysconf(_SC_PAGESIZE);

	catch_logs();
	ends[0] = (struct end){"consumer", BPF_MAP_TYPE_RINGBUF,
			       bpf_map_create(BPF_MAP_TYPE_RINGBUF, "events", 0, 0, page, NULL)};
	ends[1] = (struct end){
		"producer", BPF_MAP_TYPE_USER_RINGBUF,
		bpf_map_create(BPF_MAP_TYPE_USER_RINGBUF, "commands", 0, 0, page, NULL)};
	if (ends[0].fd < 0 || geteuid()) {
		printf("skipped: cannot create a ring buffer, or not root\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
