/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Small programs that use ring calls, each run with libbpf and with ours. */
#ifndef TESTS_COMPAT_SCENARIO_H
#define TESTS_COMPAT_SCENARIO_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "../kernel/kernel.h"
#include "api.h"
#include "trace.h"

struct scenario {
	const char *name;
	void (*run)(const struct api *api, struct trace *t);
	int since; /* the version of libbpf that has the calls, as 103; 0: all that are supported */
};

/* Each ends with a scenario without a name. */
extern const struct scenario scenarios_basic[];
extern const struct scenario scenarios_ready[];
extern const struct scenario scenarios_life[];
extern const struct scenario scenarios_busy[];
extern const struct scenario scenarios_user[];

/* What a callback does with its records. */
struct sink {
	struct trace *t;
	int id;
	uint64_t seen;
	uint64_t fail_at; /* so many records later; 0: never */
	int fail_with;
};

int take(void *ctx, void *data, size_t size);

#define SINK(t, id) ((struct sink){t, id, 0, 0, 0})

/* Notes "NAME: RESULT", and errno if it is negative. */
int noted(struct trace *t, const char *name, int result);

#define POLL(rb, ms) noted(t, "poll(" #ms ")", api->ring_buffer__poll(rb, ms))
#define CONSUME(rb)  noted(t, "consume", api->ring_buffer__consume(rb))

/* Is a descriptor readable? Notes it. */
void readable(struct trace *t, const char *what, int fd);

#endif /* TESTS_COMPAT_SCENARIO_H */
