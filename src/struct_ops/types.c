// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Finds the struct_ops types of the kernel: loading, the list, and looking things up in it. */
#include "struct_ops/types.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "struct_ops/btf.h"
#include "base/sys.h"
#include "base/sys_struct_ops.h"

struct module {
	struct module *next;
	struct btf *btf;
	char name[64];
};

struct item {
	struct item *next;
	struct ops_type type;
};

struct bpfring_struct_ops_types {
	struct btf *vmlinux;
	struct module *modules;
	struct item *first, **end;
	unsigned int count;
	bool has_links;
};

struct bpfring_struct_ops_types *bpfring_struct_ops_types_new(void)
{
	struct bpfring_struct_ops_types *types = bpfring_sys_alloc(sizeof(*types));

	if (types)
		types->end = &types->first;
	return types;
}

int bpfring_struct_ops_types_add(struct bpfring_struct_ops_types *types, const struct btf *btf,
				 const char *module)
{
	const struct btf *base = btf__base_btf(btf);

	for (uint32_t id = base ? btf__type_cnt(base) : 1; id < btf__type_cnt(btf); id++) {
		struct item *item;
		struct ops_type type;
		int found = bpfring_btf_read_ops_type(&type, btf, id);

		if (found < 0)
			return found;
		if (!found) {
			types->has_links |= bpfring_btf_shows_links(btf, id);
			continue;
		}
		item = bpfring_sys_alloc(sizeof(*item));
		if (!item) {
			bpfring_sys_free(type.members);
			return -ENOMEM;
		}
		item->type = type;
		item->type.pub.module = module;
		*types->end = item;
		types->end = &item->next;
		types->count++;
	}
	return 0;
}

/* Takes a module's BTF into the list if it has types. */
static int add_module(void *ctx, const char *name)
{
	struct bpfring_struct_ops_types *types = ctx;
	unsigned int before = types->count;
	struct module *m = bpfring_sys_alloc(sizeof(*m));
	int err;

	if (!m)
		return -ENOMEM;
	strncpy(m->name, name, sizeof(m->name) - 1);
	err = bpfring_sys_btf_load(&m->btf, name, types->vmlinux);
	if (err) {
		bpfring_sys_free(m);
		if (err == -ENOMEM)
			return err;
		log_warn("module %s: cannot read its BTF: %s\n", name, bpfring_errname(err));
		return 0; /* unloaded just now, or of another kernel */
	}
	err = bpfring_struct_ops_types_add(types, m->btf, m->name);
	if (err || types->count > before) {
		m->next = types->modules;
		types->modules = m;
		return err;
	}
	btf__free(m->btf);
	bpfring_sys_free(m);
	return 0;
}

int bpfring_struct_ops_types_load(struct bpfring_struct_ops_types **ret)
{
	struct bpfring_struct_ops_types *types;
	int err;

	if (!ret)
		return -EINVAL;
	types = bpfring_struct_ops_types_new();
	if (!types)
		return -ENOMEM;
	err = bpfring_sys_btf_load(&types->vmlinux, NULL, NULL);
	if (err) {
		log_error("kernel BTF: cannot read it: %s; struct_ops need CONFIG_DEBUG_INFO_BTF\n",
			  bpfring_errname(err));
		goto fail;
	}
	err = bpfring_struct_ops_types_add(types, types->vmlinux, "vmlinux");
	if (err)
		goto fail;
	err = bpfring_sys_btf_modules(add_module, types);
	if (err && err != -ENOENT) /* the directory came with 5.4, BTF of modules with 5.11 */
		goto fail;
	*ret = types;
	return 0;
fail:
	bpfring_struct_ops_types_free(types);
	return err;
}

void bpfring_struct_ops_types_free(struct bpfring_struct_ops_types *types)
{
	if (!types)
		return;
	while (types->first) {
		struct item *item = types->first;

		types->first = item->next;
		bpfring_sys_free(item->type.members);
		bpfring_sys_free(item);
	}
	while (types->modules) {
		struct module *m = types->modules;

		types->modules = m->next;
		btf__free(m->btf);
		bpfring_sys_free(m);
	}
	btf__free(types->vmlinux);
	bpfring_sys_free(types);
}

int bpfring_struct_ops_types_get(const struct bpfring_struct_ops_types *types, unsigned int index,
				 const struct bpfring_struct_ops_type **ret)
{
	if (!types || !ret)
		return -EINVAL;
	for (const struct item *item = types->first; item; item = item->next) {
		if (index--)
			continue;
		*ret = &item->type.pub;
		return 0;
	}
	return -ENOENT;
}

int bpfring_struct_ops_types_find(const struct bpfring_struct_ops_types *types, const char *name,
				  const struct bpfring_struct_ops_type **ret)
{
	size_t len;

	if (!types || !name || !ret)
		return -EINVAL;
	len = bpfring_btf_essential_len(name);
	for (const struct item *item = types->first; item; item = item->next) {
		if (strlen(item->type.pub.name) != len || strncmp(item->type.pub.name, name, len))
			continue;
		*ret = &item->type.pub;
		return 0;
	}
	return -ENOENT;
}

bool bpfring_struct_ops_types_have_links(const struct bpfring_struct_ops_types *types)
{
	return types->has_links;
}

const struct bpfring_struct_ops_type *
bpfring_struct_ops_types_of_value(const struct bpfring_struct_ops_types *types,
				  uint32_t value_type_id, const char *module)
{
	for (const struct item *item = types->first; item; item = item->next)
		if (item->type.pub.value_type_id == value_type_id &&
		    !strcmp(item->type.pub.module, module))
			return &item->type.pub;
	return NULL;
}

int bpfring_struct_ops_type_get_member(const struct bpfring_struct_ops_type *type,
				       unsigned int index,
				       const struct bpfring_struct_ops_member **ret)
{
	if (!type || !ret)
		return -EINVAL;
	if (index >= type->member_count)
		return -ENOENT;
	*ret = &ops_type(type)->members[index];
	return 0;
}

int bpfring_type_member_index(const struct bpfring_struct_ops_type *type, const char *name)
{
	for (unsigned int i = 0; i < type->member_count; i++)
		if (!strcmp(ops_type(type)->members[i].name, name))
			return (int)i;
	return -ENOENT;
}

int bpfring_struct_ops_type_find_member(const struct bpfring_struct_ops_type *type,
					const char *name,
					const struct bpfring_struct_ops_member **ret)
{
	int index;

	if (!type || !name || !ret)
		return -EINVAL;
	index = bpfring_type_member_index(type, name);
	if (index < 0)
		return index;
	*ret = &ops_type(type)->members[index];
	return 0;
}
