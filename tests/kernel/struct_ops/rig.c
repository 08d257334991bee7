// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#include "rig.h"

#include "base/sys_struct_ops.h"

struct bpfring_struct_ops *rig_open_fd(struct rig *r, int fd)
{
	BPFRING_OPTS(bpfring_struct_ops_opts, opts, .types = r->f->types);
	struct bpfring_struct_ops *ops;

	assert_return_code(bpfring_struct_ops_open(&ops, fd, &opts), 0);
	return ops;
}

struct bpfring_struct_ops *rig_open_link(struct rig *r)
{
	return rig_open_fd(r, bpfring_struct_ops_link_fd(r->ops));
}

struct bpfring_struct_ops *rig_open_first(struct rig *r)
{
	return rig_open_fd(r, bpf_map__fd(r->skel->maps.cc_first));
}

void rig_begin(struct rig *r, struct fixture *f)
{
	r->f = f;
	r->skel = load_all(f, BPFRING_STRUCT_OPS_MODE_LINK);
	r->ops = handle(f, r->skel, "cc_first");
	r->second = handle(f, r->skel, "cc_second");
	r->third = handle(f, r->skel, "cc_third");
	assert_return_code(bpfring_struct_ops_register(r->ops), 0);
	assert_return_code(bpfring_struct_ops_store(r->second), 0);
	assert_return_code(bpfring_struct_ops_store(r->third), 0);
	r->first_id = map_id_of(r->ops);
	r->second_id = map_id_of(r->second);
	r->third_id = map_id_of(r->third);
	update_hook = (struct update_hook){0};
	last_log();
}

void rig_end(struct rig *r)
{
	update_hook = (struct update_hook){0};
	bpfring_struct_ops_close(r->ops);
	bpfring_struct_ops_close(r->second);
	bpfring_struct_ops_close(r->third);
	ops_bpf__destroy(r->skel);
	assert_false(available(RIG_NAME));
}

uint32_t rig_in_link(struct rig *r)
{
	struct sys_link_info info;

	assert_return_code(bpfring_sys_link_info(bpfring_struct_ops_link_fd(r->ops), &info), 0);
	return info.map_id;
}
