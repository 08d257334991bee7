/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* libbpf's user_ring_buffer, with a mutex where threads share it, and bpfring's producer. */
#include "user.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <bpfring/producer_group.h>
#include <bpfring/producer_wait.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#include "user.skel.h"

enum { LIBBPF, LIBBPF_MUTEX, BPFRING, BPFRING_MT, BPFRING_GROUP };

const struct impl impls_user[] = {
	{.name = "libbpf", .kinds = KIND_USER | KIND_USER_FILL, .mode = LIBBPF},
	{.name = "libbpf-mutex", .kinds = KIND_USER_FILL | KIND_USER_THREADS, .mode = LIBBPF_MUTEX},
	{.name = "bpfring", .kinds = KIND_USER | KIND_USER_FILL, .mode = BPFRING},
	{.name = "bpfring-mt",
	 .kinds = KIND_USER | KIND_USER_FILL | KIND_USER_THREADS,
	 .mode = BPFRING_MT},
	{.name = "bpfring-group", .kinds = KIND_USER_GROUP, .mode = BPFRING_GROUP},
	{0},
};

static pthread_mutex_t libbpf_lock = PTHREAD_MUTEX_INITIALIZER;

/*
 * A mutex around what is not thread-safe: reserving. Submitting is a store to the sample's header.
 */
static size_t fill_libbpf_locked(struct user_ring_buffer *rb, size_t size, uint64_t value,
				 size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		uint64_t *sample;

		pthread_mutex_lock(&libbpf_lock);
		sample = user_ring_buffer__reserve(rb, (__u32)size);
		pthread_mutex_unlock(&libbpf_lock);
		if (!sample)
			break;
		*sample = value + i;
		user_ring_buffer__submit(rb, sample);
	}
	return i;
}

static size_t fill_libbpf(struct user_ring_buffer *rb, size_t size, uint64_t value, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		uint64_t *sample = user_ring_buffer__reserve(rb, (__u32)size);

		if (!sample)
			break;
		*sample = value + i;
		user_ring_buffer__submit(rb, sample);
	}
	return i;
}

static size_t fill_bpfring(struct bpfring_producer *p, size_t size, uint64_t value, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		void *sample;

		if (bpfring_producer_reserve(p, size, &sample))
			break;
		*(uint64_t *)sample = value + i;
		if (bpfring_producer_submit(p, sample))
			break;
	}
	return i;
}

/* From the ring of this thread. */
static size_t fill_group(struct bpfring_producer_group *g, size_t size, uint64_t value,
			 size_t count)
{
	struct bpfring_producer *p;

	return bpfring_producer_group_get(g, &p) ? 0 : fill_bpfring(p, size, value, count);
}

size_t user_fill(const struct user *u, size_t size, uint64_t value, size_t count)
{
	switch (u->impl->mode) {
	case LIBBPF:
		return fill_libbpf(u->handle, size, value, count);
	case LIBBPF_MUTEX:
		return fill_libbpf_locked(u->handle, size, value, count);
	case BPFRING_GROUP:
		return fill_group(u->handle, size, value, count);
	default:
		return fill_bpfring(u->handle, size, value, count);
	}
}

int user_put_wait(const struct user *u, size_t size, uint64_t value, int64_t timeout_ns)
{
	void *sample;
	int err;

	if (user_is_libbpf(u)) {
		sample = user_ring_buffer__reserve_blocking(u->handle, (__u32)size,
							    (int)(timeout_ns / 1000000));
		if (!sample)
			return -errno;
		*(uint64_t *)sample = value;
		user_ring_buffer__submit(u->handle, sample);
		return 0;
	}
	err = bpfring_producer_reserve_wait(u->handle, size, timeout_ns, &sample);
	if (err)
		return err;
	*(uint64_t *)sample = value;
	return bpfring_producer_submit(u->handle, sample);
}

static int open_producer(struct user *u)
{
	BPFRING_OPTS(bpfring_producer_opts, opts);
	struct bpfring_producer *producer;
	int err;

	u->map_fd = bpf_map__fd(u->skel->maps.user);
	u->drain_fd = bpf_program__fd(u->skel->progs.drain);
	if (user_is_libbpf(u)) {
		u->handle = user_ring_buffer__new(u->map_fd, NULL);
		return u->handle ? 0 : -errno;
	}
	opts.flags = u->impl->mode == BPFRING_MT ? BPFRING_PRODUCER_THREADS : 0;
	err = bpfring_producer_open(&producer, u->map_fd, &opts);
	u->handle = err ? NULL : producer;
	return err;
}

static int open_group(struct user *u, const struct bpfring_producer_group_opts *opts)
{
	struct bpfring_producer_group *g;
	int err = bpfring_producer_group_create(&g, u->skel->obj, "users", opts);

	u->drain_fd = bpf_program__fd(u->skel->progs.drain_group);
	u->handle = err ? NULL : g;
	return err;
}

int user_open(struct user *u, const struct impl *impl, uint32_t ring_size, unsigned int threads)
{
	BPFRING_OPTS(bpfring_producer_group_opts, group, .rings = threads ? threads : 1,
		     .ring_bytes = ring_size / (threads ? threads : 1));
	const bool is_group = impl->mode == BPFRING_GROUP;
	int err;

	*u = (struct user){.impl = impl, .skel = user_bpf__open()};
	if (!u->skel)
		return -errno;
	if (is_group)
		err = bpfring_producer_group_prepare(u->skel->obj, "users", &group);
	else
		err = bpf_map__set_max_entries(u->skel->maps.user, ring_size);
	if (!err)
		err = user_bpf__load(u->skel);
	if (!err)
		err = is_group ? open_group(u, &group) : open_producer(u);
	if (!err)
		return 0;
	fprintf(stderr, "bpfring-bench: cannot open a user ring: %s\n", bpfring_errname(err));
	user_bpf__destroy(u->skel);
	u->skel = NULL;
	return err;
}

void user_close(struct user *u)
{
	if (!u->skel)
		return;
	if (user_is_libbpf(u))
		user_ring_buffer__free(u->handle);
	else if (u->impl->mode == BPFRING_GROUP)
		bpfring_producer_group_close(u->handle);
	else
		bpfring_producer_close(u->handle);
	user_bpf__destroy(u->skel);
}

bool user_is_libbpf(const struct user *u)
{
	return u->impl->mode <= LIBBPF_MUTEX;
}

long user_drain(const struct user *u)
{
	long sum = 0;

	for (;;) {
		LIBBPF_OPTS(bpf_test_run_opts, opts);
		int drained;

		if (bpf_prog_test_run_opts(u->drain_fd, &opts))
			return -errno;
		drained = (int)opts.retval;
		if (drained <= 0)
			return drained ? drained : sum;
		sum += drained;
	}
}
