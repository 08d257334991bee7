// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * A program outside this project: takes one record out of a ring in its own memory, opens no map.
 */
#include <bpfring/bpfring.h>
#include <stdio.h>

#define SIZE 64

static union {
	uint64_t align;
	uint8_t bytes[2 * SIZE];
} data;

static int take_one_record(void)
{
	const uint32_t header = 4, payload = 42;
	uint64_t cons_pos = 0, prod_pos = 16;
	struct bpfring_record record;
	struct bpfring_ring cons;

	memcpy(data.bytes, &header, sizeof(header));
	memcpy(data.bytes + BPFRING_HEADER_SIZE, &payload, sizeof(payload));
	if (bpfring_ring_init(&cons, &cons_pos, &prod_pos, data.bytes, SIZE, 8, NULL))
		return 1;
	if (bpfring_ring_peek(&cons, &record) != 1 || record.size != sizeof(payload) ||
	    memcmp(record.data, &payload, sizeof(payload)))
		return 1;
	return bpfring_ring_peek(&cons, &record) || bpfring_ring_release(&cons) || cons_pos != 16;
}

int main(void)
{
	struct bpfring_consumer *consumer = NULL;
	struct bpfring_loop *loop = NULL;
	BPFRING_OPTS(bpfring_loop_opts, opts);

	opts.wait = BPFRING_WAIT_SLEEP;
	bpfring_set_log(NULL);
	if (bpfring_version() != BPFRING_VERSION || take_one_record())
		return 1;
	if (bpfring_consumer_open(&consumer, -1, NULL) != -EBADF || consumer)
		return 1;
	if (bpfring_loop_new(&loop, &opts) || bpfring_loop_poll(loop, 0))
		return 1;
	bpfring_loop_free(loop);
	bpfring_consumer_close(NULL);
	printf("libbpfring %s\n", bpfring_version_string());
	return 0;
}
