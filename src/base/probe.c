// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Tries features of the kernel, one by one. */
#include <bpfring/probe.h>
#include <errno.h>
#include <stdbool.h>

#include "base/options.h"
#include "base/probe.h"
#include "base/sys.h"
#include "base/sys_bpf.h"

static const struct feature {
	const char *name;
	int (*attempt)(enum probe_step *at); /* 0: it works */
	const char *absent;
	const char *forbidden; /* to those without CAP_BPF */
} features[BPFRING_FEATURE_COUNT] = {
	[BPFRING_FEATURE_RINGBUF] = {"ringbuf", bpfring_attempt_ringbuf,
				     "this kernel has no BPF ring buffers (Linux 5.8)",
				     "creating maps needs CAP_BPF here; a process that is handed a "
				     "map can consume it without"},
	[BPFRING_FEATURE_USER_RINGBUF] = {"user_ringbuf", bpfring_attempt_user_ringbuf,
					  "this kernel has no user ring buffers (Linux 6.1)",
					  "creating maps needs CAP_BPF here; a process that is "
					  "handed a map can produce into it without"},
	[BPFRING_FEATURE_OVERWRITE] = {"overwrite", bpfring_attempt_overwrite,
				       "ring buffers of this kernel cannot overwrite (Linux 6.19)",
				       "creating maps needs CAP_BPF here"},
	[BPFRING_FEATURE_STRUCT_OPS] = {"struct_ops", bpfring_attempt_struct_ops,
					"this kernel has no struct_ops (Linux 5.6)",
					"struct_ops maps need CAP_BPF"},
	[BPFRING_FEATURE_STRUCT_OPS_LINK] = {"struct_ops_link", bpfring_attempt_struct_ops_link,
					     "struct_ops of this kernel have no links (Linux 6.4)",
					     "struct_ops maps need CAP_BPF"},
	[BPFRING_FEATURE_STRUCT_OPS_DETACH] = {"struct_ops_detach",
					       bpfring_attempt_struct_ops_detach,
					       "struct_ops links of this kernel do not report that "
					       "they were detached (Linux 6.11)",
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

static bool is_refusal(int err)
{
	return err == -EPERM || err == -EACCES;
}

static const char *why_no_bpf(const struct feature *f)
{
	const struct privileges p = bpfring_sys_privileges();

	if (!p.bpf)
		return f->forbidden;
	if (p.user_namespace > 0)
		return "CAP_BPF does not count in a user namespace; use a BPF token, or have the "
		       "object handed over";
	if (p.user_namespace < 0)
		return "bpf() is refused in spite of CAP_BPF: is this a user namespace, or does a "
		       "seccomp filter or a security module forbid it? (/proc, which would show "
		       "it, is missing)";
	return "bpf() is refused in spite of CAP_BPF: a seccomp filter or a security module "
	       "forbids "
	       "it, or, before Linux 5.11, RLIMIT_MEMLOCK is too low";
}

static const char *why_no_program(void)
{
	const struct privileges p = bpfring_sys_privileges();

	return p.perfmon ? "a security module, or the kernel's configuration, forbids BPF programs "
			   "of "
			   "the kind that uses it"
			 : "BPF programs that use it need CAP_PERFMON besides CAP_BPF";
}

/* The kernel's types are the answer, or lead to it. */
static void judge_types(struct bpfring_probe_result *now)
{
	int sys = bpfring_sys_open("/sys/kernel");

	bpfring_sys_close(sys);
	now->state = BPFRING_PROBE_NOT_PERMITTED;
	if (now->err != -ENOENT) {
		now->reason = "unknown: the kernel's types, /sys/kernel/btf/vmlinux, cannot be "
			      "read";
	} else if (sys < 0) {
		now->reason = "unknown: the kernel's types are in /sys/kernel/btf/vmlinux, but "
			      "/sys is not mounted";
	} else {
		now->state = BPFRING_PROBE_NO;
		now->reason =
			"this kernel has no BTF (CONFIG_DEBUG_INFO_BTF), and so no struct_ops, "
			"or no struct_ops at all";
	}
}

static void judge(struct bpfring_probe_result *now, const struct feature *f, enum probe_step at)
{
	now->state = BPFRING_PROBE_NO;
	now->reason = f->absent;
	if (!now->err) {
		now->state = BPFRING_PROBE_YES;
		now->reason = "";
	} else if (at == STEP_KERNEL_TYPES) {
		judge_types(now);
	} else if (now->err == -ENOSYS) {
		now->reason = "this kernel lacks the system call, or a seccomp filter hides it";
	} else if (is_refusal(now->err)) {
		now->state = BPFRING_PROBE_NOT_PERMITTED;
		now->reason = at == STEP_PROGRAM ? why_no_program()
			      : at == STEP_PIDFD ? "a seccomp filter forbids pidfd_open()"
						 : why_no_bpf(f);
	}
}

int bpfring_probe(enum bpfring_feature feature, struct bpfring_probe_result *ret)
{
	const struct feature *f = find(feature);
	struct bpfring_probe_result now = {.state = BPFRING_PROBE_NO};
	enum probe_step at = STEP_BPF;

	if (!f || !ret)
		return -EINVAL;
	now.err = f->attempt(&at);
	if (now.err == -ENOMEM || now.err == -EMFILE || now.err == -ENFILE)
		return now.err;
	judge(&now, f, at);
	return bpfring_options_write(ret, &now, sizeof(now), sizeof(now));
}
