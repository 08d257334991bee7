// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* How large a ring has to be. */
#include <bpfring/sizing.h>
#include <errno.h>
#include <stdbool.h>

#include "base/log.h"
#include "base/options.h"
#include "base/sys.h"

#define HEADER_BYTES 8
#define MAX_BYTES    (1ULL << 31) /* of a map: max_entries has 32 bits, and it is a power of two */
#define NS_PER_SEC   1000000000ULL

static bool is_power_of_two(uint64_t n)
{
	return n && !(n & (n - 1));
}

/* With header and padding; at most MAX_BYTES, which stands for anything larger. */
static uint64_t in_ring(uint64_t payload)
{
	return payload >= MAX_BYTES ? MAX_BYTES : (payload + HEADER_BYTES + 7) & ~7ULL;
}

/* Rounded up; UINT64_MAX stands for anything larger. */
static uint64_t records_in(uint64_t rate, int64_t latency_ns)
{
	const uint64_t seconds = (uint64_t)latency_ns / NS_PER_SEC;
	const uint64_t rest = (uint64_t)latency_ns % NS_PER_SEC;
	uint64_t whole, part;

	if (__builtin_mul_overflow(rate, seconds, &whole) || rate > UINT64_MAX / NS_PER_SEC / 2)
		return UINT64_MAX;
	part = (rate * rest + NS_PER_SEC - 1) / NS_PER_SEC;
	return __builtin_add_overflow(whole, part, &whole) ? UINT64_MAX : whole;
}

static int check(const struct bpfring_sizing_opts *o)
{
	const char *wrong = NULL;

	if (o->map > BPFRING_SIZING_USER_RING)
		wrong = "an unknown map";
	else if (!o->record_bytes)
		wrong = "record_bytes is 0";
	else if (o->latency_ns < 0)
		wrong = "latency_ns is negative";
	else if (!o->records && !(o->rate && o->latency_ns))
		wrong = "neither records nor rate and latency_ns are given";
	else if (o->page_bytes && (!is_power_of_two(o->page_bytes) || o->page_bytes < 4096))
		wrong = "page_bytes is not the size of a page";
	if (!wrong)
		return 0;
	log_error("struct bpfring_sizing_opts: %s\n", wrong);
	return -EINVAL;
}

int bpfring_sizing(uint32_t *ret, const struct bpfring_sizing_opts *opts)
{
	struct bpfring_sizing_opts o = {.sz = sizeof(o)};
	uint64_t records, need, record, largest, bytes;
	int err;

	if (!ret || !opts)
		return -EINVAL;
	err = bpfring_options_read(&o, sizeof(o), opts, "struct bpfring_sizing_opts");
	if (!err)
		err = check(&o);
	if (err)
		return err;
	records = records_in(o.rate, o.latency_ns);
	records = records > o.records ? records : o.records;
	record = in_ring(o.record_bytes);
	largest = in_ring(o.largest_bytes > o.record_bytes ? o.largest_bytes : o.record_bytes);
	/* The kernel never fills the last 8 bytes of a ring. */
	if (__builtin_mul_overflow(records, record, &need) ||
	    __builtin_add_overflow(need, 8, &need))
		need = UINT64_MAX;
	need = need > largest + 8 ? need : largest + 8;
	bytes = o.page_bytes ? o.page_bytes : bpfring_sys_page_size();
	while (bytes < need && bytes < MAX_BYTES)
		bytes *= 2;
	if (bytes < need) {
		log_error(
			"%llu records of %llu bytes do not fit into a ring of at most %llu bytes\n",
			(unsigned long long)records, (unsigned long long)record, MAX_BYTES);
		return -E2BIG;
	}
	*ret = (uint32_t)bytes;
	if (largest <= bytes / 4)
		return 0;
	while (largest > bytes / 4)
		bytes *= 2;
	log_warn("the largest record, %llu bytes with its header, is more than a quarter of the "
		 "ring of %u bytes: few of them fill it; %llu bytes are enough\n",
		 (unsigned long long)largest, *ret, (unsigned long long)bytes);
	return 1;
}
