// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Named values: a table of names for the process, offsets into the values of a thread. */
#include <bpfring/names.h>
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "task_storage/names_abi.h"
#include "base/sys.h"
#include "base/sys_bpf.h"
#include "task_storage/task_storage.h"

struct bpfring_names {
	struct bpfring_task_storage *ts;
	unsigned int table; /* numbers among the uptrs */
	unsigned int values;
};

/* The uptr @name: its number among the uptrs. */
static int find_uptr(const struct bpfring_task_storage *ts, const char *name)
{
	for (unsigned int i = 0; i < ts->layout.uptr_count; i++)
		if (!strcmp(task_uptr_member(ts, i)->name, name))
			return (int)i;
	return -ENOENT;
}

/* The original of the table: it outlives fork() and serves the libraries of a process together. */
static int make_table(struct bpfring_task_storage *ts, unsigned int uptr)
{
	struct names_table *table;
	int err;

	if (ts->process_copy[uptr])
		return 0;
	table = bpfring_sys_alloc(sizeof(*table));
	if (!table)
		return -ENOMEM;
	err = bpfring_sys_urandom(&table->generation, sizeof(table->generation));
	if (err) {
		bpfring_sys_free(table);
		return err;
	}
	table->generation |= 1; /* not 0, which is what empty caches have */
	ts->process_copy[uptr] = table;
	return 0;
}

/*
 * An ordinary member that caches the place of a name may belong to another name in the map that
 * comes. Caches are good for one generation of the table.
 */
void bpfring_names_forget_caches(struct bpfring_task_storage *ts)
{
	for (unsigned int i = 0; i < ts->layout.uptr_count; i++) {
		struct names_table *original = ts->process_copy[i], *table = ts->process.mem[i];

		if (!original)
			continue;
		original->generation += 2; /* odd: not 0 */
		if (ts->has_process)
			__atomic_store_n(&table->generation, original->generation,
					 __ATOMIC_RELAXED);
	}
}

/* Under the lock. */
static int find_members(struct bpfring_names *names)
{
	struct bpfring_task_storage *ts = names->ts;
	int table = find_uptr(ts, "names"), values = find_uptr(ts, "values");

	if (table < 0 || values < 0 || !task_is_process(ts, (unsigned int)table) ||
	    task_uptr_member(ts, (unsigned int)table)->size != sizeof(struct names_table)) {
		log_error("map '%s': the value does not have BPFRING_NAMED_MEMBERS\n",
			  ts->map.name);
		return -ENOENT;
	}
	names->table = (unsigned int)table;
	names->values = (unsigned int)values;
	return make_table(ts, names->table);
}

int bpfring_names_open(struct bpfring_names **ret, struct bpfring_task_storage *ts)
{
	struct bpfring_names *names;
	int err;

	if (!ret || !ts)
		return -EINVAL;
	names = bpfring_sys_alloc(sizeof(*names));
	if (!names || !ret)
		return -ENOMEM;
	names->ts = ts;
	bpfring_task_lock();
	err = find_members(names);
	bpfring_task_unlock();
	if (err)
		bpfring_sys_free(names);
	else
		*ret = names;
	return err;
}

void bpfring_names_close(struct bpfring_names *names)
{
	bpfring_sys_free(names);
}

static uint32_t first_free_byte(const struct names_table *table)
{
	const struct names_entry *last;

	if (!table->count)
		return 0;
	last = &table->entries[table->count - 1];
	return last->offset + (last->size + 7) / 8 * 8;
}

/*
 * BPF may be reading: the entry is there before it counts. @index is never read from @table, which
 * others may write to when it is the one that BPF reads.
 */
static void publish(struct names_table *table, uint32_t index, const struct names_entry *entry)
{
	table->entries[index] = *entry;
	/* N1: release, with the order in which bpfring_named() reads count and then entries. */
	__atomic_store_n(&table->count, index + 1, __ATOMIC_RELEASE);
}

static int declare(struct bpfring_names *names, const char *name, size_t size)
{
	struct bpfring_task_storage *ts = names->ts;
	struct names_table *table = ts->process_copy[names->table];
	struct names_entry entry = {.size = (uint32_t)size};
	uint32_t index;
	int err = task_forked(ts) ? bpfring_task_after_fork(ts) : 0;

	if (!err)
		err = bpfring_task_process_start(ts);
	if (err)
		return err;
	for (uint32_t i = 0; i < table->count; i++) {
		if (strcmp(table->entries[i].name, name))
			continue;
		if (table->entries[i].size == size)
			return (int)i;
		log_error("value '%s' is declared with %u bytes already, now with %zu\n", name,
			  table->entries[i].size, size);
		return -EEXIST;
	}
	entry.offset = first_free_byte(table);
	if (table->count == NAMES_MAX ||
	    entry.offset + size > task_uptr_member(ts, names->values)->size) {
		log_error("value '%s': no room for it: %u names, %u of %u bytes are taken\n", name,
			  table->count, entry.offset, task_uptr_member(ts, names->values)->size);
		return -ENOSPC;
	}
	memcpy(entry.name, name, strlen(name) + 1);
	index = table->count;
	publish(table, index, &entry);
	publish(ts->process.mem[names->table], index, &entry);
	return (int)index;
}

int bpfring_names_declare(struct bpfring_names *names, const char *name, size_t size)
{
	int ret;

	if (!names || !name || !*name || !size || size > UINT16_MAX)
		return -EINVAL;
	if (strlen(name) >= NAMES_LENGTH)
		return -ENAMETOOLONG;
	bpfring_task_lock();
	ret = declare(names, name, size);
	bpfring_task_unlock();
	return ret;
}

int bpfring_names_bind(struct bpfring_names *names, int value, void **ret)
{
	const struct names_table *table;
	void *values;
	int err;

	if (!names || !ret)
		return -EINVAL;
	table = names->ts->process_copy[names->table];
	/* N2: acquire, with N1 of a thread that has just declared it. */
	if (!ret || value < 0 ||
	    (uint32_t)value >= __atomic_load_n(&table->count, __ATOMIC_ACQUIRE))
		return -EINVAL;
	err = bpfring_task_storage_bind(names->ts, (int)names->ts->layout.uptrs[names->values],
					&values);
	if (!err)
		*ret = (char *)values + table->entries[value].offset;
	return err;
}
