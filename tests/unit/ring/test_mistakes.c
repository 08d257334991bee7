// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Calls that are refused say what is wrong, by which name, and what to do: once per object and
 * cause, however often a program makes the same mistake.
 */
#include <errno.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "rig.h"

struct scene {
	struct rig rig, free; /* the second is in no loop */
	struct bpfring_loop *l, *other;
	int event;
};

static int on_fd(void *ctx, int fd, uint32_t events)
{
	(void)ctx, (void)fd, (void)events;
	return 0;
}

static int see(void *ctx, const struct bpfring_record *record, enum bpfring_record_state state)
{
	(void)ctx, (void)record, (void)state;
	return 0;
}

static struct counter counter;

static int add_without_callback(struct scene *s)
{
	return bpfring_loop_add(s->l, s->free.c, NULL, NULL);
}

static int add_batch_without_callback(struct scene *s)
{
	return bpfring_loop_add_batch(s->l, s->free.c, NULL, NULL);
}

static int add_twice(struct scene *s)
{
	return bpfring_loop_add(s->l, s->rig.c, count_record, &counter);
}

static int add_to_another_loop(struct scene *s)
{
	return bpfring_loop_add(s->other, s->rig.c, count_record, &counter);
}

static int hold(struct bpfring_consumer *c)
{
	struct bpfring_record record;

	return bpfring_consumer_peek(c, &record) == 1 ? 0 : -EIO;
}

static int add_while_held(struct scene *s)
{
	int err = hold(s->free.c);

	return err ? err : bpfring_loop_add(s->l, s->free.c, count_record, &counter);
}

static int poll_while_held(struct scene *s)
{
	int err = hold(s->rig.c);

	bpfring_loop_wakeup(s->l);
	return err ? err : bpfring_loop_poll(s->l, 0);
}

static int consume_while_held(struct scene *s)
{
	int err = hold(s->free.c);

	return err ? err : bpfring_consumer_consume(s->free.c, count_record, &counter, NULL, NULL);
}

static int wait_while_held(struct scene *s)
{
	int err = hold(s->free.c);

	return err ? err : bpfring_consumer_wait(s->free.c, 0);
}

static int wait_in_a_loop(struct scene *s)
{
	return bpfring_consumer_wait(s->rig.c, 0);
}

static int wait_for_less(struct scene *s)
{
	return bpfring_consumer_wait(s->free.c, -5);
}

static int consume_without_callback(struct scene *s)
{
	return bpfring_consumer_consume(s->free.c, NULL, NULL, NULL, NULL);
}

static int snapshot_without_callback(struct scene *s)
{
	return bpfring_consumer_snapshot(s->free.c, NULL, NULL);
}

static int consume_for_less(struct scene *s)
{
	BPFRING_OPTS(bpfring_budget, budget, .ns = -1);

	return bpfring_consumer_consume(s->free.c, count_record, &counter, &budget, NULL);
}

static int poll_for_less(struct scene *s)
{
	return bpfring_loop_poll(s->l, -5);
}

static int remove_from_another_loop(struct scene *s)
{
	return bpfring_loop_remove(s->other, s->rig.c);
}

static int remove_from_nowhere(struct scene *s)
{
	return bpfring_loop_remove(s->l, s->free.c);
}

static int dispatch_without_fd(struct scene *s)
{
	return bpfring_loop_dispatch(s->l);
}

static int fd_of_a_spinning_loop(struct scene *s)
{
	BPFRING_OPTS(bpfring_loop_opts, opts, .wait = BPFRING_WAIT_SPIN);

	if (s->other) {
		bpfring_loop_free(s->other);
		s->other = NULL;
	}
	if (bpfring_loop_new(&s->other, &opts))
		return -EIO;
	for (int i = 0; i < 100; i++)
		bpfring_loop_fd(s->other);
	return bpfring_loop_fd(s->other);
}

static int add_fd_without_callback(struct scene *s)
{
	return bpfring_loop_add_fd(s->l, s->event, EPOLLIN, NULL, NULL);
}

static int add_fd_twice(struct scene *s)
{
	bpfring_loop_remove_fd(s->l, s->event); /* fails the first time, with a word of its own */
	log_forget();
	bpfring_loop_add_fd(s->l, s->event, EPOLLIN, on_fd, NULL);
	for (int i = 0; i < 100; i++)
		bpfring_loop_add_fd(s->l, s->event, EPOLLIN, on_fd, NULL);
	return bpfring_loop_add_fd(s->l, s->event, EPOLLIN, on_fd, NULL);
}

static int add_itself(struct scene *s)
{
	return bpfring_loop_add_fd(s->l, bpfring_loop_fd(s->l), EPOLLIN, on_fd, NULL);
}

static int loop_stats_without_size(struct scene *s)
{
	struct bpfring_loop_stats stats = {0};

	return bpfring_loop_stats(s->l, &stats);
}

static int consumer_stats_without_size(struct scene *s)
{
	struct bpfring_consumer_stats stats = {0};

	return bpfring_consumer_stats(s->free.c, &stats);
}

static int remove_fd_that_is_not_watched(struct scene *s)
{
	return bpfring_loop_remove_fd(s->l, s->event);
}

static const struct mistake {
	int (*make)(struct scene *s);
	int err;
	unsigned int times;
	const char *words[4];
} mistakes[] = {
	{add_without_callback, -EINVAL, 100, {"map 'events' id 42", "callback"}},
	{add_batch_without_callback, -EINVAL, 100, {"map 'events' id 42", "callback"}},
	{add_twice, -EEXIST, 100, {"map 'events' id 42", "this loop", "bpfring_loop_remove()"}},
	{add_to_another_loop,
	 -EEXIST,
	 100,
	 {"map 'events' id 42", "another loop", "bpfring_loop_remove()"}},
	{add_while_held,
	 -EINVAL,
	 100,
	 {"map 'events' id 42", "held", "bpfring_consumer_release()"}},
	{poll_while_held,
	 -EINVAL,
	 50,
	 {"map 'events' id 42", "held", "bpfring_consumer_release()"}},
	{consume_while_held,
	 -EINVAL,
	 100,
	 {"map 'events' id 42", "held", "bpfring_consumer_release()"}},
	{wait_while_held,
	 -EINVAL,
	 100,
	 {"map 'events' id 42", "held", "bpfring_consumer_release()"}},
	{wait_in_a_loop, -EINVAL, 100, {"map 'events' id 42", "in a loop", "bpfring_loop_poll()"}},
	{wait_for_less, -EINVAL, 100, {"map 'events' id 42", "-5 ns", "-1 means for ever"}},
	{consume_without_callback, -EINVAL, 100, {"map 'events' id 42", "callback"}},
	{snapshot_without_callback, -EINVAL, 100, {"map 'events' id 42", "callback"}},
	{consume_for_less, -EINVAL, 100, {"map 'events' id 42", "bpfring_budget", "negative"}},
	{poll_for_less, -EINVAL, 100, {"loop ", "-5 ns", "-1 means for ever"}},
	{remove_from_another_loop, -ENOENT, 100, {"map 'events' id 42", "another"}},
	{remove_from_nowhere, -ENOENT, 100, {"map 'events' id 42", "not in this loop"}},
	{dispatch_without_fd, -EINVAL, 100, {"loop ", "bpfring_loop_fd()"}},
	{fd_of_a_spinning_loop, -EOPNOTSUPP, 1, {"loop ", "BPFRING_WAIT_SPIN"}},
	{add_fd_without_callback, -EINVAL, 100, {"fd ", "callback"}},
	{add_fd_twice, -EEXIST, 1, {"fd ", "EEXIST", "bpfring_loop_remove_fd()"}},
	{add_itself, -EINVAL, 100, {"fd ", "EINVAL", "itself"}},
	{loop_stats_without_size, -EINVAL, 100, {"loop ", "@sz"}},
	{consumer_stats_without_size, -EINVAL, 100, {"map 'events' id 42", "@sz"}},
	{remove_fd_that_is_not_watched, -ENOENT, 100, {"fd ", "not watched"}},
};

static void scene_open(struct scene *s)
{
	memset(s, 0, sizeof(*s));
	rig_open(&s->rig, PAGE, NULL, 0);
	rig_open(&s->free, PAGE, NULL, 0);
	for (int i = 0; i < 200; i++) {
		put(s->rig.r, 8);
		put(s->free.r, 8);
	}
	assert_int_equal(bpfring_loop_new(&s->l, NULL), 0);
	assert_int_equal(bpfring_loop_new(&s->other, NULL), 0);
	assert_int_equal(bpfring_loop_add(s->l, s->rig.c, count_record, &counter), 0);
	s->event = eventfd(0, EFD_CLOEXEC);
}

static void scene_close(struct scene *s)
{
	bpfring_loop_free(s->l);
	bpfring_loop_free(s->other);
	rig_close(&s->rig);
	rig_close(&s->free);
	close(s->event);
}

static void explained_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(mistakes); i++) {
		const struct mistake *m = &mistakes[i];

		for (int object = 0; object < 2; object++) { /* each object has its say */
			struct scene s;

			scene_open(&s);
			for (unsigned int n = 0; n < m->times; n++)
				assert_int_equal(m->make(&s), m->err);
			if (log_lines() != 1)
				fail_msg("mistake %zu: %u lines: %s", i, log_lines(), log_text());
			for (size_t k = 0; k < ARRAY_SIZE(m->words) && m->words[k]; k++)
				if (!strstr(log_text(), m->words[k]))
					fail_msg("no '%s' in: %s", m->words[k], log_text());
			log_forget();
			scene_close(&s);
		}
	}
}

/* Two threads at one object. */
static void *run_loop(void *ctx)
{
	while (bpfring_loop_run(ctx)) /* the other one was there first */
		;
	return NULL;
}

static void two_threads_that_poll(void **state)
{
	struct bpfring_loop *l = NULL;
	pthread_t thread;

	(void)state;
	assert_int_equal(bpfring_loop_new(&l, NULL), 0);
	assert_int_equal(pthread_create(&thread, NULL, run_loop, l), 0);
	while (bpfring_loop_poll(l, 0) >= 0) /* until that has begun */
		usleep(1000);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(bpfring_loop_poll(l, 0), -EINVAL);
		assert_int_equal(bpfring_loop_run(l), -EINVAL);
	}
	assert_int_equal(bpfring_loop_stop(l), 0);
	pthread_join(thread, NULL);
	assert_logged("two threads");
	assert_int_equal(bpfring_loop_poll(l, 0), 0);
	bpfring_loop_free(l);
}

static void freed_by_another_thread(void **state)
{
	struct bpfring_loop *l = NULL;
	pthread_t thread;

	(void)state;
	assert_int_equal(bpfring_loop_new(&l, NULL), 0);
	assert_int_equal(pthread_create(&thread, NULL, run_loop, l), 0);
	while (bpfring_loop_poll(l, 0) >= 0)
		usleep(1000);
	log_forget();
	bpfring_loop_free(l);
	assert_logged("not freed", "another thread", "bpfring_loop_stop()");
	assert_int_equal(bpfring_loop_stop(l), 0);
	pthread_join(thread, NULL);
	bpfring_loop_free(l);
}

static void *wait_for_record(void *ctx)
{
	while (bpfring_consumer_wait(ctx, -1))
		;
	return NULL;
}

static void two_threads_that_wait(void **state)
{
	pthread_t thread;
	struct rig rig;
	int err;

	(void)state;
	rig_open(&rig, PAGE, NULL, 0);
	assert_int_equal(pthread_create(&thread, NULL, wait_for_record, rig.c), 0);
	do {
		err = bpfring_consumer_wait(rig.c, 1000);
	} while (!err);
	assert_int_equal(err, -EINVAL);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(bpfring_consumer_wait(rig.c, -1), -EINVAL);
		assert_int_equal(
			bpfring_consumer_consume(rig.c, count_record, &counter, NULL, NULL),
			-EINVAL);
	}
	assert_logged("map 'events' id 42", "another thread");
	assert_int_equal(bpfring_consumer_wakeup(rig.c), 0);
	pthread_join(thread, NULL);
	rig_close(&rig);
}

/* A child is told whose it is. */
static int in_forked_child(void *ctx)
{
	struct scene *s = ctx;

	for (int i = 0; i < 100; i++) {
		if (bpfring_loop_poll(s->l, 0) != -ECHILD || bpfring_loop_fd(s->l) != -ECHILD ||
		    bpfring_loop_add(s->l, s->free.c, count_record, &counter) != -ECHILD ||
		    bpfring_loop_add_fd(s->l, s->event, EPOLLIN, on_fd, NULL) != -ECHILD)
			return 1;
	}
	if (log_lines() != 1 || !strstr(log_text(), "parent"))
		return 2;
	log_forget();
	for (int i = 0; i < 100; i++) {
		if (bpfring_consumer_wait(s->free.c, 0) != -ECHILD ||
		    bpfring_consumer_consume(s->free.c, count_record, &counter, NULL, NULL) !=
			    -ECHILD ||
		    bpfring_consumer_snapshot(s->free.c, see, NULL) != -ECHILD)
			return 3;
	}
	return log_lines() == 1 && strstr(log_text(), "'events'") && strstr(log_text(), "parent")
		       ? 0
		       : 4;
}

static void in_a_child(void **state)
{
	struct scene s;

	(void)state;
	scene_open(&s);
	assert_int_equal(in_child(in_forked_child, &s), 0);
	scene_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(explained_once),
		rig_test(two_threads_that_poll),
		rig_test(freed_by_another_thread),
		rig_test(two_threads_that_wait),
		rig_test(in_a_child),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
