/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Task storage: memory that a thread shares with the BPF programs that look at this thread.
 *
 * With plain stores a runtime shows a scheduler what its threads are doing (collecting garbage,
 * holding a lock), and reads back what BPF wrote. The BPF program declares a task storage map whose
 * value has *shared members*, pointers tagged __uptr (bpf/task_storage.bpf.h). This library gives
 * each thread a *cell*, memory for all shared members, and puts its address into the thread's
 * element of the map:
 *
 *	struct bpfring_task_storage *ts;
 *	struct hint *hint;
 *
 *	bpfring_task_storage_open_pinned(&ts, "/sys/fs/bpf/hints", NULL);
 *	member = bpfring_task_storage_find(ts, "hint", sizeof(*hint));
 *	bpfring_task_storage_bind(ts, member, (void **)&hint);      in every thread
 *	hint->in_gc = 1;                                            that is all
 *
 * To *bind* a thread is to give it a cell. To *lend* memory is to put some of the caller's own in
 * the place of a cell. *Ordinary* members of the value are set and got by system calls.
 *
 * Two paths have the same interface; bpfring_task_storage_prepare() chooses one before the BPF
 * object is loaded:
 *	UPTR	  Linux 6.13. The kernel pins the page of the cell; threads share pages.
 *	FALLBACK  Linux 6.1. A cell is a slot of a memory-mapped array map, and the element holds
 *		  its number. BPF programs that can sleep must not use it (docs/task_storage.md).
 *
 * Reuse: a cell goes to another thread only when BPF can no longer write to it for the thread that
 * had it; docs/task_storage.md has the argument.
 *
 * Exit: a thread that bound itself is unbound when it ends (pthread_exit() or return). The cell of
 * one that ends in another way is taken back when others bind. The elements of a process die with
 * it. exec() keeps the element of the calling thread, and BPF sees its last values until the new
 * program binds or ends; unbind first if that matters.
 *
 * Fork: the child shares nothing with BPF until it first binds; the memory behind inherited
 * pointers is a private copy. Its cell has the same address (UPTR) or a new one (FALLBACK), so ask
 * bpfring_task_storage_bind() again after a fork. A child of vfork() uses its parent's memory.
 *
 * Threads: any thread may make any call, except that close() must be alone. Signal handlers and the
 * function of bpfring_set_log() may make none. One lock for all handles of the process is held over
 * system calls; bind takes it only while the thread is not bound. Calls do not wait for other
 * programs, but the fall-back waits for a grace period of RCU (milliseconds) once in some thousand
 * binds, and a call waits while another process sets a member of the same thread. A thread cannot
 * be cancelled during a call. All users of a map in a process share one handle, and open returns
 * the one that exists. If it names other arrays of the fall-back than that handle has, it moves the
 * handle to them, as bpfring_task_storage_replace() does.
 *
 * Unloading: a bound thread runs code of the library when it ends. So once a handle was opened,
 * dlclose() no longer unloads the library, nor a plugin that contains it.
 *
 * Needs no capability, but a descriptor or a pin of the map. The kernel shows the map's BTF only to
 * CAP_SYS_ADMIN; other processes declare the members in the options. The kernel's side is
 * kernel/bpf/bpf_task_storage.c and bpf_local_storage.c.
 */
#ifndef BPFRING_TASK_STORAGE_H
#define BPFRING_TASK_STORAGE_H

#include <bpfring/common.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bpf_object;
struct bpfring_task_storage;

/* How cells reach BPF. */
enum bpfring_task_path {
	BPFRING_TASK_PATH_AUTO = 0,	/* UPTR if the kernel has it, else FALLBACK */
	BPFRING_TASK_PATH_UPTR = 1,	/* Linux 6.13 */
	BPFRING_TASK_PATH_FALLBACK = 2, /* Linux 6.1 */
};

struct bpfring_task_prepare_opts {
	size_t sz;	      /* sizeof(struct bpfring_task_prepare_opts) */
	uint32_t path;	      /* enum bpfring_task_path */
	uint32_t max_threads; /* FALLBACK: slots for all processes together; 0: 16384 */
};

/**
 * bpfring_task_storage_prepare() - choose the path of an object before it is loaded.
 * @obj:  opened, not loaded; it stays the caller's
 * @name: of a map declared with BPFRING_TASK_STORAGE()
 * @opts: NULL: AUTO, which tries UPTR out
 *
 * All task storage maps of an object take the same path, UPTR without this call. It may be called
 * for each of them. Once prepared for FALLBACK, an object stays so. The sizes of the last call
 * hold. One thread at a time may use an object, as with libbpf.
 *
 * Return: the path taken (> 0), or -EINVAL: NULL, unknown path, the object was not built with
 * bpf/task_storage.bpf.h, or its compiler dropped the __uptr tags (clang before 15); -ENOENT: no
 * such map, a member without BPFRING_TASK_MEMBER(), or no map NAME_grace; -EOPNOTSUPP: the caller
 * asked for UPTR and the kernel lacks it; a nested struct or an array contains a shared member; or,
 * for FALLBACK, the value has a __kptr or a lock; -EPERM: this process may neither try UPTR nor
 * read the kernel's types; ask for one path, not for AUTO (UPTR then goes unchecked); -EBUSY: the
 * object is loaded, or the caller asked for UPTR after FALLBACK; -E2BIG: @opts is from a newer
 * library; -ENOMEM; -EMFILE, -ENFILE.
 */
BPFRING_API int bpfring_task_storage_prepare(struct bpf_object *obj, const char *name,
					     const struct bpfring_task_prepare_opts *opts);

/**
 * bpfring_task_storage_pin() - pin a map and, on the fall-back, the parts that belong to it.
 * @obj:  loaded
 * @name: of the map
 * @path: in a BPF file system, for bpfring_task_storage_open_pinned(); the fall-back adds
 *        path_owner, path_bind, path_grace and path_MEMBER
 *
 * An older pin is replaced; bpfring_task_storage_refresh() then finds the new map.
 *
 * Return: 0, or -EINVAL: NULL, or not declared with BPFRING_TASK_STORAGE(); -ENOENT: no such map,
 * or no such directory; -ENAMETOOLONG: @path has more than 511 bytes; -EBADF: @obj is not loaded;
 * -EPERM: @path is in no BPF file system, or may not be written; -EACCES; -ENOSPC, -ENOMEM.
 */
BPFRING_API int bpfring_task_storage_pin(const struct bpf_object *obj, const char *name,
					 const char *path);

/* Flags of struct bpfring_task_member. A member without flags is ordinary. */
enum {
	/* A shared member: offset is that of the pointer, size that of its target. */
	BPFRING_TASK_MEMBER_SHARED = 1U << 0,
	/* A shared member with one target for all threads of a process. */
	BPFRING_TASK_MEMBER_PROCESS = 1U << 1,
	/* A bit field, a lock or a __kptr, which can be neither bound nor set or got. */
	BPFRING_TASK_MEMBER_OPAQUE = 1U << 2,
	/* Is or contains a __kptr, which the kernel drops when user space writes the element. */
	BPFRING_TASK_MEMBER_KPTR = 1U << 3,
	/* An earlier map had this member; the one that is open now lacks it. */
	BPFRING_TASK_MEMBER_GONE = 1U << 4,
};

/* A member of the map's value. */
struct bpfring_task_member {
	size_t sz; /* sizeof(struct bpfring_task_member) */
	char name[64];
	uint32_t offset; /* in the value */
	uint32_t size;	 /* of the member; of its target if the member is shared */
	uint32_t align;	 /* of the same; 0: 8 */
	uint32_t flags;	 /* BPFRING_TASK_MEMBER_* */
};

/* How cells are placed. More space keeps threads from disturbing each other's caches. */
enum bpfring_task_packing {
	BPFRING_TASK_PACKING_DENSE = 0, /* as many in a page as fit */
	BPFRING_TASK_PACKING_LINE = 1,	/* each in a cache line (64 bytes) of its own */
	BPFRING_TASK_PACKING_PAGE = 2,	/* each in a page of its own */
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
	/* All members, if the map's BTF may not be read; of one sz, 0 for that of 0.1. */
	const struct bpfring_task_member *members;
	uint32_t member_count;
	/*
	 * The fall-back's parts, if the map is opened by descriptor: the map of owners, the
	 * program, the map of maps, and an array of slots per shared member, in the order of the
	 * members. They are duplicated. All 0 and NULL: the path is UPTR. Without bind_fd (0) the
	 * library takes pidfds of threads (Linux 6.9). Without grace_fd (0) it waits for BPF
	 * programs with membarrier(), which does not wait on nohz_full kernels and with one
	 * processor; there each slot is used only once.
	 */
	int owner_fd;
	int bind_fd;
	int grace_fd;
	const int *slot_fds;
};

/**
 * bpfring_task_storage_open() - open a task storage map by its descriptor.
 * @ret:    the handle; call bpfring_task_storage_close() as often as it was opened
 * @map_fd: the map; the library duplicates the descriptor
 * @opts:   NULL for defaults; read during the call. If the map is open in this process already, the
 *          options of that handle stay
 *
 * The first bind checks whether the kernel sees the same members as the library.
 *
 * Return: 0, or -EINVAL: NULL, unknown flags, not a task storage map, no shared member, members
 * that do not fit the value, or parts of the fall-back that are missing or have another shape;
 * -E2BIG: @opts is from a newer library, or arrays do not fit the address space; -EPERM: @opts has
 * no members, and reading the map's BTF needs CAP_SYS_ADMIN; -EOPNOTSUPP: a nested struct or an
 * array contains a shared member; -EBUSY: the map is open in this process with the other path;
 * -EBADF; -ENOMEM; -EMFILE, -ENFILE; -EAGAIN: no thread-specific key is left (PTHREAD_KEYS_MAX).
 */
BPFRING_API int bpfring_task_storage_open(struct bpfring_task_storage **ret, int map_fd,
					  const struct bpfring_task_storage_opts *opts);

/**
 * bpfring_task_storage_open_pinned() - the same by pin; the fall-back's parts are next to it.
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
 * bpfring_task_storage_close() - close a handle. NULL is fine. The last close unbinds all threads.
 *
 * Pointers to cells become invalid. No other thread may be inside a call with this handle. In a
 * forked child it frees only memory and descriptors.
 */
BPFRING_API void bpfring_task_storage_close(struct bpfring_task_storage *ts);

/**
 * bpfring_task_storage_member() - describe a member.
 * @index: from 0, ordinary members included
 * @ret:   set @ret->sz before
 *
 * Return: 0; -ENOENT: the value has no such member; -EINVAL: NULL, or @ret->sz is too small.
 */
BPFRING_API int bpfring_task_storage_member(const struct bpfring_task_storage *ts, int index,
					    struct bpfring_task_member *ret);

/**
 * bpfring_task_storage_find() - the index of member @name, if both sides agree on its size.
 * @size: bytes of the member; of its target if the member is shared
 *
 * Return: the index (>= 0); -ENOENT: no such member; -EINVAL: NULL; -ERANGE: the BPF program has
 * another size.
 */
BPFRING_API int bpfring_task_storage_find(const struct bpfring_task_storage *ts, const char *name,
					  size_t size);

/**
 * bpfring_task_storage_bind() - the calling thread's memory of a member; binds it if necessary.
 * @member: index of a shared member; the first call binds all of them
 * @ret:    the memory; zeroed when the thread is first bound, valid until it is unbound
 *
 * This takes a few nanoseconds if the thread is bound, else some ten microseconds. Values that BPF
 * wrote into ordinary members before stay. But the kernel replaces the element as a whole, so a
 * change that BPF makes to an ordinary member during the call may be lost.
 *
 * Return: 0, or -EINVAL: NULL, not a shared member, or the kernel does not see it as one; -EEXIST:
 * the value has a __kptr, and BPF made the element before; -ENOMEM: no memory for cell or element;
 * -ENOSPC: the fall-back has no slot left (max_threads); -EOPNOTSUPP: the kernel has no pidfds of
 * threads (6.9), the fall-back has no program, and this is not the first thread of the process;
 * -EMFILE, -ENFILE: no descriptor for a pidfd; -EPERM: the descriptor is read-only, or a seccomp
 * filter forbids pidfd_open(); -EFAULT: the map is not prepared for this path; -EAGAIN, -EBUSY:
 * others kept making and deleting the thread's element; try again.
 */
BPFRING_API int bpfring_task_storage_bind(struct bpfring_task_storage *ts, int member, void **ret);

/**
 * bpfring_task_storage_bind_thread() - the same for another thread of this process.
 * @tid: its gettid()
 * @ret: the memory of that thread, which learns of it from the caller or by binding itself
 *
 * Linux 6.9; before that it works for the first thread of the process only. It keeps a descriptor
 * until that thread is unbound. The cell comes back when the thread binds itself and ends, on
 * bpfring_task_storage_unbind_thread(), or when the library finds the thread dead.
 *
 * Return: as bpfring_task_storage_bind(), and -ESRCH: this process has no such thread.
 */
BPFRING_API int bpfring_task_storage_bind_thread(struct bpfring_task_storage *ts, pid_t tid,
						 int member, void **ret);

/**
 * bpfring_task_storage_unbind() - delete the element of the calling thread and take its cell back.
 *
 * Pointers to its cell become invalid. A BPF program that runs at this moment may still write to
 * the old memory, which no other thread gets before.
 *
 * Return: 0, also if the thread was not bound; -EMFILE, -ENFILE, -EAGAIN, -EBUSY, -EPERM: the
 * element could not be deleted, but the cell is taken back all the same.
 */
BPFRING_API int bpfring_task_storage_unbind(struct bpfring_task_storage *ts);

/**
 * bpfring_task_storage_unbind_thread() - the same for another thread of this process.
 *
 * That thread must no longer use its cell.
 *
 * Return: as bpfring_task_storage_unbind(), and -EOPNOTSUPP: no pidfds of threads (6.9); the cell
 * is taken back, but BPF still sees the ordinary members.
 */
BPFRING_API int bpfring_task_storage_unbind_thread(struct bpfring_task_storage *ts, pid_t tid);

/**
 * bpfring_task_storage_lend() - use the caller's own memory in place of the calling thread's cell.
 * @member: index of a shared member
 * @mem:    as large as the member, aligned for it and inside one page: private or shared anonymous
 *          memory, heap, stack, static data, a memfd, or a private file mapping. It stays the
 *          caller's, and must exist until the thread is unbound; BPF may write to it a moment
 *          longer. NULL: back to the cell.
 *
 * Return: as bpfring_task_storage_bind(), and -EINVAL: @mem is misaligned; -EOPNOTSUPP: it crosses
 * a page, or the map is on the fall-back; -EFAULT: the kernel does not pin such memory (read-only,
 * not mapped, secretmem, shared file mapping); the log gives the reason.
 */
BPFRING_API int bpfring_task_storage_lend(struct bpfring_task_storage *ts, int member, void *mem);

/**
 * bpfring_task_storage_set() - write an ordinary member of a thread's element by system calls.
 * @tid:    a thread of this or of another process; 0: the calling thread
 * @member: index of an ordinary member
 * @data:   @size bytes
 *
 * The other members keep their values, as with bpfring_task_storage_bind(). On the path UPTR, the
 * element of a thread of another process must not exist before the first call. Once that process
 * binds the thread, the element cannot be written again, because that would cut off the shared
 * memory, whose address the kernel does not show. The library notices such a bind only if that
 * process uses it too.
 *
 * Return: 0, or -EINVAL: NULL, not an ordinary member; -ERANGE: wrong size; -ESRCH: no such thread;
 * -EEXIST: the other process's element exists, or the value has a __kptr and the element exists;
 * -EOPNOTSUPP: no pidfds of threads (6.9); -ENOMEM, -EMFILE, -ENFILE, -EPERM, -EAGAIN, -EBUSY.
 */
BPFRING_API int bpfring_task_storage_set(struct bpfring_task_storage *ts, pid_t tid, int member,
					 const void *data, size_t size);

/**
 * bpfring_task_storage_get() - read an ordinary member; arguments as bpfring_task_storage_set().
 * Return: 0, or as bpfring_task_storage_set(), and -ENOENT: the thread has no element.
 */
BPFRING_API int bpfring_task_storage_get(struct bpfring_task_storage *ts, pid_t tid, int member,
					 void *data, size_t size);

/**
 * bpfring_task_storage_replace() - move all bound threads to another map, say of a new scheduler.
 * @map_fd: a map with the same shared members; ordinary members may differ
 * @opts:   as at open, if the path is FALLBACK; else NULL
 *
 * Members keep their indices. A member that the new map lacks gets the flag
 * BPFRING_TASK_MEMBER_GONE. Ordinary members are moved by name. Nothing happens if this map is open
 * already.
 *
 * Pointers stay valid and memory keeps its contents, but on the fall-back a store during the call
 * may be lost. Before Linux 6.9, which has no pidfds of threads, only the first thread of the
 * process is moved. The others come when they next call bpfring_task_storage_bind(), and lose their
 * ordinary members.
 *
 * Return: the number of threads moved, or as bpfring_task_storage_open(); -EINVAL: other shared
 * members; -EBUSY: another handle of this process has the map, or, on the fall-back, another
 * process has taken slots of the same numbers. After these nothing has changed. After another error
 * of bpfring_task_storage_bind() the new map is open, and each thread that could not be moved
 * follows when it next calls bpfring_task_storage_bind().
 */
BPFRING_API int bpfring_task_storage_replace(struct bpfring_task_storage *ts, int map_fd,
					     const struct bpfring_task_storage_opts *opts);

/**
 * bpfring_task_storage_replace_object() - the same with a map of a loaded object, by name.
 * Return: as bpfring_task_storage_replace(); -EINVAL: NULL, or the object was prepared for another
 * path than that of @ts; -ENOENT: no such map.
 */
BPFRING_API int bpfring_task_storage_replace_object(struct bpfring_task_storage *ts,
						    const struct bpf_object *obj, const char *name);

/**
 * bpfring_task_storage_refresh() - look whether the pin names another map now, and move to it.
 *
 * Return: 0: the same map; > 0: threads moved plus one; as bpfring_task_storage_replace(); -EINVAL:
 * @ts was not opened by pin; -ENOENT: the pin is gone.
 */
BPFRING_API int bpfring_task_storage_refresh(struct bpfring_task_storage *ts);

struct bpfring_task_storage_stats {
	size_t sz;	    /* sizeof(struct bpfring_task_storage_stats) */
	uint32_t path;	    /* enum bpfring_task_path, not AUTO */
	uint32_t reserved;  /* 0 */
	uint64_t bound;	    /* threads bound now */
	uint64_t binds;	    /* threads bound so far */
	uint64_t cell_size; /* bytes from one cell to the next */
	uint64_t bytes;	    /* memory of the cells in use, in whole pages */
	uint64_t retired;   /* cells taken back that may not be reused yet */
	uint64_t lost;	    /* cells that never will be, because of an error */
};

BPFRING_PRIV_NAMESAKE_BEGIN
/**
 * bpfring_task_storage_stats() - path, counters, memory in use. Set @ret->sz before.
 * Return: 0; -EINVAL: NULL, or @ret->sz is too small.
 */
BPFRING_API int bpfring_task_storage_stats(const struct bpfring_task_storage *ts,
					   struct bpfring_task_storage_stats *ret);
BPFRING_PRIV_NAMESAKE_END

#ifdef __cplusplus
}
#endif

#endif /* BPFRING_TASK_STORAGE_H */
