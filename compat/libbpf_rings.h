/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * libbpf's ring calls, as this library offers them. They are declared here and not taken from
 * <bpf/libbpf.h>, because all of them are offered whichever version of that header is installed.
 * tests/compat/prototypes.c compares the two.
 */
#ifndef COMPAT_LIBBPF_RINGS_H
#define COMPAT_LIBBPF_RINGS_H

#include <stddef.h>
#include <stdint.h>

#define COMPAT_API __attribute__((visibility("default")))

struct ring;
struct ring_buffer;
struct user_ring_buffer;

#ifndef __LIBBPF_LIBBPF_H /* behind libbpf's own header the prototypes must agree with it */
struct ring_buffer_opts {
	size_t sz;
};

struct user_ring_buffer_opts {
	size_t sz;
};

typedef int (*ring_buffer_sample_fn)(void *ctx, void *data, size_t size);
#endif

/*
 * X(version node, type, `return` or its stand-in, name, parameters, arguments) for every call, for
 * those who need a list of them: the exports, libbpf's own functions behind them, the tests.
 */
#define LIBBPF_RING_CALLS(X)                                                                      \
	X("LIBBPF_0.0.9", struct ring_buffer *, return, ring_buffer__new,                         \
	  (int map_fd, ring_buffer_sample_fn sample_cb, void *ctx,                                \
	   const struct ring_buffer_opts *opts),                                                  \
	  (map_fd, sample_cb, ctx, opts))                                                         \
	X("LIBBPF_0.0.9", void, (void), ring_buffer__free, (struct ring_buffer * rb), (rb))       \
	X("LIBBPF_0.0.9", int, return, ring_buffer__add,                                          \
	  (struct ring_buffer * rb, int map_fd, ring_buffer_sample_fn sample_cb, void *ctx),      \
	  (rb, map_fd, sample_cb, ctx))                                                           \
	X("LIBBPF_0.0.9", int, return, ring_buffer__poll,                                         \
	  (struct ring_buffer * rb, int timeout_ms), (rb, timeout_ms))                            \
	X("LIBBPF_0.0.9", int, return, ring_buffer__consume, (struct ring_buffer * rb), (rb))     \
	X("LIBBPF_0.3.0", int, return, ring_buffer__epoll_fd, (const struct ring_buffer *rb),     \
	  (rb))                                                                                   \
	X("LIBBPF_1.1.0", struct user_ring_buffer *, return, user_ring_buffer__new,               \
	  (int map_fd, const struct user_ring_buffer_opts *opts), (map_fd, opts))                 \
	X("LIBBPF_1.1.0", void, (void), user_ring_buffer__free, (struct user_ring_buffer * rb),   \
	  (rb))                                                                                   \
	X("LIBBPF_1.1.0", void *, return, user_ring_buffer__reserve,                              \
	  (struct user_ring_buffer * rb, uint32_t size), (rb, size))                              \
	X("LIBBPF_1.1.0", void *, return, user_ring_buffer__reserve_blocking,                     \
	  (struct user_ring_buffer * rb, uint32_t size, int timeout_ms), (rb, size, timeout_ms))  \
	X("LIBBPF_1.1.0", void, (void), user_ring_buffer__submit,                                 \
	  (struct user_ring_buffer * rb, void *sample), (rb, sample))                             \
	X("LIBBPF_1.1.0", void, (void), user_ring_buffer__discard,                                \
	  (struct user_ring_buffer * rb, void *sample), (rb, sample))                             \
	X("LIBBPF_1.3.0", struct ring *, return, ring_buffer__ring,                               \
	  (struct ring_buffer * rb, unsigned int idx), (rb, idx))                                 \
	X("LIBBPF_1.3.0", unsigned long, return, ring__consumer_pos, (const struct ring *r), (r)) \
	X("LIBBPF_1.3.0", unsigned long, return, ring__producer_pos, (const struct ring *r), (r)) \
	X("LIBBPF_1.3.0", size_t, return, ring__avail_data_size, (const struct ring *r), (r))     \
	X("LIBBPF_1.3.0", size_t, return, ring__size, (const struct ring *r), (r))                \
	X("LIBBPF_1.3.0", int, return, ring__map_fd, (const struct ring *r), (r))                 \
	X("LIBBPF_1.3.0", int, return, ring__consume, (struct ring * r), (r))                     \
	X("LIBBPF_1.5.0", int, return, ring_buffer__consume_n,                                    \
	  (struct ring_buffer * rb, size_t n), (rb, n))                                           \
	X("LIBBPF_1.5.0", int, return, ring__consume_n, (struct ring * r, size_t n), (r, n))

/* What a program calls, and what stands behind it: see libbpf.c. */
#define COMPAT_DECLARE(node, type, result, name, parameters, arguments) \
	COMPAT_API type name parameters;                                \
	type compat_##name parameters;
LIBBPF_RING_CALLS(COMPAT_DECLARE)
#undef COMPAT_DECLARE

#endif /* COMPAT_LIBBPF_RINGS_H */
