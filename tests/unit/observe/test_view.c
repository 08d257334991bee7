// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* A ring mapped for looking. */
#include <bpfring/view.h>
#include <errno.h>

#include "rig.h"
#include "sim_user.h"

static struct bpfring_view_info info_of(const struct bpfring_view *v)
{
	BPFRING_OPTS(bpfring_view_info, info);

	assert_int_equal(bpfring_view_info(v, &info), 0);
	return info;
}

static void test_shows_the_ring(void **state)
{
	(void)state;
	for_each_start(start)
	{
		struct bpfring_view *v;
		struct bpfring_view_info info;
		struct rig rig;

		rig_ring(&rig, PAGE, start);
		assert_int_equal(bpfring_view_open(&v, rig.r->event_fd), 0);
		put_number(rig.r, 7);
		info = info_of(v);
		assert_int_equal(info.ring_size, PAGE);
		assert_int_equal(info.word_size, start->word_size);
		assert_int_equal(info.map_type, BPF_MAP_TYPE_RINGBUF);
		assert_int_equal(info.map_id, 42);
		assert_string_equal(info.map_name, "events");
		assert_null(info.overwrite_word);
		assert_memory_equal(info.prod_word, rig.r->prod_word, start->word_size);
		assert_memory_equal(info.cons_word, rig.r->cons_word, start->word_size);
		assert_memory_equal(info.data, rig.r->data, 2 * (size_t)PAGE);
		bpfring_view_close(v);
		rig_close(&rig);
	}
}

static void test_overwrite_word(void **state)
{
	struct bpfring_view *v;
	struct bpfring_view_info info;
	struct rig rig;

	(void)state;
	rig_ring(&rig, PAGE, NULL);
	rig.map->info.map_flags = 1U << 19;
	assert_int_equal(bpfring_view_open(&v, rig.r->event_fd), 0);
	info = info_of(v);
	assert_ptr_equal(info.overwrite_word, (const char *)info.prod_word + 16);
	bpfring_view_close(v);
	rig_close(&rig);
}

static void test_by_pin_and_id(void **state)
{
	struct bpfring_view *v;
	struct rig rig;

	(void)state;
	rig_ring(&rig, PAGE, NULL);
	sim_sys_set_lookup(rig.r->event_fd);
	assert_int_equal(bpfring_view_open_pinned(&v, "/sys/fs/bpf/events"), 0);
	bpfring_view_close(v);
	assert_int_equal(bpfring_view_open_id(&v, 42), 0);
	bpfring_view_close(v);
	sim_sys_set_lookup(-ENOENT);
	assert_int_equal(bpfring_view_open_id(&v, 43), -ENOENT);
	assert_logged("map id 43", "-ENOENT", "no map has this id");
	assert_int_equal(bpfring_view_open_pinned(&v, "/none"), -ENOENT);
	assert_logged("/none", "-ENOENT");
	rig_close(&rig);
}

static void test_user_ring(void **state)
{
	struct bpfring_view *v;
	struct rig rig = {0};

	(void)state;
	assert_int_equal(sim_user_ring_new(&rig.r, PAGE, 8, 0), 0);
	rig.map = sim_sys_map(rig.r, "commands", 1);
	assert_int_equal(bpfring_view_open(&v, rig.r->event_fd), 0);
	assert_int_equal(info_of(v).map_type, BPF_MAP_TYPE_USER_RINGBUF);
	bpfring_view_close(v);
	rig_close(&rig);
}

static void test_refusals(void **state)
{
	struct bpfring_view_info info = {0};
	struct bpfring_view *v = NULL;
	struct rig rig;

	(void)state;
	rig_ring(&rig, PAGE, NULL);
	assert_int_equal(bpfring_view_open(NULL, rig.r->event_fd), -EINVAL);
	assert_int_equal(bpfring_view_open_id(NULL, 1), -EINVAL);
	assert_int_equal(bpfring_view_open_pinned(NULL, "/x"), -EINVAL);
	assert_int_equal(bpfring_view_open_pinned(&v, NULL), -EINVAL);
	assert_int_equal(bpfring_view_open(&v, -1), -EBADF);
	assert_logged("fd -1");
	rig.map->info.type = BPF_MAP_TYPE_HASH;
	assert_int_equal(bpfring_view_open(&v, rig.r->event_fd), -EINVAL);
	assert_logged("'events'", "type hash", "needs a ring buffer");
	rig.map->info.type = BPF_MAP_TYPE_RINGBUF;
	rig.map->mmap_error = -EINVAL; /* what the kernel says of a read-only descriptor */
	assert_int_equal(bpfring_view_open(&v, rig.r->event_fd), -EACCES);
	assert_logged("'events'", "read-only or write-only");
	rig.map->mmap_error = 0;
	assert_int_equal(bpfring_view_info(NULL, &info), -EINVAL);
	assert_int_equal(bpfring_view_open(&v, rig.r->event_fd), 0);
	assert_int_equal(bpfring_view_info(v, NULL), -EINVAL);
	assert_int_equal(bpfring_view_info(v, &info), -EINVAL);
	bpfring_view_close(v);
	bpfring_view_close(NULL);
	rig_close(&rig);
}

static void test_faults(void **state)
{
	struct rig rig;

	(void)state;
	rig_ring(&rig, PAGE, NULL);
	for (long n = 0;; n++) {
		struct bpfring_view *v = NULL;
		int err, fault = 0;

		sim_sys_fail(n, NULL);
		err = bpfring_view_open(&v, rig.r->event_fd);
		if (!sim_sys_failed(&fault)) {
			assert_int_equal(err, 0);
			bpfring_view_close(v);
			break;
		}
		if (err) /* bpf() and /proc stand in for each other */
			assert_null(v);
		else
			bpfring_view_close(v);
		log_forget();
	}
	sim_sys_fail(-1, NULL);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(test_shows_the_ring), rig_test(test_overwrite_word),
		rig_test(test_by_pin_and_id),  rig_test(test_user_ring),
		rig_test(test_refusals),       rig_test(test_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
