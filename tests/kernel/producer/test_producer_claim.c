// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Who may produce: one process at a time, by a claim that can be handed over. */
#include "user_rig.h"

#include <bpf/libbpf.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void two_producers(void **state)
{
	BPFRING_OPTS(bpfring_producer_opts, opts, .flags = BPFRING_PRODUCER_UNCLAIMED);
	struct bpfring_producer *second = NULL;
	struct user_ring_buffer *rb;
	struct user_rig rig;
	void *data, *sample;
	pid_t pid;
	int status;

	(void)state;
	bpfring_set_log(NULL);
	rig_open(&rig, 4096, NULL);
	assert_int_equal(bpfring_producer_open(&second, rig.fd, NULL), -EBUSY);
	assert_null(second);
	pid = fork();
	if (!pid) {
		if (bpfring_producer_reserve(rig.p, 8, &data) != -ECHILD)
			_exit(1);
		_exit(bpfring_producer_open(&second, rig.fd, NULL) == -EBUSY ? 0 : 2);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	/* one that knows no claim */
	assert_int_equal(put(rig.p, 0, 0, 16), 0);
	assert_int_equal(bpfring_producer_reserve(rig.p, 16, &data), 0);
	rb = user_ring_buffer__new(rig.fd, NULL);
	sample = user_ring_buffer__reserve(rb, 16);
	*(struct user_sample *)sample = (struct user_sample){.number = 1};
	user_ring_buffer__submit(rb, sample);
	assert_int_equal(bpfring_producer_submit(rig.p, data), -EBUSY);
	assert_int_equal(run(rig.skel->progs.drain), 2);
	user_ring_buffer__free(rb);
	/* no wedge: opened anew, it goes on behind it */
	bpfring_producer_close(rig.p);
	assert_int_equal(bpfring_producer_open(&rig.p, rig.fd, &opts), 0);
	assert_int_equal(bpfring_producer_recover(rig.p, NULL), -EPERM);
	assert_int_equal(bpfring_producer_claim_fd(rig.p), -ENOENT);
	assert_int_equal(put(rig.p, 0, 2, 16), 0);
	assert_int_equal(run(rig.skel->progs.drain), 1);
	assert_int_equal(rig.skel->bss->out_of_order, 0);
	rig_close(&rig);
}

static void send_fd(int sock, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = {.iov_base = control, .iov_len = 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	assert_int_equal(sendmsg(sock, &msg, 0), 1);
}

static int receive_fd(int sock)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec iov = {.iov_base = &byte, .iov_len = 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	int fd = -1;

	if (recvmsg(sock, &msg, 0) == 1)
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

/* The other process: takes the ring over with the claim, produces one sample. */
static int heir(int sock, int map_fd)
{
	BPFRING_OPTS(bpfring_producer_opts, opts);
	struct bpfring_producer *p;

	bpfring_set_log(NULL);
	if (bpfring_producer_open(&p, map_fd, NULL) != -EBUSY)
		return 1;
	opts.claim_fd = sock; /* not a claim */
	if (bpfring_producer_open(&p, map_fd, &opts) >= 0)
		return 2;
	opts.claim_fd = receive_fd(sock);
	if (opts.claim_fd < 0 || bpfring_producer_open(&p, map_fd, &opts))
		return 3;
	close(opts.claim_fd);
	if (put(p, 0, 1, 16))
		return 4;
	if (write(sock, "", 1) != 1 || read(sock, &(char){0}, 1) != 1)
		return 5;
	return 0; /* and dies without closing: the claim ends with it */
}

static void the_claim_is_handed_over(void **state)
{
	struct bpfring_producer *other;
	struct user_rig rig;
	int sock[2], status;
	pid_t pid;

	(void)state;
	bpfring_set_log(NULL);
	rig_open(&rig, 4096, NULL);
	assert_int_equal(put(rig.p, 0, 0, 16), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sock), 0);
	pid = fork();
	if (!pid) {
		bpfring_producer_close(rig.p); /* the parent's, inherited with its claim */
		close(sock[0]);
		_exit(heir(sock[1], rig.fd));
	}
	close(sock[1]);
	send_fd(sock[0], bpfring_producer_claim_fd(rig.p));
	bpfring_producer_close(rig.p);
	assert_int_equal(read(sock[0], &(char){0}, 1), 1);
	assert_int_equal(bpfring_producer_open(&other, rig.fd, NULL), -EBUSY);
	assert_int_equal(write(sock[0], "", 1), 1);
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	assert_int_equal(bpfring_producer_open(&rig.p, rig.fd, NULL), 0);
	assert_int_equal(put(rig.p, 0, 2, 16), 0);
	assert_int_equal(run(rig.skel->progs.drain), 3);
	assert_int_equal(rig.skel->bss->out_of_order, 0);
	close(sock[0]);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_producers),
		cmocka_unit_test(the_claim_is_handed_over),
	};

	if (!can_drain_user_rings())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
