/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * Named values, the BPF half of bpfring/names.h.
 *
 *	struct hint_value {
 *		BPFRING_NAMED_MEMBERS;
 *		struct bpfring_name_cache gc;       one for each name
 *	};
 *	BPFRING_TASK_STORAGE(hints, struct hint_value);
 *	BPFRING_NAMED_STORAGE(hints);
 *
 *	struct hint_value *value = bpf_task_storage_get(&hints, task, 0, 0);
 *	__u32 *active = value ? bpfring_named(hints, value, gc, "gc.active", __u32) : NULL;
 *
 * The program searches for the name when it first sees the thread, and again when the thread's
 * process declares more names. Otherwise the cache in the element has the answer.
 */
#ifndef BPFRING_NAMES_BPF_H
#define BPFRING_NAMES_BPF_H

#include "task_storage.bpf.h"

#ifndef BPFRING_NAMED_BYTES
#define BPFRING_NAMED_BYTES 256 /* of values in a thread; a multiple of 8, at most 4096 */
#endif

#define BPFRING_NAMES_MAX    63
#define BPFRING_NAMES_LENGTH 56

struct bpfring_names_entry {
	char name[BPFRING_NAMES_LENGTH];
	__u32 size;
	__u32 offset;
};

/* Each process has one. User space writes it, so nothing in it can be trusted. */
struct bpfring_names_table {
	__u32 generation;
	__u32 count;
	char reserved[56];
	struct bpfring_names_entry entries[BPFRING_NAMES_MAX];
};

/* Each thread has one. */
struct bpfring_named_values {
	__u64 words[BPFRING_NAMED_BYTES / 8];
};

struct bpfring_name_cache {
	__u32 generation; /* of the table that was searched */
	__u16 count;	  /* names that were in it */
	__u16 place;	  /* word in the values plus one; 0: not among them */
};

#define BPFRING_NAMED_MEMBERS                     \
	struct bpfring_names_table __uptr *names; \
	struct bpfring_named_values __uptr *values

#define BPFRING_NAMED_STORAGE(name)                                   \
	BPFRING_TASK_MEMBER(name, names, struct bpfring_names_table); \
	BPFRING_TASK_MEMBER(name, values, struct bpfring_named_values)

/* Searches @table; the place of the value, or 0. */
#define bpfring_priv_named_search(table, count, literal, bytes)                           \
	({                                                                                \
		__u32 place_ = 0;                                                         \
		for (__u32 i_ = 0; i_ < BPFRING_NAMES_MAX && i_ < (count); i_++) {        \
			const struct bpfring_names_entry *entry_ = &(table)->entries[i_]; \
			if (bpf_strncmp(entry_->name, BPFRING_NAMES_LENGTH, literal))     \
				continue;                                                 \
			if (entry_->size == (bytes))                                      \
				place_ = entry_->offset / 8 + 1;                          \
			break;                                                            \
		}                                                                         \
		place_;                                                                   \
	})

/*
 * Makes the compiler check and use the same register, because Linux 6.1 does not follow bounds from
 * one register to another.
 */
#define bpfring_priv_opaque(word) __asm__ volatile("" : "+r"(word))

/*
 * bpfring_named() - the value of a name.
 * @name_:   the map
 * @value:   the thread's element, not NULL
 * @cache_:  the member of the element that caches this name and no other
 * @literal: the name, a string constant
 * @type:    type of the value, at most 64 bytes
 *
 * Return: a pointer to the value; NULL: the thread's process has not declared the name, or has
 * declared it with another size.
 */
#define bpfring_named(name_, value, cache_, literal, type)                                     \
	({                                                                                     \
		struct bpfring_names_table *table_ = bpfring_task_member(name_, value, names); \
		struct bpfring_name_cache *known_ = &(value)->cache_;                          \
		type *found_ = (void *)0;                                                      \
		_Static_assert(sizeof(type) <= 64, "named values are small");                  \
		if (table_) {                                                                  \
			__u32 generation_ = *(volatile __u32 *)&table_->generation;            \
			__u32 count_ = *(volatile __u32 *)&table_->count;                      \
			if (known_->generation != generation_ ||                               \
			    (!known_->place && known_->count != (__u16)count_)) {              \
				known_->place = (__u16)bpfring_priv_named_search(              \
					table_, count_, literal, sizeof(type));                \
				known_->count = (__u16)count_;                                 \
				known_->generation = generation_;                              \
			}                                                                      \
			__u64 at_ = *(volatile __u16 *)&known_->place;                         \
			struct bpfring_named_values *values_ =                                 \
				at_ ? bpfring_task_member(name_, value, values) : (void *)0;   \
			at_--;                                                                 \
			bpfring_priv_opaque(at_);                                              \
			if (values_ && at_ <= (BPFRING_NAMED_BYTES - sizeof(type)) / 8)        \
				found_ = (type *)(void *)&values_->words[at_];                 \
		}                                                                              \
		found_;                                                                        \
	})

#endif /* BPFRING_NAMES_BPF_H */
