/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Loss: what became of every record that BPF programs wanted to write.
 *
 * The programs count, with the macros of bpf/account.bpf.h for a single ring or of bpf/group.bpf.h
 * for a group; this reads their counters. They only grow, nobody resets them, and any number of
 * readers may look: each keeps what it saw last for itself.
 *
 *	struct bpfring_loss *loss;
 *	BPFRING_OPTS(bpfring_loss_counts, now);
 *
 *	bpfring_loss_open(&loss, bpf_map__fd(skel->maps.events_account));
 *	...
 *	bpfring_loss_read(loss, &now, NULL);
 *	if (now.dropped)
 *		printf("%llu lost, %llu for want of space\n", now.dropped, now.dropped_full);
 *
 * Threads: one at a time uses a reader.
 *
 * Needs: Linux 5.8.
 */
#ifndef BPFRING_LOSS_H
#define BPFRING_LOSS_H

#include <bpfring/common.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bpfring_loss;

/**
 * struct bpfring_loss_counts - what became of records.
 * @sz:              set by the caller: sizeof(struct bpfring_loss_counts)
 * @attempts:        all: @submitted, @discarded and @dropped. A record that a program has reserved
 *                   and not yet submitted or discarded is in none of them
 * @submitted:       handed to the consumer
 * @discarded:       reserved, and given up by the program
 * @dropped:         lost: the sum of the next three
 * @dropped_full:    there was no space in the ring
 * @dropped_no_ring: the group had no ring for the CPU
 * @dropped_other:   larger than the ring, or the ring's lock was not to be had
 * @rescued:         of @submitted and @discarded, those that another ring had space for
 */
struct bpfring_loss_counts {
	size_t sz;
	uint64_t attempts;
	uint64_t submitted;
	uint64_t discarded;
	uint64_t dropped;
	uint64_t dropped_full;
	uint64_t dropped_no_ring;
	uint64_t dropped_other;
	uint64_t rescued;
};

/**
 * bpfring_loss_open() - open a reader.
 * @ret:        the reader; free it with bpfring_loss_close()
 * @account_fd: the map `NAME_account`; it is duplicated, the caller keeps its own
 *
 * What was counted before is not part of the first `since_last`.
 *
 * Return: 0, or -EINVAL: @ret is NULL, or not a map of bpf/account.bpf.h; -EBADF: @account_fd is
 * closed; -EPERM, -EACCES: bpf() is refused; -ENOMEM, -EMFILE, -ENFILE.
 */
BPFRING_API int bpfring_loss_open(struct bpfring_loss **ret, int account_fd);

/**
 * bpfring_loss_read() - read the counters of all CPUs, in sum.
 * @l:          the reader
 * @since_last: what was added since the last call, or since the reader was opened; NULL: not
 *              wanted, and the next call's begins where this one's would have
 * @total:      since the map was created; NULL if not wanted
 *
 * CPUs go on counting meanwhile: exact figures need programs that are at rest.
 *
 * Return: 0; -EINVAL: @l is NULL, or a size too small; -EPERM: bpf() is refused.
 */
BPFRING_API int bpfring_loss_read(struct bpfring_loss *l, struct bpfring_loss_counts *since_last,
				  struct bpfring_loss_counts *total);

/**
 * bpfring_loss_read_cpu() - read the counters of one CPU, since the map was created.
 *
 * Return: 0; -EINVAL: NULL, or a size too small; -ENOENT: there is no such CPU; -EPERM.
 */
BPFRING_API int bpfring_loss_read_cpu(struct bpfring_loss *l, unsigned int cpu,
				      struct bpfring_loss_counts *total);

/**
 * bpfring_loss_close() - free the reader; the counters stay.
 * @l: NULL is fine
 */
BPFRING_API void bpfring_loss_close(struct bpfring_loss *l);

#ifdef __cplusplus
}
#endif

#endif /* BPFRING_LOSS_H */
