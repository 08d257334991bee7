// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * BPF programs and a consumer at full speed on a kernel ring, in one wait mode: no record may be
 * lost, come twice or out of order; and whenever a committed record is at the head, the consumer
 * has to take it in time, or its wake-up was lost.
 */
#include <bpfring/bpfring.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernel.h"
#include "stress.h"

#define USAGE                                                                           \
	"[--mode adaptive|sleep|coalesce|spin|wait|peek] [--seconds N] [--records N]\n" \
	"       [--producers N] [--ring BYTES] [--pattern flood|bursts]"
#define MAX_PRODUCERS 8
#define LOST_AFTER_NS (5000 * MSEC) /* a busy machine may keep a thread waiting for a second */
#define ID_SHIFT      56

static struct {
	struct ring ring;
	struct bpfring_consumer *c;
	struct bpfring_loop *l;
	const char *mode;
	bool bursts;
	uint64_t records; /* 0: until the time is up */
	int64_t end;
	unsigned int producers;
	atomic_bool stop;    /* the consumer is to end */
	atomic_ullong taken; /* all that came out of the ring */
	atomic_ullong put;   /* all that went in */
	uint64_t next[MAX_PRODUCERS];
} s;

static int take(void *ctx, const void *data, size_t size)
{
	uint64_t number = *(const uint64_t *)data, id = number >> ID_SHIFT;

	(void)ctx;
	number &= (1ULL << ID_SHIFT) - 1;
	if (size != 8 || id >= s.producers)
		die("a torn record of %zu bytes", size);
	if (number != s.next[id])
		die("producer %u: record %llu instead of %llu", (unsigned int)id,
		    (unsigned long long)number, (unsigned long long)s.next[id]);
	s.next[id]++;
	atomic_store_explicit(&s.taken, atomic_load_explicit(&s.taken, memory_order_relaxed) + 1,
			      memory_order_release);
	return 0;
}

static bool more(uint64_t done)
{
	return s.records ? done < s.records / s.producers : monotonic() < s.end;
}

/* A pause of random length, sometimes one in which the consumer takes all and goes to sleep. */
static void pause_between_bursts(uint32_t *random)
{
	int64_t until = monotonic() + next_random(random) % 30000;

	switch (next_random(random) % 8) {
	case 0: /* long enough for every mode to be armed */
		usleep(next_random(random) % 2000);
		break;
	case 1:
		while (atomic_load(&s.taken) < atomic_load(&s.put) && !atomic_load(&s.stop))
			sched_yield();
		break;
	default:
		while (monotonic() < until)
			;
		break;
	}
}

static void *produce_all(void *ctx)
{
	const uint64_t id = (uintptr_t)ctx;
	uint32_t random = (uint32_t)id * 2654435761U + 1;
	uint64_t n = 0;

	while (more(n)) {
		uint64_t left = s.records ? s.records / s.producers - n : MAX_COUNT;
		uint64_t want = s.bursts ? next_random(&random) % 16 + 1 : MAX_COUNT;
		uint64_t done;

		if (want > left)
			want = left;
		/* all or none are counted before, so that `taken` never runs ahead of `put` */
		atomic_fetch_add(&s.put, want);
		done = (uint64_t)produce(&s.ring, OP_NUMBER, 0, want, id << ID_SHIFT | n, 0);
		atomic_fetch_sub(&s.put, want - done);
		n += done;
		if (s.bursts)
			pause_between_bursts(&random);
		else if (done < want)
			sched_yield(); /* full */
	}
	return NULL;
}

/* The positions, for a look from outside. */
static struct {
	const uint64_t *cons, *prod;
	const uint8_t *data;
} ring;

static void map_ring(void)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *mem = mmap(NULL, 2 * page + 2 * s.ring.size, PROT_READ, MAP_SHARED, s.ring.fd, 0);

	if (mem == MAP_FAILED)
		die("cannot map the ring");
	ring.cons = mem;
	ring.prod = (const uint64_t *)(void *)((char *)mem + page);
	ring.data = (const uint8_t *)mem + 2 * page;
}

/*
 * Is there a committed record at the head, not only one that is kept back? Its position and 1, or
 * 0.
 */
static uint64_t committed_head(void)
{
	uint64_t head = __atomic_load_n(ring.cons, __ATOMIC_ACQUIRE);
	const uint32_t *header =
		(const uint32_t *)(const void *)(ring.data + (head & (s.ring.size - 1)));

	if (__atomic_load_n(ring.prod, __ATOMIC_ACQUIRE) == head ||
	    atomic_load(&s.taken) >= atomic_load(&s.put))
		return 0;
	return __atomic_load_n(header, __ATOMIC_ACQUIRE) & BPFRING_BUSY_BIT ? 0 : head + 1;
}

static void *watch(void *ctx)
{
	uint64_t head = 0, taken = 0;
	int64_t since = 0;

	(void)ctx;
	while (!atomic_load(&s.stop)) {
		uint64_t now_head = committed_head(), now_taken = atomic_load(&s.taken);

		if (!now_head || now_head != head || now_taken != taken) {
			head = now_head;
			taken = now_taken;
			since = monotonic();
		} else if (monotonic() - since > LOST_AFTER_NS) {
			die("LOST: %s: a committed record at %llu was not taken for %lld ms",
			    s.mode, (unsigned long long)head - 1,
			    (long long)(LOST_AFTER_NS / MSEC));
		}
		usleep(2000);
	}
	return NULL;
}

static void consume_by_wait(void)
{
	const bool peek = !strcmp(s.mode, "peek");

	while (!atomic_load(&s.stop)) {
		int err = bpfring_consumer_wait(s.c, -1);

		if (err == 1 && peek) {
			struct bpfring_record record;

			while ((err = bpfring_consumer_peek(s.c, &record)) == 1) {
				take(NULL, record.data, record.size);
				if (record.pos / 8 % 5 == 0)
					err = bpfring_consumer_release(s.c);
				if (err < 0)
					break;
			}
			if (!err)
				err = bpfring_consumer_release(s.c);
		} else if (err == 1) {
			err = bpfring_consumer_consume(s.c, take, NULL, NULL, NULL);
		}
		if (err < 0)
			die("the consumer failed: %s", bpfring_errname(err));
	}
}

static void *consume(void *ctx)
{
	(void)ctx;
	if (!s.l) {
		consume_by_wait();
	} else {
		int err = bpfring_loop_run(s.l);

		if (err)
			die("the loop failed: %s", bpfring_errname(err));
	}
	return NULL;
}

static void open_consumer(void)
{
	static const char *const modes[] = {"adaptive", "sleep", "coalesce", "spin"};

	if (bpfring_consumer_open(&s.c, s.ring.fd, NULL))
		die("cannot open the ring");
	for (uint32_t i = 0; i < ARRAY_SIZE(modes); i++) {
		BPFRING_OPTS(bpfring_loop_opts, loop, .wait = i);

		if (strcmp(s.mode, modes[i]))
			continue;
		if (bpfring_loop_new(&s.l, &loop) || bpfring_loop_add(s.l, s.c, take, NULL))
			die("cannot make the loop");
	}
	if (!s.l && strcmp(s.mode, "wait") && strcmp(s.mode, "peek"))
		die("no mode is named %s", s.mode);
}

static void run(void)
{
	pthread_t consumer, watcher, producers[MAX_PRODUCERS];
	int64_t deadline;

	if (pthread_create(&consumer, NULL, consume, NULL) ||
	    pthread_create(&watcher, NULL, watch, NULL))
		die("cannot start a thread");
	for (uintptr_t i = 0; i < s.producers; i++)
		if (pthread_create(&producers[i], NULL, produce_all, (void *)i))
			die("cannot start a thread");
	for (unsigned int i = 0; i < s.producers; i++)
		pthread_join(producers[i], NULL);
	deadline = monotonic() + LOST_AFTER_NS;
	while (atomic_load(&s.taken) < atomic_load(&s.put))
		if (monotonic() > deadline)
			die("LOST: %llu of %llu records were taken",
			    (unsigned long long)atomic_load(&s.taken),
			    (unsigned long long)atomic_load(&s.put));
		else
			usleep(1000);
	atomic_store(&s.stop, true);
	if (s.l)
		bpfring_loop_stop(s.l);
	else
		bpfring_consumer_wakeup(s.c);
	pthread_join(consumer, NULL);
	pthread_join(watcher, NULL);
}

int main(int argc, char **argv)
{
	struct bpfring_consumer_stats stats = {.sz = sizeof(stats)};
	const char *cannot;
	int64_t began;

	check_arguments(argc, argv, USAGE);
	s.mode = argument(argc, argv, "--mode", "adaptive");
	s.bursts = strcmp(argument(argc, argv, "--pattern", "bursts"), "flood") != 0;
	s.records = number_argument(argc, argv, "--records", 0);
	s.producers = (unsigned int)number_argument(argc, argv, "--producers", 1);
	if (!s.producers || s.producers > MAX_PRODUCERS)
		die("usage: %s %s", argv[0], USAGE);
	s.records -= s.records % s.producers;
	cannot = kernel_open();
	if (cannot) {
		printf("skipped: %s\n", cannot);
		return 77;
	}
	s.ring = ring_new((size_t)number_argument(argc, argv, "--ring", 65536));
	map_ring();
	open_consumer();
	began = monotonic();
	s.end = began + (int64_t)number_argument(argc, argv, "--seconds", 2) * 1000 * MSEC;
	run();
	bpfring_consumer_stats(s.c, &stats);
	printf("%s: %llu records of %u producers in order, none lost, %llu wake-ups, %llu empty, "
	       "%.2f M/s\n",
	       s.mode, (unsigned long long)stats.records, s.producers,
	       (unsigned long long)stats.wakeups, (unsigned long long)stats.empty_wakeups,
	       (double)stats.records * 1e3 / (double)(monotonic() - began));
	if (s.records && stats.records != s.records)
		die("%llu records were wanted", (unsigned long long)s.records);
	bpfring_loop_free(s.l);
	bpfring_consumer_close(s.c);
	ring_free(&s.ring);
	kernel_close();
	return 0;
}
