// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * The inline functions of user_ring.h and producer.h, as a program in another language has them:
 * each is looked up by name in the library, and does the same to a ring as its inline twin.
 */
#include <bpfring/producer.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#define RING 4096U

/* A ring in plain memory. A producer begins with its ring, and its inline functions use no more. */
struct plain {
	struct bpfring_user_ring ring;
	uint64_t cons, prod;
	uint64_t open[BPFRING_OPEN_SIZE(RING) / 8];
	_Alignas(8) uint8_t data[2 * RING];
};

struct calls {
	int (*init)(struct bpfring_user_ring *, const void *, void *, void *, uint64_t *, uint64_t,
		    unsigned int, const uint32_t *);
	int (*reserve)(struct bpfring_user_ring *, uint64_t, void **);
	int (*submit)(struct bpfring_user_ring *, void *);
	int (*discard)(struct bpfring_user_ring *, void *);
	uint64_t (*free_space)(const struct bpfring_user_ring *);
	struct bpfring_user_ring *(*ring)(struct bpfring_producer *);
	int (*producer_reserve)(struct bpfring_producer *, size_t, void **);
	int (*producer_submit)(struct bpfring_producer *, void *);
	int (*producer_discard)(struct bpfring_producer *, void *);
	int (*producer_output)(struct bpfring_producer *, const void *, size_t);
};

static const struct calls inline_calls = {
	.init = bpfring_user_ring_init,
	.reserve = bpfring_user_ring_reserve,
	.submit = bpfring_user_ring_submit,
	.discard = bpfring_user_ring_discard,
	.free_space = bpfring_user_ring_free_space,
	.ring = bpfring_producer_ring,
	.producer_reserve = bpfring_producer_reserve,
	.producer_submit = bpfring_producer_submit,
	.producer_discard = bpfring_producer_discard,
	.producer_output = bpfring_producer_output,
};

#define CHECK(condition)                                                                          \
	do {                                                                                      \
		if (!(condition)) {                                                               \
			fprintf(stderr, "inline_symbols:%d: not so: %s\n", __LINE__, #condition); \
			exit(1);                                                                  \
		}                                                                                 \
	} while (0)

static void find(void *library, const char *name, void *ret, const void *twin)
{
	void *symbol = dlsym(library, name);

	if (!symbol || symbol == twin) {
		fprintf(stderr, "inline_symbols: the library has no %s\n", name);
		exit(1);
	}
	memcpy(ret, &symbol, sizeof(symbol)); /* ISO C has no cast to a pointer to a function */
}

static struct calls exported_calls(const char *path)
{
	void *library = dlopen(path, RTLD_NOW);
	struct calls calls;

	CHECK(library);
#define FIND(member, name)                                         \
	do {                                                       \
		const void *twin;                                  \
		memcpy(&twin, &inline_calls.member, sizeof(twin)); \
		find(library, name, &calls.member, twin);          \
	} while (0)
	FIND(init, "bpfring_user_ring_init");
	FIND(reserve, "bpfring_user_ring_reserve");
	FIND(submit, "bpfring_user_ring_submit");
	FIND(discard, "bpfring_user_ring_discard");
	FIND(free_space, "bpfring_user_ring_free_space");
	FIND(ring, "bpfring_producer_ring");
	FIND(producer_reserve, "bpfring_producer_reserve");
	FIND(producer_submit, "bpfring_producer_submit");
	FIND(producer_discard, "bpfring_producer_discard");
	FIND(producer_output, "bpfring_producer_output");
	return calls;
}

/* Both pairs of functions take turns, samples end out of order, and the ring fills up. */
static void use(const struct calls *do_, struct plain *r)
{
	struct bpfring_producer *p = (struct bpfring_producer *)(void *)r;
	uint64_t sizes = 0;
	void *a, *b;

	CHECK(do_->init(&r->ring, &r->cons, &r->prod, r->data, r->open, RING + 1, 8, NULL) ==
	      -EINVAL);
	CHECK(!do_->init(&r->ring, &r->cons, &r->prod, r->data, r->open, RING, 8, NULL));
	CHECK(do_->ring(p) == &r->ring);
	CHECK(do_->free_space(&r->ring) == RING);

	CHECK(!do_->reserve(&r->ring, 24, &a));
	CHECK(!do_->producer_reserve(p, 40, &b));
	memset(a, 1, 24);
	memset(b, 2, 40);
	CHECK(!do_->producer_submit(p, b));
	CHECK(r->prod == 0); /* `a` comes first */
	CHECK(!do_->submit(&r->ring, a));
	CHECK(r->prod == 32 + 48);
	CHECK(do_->submit(&r->ring, a) == -EINVAL);

	CHECK(!do_->reserve(&r->ring, 0, &a));
	CHECK(!do_->producer_reserve(p, 1, &b));
	CHECK(!do_->discard(&r->ring, a));
	CHECK(!do_->producer_discard(p, b));
	CHECK(r->prod == 80 + 8 + 16);

	while (!do_->producer_output(p, "0123456789abcdef", 16))
		sizes += 24;
	CHECK(r->prod == 104 + sizes);
	CHECK(do_->free_space(&r->ring) == RING - r->prod);
	CHECK(do_->reserve(&r->ring, 16, &a) == -ENOSPC);
	CHECK(do_->reserve(&r->ring, RING, &a) == -E2BIG);
}

int main(int argc, char **argv)
{
	static struct plain one, other;
	struct calls calls;

	CHECK(argc == 2);
	calls = exported_calls(argv[1]);
	use(&inline_calls, &one);
	use(&calls, &other);
	CHECK(one.prod == other.prod);
	CHECK(!memcmp(one.data, other.data, sizeof(one.data)));
	CHECK(!memcmp(one.open, other.open, sizeof(one.open)));
	puts("inline_symbols: the library has all of them");
	return 0;
}
