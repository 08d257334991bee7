/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Probe: which features this kernel has and this process may use.
 *
 * A version number answers neither question, because distributions backport features and leave
 * others out, and containers forbid them. So the probe tries: it creates a map, and loads an empty
 * BPF program of the kind that the feature needs. For ring buffers, which programs of every kind
 * can use, it creates only the map; a tracing program needs CAP_PERFMON besides CAP_BPF. Where
 * trying would change the system (schedulers), it looks at the kernel's types in
 * /sys/kernel/btf/vmlinux.
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
	BPFRING_FEATURE_STRUCT_OPS_DETACH = 5, /* links report that they were detached: 6.11 */
	BPFRING_FEATURE_TASK_STORAGE = 6,      /* BPF_MAP_TYPE_TASK_STORAGE: 5.11 */
	BPFRING_FEATURE_UPTR = 7,	       /* task storage with __uptr members: 6.13 */
	BPFRING_FEATURE_PIDFD_THREAD = 8,      /* pidfds of threads: 6.9 */
	BPFRING_FEATURE_TOKEN = 9,	       /* BPF tokens: 6.9 */
	BPFRING_FEATURE_SCHED_EXT = 10,	       /* schedulers in BPF: 6.12 */
	BPFRING_FEATURE_COUNT = 11,
};

enum bpfring_probe_state {
	BPFRING_PROBE_NO = 0,		 /* the kernel does not have it */
	BPFRING_PROBE_YES = 1,		 /* it works */
	BPFRING_PROBE_NOT_PERMITTED = 2, /* this process may not use it, and often not find out */
};

struct bpfring_probe_result {
	size_t sz; /* sizeof(struct bpfring_probe_result) */
	enum bpfring_probe_state state;
	int err;	    /* the kernel's answer, a negative errno value; 0 if YES */
	const char *reason; /* one sentence, "" if YES; a constant that is never freed */
};

/**
 * bpfring_probe() - try one feature.
 * @feature: enum bpfring_feature
 * @ret:     set @ret->sz before
 *
 * Every call tries anew, which takes microseconds for most features and some ten milliseconds for
 * those that read the kernel's types (struct_ops and sched_ext). Thread-safe.
 *
 * Return: 0: @ret holds the answer; -EINVAL: NULL or an unknown feature; -ENOMEM, -EMFILE,
 * -ENFILE: the feature could not be tried.
 */
BPFRING_API int bpfring_probe(enum bpfring_feature feature, struct bpfring_probe_result *ret);

/** bpfring_feature_name() - "ringbuf", "user_ringbuf", ...; NULL: there is no such feature. */
BPFRING_API const char *bpfring_feature_name(enum bpfring_feature feature);

#ifdef __cplusplus
}
#endif

#endif /* BPFRING_PROBE_H */
