// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Producers and a consumer at full speed on a simulated ring: no record may be lost, come twice,
 * out of order or torn, and no notification may be missed.
 */
#include <bpfring/ring.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <time.h>
#include <unistd.h>

#include "sim.h"
#include "stress.h"

#define USAGE                                                                            \
	"[--records N] [--producers N] [--ring BYTES] [--word 4|8] [--start POSITION]\n" \
	"       [--mode quiet|loud]"
#define MAX_PRODUCERS 16
#define LOST_AFTER_MS 2000

struct record {
	uint32_t producer;
	uint32_t check; /* of the rest of the record */
	uint64_t number;
	uint64_t more[];
};

struct producer {
	struct sim_ring *r;
	uint32_t id;
	uint64_t records;
};

static int64_t monotonic(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static uint64_t fill_word(uint64_t number, uint64_t i)
{
	return (number + i) * 0x9e3779b97f4a7c15ULL;
}

static void *reserve(struct sim_ring *r, uint64_t size)
{
	void *payload;

	while (!(payload = sim_reserve(r, size)))
		sched_yield(); /* full: the consumer's turn */
	return payload;
}

static void *produce(void *ctx)
{
	const struct producer *p = ctx;
	uint32_t random = p->id * 2654435761U + 1;

	for (uint64_t n = 0; n < p->records; n++) {
		uint32_t dice = next_random(&random), extra = dice % 64 ? 0 : dice >> 8 & 31;
		struct record *record;

		if (dice % 97 == 0)
			sim_discard(p->r, reserve(p->r, dice >> 8 & 63), 0);
		record = reserve(p->r, sizeof(*record) + extra * sizeof(uint64_t));
		record->producer = p->id;
		record->check = ~p->id + extra;
		record->number = n;
		for (uint32_t i = 0; i < extra; i++)
			record->more[i] = fill_word(n, i);
		if (dice % 4093 == 0) /* a busy head for others to run into */
			sched_yield();
		sim_submit(p->r, record, 0);
		if (dice % 1021 == 0) /* so that the consumer comes to sleep */
			sched_yield();
	}
	return NULL;
}

struct consumer {
	struct sim_ring *r;
	struct bpfring_ring c;
	uint64_t next[MAX_PRODUCERS];
	uint64_t left;
	uint64_t sleeps;
	bool quiet;
};

static void check(struct consumer *consumer, const struct bpfring_record *in_ring)
{
	const struct record *record = in_ring->data;
	uint32_t extra = (in_ring->size - (uint32_t)sizeof(*record)) / 8, id = record->producer;

	if (in_ring->size < sizeof(*record) || id >= MAX_PRODUCERS || record->check != ~id + extra)
		die("a torn record of %u bytes at %llu", in_ring->size,
		    (unsigned long long)in_ring->pos);
	if (record->number != consumer->next[id])
		die("producer %u: record %llu instead of %llu", id,
		    (unsigned long long)record->number, (unsigned long long)consumer->next[id]);
	consumer->next[id]++;
	for (uint32_t i = 0; i < extra; i++)
		if (record->more[i] != fill_word(record->number, i))
			die("producer %u: record %llu is torn", id,
			    (unsigned long long)record->number);
	consumer->left--;
}

static void sleep_for_event(struct consumer *consumer)
{
	struct pollfd event = {.fd = consumer->r->event_fd, .events = POLLIN};
	uint64_t count;

	consumer->sleeps++;
	if (poll(&event, 1, LOST_AFTER_MS) == 1) {
		if (read(event.fd, &count, sizeof(count)) < 0)
			die("cannot read the event");
		return;
	}
	if (bpfring_ring_arm(&consumer->c) == 1)
		die("LOST: a record is there, and no notification came for %d ms", LOST_AFTER_MS);
}

static void consume(struct consumer *consumer)
{
	struct bpfring_ring *c = &consumer->c;
	struct bpfring_record records[64];
	uint32_t random = 77;

	while (consumer->left) {
		unsigned int most = next_random(&random) % 64 + 1;
		int n = bpfring_ring_peek_batch(c, records, most), err;

		if (n > 0 && random % 256 == 0) { /* un-peek: they come again */
			bpfring_ring_cancel(c);
			continue;
		}
		for (int i = 0; i < n; i++)
			check(consumer, &records[i]);
		err = n < 0 ? n : bpfring_ring_release(c);
		if (err)
			die("the ring gave %d at %llu", err, (unsigned long long)c->pos);
		if (n)
			continue;
		err = bpfring_ring_arm(c);
		if (err < 0)
			die("arming gave %d", err);
		if (!err)
			sleep_for_event(consumer);
		bpfring_ring_set_quiet(c, consumer->quiet);
	}
}

int main(int argc, char **argv)
{
	const uint64_t records = number_argument(argc, argv, "--records", 1000000);
	const unsigned int count = (unsigned int)number_argument(argc, argv, "--producers", 1);
	const size_t size = (size_t)number_argument(argc, argv, "--ring", 65536);
	const unsigned int word = (unsigned int)number_argument(argc, argv, "--word", 8);
	const uint64_t start = number_argument(argc, argv, "--start", 0);
	struct consumer consumer = {
		.left = records,
		.quiet = strcmp(argument(argc, argv, "--mode", "quiet"), "loud") != 0,
	};
	struct producer producers[MAX_PRODUCERS];
	pthread_t threads[MAX_PRODUCERS];
	int64_t began;

	check_arguments(argc, argv, USAGE);
	if (!count || count > MAX_PRODUCERS)
		die("usage: %s %s", argv[0], USAGE);
	if (sim_ring_new(&consumer.r, size, word, start))
		die("cannot make a ring of %zu bytes", size);
	if (bpfring_ring_init(&consumer.c, consumer.r->cons_word, consumer.r->prod_word,
			      consumer.r->data, size, word, NULL))
		die("cannot take up the ring");
	began = monotonic();
	for (unsigned int i = 0; i < count; i++) {
		producers[i] =
			(struct producer){consumer.r, i, records / count + (i < records % count)};
		if (pthread_create(&threads[i], NULL, produce, &producers[i]))
			die("cannot start a thread");
	}
	consume(&consumer);
	for (unsigned int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	if (bpfring_ring_peek(&consumer.c, &(struct bpfring_record){0}))
		die("more records than were produced");
	printf("%llu records of %u producers in order, %s, %llu discards, %llu sleeps, "
	       "%llu notifications, %.2f M/s\n",
	       (unsigned long long)records, count, consumer.quiet ? "quiet" : "loud",
	       (unsigned long long)consumer.c.discards, (unsigned long long)consumer.sleeps,
	       (unsigned long long)sim_ring_notified(consumer.r),
	       (double)records * 1e3 / (double)(monotonic() - began));
	sim_ring_free(consumer.r);
	return 0;
}
