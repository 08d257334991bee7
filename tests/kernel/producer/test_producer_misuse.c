// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* What a producer is not to be opened on or asked for, and systems that have run out of things. */
#include "user_rig.h"

#include <bpf/libbpf.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

/* Opening fails so, and says why in one line. */
static void refused(int fd, const struct bpfring_producer_opts *opts, int err, const char *why)
{
	struct bpfring_producer *p = NULL;
	unsigned int fds = count_fds();

	log_forget();
	assert_int_equal(bpfring_producer_open(&p, fd, opts), err);
	assert_null(p);
	assert_int_equal(count_fds(), fds);
	assert_int_equal(log_lines(), 1);
	if (!strstr(log_text(), why))
		fail_msg("no '%s' in: %s", why, log_text());
}

/* Of a number that none gets which the library opens. */
static int closed_fd(void)
{
	int fd = fcntl(0, F_DUPFD_CLOEXEC, 500);

	close(fd);
	return fd;
}

static void descriptors_of_other_things(void **state)
{
	struct user_rig rig;
	int pipes[2], fd;

	(void)state;
	rig_load(&rig, 4096);
	assert_int_equal(pipe(pipes), 0);
	refused(-1, NULL, -EBADF, "fd -1");
	refused(closed_fd(), NULL, -EBADF, "cannot duplicate");
	refused(pipes[0], NULL, -EINVAL, "not a BPF map");
	refused(bpf_program__fd(rig.skel->progs.drain), NULL, -EINVAL, "not a BPF map");
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	refused(fd, NULL, -EINVAL, "not a BPF map");
	close(fd);
	fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "events", 0, 0, 4096, NULL);
	refused(fd, NULL, -EINVAL, "'events'");
	refused(fd, NULL, -EINVAL, "has type ringbuf, but a producer needs a user_ringbuf");
	close(fd);
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "numbers", 4, 4, 1, NULL);
	refused(fd, NULL, -EINVAL, "user_ringbuf");
	close(fd);
	close(pipes[0]);
	close(pipes[1]);
	rig_close(&rig);
}

static void maps_without_access(void **state)
{
	static const uint32_t flags[] = {BPF_F_RDONLY, BPF_F_WRONLY};
	struct bpf_map_info info = {0};
	uint32_t len = sizeof(info);
	struct user_rig rig;
	void *data;
	int copy;

	(void)state;
	rig_open(&rig, 4096, NULL);
	assert_int_equal(bpf_obj_get_info_by_fd(rig.fd, &info, &len), 0);
	assert_int_equal(bpf_map_freeze(rig.fd), -EBUSY); /* a producer is open */
	bpfring_producer_close(rig.p);
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		LIBBPF_OPTS(bpf_get_fd_by_id_opts, opts, .open_flags = flags[i]);
		int fd = bpf_map_get_fd_by_id_opts(info.id, &opts);

		assert_true(fd >= 0);
		refused(fd, NULL, -EACCES, "read-only or write-only");
		close(fd);
	}
	/* the caller's own descriptor is not needed any more */
	copy = dup(rig.fd);
	assert_true(copy >= 0);
	assert_int_equal(bpfring_producer_open(&rig.p, copy, NULL), 0);
	close(copy);
	assert_int_equal(bpfring_producer_reserve(rig.p, 8, &data), 0);
	assert_int_equal(bpfring_producer_discard(rig.p, data), 0);
	bpfring_producer_close(rig.p);
	rig.p = NULL;
	assert_int_equal(bpf_map_freeze(rig.fd), 0);
	refused(rig.fd, NULL, -EPERM, "frozen");
	rig_close(&rig);
}

static void descriptors_in_the_options(void **state)
{
	BPFRING_OPTS(bpfring_producer_opts, kick);
	BPFRING_OPTS(bpfring_producer_opts, claim);
	struct user_rig rig;

	(void)state;
	rig_load(&rig, 4096);
	kick.kick_prog_fd = closed_fd();
	refused(rig.fd, &kick, -EBADF, "cannot be kicked");
	kick.kick_prog_fd = rig.fd;
	refused(rig.fd, &kick, -EINVAL, "must be a SEC(\"syscall\") program");
	claim.claim_fd = closed_fd();
	refused(rig.fd, &claim, -EBADF, "cannot claim it");
	claim.claim_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	refused(rig.fd, &claim, -EINVAL, "cannot claim it");
	close(claim.claim_fd);
	assert_int_equal(bpfring_producer_open(&rig.p, rig.fd, NULL), 0);
	claim.claim_fd = eventfd(0, EFD_CLOEXEC); /* could have been a claim */
	refused(rig.fd, &claim, -EBUSY, "another holds the claim of the producer");
	close(claim.claim_fd);
	rig_close(&rig);
}

/* The compiler would warn of what is no sample; it is to be refused at run time. */
static int submit(struct bpfring_producer *p, void *data)
{
	__asm__("" : "+r"(data));
	return bpfring_producer_submit(p, data);
}

static void *submit_it(void *arg)
{
	void **args = arg;

	args[1] = (void *)(intptr_t)bpfring_producer_submit(args[0], args[1]);
	return NULL;
}

/* Also with many threads, where another lookup finds the sample. */
static void samples_of_others(void **state)
{
	BPFRING_OPTS(bpfring_producer_opts, opts);
	void *a, *b, *theirs, *args[2], *mine = &opts;
	struct user_rig rig, other;
	pthread_t thread;

	(void)state;
	rig_open(&other, 4096, NULL);
	assert_int_equal(bpfring_producer_reserve(other.p, 8, &theirs), 0);
	for (int threads = 0; threads < 2; threads++) {
		opts.flags = threads ? BPFRING_PRODUCER_THREADS : 0;
		rig_open(&rig, 4096, &opts);
		for (int reserved = 0; reserved < 3; reserved++) {
			if (reserved == 1)
				assert_int_equal(bpfring_producer_reserve(rig.p, 16, &a), 0);
			if (reserved == 2)
				assert_int_equal(bpfring_producer_reserve(rig.p, 16, &b), 0);
			for (uintptr_t n = 0; n < 256; n++) {
				assert_int_equal(submit(rig.p, (void *)n), -EINVAL);
				assert_int_equal(submit(rig.p, (void *)-n), -EINVAL);
			}
			assert_int_equal(submit(rig.p, theirs), -EINVAL);
			assert_int_equal(submit(rig.p, mine), -EINVAL);
			assert_int_equal(submit(rig.p, rig.p), -EINVAL);
		}
		for (int off = -16; off < 48; off++) {
			void *at = (char *)a + off;

			if (at != a && at != b)
				assert_int_equal(submit(rig.p, at), -EINVAL);
		}
		/*
		 * by another thread; one after the other, so without BPFRING_PRODUCER_THREADS too
		 */
		args[0] = rig.p;
		args[1] = b;
		pthread_create(&thread, NULL, submit_it, args);
		pthread_join(thread, NULL);
		assert_int_equal((intptr_t)args[1], 0);
		assert_int_equal(submit(rig.p, b), -EINVAL);
		assert_int_equal(submit(rig.p, a), 0);
		assert_int_equal(submit(rig.p, a), -EINVAL);
		assert_int_equal(run(rig.skel->progs.drain_any), 2);
		bpfring_producer_close(rig.p);
		assert_int_equal(submit(rig.p, a), -EBADF);
		assert_int_equal(bpfring_producer_map_fd(rig.p), -EBADF);
		bpfring_producer_close(rig.p); /* once more */
		user_bpf__destroy(rig.skel);
	}
	assert_int_equal(submit(other.p, theirs), 0);
	rig_close(&other);
}

/*
 * libbpf's producer puts a sample of the size that is reserved here. The positions are then the
 * same for the next one, and still no sample of ours may go in between.
 */
static void a_producer_of_libbpf_in_step(void **state)
{
	struct user_ring_buffer *rb;
	struct user_rig rig;
	void *data, *theirs;

	(void)state;
	for (int threads = 0; threads < 2; threads++) {
		BPFRING_OPTS(bpfring_producer_opts, opts);

		opts.flags = threads ? BPFRING_PRODUCER_THREADS : 0;
		rig_open(&rig, 4096, &opts);
		rb = user_ring_buffer__new(rig.fd, NULL);
		assert_non_null(rb);
		assert_int_equal(bpfring_producer_reserve(rig.p, 16, &data), 0);
		theirs = user_ring_buffer__reserve(rb, 16);
		assert_non_null(theirs);
		*(struct user_sample *)theirs = (struct user_sample){.number = 0};
		user_ring_buffer__submit(rb, theirs);
		assert_int_equal(bpfring_producer_submit(rig.p, data), -EBUSY);
		for (int i = 0; i < 3; i++)
			assert_int_equal(put(rig.p, 0, 7, 16), -EBUSY);
		theirs = user_ring_buffer__reserve(rb, 16);
		assert_non_null(theirs);
		*(struct user_sample *)theirs = (struct user_sample){.number = 1};
		user_ring_buffer__submit(rb, theirs);
		assert_int_equal(run(rig.skel->progs.drain), 2);
		assert_int_equal(rig.skel->bss->out_of_order, 0);
		user_ring_buffer__free(rb);
		/* the other has gone */
		assert_int_equal(bpfring_producer_recover(rig.p, NULL), 0);
		assert_int_equal(put(rig.p, 0, 2, 16), 0);
		assert_int_equal(run(rig.skel->progs.drain), 1);
		assert_int_equal(rig.skel->bss->out_of_order, 0);
		rig_close(&rig);
	}
}

static struct rlimit lower(__rlimit_resource_t resource, rlim_t value)
{
	struct rlimit before, now;

	assert_int_equal(getrlimit(resource, &before), 0);
	now = before;
	now.rlim_cur = value;
	assert_int_equal(setrlimit(resource, &now), 0);
	return before;
}

/* As many descriptors as there are, then one more, until everything works. */
static void no_descriptors(void **state)
{
	BPFRING_OPTS(bpfring_producer_opts, opts);
	struct user_rig rig;
	int steps = 0, next;
	unsigned int fds;
	void *data;

	(void)state;
	rig_load(&rig, 4096);
	opts.kick_prog_fd = bpf_program__fd(rig.skel->progs.drain_silently);
	assert_int_equal(bpfring_producer_open(&rig.p, rig.fd, &opts), 0);
	bpfring_producer_close(rig.p); /* its struct stays, memory is another test */
	fds = count_fds();
	next = dup(0);
	close(next);
	for (bool done = false; !done; steps++) {
		struct rlimit before = lower(RLIMIT_NOFILE, (rlim_t)next + (rlim_t)steps);
		struct bpfring_producer *p = NULL;
		int err, watch;

		log_forget();
		err = bpfring_producer_open(&p, rig.fd, &opts);
		if (err) {
			assert_int_equal(err, -EMFILE);
			assert_null(p);
			assert_int_equal(log_lines(), 1);
		} else {
			assert_int_equal(bpfring_producer_reserve(p, 3000, &data), 0);
			err = bpfring_producer_reserve_wait(p, 3000, MSEC, &data);
			assert_true(err == -EMFILE || err == -ETIMEDOUT);
			watch = bpfring_producer_fd(p);
			assert_true(watch == -EMFILE || watch >= 0);
			done = err == -ETIMEDOUT && watch >= 0;
			setrlimit(RLIMIT_NOFILE, &before); /* and then it works, at once */
			assert_int_equal(bpfring_producer_reserve_wait(p, 3000, MSEC, &data),
					 -ETIMEDOUT);
			assert_true(bpfring_producer_fd(p) >= 0);
			bpfring_producer_close(p);
		}
		setrlimit(RLIMIT_NOFILE, &before);
		assert_int_equal(count_fds(), fds);
	}
	assert_true(steps > 4);
	rig.p = NULL;
	rig_close(&rig);
}

static rlim_t address_space(void)
{
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lu", &pages), 1);
	fclose(f);
	return (rlim_t)pages * (rlim_t)getpagesize();
}

static void no_memory(void **state)
{
	const size_t size = 8 << 20;
	struct user_rig rig;
	unsigned int fds;
	int steps = 0;

	(void)state;
	if (SANITIZED)
		skip_because("the sanitizer ends the process when there is no memory");
	rig_load(&rig, (uint32_t)size);
	fds = count_fds();
	for (bool done = false; !done; steps++) { /* twice the ring, and a quarter of it */
		rlim_t limit = address_space() + (rlim_t)steps * size / 4;
		struct rlimit before = lower(RLIMIT_AS, limit);
		struct bpfring_producer *p = NULL;
		int err = bpfring_producer_open(&p, rig.fd, NULL);

		setrlimit(RLIMIT_AS, &before);
		done = !err;
		if (err) {
			assert_int_equal(err, -ENOMEM);
			assert_null(p);
		}
		bpfring_producer_close(p);
		assert_int_equal(count_fds(), fds);
	}
	assert_true(steps >= 9);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(descriptors_of_other_things),
		cmocka_unit_test(maps_without_access),
		cmocka_unit_test(descriptors_in_the_options),
		cmocka_unit_test(samples_of_others),
		cmocka_unit_test(a_producer_of_libbpf_in_step),
		cmocka_unit_test(no_descriptors),
		cmocka_unit_test(no_memory),
	};

	catch_logs();
	if (!can_drain_user_rings())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
