/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * For BPF programs: a flight recorder, a ring that always has the latest records. User space reads
 * it with a tap (bpfring/tap.h, BPFRING_TAP_RECORDER).
 *
 *	BPFRING_RECORDER(records, 1024 * 1024);
 *
 *	struct event *e = bpf_ringbuf_reserve(&records, sizeof(*e), 0);
 *
 *	if (e) {
 *		...
 *		BPFRING_RECORD(e);
 *	}
 *
 * The kernel overwrites the oldest records from Linux 6.19 on, and refuses to make such a map
 * before. There, clear the flag before the object is loaded, bpf_map__set_map_flags(map, 0): the
 * tap gives up the oldest records then. bpfring_probe(BPFRING_FEATURE_OVERWRITE) says which it is.
 *
 * Include <linux/bpf.h> or vmlinux.h, and <bpf/bpf_helpers.h>, before it.
 */
#ifndef BPFRING_BPF_RECORDER_H
#define BPFRING_BPF_RECORDER_H

#define BPFRING_PRIV_OVERWRITE (1U << 19) /* BPF_F_RB_OVERWRITE, which older headers lack */

/* Declares the map. @bytes: a power of two, a multiple of the page size. */
#define BPFRING_RECORDER(name, bytes)                      \
	struct {                                           \
		__uint(type, BPF_MAP_TYPE_RINGBUF);        \
		__uint(max_entries, bytes);                \
		__uint(map_flags, BPFRING_PRIV_OVERWRITE); \
	} name SEC(".maps")

/* Commits a record without a notification: nobody sleeps on a flight recorder. */
#define BPFRING_RECORD(record) bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP)

#endif /* BPFRING_BPF_RECORDER_H */
