// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Every system call and allocation that can fail does so, one after the other, in everything that
 * the library does. What was asked for either works all the same or fails with the error of that
 * call; nothing is left behind, and it works the next time.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "rig.h"

/* Does one thing from scratch and undoes it; 0 or the error. */
typedef int (*scenario_fn)(struct rig *rig);

static int open_exclusive(struct rig *rig)
{
	BPFRING_OPTS(bpfring_consumer_opts, opts, .flags = BPFRING_CONSUMER_EXCLUSIVE);
	struct bpfring_consumer *c = NULL;
	int err = bpfring_consumer_open(&c, rig->r->event_fd, &opts);

	assert_true(err ? !c : !!c);
	bpfring_consumer_close(c);
	return err;
}

static int open_pinned(struct rig *rig)
{
	struct bpfring_consumer *c = NULL;
	int err = bpfring_consumer_open_pinned(&c, "/sys/fs/bpf/x", NULL);

	(void)rig;
	bpfring_consumer_close(c);
	return err;
}

static int new_loop(struct rig *rig)
{
	struct bpfring_loop *l = NULL;
	int err = bpfring_loop_new(&l, NULL);

	(void)rig;
	bpfring_loop_free(l);
	return err;
}

/* The others begin with what they need, made without faults. */
static struct bpfring_consumer *consumer(struct rig *rig)
{
	assert_int_equal(bpfring_consumer_open(&rig->c, rig->r->event_fd, NULL), 0);
	return rig->c;
}

static void faults_on(void);

static int wait_and_consume(struct rig *rig)
{
	struct bpfring_consumer *c = consumer(rig);
	struct counter counter = {0};
	int err;

	put(rig->r, 8);
	faults_on();
	err = bpfring_consumer_wait(c, 0);
	if (err > 0)
		err = bpfring_consumer_consume(c, count_record, &counter, NULL, NULL);
	if (err < 0) {
		/* once more, without the fault */
		assert_int_equal(bpfring_consumer_wait(c, 0), 1);
		assert_int_equal(bpfring_consumer_consume(c, count_record, &counter, NULL, NULL),
				 1);
	}
	assert_int_equal(counter.records, 1);
	err = err < 0 ? err : bpfring_consumer_wait(c, 1000);
	bpfring_consumer_close(c);
	return err;
}

static int add_and_poll(struct rig *rig)
{
	struct bpfring_consumer *c = consumer(rig);
	struct bpfring_loop *l = NULL;
	struct counter counter = {0};
	int err, again;

	assert_int_equal(bpfring_loop_new(&l, NULL), 0);
	put(rig->r, 8);
	faults_on();
	err = bpfring_loop_add(l, c, count_record, &counter);
	again = err ? bpfring_loop_add(l, c, count_record, &counter) : 0;
	assert_int_equal(again, 0);
	for (int i = 0; i < 3 && !counter.records; i++) {
		again = bpfring_loop_poll(l, 0);
		err = again < 0 ? again : err;
	}
	assert_int_equal(counter.records, 1);
	again = bpfring_loop_remove(l, c);
	assert_int_equal(again, 0);
	bpfring_loop_free(l);
	bpfring_consumer_close(c);
	return err;
}

static int on_fd(void *ctx, int fd, uint32_t events)
{
	uint64_t count;

	(void)events;
	++*(int *)ctx;
	return read(fd, &count, sizeof(count)) == 8 ? 0 : -EIO;
}

static int add_fd(struct rig *rig)
{
	int event = eventfd(1, EFD_CLOEXEC), calls = 0, err, again;
	struct bpfring_loop *l = NULL;

	(void)rig;
	assert_int_equal(bpfring_loop_new(&l, NULL), 0);
	faults_on();
	err = bpfring_loop_add_fd(l, event, EPOLLIN, on_fd, &calls);
	if (err)
		assert_int_equal(bpfring_loop_add_fd(l, event, EPOLLIN, on_fd, &calls), 0);
	again = bpfring_loop_poll(l, 0);
	if (again < 0)
		assert_int_equal(bpfring_loop_poll(l, 0), 0);
	assert_int_equal(calls, 1);
	assert_int_equal(bpfring_loop_remove_fd(l, event), 0);
	bpfring_loop_free(l);
	close(event);
	log_forget(); /* a removal that fails is told as a warning */
	return err ? err : again;
}

static int embed(struct rig *rig)
{
	struct bpfring_consumer *c = consumer(rig);
	struct bpfring_loop *l = NULL;
	struct counter counter = {0};
	int fd, err = 0;

	assert_int_equal(bpfring_loop_new(&l, NULL), 0);
	assert_int_equal(bpfring_loop_add(l, c, count_record, &counter), 0);
	put(rig->r, 8);
	faults_on();
	fd = bpfring_loop_fd(l);
	if (fd < 0) {
		err = fd;
		assert_true(bpfring_loop_fd(l) >= 0);
	}
	for (int i = 0; i < 3; i++) {
		int n = bpfring_loop_dispatch(l);

		err = n < 0 ? n : err;
	}
	assert_int_equal(counter.records, 1);
	bpfring_loop_free(l);
	bpfring_consumer_close(c);
	return err;
}

static const struct {
	const char *name;
	scenario_fn fn;
	bool from_start; /* faults begin with the scenario, not where it says */
	long least;	 /* calls that can fail in it */
} scenarios[] = {
	{"open, exclusive", open_exclusive, true, 10},
	{"open pinned", open_pinned, true, 7},
	{"loop_new", new_loop, true, 6},
	{"wait and consume", wait_and_consume, false, 4},
	{"loop_add and poll", add_and_poll, false, 3},
	{"add_fd", add_fd, false, 3},
	{"loop_fd and dispatch", embed, false, 4},
};

static long fault_at;

static void faults_on(void)
{
	sim_sys_count_reset();
	sim_sys_fail(fault_at, NULL);
}

/* What the error of a call becomes where the library gives it another meaning. */
static bool is_that_error(int err, const char *call, int injected)
{
	if (!strcmp(call, "alloc"))
		return err == -ENOMEM;
	return err == injected;
}

static void every_call_fails_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(scenarios); i++) {
		struct rig rig;
		unsigned long allocations, mappings;
		unsigned int fds, ring_mappings;

		rig_ring(&rig, PAGE, NULL);
		sim_sys_set_lookup(rig.r->event_fd);
		fault_at = -1;
		assert_int_equal(scenarios[i].fn(&rig), 0); /* warm */
		fds = count_fds();
		ring_mappings = count_ring_mappings();
		allocations = sim_sys_live_allocations();
		mappings = sim_sys_live_mappings();
		for (fault_at = 0;; fault_at++) {
			const char *failed;
			int err, injected;

			if (scenarios[i].from_start)
				faults_on();
			err = scenarios[i].fn(&rig);
			failed = sim_sys_failed(&injected);
			sim_sys_fail(-1, NULL);
			if (!failed) {
				assert_int_equal(err, 0);
				break;
			}
			if (err && !is_that_error(err, failed, injected))
				fail_msg("%s: call %ld, %s, failed with %s, and that with %s",
					 scenarios[i].name, fault_at, failed,
					 bpfring_errname(injected), bpfring_errname(err));
			log_forget();
			if (count_fds() != fds || count_ring_mappings() != ring_mappings ||
			    sim_sys_live_allocations() != allocations ||
			    sim_sys_live_mappings() != mappings)
				fail_msg("%s: call %ld, %s: %d fds, %d mappings of rings, %ld "
					 "mappings, %ld allocations left behind",
					 scenarios[i].name, fault_at, failed,
					 (int)(count_fds() - fds),
					 (int)(count_ring_mappings() - ring_mappings),
					 (long)(sim_sys_live_mappings() - mappings),
					 (long)(sim_sys_live_allocations() - allocations));
		}
		print_message("%s: %ld calls failed\n", scenarios[i].name, fault_at);
		assert_true(fault_at >= scenarios[i].least);
		rig.c = NULL;
		rig_close(&rig);
	}
}

/* A failure that is not the caller's is told in one line that names the map. */
static void failures_to_open_are_logged(void **state)
{
	static const struct {
		const char *call;
		int err;
	} cases[] = {
		{"dup", -EMFILE},
		{"lock_byte", -ENOLCK},
		{"eventfd", -ENFILE},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		BPFRING_OPTS(bpfring_consumer_opts, opts, .flags = BPFRING_CONSUMER_EXCLUSIVE);
		struct bpfring_consumer *c = NULL;
		struct rig rig;

		rig_ring(&rig, PAGE, NULL);
		sim_sys_fail_always(cases[i].call, cases[i].err);
		assert_int_equal(bpfring_consumer_open(&c, rig.r->event_fd, &opts), cases[i].err);
		sim_sys_fail(-1, NULL);
		assert_logged(bpfring_errname(cases[i].err));
		rig_close(&rig);
	}
}

static void a_claim_that_is_taken(void **state)
{
	static const int answers[] = {-EAGAIN, -EACCES}; /* POSIX allows both */
	BPFRING_OPTS(bpfring_consumer_opts, opts, .flags = BPFRING_CONSUMER_EXCLUSIVE);
	struct bpfring_consumer *c = NULL;
	struct rig rig;

	(void)state;
	rig_ring(&rig, PAGE, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		sim_sys_fail_always("lock_byte", answers[i]);
		assert_int_equal(bpfring_consumer_open(&c, rig.r->event_fd, &opts), -EBUSY);
		sim_sys_fail(-1, NULL);
		assert_logged("events", "EBUSY");
	}
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(every_call_fails_once),
		rig_test(failures_to_open_are_logged),
		rig_test(a_claim_that_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
