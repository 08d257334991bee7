// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * A map that is replaced: by itself, by one that was reused, by a newer one. Runs for both paths.
 */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fixture.h"
#include "longer.skel.h"

#define PIN BPFFS "/replace"

static const char *no_bpffs; /* why */

static void unpin(void)
{
	assert_int_equal(system("rm -f " PIN " " PIN "_*"), 0);
}

/* BPF still sees the calling thread, and what it shares is where it was. */
static void still_shared(struct fixture *f, struct task_cell_test *cell, unsigned int value)
{
	struct task_cell_test *again = bind_cell(f);

	assert_ptr_equal(again, cell);
	cell->a = value;
	cell->b = 1;
	cell->sum = 0;
	fixture_look();
	assert_int_equal(cell->sum, value + 1);
}

struct sharer {
	struct fixture *f;
	pthread_barrier_t barrier;
	unsigned int seen;
	pid_t tid;
	int error;
};

/* A second thread, which does nothing by itself. */
static void *share_and_wait(void *arg)
{
	struct sharer *s = arg;
	struct task_cell_test *cell = bind_cell(s->f);

	pthread_barrier_wait(&s->barrier);
	pthread_barrier_wait(&s->barrier);
	cell->a = 5;
	fixture_look();
	s->seen = (unsigned int)cell->sum;
	return NULL;
}

static void start(struct sharer *s, pthread_t *thread)
{
	pthread_barrier_init(&s->barrier, NULL, 2);
	assert_int_equal(pthread_create(thread, NULL, share_and_wait, s), 0);
	pthread_barrier_wait(&s->barrier);
}

static void finish(struct sharer *s, pthread_t thread)
{
	pthread_barrier_wait(&s->barrier);
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&s->barrier);
}

/* A deploy step that runs twice. */
static void by_itself(void **state)
{
	const unsigned long long before = 77;
	struct fixture *f = *state;
	struct sharer s = {.f = f};
	struct task_cell_test *cell = bind_cell(f);
	unsigned long long word;
	pthread_t thread;

	assert_int_equal(bpfring_task_storage_set(f->ts, 0, 0, &before, 8), 0);
	start(&s, &thread);
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(bpfring_task_storage_replace_object(f->ts, f->skel->obj, "store"),
				 0);
		still_shared(f, cell, i + 1);
		assert_int_equal(
			bpfring_task_storage_replace(f->ts, bpf_map__fd(f->skel->maps.store), NULL),
			0);
		still_shared(f, cell, i + 10);
	}
	finish(&s, thread);
	assert_int_equal(s.seen, 5);
	assert_int_equal(bpfring_task_storage_get(f->ts, 0, 0, &word, 8), 0);
	assert_true(word == before);
}

static void by_itself_through_a_pin(void **state)
{
	struct fixture *f = *state;
	struct task_cell_test *cell;

	if (no_bpffs)
		skip_because("%s", no_bpffs);
	bpfring_task_storage_close(f->ts);
	assert_int_equal(bpfring_task_storage_pin(f->skel->obj, "store", PIN), 0);
	assert_int_equal(bpfring_task_storage_open_pinned(&f->ts, PIN, NULL), 0);
	cell = bind_cell(f);
	assert_int_equal(bpfring_task_storage_refresh(f->ts), 0);
	still_shared(f, cell, 1);
	assert_int_equal(bpfring_task_storage_pin(f->skel->obj, "store", PIN), 0); /* again */
	assert_int_equal(bpfring_task_storage_refresh(f->ts), 0);
	still_shared(f, cell, 2);
	unpin();
}

static bool stop_pinning;

static void *pin_again_and_again(void *arg)
{
	const struct fixture *f = arg;

	while (!__atomic_load_n(&stop_pinning, __ATOMIC_RELAXED))
		if (bpfring_task_storage_pin(f->skel->obj, "store", PIN))
			return "failed";
	return NULL;
}

/* At no time is there no pin. */
static void pinned_again_and_again(void **state)
{
	struct fixture *f = *state;
	pthread_t thread;
	void *failed;

	if (no_bpffs)
		skip_because("%s", no_bpffs);
	bpfring_task_storage_close(f->ts);
	assert_int_equal(bpfring_task_storage_pin(f->skel->obj, "store", PIN), 0);
	assert_int_equal(bpfring_task_storage_open_pinned(&f->ts, PIN, NULL), 0);
	assert_int_equal(pthread_create(&thread, NULL, pin_again_and_again, f), 0);
	for (int i = 0; i < 300 / slowness() + 20; i++)
		assert_int_equal(bpfring_task_storage_refresh(f->ts), 0);
	__atomic_store_n(&stop_pinning, true, __ATOMIC_RELAXED);
	pthread_join(thread, &failed);
	assert_null(failed);
	unpin();
}

/* A new object whose loader reuses the map, as libbpf does with one that is pinned. */
static struct task_test_bpf *reuse_map(struct fixture *f)
{
	BPFRING_OPTS(bpfring_task_prepare_opts, opts, .path = f->path, .max_threads = MAX_THREADS);
	struct task_test_bpf *skel = task_test_bpf__open();

	assert_non_null(skel);
	assert_int_equal(bpfring_task_storage_prepare(skel->obj, "store", &opts), f->path);
	assert_int_equal(bpf_map__reuse_fd(skel->maps.store, bpf_map__fd(f->skel->maps.store)), 0);
	assert_int_equal(task_test_bpf__load(skel), 0);
	skel->bss->syscall_nr = f->skel->bss->syscall_nr;
	look_at_caller(skel);
	return skel;
}

/* The programs of the new object take the place of those of the old one. */
static void change_programs(struct fixture *f, struct task_test_bpf *next)
{
	task_test_bpf__destroy(f->skel);
	f->skel = next;
	assert_int_equal(task_test_bpf__attach(next), 0);
}

static void a_map_that_was_reused(void **state)
{
	struct fixture *f = *state;
	struct sharer s = {.f = f};
	struct task_cell_test *cell = bind_cell(f);
	struct task_test_bpf *next = reuse_map(f);
	pthread_t thread;
	int moved;

	cell->reserved = 1234; /* contents come along */
	start(&s, &thread);
	moved = bpfring_task_storage_replace_object(f->ts, next->obj, "store");
	if (f->path == BPFRING_TASK_PATH_UPTR)
		assert_int_equal(moved, 0); /* nothing has changed */
	else
		assert_int_equal(moved, threads_have_pidfds() ? 2 : 1);
	change_programs(f, next);
	still_shared(f, cell, 4);
	assert_int_equal(cell->reserved, 1234);
	assert_int_equal(bpfring_task_storage_replace_object(f->ts, next->obj, "store"), 0);
	still_shared(f, cell, 5);
	finish(&s, thread);
	if (threads_have_pidfds())
		assert_int_equal(s.seen, 5);
}

/* Somebody in the process who opens it by the new object gets a handle that BPF sees. */
static void a_map_that_was_reused_is_opened_again(void **state)
{
	struct fixture *f = *state;
	struct task_cell_test *cell = bind_cell(f);
	struct task_test_bpf *next = reuse_map(f);
	struct bpfring_task_storage *second;

	assert_int_equal(bpfring_task_storage_open_object(&second, next->obj, "store", NULL), 0);
	assert_ptr_equal(second, f->ts);
	change_programs(f, next);
	still_shared(f, cell, 6);
	bpfring_task_storage_close(second);
	still_shared(f, cell, 7);
}

static void a_map_that_was_reused_under_a_pin(void **state)
{
	struct fixture *f = *state;
	struct task_test_bpf *next;
	struct task_cell_test *cell;

	if (no_bpffs)
		skip_because("%s", no_bpffs);
	bpfring_task_storage_close(f->ts);
	assert_int_equal(bpfring_task_storage_pin(f->skel->obj, "store", PIN), 0);
	assert_int_equal(bpfring_task_storage_open_pinned(&f->ts, PIN, NULL), 0);
	cell = bind_cell(f);
	next = reuse_map(f);
	assert_int_equal(bpfring_task_storage_pin(next->obj, "store", PIN), 0);
	assert_int_equal(bpfring_task_storage_refresh(f->ts),
			 f->path == BPFRING_TASK_PATH_UPTR ? 0 : 2);
	assert_int_equal(bpfring_task_storage_refresh(f->ts), 0);
	change_programs(f, next);
	still_shared(f, cell, 8);
	unpin();
}

/* One handle cannot move to a map that another one has: they would cut off each other's threads. */
static void onto_a_map_of_another_handle(void **state)
{
	struct fixture *f = *state;
	struct task_test_bpf *second = fixture_load();
	struct task_cell_test *cell = bind_cell(f);
	struct bpfring_task_storage *other;

	catch_logs();
	log_forget();
	assert_int_equal(bpfring_task_storage_open_object(&other, second->obj, "store", NULL), 0);
	assert_int_equal(bpfring_task_storage_replace_object(f->ts, second->obj, "store"), -EBUSY);
	assert_non_null(strstr(log_text(), "another handle"));
	still_shared(f, cell, 1);
	bpfring_task_storage_close(other);
	assert_int_equal(bpfring_task_storage_replace_object(f->ts, second->obj, "store"), 1);
	still_shared(f, cell, 2);
	task_test_bpf__destroy(second);
}

static struct longer_bpf *load_longer(const struct fixture *f)
{
	BPFRING_OPTS(bpfring_task_prepare_opts, opts, .path = f->path, .max_threads = MAX_THREADS);
	struct longer_bpf *skel = longer_bpf__open();

	assert_non_null(skel);
	assert_int_equal(bpfring_task_storage_prepare(skel->obj, "store", &opts), f->path);
	assert_int_equal(longer_bpf__load(skel), 0);
	skel->bss->syscall_nr = f->skel->bss->syscall_nr;
	skel->bss->target_tgid = f->skel->bss->target_tgid;
	assert_int_equal(longer_bpf__attach(skel), 0);
	return skel;
}

static void a_newer_value(void **state)
{
	const unsigned long long before = 0x1122334455667788;
	const unsigned int weight = 99;
	struct fixture *f = *state;
	struct longer_bpf *longer = load_longer(f);
	struct task_cell_test *cell = bind_cell(f);
	struct bpfring_task_member m = {.sz = sizeof(m)};
	unsigned long long word;
	unsigned int w;
	int more;
	void *mem;

	assert_int_equal(bpfring_task_storage_set(f->ts, 0, 0, &before, 8), 0);
	assert_int_equal(bpfring_task_storage_set(f->ts, 0, 2, &weight, 4), 0);
	assert_int_equal(bpfring_task_storage_replace_object(f->ts, longer->obj, "store"), 1);
	assert_ptr_equal(bind_cell(f), cell); /* by the number that it had */
	cell->a = 3;
	cell->b = 4;
	fixture_look();
	assert_int_equal(cell->sum, 3004);
	assert_int_equal(bpfring_task_storage_bind(f->ts, f->small, &mem), 0);
	assert_true(((struct task_small_test *)mem)->hits >= 100);

	/* Ordinary members came along, by name. */
	assert_int_equal(bpfring_task_storage_get(f->ts, 0, 0, &word, 8), 0);
	assert_true(word == before);
	assert_int_equal(bpfring_task_storage_get(f->ts, 0, 2, &w, 4), 0);
	assert_int_equal(w, weight);
	assert_int_equal(bpfring_task_storage_member(f->ts, 2, &m), 0);
	assert_string_equal(m.name, "weight");
	assert_int_equal(m.offset, 12);
	more = bpfring_task_storage_find(f->ts, "more", 4);
	assert_true(more >= 5);
	assert_int_equal(bpfring_task_storage_set(f->ts, 0, more, &weight, 4), 0);
	assert_int_equal(bpfring_task_storage_get(f->ts, 0, more, &w, 4), 0);
	assert_int_equal(w, weight);

	/* And back: one that the old map does not have is no longer there. */
	assert_int_equal(bpfring_task_storage_replace_object(f->ts, f->skel->obj, "store"), 1);
	longer_bpf__destroy(longer);
	catch_logs();
	log_forget();
	assert_int_equal(bpfring_task_storage_set(f->ts, 0, more, &weight, 4), -EINVAL);
	assert_non_null(strstr(log_text(), "was in the map before"));
	assert_int_equal(bpfring_task_storage_find(f->ts, "more", 4), -ENOENT);
	still_shared(f, cell, 7);
	assert_int_equal(bpfring_task_storage_get(f->ts, 0, 0, &word, 8), 0);
	assert_true(word == before);
}

/* By descriptors the arrays come in the order of the new map's members, which is another. */
static void by_descriptors(void **state)
{
	struct fixture *f = *state;
	struct longer_bpf *longer = load_longer(f);
	const int slots[] = {bpf_map__fd(longer->maps.store_small),
			     bpf_map__fd(longer->maps.store_cell)};
	struct task_cell_test *cell = bind_cell(f);
	BPFRING_OPTS(bpfring_task_storage_opts, opts);
	void *small;

	assert_int_equal(bpfring_task_storage_bind(f->ts, f->small, &small), 0);
	if (f->path == BPFRING_TASK_PATH_FALLBACK) {
		opts.owner_fd = bpf_map__fd(longer->maps.store_owner);
		opts.bind_fd = bpf_program__fd(longer->progs.store_bind);
		opts.grace_fd = bpf_map__fd(longer->maps.store_grace);
		opts.slot_fds = slots;
	}
	assert_int_equal(
		bpfring_task_storage_replace(f->ts, bpf_map__fd(longer->maps.store), &opts), 1);
	assert_ptr_equal(bind_cell(f), cell);
	cell->a = 3;
	cell->b = 4;
	fixture_look();
	assert_int_equal(cell->sum, 3004);
	assert_true(((struct task_small_test *)small)->hits >= 100);
	assert_int_equal(bpfring_task_storage_replace_object(f->ts, f->skel->obj, "store"), 1);
	still_shared(f, cell, 7);
	longer_bpf__destroy(longer);
}

static void *share_weight(void *arg)
{
	const unsigned int weight = 99;
	struct sharer *s = arg;

	bind_cell(s->f);
	assert_int_equal(bpfring_task_storage_set(s->f->ts, 0, 2, &weight, 4), 0);
	s->tid = gettid();
	pthread_barrier_wait(&s->barrier);
	pthread_barrier_wait(&s->barrier);
	s->error = bpfring_task_storage_get(s->f->ts, 0, 2, &s->seen, 4);
	return NULL;
}

/*
 * Threads whose element somebody has deleted get one in the new map, and not with what others had.
 */
static void elements_that_are_gone(void **state)
{
	enum { THREADS = 6 };
	struct fixture *f = *state;
	struct sharer sharers[THREADS];
	pthread_t threads[THREADS];
	struct longer_bpf *longer;

	if (!threads_have_pidfds())
		skip_because("threads have no pidfds");
	longer = load_longer(f);
	for (int i = 0; i < THREADS; i++) {
		sharers[i] = (struct sharer){.f = f};
		pthread_barrier_init(&sharers[i].barrier, NULL, 2);
		assert_int_equal(pthread_create(&threads[i], NULL, share_weight, &sharers[i]), 0);
		pthread_barrier_wait(&sharers[i].barrier);
		if (i % 2) {
			int pidfd = (int)syscall(SYS_pidfd_open, sharers[i].tid, O_EXCL);

			assert_true(pidfd >= 0);
			assert_int_equal(
				bpf_map_delete_elem(bpf_map__fd(f->skel->maps.store), &pidfd), 0);
			close(pidfd);
		}
	}
	assert_int_equal(bpfring_task_storage_replace_object(f->ts, longer->obj, "store"), THREADS);
	for (int i = 0; i < THREADS; i++) {
		pthread_barrier_wait(&sharers[i].barrier);
		pthread_join(threads[i], NULL);
		pthread_barrier_destroy(&sharers[i].barrier);
		assert_int_equal(sharers[i].error, 0);
		assert_int_equal(sharers[i].seen, i % 2 ? 0 : 99);
	}
	assert_int_equal(bpfring_task_storage_replace_object(f->ts, f->skel->obj, "store"), 0);
	longer_bpf__destroy(longer);
}

/* One more named value, and the others elsewhere. */
static void a_newer_value_with_names(void **state)
{
	struct fixture *f = *state;
	struct longer_bpf *longer = load_longer(f);
	struct bpfring_task_storage *ts;
	struct bpfring_names *names;
	uint64_t *word;
	uint32_t *half;
	int one, two;

	assert_int_equal(bpfring_task_storage_open_object(&ts, f->skel->obj, "named", NULL), 0);
	assert_int_equal(bpfring_names_open(&names, ts), 0);
	one = bpfring_names_declare(names, "lib.one", 8);
	two = bpfring_names_declare(names, "lib.two", 4);
	assert_int_equal(bpfring_names_bind(names, one, (void **)&word), 0);
	assert_int_equal(bpfring_names_bind(names, two, (void **)&half), 0);
	*word = 5;
	fixture_look(); /* BPF has found both, and remembers where */
	assert_int_equal(f->skel->bss->named_one, 5);
	assert_int_equal(bpfring_task_storage_replace_object(ts, longer->obj, "named"), 1);
	*half = 9;
	fixture_look();
	assert_int_equal(longer->bss->named_one, 5);
	assert_int_equal(longer->bss->named_two, 9);
	bpfring_names_close(names);
	bpfring_task_storage_close(ts);
	longer_bpf__destroy(longer);
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		TEST(by_itself),
		TEST(by_itself_through_a_pin),
		TEST(pinned_again_and_again),
		TEST(a_map_that_was_reused),
		TEST(a_map_that_was_reused_is_opened_again),
		TEST(a_map_that_was_reused_under_a_pin),
		TEST(onto_a_map_of_another_handle),
		TEST(a_newer_value),
		TEST(by_descriptors),
		TEST(elements_that_are_gone),
		TEST(a_newer_value_with_names),
	};

	no_bpffs = own_bpffs();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
	return fixture_main(argc, argv, run);
}
