// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* What hot_path.sh looks at: the loop that a program writes with peek and release. */
#include <bpfring/consumer.h>

uint64_t peek_all(struct bpfring_consumer *c);
uint64_t drain(struct bpfring_consumer *c);

uint64_t peek_all(struct bpfring_consumer *c)
{
	struct bpfring_record record;
	uint64_t sum = 0;

	while (bpfring_consumer_peek(c, &record) > 0)
		sum += *(const uint64_t *)record.data;
	return sum;
}

uint64_t drain(struct bpfring_consumer *c)
{
	struct bpfring_record record;
	uint64_t sum = 0;

	while (bpfring_consumer_peek(c, &record) > 0)
		sum += *(const uint64_t *)record.data;
	bpfring_consumer_release(c);
	return sum;
}
