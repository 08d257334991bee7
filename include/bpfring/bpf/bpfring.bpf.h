/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * For BPF programs: take samples out of a user ring, typed and checked.
 *
 *	struct {
 *		__uint(type, BPF_MAP_TYPE_USER_RINGBUF);
 *		__uint(max_entries, 64 * 1024);
 *	} commands SEC(".maps");
 *
 *	BPFRING_DRAIN_FN(on_command, struct command, command, struct totals, totals)
 *	{
 *		totals->amount += command->amount;
 *		return 0;
 *	}
 *
 *	SEC("syscall")
 *	int drain(void *unused)
 *	{
 *		struct totals totals = {};
 *
 *		return bpf_user_ringbuf_drain(&commands, on_command, &totals, 0);
 *	}
 *
 * Include <linux/bpf.h> or vmlinux.h, and <bpf/bpf_helpers.h>, before it. Needs Linux 6.1. This
 * header defines no map, variable or program until a macro is used.
 */
#ifndef BPFRING_BPF_H
#define BPFRING_BPF_H

/*
 * BPFRING_DRAIN_FN() - define a callback of bpf_user_ringbuf_drain() for samples of one type.
 * @name:     of the callback
 * @type:     of the samples
 * @sample:   name that the body gives to the pointer to the sample; it points into the ring, and
 *            the body may also write there
 * @ctx_type: type of the variable on the stack whose address the caller passes to
 *            bpf_user_ringbuf_drain(); void if it passes NULL
 * @ctx:      name that the body gives to the pointer to it
 *
 * The body follows the macro. It returns 0 to go on, or any other value to stop after this sample.
 * A sample that is shorter than the type does not reach the body, although the kernel counts it as
 * drained. Bytes behind the type are ignored. User space can write to the sample at any time, so
 * read a value once, into a variable, before you check it.
 */
#define BPFRING_DRAIN_FN(name, type, sample, ctx_type, ctx)                              \
	static __always_inline int bpfring_priv_##name(type *sample, ctx_type *ctx);     \
	static long name(struct bpf_dynptr *bpfring_dynptr, void *bpfring_ctx)           \
	{                                                                                \
		type *bpfring_sample = bpf_dynptr_data(bpfring_dynptr, 0, sizeof(type)); \
                                                                                         \
		if (bpfring_sample && bpfring_priv_##name(bpfring_sample, bpfring_ctx))  \
			return 1;                                                        \
		return 0;                                                                \
	}                                                                                \
	static __always_inline int bpfring_priv_##name(type *sample, ctx_type *ctx)

/*
 * BPFRING_DRAIN_VAR_FN() - the same for samples of different types or lengths.
 * @sample: name that the body gives to the sample, for the two functions below
 */
#define BPFRING_DRAIN_VAR_FN(name, sample, ctx_type, ctx)                                         \
	static __always_inline int bpfring_priv_##name(struct bpf_dynptr *sample, ctx_type *ctx); \
	static long name(struct bpf_dynptr *bpfring_dynptr, void *bpfring_ctx)                    \
	{                                                                                         \
		if (bpfring_priv_##name(bpfring_dynptr, bpfring_ctx))                             \
			return 1;                                                                 \
		return 0;                                                                         \
	}                                                                                         \
	static __always_inline int bpfring_priv_##name(struct bpf_dynptr *sample, ctx_type *ctx)

/*
 * BPFRING_SAMPLE_AT() - point to a part of a sample in the ring.
 * @sample: of BPFRING_DRAIN_VAR_FN()
 * @offset: of the part, a constant
 * @type:   of the part
 *
 * Return: a pointer into the ring, or NULL if the sample is too short.
 */
#define BPFRING_SAMPLE_AT(sample, offset, type) \
	((type *)bpf_dynptr_data((sample), (offset), sizeof(type)))

/*
 * bpfring_sample_read() - copy a part of a sample, at an offset that may vary.
 * @dst:    where to
 * @size:   bytes
 * @sample: of BPFRING_DRAIN_VAR_FN()
 * @offset: of the part
 *
 * Return: 0; -E2BIG if the sample is too short.
 */
static __always_inline long bpfring_sample_read(void *dst, __u32 size, struct bpf_dynptr *sample,
						__u32 offset)
{
	return bpf_dynptr_read(dst, size, sample, offset, 0);
}

/*
 * BPFRING_DRAIN_PROG() - define a program for the producer to kick
 * (bpfring_producer_opts.kick_prog_fd).
 * @name:  of the program
 * @map:   the user ring
 * @fn:    the callback; its ctx is NULL
 * @flags: BPF_RB_NO_WAKEUP, BPF_RB_FORCE_WAKEUP, or 0: wake up producers that wait for space if a
 *         sample was drained
 */
#define BPFRING_DRAIN_PROG(name, map, fn, flags)                             \
	SEC("syscall")                                                       \
	int name(void *bpfring_unused)                                       \
	{                                                                    \
		return (int)bpf_user_ringbuf_drain(&(map), fn, NULL, flags); \
	}

#endif /* BPFRING_BPF_H */
