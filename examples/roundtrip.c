// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Example of several threads on one producer: each asks a BPF program questions through the user
 * ring, one thread takes the replies out of the kernel ring and checks them.
 */
#include <bpfring/bpfring.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "roundtrip.h"
#include "roundtrip.skel.h"

#define THREADS	  4
#define QUESTIONS 50000U /* of each thread */

struct totals {
	struct bpfring_loop *loop;
	unsigned long long replies, wrong, ns;
	unsigned int next[THREADS];
};

struct asker {
	struct bpfring_producer *producer;
	unsigned int id;
	pthread_t thread;
};

static unsigned long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (unsigned long long)t.tv_sec * 1000000000 + (unsigned long long)t.tv_nsec;
}

static int on_reply(void *ctx, const void *data, size_t size)
{
	const struct reply *reply = data;
	struct totals *totals = ctx;

	(void)size;
	totals->wrong += reply->number != totals->next[reply->thread]++ ||
			 reply->result != reply->number * 3ULL;
	totals->ns += now() - reply->asked_at;
	return ++totals->replies == (unsigned long long)THREADS * QUESTIONS ? BPFRING_STOP : 0;
}

/* The options make one of the threads run the BPF program every few questions. */
static void *ask(void *arg)
{
	struct asker *asker = arg;

	for (unsigned int i = 0; i < QUESTIONS; i++) {
		struct question *question;
		void *sample;

		if (bpfring_producer_reserve_wait(asker->producer, sizeof(*question), -1, &sample))
			break;
		question = sample;
		question->thread = asker->id;
		question->number = i;
		question->operand = i;
		question->asked_at = now();
		if (bpfring_producer_submit(asker->producer, sample))
			break;
	}
	bpfring_producer_kick(asker->producer); /* the rest; -EBUSY if another thread kicks */
	return NULL;
}

static int run(struct roundtrip_bpf *skel, struct bpfring_producer *producer,
	       struct bpfring_consumer *consumer, struct bpfring_loop *loop)
{
	struct totals totals = {.loop = loop};
	struct asker askers[THREADS];
	unsigned long long start = now();
	int err = bpfring_loop_add(loop, consumer, on_reply, &totals);

	if (err)
		return err;
	for (unsigned int i = 0; i < THREADS; i++) {
		askers[i] = (struct asker){.producer = producer, .id = i};
		pthread_create(&askers[i].thread, NULL, ask, &askers[i]);
	}
	while (totals.replies + skel->bss->unanswered < (unsigned long long)THREADS * QUESTIONS &&
	       err >= 0) {
		err = bpfring_loop_poll(loop, 10000000);
		if (!err) /* for samples that came as another thread's kick ended */
			bpfring_producer_kick(producer);
	}
	bpfring_producer_stop(producer);
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_join(askers[i].thread, NULL);
	printf("%llu replies, %llu wrong, %llu questions unanswered; %.0f per second, "
	       "%.1f us from question to reply\n",
	       totals.replies, totals.wrong, skel->bss->unanswered,
	       (double)totals.replies * 1e9 / (double)(now() - start),
	       (double)totals.ns / (double)totals.replies / 1000);
	return err < 0 ? err : totals.wrong != 0;
}

int main(void)
{
	BPFRING_OPTS(bpfring_producer_opts, opts);
	struct roundtrip_bpf *skel = roundtrip_bpf__open_and_load();
	struct bpfring_producer *producer = NULL;
	struct bpfring_consumer *consumer = NULL;
	struct bpfring_loop *loop = NULL;
	int err = 1;

	if (!skel)
		return fputs("cannot load BPF programs: run it as root\n", stderr), 1;
	opts.flags = BPFRING_PRODUCER_THREADS;
	opts.kick_prog_fd = bpf_program__fd(skel->progs.answer);
	opts.kick_samples = 16;
	if (!bpfring_producer_open(&producer, bpf_map__fd(skel->maps.questions), &opts) &&
	    !bpfring_consumer_open(&consumer, bpf_map__fd(skel->maps.replies), NULL) &&
	    !bpfring_loop_new(&loop, NULL))
		err = run(skel, producer, consumer, loop);

	bpfring_loop_free(loop);
	bpfring_consumer_close(consumer);
	bpfring_producer_close(producer);
	roundtrip_bpf__destroy(skel);
	return err != 0;
}
