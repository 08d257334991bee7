// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* The system calls as the rest of the library relies on them, on the true system. */
#define _GNU_SOURCE
#include "base/fd.h"
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sys_errno.h"
#include "unit.h"

#define SEC 1000000000LL

static void assert_private(int fd, bool blocks)
{
	assert_true(fd >
		    2); /* a daemon may have closed the three below: what it prints is not for us */
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(!(fcntl(fd, F_GETFL) & O_NONBLOCK), blocks);
	bpfring_sys_close(fd);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void descriptors_are_not_inherited_and_do_not_block(void **state)
{
	(void)state;
	assert_private(bpfring_sys_dup(1), !(fcntl(1, F_GETFL) & O_NONBLOCK));
	assert_private(bpfring_sys_open("/dev/null"), true);
	assert_private(bpfring_sys_eventfd(), false);
	assert_private(bpfring_sys_timerfd(), false);
	assert_private(bpfring_sys_epoll(), true);
}

static void errors_are_negative_numbers(void **state)
{
	void *page = &page, *const before = page;
	struct epoll_event event;
	char buf[8];
	uint32_t type = 77;

	(void)state;
	assert_int_equal(bpfring_sys_dup(-1), -EBADF);
	assert_int_equal(bpfring_sys_open("/nowhere"), -ENOENT);
	assert_int_equal(bpfring_sys_read(-1, buf, sizeof(buf)), -EBADF);
	assert_int_equal(bpfring_sys_mmap(&page, 4096, PROT_READ, MAP_SHARED, -1, 0), -EBADF);
	assert_ptr_equal(page, before);
	assert_int_equal(bpfring_sys_wipe_on_fork((void *)1, 1), -EINVAL);
	assert_int_equal(bpfring_sys_lock_byte(-1, 0), -EBADF);
	assert_int_equal(bpfring_sys_epoll_add(-1, 0, EPOLLIN, NULL), -EBADF);
	assert_int_equal(bpfring_sys_epoll_del(-1, 0), -EBADF);
	assert_int_equal(bpfring_sys_epoll_wait(-1, &event, 1, 0), -EBADF);
	assert_int_equal(bpfring_sys_epoll_wait(-1, &event, 1, -1), -EBADF);
	assert_int_equal(bpfring_sys_epoll_wait(-1, &event, 1, 1), -EBADF);
	assert_int_equal(bpfring_sys_timerfd_set(-1, 1), -EBADF);
	assert_int_equal(bpfring_sys_prog_type(987654, &type), -EBADF);
	assert_int_equal(bpfring_fd_prog_type(987654, &type), -EBADF);
	assert_int_equal(bpfring_fd_prog_type(0, &type), -EINVAL); /* open, and no program */
	assert_int_equal(type, 77);
	assert_false(bpfring_sys_readable(-1));
}

static void files_are_the_same_by_device_and_inode(void **state)
{
	int a = bpfring_sys_eventfd(), b = bpfring_sys_eventfd();
	int null = bpfring_sys_open("/dev/null"), zero = bpfring_sys_open("/dev/zero");
	int proc = bpfring_sys_open("/proc"), sys = bpfring_sys_open("/sys");

	(void)state;
	assert_int_equal(bpfring_sys_same_inode(a, b), 1); /* of which claims make use */
	assert_int_equal(bpfring_sys_same_inode(null, zero), 0);
	assert_int_equal(bpfring_sys_same_inode(proc, sys), 0); /* both have number 1 */
	assert_int_equal(bpfring_sys_same_inode(-1, a), -EBADF);
	assert_int_equal(bpfring_sys_same_inode(a, -1), -EBADF);
	for (size_t i = 0; i < 6; i++)
		bpfring_sys_close((const int[]){a, b, null, zero, proc, sys}[i]);
}

static void a_byte_is_locked_once(void **state)
{
	const uint64_t byte = (1ULL << 62) + ((uint64_t)getpid() << 8); /* of nobody else */
	int a = bpfring_sys_eventfd(), b = bpfring_sys_eventfd();

	(void)state;
	assert_int_equal(bpfring_sys_lock_byte(a, byte), 0);
	assert_int_equal(bpfring_sys_lock_byte(a, byte), 0);
	assert_int_equal(bpfring_sys_lock_byte(b, byte), -EAGAIN);
	assert_int_equal(bpfring_sys_lock_byte(b, byte + 1), 0); /* one byte, no more */
	assert_int_equal(bpfring_sys_lock_byte(b, byte - 1), 0);
	assert_int_equal(bpfring_sys_lock_byte(b, (uint32_t)byte), 0); /* the upper half counts */
	bpfring_sys_close(a);
	assert_int_equal(bpfring_sys_lock_byte(b, byte), 0);
	bpfring_sys_close(b);
}

static int pipe_of_handler;

static void write_one(int sig)
{
	(void)sig;
	if (write(pipe_of_handler, "x", 1) != 1)
		abort();
}

static void *interrupt_soon(void *thread)
{
	usleep(20000);
	pthread_kill(*(pthread_t *)thread, SIGUSR1);
	return NULL;
}

static void a_signal_does_not_end_a_read(void **state)
{
	const struct sigaction action = {.sa_handler = write_one}; /* no SA_RESTART */
	pthread_t self = pthread_self(), thread;
	struct sigaction before;
	int fds[2];
	char c = 0;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	pipe_of_handler = fds[1];
	assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
	assert_int_equal(pthread_create(&thread, NULL, interrupt_soon, &self), 0);
	assert_int_equal(bpfring_sys_read(fds[0], &c, 1), 1);
	assert_int_equal(c, 'x');
	pthread_join(thread, NULL);
	sigaction(SIGUSR1, &before, NULL);
	close(fds[1]);
	assert_int_equal(bpfring_sys_read(fds[0], &c, 1), 0);
	close(fds[0]);
}

static void an_event_is_set_and_cleared(void **state)
{
	int fd = bpfring_sys_eventfd();

	(void)state;
	assert_false(bpfring_sys_readable(fd));
	bpfring_sys_eventfd_clear(fd); /* does not wait for it */
	errno = EDOM;
	bpfring_sys_eventfd_set(fd);
	bpfring_sys_eventfd_set(fd);
	assert_int_equal(errno, EDOM);
	assert_true(bpfring_sys_readable(fd));
	bpfring_sys_eventfd_clear(fd);
	assert_false(bpfring_sys_readable(fd));
	/* full: stays as it is, and says nothing */
	assert_int_equal(eventfd_write(fd, UINT64_MAX - 1), 0);
	errno = EDOM;
	bpfring_sys_eventfd_set(fd);
	assert_int_equal(errno, EDOM);
	assert_true(bpfring_sys_readable(fd));
	bpfring_sys_close(fd);
}

static void a_timer_is_set_to_a_moment(void **state)
{
	int fd = bpfring_sys_timerfd();
	struct itimerspec left;

	(void)state;
	assert_int_equal(bpfring_sys_timerfd_set(fd, bpfring_sys_now() + 100 * SEC + SEC / 2), 0);
	assert_false(bpfring_sys_readable(fd));
	assert_int_equal(timerfd_gettime(fd, &left), 0);
	assert_in_range(left.it_value.tv_sec, 50, 100);
	assert_int_equal(bpfring_sys_timerfd_set(fd, bpfring_sys_now() - 1), 0);
	assert_true(bpfring_sys_readable(fd));
	assert_int_equal(bpfring_sys_timerfd_set(fd, 0), 0); /* takes back what has expired, too */
	assert_false(bpfring_sys_readable(fd));
	assert_int_equal(timerfd_gettime(fd, &left), 0);
	assert_int_equal(left.it_value.tv_sec, 0);
	assert_int_equal(left.it_value.tv_nsec, 0);
	bpfring_sys_close(fd);
}

static void waiting_for_events(void **state)
{
	int epoll = bpfring_sys_epoll(), fd = bpfring_sys_eventfd(), other = bpfring_sys_eventfd();
	struct epoll_event events[2];

	(void)state;
	assert_int_equal(bpfring_sys_epoll_add(epoll, fd, EPOLLIN, &fd), 0);
	assert_int_equal(bpfring_sys_epoll_add(epoll, fd, EPOLLIN, &fd), -EEXIST);
	assert_int_equal(bpfring_sys_epoll_add(epoll, other, EPOLLIN, &other), 0);
	assert_int_equal(bpfring_sys_epoll_wait(epoll, events, 2, 0), 0); /* does not wait */
	bpfring_sys_eventfd_set(fd);
	for (int wait = -1; wait <= 0; wait++) {
		assert_int_equal(bpfring_sys_epoll_wait(epoll, events, 2, wait), 1);
		assert_ptr_equal(events[0].data.ptr, &fd);
		assert_int_equal(events[0].events, EPOLLIN);
	}
	bpfring_sys_eventfd_set(other);
	assert_int_equal(bpfring_sys_epoll_wait(epoll, events, 1, 0), 1);
	assert_int_equal(bpfring_sys_epoll_wait(epoll, events, 2, 0), 2);
	assert_int_equal(bpfring_sys_epoll_del(epoll, fd), 0);
	assert_int_equal(bpfring_sys_epoll_del(epoll, fd), -ENOENT);
	assert_int_equal(bpfring_sys_epoll_wait(epoll, events, 2, 0), 1);
	assert_ptr_equal(events[0].data.ptr, &other);
	bpfring_sys_close(fd);
	bpfring_sys_close(other);
	bpfring_sys_close(epoll);
}

static void *set_and_wake(void *arg)
{
	uint32_t *word = arg;

	usleep(10000);
	__atomic_store_n(word, 1, __ATOMIC_SEQ_CST);
	bpfring_sys_futex_wake(word);
	return NULL;
}

static void waiting_for_a_word(void **state)
{
	int64_t start = bpfring_sys_now();
	uint32_t word = 0;
	pthread_t thread;

	(void)state;
	bpfring_sys_futex_wait(&word, 1, INT64_MAX); /* it is not 1 */
	bpfring_sys_futex_wait(&word, 0, start + 3 * MSEC);
	assert_true(bpfring_sys_now() >= start + 3 * MSEC);
	bpfring_sys_futex_wait(&word, 0, start); /* over */
	assert_int_equal(pthread_create(&thread, NULL, set_and_wake, &word), 0);
	while (!__atomic_load_n(&word, __ATOMIC_SEQ_CST))
		bpfring_sys_futex_wait(&word, 0, INT64_MAX);
	pthread_join(thread, NULL);
}

static void clocks_and_numbers(void **state)
{
	struct timespec from, to;
	cpu_set_t before, one;
	int64_t now;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &from);
	now = bpfring_sys_now();
	clock_gettime(CLOCK_MONOTONIC, &to);
	assert_true(now >= from.tv_sec * SEC + from.tv_nsec);
	assert_true(now <= to.tv_sec * SEC + to.tv_nsec);
	assert_int_equal(bpfring_sys_page_size(), sysconf(_SC_PAGESIZE));
	if (sizeof(long) == 8)
		assert_int_equal(bpfring_sys_kernel_word_size(), 8);
	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &before))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
		assert_int_equal(bpfring_sys_cpu(), cpu);
	}
	sched_setaffinity(0, sizeof(before), &before);
}

static void memory(void **state)
{
	size_t size = bpfring_sys_page_size();
	int fd = memfd_create("sys", MFD_CLOEXEC), status;
	unsigned char *zeroed = bpfring_sys_alloc(1000);
	char *page, *second;
	pid_t pid;

	(void)state;
	assert_non_null(zeroed);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(zeroed[i], 0);
	bpfring_sys_free(zeroed);
	bpfring_sys_free(NULL);
	assert_int_equal(ftruncate(fd, (off_t)(2 * size)), 0);
	assert_int_equal(pwrite(fd, "2nd", 3, (off_t)size), 3);
	assert_int_equal(bpfring_sys_mmap((void **)&second, size, PROT_READ, MAP_SHARED, fd, size),
			 0);
	assert_memory_equal(second, "2nd", 3); /* the offset counts */
	bpfring_sys_munmap(second, size);
	assert_int_equal(msync(second, size, MS_ASYNC), -1); /* gone */
	close(fd);
	assert_int_equal(bpfring_sys_mmap((void **)&page, size, PROT_READ | PROT_WRITE,
					  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
			 0);
	*page = 1;
	assert_int_equal(bpfring_sys_wipe_on_fork(page, size), 0);
	pid = fork();
	if (!pid)
		_exit(*page);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(*page, 1);
	bpfring_sys_munmap(page, size);
}

/* A number of the line of /proc/PID/stat, behind a name that may hold anything. */
static void when_a_process_began(void **state)
{
	static const struct {
		const char *text;
		int err;
		uint64_t started;
	} cases[] = {
		{"1 (a) S 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 2200 23 24\n", 0, 2200},
		{"1 (a b) c) 3 S) S 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23\n", 0,
		 22},
		{"1 (a) S 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21\n", -EINVAL, 0},
		{"1 (a) S 4\n", -EINVAL, 0},
		{"nothing of the kind", -EINVAL, 0},
		{"", -EINVAL, 0},
	};
	char path[] = "/tmp/bpfring-unit-XXXXXX";
	int fd = mkstemp(path);
	uint64_t started;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const size_t size = strlen(cases[i].text);

		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, cases[i].text, size, 0), size);
		started = 0;
		assert_int_equal(bpfring_sys_stat_field(path, STAT_STARTED, &started),
				 cases[i].err);
		assert_true(started == cases[i].started);
	}
	close(fd);
	unlink(path);
	assert_int_equal(bpfring_sys_stat_field(path, STAT_STARTED, &started), -ENOENT);
	assert_int_equal(bpfring_sys_stat_field("/proc/self/stat", STAT_STARTED, &started), 0);
	assert_true(started > 0);
}

/* As much as fits, with an end. */
static void a_buffer_for_fdinfo(void **state)
{
	char text[512], some[512];
	int whole = bpfring_fdinfo_read(STDIN_FILENO, text, sizeof(text));

	(void)state;
	assert_in_range(whole, 8, sizeof(text) - 1);
	assert_int_equal(strlen(text), whole);
	for (size_t size = 1; size < 8; size++) {
		memset(some, 'x', sizeof(some));
		assert_int_equal(bpfring_fdinfo_read(STDIN_FILENO, some, size), size - 1);
		assert_memory_equal(some, text, size - 1);
		assert_int_equal(some[size - 1], '\0');
		assert_int_equal(some[size], 'x');
	}
	strcpy(text, "x");
	assert_true(bpfring_fdinfo_read(-1, text, sizeof(text)) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(descriptors_are_not_inherited_and_do_not_block),
		cmocka_unit_test(errors_are_negative_numbers),
		cmocka_unit_test(files_are_the_same_by_device_and_inode),
		cmocka_unit_test(a_byte_is_locked_once),
		cmocka_unit_test(a_signal_does_not_end_a_read),
		cmocka_unit_test(an_event_is_set_and_cleared),
		cmocka_unit_test(a_timer_is_set_to_a_moment),
		cmocka_unit_test(waiting_for_events),
		cmocka_unit_test(waiting_for_a_word),
		cmocka_unit_test(clocks_and_numbers),
		cmocka_unit_test(memory),
		cmocka_unit_test(when_a_process_began),
		cmocka_unit_test(a_buffer_for_fdinfo),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
