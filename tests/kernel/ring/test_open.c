// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Opening real maps: what is refused, by pin, by id, claims, and processes without privileges. */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel.h"

#define OVERWRITE (1U << 19)
#define PIN	  BPFFS "/pin"

static const char *no_bpffs; /* why */

static void refused(int fd, int err, const char *word, const char *another)
{
	struct bpfring_consumer *c = (void *)&c;
	unsigned int fds = count_fds(), mappings = count_map_mappings();

	log_forget();
	assert_int_equal(bpfring_consumer_open(&c, fd, NULL), err);
	assert_ptr_equal(c, &c); /* written only on success */
	assert_int_equal(count_fds(), fds);
	assert_int_equal(count_map_mappings(), mappings);
	if (log_lines() != 1 || !strstr(log_text(), word) || !strstr(log_text(), another))
		fail_msg("%u log lines, or not '%s' and '%s' in: %s", log_lines(), word, another,
			 log_text());
}

static void other_maps(void **state)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int fd;

	(void)state;
	fd = bpf_map_create(BPF_MAP_TYPE_HASH, "a_hash", 4, 4, 1, NULL);
	refused(fd, -EINVAL, "hash", "a_hash");
	close(fd);
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "an_array", 4, 4, 1, NULL);
	refused(fd, -EINVAL, "array", "an_array");
	close(fd);
	fd = bpf_map_create(BPF_MAP_TYPE_PERF_EVENT_ARRAY, "events", 4, 4, 1, NULL);
	refused(fd, -EINVAL, "perf_event_array", "events");
	close(fd);
	fd = bpf_map_create(BPF_MAP_TYPE_USER_RINGBUF, "commands", 0, 0, (__u32)page, NULL);
	if (fd < 0)
		skip_because("user rings need Linux 6.1");
	refused(fd, -EINVAL, "user_ringbuf", "commands");
	close(fd);
}

static void no_maps(void **state)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int fds[2], fd;

	(void)state;
	fd = bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, "prog", "GPL", insns, 2, NULL);
	assert_true(fd >= 0);
	refused(fd, -EINVAL, "not a BPF map", "fd ");
	close(fd);
	refused(fd, -EBADF, "EBADF", "fd ");
	refused(-1, -EBADF, "EBADF", "fd ");
	assert_int_equal(pipe(fds), 0);
	refused(fds[0], -EINVAL, "not a BPF map", "fd ");
	close(fds[0]);
	close(fds[1]);
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	refused(fd, -EINVAL, "not a BPF map", "fd ");
	close(fd);
}

/* Another descriptor of the map, with the access that it is opened with. */
static int get_by_pin(const char *path, __u32 file_flags)
{
	union bpf_attr attr = {.pathname = (uintptr_t)path, .file_flags = file_flags};

	return (int)syscall(SYS_bpf, BPF_OBJ_GET, &attr, sizeof(attr));
}

static void half_open_descriptors(void **state)
{
	struct ring r;
	int fd;

	(void)state;
	if (no_bpffs)
		skip_because("%s", no_bpffs);
	r = ring_new(4096);
	assert_int_equal(bpf_obj_pin(r.fd, PIN), 0);
	fd = get_by_pin(PIN, BPF_F_RDONLY);
	refused(fd, -EACCES, "read-only", "test_ring");
	close(fd);
	fd = get_by_pin(PIN, BPF_F_WRONLY);
	refused(fd, -EACCES, "write-only", "test_ring");
	close(fd);
	assert_int_equal(unlink(PIN), 0);
	ring_free(&r);
}

static void a_frozen_map(void **state)
{
	struct ring r = ring_new(4096);

	(void)state;
	assert_int_equal(bpf_map_freeze(r.fd), 0);
	refused(r.fd, -EPERM, "frozen", "test_ring");
	ring_free(&r);
}

static void a_map_that_overwrites(void **state)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = OVERWRITE);
	int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "recorder", 0, 0,
				(__u32)sysconf(_SC_PAGESIZE), &opts);

	(void)state;
	if (fd == -EINVAL)
		skip_because("this kernel has no overwrite mode (Linux 6.19)");
	assert_true(fd >= 0);
	refused(fd, -EOPNOTSUPP, "OVERWRITE", "recorder");
	close(fd);
}

static void by_id(void **state)
{
	struct ring r = ring_new(8192);
	struct bpfring_consumer *c = NULL;
	struct expect expect = {0};
	uint32_t id;
	int fd;

	(void)state;
	log_forget();
	put_numbers(&r, 3, 0);
	assert_int_equal(bpfring_consumer_open(&c, r.fd, NULL), 0);
	id = (uint32_t)consumer_stats(c).map_id;
	assert_int_not_equal(id, 0);
	assert_string_equal(consumer_stats(c).map_name, "test_ring");
	assert_int_equal(consumer_stats(c).ring_size, 8192);
	assert_int_not_equal(bpfring_consumer_map_fd(c), r.fd);
	bpfring_consumer_close(c);
	fd = bpf_map_get_fd_by_id(id);
	assert_return_code(fd, -fd);
	assert_int_equal(bpfring_consumer_open(&c, fd, NULL), 0);
	close(fd);
	assert_int_equal(consumer_stats(c).map_id, id);
	assert_int_equal(bpfring_consumer_consume(c, take_number, &expect, NULL, NULL), 3);
	bpfring_consumer_close(c);
	assert_int_equal(bpfring_consumer_open_pinned(&c, BPFFS "/no/such", NULL), -ENOENT);
	assert_int_equal(log_lines(), 1);
	log_forget();
	ring_free(&r);
}

static void by_pin(void **state)
{
	struct ring r;
	struct bpfring_consumer *c = NULL, *other = NULL;
	struct expect expect = {0};

	(void)state;
	if (no_bpffs)
		skip_because("%s", no_bpffs);
	r = ring_new(8192);
	assert_int_equal(bpf_obj_pin(r.fd, PIN), 0);
	put_numbers(&r, 2, 0);
	assert_int_equal(bpfring_consumer_open_pinned(&c, BPFFS "/no.such", NULL), -EPERM);
	assert_non_null(strstr(log_text(), "cannot contain a dot"));
	log_forget();
	assert_int_equal(bpfring_consumer_open_pinned(&c, PIN, NULL), 0);
	assert_int_equal(bpfring_consumer_open(&other, r.fd, NULL), 0);
	assert_int_equal(consumer_stats(c).map_id, consumer_stats(other).map_id);
	bpfring_consumer_close(other);
	assert_int_equal(bpfring_consumer_consume(c, take_number, &expect, NULL, NULL), 2);
	bpfring_consumer_close(c);
	assert_int_equal(unlink(PIN), 0);
	ring_free(&r);
}

/* The consumer has a descriptor of its own. */
static void the_callers_descriptor_may_go(void **state)
{
	struct ring r = ring_new(4096);
	struct bpfring_consumer *c;
	struct expect expect = {0};
	int copy = fcntl(r.fd, F_DUPFD_CLOEXEC, 3);

	(void)state;
	assert_int_equal(bpfring_consumer_open(&c, copy, NULL), 0);
	close(copy);
	put_numbers(&r, 2, 0);
	assert_int_equal(bpfring_consumer_wait(c, -1), 1);
	assert_int_equal(bpfring_consumer_consume(c, take_number, &expect, NULL, NULL), 2);
	bpfring_consumer_close(c);
	ring_free(&r);
}

static int forbid_bpf(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_bpf, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog prog = {ARRAY_SIZE(filter), filter};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0);
}

/* The number of what went wrong; 0: nothing. */
static int as_nobody(const struct ring *r, bool without_bpf)
{
	BPFRING_OPTS(bpfring_consumer_opts, opts, .flags = BPFRING_CONSUMER_EXCLUSIVE);
	struct bpfring_consumer *c = NULL;
	struct bpfring_loop *l = NULL;
	struct expect expect = {0};
	struct bpf_map_info info = {0};
	uint32_t len = sizeof(info);

	bpfring_set_log(NULL);
	if (setgroups(0, NULL) || setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
		return 1;
	prctl(PR_SET_DUMPABLE, 1); /* as in a process that never was root: /proc/self is its own */
	if (without_bpf && forbid_bpf())
		return 2;
	/* before Linux 5.19 the sysctl unprivileged_bpf_disabled forbids even to ask */
	bpf_obj_get_info_by_fd(r->fd, &info, &len);
	if (bpfring_consumer_open(&c, r->fd, &opts))
		return 3;
	if (consumer_stats(c).ring_size != r->size || !consumer_stats(c).map_id)
		return 4;
	if (strcmp(consumer_stats(c).map_name, info.name))
		return 5;
	if (bpfring_consumer_wait(c, -1) != 1)
		return 6;
	if (bpfring_consumer_consume(c, take_number, &expect, NULL, NULL) != 5)
		return 7;
	if (bpfring_loop_new(&l, NULL) || bpfring_loop_add(l, c, take_number, &expect))
		return 8;
	if (bpfring_loop_poll(l, MSEC) != 0)
		return 9;
	bpfring_loop_free(l);
	bpfring_consumer_close(c);
	return 0;
}

static void handed_to_an_unprivileged_process(void **state)
{
	(void)state;
	for (int without_bpf = 0; without_bpf < 2; without_bpf++) {
		struct ring r = ring_new(4096);
		int status;
		pid_t pid;

		put_numbers(&r, 5, 0);
		pid = fork();
		assert_true(pid >= 0);
		if (!pid)
			_exit(as_nobody(&r, without_bpf));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
		ring_free(&r);
	}
}

/* Holds the claim until it is killed. */
static pid_t hold_claim(const struct ring *r)
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		BPFRING_OPTS(bpfring_consumer_opts, opts, .flags = BPFRING_CONSUMER_EXCLUSIVE);
		struct bpfring_consumer *c;

		byte = bpfring_consumer_open(&c, r->fd, &opts) ? 'n' : 'y';
		if (write(ready[1], &byte, 1) == 1)
			pause();
		_exit(1);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(byte, 'y');
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void an_exclusive_claim(void **state)
{
	BPFRING_OPTS(bpfring_consumer_opts, opts, .flags = BPFRING_CONSUMER_EXCLUSIVE);
	struct ring r = ring_new(4096), other = ring_new(4096);
	struct bpfring_consumer *c = NULL, *second = NULL;
	int status;

	(void)state;
	for (int i = 0; i < 5; i++) {
		pid_t holder = hold_claim(&r);

		log_forget();
		assert_int_equal(bpfring_consumer_open(&c, r.fd, &opts), -EBUSY);
		assert_int_equal(log_lines(), 1);
		assert_non_null(strstr(log_text(), "test_ring"));
		/* another map is another claim */
		assert_int_equal(bpfring_consumer_open(&c, other.fd, &opts), 0);
		bpfring_consumer_close(c);
		kill(holder, SIGKILL);
		assert_int_equal(waitpid(holder, &status, 0), holder);
		assert_int_equal(bpfring_consumer_open(&c, r.fd, &opts), 0);
		assert_int_equal(bpfring_consumer_open(&second, r.fd, &opts), -EBUSY);
		bpfring_consumer_close(c);
	}
	log_forget();
	ring_free(&other);
	ring_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(other_maps),
		cmocka_unit_test(no_maps),
		cmocka_unit_test(half_open_descriptors),
		cmocka_unit_test(a_frozen_map),
		cmocka_unit_test(a_map_that_overwrites),
		cmocka_unit_test(by_id),
		cmocka_unit_test(by_pin),
		cmocka_unit_test(the_callers_descriptor_may_go),
		cmocka_unit_test(handed_to_an_unprivileged_process),
		cmocka_unit_test(an_exclusive_claim),
	};
	const char *cannot = kernel_open();
	int failed;

	no_bpffs = own_bpffs();
	if (cannot) {
		printf("skipped: %s\n", cannot);
		return 77;
	}
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	kernel_close();
	return failed;
}
