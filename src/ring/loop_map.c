// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Maps whose consumers belong to the loop. bpfring_loop_free() closes them. */
#include <errno.h>

#include "ring/loop.h"

static void own(struct bpfring_loop *l, struct bpfring_consumer *c)
{
	c->owned_next = l->owned;
	c->owned_at = &l->owned;
	if (c->owned_next)
		c->owned_next->owned_at = &c->owned_next;
	l->owned = c;
}

int bpfring_loop_add_map(struct bpfring_loop *l, int map_fd, bpfring_record_fn fn, void *ctx,
			 const struct bpfring_consumer_opts *opts, struct bpfring_consumer **ret)
{
	struct bpfring_consumer *c;
	int err;

	if (!l)
		return -EINVAL;
	err = bpfring_loop_check_child(l);
	if (!err)
		err = bpfring_consumer_open(&c, map_fd, opts);
	if (err)
		return err;
	err = bpfring_loop_add(l, c, fn, ctx);
	if (err) {
		bpfring_consumer_close(c);
		return err;
	}
	own(l, c);
	if (ret)
		*ret = c;
	return 0;
}
