/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Tells what this library has made from what libbpf has made. */
#ifndef COMPAT_OURS_H
#define COMPAT_OURS_H

extern const char ours; /* its address is the first member of every handle */

#endif /* COMPAT_OURS_H */
