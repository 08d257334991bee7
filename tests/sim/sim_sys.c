// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Maps and books of the replaced system; its clock is in sim_clock.c, its faults in sim_fault.c. */
#define _GNU_SOURCE
#include "sim_sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sim_internal.h"
#include "base/sys.h"

#define MAX_MAPS 2048
#define MAX_FDS	 4096

static struct {
	struct sim_map maps[MAX_MAPS];
	unsigned int map_count;
	uint16_t map_of_fd[MAX_FDS]; /* index + 1 */
	int lookup;
	unsigned int word_size;
	uint32_t cpu;
	int prog_fd;
	int (*prog)(void *ctx);
	void *prog_ctx;
	/* books; several threads may keep them */
	_Atomic unsigned long allocations;
	_Atomic unsigned long mappings;
} sys;

void sim_sys_reset(void)
{
	unsigned long allocations = sys.allocations, mappings = sys.mappings;

	memset(&sys, 0, sizeof(sys));
	sys.allocations = allocations;
	sys.mappings = mappings;
	sys.lookup = -ENOENT;
	sys.word_size = 8;
	sim_clock_stop();
	sim_sys_fail(-1, NULL);
	sim_sys_count_reset();
}

__attribute__((constructor)) static void start(void)
{
	sim_sys_reset();
}

static struct sim_map *map_of(int fd)
{
	if (fd < 0 || fd >= MAX_FDS || !sys.map_of_fd[fd])
		return NULL;
	return &sys.maps[sys.map_of_fd[fd] - 1];
}

struct sim_map *sim_sys_map(struct sim_ring *r, const char *name, uint32_t id)
{
	unsigned int i = 0;
	struct sim_map *map;

	while (i < MAX_MAPS && sys.maps[i].ring)
		i++;
	if (i == MAX_MAPS || r->event_fd >= MAX_FDS)
		abort();
	if (i == sys.map_count)
		sys.map_count++;
	map = &sys.maps[i];
	memset(map, 0, sizeof(*map));
	map->ring = r;
	map->info.type = r->user ? BPF_MAP_TYPE_USER_RINGBUF : BPF_MAP_TYPE_RINGBUF;
	map->info.id = id;
	map->info.max_entries = (uint32_t)r->size;
	map->info.map_flags = r->overwrite ? 1U << 19 : 0; /* BPF_F_RB_OVERWRITE */
	snprintf(map->info.name, sizeof(map->info.name), "%s", name);
	sys.map_of_fd[r->event_fd] = (uint16_t)(i + 1);
	return map;
}

void sim_sys_forget_map(struct sim_map *map)
{
	for (int fd = 0; fd < MAX_FDS; fd++)
		if (map_of(fd) == map)
			sys.map_of_fd[fd] = 0;
	map->ring = NULL;
}

void sim_sys_settle(void)
{
	for (unsigned int i = 0; i < sys.map_count; i++)
		if (sys.maps[i].ring)
			sim_ring_settle_event(sys.maps[i].ring);
}

void sim_sys_prog(int fd, int (*run)(void *ctx), void *ctx)
{
	sys.prog_fd = fd;
	sys.prog = run;
	sys.prog_ctx = ctx;
}

void sim_sys_set_lookup(int fd_or_error)
{
	sys.lookup = fd_or_error;
}

unsigned long sim_sys_live_allocations(void)
{
	return sys.allocations;
}

unsigned long sim_sys_live_mappings(void)
{
	return sys.mappings;
}

void sim_sys_set_word_size(unsigned int size)
{
	sys.word_size = size;
}

/* The wrapped calls. __real_ is what the linker names the true ones. */
#define WRAP(type, name, ...)                        \
	type __real_bpfring_sys_##name(__VA_ARGS__); \
	type __wrap_bpfring_sys_##name(__VA_ARGS__); \
	type __wrap_bpfring_sys_##name(__VA_ARGS__)

#define ENTER(name)                             \
	do {                                    \
		int err_ = sim_sys_enter(name); \
		if (err_)                       \
			return err_;            \
	} while (0)

WRAP(void *, alloc, size_t size)
{
	void *mem = sim_sys_enter("alloc") ? NULL : __real_bpfring_sys_alloc(size);

	sys.allocations += mem != NULL;
	return mem;
}

WRAP(void, free, void *mem)
{
	sys.allocations -= mem != NULL;
	__real_bpfring_sys_free(mem);
}

WRAP(int, mmap, void **ret, size_t size, int prot, int flags, int fd, uint64_t offset)
{
	struct sim_map *map = map_of(fd);
	int err;

	ENTER("mmap");
	if (map && map->mmap_error)
		return map->mmap_error;
	err = map ? sim_ring_map(map->ring, ret, size, prot, flags, offset)
		  : __real_bpfring_sys_mmap(ret, size, prot, flags, fd, offset);
	sys.mappings += !err;
	return err;
}

WRAP(int, mmap_at, void *addr, size_t size, int prot, int flags, int fd, uint64_t offset)
{
	ENTER("mmap_at");
	return __real_bpfring_sys_mmap_at(addr, size, prot, flags, fd, offset);
}

WRAP(int, file_size, int fd, uint64_t *ret)
{
	ENTER("file_size");
	return __real_bpfring_sys_file_size(fd, ret);
}

WRAP(void, munmap, void *addr, size_t size)
{
	sys.mappings--;
	__real_bpfring_sys_munmap(addr, size);
}

WRAP(int, wipe_on_fork, void *addr, size_t size)
{
	ENTER("wipe_on_fork");
	return __real_bpfring_sys_wipe_on_fork(addr, size);
}

static int keep_map_of(int fd, int from)
{
	if (fd >= 0 && fd < MAX_FDS && map_of(from))
		sys.map_of_fd[fd] = sys.map_of_fd[from];
	return fd;
}

WRAP(int, dup, int fd)
{
	ENTER("dup");
	return keep_map_of(__real_bpfring_sys_dup(fd), fd);
}

WRAP(void, close, int fd)
{
	if (fd >= 0 && fd < MAX_FDS)
		sys.map_of_fd[fd] = 0;
	sim_clock_forget_timer(fd);
	__real_bpfring_sys_close(fd);
}

/* A file that reads as the fdinfo of a map does. */
static int open_fdinfo(const struct sim_map *map)
{
	int fd;

	if (map->fdinfo_error)
		return map->fdinfo_error;
	fd = memfd_create("sim_fdinfo", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (map->fdinfo)
		dprintf(fd, "%s", map->fdinfo);
	else
		dprintf(fd,
			"pos:\t0\nflags:\t02000002\nmnt_id:\t15\nino:\t2058\nmap_type:\t%u\n"
			"key_size:\t0\nvalue_size:\t0\nmax_entries:\t%u\nmap_flags:\t0x%x\n"
			"map_extra:\t0x0\nmemlock:\t78408\nmap_id:\t%u\nfrozen:\t%d\n",
			map->info.type, map->info.max_entries, map->info.map_flags, map->info.id,
			map->frozen);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

WRAP(int, open, const char *path)
{
	const struct sim_map *map = NULL;
	int fd;

	ENTER("open");
	if (sscanf(path, "/proc/self/fdinfo/%d", &fd) == 1)
		map = map_of(fd);
	if (!map && sys.prog && !strncmp(path, "/proc/self/fdinfo/", 18) && fd == sys.prog_fd)
		return -ENOENT; /* what it is says prog_type() */
	return map ? open_fdinfo(map) : __real_bpfring_sys_open(path);
}

WRAP(int, read, int fd, void *buf, size_t size)
{
	ENTER("read");
	return __real_bpfring_sys_read(fd, buf, size);
}

WRAP(bool, is_map, int fd)
{
	return map_of(fd) || __real_bpfring_sys_is_map(fd);
}

WRAP(int, map_info, int fd, struct bpf_map_info *ret)
{
	const struct sim_map *map = map_of(fd);

	ENTER("map_info");
	if (!map)
		return __real_bpfring_sys_map_info(fd, ret);
	if (!map->info_error)
		*ret = map->info;
	return map->info_error;
}

static int look_up(void)
{
	return sys.lookup < 0 ? sys.lookup
			      : keep_map_of(__real_bpfring_sys_dup(sys.lookup), sys.lookup);
}

WRAP(int, map_by_id, uint32_t id)
{
	(void)id;
	ENTER("map_by_id");
	return look_up();
}

WRAP(int, map_by_path, const char *path)
{
	(void)path;
	ENTER("map_by_path");
	return look_up();
}

WRAP(int, prog_type, int fd, uint32_t *ret)
{
	ENTER("prog_type");
	if (fd != sys.prog_fd || !sys.prog)
		return __real_bpfring_sys_prog_type(fd, ret);
	*ret = BPF_PROG_TYPE_SYSCALL;
	return 0;
}

WRAP(int, prog_run, int fd, int *ret)
{
	ENTER("prog_run");
	if (!sys.prog)
		return __real_bpfring_sys_prog_run(fd, ret);
	*ret = sys.prog(sys.prog_ctx);
	return 0;
}

WRAP(int, same_inode, int fd, int other)
{
	ENTER("same_inode");
	return __real_bpfring_sys_same_inode(fd, other);
}

WRAP(int, lock_byte, int fd, uint64_t offset)
{
	ENTER("lock_byte");
	return __real_bpfring_sys_lock_byte(fd, offset);
}

WRAP(void, unlock_byte, int fd, uint64_t offset)
{
	sim_sys_enter("unlock_byte");
	__real_bpfring_sys_unlock_byte(fd, offset);
}

WRAP(int, lock_query, int fd, uint64_t offset, uint64_t *start, uint64_t *size)
{
	ENTER("lock_query");
	return __real_bpfring_sys_lock_query(fd, offset, start, size);
}

WRAP(int, self, struct process *ret)
{
	ENTER("self");
	return __real_bpfring_sys_self(ret);
}

WRAP(int, process_runs, const struct process *process)
{
	ENTER("process_runs");
	return __real_bpfring_sys_process_runs(process);
}

WRAP(int, eventfd, void)
{
	ENTER("eventfd");
	return __real_bpfring_sys_eventfd();
}

WRAP(void, eventfd_set, int fd)
{
	sim_sys_enter("eventfd_set");
	__real_bpfring_sys_eventfd_set(fd);
}

WRAP(void, eventfd_clear, int fd)
{
	sim_sys_enter("eventfd_clear");
	__real_bpfring_sys_eventfd_clear(fd);
}

WRAP(int, timerfd, void)
{
	ENTER("timerfd");
	return __real_bpfring_sys_timerfd();
}

WRAP(int, timerfd_set, int fd, int64_t at_ns)
{
	ENTER("timerfd_set");
	return sim_clock_runs() ? sim_clock_set_timer(fd, at_ns, __real_bpfring_sys_timerfd_set)
				: __real_bpfring_sys_timerfd_set(fd, at_ns);
}

WRAP(int, epoll, void)
{
	ENTER("epoll");
	return __real_bpfring_sys_epoll();
}

WRAP(int, epoll_add, int epoll_fd, int fd, uint32_t events, void *data)
{
	ENTER("epoll_add");
	return __real_bpfring_sys_epoll_add(epoll_fd, fd, events, data);
}

WRAP(int, epoll_mod, int epoll_fd, int fd, uint32_t events, void *data)
{
	ENTER("epoll_mod");
	return __real_bpfring_sys_epoll_mod(epoll_fd, fd, events, data);
}

WRAP(int, epoll_del, int epoll_fd, int fd)
{
	ENTER("epoll_del");
	return __real_bpfring_sys_epoll_del(epoll_fd, fd);
}

WRAP(int, pin, int fd, const char *path)
{
	ENTER("pin");
	return __real_bpfring_sys_pin(fd, path);
}

WRAP(bool, readable, int fd)
{
	sim_sys_enter("readable");
	return __real_bpfring_sys_readable(fd);
}

WRAP(int, epoll_wait, int epoll_fd, struct epoll_event *ret, int max, bool sleep)
{
	ENTER("epoll_wait");
	sim_sys_settle();
	if (sim_clock_runs())
		return sim_clock_sleep(epoll_fd, ret, max, sleep, __real_bpfring_sys_epoll_wait);
	return __real_bpfring_sys_epoll_wait(epoll_fd, ret, max, sleep);
}

WRAP(int64_t, now, void)
{
	sim_sys_enter("now");
	return sim_clock_runs() ? sim_clock_look() : __real_bpfring_sys_now();
}

WRAP(int64_t, clock, int clock)
{
	sim_sys_enter("now");
	return sim_clock_runs() ? sim_clock_look() : __real_bpfring_sys_clock(clock);
}

WRAP(int32_t, thread, void)
{
	return __real_bpfring_sys_thread();
}

WRAP(bool, thread_lives, int32_t thread)
{
	return __real_bpfring_sys_thread_lives(thread);
}

WRAP(bool, on_stack, uintptr_t at)
{
	return __real_bpfring_sys_on_stack(at);
}

WRAP(unsigned int, kernel_word_size, void)
{
	return sys.word_size;
}

WRAP(size_t, page_size, void)
{
	return __real_bpfring_sys_page_size();
}

static void sleep_for(int64_t ns)
{
	sim_clock_advance(ns);
	sim_clock_look(); /* what happened meanwhile */
}

WRAP(void, yield, void)
{
	sim_sys_enter("yield");
	if (sim_clock_runs())
		sleep_for(1000);
	else
		__real_bpfring_sys_yield();
}

WRAP(uint32_t, cpu, void)
{
	return sim_clock_runs() ? sys.cpu : __real_bpfring_sys_cpu();
}

void sim_sys_set_cpu(uint32_t cpu)
{
	sys.cpu = cpu;
}

/* Threads wait for each other in true time only. On the other clock nobody wakes anybody. */
WRAP(void, futex_wait, uint32_t *word, uint32_t value, int64_t at_ns)
{
	sim_sys_enter("futex_wait");
	if (!sim_clock_runs())
		__real_bpfring_sys_futex_wait(word, value, at_ns);
	else if (at_ns > sim_clock_now())
		sleep_for(at_ns - sim_clock_now());
}

WRAP(void, futex_wake, uint32_t *word)
{
	__real_bpfring_sys_futex_wake(word);
}
