/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * A simulated BPF_MAP_TYPE_RINGBUF: the memory of one, and the kernel's side of it.
 *
 * The data area is a memfd mapped twice in a row, as the kernel shows it. The producer follows
 * kernel/bpf/ringbuf.c step by step: which reservations succeed, what is stored in which order, and
 * which commits notify. Any number of threads may produce; like the kernel they serialise the
 * reservations by a lock and the commits not at all. Positions start where the test says, with the
 * word size of a 64-bit or a 32-bit kernel.
 */
#ifndef TESTS_SIM_H
#define TESTS_SIM_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Flags of a commit, as BPF_RB_NO_WAKEUP and BPF_RB_FORCE_WAKEUP. */
enum {
	SIM_NO_WAKEUP = 1,
	SIM_FORCE_WAKEUP = 2,
};

struct sim_ring {
	void *cons_word; /* of word_size bytes, in pages of their own */
	void *prod_word;
	uint8_t *data;
	size_t size;
	unsigned int word_size;
	bool user;	   /* a BPF_MAP_TYPE_USER_RINGBUF, see sim_user.h */
	bool overwrite;	   /* BPF_F_RB_OVERWRITE: set it before the first record */
	int memory_fd;	   /* consumer page, producer page, data: see sim_ring_map() */
	int event_fd;	   /* gets an edge per notification; never blocks the producer */
	uint64_t pending;  /* all before it is committed; moved by reservations only, as its copy is
			    * behind the producer position */
	uint64_t notified; /* notifications so far: read with sim_ring_notified() */
	uint8_t *pages;	   /* consumer page, producer page, data twice */
	pthread_mutex_t lock;
};

/*
 * size: a power of two of at least a page. start: both positions. 0 or -errno.
 */
int sim_ring_new(struct sim_ring **ret, size_t size, unsigned int word_size, uint64_t start);
void sim_ring_free(struct sim_ring *r);

/*
 * What mmap() of the map would do: offset 0 is the consumer page, a page further the producer page,
 * then the data twice. The same refusals as the kernel's. 0 or -errno; unmap with munmap().
 */
int sim_ring_map(struct sim_ring *r, void **ret, size_t size, int prot, int flags, uint64_t offset);

/* The producer. The payload or NULL; every reservation must be submitted or discarded once. */
void *sim_reserve(struct sim_ring *r, uint64_t size);
void sim_submit(struct sim_ring *r, void *payload, unsigned int flags);
void sim_discard(struct sim_ring *r, void *payload, unsigned int flags);
/* Reserve, copy, submit. 0 or -EAGAIN, as bpf_ringbuf_output(). */
int sim_output(struct sim_ring *r, const void *payload, uint64_t size, unsigned int flags);

uint64_t sim_ring_notified(struct sim_ring *r);
uint64_t sim_ring_cons(struct sim_ring *r);
uint64_t sim_ring_prod(struct sim_ring *r);
/* The oldest record that is left, if it overwrites. */
uint64_t sim_ring_over(struct sim_ring *r);
/* Overwrite a position: another consumer, or a corrupt ring. */
void sim_ring_set_cons(struct sim_ring *r, uint64_t pos);
void sim_ring_set_prod(struct sim_ring *r, uint64_t pos);
/* The header's first word of the record at a position. */
uint32_t *sim_ring_header(struct sim_ring *r, uint64_t pos);
/* As the kernel's poll: there is something between the positions, busy or not. */
bool sim_ring_readable(struct sim_ring *r);
/* Takes back an edge that no longer says anything, as a poll of the kernel's file does. */
void sim_ring_settle_event(struct sim_ring *r);

#endif /* TESTS_SIM_H */
