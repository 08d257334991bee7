// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* The system calls of the library; the only file that knows errno. */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64 /* map offsets and lock bytes do not fit into 32 bits */
#include "base/sys.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/sys_errno.h"

#define NSEC_PER_SEC 1000000000LL

int bpfring_sys_fd_or_errno(int fd)
{
	int high;

	if (fd < 0)
		return -errno;
	if (fd > STDERR_FILENO)
		return fd;
	high = bpfring_sys_dup(fd);
	close(fd);
	return high;
}

/*
 * Only a sleep may be the end of a thread that is cancelled: elsewhere it would leave what it has
 * just opened. Async-signal-safe.
 */
static int keep_thread(void)
{
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	return state;
}

static void release_thread(int state)
{
	pthread_setcancelstate(state, &state);
}

void *bpfring_sys_alloc(size_t size)
{
	return calloc(1, size);
}

void bpfring_sys_free(void *mem)
{
	free(mem);
}

int bpfring_sys_mmap(void **ret, size_t size, int prot, int flags, int fd, uint64_t offset)
{
	void *addr = mmap(NULL, size, prot, flags, fd, (off_t)offset);

	if (addr == MAP_FAILED)
		return -errno;
	*ret = addr;
	return 0;
}

int bpfring_sys_mmap_at(void *addr, size_t size, int prot, int flags, int fd, uint64_t offset)
{
	if (mmap(addr, size, prot, flags | MAP_FIXED, fd, (off_t)offset) == MAP_FAILED)
		return -errno;
	return 0;
}

int bpfring_sys_file_size(int fd, uint64_t *ret)
{
	struct stat file;

	if (fstat(fd, &file))
		return -errno;
	*ret = (uint64_t)file.st_size;
	return 0;
}

void bpfring_sys_munmap(void *addr, size_t size)
{
	munmap(addr, size);
}

int bpfring_sys_wipe_on_fork(void *addr, size_t size)
{
	return ret_or_errno(madvise(addr, size, MADV_WIPEONFORK));
}

int bpfring_sys_dup(int fd)
{
	return ret_or_errno(fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
}

void bpfring_sys_close(int fd)
{
	int state = keep_thread();

	if (fd >= 0)
		close(fd);
	release_thread(state);
}

int bpfring_sys_open(const char *path)
{
	int state = keep_thread();
	int fd = bpfring_sys_fd_or_errno(open(path, O_RDONLY | O_CLOEXEC));

	release_thread(state);
	return fd;
}

int bpfring_sys_read(int fd, void *buf, size_t size)
{
	int state = keep_thread(), ret;
	ssize_t n;

	do
		n = read(fd, buf, size);
	while (n < 0 && errno == EINTR);
	ret = n < 0 ? -errno : (int)n;
	release_thread(state);
	return ret;
}

/*
 * bpf() describes maps, programs and links with the same command and does not say which it was. But
 * the keys of anything else than a map are EINVAL; those of a map another error or, for an array,
 * EFAULT.
 */
bool bpfring_sys_is_map(int fd)
{
	return bpf_map_get_next_key(fd, NULL, NULL) && errno != EINVAL && errno != EBADF;
}

int bpfring_sys_map_info(int fd, struct bpf_map_info *ret)
{
	__u32 size = sizeof(*ret);

	memset(ret, 0, sizeof(*ret));
	return bpf_obj_get_info_by_fd(fd, ret, &size) ? -errno : 0;
}

int bpfring_sys_map_by_id(uint32_t id)
{
	return bpfring_sys_fd_or_errno(bpf_map_get_fd_by_id(id));
}

int bpfring_sys_map_by_path(const char *path)
{
	return bpfring_sys_fd_or_errno(bpf_obj_get(path));
}

int bpfring_sys_pin(int fd, const char *path)
{
	return ret_or_errno(bpf_obj_pin(fd, path));
}

int bpfring_sys_prog_type(int fd, uint32_t *ret)
{
	struct bpf_prog_info info;
	__u32 size = sizeof(info);

	if (bpfring_sys_is_map(fd))
		return -EINVAL;
	memset(&info, 0, sizeof(info));
	if (bpf_obj_get_info_by_fd(fd, &info, &size))
		return errno == EBADFD ? -EBADF : -errno; /* for what is not open */
	*ret = info.type;
	return 0;
}

int bpfring_sys_prog_run(int fd, int *ret)
{
	struct bpf_test_run_opts opts;

	memset(&opts, 0, sizeof(opts)); /* padding too, libbpf looks */
	opts.sz = sizeof(opts);

	if (bpf_prog_test_run_opts(fd, &opts))
		return -errno;
	*ret = (int)opts.retval;
	return 0;
}

int bpfring_sys_same_inode(int fd, int other)
{
	struct stat a, b;

	if (fstat(fd, &a) || fstat(other, &b))
		return -errno;
	return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

int bpfring_sys_eventfd(void)
{
	return bpfring_sys_fd_or_errno(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

/*
 * Async-signal-safe; leaves errno alone. Fails only if the counter is full: readable all the same.
 */
void bpfring_sys_eventfd_set(int fd)
{
	const uint64_t one = 1;
	int saved = errno, state = keep_thread();
	ssize_t n;

	do
		n = write(fd, &one, sizeof(one));
	while (n < 0 && errno == EINTR);
	release_thread(state);
	errno = saved;
}

void bpfring_sys_eventfd_clear(int fd)
{
	uint64_t count;

	bpfring_sys_read(fd, &count, sizeof(count));
}

int bpfring_sys_timerfd(void)
{
	return bpfring_sys_fd_or_errno(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
}

/* Arms for a moment of CLOCK_MONOTONIC; 0 disarms. Clears an expiry not yet read. */
int bpfring_sys_timerfd_set(int fd, int64_t at_ns)
{
	struct itimerspec when = {
		.it_value = {.tv_sec = (time_t)(at_ns / NSEC_PER_SEC),
			     .tv_nsec = (long)(at_ns % NSEC_PER_SEC)},
	};

	return ret_or_errno(timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, NULL));
}

int bpfring_sys_epoll(void)
{
	return bpfring_sys_fd_or_errno(epoll_create1(EPOLL_CLOEXEC));
}

int bpfring_sys_epoll_add(int epoll_fd, int fd, uint32_t events, void *data)
{
	struct epoll_event event = {.events = events, .data.ptr = data};

	return ret_or_errno(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event));
}

int bpfring_sys_epoll_mod(int epoll_fd, int fd, uint32_t events, void *data)
{
	struct epoll_event event = {.events = events, .data.ptr = data};

	return ret_or_errno(epoll_ctl(epoll_fd, EPOLL_CTL_MOD, fd, &event));
}

int bpfring_sys_epoll_del(int epoll_fd, int fd)
{
	return ret_or_errno(epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, NULL));
}

int bpfring_sys_epoll_wait(int epoll_fd, struct epoll_event *ret, int max, bool sleep)
{
	return ret_or_errno(epoll_wait(epoll_fd, ret, max, sleep ? -1 : 0));
}

bool bpfring_sys_readable(int fd)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	int state = keep_thread();
	int n = poll(&ready, 1, 0);

	release_thread(state);
	return n > 0;
}

#ifdef SYS_futex_time64
#define FUTEX_CALL SYS_futex_time64 /* 32-bit machines; since Linux 5.1 */
#else
#define FUTEX_CALL SYS_futex
#endif

void bpfring_sys_futex_wait(uint32_t *word, uint32_t value, int64_t at_ns)
{
	struct {
		int64_t sec;
		int64_t nsec;
	} at = {at_ns / NSEC_PER_SEC, at_ns % NSEC_PER_SEC};

	syscall(FUTEX_CALL, word, FUTEX_WAIT_BITSET_PRIVATE, value, at_ns == INT64_MAX ? NULL : &at,
		NULL, FUTEX_BITSET_MATCH_ANY);
}

void bpfring_sys_futex_wake(uint32_t *word)
{
	syscall(FUTEX_CALL, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void bpfring_sys_yield(void)
{
	sched_yield();
}

uint32_t bpfring_sys_cpu(void)
{
	return (uint32_t)sched_getcpu();
}

int32_t bpfring_sys_thread(void)
{
	/*
	 * Kept, for the kernel has to be asked. A forked child inherits it: it goes on in the same
	 * call.
	 */
	static _Thread_local int32_t thread;

	if (!thread)
		thread = (int32_t)syscall(SYS_gettid);
	return thread;
}

bool bpfring_sys_on_stack(uintptr_t at)
{
	int state = keep_thread(), err;
	pthread_attr_t attr;
	void *stack = NULL;
	size_t size = 0;

	err = pthread_getattr_np(pthread_self(), &attr);
	if (!err) {
		pthread_attr_getstack(&attr, &stack, &size);
		pthread_attr_destroy(&attr);
	}
	release_thread(state);
	return err || at - (uintptr_t)stack <= size;
}

int64_t bpfring_sys_clock(int clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

int64_t bpfring_sys_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

/*
 * Ring positions are `unsigned long` of the kernel. A 32-bit process asks the kernel for its name;
 * under PER_LINUX32 a 64-bit kernel disguises it, but only a 64-bit kernel has reason to.
 */
unsigned int bpfring_sys_kernel_word_size(void)
{
	struct utsname name;

	if (sizeof(long) == 8)
		return 8;
	if ((personality(0xffffffff) & PER_MASK) == PER_LINUX32)
		return 8;
	if (!uname(&name) && (strstr(name.machine, "64") || !strcmp(name.machine, "s390x")))
		return 8;
	return 4;
}

size_t bpfring_sys_page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}
