/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Task storage as the files of the library see it.
 *
 * Words: an *uptr* is a shared member of the value, a pointer tagged __uptr. A *cell* is memory of
 * the library for all uptrs of a thread. To *publish* is to write the element of a thread so that
 * BPF finds its memory. To *lend* is to publish the caller's own memory in place of the cell.
 *
 * A file uses those behind it, in this order: open; replace; names, own_memory; bind, ordinary;
 * fork; registry; element; marks, thread; the paths, uptr_slab and fallback_*; prepare, describe;
 * layout; lock.
 */
#ifndef BPFRING_SRC_TASK_STORAGE_H
#define BPFRING_SRC_TASK_STORAGE_H

#include <bpfring/task_storage.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/map.h"

struct btf;

/* The others have to call a function, which costs as much as all else that bind does. */
#ifdef __GLIBC__
#define TASK_TLS __attribute__((tls_model("initial-exec")))
#else
#define TASK_TLS
#endif

#define TASK_MAX_UPTRS 11 /* BTF_FIELDS_MAX of the kernel */
#define TASK_BUCKETS   1024

/* The value of the map. Members by index; uptrs also by their number among the uptrs. */
struct task_layout {
	uint32_t value_size;
	unsigned int count;
	struct bpfring_task_member *members;
	unsigned int uptr_count;
	unsigned int uptrs[TASK_MAX_UPTRS]; /* index of a member */
	bool has_kptr;			    /* which is lost when an element is written */
	bool has_lock;
	const struct bpfring_task_member
		*split_byte; /* a bit field within a byte; while it is read */
};

/* Memory of one thread, or, for uptrs of the process, of all of them: by number of the uptr. */
struct task_cell {
	void *mem[TASK_MAX_UPTRS];
	uint64_t ref[TASK_MAX_UPTRS]; /* what stands in the element for it */
	void *home;		      /* of the path: where the cell came from */
	uint32_t number;	      /* of the path */
};

/* Descriptors of the fall-back. Only those in ts->parts are closed with their struct. */
struct task_parts {
	int owner_fd; /* -1: the path is UPTR */
	int bind_fd;
	int grace_fd;
	int slot_fds[TASK_MAX_UPTRS];
};

struct bpfring_task_storage;

/*
 * Where cells come from: task_storage/uptr_slab.c (UPTR) and task_storage/fallback_slots.c
 * (FALLBACK).
 */
struct task_path {
	enum bpfring_task_path name;
	int (*init)(struct bpfring_task_storage *ts);
	void (*fini)(struct bpfring_task_storage *ts);
	/* Zeroed memory that BPF does not write to on behalf of another thread, now or later. */
	int (*alloc)(struct bpfring_task_storage *ts, struct task_cell *ret);
	/* Whether alloc() would find nothing, unless something is taken back before. */
	bool (*is_full)(struct bpfring_task_storage *ts);
	/* Takes it back. No thread of this process still uses it; BPF may. */
	void (*retire)(struct bpfring_task_storage *ts, struct task_cell *cell);
	/* Memory for members of the process, one for all threads, until fini(). */
	int (*alloc_process)(struct bpfring_task_storage *ts, struct task_cell *ret);
	/* In the child, while it has one thread: its copies of cells are cut off. */
	void (*forked)(struct bpfring_task_storage *ts);
	/* In the child, at first use: as init(), but 1 if @own (NULL: none) is good still. */
	int (*restart)(struct bpfring_task_storage *ts, struct task_cell *own);
	/* Gives the cells the same addresses in another map. */
	int (*move)(struct bpfring_task_storage *ts, const struct task_parts *to);
	void (*stats)(const struct bpfring_task_storage *ts,
		      struct bpfring_task_storage_stats *ret);
};

extern const struct task_path bpfring_task_slab;
extern const struct task_path bpfring_task_slots;

/* Identity of a thread, and when it was taken. */
struct thread_seen {
	uint64_t inode; /* 0: the kernel did not say */
	int64_t at;
};

/* A thread that is bound, or a thread of another process whose ordinary members were set. */
struct binding {
	struct binding *next; /* of the bucket */
	pid_t tid;
	int pidfd; /* of a thread that did not bind itself, to know when it is dead; -1: none */
	struct thread_seen seen;
	uint64_t mark; /* that is locked; 0: none */
	bool is_self;  /* thread-specific value of its thread, which may look at it at any time */
	bool is_stranded;      /* its thread seems to have ended: lookups skip it */
	atomic_bool has_cell;  /* false: unbound by another thread, or of another process */
	atomic_bool is_behind; /* the map was replaced, its element is still to be made */
	struct task_cell cell;
	void *dealt[TASK_MAX_UPTRS]; /* memory of the cell while the caller's own is lent */
};

struct bpfring_task_storage {
	struct bpfring_task_storage *next; /* of all that are open */
	unsigned int refs;
	uint64_t serial; /* of all handles that there have been; not 0 */
	struct map map;
	char *pin; /* NULL: not opened by pin */
	struct bpfring_task_storage_opts opts;
	struct task_layout layout;
	struct task_parts parts;
	const struct task_path *path;
	void *path_state;
	uint32_t *guard;   /* reads 0 in a forked child, see mapping.h */
	pthread_key_t key; /* binding of the calling thread */
	void *scratch;	   /* a request with a value behind it, of all calls: under the lock */

	struct binding *buckets[TASK_BUCKETS];
	uint64_t bound, binds;
	uint64_t bindings, added; /* in the buckets now; so far */
	uint64_t reap_at;	  /* when so many have been added */
	int mark_fd;		  /* its locks are marks; -1: there have been none */
	uint64_t caller_inode;	  /* as the program of the fall-back said last */

	bool is_checked; /* the members are what the kernel takes them for */

	bool has_process; /* there are members of the process, and process is allocated */
	struct task_cell process;
	void *process_copy[TASK_MAX_UPTRS]; /* what must be there again after fork */
};

/* task_storage/lock.c */
/* One lock for all handles: what is slow is the kernel's part. Taken over fork. */
void bpfring_task_lock(void);
void bpfring_task_unlock(void);

/* task_storage/layout.c */
int bpfring_task_layout_from_btf(struct task_layout *ret, const struct btf *btf, uint32_t type,
				 bool fallback, const char *map_name);
int bpfring_task_layout_from_opts(struct task_layout *ret,
				  const struct bpfring_task_storage_opts *opts, uint32_t value_size,
				  const char *map_name);
int bpfring_task_layout_copy(struct task_layout *ret, const struct task_layout *layout);
void bpfring_task_layout_free(struct task_layout *layout);

/* task_storage/layout_follow.c */
/* @next in the numbers of @before: what both have keeps its number, what is new comes behind. */
int bpfring_task_layout_follow(struct task_layout *ret, const struct task_layout *before,
			       struct task_layout *next, const char *map_name);
/*
 * Of two that follow each other. What they have in common is not written: bind looks at it at any
 * time.
 */
void bpfring_task_layout_exchange(struct task_layout *a, struct task_layout *b);
/* The ordinary members of a value as a value of @to, which follows @from. */
void bpfring_task_layout_convert(const struct task_layout *from, const void *value,
				 const struct task_layout *to, void *ret);

/* The number of a member among the uptrs; -EINVAL. */
static inline int bpfring_task_layout_uptr(const struct task_layout *layout, int member)
{
	for (unsigned int i = 0; i < layout->uptr_count; i++)
		if (layout->uptrs[i] == (unsigned int)member)
			return (int)i;
	return -EINVAL;
}

static inline const struct bpfring_task_member *
task_uptr_member(const struct bpfring_task_storage *ts, unsigned int uptr)
{
	return &ts->layout.members[ts->layout.uptrs[uptr]];
}

static inline bool task_is_process(const struct bpfring_task_storage *ts, unsigned int uptr)
{
	return task_uptr_member(ts, uptr)->flags & BPFRING_TASK_MEMBER_PROCESS;
}

/* task_storage/fallback_maps.c */

/* By what a map was named: its parts are found there too. */
struct task_source {
	const struct bpf_object *obj; /* NULL: none */
	const char *name;	      /* in @obj */
	const char *pin;	      /* NULL: none */
	bool fallback;
};

/* Of the object, the pin or else the options; none on UPTR. */
int bpfring_task_parts_find(struct task_parts *ret, const struct task_source *from,
			    const struct bpfring_task_storage_opts *opts,
			    const struct task_layout *layout);
int bpfring_task_parts_dup(struct task_parts *ret, const struct task_parts *parts,
			   unsigned int count);
/* The same maps: 1, 0. */
int bpfring_task_parts_same(const struct task_parts *a, const struct task_parts *b,
			    unsigned int count);
void bpfring_task_parts_close(struct task_parts *parts, unsigned int count);
void bpfring_task_parts_none(struct task_parts *ret);
/* PATH_SUFFIX in @buf; -ENAMETOOLONG */
#define TASK_PATH_MAX 512
int bpfring_task_part_path(char *buf, const char *path, const char *suffix);

/* task_storage/fallback_arrays.c */
/* Entries of the map of owners for so many slots. */
uint64_t bpfring_task_owner_entries(uint32_t slots);

/* task_storage/prepare.c */
bool bpfring_task_object_is_fallback(const struct bpf_object *obj);

/* task_storage/describe.c */
int bpfring_task_opts_read(struct bpfring_task_storage_opts *ret,
			   const struct bpfring_task_storage_opts *opts);
/* The members of @map's value; @btf: the object's, NULL: the kernel's. */
int bpfring_task_describe(struct task_layout *ret, const struct map *map,
			  const struct bpfring_task_storage_opts *opts, const struct btf *btf,
			  bool fallback);

/*
 * task_storage/element.c: the element of a thread in the kernel; its value in ts->scratch. Under
 * the lock.
 */
struct task_id {
	pid_t tid;
	int pidfd; /* -1: by tid */
};
int bpfring_task_element_read(struct bpfring_task_storage *ts, struct task_id id);
int bpfring_task_element_write(struct bpfring_task_storage *ts, struct task_id id, uint64_t flags);
int bpfring_task_element_delete(struct bpfring_task_storage *ts, struct task_id id);
/* Keeps the ordinary members that exist, and publishes the memory of @b. */
int bpfring_task_element_publish(struct bpfring_task_storage *ts, struct binding *b);
/* Once a map: that the kernel takes for pointers what we do. */
int bpfring_task_element_check(struct bpfring_task_storage *ts, struct task_id id);
void bpfring_task_element_refer(struct bpfring_task_storage *ts, const struct binding *b);
void *bpfring_task_value(struct bpfring_task_storage *ts);
size_t bpfring_task_scratch_size(const struct task_layout *layout);

/* task_storage/thread.c */
int bpfring_task_pidfd(pid_t tid);     /* says why not */
int bpfring_task_try_pidfd(pid_t tid); /* -EOPNOTSUPP: the kernel has none of this thread */
struct thread_seen bpfring_task_see(uint64_t inode);
/* The calling thread, which has just written its element. */
struct thread_seen bpfring_task_see_self(const struct bpfring_task_storage *ts);
/* Of the thread that was seen: -ESRCH if its number is another's now. */
int bpfring_task_pidfd_of(const struct thread_seen *seen, pid_t tid);
/* Whether @tid is still the thread that was seen; true if nothing speaks against it. */
bool bpfring_task_is_seen(const struct thread_seen *seen, pid_t tid);

/* task_storage/marks.c. Under the lock. */
/* Of a thread of another process, on the path UPTR: its element is about to be made here. */
void bpfring_task_mark_made(struct bpfring_task_storage *ts, struct binding *b);
/*
 * Of a thread of another process, before its element is read and written. -EBUSY: its process is
 * writing; or, on the path UPTR, it was not made here, or is shared since: it must not be written.
 */
int bpfring_task_begin_change(struct bpfring_task_storage *ts, const struct binding *b);
void bpfring_task_end_change(struct bpfring_task_storage *ts, const struct binding *b);
/*
 * Of a thread of this process, after its element was read, before it is written to share memory.
 * True: it has to be read again, another process may have written it.
 */
bool bpfring_task_begin_publish(struct bpfring_task_storage *ts, struct binding *b);
void bpfring_task_end_publish(struct bpfring_task_storage *ts, struct binding *b);
void bpfring_task_unmark(struct bpfring_task_storage *ts, struct binding *b);

/* task_storage/registry.c: which threads are bound. Under the lock. */
struct binding *bpfring_task_find(struct bpfring_task_storage *ts, pid_t tid);
struct binding *bpfring_task_add(struct bpfring_task_storage *ts, pid_t tid);
/*
 * Takes it off its bucket, gives its cell back, frees it. The element is not touched. Only its own
 * thread may do that to a thread that bound itself, or anybody when no thread has its number.
 */
void bpfring_task_drop(struct bpfring_task_storage *ts, struct binding *b);
/* Gives its cell back; drops it too, unless its thread may look at it. */
void bpfring_task_give_up(struct bpfring_task_storage *ts, struct binding *b);
/* The binding of @tid, if it is that of the thread that has this number now. */
struct binding *bpfring_task_current(struct bpfring_task_storage *ts, pid_t tid);
/* Takes back the cells of dead threads; returns their number. */
int bpfring_task_reap_dead(struct bpfring_task_storage *ts);
/* The same now and then, before a binding is added. */
void bpfring_task_reap_some(struct bpfring_task_storage *ts);
/* Deletes the element, if its thread is there still, then gives up. */
int bpfring_task_end(struct bpfring_task_storage *ts, struct binding *b);
void bpfring_task_thread_ends(void *binding); /* destructor of the key */

/*
 * What a thread has bound itself with is the value of a thread-specific key, for the sake of the
 * destructor. glibc hands the stack of an old thread to a new one, and if the old one ended by a
 * bare system call, its thread-specific values too. Thread-local variables it clears: they say
 * whether the values are the thread's own, and remember the last of them.
 */
struct task_thread {
	uint64_t serial; /* of the handle that it used last */
	struct binding *own;
	bool is_known; /* it has been here before */
};
extern __thread struct task_thread bpfring_task_thread TASK_TLS;
/* From now on thread-specific values are those of the calling thread. Under the lock. */
void bpfring_task_meet_thread(void);
int bpfring_task_set_own(const struct bpfring_task_storage *ts, struct binding *b);

/* task_storage/bind.c. Under the lock. */
int bpfring_task_bind_self(struct bpfring_task_storage *ts, struct binding **ret);

/* task_storage/replace.c */
/*
 * Moves all threads to @map, which it takes over, and to what else @from and @opts name: their
 * number. If that is where they are, 0, and @ret_same. Under the lock.
 */
int bpfring_task_replace(struct bpfring_task_storage *ts, struct map *map,
			 const struct bpfring_task_storage_opts *opts,
			 const struct task_source *from, bool *ret_same);

/* task_storage/names.c */
/* What BPF found out about names in another map, it finds out anew. Under the lock. */
void bpfring_names_forget_caches(struct bpfring_task_storage *ts);

/* task_storage/fork.c */
int bpfring_task_fork_init(void);
/* In a forked child, before anything else: forgets what belongs to the parent. Under the lock. */
int bpfring_task_after_fork(struct bpfring_task_storage *ts);
/* Memory of the process is there, with what was in it before. */
int bpfring_task_process_start(struct bpfring_task_storage *ts);

/* task_memory.c: why the kernel does not pin this memory, for a message */
const char *bpfring_task_memory_kind(const void *mem);

/* All handles that are open, under the lock. */
extern struct bpfring_task_storage *bpfring_task_all;
extern uint64_t bpfring_task_serials; /* of the last */

/* What the calling thread has bound itself with; NULL. */
static inline struct binding *task_own(const struct bpfring_task_storage *ts)
{
	struct task_thread *t = &bpfring_task_thread;

	if (t->serial != ts->serial) {
		t->own = t->is_known ? pthread_getspecific(ts->key) : NULL;
		t->serial = ts->serial;
	}
	return t->own;
}

static inline bool task_forked(const struct bpfring_task_storage *ts)
{
	return !__atomic_load_n(ts->guard, __ATOMIC_RELAXED);
}

#endif /* BPFRING_SRC_TASK_STORAGE_H */
