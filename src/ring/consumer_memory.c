// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Consumers of rings that are no maps. */
#include <bpfring/memory.h>
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/options.h"
#include "base/sys.h"
#include "ring/consumer.h"

static int check(const struct bpfring_memory *m)
{
	if (m->ring_size < bpfring_sys_page_size() || m->ring_size & (m->ring_size - 1) ||
	    m->ring_size > UINT32_MAX) {
		log_error("memory '%.15s': %llu bytes are no ring: a power of two of at least a "
			  "page is\n",
			  m->name, (unsigned long long)m->ring_size);
		return -EINVAL;
	}
	if (m->reserved || (m->word_size && m->word_size != 4 && m->word_size != 8)) {
		log_error("memory '%.15s': positions of %u bytes\n", m->name, m->word_size);
		return -EINVAL;
	}
	return 0;
}

/* Is the file long enough? What is mapped behind its end would end the process. */
static int check_file(const struct bpfring_memory *m)
{
	uint64_t size, least = 2 * bpfring_sys_page_size() + m->ring_size;
	int err = bpfring_sys_file_size(m->memory_fd, &size);

	if (!err && size < least)
		err = -EINVAL;
	if (err)
		log_error("memory '%.15s': descriptor %d is no file of at least %llu bytes\n",
			  m->name, m->memory_fd, (unsigned long long)least);
	return err;
}

/* What stands for the map. */
static int open_events(struct map *ret, const struct bpfring_memory *m)
{
	int fd = bpfring_sys_dup(m->event_fd);

	if (fd < 0) {
		log_error("memory '%.15s': cannot duplicate descriptor %d: %s\n", m->name,
			  m->event_fd, bpfring_errname(fd));
		return fd;
	}
	*ret = (struct map){
		.fd = fd,
		.type = BPF_MAP_TYPE_RINGBUF,
		.max_entries = (uint32_t)m->ring_size,
	};
	memcpy(ret->name, m->name, sizeof(ret->name) - 1);
	return 0;
}

int bpfring_consumer_open_memory(struct bpfring_consumer **ret, const struct bpfring_memory *memory,
				 const struct bpfring_consumer_opts *opts)
{
	struct bpfring_memory known = {.sz = sizeof(known), .memory_fd = -1, .event_fd = -1};
	struct bpfring_consumer_opts known_opts;
	struct map map;
	int err = memory ? bpfring_consumer_opts_read(&known_opts, ret, opts) : -EINVAL;

	if (!err)
		err = bpfring_options_read(&known, sizeof(known), memory, "struct bpfring_memory");
	if (!err)
		err = check(&known);
	if (!err)
		err = check_file(&known);
	if (!err)
		err = open_events(&map, &known);
	if (err)
		return err;
	err = bpfring_consumer_new(
		ret, &map, known.memory_fd,
		known.word_size ? known.word_size : bpfring_sys_kernel_word_size(), &known_opts);
	if (err)
		log_error("memory '%.15s': cannot be opened as a ring: %s\n", known.name,
			  bpfring_errname(err));
	return err;
}
