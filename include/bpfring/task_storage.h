/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Task storage: memory that a thread and the BPF programs looking at that thread both read and
 * write.
 *
 * A runtime tells a scheduler what its threads are doing - in garbage collection, holding a lock,
 * serving an urgent request - with plain stores, and reads back what BPF wrote. The BPF program
 * declares a task storage map whose value has members tagged __uptr (bpf/task_storage.bpf.h); this
 * library gives every thread a *cell*, memory for all __uptr members of the value, and puts its
 * address into the thread's element of the map:
 *
 *	struct bpfring_task_storage *ts;
 *	struct hint *hint;
 *
 *	bpfring_task_storage_open_pinned(&ts, "/sys/fs/bpf/hints", NULL);
 *	member = bpfring_task_storage_find(ts, "hint", sizeof(*hint));
 *	bpfring_task_storage_bind(ts, member, (void **)&hint);      in every thread
 *	hint->in_gc = 1;                                            that is all
 *
 * Two paths, one interface:
 *	UPTR	  Linux 6.13: the kernel pins the page of the cell; threads share pages.
 *	FALLBACK  Linux 6.1: cells are slots of a memory-mapped array map, the element holds their
 *		  number. BPF programs that can sleep must not use it (see docs/task_storage.md).
 * The loader of the BPF object chooses with bpfring_task_storage_prepare() before it loads.
 *
 * Members: the value may have several __uptr members, and ordinary ones beside them. Both are known
 * by their index, which bpfring_task_storage_find() looks up by name.
 *
 * Reuse: a cell is given to another thread only when BPF can no longer write to it on behalf of
 * the thread that had it; docs/task_storage.md has the argument.
 *
 * Exit: a thread that bound itself is unbound when it ends (pthread_exit() or return); one that
 * ended in another way is found when others bind. A process that dies takes its elements with it.
 * exec() keeps the element of the calling thread: BPF sees the last values until the new program
 * binds or ends; unbind first if that matters.
 *
 * Fork: the child shares nothing. Until its first bind, memory behind inherited pointers is a
 * private copy; then the same address (UPTR) or a new one (FALLBACK) is shared on behalf of the
 * child. So ask bpfring_task_storage_bind() for the pointer again after a fork. Children made by
 * vfork() use the memory of their parent, here as everywhere.
 *
 * Threads: everything may be called from any thread, except close. Not from signal handlers, nor
 * from the function that bpfring_set_log() was given. One lock for all handles of a process is held
 * over the system calls; bind takes it only when the thread is not bound yet. Nothing waits for
 * other programs, but for a grace period of RCU (milliseconds) once in some thousand binds on the
 * fall-back, and for a process that sets a member of the same thread at the same time. Cancellation
 * is put off until a call is done. All users of one map in a process share one handle: open returns
 * the one that is there. On the fall-back it moves there to the arrays that are named, if they are
 * others, as bpfring_task_storage_replace() does.
 *
 * Unloading: once a handle was opened, the shared library stays when it is closed with dlclose(),
 * and so does a plugin that contains the static library: threads that are bound run its code when
 * they end.
 *
 * Needs: no capability for who was handed the map's descriptor or its pin, but the kernel shows
 * the map's BTF only to CAP_SYS_ADMIN: others declare the members in the options.
 */
#ifndef BPFRING_TASK_STORAGE_H
#define BPFRING_TASK_STORAGE_H

#include <bpfring/common.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bpf_map;
struct bpf_object;
struct bpfring_task_storage;

/* How cells reach BPF. */
enum bpfring_task_path {
	BPFRING_TASK_PATH_AUTO = 0,	/* UPTR where the kernel has it */
	BPFRING_TASK_PATH_UPTR = 1,	/* Linux 6.13 */
	BPFRING_TASK_PATH_FALLBACK = 2, /* Linux 6.1 */
};

struct bpfring_task_prepare_opts {
	size_t sz;	      /* sizeof(struct bpfring_task_prepare_opts) */
	uint32_t path;	      /* enum bpfring_task_path */
	uint32_t max_threads; /* FALLBACK: slots, of all processes together; 0: 16384 */
};

/**
 * bpfring_task_storage_prepare() - make an object use one path; before it is loaded.
 * @obj:  opened, not loaded; it stays the caller's
 * @name: of a map declared with BPFRING_TASK_STORAGE()
 * @opts: NULL: UPTR where this kernel has it, tried out, else FALLBACK
 *
 * All task storage maps of one object take the same path. Without this call an object takes UPTR.
 * May be called for each of them: what was prepared for FALLBACK stays so. The sizes of the last
 * call hold. One thread at a time for an object, as with libbpf.
 *
 * Return: the path taken (> 0), or -EINVAL: NULL, unknown path, the object was not built with
 * bpf/task_storage.bpf.h, or a compiler dropped the tags of its __uptr members (clang before 15);
 * -ENOENT: no such map, or a member without BPFRING_TASK_MEMBER(), or no map NAME_grace;
 * -EOPNOTSUPP: UPTR was asked for and the kernel lacks it, an __uptr inside a nested struct or
 * array, or, for FALLBACK, a value with a __kptr or a lock; -EPERM: this process may not try, and
 * cannot read the kernel's types either: ask for one path (not for AUTO; UPTR is then believed);
 * -EBUSY: loaded already, or UPTR was asked for after FALLBACK; -E2BIG: newer options; -ENOMEM;
 * -EMFILE, -ENFILE.
 */
BPFRING_API int bpfring_task_storage_prepare(struct bpf_object *obj, const char *name,
					     const struct bpfring_task_prepare_opts *opts);

/**
 * bpfring_task_storage_pin() - pin a map and, on the fall-back, what belongs to it.
 * @obj:  loaded
 * @name: of the map
 * @path: in a BPF file system, for bpfring_task_storage_open_pinned(); the fall-back adds
 *        path_owner, path_bind, path_grace and path_MEMBER
 *
 * A pin that is there is replaced: programs that refresh find the new map.
 *
 * Return: 0, or -EINVAL: NULL, or not declared with BPFRING_TASK_STORAGE(); -ENOENT: no such map,
 * or no such directory; -ENAMETOOLONG: more than 511 bytes; -EBADF: not loaded; -EPERM: @path is in
 * no BPF file system, or it may not be written; -EACCES; -ENOSPC, -ENOMEM.
 */
BPFRING_API int bpfring_task_storage_pin(const struct bpf_object *obj, const char *name,
					 const char *path);

/* Flags of struct bpfring_task_member. A member without any is ordinary. */
enum {
	/* A pointer: offset is its own, size what it points to. */
	BPFRING_TASK_MEMBER_SHARED = 1U << 0,
	/* One that points to one memory for all threads of a process. */
	BPFRING_TASK_MEMBER_PROCESS = 1U << 1,
	/* Neither shared nor read or written from here: a bit field, a lock, a __kptr. */
	BPFRING_TASK_MEMBER_OPAQUE = 1U << 2,
	/* A __kptr, or contains one: the kernel drops it when the element is written from here. */
	BPFRING_TASK_MEMBER_KPTR = 1U << 3,
	/* Of a map that was open before: the one that is open now has no such member. */
	BPFRING_TASK_MEMBER_GONE = 1U << 4,
};

/* A member of the map's value. */
struct bpfring_task_member {
	size_t sz; /* sizeof(struct bpfring_task_member) */
	char name[64];
	uint32_t offset; /* in the value */
	uint32_t size;	 /* of the member; of what an __uptr member points to */
	uint32_t align;	 /* of the same; 0: 8 */
	uint32_t flags;	 /* BPFRING_TASK_MEMBER_* */
};

/* How cells are placed; what costs memory buys threads that do not disturb each other's caches. */
enum bpfring_task_packing {
	BPFRING_TASK_PACKING_DENSE = 0, /* as many as fit a page */
	BPFRING_TASK_PACKING_LINE = 1,	/* a cache line (64 bytes) of its own for each */
	BPFRING_TASK_PACKING_PAGE = 2,	/* a page of its own */
};

/* Flags of struct bpfring_task_storage_opts. */
enum {
	BPFRING_TASK_NODUMP = 1U << 0, /* leave cells out of core dumps (FALLBACK: always) */
	BPFRING_TASK_NOFORK = 1U << 1, /* a forked child finds zeroes, no copy (FALLBACK: always) */
};

struct bpfring_task_storage_opts {
	size_t sz;	  /* sizeof(struct bpfring_task_storage_opts) */
	uint32_t flags;	  /* BPFRING_TASK_NODUMP, ... */
	uint32_t packing; /* enum bpfring_task_packing */
	/* The members, for processes that may not read the map's BTF. They must all be given; all
	 * of one size, 0: that of version 0.1.
	 */
	const struct bpfring_task_member *members;
	uint32_t member_count;
	/* By descriptor only: the fall-back's map of owners, program, map of maps, and array of
	 * slots per __uptr member, in the order of the members; all are duplicated. 0, 0, 0, NULL:
	 * the path is UPTR. bind_fd 0: without the program, which takes pidfds of threads (Linux
	 * 6.9). grace_fd 0: membarrier() waits for BPF programs instead, which it does not on
	 * nohz_full kernels and with one processor; there each slot is used once.
	 */
	int owner_fd;
	int bind_fd;
	int grace_fd;
	const int *slot_fds;
};

/**
 * bpfring_task_storage_open() - open a task storage map by file descriptor.
 * @ret:    the handle; bpfring_task_storage_close() as often as it was opened
 * @map_fd: duplicated
 * @opts:   NULL for defaults; read during the call; if the map is open in this process already, its
 *          options stay
 *
 * Members are checked by the first bind, which finds out whether the kernel knows them.
 *
 * Return: 0, or -EINVAL: NULL, unknown flags, not a task storage map, no __uptr member, members
 * that do not fit the value, or parts of the fall-back that are missing or of another shape;
 * -E2BIG: newer options, or arrays that do not fit the address space; -EPERM: the members were not
 * given and the map's BTF cannot be read without CAP_SYS_ADMIN; -EOPNOTSUPP: an __uptr inside a
 * nested struct or array; -EBUSY: the map is open in this process for the other path; -EBADF;
 * -ENOMEM; -EMFILE, -ENFILE; -EAGAIN: no thread-specific key is left (PTHREAD_KEYS_MAX).
 */
BPFRING_API int bpfring_task_storage_open(struct bpfring_task_storage **ret, int map_fd,
					  const struct bpfring_task_storage_opts *opts);

/**
 * bpfring_task_storage_open_pinned() - the same by pin; finds the fall-back's parts beside it.
 * Return: as bpfring_task_storage_open(), and -ENOENT, -EACCES, -ENAMETOOLONG.
 */
BPFRING_API int bpfring_task_storage_open_pinned(struct bpfring_task_storage **ret,
						 const char *path,
						 const struct bpfring_task_storage_opts *opts);

/**
 * bpfring_task_storage_open_object() - the same for a map of a loaded object, by name.
 * Return: as bpfring_task_storage_open(), and -ENOENT: no such map.
 */
BPFRING_API int bpfring_task_storage_open_object(struct bpfring_task_storage **ret,
						 const struct bpf_object *obj, const char *name,
						 const struct bpfring_task_storage_opts *opts);

/**
 * bpfring_task_storage_close() - the last close unbinds all threads and frees the cells.
 * @ts: NULL is fine
 *
 * Pointers to cells become invalid. No other thread may be inside a call with this handle. In a
 * forked child it frees memory and descriptors only.
 */
BPFRING_API void bpfring_task_storage_close(struct bpfring_task_storage *ts);

/**
 * bpfring_task_storage_member() - describe a member.
 * @ret: set @ret->sz before
 * Return: 0; -ENOENT: @index is none; -EINVAL: NULL, or too small a size.
 */
BPFRING_API int bpfring_task_storage_member(const struct bpfring_task_storage *ts, int index,
					    struct bpfring_task_member *ret);

/**
 * bpfring_task_storage_find() - the index of a member, and a check that both sides mean the same.
 * @name: as in the BPF program
 * @size: sizeof what it points to (__uptr) or of itself; it must agree with the BPF program's
 *
 * Return: the index (>= 0); -ENOENT: no such member; -EINVAL: NULL; -ERANGE: another size.
 */
BPFRING_API int bpfring_task_storage_find(const struct bpfring_task_storage *ts, const char *name,
					  size_t size);

/**
 * bpfring_task_storage_bind() - the calling thread's memory of a member; share it if it is not yet.
 * @member: index of an __uptr member; the first call binds all of them
 * @ret:    zeroed when the thread is first bound; valid until it is unbound
 *
 * A few nanoseconds when the thread is bound, else some ten microseconds. Members that BPF wrote
 * into the element before keep their values, but the kernel replaces the element as a whole: what
 * BPF changes in ordinary members in the very moment is lost.
 *
 * Return: 0, or -EINVAL: not an __uptr member, NULL, or a member that is no __uptr to the kernel;
 * -EEXIST: the value has a __kptr, and BPF made the element before; -ENOMEM: no memory for cell or
 * element; -ENOSPC: the fall-back has no slot left (max_threads); -EOPNOTSUPP: the kernel has no
 * pidfds of threads (6.9), there is no program of the fall-back, and this is not the first thread
 * of the process; -EMFILE, -ENFILE: no descriptor for a pidfd; -EPERM: the descriptor is read-only,
 * or a seccomp filter forbids pidfd_open(); -EFAULT: the map is not prepared for this path;
 * -EAGAIN, -EBUSY: others made and deleted elements of the thread all the time; try again.
 */
BPFRING_API int bpfring_task_storage_bind(struct bpfring_task_storage *ts, int member, void **ret);

/**
 * bpfring_task_storage_bind_thread() - the same for another thread of this process.
 * @tid: as gettid() says there
 * @ret: the memory of that thread; it must have been told, or bind itself, to use it
 *
 * Linux 6.9, before it for the first thread of the process only. Keeps a descriptor until that
 * thread is unbound. Its cell comes back when it binds itself and ends, on
 * bpfring_task_storage_unbind_thread(), or when it is found dead.
 *
 * Return: as bpfring_task_storage_bind(), and -ESRCH: this process has no such thread.
 */
BPFRING_API int bpfring_task_storage_bind_thread(struct bpfring_task_storage *ts, pid_t tid,
						 int member, void **ret);

/**
 * bpfring_task_storage_unbind() - share no more: the element of the calling thread is deleted.
 *
 * Its cell becomes invalid. A BPF program that runs at this moment may still write to the old
 * memory, which nobody else is given.
 *
 * Return: 0, also if it was not bound; -EMFILE, -ENFILE, -EAGAIN, -EBUSY, -EPERM: the element could
 * not be deleted; the cell is given up all the same.
 */
BPFRING_API int bpfring_task_storage_unbind(struct bpfring_task_storage *ts);

/**
 * bpfring_task_storage_unbind_thread() - the same for another thread of this process.
 *
 * The caller sees to it that this thread does not use its cell any more.
 *
 * Return: as bpfring_task_storage_unbind(), and -EOPNOTSUPP: no pidfds of threads (6.9); BPF keeps
 * what the ordinary members were, the cell is given up.
 */
BPFRING_API int bpfring_task_storage_unbind_thread(struct bpfring_task_storage *ts, pid_t tid);

/**
 * bpfring_task_storage_lend() - memory of the caller's own as a member of the calling thread.
 * @member: index of an __uptr member
 * @mem:    of the size of the member; private or shared anonymous memory, heap, stack, static
 *          data, memfd, or a private file mapping; aligned for the member and inside one page. It
 *          stays the caller's and must stay until unbind; BPF may write to it a moment longer.
 *          NULL: back to the cell.
 *
 * Return: as bpfring_task_storage_bind(), and -EINVAL: misaligned; -EOPNOTSUPP: crosses a page,
 * or the map is on the fall-back; -EFAULT: the kernel does not pin such memory (read-only, not
 * mapped, secretmem, shared file mapping): the log names which.
 */
BPFRING_API int bpfring_task_storage_lend(struct bpfring_task_storage *ts, int member, void *mem);

/**
 * bpfring_task_storage_set() - write an ordinary member of a thread's element. A system call or
 * more.
 * @tid:    0: the calling thread; another thread; or a thread of another process
 * @member: index of an ordinary member
 * @data:   @size bytes
 *
 * The other members keep their values, as with bpfring_task_storage_bind(). On the UPTR path the
 * element of a thread of another process must not exist before the first call, and cannot be
 * written again once that process has bound the thread: what it shares would be cut off, and the
 * kernel does not show it. That it has bound the thread is noticed if it does so with this library.
 *
 * Return: 0, or -EINVAL: not an ordinary member, NULL; -ERANGE: wrong size; -ESRCH: no such
 * thread; -EEXIST: the other process's element exists, or the value has a __kptr and the element
 * exists; -EOPNOTSUPP: no pidfds of threads (6.9); -ENOMEM, -EMFILE, -ENFILE, -EPERM, -EAGAIN,
 * -EBUSY.
 */
BPFRING_API int bpfring_task_storage_set(struct bpfring_task_storage *ts, pid_t tid, int member,
					 const void *data, size_t size);

/**
 * bpfring_task_storage_get() - read an ordinary member of a thread's element. System calls.
 * @tid, @member, @data, @size: as bpfring_task_storage_set()
 *
 * Return: 0, or as bpfring_task_storage_set(), and -ENOENT: the thread has no element.
 */
BPFRING_API int bpfring_task_storage_get(struct bpfring_task_storage *ts, pid_t tid, int member,
					 void *data, size_t size);

/**
 * bpfring_task_storage_replace() - move all bound threads to another map, say of a new scheduler.
 * @map_fd: a map with the same __uptr members; all others may differ, come and go
 * @opts:   as at open, if the path is FALLBACK; else NULL
 *
 * Indices of members stay good; new members get new ones. One that the new map lacks has the flag
 * BPFRING_TASK_MEMBER_GONE from then on. Ordinary members are moved by name. If it is the map that
 * is open, nothing happens.
 *
 * Pointers stay valid and memory keeps its contents; on the fall-back a store in this very moment
 * may be lost. Before Linux 6.9, which has no pidfds of threads, only the first thread of the
 * process is moved: the others come when they next call bpfring_task_storage_bind(), without their
 * ordinary members.
 *
 * Return: number of threads moved, or as bpfring_task_storage_open(); -EINVAL: other __uptr
 * members; -EBUSY: another handle of this process has the map, or, on the fall-back, another
 * process has taken slots of the same numbers; then nothing changed. Another error of
 * bpfring_task_storage_bind(): the map is the new one, but some threads could not be moved; each
 * follows when it next calls bpfring_task_storage_bind().
 */
BPFRING_API int bpfring_task_storage_replace(struct bpfring_task_storage *ts, int map_fd,
					     const struct bpfring_task_storage_opts *opts);

/**
 * bpfring_task_storage_replace_object() - the same to a map of a loaded object, by name.
 *
 * The object has to be prepared for the path of @ts.
 *
 * Return: as bpfring_task_storage_replace(); -EINVAL also for NULL and for an object of the other
 * path; -ENOENT: no such map.
 */
BPFRING_API int bpfring_task_storage_replace_object(struct bpfring_task_storage *ts,
						    const struct bpf_object *obj, const char *name);

/**
 * bpfring_task_storage_refresh() - notice whether the pin names another map now, and move to it.
 *
 * Return: 0: it does not; > 0: threads moved plus one; as bpfring_task_storage_replace();
 * -EINVAL: not opened by pin; -ENOENT: the pin is gone.
 */
BPFRING_API int bpfring_task_storage_refresh(struct bpfring_task_storage *ts);

struct bpfring_task_storage_stats {
	size_t sz;     /* sizeof(struct bpfring_task_storage_stats) */
	uint32_t path; /* BPFRING_TASK_PATH_UPTR or BPFRING_TASK_PATH_FALLBACK */
	uint32_t reserved;
	uint64_t bound;	    /* threads that share now */
	uint64_t binds;	    /* threads bound so far */
	uint64_t cell_size; /* bytes from one cell to the next */
	uint64_t bytes;	    /* memory that holds cells in use, whole pages */
	uint64_t retired;   /* cells given back that may not be reused yet */
	uint64_t lost;	    /* cells that never will be, after an error */
};

BPFRING_PRIV_NAMESAKE_BEGIN
/**
 * bpfring_task_storage_stats() - counters and the memory in use.
 * @ret: set @ret->sz before
 * Return: 0; -EINVAL.
 */
BPFRING_API int bpfring_task_storage_stats(const struct bpfring_task_storage *ts,
					   struct bpfring_task_storage_stats *ret);
BPFRING_PRIV_NAMESAKE_END

#ifdef __cplusplus
}
#endif

#endif /* BPFRING_TASK_STORAGE_H */
