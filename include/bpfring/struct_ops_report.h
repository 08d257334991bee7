/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * A report on one struct_ops map has all that the kernel says about it, as C, as text and as JSON.
 * Threads: a report does not change, so any number of threads may read it.
 */
#ifndef BPFRING_STRUCT_OPS_REPORT_H
#define BPFRING_STRUCT_OPS_REPORT_H

#include <bpfring/common.h>
#include <bpfring/struct_ops.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct bpfring_struct_ops_report - a map at one moment.
 * @map_id:     its id
 * @map_name:   its name, up to 15 characters
 * @map_flags:  BPF_F_* of its creation
 * @link_mode:  non-zero: links register it; 0: legacy
 * @state:      enum bpfring_struct_ops_map_state
 * @refcnt:     as in struct bpfring_struct_ops_status
 * @type:       its type
 * @link_count: number of @link_ids; -EPERM: unknown without CAP_SYS_ADMIN
 * @link_ids:   links that have the map now
 *
 * The library allocates it, and later versions may append members. Never copy it.
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
 * @member:           describes it
 * @data:             @member->size bytes as the kernel gave them
 * @prog_id:          of the program of a function member; 0: none
 * @prog_name:        its name, up to 15 characters
 * @prog_tag:         hash of its instructions, 16 hexadecimal digits
 * @run_count:        how often it was called
 * @run_time_ns:      time spent in those calls
 * @recursion_misses: calls left out because the program was running on that CPU already
 *
 * Without CAP_SYS_ADMIN all of the program but its id is "" or 0. The kernel counts calls and time
 * while kernel.bpf_stats_enabled is set. Never copy this struct: later versions may append members.
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
 * bpfring_struct_ops_inspect() - make a report on the handle's map.
 * @ret: free it with bpfring_struct_ops_report_free(). It uses the types of the handle, so free it
 *       before them. If the handle was opened without types, free it before the handle
 *
 * To find its links, this asks for every link of the system.
 *
 * Return: 0; -EINVAL: NULL, or the object is not loaded; -ENOENT: the handle has no map, or the
 * kernel has no BTF for its type; -EPERM; -ENOMEM, -EMFILE, -ENFILE; or as
 * bpfring_struct_ops_types_load().
 */
BPFRING_API int bpfring_struct_ops_inspect(struct bpfring_struct_ops *ops,
					   struct bpfring_struct_ops_report **ret);

/** bpfring_struct_ops_report_free() - free a report. NULL is fine. */
BPFRING_API void bpfring_struct_ops_report_free(struct bpfring_struct_ops_report *report);

/**
 * bpfring_struct_ops_report_get_value() - a member by its number.
 * @index: from 0, in the order of the struct
 * @ret:   lives as long as the report
 *
 * Return: 0; -ENOENT: the struct has fewer members; -EINVAL: NULL.
 */
BPFRING_API int bpfring_struct_ops_report_get_value(const struct bpfring_struct_ops_report *report,
						    unsigned int index,
						    const struct bpfring_struct_ops_value **ret);

/**
 * bpfring_struct_ops_report_text() - print a report for people, one fact per line.
 *
 * Members that are 0 are left out.
 *
 * Return: 0; -EINVAL: NULL; -EIO: writing to the stream failed.
 */
BPFRING_API int bpfring_struct_ops_report_text(const struct bpfring_struct_ops_report *report,
					       FILE *stream);

/**
 * bpfring_struct_ops_report_json() - print a report for programs, as one JSON object without a
 * newline.
 *
 * {"map":{"id","name","flags","mode"},"type","module","state","refcnt","links":[ids] or null,
 * "members":{name: value}} has all members. A function is null or {"prog":{"id","name","tag",
 * "run_count","run_time_ns","recursion_misses"}}. Data follows its BTF type: numbers, booleans,
 * strings for arrays of char, names for enumerators, and arrays and objects of these.
 *
 * Return: 0; -EINVAL: NULL; -EIO: writing to the stream failed.
 */
BPFRING_API int bpfring_struct_ops_report_json(const struct bpfring_struct_ops_report *report,
					       FILE *stream);

#ifdef __cplusplus
}
#endif

#endif /* BPFRING_STRUCT_OPS_REPORT_H */
