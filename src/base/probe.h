/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* One attempt per feature: 0 if it works, else what the kernel answered. */
#ifndef BPFRING_SRC_PROBE_H
#define BPFRING_SRC_PROBE_H

int bpfring_attempt_ringbuf(void);
int bpfring_attempt_user_ringbuf(void);
int bpfring_attempt_overwrite(void);
int bpfring_attempt_struct_ops(void);
int bpfring_attempt_struct_ops_link(void);
int bpfring_attempt_struct_ops_detach(void);
int bpfring_attempt_task_storage(void);
int bpfring_attempt_uptr(void);
int bpfring_attempt_pidfd_thread(void);
int bpfring_attempt_token(void);
int bpfring_attempt_sched_ext(void);

#endif /* BPFRING_SRC_PROBE_H */
