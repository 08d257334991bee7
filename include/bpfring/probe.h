/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Probe: what this kernel offers and what this process may do, found out by trying: maps, and empty
 * BPF programs of the kind that is needed. For ring buffers, which programs of all kinds can use,
 * maps alone: a program that traces needs CAP_PERFMON besides CAP_BPF.
 *
 * Distributions carry features back and build them out, containers forbid them: version numbers
 * tell neither. Where trying would change the system (schedulers), the kernel's own types are
 * asked, in /sys/kernel/btf/vmlinux.
 */
#ifndef BPFRING_PROBE_H
#define BPFRING_PROBE_H

#include <bpfring/common.h>

#ifdef __cplusplus
extern "C" {
#endif

enum bpfring_feature {
	BPFRING_FEATURE_RINGBUF = 0,	       /* BPF_MAP_TYPE_RINGBUF: 5.8 */
	BPFRING_FEATURE_USER_RINGBUF = 1,      /* BPF_MAP_TYPE_USER_RINGBUF: 6.1 */
	BPFRING_FEATURE_OVERWRITE = 2,	       /* ring buffers with BPF_F_RB_OVERWRITE: 6.19 */
	BPFRING_FEATURE_STRUCT_OPS = 3,	       /* BPF_MAP_TYPE_STRUCT_OPS: 5.6 */
	BPFRING_FEATURE_STRUCT_OPS_LINK = 4,   /* attached by link: 6.4 */
	BPFRING_FEATURE_STRUCT_OPS_DETACH = 5, /* the link tells of its detachment: 6.11 */
	BPFRING_FEATURE_TASK_STORAGE = 6,      /* BPF_MAP_TYPE_TASK_STORAGE: 5.11 */
	BPFRING_FEATURE_UPTR = 7,	       /* shared user memory in it: 6.13 */
	BPFRING_FEATURE_PIDFD_THREAD = 8,      /* pidfds of threads: 6.9 */
	BPFRING_FEATURE_TOKEN = 9,	       /* BPF tokens: 6.9 */
	BPFRING_FEATURE_SCHED_EXT = 10,	       /* schedulers in BPF: 6.12 */
	BPFRING_FEATURE_COUNT = 11,
};

enum bpfring_probe_state {
	BPFRING_PROBE_NO = 0,		 /* the kernel does not have it */
	BPFRING_PROBE_YES = 1,		 /* it works */
	BPFRING_PROBE_NOT_PERMITTED = 2, /* this process cannot use it, nor, often, find out */
};

struct bpfring_probe_result {
	size_t sz; /* sizeof(struct bpfring_probe_result) */
	enum bpfring_probe_state state;
	int err;	    /* what the kernel answered, a negative errno value; 0 if YES */
	const char *reason; /* one sentence; "" if YES; a constant */
};

/**
 * bpfring_probe() - try one feature.
 * @feature: which
 * @ret:     set @ret->sz before; reason is a constant that nobody frees
 *
 * Each is tried at every call: microseconds for most, some ten milliseconds for those that read the
 * kernel's types (struct_ops and sched_ext). Thread-safe.
 *
 * Return: 0: @ret holds the answer; -EINVAL: NULL or an unknown feature; -ENOMEM, -EMFILE,
 * -ENFILE: it could not be tried.
 */
BPFRING_API int bpfring_probe(enum bpfring_feature feature, struct bpfring_probe_result *ret);

/* "ringbuf", "user_ringbuf", ...; NULL: no such feature. */
BPFRING_API const char *bpfring_feature_name(enum bpfring_feature feature);

#ifdef __cplusplus
}
#endif

#endif /* BPFRING_PROBE_H */
