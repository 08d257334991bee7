/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* A report as the files of the library see it. */
#ifndef BPFRING_SRC_STRUCT_OPS_REPORT_H
#define BPFRING_SRC_STRUCT_OPS_REPORT_H

#include <bpfring/struct_ops_report.h>
#include <linux/bpf.h>

struct report_value {
	struct bpfring_struct_ops_value pub;
	char prog_name[BPF_OBJ_NAME_LEN];
	char prog_tag[2 * BPF_TAG_SIZE + 1];
};

struct report {
	struct bpfring_struct_ops_report pub; /* first: the public pointer is one to the whole */
	char map_name[BPF_OBJ_NAME_LEN];
	void *value;
	uint32_t *link_ids;
	struct report_value *values;
};

#endif /* BPFRING_SRC_STRUCT_OPS_REPORT_H */
