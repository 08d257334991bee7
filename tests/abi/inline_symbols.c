// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * The inline functions of ring.h, consumer.h, user_ring.h and producer.h, as a program in another
 * language has them: each is looked up by name in the library, and does the same to a ring as its
 * inline twin.
 */
#include <bpfring/consumer.h>
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

	int (*ring_init)(struct bpfring_ring *, void *, const void *, const void *, uint64_t,
			 unsigned int, const uint32_t *);
	void (*set_note)(struct bpfring_ring *, void *);
	void (*set_quiet)(struct bpfring_ring *, int);
	int (*peek)(struct bpfring_ring *, struct bpfring_record *);
	int (*peek_batch)(struct bpfring_ring *, struct bpfring_record *, unsigned int);
	int (*release)(struct bpfring_ring *);
	void (*cancel)(struct bpfring_ring *);
	int (*arm)(struct bpfring_ring *);
	int (*head_busy)(const struct bpfring_ring *);
	uint64_t (*cons_pos)(const struct bpfring_ring *);
	uint64_t (*prod_pos)(const struct bpfring_ring *);
	uint64_t (*size)(const struct bpfring_ring *);
	uint64_t (*avail_data)(const struct bpfring_ring *);
	struct bpfring_ring *(*consumer_ring)(struct bpfring_consumer *);
	int (*consumer_peek)(struct bpfring_consumer *, struct bpfring_record *);
	int (*consumer_peek_batch)(struct bpfring_consumer *, struct bpfring_record *,
				   unsigned int);
	int (*consumer_release)(struct bpfring_consumer *);
	void (*consumer_cancel)(struct bpfring_consumer *);
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
	.ring_init = bpfring_ring_init,
	.set_note = bpfring_ring_set_note,
	.set_quiet = bpfring_ring_set_quiet,
	.peek = bpfring_ring_peek,
	.peek_batch = bpfring_ring_peek_batch,
	.release = bpfring_ring_release,
	.cancel = bpfring_ring_cancel,
	.arm = bpfring_ring_arm,
	.head_busy = bpfring_ring_head_busy,
	.cons_pos = bpfring_ring_cons_pos,
	.prod_pos = bpfring_ring_prod_pos,
	.size = bpfring_ring_size,
	.avail_data = bpfring_ring_avail_data,
	.consumer_ring = bpfring_consumer_ring,
	.consumer_peek = bpfring_consumer_peek,
	.consumer_peek_batch = bpfring_consumer_peek_batch,
	.consumer_release = bpfring_consumer_release,
	.consumer_cancel = bpfring_consumer_cancel,
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
	FIND(ring_init, "bpfring_ring_init");
	FIND(set_note, "bpfring_ring_set_note");
	FIND(set_quiet, "bpfring_ring_set_quiet");
	FIND(peek, "bpfring_ring_peek");
	FIND(peek_batch, "bpfring_ring_peek_batch");
	FIND(release, "bpfring_ring_release");
	FIND(cancel, "bpfring_ring_cancel");
	FIND(arm, "bpfring_ring_arm");
	FIND(head_busy, "bpfring_ring_head_busy");
	FIND(cons_pos, "bpfring_ring_cons_pos");
	FIND(prod_pos, "bpfring_ring_prod_pos");
	FIND(size, "bpfring_ring_size");
	FIND(avail_data, "bpfring_ring_avail_data");
	FIND(consumer_ring, "bpfring_consumer_ring");
	FIND(consumer_peek, "bpfring_consumer_peek");
	FIND(consumer_peek_batch, "bpfring_consumer_peek_batch");
	FIND(consumer_release, "bpfring_consumer_release");
	FIND(consumer_cancel, "bpfring_consumer_cancel");
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

/* A kernel's ring in plain memory, as a consumer begins with it. */
struct kernel_ring {
	struct bpfring_ring ring;
	uint64_t cons, note, prod;
	_Alignas(8) uint8_t data[2 * RING];
};

static void put(struct kernel_ring *r, uint32_t size, uint32_t flags)
{
	uint32_t header = size | flags;

	memcpy(r->data + r->prod % RING, &header, sizeof(header));
	r->prod += (size + 15) & ~7U;
}

static void read_ring(const struct calls *do_, struct kernel_ring *r)
{
	struct bpfring_consumer *c = (struct bpfring_consumer *)(void *)r;
	struct bpfring_record records[4];

	CHECK(do_->ring_init(&r->ring, &r->cons, &r->prod, r->data, RING + 1, 8, NULL) == -EINVAL);
	CHECK(!do_->ring_init(&r->ring, &r->cons, &r->prod, r->data, RING, 8, NULL));
	do_->set_note(&r->ring, &r->note);
	CHECK(do_->consumer_ring(c) == &r->ring);
	CHECK(do_->size(&r->ring) == RING);
	CHECK(!do_->peek(&r->ring, records) && !do_->arm(&r->ring));

	put(r, 8, 0);
	put(r, 24, BPFRING_DISCARD_BIT);
	put(r, 40, 0);
	put(r, 8, BPFRING_BUSY_BIT);
	CHECK(do_->prod_pos(&r->ring) == 112 && do_->avail_data(&r->ring) == 112);
	do_->set_quiet(&r->ring, 1);
	CHECK(do_->peek(&r->ring, records) == 1 && records[0].size == 8);
	CHECK(do_->consumer_peek(c, records) == 1 && records[0].size == 40);
	do_->cancel(&r->ring);
	CHECK(do_->peek_batch(&r->ring, records, 4) == 2 && records[1].pos == 48);
	do_->consumer_cancel(c);
	CHECK(do_->consumer_peek_batch(c, records, 1) == 1 && records[0].pos == 0);
	CHECK(!do_->release(&r->ring));
	CHECK(r->cons == 0 && do_->cons_pos(&r->ring) == 16); /* quiet: the last one is kept back */
	CHECK(do_->consumer_peek(c, records) == 1 && !do_->consumer_release(c));
	CHECK(!do_->peek(&r->ring, records) && do_->head_busy(&r->ring));
	CHECK(!do_->arm(&r->ring) && r->cons == 96);
}

int main(int argc, char **argv)
{
	static struct kernel_ring one_ring, other_ring;
	static struct plain one, other;
	struct calls calls;

	CHECK(argc == 2);
	calls = exported_calls(argv[1]);
	use(&inline_calls, &one);
	use(&calls, &other);
	CHECK(one.prod == other.prod);
	CHECK(!memcmp(one.data, other.data, sizeof(one.data)));
	CHECK(!memcmp(one.open, other.open, sizeof(one.open)));
	read_ring(&inline_calls, &one_ring);
	read_ring(&calls, &other_ring);
	CHECK(one_ring.note == other_ring.note && one_ring.cons == other_ring.cons);
	puts("inline_symbols: the library has all of them");
	return 0;
}
