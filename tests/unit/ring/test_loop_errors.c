// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Descriptors that are refused or closed, callbacks that fail, rings that break; the others go on.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "rig.h"

static struct bpfring_loop *loop_new(void)
{
	struct bpfring_loop *l = NULL;

	assert_int_equal(bpfring_loop_new(&l, NULL), 0);
	return l;
}

static int on_fd(void *ctx, int fd, uint32_t events)
{
	uint64_t count;

	assert_true(events & EPOLLIN);
	assert_int_equal(read(fd, &count, sizeof(count)), 8);
	++*(int *)ctx;
	return 0;
}

static void descriptors(void **state)
{
	int event = eventfd(0, EFD_CLOEXEC), regular = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct bpfring_loop *l = loop_new();
	int calls = 0;

	(void)state;
	assert_int_equal(bpfring_loop_add_fd(l, 4000, EPOLLIN, on_fd, &calls), -EBADF);
	assert_logged("fd 4000", "EBADF", "closed");
	assert_int_equal(bpfring_loop_add_fd(l, -1, EPOLLIN, on_fd, &calls), -EBADF);
	assert_int_equal(bpfring_loop_add_fd(l, regular, EPOLLIN, on_fd, &calls), -EPERM);
	assert_logged("EPERM", "regular files");
	assert_int_equal(bpfring_loop_remove_fd(l, event), -ENOENT);
	assert_logged("not watched");
	assert_int_equal(bpfring_loop_add_fd(l, event, EPOLLIN, on_fd, &calls), 0);
	assert_int_equal(bpfring_loop_add_fd(l, event, EPOLLIN, on_fd, &calls), -EEXIST);
	assert_logged("EEXIST", "bpfring_loop_remove_fd()");
	assert_int_equal(bpfring_loop_poll(l, 0), 0);
	assert_int_equal(calls, 0);
	assert_int_equal(write(event, &(uint64_t){1}, 8), 8);
	assert_int_equal(bpfring_loop_poll(l, -1), 0); /* descriptors are no records */
	assert_int_equal(calls, 1);
	assert_int_equal(bpfring_loop_remove_fd(l, event), 0);
	assert_int_equal(write(event, &(uint64_t){1}, 8), 8);
	assert_int_equal(bpfring_loop_poll(l, 0), 0);
	assert_int_equal(calls, 1);
	assert_int_equal(bpfring_loop_add_fd(l, event, EPOLLIN, on_fd, &calls), 0);
	assert_int_equal(bpfring_loop_poll(l, 0), 0);
	assert_int_equal(calls, 2);
	bpfring_loop_free(l);
	close(event);
	close(regular);
}

/* Closed before it was removed, while a duplicate lives: epoll goes on reporting it. */
static void a_descriptor_closed_too_early(void **state)
{
	int event = eventfd(0, EFD_CLOEXEC), copy = dup(event), calls = 0;
	struct bpfring_loop *l = loop_new();

	(void)state;
	assert_int_equal(bpfring_loop_add_fd(l, event, EPOLLIN, on_fd, &calls), 0);
	close(event);
	assert_int_equal(bpfring_loop_remove_fd(l, event), 0);
	assert_logged("closed before");
	assert_int_equal(write(copy, &(uint64_t){1}, 8), 8);
	for (int i = 0; i < 3; i++)
		assert_int_equal(bpfring_loop_poll(l, 0), 0);
	assert_int_equal(calls, 0);
	bpfring_loop_free(l);
	close(copy);
}

/* The same with the consumer's own descriptor, which a careless program closed. */
static void a_ring_closed_too_early(void **state)
{
	(void)state;
	for (int how = 0; how < 3; how++) {
		struct counter counter = {0}, other = {0};
		struct bpfring_loop *l = loop_new();
		struct rig rig, rest;
		int copy;

		rig_open(&rig, PAGE, NULL, 0);
		rig_open(&rest, PAGE, NULL, 0);
		assert_int_equal(bpfring_loop_add(l, rig.c, count_record, &counter), 0);
		assert_int_equal(bpfring_loop_add(l, rest.c, count_record, &other), 0);
		assert_int_equal(bpfring_loop_poll(l, 0), 0);
		copy = dup(bpfring_consumer_map_fd(rig.c));
		close(bpfring_consumer_map_fd(rig.c));
		if (how == 0) {
			assert_int_equal(bpfring_loop_remove(l, rig.c), 0);
		} else if (how == 1) {
			bpfring_consumer_close(rig.c);
			rig.c = NULL;
		} else {
			sim_ring_set_cons(rig.r, 8); /* it breaks */
			put(rig.r, 8);
			assert_true(bpfring_loop_wakeup(l) == 0 && bpfring_loop_poll(l, 0) < 0);
			assert_non_null(strstr(log_text(), "second consumer"));
		}
		assert_non_null(strstr(log_text(), "closed before it was removed"));
		log_forget();
		/* epoll goes on telling of it */
		for (int i = 0; i < 5; i++) {
			assert_int_equal(write(copy, &(uint64_t){1}, 8), 8);
			put(rest.r, 8);
			while (other.records <= (unsigned long)i)
				assert_true(bpfring_loop_poll(l, 1000 * MSEC) >= 0);
			assert_int_equal(write(copy, &(uint64_t){1}, 8), 8);
			assert_true(bpfring_loop_poll(l, MSEC) >= 0);
		}
		assert_int_equal(counter.records, how == 2); /* before it was found broken */
		bpfring_loop_free(l);
		close(copy);
		rig_close(&rig);
		rig_close(&rest);
	}
}

static void errors_of_callbacks(void **state)
{
	static const int results[] = {-EIO, -EBUSY, -EBADMSG, -1, BPFRING_STOP};

	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(results); k++) {
		struct counter failing = {.result_at = 2, .result = results[k]};
		struct counter fine = {0};
		struct bpfring_loop *l = NULL;
		struct rig rigs[2];
		int total = 0, err;

		assert_int_equal(bpfring_loop_new(&l, NULL), 0);
		for (int i = 0; i < 2; i++) {
			rig_open(&rigs[i], PAGE, NULL, 0);
			for (int n = 0; n < 5; n++)
				put(rigs[i].r, 8);
		}
		assert_int_equal(bpfring_loop_add(l, rigs[0].c, count_record, &failing), 0);
		assert_int_equal(bpfring_loop_add(l, rigs[1].c, count_record, &fine), 0);
		/* the failing one first: the other keeps its turn for the next call */
		err = bpfring_loop_poll(l, -1);
		assert_int_equal(err, results[k] == BPFRING_STOP ? 2 : results[k]);
		assert_int_equal(failing.records, 2);
		assert_int_equal(fine.records, 0);
		for (int i = 0; i < 3; i++)
			total += bpfring_loop_poll(l, 0);
		assert_int_equal(total, 8);
		assert_int_equal(failing.records, 5);
		assert_int_equal(fine.records, 5);
		/* and run() ends with it */
		failing = (struct counter){.result_at = 3, .result = results[k]};
		for (int n = 0; n < 5; n++)
			put(rigs[0].r, 8);
		assert_int_equal(bpfring_loop_run(l), results[k] == BPFRING_STOP ? 0 : results[k]);
		assert_int_equal(failing.records, 3);
		bpfring_loop_free(l);
		for (int i = 0; i < 2; i++)
			rig_close(&rigs[i]);
	}
}

static int fail_fd(void *ctx, int fd, uint32_t events)
{
	(void)fd;
	(void)events;
	return *(int *)ctx;
}

static void errors_of_descriptors(void **state)
{
	static int results[] = {-EIO, BPFRING_STOP};
	int event = eventfd(1, EFD_CLOEXEC);

	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(results); k++) {
		struct counter counter = {0};
		struct bpfring_loop *l = NULL;
		struct rig rig;

		rig_open(&rig, PAGE, NULL, 0);
		assert_int_equal(bpfring_loop_new(&l, NULL), 0);
		assert_int_equal(bpfring_loop_add(l, rig.c, count_record, &counter), 0);
		assert_int_equal(bpfring_loop_poll(l, 0), 0); /* asleep */
		assert_int_equal(bpfring_loop_add_fd(l, event, EPOLLIN, fail_fd, &results[k]), 0);
		put(rig.r, 8);
		/*
		 * its edge is told in the same breath as the descriptor that fails: not forgotten
		 */
		assert_int_equal(bpfring_loop_run(l), results[k] == -EIO ? -EIO : 0);
		assert_int_equal(bpfring_loop_remove_fd(l, event), 0);
		if (!counter.records)
			assert_int_equal(bpfring_loop_poll(l, 0), 1);
		assert_int_equal(counter.records, 1);
		bpfring_loop_free(l);
		rig_close(&rig);
	}
	close(event);
}

/* A ring that is broken is taken out; the others go on. */
static void broken_rings(void **state)
{
	(void)state;
	for (int busy = 0; busy < 2; busy++) {
		for (int armed = 0; armed < 2; armed++) {
			struct counter counters[2] = {0};
			struct bpfring_loop *l = NULL;
			struct rig rigs[2];
			int err = 0;

			assert_int_equal(bpfring_loop_new(&l, NULL), 0);
			for (int i = 0; i < 2; i++) {
				rig_open(&rigs[i], PAGE, NULL, 0);
				rigs[i].map->info.id = 7;
				assert_int_equal(
					bpfring_loop_add(l, rigs[i].c, count_record, &counters[i]),
					0);
			}
			if (armed)
				assert_int_equal(bpfring_loop_poll(l, 0), 0);
			put(rigs[0].r, 8);
			put(rigs[0].r, 8);
			if (busy)
				sim_ring_set_cons(rigs[0].r, 16);
			else
				*sim_ring_header(rigs[0].r, 16) = 9;
			for (int i = 0; i < 5 && !err; i++) {
				err = bpfring_loop_poll(l, 0);
				err = err > 0 ? 0 : err;
			}
			assert_int_equal(err, busy ? -EBUSY : -EBADMSG);
			assert_logged("events", "42", busy ? "second consumer" : "corrupt");
			assert_int_equal(bpfring_loop_remove(l, rigs[0].c), -ENOENT);
			assert_logged("events", "42", "not in this loop");
			for (int i = 0; i < 10; i++) {
				put(rigs[1].r, 8);
				assert_int_equal(bpfring_loop_poll(l, 10 * MSEC), 1);
			}
			bpfring_loop_free(l);
			for (int i = 0; i < 2; i++)
				rig_close(&rigs[i]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(descriptors),
		rig_test(a_descriptor_closed_too_early),
		rig_test(a_ring_closed_too_early),
		rig_test(errors_of_callbacks),
		rig_test(errors_of_descriptors),
		rig_test(broken_rings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
