/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* What BPFRING_COMPAT=stats and =verbose make a program say. Silent without them. */
#ifndef COMPAT_REPORT_H
#define COMPAT_REPORT_H

struct ring;
struct ring_buffer;
struct user_ring_buffer;

void report_ring(const struct ring *r); /* was opened */
void report_begin(struct ring_buffer *rb);
void report_end(struct ring_buffer *rb);
void report_user_ring(const struct user_ring_buffer *rb);
void report_user_ring_end(const struct user_ring_buffer *rb);

#endif /* COMPAT_REPORT_H */
