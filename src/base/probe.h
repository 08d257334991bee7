/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* One attempt per feature: 0 if it works, else what the kernel answered. */
#ifndef BPFRING_SRC_PROBE_H
#define BPFRING_SRC_PROBE_H

/* What was tried last. */
enum probe_step {
	STEP_BPF,	   /* a map, types, or another bpf() call */
	STEP_PROGRAM,	   /* a BPF program of the kind that uses it */
	STEP_KERNEL_TYPES, /* reading the kernel's own types */
	STEP_PIDFD,
};

int bpfring_attempt_ringbuf(enum probe_step *at);
int bpfring_attempt_user_ringbuf(enum probe_step *at);
int bpfring_attempt_overwrite(enum probe_step *at);
int bpfring_attempt_struct_ops(enum probe_step *at);
int bpfring_attempt_struct_ops_link(enum probe_step *at);
int bpfring_attempt_struct_ops_detach(enum probe_step *at);
int bpfring_attempt_task_storage(enum probe_step *at);
int bpfring_attempt_uptr(enum probe_step *at);
int bpfring_attempt_pidfd_thread(enum probe_step *at);
int bpfring_attempt_token(enum probe_step *at);
int bpfring_attempt_sched_ext(enum probe_step *at);

/* The same from the kernel's types, if trying is forbidden: 1, 0, or why they cannot be read. */
int bpfring_kernel_knows_uptr(void);

#endif /* BPFRING_SRC_PROBE_H */
