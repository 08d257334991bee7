// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * ring.h on memory that says anything, and that changes its mind. Guard pages stand on all sides: a
 * read outside ends the process. What comes back must be true all the same.
 */
#include <bpfring/ring.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

#define MAX_SIZE 8192U

static struct {
	uint8_t *cons, *prod; /* at the end of their pages: a word further is the guard */
	uint8_t *note;	      /* at the end of one, too */
	uint8_t *data;	      /* MAX_SIZE bytes that end at a guard, too */
	size_t page;
} memory;

static uint8_t *guarded(size_t size)
{
	uint8_t *mem =
		mmap(NULL, size + 2 * memory.page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	require(mem != MAP_FAILED);
	require(!mprotect(mem + memory.page, size, PROT_READ | PROT_WRITE));
	return mem + memory.page;
}

static void make_memory(void)
{
	memory.page = (size_t)sysconf(_SC_PAGESIZE);
	memory.cons = guarded(memory.page) + memory.page - 8;
	memory.prod = guarded(memory.page) + memory.page - 8;
	memory.note = guarded(memory.page) + memory.page - 8;
	memory.data = guarded(2 * MAX_SIZE);
}

/* Not mapped twice here: both copies are written, so that the same is read from either. */
static void write_data(uint8_t *data, size_t size, uint32_t at, const void *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t offset = (at + i) % size;

		data[offset] = ((const uint8_t *)bytes)[i];
		data[offset + size] = data[offset];
	}
}

static volatile uint8_t sink;

static void check_record(const uint8_t *data, size_t size, const struct bpfring_record *record)
{
	const uint8_t *payload = record->data;

	require(payload >= data + 8 &&
		payload <= data + size); /* behind a header in the first copy */
	require(record->size <= size - 8);
	require((uintptr_t)payload % 8 == 0);
	require((uint64_t)(payload - 8 - data) == (record->pos & (size - 1)));
	for (uint32_t i = 0; i < record->size; i++)
		sink = payload[i];
}

struct state {
	struct bpfring_ring c;
	uint8_t *data;
	size_t size;
	void *cons, *prod;
	unsigned int word;
};

static void set_word(void *word, unsigned int size, uint64_t value)
{
	memcpy(word, &value, size); /* little-endian; elsewhere it is another arbitrary value */
}

static void check_state(const struct state *s)
{
	require(s->c.pos - s->c.released <= s->c.mask + 1);
	require((s->c.pos & 7) == 0 && (s->c.released & 7) == 0);
}

static void step(struct state *s, struct input *in)
{
	const uint64_t pos = s->c.pos, released = s->c.released, discards = s->c.discards;
	struct bpfring_record records[8];
	uint64_t published = 0, after = 0;
	uint32_t header;
	int n = 0;

	memcpy(&published, s->cons, s->word);
	switch (take_u8(in) % 10) {
	case 0:
	case 1:
		n = bpfring_ring_peek(&s->c, records);
		require(n == 1 || n == 0 || n == -EBADMSG || n == -EBUSY);
		if (n == 1)
			check_record(s->data, s->size, records);
		else if (n == -EBADMSG && s->c.discards == discards && !s->c.held_discards)
			require(s->c.pos == pos);
		break;
	case 2:
		n = bpfring_ring_peek_batch(&s->c, records, take_u8(in) % 9);
		require((n >= 0 && n <= 8) || n == -EBADMSG || n == -EBUSY);
		for (int i = 0; i < n; i++)
			check_record(s->data, s->size, &records[i]);
		for (int i = 1; i < n; i++)
			require(records[i].pos - records[i - 1].pos >= records[i - 1].size + 8U);
		break;
	case 3:
		n = bpfring_ring_release(&s->c);
		require(n == 0 || n == -EBUSY);
		if (n)
			require(s->c.released == released);
		else /* or further, if another gave back what is discarded */
			require(s->c.pos == pos || s->c.pos == s->c.published);
		break;
	case 4:
		bpfring_ring_cancel(&s->c);
		require(s->c.pos == s->c.released);
		break;
	case 5:
		n = bpfring_ring_arm(&s->c);
		require(n == 1 || n == 0 || n == -EINVAL || n == -EBUSY || n == -EBADMSG);
		break;
	case 6:
		bpfring_ring_set_quiet(&s->c, take_u8(in) & 1);
		break;
	case 7: /* the kernel goes on, or runs amok */
		header = take_u32(in);
		write_data(s->data, s->size, take_u16(in) * 8U, &header, sizeof(header));
		return;
	case 8:
		set_word(s->prod, s->word,
			 take_u8(in) & 1 ? take_u64(in) : s->c.prod + take_u8(in));
		return;
	default:
		set_word(s->cons, s->word, take_u64(in));
		return;
	}
	memcpy(&after, s->cons, s->word);
	if (n == -EBUSY) /* nothing of somebody else's is overwritten */
		require(after == published);
	check_state(s);
	sink = (uint8_t)bpfring_ring_avail_data(&s->c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	struct state s;
	uint8_t shape = take_u8(&in);
	uint64_t cons, prod;
	int err;

	if (!memory.page)
		make_memory();
	memset(&s, 0, sizeof(s));
	s.size = 8U << (shape & 15) % 11; /* 8 to 8192 */
	s.word = shape & 0x80 ? 4 : 8;
	s.cons = memory.cons + 8 - s.word;
	s.prod = memory.prod + 8 - s.word;
	s.data = memory.data + 2 * (MAX_SIZE - s.size); /* up to the guard */
	cons = take_u64(&in);
	prod = shape & 0x40 ? take_u64(&in) : ((cons + 7) & ~7ULL) + take_u16(&in) % (s.size + 16);
	set_word(s.cons, s.word, cons);
	set_word(s.prod, s.word, prod);
	memset(s.data, 0, 2 * s.size);
	if (in.size) {
		size_t n = in.size < s.size ? in.size / 2 : s.size;

		write_data(s.data, s.size, 0, in.data, n);
	}
	err = bpfring_ring_init(&s.c, s.cons, s.prod, s.data, s.size, s.word, NULL);
	require(err == 0 || err == -EBADMSG);
	if (err)
		return 0;
	check_state(&s);
	if (shape & 0x20) {
		uint64_t noted = s.c.released + take_u16(&in);

		set_word(memory.note + 8 - s.word, s.word, noted ^ BPFRING_PRIV_NOTE);
		bpfring_ring_set_note(&s.c, memory.note + 8 - s.word);
		require(s.c.released - s.c.published <= s.size);
		check_state(&s);
	}
	while (in.size)
		step(&s, &in);
	return 0;
}
