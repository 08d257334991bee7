// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * All anonymous files of a running kernel (eventfds, epolls, BPF maps, ...) share one inode, and
 * open-file-description locks work on it. So a byte of that inode, locked through an eventfd of our
 * own, is a sign of life that all processes see, whatever their privileges, containers and mounts,
 * and that ends with the eventfd. A lock through the map's own descriptor would not do: processes
 * that inherited one share its open file and so the lock.
 *
 * But any process can lock that inode. So the claim itself is a word in the memory that is claimed,
 * which strangers cannot write, and the lock only shows whether its holder lives. The word names
 * the byte, drawn anew for every claim:
 * - Nobody can lock the byte before it is claimed, except together with most others. Such a lock is
 *   told apart by its size. While it lasts there are claims without a lock, which live as long as
 *   the process that is written down beside the word.
 * - The byte can be read in /proc/locks, and locked as soon as its holder was killed. It is not
 *   believed then either, for that process is gone.
 * Processes can be looked up only inside one PID namespace. From elsewhere, a claim without a lock
 * counts as none, and a lock on the very byte as one.
 */
#include "base/claim.h"

#include <errno.h>

#include "base/log.h"
#include "base/map.h"
#include "base/sys.h"
#include "base/sys_bpf.h"

#define CLAIM_LOCKED (1ULL << 63)
#define BYTE_MASK    ((1ULL << 62) - 1)
#define TRIES	     16

static uint64_t byte_of(uint64_t word)
{
	return word & BYTE_MASK;
}

/*
 * C1: acquire and release, so that who sees a claim sees what was written before it, and the other
 * way.
 */
static uint64_t load(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static void store(uint64_t *word, uint64_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE); /* C1 */
}

static bool exchange(uint64_t *word, uint64_t from, uint64_t to)
{
	return __atomic_compare_exchange_n(word, &from, to, false, __ATOMIC_ACQ_REL, /* C1 */
					   __ATOMIC_RELAXED);
}

enum lock_kind {
	LOCK_NONE,
	LOCK_EXACT, /* of this byte alone */
	LOCK_WIDE,  /* of a stranger, for it is of others too */
};

/* What keeps us from locking a byte; or an error. */
static int lock_kind(int fd, uint64_t byte)
{
	uint64_t start, size;
	int err = bpfring_sys_lock_query(fd, byte, &start, &size);

	if (err)
		return err;
	if (!size)
		return LOCK_NONE;
	return start == byte && size == 1 ? LOCK_EXACT : LOCK_WIDE;
}

/* Locks a byte: LOCK_NONE if it is ours now, or what kept us from it; or an error. */
static int try_lock(int fd, uint64_t byte)
{
	int err = bpfring_sys_lock_byte(fd, byte);

	if (err != -EAGAIN && err != -EACCES)
		return err;
	err = lock_kind(fd, byte);
	return err == LOCK_NONE ? LOCK_EXACT : err; /* gone in between: it may come again */
}

/*
 * What is known of the process that wrote the claim. 1: it runs; 0: it does not; an error: unknown.
 */
static int holder_runs(struct claim_page *page, uint64_t word)
{
	struct process holder;

	if (load(&page->holder) != word)
		return -ESRCH;
	holder = (struct process){load(&page->pid), load(&page->pid_ns), load(&page->started)};
	return load(&page->holder) == word ? bpfring_sys_process_runs(&holder) : -ESRCH;
}

/* Is the claim of this word held? 1, 0 or an error. */
static int is_held(int fd, struct claim_page *page, uint64_t word, const struct map *map)
{
	int kind = word & CLAIM_LOCKED ? lock_kind(fd, byte_of(word)) : LOCK_WIDE;

	if (kind < 0)
		return kind;
	if (kind == LOCK_NONE)
		return 0;
	if (kind == LOCK_WIDE) /* where a stranger's lock lies, there is none of a holder */
		return !(word & CLAIM_LOCKED) && holder_runs(page, word) > 0;
	if (holder_runs(page, word))
		return 1;
	log_warn("map '%s' id %u: the process that claimed it is gone, but its lock is still held, "
		 "by a child or by a stranger; this lock is ignored\n",
		 map->name, map->id);
	return 0;
}

static int draw_byte(uint64_t *ret)
{
	int err = bpfring_sys_urandom(ret, sizeof(*ret));

	*ret = (*ret & BYTE_MASK) | 1; /* never 0 */
	return err;
}

static void write_holder(struct claim_page *page, uint64_t word)
{
	struct process self;

	store(&page->holder, 0);
	if (bpfring_sys_self(&self))
		return; /* the lock alone has to do */
	store(&page->pid, self.pid);
	store(&page->pid_ns, self.pid_ns);
	store(&page->started, self.started);
	store(&page->holder, word);
}

/* Puts a new claim into the page. 1: try again. */
static int write_claim(struct claim *claim, const struct map *map, uint64_t old)
{
	uint64_t byte;
	int kind, err = draw_byte(&byte);

	if (err)
		return err;
	kind = try_lock(claim->fd, byte);
	if (kind < 0)
		return kind;
	if (kind == LOCK_EXACT)
		return 1;
	claim->word = kind == LOCK_NONE ? byte | CLAIM_LOCKED : byte;
	if (!exchange(&claim->page->word, old, claim->word)) {
		bpfring_sys_unlock_byte(claim->fd, byte);
		return 1;
	}
	write_holder(claim->page, claim->word);
	if (kind == LOCK_WIDE)
		log_warn("map '%s' id %u: a stranger has locked the inode of all anonymous files "
			 "(see /proc/locks), so the claim goes by process number, which other PID "
			 "namespaces do not see\n",
			 map->name, map->id);
	return 0;
}

/* Takes it for the open file of claim->fd. 1: try again. */
static int try_claim(struct claim *claim, const struct map *map, bool handed_over)
{
	uint64_t old = load(&claim->page->word);
	int held;

	/* Of a descriptor that has the lock already this is so: nothing changes. */
	if (handed_over && (old & CLAIM_LOCKED) && try_lock(claim->fd, byte_of(old)) == LOCK_NONE) {
		claim->word = old;
		bpfring_claim_share(claim); /* also with the owners of copies */
		return 0;
	}
	held = old ? is_held(claim->fd, claim->page, old, map) : 0;
	if (held)
		return held < 0 ? held : -EBUSY;
	return write_claim(claim, map, old);
}

/* A lock on another inode would succeed and say nothing. */
static int check_inode(int handed_over)
{
	int fd = bpfring_sys_eventfd();
	int same;

	if (fd < 0)
		return fd;
	same = bpfring_sys_same_inode(fd, handed_over);
	bpfring_sys_close(fd);
	return same < 0 ? same : same ? 0 : -EINVAL;
}

static int try_often(struct claim *claim, const struct map *map, bool handed_over)
{
	int err = 1;

	for (int tries = 0; err == 1 && tries < TRIES; tries++)
		err = try_claim(claim, map, handed_over);
	return err == 1 ? -EBUSY : err;
}

int bpfring_claim_take(struct claim *ret, const struct map *map, struct claim_page *page,
		       int handed_over)
{
	struct claim claim = {.page = page};
	int err;

	claim.fd = handed_over < 0 ? bpfring_sys_eventfd() : bpfring_sys_dup(handed_over);
	err = claim.fd < 0 ? claim.fd : handed_over < 0 ? 0 : check_inode(claim.fd);
	if (!err)
		err = try_often(&claim, map, handed_over >= 0);
	if (!err) {
		*ret = claim;
		return 0;
	}
	bpfring_sys_close(claim.fd);
	log_error("map '%s' id %u: cannot claim it: %s%s%s\n", map->name, map->id,
		  bpfring_errname(err), err == -EBUSY ? "; another holds the claim of the " : "",
		  err != -EBUSY			      ? ""
		  : map->type == BPF_MAP_TYPE_RINGBUF ? "consumer"
						      : "producer");
	return err;
}

void bpfring_claim_share(const struct claim *claim)
{
	/* Without a lock the process has the claim, no matter who has the descriptor. */
	if (claim->fd >= 0 && (claim->word & CLAIM_LOCKED))
		store(&claim->page->holder, 0);
}

static void end(const struct claim *claim)
{
	store(&claim->page->holder, 0);
	exchange(&claim->page->word, claim->word, 0);
	bpfring_sys_unlock_byte(claim->fd, byte_of(claim->word));
}

void bpfring_claim_drop(struct claim *claim, bool owner)
{
	/* A copy of the descriptor that was handed over goes on having the claim. */
	if (claim->fd >= 0 && owner && load(&claim->page->holder) == claim->word)
		end(claim);
	bpfring_sys_close(claim->fd);
	*claim = CLAIM_NONE;
}

int bpfring_claim_part(struct claim_page *page, int fd, const struct map *map, uint64_t *ret)
{
	struct claim claim = {.page = page, .fd = fd};
	int err = try_often(&claim, map, false);

	if (!err)
		*ret = claim.word;
	return err;
}

void bpfring_claim_end_part(struct claim_page *page, int fd, uint64_t word)
{
	if (load(&page->word) == word)
		end(&(struct claim){.page = page, .fd = fd, .word = word});
}
