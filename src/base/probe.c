// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Tries features of the kernel, one by one. */
#include <bpfring/probe.h>
#include <errno.h>

#include "base/options.h"
#include "base/probe.h"

static const struct feature {
	const char *name;
	int (*attempt)(void); /* 0: it works */
	const char *absent;
	const char *forbidden;
} features[BPFRING_FEATURE_COUNT] = {
	[BPFRING_FEATURE_RINGBUF] = {"ringbuf", bpfring_attempt_ringbuf,
				     "this kernel has no BPF ring buffers (Linux 5.8)",
				     "creating maps needs CAP_BPF here; a map that is handed over "
				     "can be consumed without"},
	[BPFRING_FEATURE_USER_RINGBUF] = {"user_ringbuf", bpfring_attempt_user_ringbuf,
					  "this kernel has no user ring buffers (Linux 6.1)",
					  "creating maps needs CAP_BPF here; a map that is handed "
					  "over can be produced into without"},
	[BPFRING_FEATURE_OVERWRITE] = {"overwrite", bpfring_attempt_overwrite,
				       "ring buffers of this kernel cannot overwrite (Linux 6.19)",
				       "creating maps needs CAP_BPF here"},
	[BPFRING_FEATURE_STRUCT_OPS] = {"struct_ops", bpfring_attempt_struct_ops,
					"this kernel has no struct_ops, or no BTF (Linux 5.6, "
					"CONFIG_DEBUG_INFO_BTF)",
					"struct_ops maps need CAP_BPF"},
	[BPFRING_FEATURE_STRUCT_OPS_LINK] = {"struct_ops_link", bpfring_attempt_struct_ops_link,
					     "struct_ops of this kernel have no links (Linux 6.4)",
					     "struct_ops maps need CAP_BPF"},
	[BPFRING_FEATURE_STRUCT_OPS_DETACH] = {"struct_ops_detach",
					       bpfring_attempt_struct_ops_detach,
					       "links of this kernel do not tell of their "
					       "detachment (Linux 6.11)",
					       "struct_ops maps need CAP_BPF"},
	[BPFRING_FEATURE_TASK_STORAGE] = {"task_storage", bpfring_attempt_task_storage,
					  "this kernel has no task storage (Linux 5.11)",
					  "task storage maps need CAP_BPF; one that is handed over "
					  "can be used without"},
	[BPFRING_FEATURE_UPTR] = {"uptr", bpfring_attempt_uptr,
				  "task storage of this kernel cannot share user memory (Linux "
				  "6.13)",
				  "task storage maps need CAP_BPF; one that is handed over can be "
				  "used without"},
	[BPFRING_FEATURE_PIDFD_THREAD] = {"pidfd_thread", bpfring_attempt_pidfd_thread,
					  "this kernel has no pidfds of threads (Linux 6.9)",
					  "a seccomp filter forbids pidfd_open()"},
	[BPFRING_FEATURE_TOKEN] = {"token", bpfring_attempt_token,
				   "this kernel has no BPF tokens (Linux 6.9)",
				   "bpf() is forbidden here"},
	[BPFRING_FEATURE_SCHED_EXT] = {"sched_ext", bpfring_attempt_sched_ext,
				       "this kernel has no sched_ext (Linux 6.12, "
				       "CONFIG_SCHED_CLASS_EXT)",
				       "struct_ops maps need CAP_BPF"},
};

static const struct feature *find(enum bpfring_feature feature)
{
	return (unsigned int)feature < BPFRING_FEATURE_COUNT ? &features[feature] : NULL;
}

const char *bpfring_feature_name(enum bpfring_feature feature)
{
	const struct feature *f = find(feature);

	return f ? f->name : NULL;
}

int bpfring_probe(enum bpfring_feature feature, struct bpfring_probe_result *ret)
{
	const struct feature *f = find(feature);
	struct bpfring_probe_result now = {.state = BPFRING_PROBE_NO};

	if (!f || !ret)
		return -EINVAL;
	now.err = f->attempt();
	if (now.err == -ENOMEM || now.err == -EMFILE || now.err == -ENFILE)
		return now.err;
	now.reason = f->absent;
	if (!now.err) {
		now.state = BPFRING_PROBE_YES;
		now.reason = "";
	} else if (now.err == -EPERM || now.err == -EACCES) {
		now.state = BPFRING_PROBE_NOT_PERMITTED;
		now.reason = f->forbidden;
	}
	return bpfring_options_write(ret, &now, sizeof(now), sizeof(now));
}
