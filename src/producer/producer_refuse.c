// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Logs why a producer refused a call, and what helps. Once for each producer and cause, since a
 * program that makes a mistake may make it a million times a second. A full ring, and a wait that
 * timed out or was stopped, are no mistakes and are not logged.
 */
#include <errno.h>

#include "base/log.h"
#include "producer/producer.h"

static const char *const causes[] = {
	[REFUSED_CLOSED] =
		"the producer is closed; end all samples before bpfring_producer_close()",
	[REFUSED_CHILD] =
		"this process was forked from the one that opened the producer; open the map "
		"here after the parent has closed it",
	[REFUSED_SAMPLE] =
		"not an open sample of this producer; it was submitted or discarded before, or "
		"belongs to another producer",
	[REFUSED_SECOND] =
		"another producer moved the position, so nothing more is published; close this "
		"one, and let every producer of the map take the claim",
	[REFUSED_HEADER] =
		"the header of a sample was written over, so nothing more is published; look for "
		"a write beyond the end of a sample; bpfring_producer_recover() discards what "
		"is broken",
	[REFUSED_POSITION] =
		"the position up to which the kernel has drained is not within the ring; open the "
		"map anew with BPFRING_PRODUCER_RECOVER",
	[REFUSED_SIZE] =
		"a sample is larger than bpfring_producer_max_sample(); split it, or make the ring "
		"larger (max_entries); the limit of any ring is 2^24 - 1 bytes",
	[REFUSED_NO_KICK] =
		"nothing to kick; set kick_prog_fd or kick in struct bpfring_producer_opts",
	[REFUSED_NO_FD] = "call bpfring_producer_fd() before bpfring_producer_arm()",
	[REFUSED_TIMEOUT] = "a time-out is a number of nanoseconds, or -1 for ever",
	[REFUSED_NO_WAITER] =
		"cannot wait for space; has the process or the system run out of descriptors?",
	[REFUSED_CLAIM] =
		"there is no claim to hand over; it was opened with BPFRING_PRODUCER_UNCLAIMED",
	[REFUSED_RECOVER_CLAIM] =
		"recover: opened without the claim, so another producer may be alive; open "
		"without BPFRING_PRODUCER_UNCLAIMED",
	[REFUSED_RECOVER_OPEN] = "recover: samples are reserved; submit or discard them first",
	[REFUSED_STRUCT] = "the struct for the result has no size; declare it with BPFRING_OPTS()",
};

_Static_assert(sizeof(causes) / sizeof(causes[0]) <= 32, "a bit for each in producer.refused");

void bpfring_producer_explain(const struct bpfring_producer *p, enum refusal why, int err)
{
	/* What has been logged does not count as a change of the producer. */
	struct bpfring_producer *said = (struct bpfring_producer *)(uintptr_t)p;
	const unsigned int bit = 1U << why;

	if (!(atomic_fetch_or_explicit(&said->refused, bit, memory_order_relaxed) & bit))
		log_error("map '%s' id %u: %s: %s\n", p->map.name, p->map.id, bpfring_errname(err),
			  causes[why]);
}

void bpfring_producer_explain_use(const struct bpfring_producer *p, int err)
{
	if (err == -EBADF)
		bpfring_producer_explain(p, REFUSED_CLOSED, err);
	else if (err == -ECHILD)
		bpfring_producer_explain(p, REFUSED_CHILD, err);
}

void bpfring_producer_explain_space(const struct bpfring_producer *p, int err)
{
	if (err == -E2BIG)
		bpfring_producer_explain(p, REFUSED_SIZE, err);
	else if (err == -EBUSY)
		bpfring_producer_explain(p, REFUSED_SECOND, err);
	else if (err == -EBADMSG)
		bpfring_producer_explain(p, p->prod.lost ? REFUSED_HEADER : REFUSED_POSITION, err);
	else
		bpfring_producer_explain_use(p, err);
}

void bpfring_priv_producer_explain_end(const struct bpfring_producer *p, int err)
{
	if (err == -EINVAL)
		bpfring_producer_explain(p, REFUSED_SAMPLE, err);
	else if (err == -EBUSY)
		bpfring_producer_explain(p, REFUSED_SECOND, err);
	else if (err == -EBADMSG)
		bpfring_producer_explain(p, REFUSED_HEADER, err);
	else
		bpfring_producer_explain_use(p, err);
}
