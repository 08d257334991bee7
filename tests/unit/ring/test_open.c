// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Opening a consumer: what is refused, with which error and which log line; options; claims. */
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/map.h"
#include "rig.h"

#define BPF_F_RB_OVERWRITE_ (1U << 19)

static void null_arguments(void **state)
{
	struct bpfring_consumer *c = NULL;
	struct rig rig;

	(void)state;
	rig_ring(&rig, PAGE, NULL);
	assert_int_equal(bpfring_consumer_open(NULL, rig.r->event_fd, NULL), -EINVAL);
	assert_int_equal(bpfring_consumer_open_pinned(NULL, "/sys/fs/bpf/x", NULL), -EINVAL);
	assert_int_equal(bpfring_consumer_open_pinned(&c, NULL, NULL), -EINVAL);
	assert_null(c);
	bpfring_consumer_close(NULL);
	log_forget();
	rig_close(&rig);
}

static void what_a_consumer_says_of_itself(void **state)
{
	struct rig rig;

	(void)state;
	rig_open(&rig, 4 * PAGE, NULL, 0);
	assert_int_equal(stats_of_consumer(rig.c).map_id, 42);
	assert_string_equal(stats_of_consumer(rig.c).map_name, "events");
	assert_int_equal(stats_of_consumer(rig.c).ring_size, 4 * PAGE);
	assert_int_not_equal(bpfring_consumer_map_fd(rig.c), rig.r->event_fd);
	assert_true(bpfring_consumer_map_fd(rig.c) > 2);
	put(rig.r, 8);
	assert_int_equal(bpfring_consumer_avail_data(rig.c), 16);
	assert_int_equal(stats_of_consumer(rig.c).cons_pos, 0);
	assert_int_equal(stats_of_consumer(rig.c).prod_pos, 16);
	rig_close(&rig);
}

static void positions_are_wide(void **state)
{
	(void)state;
	for_each_start(s)
	{
		struct rig rig;

		rig_open(&rig, PAGE, s, 0);
		put(rig.r, 8);
		assert_int_equal(stats_of_consumer(rig.c).cons_pos, s->pos);
		assert_int_equal(stats_of_consumer(rig.c).prod_pos, s->pos + 16);
		assert_int_equal(bpfring_consumer_avail_data(rig.c), 16);
		rig_close(&rig);
	}
}

/* A map that is refused: how it is made, and what is said. */
static const struct refusal {
	uint32_t type, flags, size;
	int frozen, mmap_error, info_error, fdinfo_error;
	int64_t prod;
	int err;
	const char *words[3];
} refusals[] = {
	{.type = BPF_MAP_TYPE_HASH, .err = -EINVAL, .words = {"hash", "events", "42"}},
	{.type = BPF_MAP_TYPE_PERF_EVENT_ARRAY, .err = -EINVAL, .words = {"perf_event_array"}},
	{.type = BPF_MAP_TYPE_USER_RINGBUF, .err = -EINVAL, .words = {"user_ringbuf"}},
	{.type = 999, .err = -EINVAL, .words = {"type 999"}},
	{.flags = BPF_F_RB_OVERWRITE_, .err = -EOPNOTSUPP, .words = {"OVERWRITE", "events", "42"}},
	{.mmap_error = -EACCES, .err = -EACCES, .words = {"read-only", "events", "EACCES"}},
	{.mmap_error = -EPERM, .frozen = 1, .err = -EPERM, .words = {"frozen", "events", "EPERM"}},
	{.mmap_error = -EPERM, .err = -EPERM, .words = {"frozen?", "events", "EPERM"}},
	{.mmap_error = -ENOMEM, .err = -ENOMEM, .words = {"cannot map", "ENOMEM"}},
	{.info_error = -EPERM,
	 .fdinfo_error = -EACCES,
	 .err = -EPERM,
	 .words = {"-EPERM", "-EACCES", "fdinfo"}},
	{.prod = 2 * PAGE, .err = -EBADMSG, .words = {"corrupt", "events", "8192"}},
	{.prod = 4, .err = -EBADMSG, .words = {"corrupt", "events"}},
	{.prod = -8, .err = -EBADMSG, .words = {"corrupt", "events"}},
};

static void refused_maps(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		const struct refusal *f = &refusals[i];
		struct bpfring_consumer *c = (void *)&refusals;
		struct rig rig;
		unsigned int fds;

		rig_ring(&rig, PAGE, NULL);
		rig.map->info.type = f->type ? f->type : BPF_MAP_TYPE_RINGBUF;
		rig.map->info.map_flags = f->flags;
		rig.map->frozen = f->frozen;
		rig.map->mmap_error = f->mmap_error;
		rig.map->info_error = f->info_error;
		rig.map->fdinfo_error = f->fdinfo_error;
		sim_ring_set_prod(rig.r, (uint64_t)f->prod);
		fds = count_fds();
		if (bpfring_consumer_open(&c, rig.r->event_fd, NULL) != f->err)
			fail_msg("refusal %zu: not %d", i, f->err);
		assert_ptr_equal(c, &refusals); /* written only on success */
		assert_logged(f->words[0], f->words[1] ? f->words[1] : "",
			      f->words[2] ? f->words[2] : "");
		assert_int_equal(count_fds(), fds);
		assert_int_equal(sim_ring_cons(rig.r), 0);
		rig_close(&rig);
	}
}

static void no_map_at_all(void **state)
{
	struct bpfring_consumer *c = NULL;
	int pipe_fds[2];

	(void)state;
	assert_int_equal(pipe(pipe_fds), 0);
	assert_int_equal(bpfring_consumer_open(&c, pipe_fds[0], NULL), -EINVAL);
	assert_logged("not a BPF map", "fd ");
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	assert_int_equal(bpfring_consumer_open(&c, pipe_fds[0], NULL), -EBADF);
	assert_logged("EBADF", "fd ");
	assert_int_equal(bpfring_consumer_open(&c, -1, NULL), -EBADF);
	assert_logged("EBADF");
	assert_null(c);
}

/* The map is described by whichever of the two answers. */
static void information_from_either_side(void **state)
{
	struct rig rig;

	(void)state;
	rig_ring(&rig, PAGE, NULL);
	rig.map->info_error = -EPERM;
	assert_int_equal(bpfring_consumer_open(&rig.c, rig.r->event_fd, NULL), 0);
	assert_int_equal(stats_of_consumer(rig.c).map_id, 42);
	assert_string_equal(stats_of_consumer(rig.c).map_name, "");
	assert_int_equal(stats_of_consumer(rig.c).ring_size, PAGE);
	rig_close(&rig);

	rig_ring(&rig, PAGE, NULL);
	rig.map->fdinfo_error = -ENOENT; /* no /proc */
	assert_int_equal(bpfring_consumer_open(&rig.c, rig.r->event_fd, NULL), 0);
	assert_int_equal(stats_of_consumer(rig.c).map_id, 42);
	assert_string_equal(stats_of_consumer(rig.c).map_name, "events");
	rig_close(&rig);

	/* bpf() refused, and an overwrite map all the same recognised */
	rig_ring(&rig, PAGE, NULL);
	rig.map->info_error = -EPERM;
	rig.map->info.map_flags = BPF_F_RB_OVERWRITE_;
	assert_int_equal(bpfring_consumer_open(&rig.c, rig.r->event_fd, NULL), -EOPNOTSUPP);
	assert_logged("OVERWRITE", "42");
	rig_close(&rig);
}

static void fdinfo_texts(void **state)
{
	static const struct {
		const char *text;
		bool map;
		uint32_t type, max_entries, flags, id;
		bool frozen;
	} cases[] = {
		{"map_type:\t27\nmax_entries:\t4096\nmap_flags:\t0x0\nmap_id:\t7\nfrozen:\t1\n",
		 true, 27, 4096, 0, 7, true},
		{"pos:\t0\nmap_type:\t1\nkey_size:\t4\nmax_entries:\t1\nmap_flags:\t0x80000\n",
		 true, 1, 1, 0x80000, 0, false},
		{"map_flags:\t0x1\nmax_entries:\t4294967295\nmap_type:\t27", true, 27, UINT32_MAX,
		 1, 0, false},
		{"", false, 0, 0, 0, 0, false},
		{"\n\n\n", false, 0, 0, 0, 0, false},
		{"map_type:\t27\nmax_entries:\t4096\n", false, 0, 0, 0, 0, false},
		{"map_type:\t27\nmap_flags:\t0x0\n", false, 0, 0, 0, 0, false},
		{"max_entries:\t4096\nmap_flags:\t0x0\n", false, 0, 0, 0, 0, false},
		{"map_type:\tringbuf\nmax_entries:\t4096\nmap_flags:\t0x0\n", false, 0, 0, 0, 0,
		 false},
		{"map_type:\t27\nmax_entries:\t4294967296\nmap_flags:\t0\n", false, 0, 0, 0, 0,
		 false},
		{"map_type:\t99999999999999999999999\nmax_entries:\t1\nmap_flags:\t0\n", false, 0,
		 0, 0, 0, false},
		{"xmap_type:\t27\nmax_entries:\t1\nmap_flags:\t0\n", false, 0, 0, 0, 0, false},
		{"map_type\t27\nmax_entries:\t1\nmap_flags:\t0\n", false, 0, 0, 0, 0, false},
		{"prog_type:\t5\nprog_jited:\t1\n", false, 0, 0, 0, 0, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct map map = {.fd = -1};

		if (bpfring_map_parse_fdinfo(&map, cases[i].text) != cases[i].map)
			fail_msg("text %zu", i);
		if (!cases[i].map)
			continue;
		assert_int_equal(map.type, cases[i].type);
		assert_int_equal(map.max_entries, cases[i].max_entries);
		assert_int_equal(map.flags, cases[i].flags);
		assert_int_equal(map.id, cases[i].id);
		assert_int_equal(map.frozen, cases[i].frozen);
	}
}

static void by_pin(void **state)
{
	struct bpfring_consumer *c = NULL;
	struct rig rig;

	(void)state;
	rig_ring(&rig, PAGE, NULL);
	sim_sys_set_lookup(rig.r->event_fd);
	assert_int_equal(bpfring_consumer_open_pinned(&rig.c, "/sys/fs/bpf/x", NULL), 0);
	sim_sys_set_lookup(-ENOENT);
	assert_int_equal(bpfring_consumer_open_pinned(&c, "/sys/fs/bpf/x", NULL), -ENOENT);
	assert_logged("/sys/fs/bpf/x", "ENOENT");
	sim_sys_set_lookup(-EPERM);
	assert_int_equal(bpfring_consumer_open_pinned(&c, "/sys/fs/bpf/x", NULL), -EPERM);
	assert_logged("/sys/fs/bpf/x", "EPERM");
	assert_null(c);
	rig_close(&rig);
}

/* The options of programs that are older and newer than this library. */
static void versions_of_options(void **state)
{
	struct {
		struct bpfring_consumer_opts known;
		uint64_t later[4];
	} newer = {.known = {.sz = sizeof(newer)}};
	struct bpfring_consumer_opts opts = {.sz = sizeof(opts)};
	struct rig rig;

	(void)state;
	rig_ring(&rig, PAGE, NULL);
	/* older: only the size, and flags beyond it that are none */
	opts = (struct bpfring_consumer_opts){.sz = sizeof(size_t), .flags = ~0U};
	assert_int_equal(bpfring_consumer_open(&rig.c, rig.r->event_fd, &opts), 0);
	bpfring_consumer_close(rig.c);
	assert_int_equal(bpfring_consumer_open(&rig.c, rig.r->event_fd, &newer.known), 0);
	bpfring_consumer_close(rig.c);
	rig.c = NULL;
	for (size_t i = sizeof(newer.known); i < sizeof(newer); i++) {
		((uint8_t *)&newer)[i] = 1;
		assert_int_equal(bpfring_consumer_open(&rig.c, rig.r->event_fd, &newer.known),
				 -E2BIG);
		assert_logged("bpfring_consumer_opts");
		((uint8_t *)&newer)[i] = 0;
	}
	for (size_t sz = 0; sz < sizeof(size_t); sz++) {
		opts = (struct bpfring_consumer_opts){.sz = sz};
		assert_int_equal(bpfring_consumer_open(&rig.c, rig.r->event_fd, &opts), -EINVAL);
		assert_logged("bpfring_consumer_opts");
	}
	for (unsigned int bit = 2; bit < 32; bit++) {
		opts = (struct bpfring_consumer_opts){.sz = sizeof(opts), .flags = 1U << bit};
		assert_int_equal(bpfring_consumer_open(&rig.c, rig.r->event_fd, &opts), -EINVAL);
		assert_logged("bpfring_consumer_opts");
	}
	opts = (struct bpfring_consumer_opts){.sz = sizeof(opts), .reserved = 1};
	assert_int_equal(bpfring_consumer_open(&rig.c, rig.r->event_fd, &opts), -EINVAL);
	log_forget();
	assert_null(rig.c);
	rig_close(&rig);
}

static void an_exclusive_claim(void **state)
{
	BPFRING_OPTS(bpfring_consumer_opts, opts, .flags = BPFRING_CONSUMER_EXCLUSIVE);
	struct bpfring_consumer *second = NULL;
	struct rig rig, other;

	(void)state;
	rig_open(&rig, PAGE, NULL, BPFRING_CONSUMER_EXCLUSIVE);
	assert_int_equal(bpfring_consumer_open(&second, rig.r->event_fd, &opts), -EBUSY);
	assert_logged("events", "42", "EBUSY");
	/* who does not ask is not kept out; another map is another claim */
	assert_int_equal(bpfring_consumer_open(&second, rig.r->event_fd, NULL), 0);
	bpfring_consumer_close(second);
	rig_ring(&other, PAGE, NULL);
	other.map->info.id = 43;
	assert_int_equal(bpfring_consumer_open(&other.c, other.r->event_fd, &opts), 0);
	rig_close(&other);
	bpfring_consumer_close(rig.c);
	rig.c = NULL;
	assert_int_equal(bpfring_consumer_open(&second, rig.r->event_fd, &opts), 0);
	bpfring_consumer_close(second);
	/* the claim is in the ring, whatever the map is called */
	rig.map->info.id = 0;
	assert_int_equal(bpfring_consumer_open(&rig.c, rig.r->event_fd, &opts), 0);
	assert_int_equal(bpfring_consumer_open(&second, rig.r->event_fd, &opts), -EBUSY);
	assert_logged("events", "EBUSY");
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(null_arguments),      rig_test(what_a_consumer_says_of_itself),
		rig_test(positions_are_wide),  rig_test(refused_maps),
		rig_test(no_map_at_all),       rig_test(information_from_either_side),
		rig_test(fdinfo_texts),	       rig_test(by_pin),
		rig_test(versions_of_options), rig_test(an_exclusive_claim),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
