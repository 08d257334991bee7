// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What was there before the test: a test that failed does not make the next one fail. */
static struct {
	unsigned int fds, ring_mappings;
	unsigned long allocations, mappings;
} before;

unsigned int count_ring_mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned int count = 0;
	char line[512];

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps))
		if (strstr(line, "sim_ring"))
			count++;
	fclose(maps);
	return count;
}

int rig_setup(void **state)
{
	(void)state;
	sim_sys_reset();
	log_forget();
	log_catch();
	before.fds = count_fds();
	before.ring_mappings = count_ring_mappings();
	before.allocations = sim_sys_live_allocations();
	before.mappings = sim_sys_live_mappings();
	return 0;
}

int rig_teardown(void **state)
{
	(void)state;
	sim_sys_reset();
	if (sim_sys_live_allocations() != before.allocations ||
	    sim_sys_live_mappings() != before.mappings ||
	    count_ring_mappings() != before.ring_mappings || count_fds() != before.fds) {
		fprintf(stderr, "left behind: %ld allocations, %ld mappings, %d of rings, %d fds\n",
			(long)(sim_sys_live_allocations() - before.allocations),
			(long)(sim_sys_live_mappings() - before.mappings),
			(int)(count_ring_mappings() - before.ring_mappings),
			(int)(count_fds() - before.fds));
		return -1;
	}
	if (log_lines()) {
		fprintf(stderr, "unexpected log: %s", log_text());
		return -1;
	}
	return 0;
}

void rig_ring(struct rig *rig, size_t size, const struct start *start)
{
	memset(rig, 0, sizeof(*rig));
	rig->r = ring_new(size, start);
	rig->map = sim_sys_map(rig->r, "events", 42);
	sim_sys_set_word_size(rig->r->word_size);
}

void rig_open(struct rig *rig, size_t size, const struct start *start, uint32_t flags)
{
	BPFRING_OPTS(bpfring_consumer_opts, opts, .flags = flags);

	rig_ring(rig, size, start);
	assert_int_equal(bpfring_consumer_open(&rig->c, rig->r->event_fd, &opts), 0);
}

void rig_close(struct rig *rig)
{
	bpfring_consumer_close(rig->c);
	sim_sys_forget_map(rig->map);
	sim_ring_free(rig->r);
}

void put(struct sim_ring *r, uint64_t size)
{
	void *payload = sim_reserve(r, size);

	assert_non_null(payload);
	sim_submit(r, payload, 0);
}

void put_number(struct sim_ring *r, uint64_t number)
{
	assert_int_equal(sim_output(r, &number, sizeof(number), 0), 0);
}

int in_child(int (*fn)(void *ctx), void *ctx)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (!pid)
		_exit(fn(ctx));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status))
		fail_msg("the child died of signal %d", WTERMSIG(status));
	return WEXITSTATUS(status);
}

static int64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t cpu_time(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

int64_t monotonic(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

int count_record(void *ctx, const void *data, size_t size)
{
	struct counter *counter = ctx;

	(void)data;
	counter->calls++;
	counter->records++;
	counter->bytes += size;
	return (long)counter->records == counter->result_at ? counter->result : 0;
}

int count_numbers(void *ctx, const void *data, size_t size)
{
	struct counter *counter = ctx;
	uint64_t number;

	assert_int_equal(size, sizeof(number));
	memcpy(&number, data, sizeof(number));
	assert_int_equal(number, counter->next);
	counter->next++;
	return count_record(ctx, data, size);
}

int count_batch(void *ctx, const struct bpfring_record *records, unsigned int count)
{
	struct counter *counter = ctx;
	unsigned long already = counter->records;

	assert_true(count > 0);
	counter->calls++;
	for (unsigned int i = 0; i < count; i++) {
		counter->records++;
		counter->bytes += records[i].size;
		assert_true(!i || records[i].pos > records[i - 1].pos);
	}
	return counter->result_at > (long)already && counter->result_at <= (long)counter->records
		       ? counter->result
		       : 0;
}
