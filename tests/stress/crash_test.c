// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * A consumer of a pinned ring is killed with SIGKILL at random moments while a BPF program
 * produces; the next one resumes, sometimes with libbpf. No record is lost, none that was released
 * is seen again, but for one by libbpf, and not more are seen twice than can have been held.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <bpfring/bpfring.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel.h"
#include "stress.h"

#define USAGE "[--rounds N]"
#define PIN   BPFFS "/ring"
#define RING  65536U

enum { PEEK, WAIT, LOOP, LIBBPF, KINDS };

/* Shared with the consumers. */
struct progress {
	atomic_ullong first;	/* number that this consumer began with; ~0: none yet */
	atomic_ullong seen;	/* all below were handed to it, or to those before it */
	atomic_ullong released; /* all below were given back for certain; peek only */
	atomic_bool bad;
};

static struct progress *progress;
static struct ring ring;
static atomic_bool stop;

/* Of this process. */
static bool begun;
static uint64_t next;

static int take(void *ctx, const void *data, size_t size)
{
	uint64_t number = *(const uint64_t *)data;

	(void)ctx;
	if (size != 8)
		atomic_store(&progress->bad, true);
	for (volatile int i = 0; i < 1000; i++)
		; /* so that death comes in the middle of a batch */
	if (!begun)
		atomic_store(&progress->first, number);
	else if (number != next)
		atomic_store(&progress->bad, true);
	begun = true;
	next = number + 1;
	if (next > atomic_load(&progress->seen))
		atomic_store(&progress->seen, next);
	return 0;
}

static void by_peek(struct bpfring_consumer *c)
{
	for (;;) {
		struct bpfring_record record;
		uint64_t number;

		if (bpfring_consumer_wait(c, -1) < 0)
			_exit(2);
		while (bpfring_consumer_peek(c, &record) == 1) {
			take(NULL, record.data, record.size);
			number = *(const uint64_t *)record.data;
			if (bpfring_consumer_release(c))
				_exit(3);
			atomic_store(&progress->released, number + 1);
		}
	}
}

static void by_wait(struct bpfring_consumer *c)
{
	while (bpfring_consumer_wait(c, -1) >= 0)
		if (bpfring_consumer_consume(c, take, NULL, NULL, NULL) < 0)
			_exit(4);
	_exit(5);
}

static void by_loop(struct bpfring_consumer *c)
{
	struct bpfring_loop *l;

	if (bpfring_loop_new(&l, NULL) || bpfring_loop_add(l, c, take, NULL))
		_exit(6);
	bpfring_loop_run(l);
	_exit(7);
}

static int take_for_libbpf(void *ctx, void *data, size_t size)
{
	return take(ctx, data, size);
}

static void by_libbpf(void)
{
	struct ring_buffer *rb = ring_buffer__new(bpf_obj_get(PIN), take_for_libbpf, NULL, NULL);

	if (!rb)
		_exit(8);
	while (ring_buffer__poll(rb, -1) >= 0)
		;
	_exit(9);
}

static void consumer(int kind)
{
	static void (*const kinds[])(struct bpfring_consumer * c) = {by_peek, by_wait, by_loop};
	BPFRING_OPTS(bpfring_consumer_opts, opts, .flags = BPFRING_CONSUMER_EXCLUSIVE);
	struct bpfring_consumer *c;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (kind == LIBBPF)
		by_libbpf();
	if (bpfring_consumer_open_pinned(&c, PIN, &opts))
		_exit(1);
	kinds[kind](c);
}

static void *produce_all(void *ctx)
{
	uint64_t *number = ctx;
	uint32_t random = 1;

	while (!atomic_load(&stop)) {
		*number += (uint64_t)produce(&ring, OP_NUMBER, 0, next_random(&random) % 32 + 1,
					     *number, 0);
		if (random % 8 == 0)
			usleep(random % 100);
		else
			sched_yield();
	}
	return NULL;
}

/* One life of a consumer; how many records it saw that others had seen before. */
static uint64_t live_and_die(int kind, useconds_t life)
{
	uint64_t seen = atomic_load(&progress->seen), released = atomic_load(&progress->released);
	uint64_t first;
	pid_t pid;
	int status;

	atomic_store(&progress->first, ~0ULL);
	pid = fork();
	if (pid < 0)
		die("cannot fork");
	if (!pid)
		consumer(kind);
	usleep(life);
	kill(pid, SIGKILL);
	if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status))
		die("a consumer ended by itself: %d", status);
	first = atomic_load(&progress->first);
	if (atomic_load(&progress->bad))
		die("records came out of order");
	if (first == ~0ULL) /* killed before it saw one */
		return 0;
	if (first > seen)
		die("LOST: records %llu to %llu", (unsigned long long)seen,
		    (unsigned long long)first - 1);
	if (first + (kind == LIBBPF) < released)
		die("record %llu was released, and came again", (unsigned long long)first);
	return seen - first;
}

int main(int argc, char **argv)
{
	static const char *const names[] = {"peek", "wait", "loop", "libbpf"};
	/* Most that each can have held; libbpf, and who comes after it, one more. */
	static const uint64_t held[] = {2, RING / 16 / 16 + 1, RING / 16 / 16 + 1, 2};
	const int rounds = (int)number_argument(argc, argv, "--rounds", 60);
	uint64_t produced = 0, twice[KINDS] = {0}, most[KINDS] = {0}, last_kind = 0;
	struct bpfring_consumer *c;
	struct expect rest;
	pthread_t producer;
	const char *cannot;
	uint32_t random = (uint32_t)monotonic() | 1;

	check_arguments(argc, argv, USAGE);
	cannot = own_bpffs();
	if (!cannot)
		cannot = kernel_open();
	if (cannot) {
		printf("skipped: %s\n", cannot);
		return 77;
	}
	ring = ring_new(RING);
	if (bpf_obj_pin(ring.fd, PIN))
		die("cannot pin the ring");
	progress = mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	if (progress == MAP_FAILED || pthread_create(&producer, NULL, produce_all, &produced))
		die("cannot start");
	for (int i = 0; i < rounds; i++) {
		int kind = (int)(next_random(&random) % KINDS);
		const uint64_t before = atomic_load(&progress->seen);
		uint64_t again;

		again = live_and_die(kind, next_random(&random) % 20000);
		/* what is seen twice was held by the one before */
		twice[last_kind] += again;
		if (again > most[last_kind])
			most[last_kind] = again;
		/* one that was killed among records seen before leaves what that one held */
		if (atomic_load(&progress->seen) > before)
			last_kind = (uint64_t)kind;
		/* only what peek says is certain; the others release without a word */
		if (kind != PEEK)
			atomic_store(&progress->released, 0);
	}
	atomic_store(&stop, true);
	pthread_join(producer, NULL);
	/* the last one takes the rest */
	if (bpfring_consumer_open(&c, ring.fd, NULL))
		die("cannot open the ring");
	atomic_store(&progress->first, ~0ULL);
	rest.next = atomic_load(&progress->seen);
	if (bpfring_consumer_consume(c, take, NULL, NULL, NULL) < 0 ||
	    atomic_load(&progress->seen) != produced || atomic_load(&progress->bad) ||
	    (atomic_load(&progress->first) != ~0ULL && atomic_load(&progress->first) > rest.next))
		die("LOST: %llu records were produced, %llu seen", (unsigned long long)produced,
		    (unsigned long long)atomic_load(&progress->seen));
	bpfring_consumer_close(c);
	for (int i = 0; i < KINDS; i++) {
		printf("%s: %llu seen twice, at most %llu at once\n", names[i],
		       (unsigned long long)twice[i], (unsigned long long)most[i]);
		if (most[i] > held[i])
			die("more than can have been held");
	}
	printf("%d consumers killed, %llu records, none lost\n", rounds,
	       (unsigned long long)produced);
	ring_free(&ring);
	kernel_close();
	return 0;
}
