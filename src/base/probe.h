/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* One attempt per feature: 0 if it works, else what the kernel answered. */
#ifndef BPFRING_SRC_PROBE_H
#define BPFRING_SRC_PROBE_H

int probe_ringbuf(void);
int probe_user_ringbuf(void);
int probe_overwrite(void);
int probe_struct_ops(void);
int probe_struct_ops_link(void);
int probe_struct_ops_detach(void);
int probe_task_storage(void);
int probe_uptr(void);
int probe_pidfd_thread(void);
int probe_token(void);
int probe_sched_ext(void);

#endif /* BPFRING_SRC_PROBE_H */
