/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Report on one struct_ops map: all that the kernel says about it, as C, as text and as JSON. */
#ifndef BPFRING_STRUCT_OPS_REPORT_H
#define BPFRING_STRUCT_OPS_REPORT_H

#include <bpfring/common.h>
#include <bpfring/struct_ops.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct bpfring_struct_ops_report - a map at one moment; belongs to the library, never copy it.
 * @map_id:     its id
 * @map_name:   its name, up to 15 characters
 * @map_flags:  BPF_F_* of its creation
 * @link_mode:  non-zero: registered by links; 0: legacy
 * @state:      enum bpfring_struct_ops_map_state
 * @refcnt:     as in struct bpfring_struct_ops_status
 * @type:       its type
 * @link_count: number of @link_ids; -EPERM: not known without CAP_SYS_ADMIN
 * @link_ids:   links in which the map is now
 */
struct bpfring_struct_ops_report {
	uint32_t map_id;
	const char *map_name;
	uint32_t map_flags;
	uint32_t link_mode;
	uint32_t state;
	uint32_t refcnt;
	const struct bpfring_struct_ops_type *type;
	int link_count;
	const uint32_t *link_ids;
};

/**
 * struct bpfring_struct_ops_value - a member of the map's struct.
 * @member:  which
 * @data:    @member->size bytes as the kernel gave them
 * @prog_id: function members: id of the program, 0: none. The rest is about that program, and 0 or
 * ""
 *           if it is not permitted to look at it (CAP_SYS_ADMIN)
 * @prog_name: its name, up to 15 characters
 * @prog_tag:  hash of its instructions, 16 hexadecimal digits
 * @run_count: calls, and
 * @run_time_ns: time in them, counted while kernel.bpf_stats_enabled is set
 * @recursion_misses: calls left out because the program was running on that CPU already
 */
struct bpfring_struct_ops_value {
	const struct bpfring_struct_ops_member *member;
	const void *data;
	uint32_t prog_id;
	const char *prog_name;
	const char *prog_tag;
	uint64_t run_count;
	uint64_t run_time_ns;
	uint64_t recursion_misses;
};

/**
 * bpfring_struct_ops_inspect() - make a report.
 * @ret: free it with bpfring_struct_ops_report_free(). Uses the types of the handle: free it before
 *       these, or before the handle if it was opened without.
 *
 * Return: 0; -EINVAL: NULL, or the object is not loaded; -ENOENT: the handle has no map, or the
 * kernel has no BTF for its type; -EPERM; -ENOMEM; or as bpfring_struct_ops_types_load().
 */
BPFRING_API int bpfring_struct_ops_inspect(struct bpfring_struct_ops *ops,
					   struct bpfring_struct_ops_report **ret);

/** bpfring_struct_ops_report_free() - NULL is fine. */
BPFRING_API void bpfring_struct_ops_report_free(struct bpfring_struct_ops_report *report);

/**
 * bpfring_struct_ops_report_get_value() - a member by its number, from 0, in the order of the
 * struct.
 * Return: 0; -ENOENT: there are not so many; -EINVAL: NULL.
 */
BPFRING_API int bpfring_struct_ops_report_get_value(const struct bpfring_struct_ops_report *report,
						    unsigned int index,
						    const struct bpfring_struct_ops_value **ret);

/**
 * bpfring_struct_ops_report_text() - print it for people: a line per fact, members that are 0 left
 * out.
 * Return: 0; -EINVAL: NULL; -EIO: the stream failed.
 */
BPFRING_API int bpfring_struct_ops_report_text(const struct bpfring_struct_ops_report *report,
					       FILE *stream);

/**
 * bpfring_struct_ops_report_json() - print it for programs: one JSON object, all members, no
 * newline.
 * Return: 0; -EINVAL: NULL; -EIO: the stream failed.
 *
 * {"map":{"id","name","flags","mode"},"type","module","state","refcnt","links":[ids] or null,
 * "members":{name: value}}. A function is null or {"prog":{"id","name","tag","run_count",
 * "run_time_ns","recursion_misses"}}; data is what its BTF type says: numbers, booleans, strings
 * for arrays of char, names for enumerators, arrays and objects of these.
 */
BPFRING_API int bpfring_struct_ops_report_json(const struct bpfring_struct_ops_report *report,
					       FILE *stream);

#ifdef __cplusplus
}
#endif

#endif /* BPFRING_STRUCT_OPS_REPORT_H */
