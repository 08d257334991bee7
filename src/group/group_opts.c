// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* What a group is to be made of: options, checked and made plain. */
#include <errno.h>

#include "base/log.h"
#include "base/options.h"
#include "base/sys.h"
#include "group/group.h"

#define KNOWN_FLAGS ((uint32_t)(BPFRING_GROUP_NUMA | BPFRING_GROUP_RESCUE))
#define MAX_RINGS   65536U
#define MAX_BYTES   (1ULL << 31) /* of a ring: the kernel's limit */

static int check_cpus(const struct bpfring_group_opts *o, uint32_t cpus)
{
	for (uint32_t i = 0; i < o->cpu_count; i++) {
		if (o->cpus[i] >= cpus) {
			log_error("struct bpfring_group_opts: CPU %u is not one of the %u possible "
				  "CPUs\n",
				  o->cpus[i], cpus);
			return -EINVAL;
		}
		for (uint32_t k = 0; k < i; k++) {
			if (o->cpus[k] != o->cpus[i])
				continue;
			log_error("struct bpfring_group_opts: CPU %u is listed twice\n",
				  o->cpus[i]);
			return -EINVAL;
		}
	}
	return 0;
}

int bpfring_group_read_opts(struct bpfring_group_opts *ret, const struct bpfring_group_opts *opts,
			    int cpus)
{
	struct bpfring_group_opts o = {.sz = sizeof(o)};
	int err = bpfring_options_read(&o, sizeof(o), opts, "struct bpfring_group_opts");

	if (err)
		return err;
	if ((o.flags & ~KNOWN_FLAGS) || o.reserved || o.wake_ns < 0 || o.account_fd < 0 ||
	    (o.cpu_count && !o.cpus)) {
		log_error("struct bpfring_group_opts: unknown flags, a negative time or "
			  "descriptor, or cpu_count without cpus\n");
		return -EINVAL;
	}
	err = o.cpu_count > (uint32_t)cpus ? -EINVAL : check_cpus(&o, (uint32_t)cpus);
	if (err)
		return err;
	if (!o.rings)
		o.rings = o.cpu_count ? o.cpu_count : (uint32_t)cpus;
	if (o.rings > MAX_RINGS || o.nmi_rings > MAX_RINGS) {
		log_error("struct bpfring_group_opts: %u rings and %u for NMI context; there can "
			  "be %u\n",
			  o.rings, o.nmi_rings, MAX_RINGS);
		return -EINVAL;
	}
	if (o.cpu_count && o.rings != o.cpu_count) {
		log_error("struct bpfring_group_opts: %u rings for %u listed CPUs; leave rings 0\n",
			  o.rings, o.cpu_count);
		return -EINVAL;
	}
	*ret = o;
	return 0;
}

uint32_t bpfring_group_slots(const struct bpfring_group_opts *o, int cpus)
{
	uint32_t slots = 1;

	while (slots < (uint32_t)cpus || slots < o->rings || slots < o->nmi_rings)
		slots *= 2;
	return slots;
}

int bpfring_group_ring_bytes(uint32_t *ret, const struct bpfring_group_opts *o, uint64_t declared,
			     const char *name)
{
	const uint64_t page = bpfring_sys_page_size(), rings = (uint64_t)o->rings + o->nmi_rings;
	const uint64_t share = o->total_bytes ? o->total_bytes / rings : MAX_BYTES;
	uint64_t want = o->ring_bytes ? o->ring_bytes : declared, bytes = page;

	if (!o->ring_bytes && (o->total_bytes || !want))
		want = o->total_bytes ? share : page;
	if (share < page) {
		log_error("map '%s': %llu bytes for %llu rings are less than a page of %llu bytes "
			  "each: ask for fewer rings or a total of %llu\n",
			  name, (unsigned long long)o->total_bytes, (unsigned long long)rings,
			  (unsigned long long)page, (unsigned long long)(page * rings));
		return -ENOSPC;
	}
	if (want > MAX_BYTES && o->ring_bytes) {
		log_error("map '%s': a ring has at most %llu bytes\n", name, MAX_BYTES);
		return -EINVAL;
	}
	while (bytes < want && bytes * 2 <= share && bytes * 2 <= MAX_BYTES)
		bytes *= 2;
	*ret = (uint32_t)bytes;
	return 0;
}
