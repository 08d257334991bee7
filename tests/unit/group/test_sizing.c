// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Sizes of rings: for both kinds of map, any page size, and the limits of both. */
#include <bpfring/sizing.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "test_common.h"
#include "unit.h"

static uint32_t size_of(const struct bpfring_sizing_opts *opts, int want)
{
	uint32_t bytes = 0;

	assert_int_equal(bpfring_sizing(&bytes, opts), want);
	return bytes;
}

static void test_by_records(void **state)
{
	BPFRING_OPTS(bpfring_sizing_opts, o, .page_bytes = 4096, .record_bytes = 8);

	(void)state;
	o.records = 1;
	assert_int_equal(size_of(&o, 0), 4096);
	o.records = 255; /* 16 bytes each: 4080, and 8 that are never filled */
	assert_int_equal(size_of(&o, 0), 4096);
	o.records = 256;
	assert_int_equal(size_of(&o, 0), 8192);
	o.record_bytes = 9; /* 24 in the ring */
	o.records = 1000;
	assert_int_equal(size_of(&o, 0), 32768);
	o.map = BPFRING_SIZING_USER_RING;
	assert_int_equal(size_of(&o, 0), 32768);
	o.page_bytes = 65536;
	assert_int_equal(size_of(&o, 0), 65536);
}

static void test_by_rate(void **state)
{
	BPFRING_OPTS(bpfring_sizing_opts, o, .page_bytes = 4096, .record_bytes = 56);

	(void)state;
	o.rate = 500000;
	o.latency_ns = 50000000; /* 25,000 records of 64 bytes */
	assert_int_equal(size_of(&o, 0), 2097152);
	o.records = 1; /* the larger of the two */
	assert_int_equal(size_of(&o, 0), 2097152);
	o.records = 40000;
	assert_int_equal(size_of(&o, 0), 4194304);
	o.records = 0;
	o.rate = 1;
	o.latency_ns = 1;
	assert_int_equal(size_of(&o, 0), 4096);
	o.latency_ns = 3500000000; /* 4 records */
	assert_int_equal(size_of(&o, 0), 4096);
}

static void test_large_record(void **state)
{
	BPFRING_OPTS(bpfring_sizing_opts, o, .page_bytes = 4096, .record_bytes = 64);

	(void)state;
	o.records = 10;
	o.largest_bytes = 1016;
	assert_int_equal(size_of(&o, 0), 4096);
	o.largest_bytes = 1017;
	log_forget();
	assert_int_equal(size_of(&o, 1), 4096);
	assert_int_equal(log_lines(), 1);
	assert_non_null(strstr(log_text(), "8192 bytes are enough"));
	/* Four records of 512 KiB: the ring of 2 MiB takes three. */
	o.largest_bytes = 524288;
	o.records = 30000;
	assert_int_equal(size_of(&o, 0), 4194304);
	/* It fits into any ring that is returned. */
	o.records = 1;
	o.largest_bytes = 8192 - 16;
	assert_int_equal(size_of(&o, 1), 8192);
	o.largest_bytes = 8192 - 15;
	assert_int_equal(size_of(&o, 1), 16384);
}

static void test_limits(void **state)
{
	BPFRING_OPTS(bpfring_sizing_opts, o, .page_bytes = 4096, .record_bytes = 8);
	uint32_t bytes;

	(void)state;
	o.records = (1U << 27) - 1;
	assert_int_equal(size_of(&o, 0), 1U << 31);
	o.records = 1U << 27;
	size_of(&o, -E2BIG);
	o.records = UINT64_MAX;
	size_of(&o, -E2BIG);
	o.records = 0;
	o.rate = UINT64_MAX;
	o.latency_ns = INT64_MAX;
	size_of(&o, -E2BIG);
	o.rate = 1000000000;
	size_of(&o, -E2BIG);
	o.latency_ns = 1;
	o.record_bytes = UINT64_MAX;
	size_of(&o, -E2BIG);
	o.record_bytes = 8;
	o.rate = 1000;
	assert_int_equal(size_of(&o, 0), 4096);
	o.page_bytes = 0; /* of this machine */
	assert_true(size_of(&o, 0) >= 4096);

	o.page_bytes = 5000;
	size_of(&o, -EINVAL);
	o.page_bytes = 0;
	o.map = 2;
	size_of(&o, -EINVAL);
	o.map = 0;
	o.record_bytes = 0;
	size_of(&o, -EINVAL);
	o.record_bytes = 8;
	o.latency_ns = 0;
	size_of(&o, -EINVAL);
	o.latency_ns = -1;
	size_of(&o, -EINVAL);
	assert_int_equal(bpfring_sizing(NULL, &o), -EINVAL);
	assert_int_equal(bpfring_sizing(&bytes, NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_records),
		cmocka_unit_test(test_by_rate),
		cmocka_unit_test(test_large_record),
		cmocka_unit_test(test_limits),
	};

	log_catch();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
