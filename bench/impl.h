/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* One way of consuming rings, behind one interface. */
#ifndef BENCH_IMPL_H
#define BENCH_IMPL_H

#include <stdbool.h>
#include <stdint.h>

#include "bench.h"
#include "sink.h"

struct impl {
	const char *name;
	unsigned int kinds;
	bool no_wakeup; /* its producer commits with BPF_RB_NO_WAKEUP */
	bool group;	/* its producers write into a ring of their processor */
	int mode;	/* for the implementation itself */
	/* All rings feed one sink. The descriptors stay open until close. 0 or -errno. */
	int (*open)(void **ret, const struct impl *impl, const int *map_fds, unsigned int count,
		    struct sink *sink, const struct bench_opts *opts);
	/* Consumes until stop() is called from another thread. 0 or -errno. */
	int (*run)(void *handle);
	void (*stop)(void *handle);
	/* Waits for records and takes them. Number of records or -errno. */
	int (*poll)(void *handle);
	/* Takes what is there, also what nobody was notified of; does not wait. */
	int (*drain)(void *handle);
	void (*close)(void *handle);
};

/* Each ends with an implementation without a name. */
extern const struct impl impls_libbpf[];
extern const struct impl impls_bpfring[];
extern const struct impl impls_hint[];
extern const struct impl impls_user[];

#endif /* BENCH_IMPL_H */
