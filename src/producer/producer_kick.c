// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Makes the kernel drain: on demand, and automatically. */
#include <errno.h>

#include "base/fd.h"
#include "base/log.h"
#include "producer/producer.h"
#include "base/sys.h"

static int take_program(int *ret, int fd)
{
	uint32_t type;
	int err = bpfring_fd_prog_type(fd, &type);

	if (!err && type != BPF_PROG_TYPE_SYSCALL)
		err = -EINVAL;
	if (err) {
		log_error("fd %d cannot be kicked: %s; it must be a SEC(\"syscall\") program\n", fd,
			  bpfring_errname(err));
		return err;
	}
	*ret = bpfring_fd_dup(fd);
	return *ret < 0 ? *ret : 0;
}

int bpfring_producer_kick_init(struct bpfring_producer *p, const struct bpfring_producer_opts *opts)
{
	struct kick *k = &p->kick;

	k->prog_fd = -1;
	if (opts->kick_bytes > p->mapping.size) {
		log_error("map '%s' id %u: kick_bytes is more than the ring holds, %zu bytes\n",
			  p->map.name, p->map.id, p->mapping.size);
		return -EINVAL;
	}
	k->fn = opts->kick;
	k->ctx = opts->kick_ctx;
	k->every_samples = opts->kick_samples;
	k->every_bytes = opts->kick_bytes;
	k->last_pos = p->prod.published;
	k->next_pos = p->prod.published; /* the first sample looks at the fill */
	return opts->kick_prog_fd ? take_program(&k->prog_fd, opts->kick_prog_fd) : 0;
}

enum cause { TOO_LARGE, SENSELESS, NOT_ALLOWED, FILTERED, FAILED };

static const char *const causes[] = {
	[TOO_LARGE] = "a header in the ring is larger than the ring or than the kernel takes; "
		      "bpfring_producer_recover() discards it",
	[SENSELESS] =
		"a position or header in the ring makes no sense, or the program passes flags "
		"that drain does not know; bpfring_producer_recover() repairs the ring",
	[NOT_ALLOWED] = "this process may not run BPF programs",
	[FILTERED] = "a seccomp filter refuses bpf() to this process",
	[FAILED] = "the program or hook that drains failed",
};

static enum cause cause_of(const struct kick *k, int err)
{
	switch (err) {
	case -E2BIG:
		return TOO_LARGE;
	case -EINVAL:
		return SENSELESS;
	case -EPERM:
		return NOT_ALLOWED;
	case -ENOSYS:
	case -EACCES:
		return k->fn ? FAILED : FILTERED;
	default:
		return FAILED;
	}
}

/* Logged once for each cause: automatic kicks can come a million times a second. */
static void note_error(struct bpfring_producer *p, int err)
{
	const enum cause cause = cause_of(&p->kick, err);
	unsigned int said;

	atomic_fetch_add_explicit(&p->kick.errors, 1, memory_order_relaxed);
	if (err == -EBUSY) /* another drains at this moment */
		return;
	said = atomic_fetch_or_explicit(&p->kick.said, 1U << cause, memory_order_relaxed);
	if (!(said & 1U << cause))
		log_warn("map '%s' id %u: kick: %s; %s\n", p->map.name, p->map.id,
			 bpfring_errname(err), causes[cause]);
}

int bpfring_producer_run_kick(const struct kick *k)
{
	int drained, err;

	if (k->fn)
		return k->fn(k->ctx);
	err = bpfring_sys_prog_run(k->prog_fd, &drained);
	return err ? err : drained;
}

void bpfring_producer_note_kick(struct bpfring_producer *p, int drained)
{
	atomic_fetch_add_explicit(&p->kick.kicks, 1, memory_order_relaxed);
	if (drained < 0)
		note_error(p, drained);
	else
		atomic_fetch_add_explicit(&p->kick.drained, (uint64_t)drained,
					  memory_order_relaxed);
}

int bpfring_producer_kick(struct bpfring_producer *p)
{
	int err = bpfring_producer_usable(p);

	if (err)
		return bpfring_producer_refuse_use(p, err);
	if (!bpfring_producer_can_kick(p))
		return bpfring_producer_refuse(p, REFUSED_NO_KICK, -EOPNOTSUPP);
	err = bpfring_producer_run_kick(&p->kick);
	bpfring_producer_note_kick(p, err);
	return err;
}

static void note_samples(struct bpfring_producer *p)
{
	p->kick.last_samples = p->prod.samples + p->prod.discards;
	p->kick.last_pos = p->prod.published;
}

static bool samples_due(struct bpfring_producer *p)
{
	struct kick *k = &p->kick;
	uint64_t ended = p->prod.samples + p->prod.discards;

	if (!k->every_samples || ended - k->last_samples < k->every_samples)
		return false;
	if (k->last_pos == p->prod.published) /* they wait for one that is open */
		return false;
	note_samples(p);
	return true;
}

/*
 * The fill can reach the level only once that many bytes are published beyond the kernel's position
 * of the last look. So that position is read once per level, not once per sample. After a kick that
 * drained nothing, a level's worth of samples is published before the next kick.
 */
static bool bytes_due(struct bpfring_producer *p)
{
	struct kick *k = &p->kick;
	uint64_t published = p->prod.published, fill;

	if (!k->every_bytes || (int64_t)(published - k->next_pos) < 0)
		return false;
	fill = published - bpfring_priv_load_cons(&p->prod, published);
	k->next_pos = published + k->every_bytes;
	if ((int64_t)fill >= (int64_t)k->every_bytes)
		return true;
	k->next_pos -= fill;
	return false;
}

bool bpfring_producer_kick_due(struct bpfring_producer *p)
{
	bool samples = samples_due(p), bytes = bytes_due(p);

	return samples || bytes;
}

/*
 * Samples can fill the ring before the next automatic kick is due, so a lack of space also kicks.
 * It does so only if there is something to drain, and after a kick without progress not before a
 * tick: the hook may reserve itself, and find no space either.
 */
bool bpfring_producer_kick_may_help(struct bpfring_producer *p)
{
	struct kick *k = &p->kick;
	uint64_t cons = p->prod.cons; /* it has just been read */
	int64_t now;

	if (!bpfring_producer_kicks_by_itself(p) || cons == p->prod.published)
		return false;
	now = bpfring_sys_now();
	if (cons == k->refused_at &&
	    now < atomic_load_explicit(&k->refused_until, memory_order_relaxed))
		return false;
	note_samples(p);
	k->next_pos = p->prod.published;
	k->refused_at = cons;
	/* As long as a hook may take: it may have left by an exception. */
	atomic_store_explicit(&k->refused_until, now + DRAIN_TICK_MAX_NS, memory_order_relaxed);
	return true;
}

void bpfring_producer_kick_for_space(struct bpfring_producer *p)
{
	bpfring_producer_kick(p);
	atomic_store_explicit(&p->kick.refused_until, bpfring_sys_now() + DRAIN_TICK_MIN_NS,
			      memory_order_relaxed);
}
