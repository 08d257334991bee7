// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Maps whose consumers belong to the loop. Whatever is left open fails the teardown. */
#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig.h"

static int count(void *ctx, const void *data, size_t size)
{
	(void)data;
	(void)size;
	++*(int *)ctx;
	return 0;
}

static struct bpfring_loop *loop_new(void)
{
	struct bpfring_loop *l = NULL;

	assert_int_equal(bpfring_loop_new(&l, NULL), 0);
	return l;
}

static void the_first_program(void **state)
{
	struct bpfring_loop *l = loop_new();
	struct rig rig;
	int records = 0;

	(void)state;
	rig_ring(&rig, PAGE, NULL);
	assert_int_equal(bpfring_loop_add_map(l, rig.r->event_fd, count, &records, NULL, NULL), 0);
	put(rig.r, 8);
	put(rig.r, 8);
	assert_int_equal(bpfring_loop_poll(l, -1), 2);
	assert_int_equal(records, 2);
	bpfring_loop_free(l);
	assert_int_equal(sim_ring_cons(rig.r), 32);
	rig_close(&rig);
}

/* Taken out of the loop, closed before it, closed in its callback: closed once. */
static void closed_in_other_ways(void **state)
{
	(void)state;
	for (int order = 0; order < 8; order++) {
		struct bpfring_loop *l = loop_new();
		struct bpfring_consumer *c[3];
		struct rig rig[3];
		int records = 0;

		for (int i = 0; i < 3; i++) {
			rig_ring(&rig[i], PAGE, NULL);
			assert_int_equal(bpfring_loop_add_map(l, rig[i].r->event_fd, count,
							      &records, NULL, &c[i]),
					 0);
		}
		for (int i = 0; i < 3; i++) {
			if (order & 1)
				assert_int_equal(bpfring_loop_remove(l, c[i]), 0);
			if (order >> 1 == i)
				bpfring_consumer_close(c[i]);
		}
		bpfring_loop_free(l);
		for (int i = 0; i < 3; i++)
			rig_close(&rig[i]);
	}
}

struct closing {
	struct bpfring_consumer *c;
	int records;
};

static int close_it(void *ctx, const void *data, size_t size)
{
	struct closing *closing = ctx;

	(void)data;
	(void)size;
	closing->records++;
	bpfring_consumer_close(closing->c);
	return 0;
}

static void closed_by_its_callback(void **state)
{
	struct bpfring_loop *l = loop_new();
	struct closing closing = {0};
	struct rig rig;

	(void)state;
	rig_ring(&rig, PAGE, NULL);
	assert_int_equal(
		bpfring_loop_add_map(l, rig.r->event_fd, close_it, &closing, NULL, &closing.c), 0);
	put(rig.r, 8);
	put(rig.r, 8);
	assert_int_equal(bpfring_loop_poll(l, -1), 1);
	assert_int_equal(bpfring_loop_poll(l, 0), 0);
	assert_int_equal(closing.records, 1);
	bpfring_loop_free(l);
	assert_int_equal(sim_ring_cons(rig.r), 16);
	rig_close(&rig);
}

static void what_is_refused_leaves_nothing(void **state)
{
	BPFRING_OPTS(bpfring_consumer_opts, exclusive, .flags = BPFRING_CONSUMER_EXCLUSIVE);
	BPFRING_OPTS(bpfring_consumer_opts, bad, .flags = 1U << 20);
	struct bpfring_loop *l = loop_new();
	struct bpfring_consumer *c = NULL;
	struct rig rig;
	unsigned int fds;
	int records = 0;

	(void)state;
	rig_ring(&rig, PAGE, NULL);
	fds = count_fds();
	assert_int_equal(bpfring_loop_add_map(l, rig.r->event_fd, NULL, NULL, NULL, &c), -EINVAL);
	assert_logged("needs a callback");
	assert_int_equal(bpfring_loop_add_map(l, -1, count, &records, NULL, &c), -EBADF);
	log_forget();
	assert_int_equal(bpfring_loop_add_map(l, rig.r->event_fd, count, &records, &bad, &c),
			 -EINVAL);
	assert_logged("unknown flags");
	assert_int_equal(count_fds(), fds);
	assert_null(c);
	assert_int_equal(bpfring_loop_add_map(l, rig.r->event_fd, count, &records, &exclusive, &c),
			 0);
	assert_non_null(c);
	bpfring_loop_free(l);
	assert_int_equal(records, 0);
	rig_close(&rig);
}

static void in_a_child(void **state)
{
	struct bpfring_loop *l = loop_new();
	struct rig rig;
	int records = 0, status;
	pid_t pid;

	(void)state;
	rig_ring(&rig, PAGE, NULL);
	assert_int_equal(bpfring_loop_add_map(l, rig.r->event_fd, count, &records, NULL, NULL), 0);
	put(rig.r, 8);
	pid = fork();
	if (!pid) {
		int err = bpfring_loop_add_map(l, rig.r->event_fd, count, &records, NULL, NULL);

		bpfring_loop_free(l);
		_exit(err == -ECHILD ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(bpfring_loop_poll(l, -1), 1);
	bpfring_loop_free(l);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(the_first_program),
		rig_test(closed_in_other_ways),
		rig_test(closed_by_its_callback),
		rig_test(what_is_refused_leaves_nothing),
		rig_test(in_a_child),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
