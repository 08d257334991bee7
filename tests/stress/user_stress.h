/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* A producer for many threads on a simulated user ring. */
#ifndef TESTS_STRESS_USER_STRESS_H
#define TESTS_STRESS_USER_STRESS_H

#include <bpfring/producer_wait.h>

#include "../unit/unit.h"
#include "sim_sys.h"
#include "sim_user.h"

#if defined(__SANITIZE_THREAD__)
#define SLOW 10
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SLOW 10
#endif
#endif
#ifndef SLOW
#define SLOW 1
#endif

/*
 * The producer maps the ring for itself, and ThreadSanitizer does not know that two addresses are
 * one memory: it would not see what the positions put in order. So both ends use the same
 * addresses.
 */
static inline struct bpfring_producer *open_threads(struct sim_ring *r, uint32_t map_id,
						    struct bpfring_producer_opts opts)
{
	struct bpfring_producer *p;
	struct bpfring_user_ring *prod;

	opts.sz = sizeof(opts);
	opts.flags |= BPFRING_PRODUCER_THREADS;
	sim_sys_map(r, "stress", map_id);
	assert_int_equal(bpfring_producer_open(&p, r->event_fd, &opts), 0);
	prod = bpfring_producer_ring(p);
	prod->data = r->data;
	prod->prod_word = r->prod_word;
	prod->cons_word = r->cons_word;
	return p;
}

#endif /* TESTS_STRESS_USER_STRESS_H */
