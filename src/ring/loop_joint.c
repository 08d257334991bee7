// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Rings in a loop whose records are taken together. */
#include <errno.h>

#include "ring/loop.h"
#include "base/sys.h"

int bpfring_joint_enter(struct bpfring_loop *l, struct joint *j)
{
	const struct bpfring_source model = {.joint = j, .fd = -1};
	int err = bpfring_loop_check_child(l);

	if (!err)
		err = bpfring_source_add(l, &model);
	if (!err)
		bpfring_joint_wake(j);
	return err;
}

void bpfring_joint_leave(struct joint *j)
{
	if (j->source)
		bpfring_source_detach(j->source);
}

int bpfring_joint_add(struct joint *j, struct bpfring_consumer *c)
{
	const struct bpfring_source model = {
		.c = c, .joint = j, .fd = c->map.fd, .events = EPOLLIN | EPOLLET};
	struct bpfring_loop *l = j->source->loop;
	int err = bpfring_source_add(l, &model);

	if (err)
		log_error("map '%s' id %u: the loop cannot watch it: %s%s\n", c->map.name,
			  c->map.id, bpfring_errname(err),
			  err == -ENOSPC ? "; raise fs.epoll.max_user_watches (sysctl)" : "");
	return err;
}

void bpfring_joint_wake(struct joint *j)
{
	struct bpfring_loop *l = j->source ? j->source->loop : NULL;

	if (!l)
		return;
	bpfring_source_activate(j->source, 0);
	if (l->outer)
		bpfring_waiter_touch(&l->waiter);
}
