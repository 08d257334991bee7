// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Programs lock around reserving and submit from any thread without a lock, as libbpf's manual
 * says: so the producer is one for threads. libbpf knows no claims, so it takes none.
 */
#include "user_ring_buffer.h"

#include <bpfring/producer_wait.h>
#include <errno.h>
#include <stdlib.h>

#include "core.h"
#include "log.h"
#include "options.h"
#include "ours.h"
#include "report.h"
#include "signals.h"

static int open_producer(struct bpfring_producer **ret, int map_fd)
{
	BPFRING_OPTS(bpfring_producer_opts, opts);

	opts.flags = BPFRING_PRODUCER_THREADS | BPFRING_PRODUCER_UNCLAIMED;
	return bpfring_producer_open(ret, map_fd, &opts);
}

struct user_ring_buffer *compat_user_ring_buffer__new(int map_fd,
						      const struct user_ring_buffer_opts *opts)
{
	struct user_ring_buffer *rb;
	int err;

	compat_log_init();
	if (!options_valid(opts, opts ? opts->sz : 0, sizeof(*opts), "user_ring_buffer_opts"))
		return errno = EINVAL, NULL;
	rb = calloc(1, sizeof(*rb));
	if (!rb)
		return errno = ENOMEM, NULL;
	rb->mark = &ours;
	err = open_producer(&rb->producer, map_fd);
	if (err) {
		free(rb);
		return errno = err == -EBADF ? -core_bad_descriptor(map_fd) : -err, NULL;
	}
	report_user_ring(rb);
	return rb;
}

void compat_user_ring_buffer__free(struct user_ring_buffer *rb)
{
	if (!rb)
		return;
	report_user_ring_end(rb);
	bpfring_producer_close(rb->producer);
	free(rb);
}

/*
 * libbpf reads the position in the ring anew at each call. So it bears that a forked child goes on,
 * or that two producers take turns; a producer of libbpfring has to be opened anew for that.
 */
static int attach(struct user_ring_buffer *rb)
{
	const bool inherited = core_producer_inherited(rb->producer);
	struct bpfring_producer *fresh;
	int err;

	/*
	 * Acquire, with the release in end(): what the threads that submitted last left in the
	 * producer.
	 */
	if (!inherited && (__atomic_load_n(&rb->reserved, __ATOMIC_ACQUIRE) ||
			   !core_producer_moved(rb->producer)))
		return 0;
	err = open_producer(&fresh, bpfring_producer_map_fd(rb->producer));
	if (err)
		return err;
	bpfring_producer_close(rb->producer);
	rb->producer = fresh;
	__atomic_store_n(&rb->reserved, 0, __ATOMIC_RELAXED);
	return 0;
}

static int reserve(struct user_ring_buffer *rb, uint32_t size, void **ret)
{
	int err = attach(rb);

	if (!err)
		err = bpfring_producer_reserve(rb->producer, size, ret);
	if (!err)
		__atomic_fetch_add(&rb->reserved, 1, __ATOMIC_RELAXED);
	return err;
}

void *compat_user_ring_buffer__reserve(struct user_ring_buffer *rb, uint32_t size)
{
	void *sample;
	int err = reserve(rb, size, &sample);

	return err ? errno = -err, NULL : sample;
}

static void end(struct user_ring_buffer *rb, int err)
{
	if (err)
		compat_warn("a sample cannot be ended: %s\n", bpfring_errname(err));
	if (err != -EINVAL)
		__atomic_fetch_sub(&rb->reserved, 1, __ATOMIC_RELEASE);
}

void compat_user_ring_buffer__submit(struct user_ring_buffer *rb, void *sample)
{
	end(rb, bpfring_producer_submit(rb->producer, sample));
}

void compat_user_ring_buffer__discard(struct user_ring_buffer *rb, void *sample)
{
	end(rb, bpfring_producer_discard(rb->producer, sample));
}

static void release_signals(struct signals *s)
{
	signals_release(s);
}

static int wait_for_space(struct user_ring_buffer *rb, uint32_t size, int64_t deadline, void **ret)
{
	struct signals signals __attribute__((cleanup(release_signals))) = {0};
	int fd = bpfring_producer_fd(rb->producer);

	while (fd >= 0) {
		int err = bpfring_producer_arm(rb->producer, size), ready;

		if (err < 0)
			return err;
		err = reserve(rb, size, ret);
		if (err != -ENOSPC)
			return err;
		ready = signals_wait(&signals, fd, deadline);
		if (!ready) /* libbpf tries a last time, too, and says that there is no space */
			return reserve(rb, size, ret);
		if (ready < 0)
			return ready;
		signals_hold(&signals);
	}
	return fd;
}

void *compat_user_ring_buffer__reserve_blocking(struct user_ring_buffer *rb, uint32_t size,
						int timeout_ms)
{
	int64_t deadline;
	void *sample;
	int err;

	if (timeout_ms < -1)
		return errno = EINVAL, NULL;
	err = reserve(rb, size, &sample);
	if (err == -ENOSPC) {
		deadline = monotonic_deadline(timeout_ms);
		err = wait_for_space(rb, size, deadline, &sample);
	}
	return err ? errno = -err, NULL : sample;
}
