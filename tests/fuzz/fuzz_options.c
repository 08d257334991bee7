// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Structs that carry their size, from older and newer programs: no byte is read beyond that size.
 */
#include <bpfring/bpfring.h>
#include <errno.h>

#include "fuzz.h"
#include "base/options.h"

struct known {
	size_t sz;
	uint8_t members[40];
};

static void read_options(const uint8_t *data, size_t size)
{
	struct known known;
	uint8_t *given = malloc(sizeof(size_t) + size);
	size_t total = sizeof(size_t) + size;
	int newer = 0, err;

	require(given != NULL);
	memcpy(given, &total, sizeof(total));
	if (size)
		memcpy(given + sizeof(total), data, size);
	memset(&known, 0xaa, sizeof(known));
	known.sz = sizeof(known);
	for (size_t i = sizeof(known); i < total; i++)
		newer |= given[i];
	err = bpfring_options_read(&known, sizeof(known), given, "struct known");
	require(err == (newer ? -E2BIG : 0));
	for (size_t i = 0; i < sizeof(known.members); i++) {
		size_t at = offsetof(struct known, members) + i;

		require(known.members[i] == (err || at >= total ? 0xaa : given[at]));
	}
	require(known.sz == sizeof(known));
	free(given);
}

static void write_result(size_t size)
{
	struct known result;
	uint8_t *ret = malloc(size < sizeof(size) ? sizeof(size) : size);
	int err;

	require(ret != NULL);
	memset(&result, 0x55, sizeof(result));
	memcpy(ret, &size, sizeof(size));
	err = bpfring_options_write(ret, &result, sizeof(result), sizeof(size_t) + 8);
	require(err == (size < sizeof(size_t) + 8 ? -EINVAL : 0));
	for (size_t i = sizeof(size); !err && i < size; i++)
		require(ret[i] == (i < sizeof(result) ? 0x55 : 0));
	free(ret);
}

/* The public functions read them before anything else. */
static void open_with(const uint8_t *data, size_t size)
{
	struct bpfring_consumer *c = NULL;
	struct bpfring_loop *l = NULL;
	uint8_t *given = malloc(sizeof(size_t) + size);
	size_t total = sizeof(size_t) + size;
	int err;

	require(given != NULL);
	memcpy(given, &total, sizeof(total));
	if (size)
		memcpy(given + sizeof(total), data, size);
	err = bpfring_consumer_open(&c, -1, (const struct bpfring_consumer_opts *)(void *)given);
	require(err == -EINVAL || err == -E2BIG || err == -EBADF);
	err = bpfring_loop_new(&l, (const struct bpfring_loop_opts *)(void *)given);
	require(err == 0 || err == -EINVAL || err == -E2BIG);
	require(!err == (l != NULL));
	bpfring_loop_free(l);
	free(given);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bpfring_set_log(NULL);
	read_options(data, size);
	write_result(size);
	open_with(data, size);
	return 0;
}
