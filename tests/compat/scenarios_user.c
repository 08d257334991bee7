// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* User rings: what is reserved, what the kernel drains, and waiting for space. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "../kernel/producer/user.h"
#include "user.skel.h"

#include "scenario.h"

struct user {
	struct user_bpf *skel;
	struct user_ring_buffer *rb;
	uint64_t next;
};

static struct user user_open(const struct api *api, uint32_t size)
{
	struct user u = {.skel = user_bpf__open()};

	assert_non_null(u.skel);
	bpf_map__set_max_entries(u.skel->maps.user, size);
	assert_int_equal(user_bpf__load(u.skel), 0);
	u.rb = api->user_ring_buffer__new(bpf_map__fd(u.skel->maps.user), NULL);
	assert_non_null(u.rb);
	return u;
}

static void user_close(const struct api *api, struct user *u)
{
	api->user_ring_buffer__free(u->rb);
	user_bpf__destroy(u->skel);
}

static int run(struct bpf_program *prog)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	if (bpf_prog_test_run_opts(bpf_program__fd(prog), &opts))
		abort();
	return (int)opts.retval;
}

static void drain(struct trace *t, const struct user *u)
{
	note(t, "drain: %d; %llu samples so far, %llu out of order", run(u->skel->progs.drain),
	     (unsigned long long)u->skel->bss->samples,
	     (unsigned long long)u->skel->bss->out_of_order);
}

static struct user_sample *reserve(const struct api *api, struct trace *t, struct user *u,
				   uint32_t size)
{
	struct user_sample *sample = api->user_ring_buffer__reserve(u->rb, size);

	if (!sample) {
		note(t, "reserve(%u): NULL, errno %d", size, errno);
		return NULL;
	}
	note(t, "reserve(%u): aligned %d", size, (uintptr_t)sample % 8 == 0);
	if (size >= sizeof(*sample))
		*sample = (struct user_sample){0, 0, u->next++};
	return sample;
}

static void samples(const struct api *api, struct trace *t)
{
	struct user u = user_open(api, 4096);
	struct user_sample *s[4];

	drain(t, &u);
	for (int i = 0; i < 3; i++)
		api->user_ring_buffer__submit(u.rb, reserve(api, t, &u, 16));
	drain(t, &u);
	/* In any order; the kernel gets them in the order of reservation. */
	for (int i = 0; i < 4; i++)
		s[i] = reserve(api, t, &u, 16 + 8 * (uint32_t)i);
	api->user_ring_buffer__submit(u.rb, s[2]);
	api->user_ring_buffer__submit(u.rb, s[1]);
	drain(t, &u);
	api->user_ring_buffer__submit(u.rb, s[0]);
	drain(t, &u);
	api->user_ring_buffer__discard(u.rb, s[3]);
	drain(t, &u);
	u.next--;
	api->user_ring_buffer__submit(u.rb, reserve(api, t, &u, 16));
	drain(t, &u);
	user_close(api, &u);
}

static void around_the_ring(const struct api *api, struct trace *t)
{
	struct user u = user_open(api, 4096);

	for (uint32_t i = 0; i < 300; i++) {
		struct user_sample *s = reserve(api, t, &u, 16 + i * 41 % 1200);

		if (!s) {
			drain(t, &u);
		} else if (i % 7 == 3) {
			api->user_ring_buffer__discard(u.rb, s);
			u.next--;
		} else {
			api->user_ring_buffer__submit(u.rb, s);
		}
	}
	drain(t, &u);
	user_close(api, &u);
}

static void limits(const struct api *api, struct trace *t)
{
	static const uint32_t wrong[] = {4089, 4096, 1U << 20, 1U << 30, 1U << 31, UINT32_MAX};
	struct user u = user_open(api, 4096);
	struct user_sample *s;

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		reserve(api, t, &u, wrong[i]);
	s = reserve(api, t, &u, 4088);
	reserve(api, t, &u, 16);
	reserve(api, t, &u, 0);
	api->user_ring_buffer__submit(u.rb, s);
	reserve(api, t, &u, 16);
	drain(t, &u);
	for (int i = 0; i < 3; i++)
		api->user_ring_buffer__discard(u.rb, reserve(api, t, &u, 0));
	drain(t, &u);
	s = reserve(api, t, &u, 3000);
	reserve(api, t, &u, 1080);
	u.next--;
	api->user_ring_buffer__discard(u.rb, s);
	note(t, "last: %s", reserve(api, t, &u, 1081) ? "good" : "no space");
	user_close(api, &u);
}

static void refused(const struct api *api, struct trace *t)
{
	const struct {
		size_t sz;
		uint64_t more;
	} unknown = {16, 1}, small = {7, 0};
	struct ring r = ring_new(4096);
	struct user u = user_open(api, 4096);
	struct user_ring_buffer *rb;
	int fds[] = {-1, 9999, r.fd, 0};

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		rb = api->user_ring_buffer__new(fds[i], NULL);
		note(t, "new: %s, errno %d", rb ? "good" : "NULL", rb ? 0 : errno);
	}
	rb = api->user_ring_buffer__new(bpf_map__fd(u.skel->maps.user),
					(const struct user_ring_buffer_opts *)&unknown);
	note(t, "unknown options: %s, errno %d", rb ? "good" : "NULL", rb ? 0 : errno);
	rb = api->user_ring_buffer__new(bpf_map__fd(u.skel->maps.user),
					(const struct user_ring_buffer_opts *)&small);
	note(t, "small options: %s, errno %d", rb ? "good" : "NULL", rb ? 0 : errno);
	note(t, "wrong type: %s, errno %d",
	     api->ring_buffer__new(bpf_map__fd(u.skel->maps.user), take, NULL, NULL) ? "good"
										     : "NULL",
	     errno);
	api->user_ring_buffer__free(NULL);
	user_close(api, &u);
	ring_free(&r);
}

static void on_alarm(int sig)
{
	(void)sig;
}

static void alarm_in(int64_t ns)
{
	struct itimerval when = {.it_value = {.tv_usec = (suseconds_t)(ns / 1000)}};

	setitimer(ITIMER_REAL, &when, NULL);
}

static void *wait_for_space(const struct api *api, struct trace *t, struct user *u, uint32_t size,
			    int timeout_ms)
{
	int64_t start = monotonic();
	void *sample = api->user_ring_buffer__reserve_blocking(u->rb, size, timeout_ms);
	int err = errno;

	note(t, "reserve_blocking(%u, %d): %s, errno %d, %s", size, timeout_ms,
	     sample ? "good" : "NULL", sample ? 0 : err,
	     monotonic() - start < limit(60 * MSEC) ? "at once" : "later");
	return sample;
}

static void *drain_later(void *ctx)
{
	struct user *u = ctx;

	usleep(100000);
	run(u->skel->progs.drain);
	return NULL;
}

static void blocking(const struct api *api, struct trace *t)
{
	struct sigaction action = {.sa_handler = on_alarm}, before;
	struct user u = user_open(api, 4096);
	pthread_t thread;
	void *sample;

	sample = wait_for_space(api, t, &u, 16, 0);
	api->user_ring_buffer__discard(u.rb, sample);
	sample = wait_for_space(api, t, &u, 3000, -1);
	*(struct user_sample *)sample = (struct user_sample){0, 0, 0};
	wait_for_space(api, t, &u, 2000, 0);
	wait_for_space(api, t, &u, 2000, 100);
	wait_for_space(api, t, &u, 2000, -2);
	wait_for_space(api, t, &u, 5000, 100);
	api->user_ring_buffer__submit(u.rb, sample);
	wait_for_space(api, t, &u, 2000, 100);
	pthread_create(&thread, NULL, drain_later, &u);
	sample = wait_for_space(api, t, &u, 2000, 10000);
	pthread_join(thread, NULL);
	*(struct user_sample *)sample = (struct user_sample){0, 0, 1};
	api->user_ring_buffer__submit(u.rb, sample);
	pthread_create(&thread, NULL, drain_later, &u);
	sample = wait_for_space(api, t, &u, 3000, 10000);
	pthread_join(thread, NULL);
	api->user_ring_buffer__discard(u.rb, sample);
	drain(t, &u);
	sample =
		wait_for_space(api, t, &u, 4088, 0); /* full to the last byte: libbpf sleeps then */
	sigaction(SIGALRM, &action, &before);
	alarm_in(100 * MSEC);
	wait_for_space(api, t, &u, 16, -1);
	alarm_in(100 * MSEC);
	wait_for_space(api, t, &u, 16, 10000);
	sigaction(SIGALRM, &before, NULL);
	api->user_ring_buffer__discard(u.rb, sample);
	user_close(api, &u);
}

/* A child goes on where its parent has begun. */
static void child_produces(const struct api *api, struct trace *t)
{
	struct user u = user_open(api, 4096);
	int status;
	pid_t pid;

	api->user_ring_buffer__submit(u.rb, reserve(api, t, &u, 16));
	pid = fork();
	if (!pid) {
		api->user_ring_buffer__submit(u.rb, reserve(api, t, &u, 16));
		api->user_ring_buffer__submit(u.rb, reserve(api, t, &u, 24));
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	u.next += 2;
	drain(t, &u);
	api->user_ring_buffer__submit(u.rb, reserve(api, t, &u, 16));
	drain(t, &u);
	user_close(api, &u);
}

/* Two producers of one ring that take turns. */
static void taking_turns(const struct api *api, struct trace *t)
{
	struct user u = user_open(api, 4096), v = u;

	v.rb = api->user_ring_buffer__new(bpf_map__fd(u.skel->maps.user), NULL);
	for (int i = 0; i < 6; i++) {
		struct user *one = i % 2 ? &u : &v;

		one->next = (uint64_t)i;
		api->user_ring_buffer__submit(one->rb, reserve(api, t, one, 16));
		if (i % 3 == 2)
			drain(t, &u);
	}
	api->user_ring_buffer__free(v.rb);
	u.next = 6;
	api->user_ring_buffer__submit(u.rb, reserve(api, t, &u, 16));
	drain(t, &u);
	user_close(api, &u);
}

struct submitter {
	const struct api *api;
	struct user_ring_buffer *rb;
	pthread_mutex_t lock;
	int reserved; /* by all threads */
};

/* As libbpf's manual has it: a lock around reserving, none around submitting. */
static void *submit_many(void *ctx)
{
	struct submitter *s = ctx;

	for (int i = 0; i < 5000; i++) {
		struct user_sample *sample;

		pthread_mutex_lock(&s->lock);
		sample = s->api->user_ring_buffer__reserve(s->rb, 16);
		s->reserved += !!sample;
		pthread_mutex_unlock(&s->lock);
		if (!sample)
			continue;
		*sample = (struct user_sample){USER_THREADS, 0, 0};
		s->api->user_ring_buffer__submit(s->rb, sample);
	}
	return NULL;
}

static void threads(const struct api *api, struct trace *t)
{
	struct user u = user_open(api, 1 << 20);
	struct submitter s = {api, u.rb, PTHREAD_MUTEX_INITIALIZER, 0};
	pthread_t all[4];

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		pthread_create(&all[i], NULL, submit_many, &s);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		pthread_join(all[i], NULL);
	note(t, "reserved %d, drained %d, all arrived %d", s.reserved, run(u.skel->progs.drain),
	     u.skel->bss->others == (uint64_t)s.reserved);
	user_close(api, &u);
}

const struct scenario scenarios_user[] = {
	{"user: samples", samples, 0},
	{"user: around the ring", around_the_ring, 0},
	{"user: limits", limits, 0},
	{"user: refused", refused, 0},
	{"user: blocking", blocking, 0},
	{"user: child produces", child_produces, 0},
	{"user: taking turns", taking_turns, 0},
	{"user: threads", threads, 0},
	{0},
};
