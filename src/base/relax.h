/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* For loops that spin: a moment in which the processor has other things to do. */
#ifndef BPFRING_SRC_RELAX_H
#define BPFRING_SRC_RELAX_H

static inline void bpfring_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#else
	__asm__ volatile("");
#endif
}

#endif /* BPFRING_SRC_RELAX_H */
