// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * A writer on a simulated ring, which waits for nobody, and a tap: no copy may be torn, and every
 * gap must be of the size that the tap says. With --check off the tap does not look
 * again after it has copied: then a torn copy must be found, or this test is worth nothing.
 */
#include <bpfring/tap.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <time.h>

#include "observe/tap.h"
#include "sim_sys.h"
#include "stress.h"

#define USAGE                                                                              \
	"[--records N] [--ring BYTES] [--word 4|8] [--start POSITION] [--overwrite 0|1]\n" \
	"       [--check on|off] [--busy 0|1]"

static atomic_bool over;
static bool unchecked;

/* Linked in place of the library's own call. */
int __real_bpfring_tap_look_again(struct bpfring_tap *t);
int __wrap_bpfring_tap_look_again(struct bpfring_tap *t);

int __wrap_bpfring_tap_look_again(struct bpfring_tap *t)
{
	return unchecked ? 0 : __real_bpfring_tap_look_again(t);
}

/* All about a record follows from its number. */
static uint64_t mix(uint64_t n)
{
	n = (n ^ n >> 31) * 0x7fb5d329728ea185ULL;
	n = (n ^ n >> 27) * 0x81dadef4bc2dd44dULL;
	return n ^ n >> 33;
}

static uint32_t words_of(uint64_t number)
{
	const uint64_t dice = mix(number);

	return 1 + (dice % 61 ? (uint32_t)(dice >> 8) % 12 : (uint32_t)(dice >> 8) % 100);
}

static bool is_discarded(uint64_t number)
{
	return mix(number) % 53 == 7;
}

static uint64_t total_of(uint64_t number)
{
	return 8 + 8 * (uint64_t)words_of(number);
}

static uint64_t word_of(uint64_t number, uint32_t i)
{
	return i ? mix(number * 128 + i) : number;
}

static void *write_all(void *ctx)
{
	struct sim_ring *r = ctx;

	for (uint64_t number = 0; !atomic_load_explicit(&over, memory_order_relaxed); number++) {
		const uint32_t words = words_of(number);
		uint64_t *payload;

		/* a consumer that is always faster */
		if (!r->overwrite)
			sim_ring_set_cons(r, sim_ring_prod(r));
		payload = sim_reserve(r, words * sizeof(*payload));
		if (!payload)
			die("no space for record %llu", (unsigned long long)number);
		for (uint32_t i = 0; i < words; i++)
			__atomic_store_n(&payload[i], word_of(number, i), __ATOMIC_RELAXED);
		if (is_discarded(number))
			sim_discard(r, payload, SIM_NO_WAKEUP);
		else
			sim_submit(r, payload, SIM_NO_WAKEUP);
		/*
		 * In turns at full speed, and in bursts: a tap that shares the processor with the
		 * writer would else find nothing but what has been written over.
		 */
		if ((number >> 15 & 1) && mix(number) % 31 == 3)
			nanosleep(&(struct timespec){.tv_nsec = 1000}, NULL);
	}
	return NULL;
}

struct checker {
	uint64_t next;	   /* number */
	uint64_t position; /* of that record */
	uint64_t bytes;
	uint64_t torn;
	uint64_t gaps;
};

static int check(void *ctx, const struct bpfring_tap_record *record)
{
	struct checker *c = ctx;
	const uint64_t *payload = record->data, number = payload[0];
	uint64_t missed = 0;
	bool torn = record->size < 8 || number < c->next || record->size % 8 ||
		    record->size / 8 != words_of(number) || is_discarded(number);

	for (uint32_t i = 1; !torn && i < record->size / 8; i++)
		torn = payload[i] != word_of(number, i);
	if (torn) {
		c->torn++;
		return unchecked ? BPFRING_STOP : -1;
	}
	/*
	 * What lies between is what it missed. It cannot know which discarded records it missed:
	 * those that it passed over are not in the gap, but before and behind it.
	 */
	for (; c->next < number; c->next++) {
		missed += is_discarded(c->next) ? 0 : total_of(c->next);
		c->position += total_of(c->next);
	}
	if (!unchecked && (record->pos != c->position || record->missed < missed))
		die("record %llu: at %llu instead of %llu, missed %llu instead of %llu",
		    (unsigned long long)number, (unsigned long long)record->pos,
		    (unsigned long long)c->position, (unsigned long long)record->missed,
		    (unsigned long long)missed);
	c->gaps += record->missed != 0;
	c->position += total_of(number);
	c->bytes += total_of(number);
	c->next++;
	return 0;
}

int main(int argc, char **argv)
{
	const uint64_t records = number_argument(argc, argv, "--records", 1000000);
	const size_t size = (size_t)number_argument(argc, argv, "--ring", 65536);
	const unsigned int word = (unsigned int)number_argument(argc, argv, "--word", 8);
	const uint64_t start = number_argument(argc, argv, "--start", 0);
	BPFRING_OPTS(bpfring_tap_opts, opts, .start = BPFRING_TAP_NOW);
	BPFRING_OPTS(bpfring_tap_stats, stats);
	struct checker checker = {.position = start};
	struct bpfring_tap *t;
	struct sim_ring *r;
	struct sim_map *map;
	pthread_t writer;
	int got;

	check_arguments(argc, argv, USAGE);
	unchecked = !strcmp(argument(argc, argv, "--check", "on"), "off");
	if (number_argument(argc, argv, "--busy", 0))
		opts.flags |= BPFRING_TAP_PASS_BUSY;
	if (sim_ring_new(&r, size, word, start))
		die("cannot make a ring of %zu bytes", size);
	r->overwrite = number_argument(argc, argv, "--overwrite", 0);
	map = sim_sys_map(r, "tapped", 1);
	sim_sys_set_word_size(word);
	if (bpfring_tap_open(&t, r->event_fd, &opts))
		die("cannot open a tap");
	if (pthread_create(&writer, NULL, write_all, r))
		die("cannot start a thread");
	do {
		got = bpfring_tap_read(t, check, &checker, NULL, NULL);
		if (got < 0 && !unchecked)
			die("%llu torn, the read gave %d", (unsigned long long)checker.torn, got);
		bpfring_tap_stats(t, &stats);
		if (stats.pos - stats.start_pos !=
		    stats.bytes + stats.discarded_bytes + stats.missed)
			die("%llu bytes are not accounted for",
			    (unsigned long long)(stats.pos - stats.start_pos - stats.bytes -
						 stats.discarded_bytes - stats.missed));
		if (!unchecked && stats.bytes != checker.bytes)
			die("%llu bytes copied, not %llu", (unsigned long long)stats.bytes,
			    (unsigned long long)checker.bytes);
		if (!got)
			sched_yield();
	} while (unchecked ? !checker.torn : stats.records < records);
	atomic_store(&over, true);
	pthread_join(writer, NULL);
	printf("%llu records copied, %llu torn, %llu overruns, %llu gaps, %llu bytes missed of "
	       "%llu\n",
	       (unsigned long long)stats.records, (unsigned long long)checker.torn,
	       (unsigned long long)stats.overruns, (unsigned long long)checker.gaps,
	       (unsigned long long)stats.missed, (unsigned long long)(stats.pos - stats.start_pos));
	bpfring_tap_close(t);
	sim_sys_forget_map(map);
	sim_ring_free(r);
	return unchecked ? !checker.torn : checker.torn != 0;
}
