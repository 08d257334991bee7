// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Why a call of a consumer is refused, and what helps. */
#include <errno.h>

#include "ring/consumer.h"

int bpfring_consumer_refuse(struct bpfring_consumer *c, enum call_state state, const char *call)
{
	if (state == CALL_THEIRS)
		log_once(c->said, CONSUMER_SAID_THREADS, ERROR,
			 "map '%s' id %u: %s, but another thread is waiting for its records or "
			 "taking them: one thread at a time owns a consumer\n",
			 c->map.name, c->map.id, call);
	else
		log_once(c->said, CONSUMER_SAID_NESTED, ERROR,
			 "map '%s' id %u: %s, but this is one of its own callbacks%s: return "
			 "from it first\n",
			 c->map.name, c->map.id, call,
			 state == CALL_MAYBE
				 ? ", or longjmp() left one and this stack does not tell"
				 : "");
	return -EINVAL;
}

int bpfring_consumer_refuse_child(struct bpfring_consumer *c)
{
	log_once(c->said, CONSUMER_SAID_CHILD, ERROR,
		 "map '%s' id %u: it belongs to the parent of this process: close it here, and "
		 "open another\n",
		 c->map.name, c->map.id);
	return -ECHILD;
}

void bpfring_consumer_log_broken(const struct bpfring_consumer *c, int err)
{
	const struct bpfring_ring *cons = &c->cons;

	if (err == -EBADMSG)
		log_error("map '%s' id %u: the ring is corrupt: consumer at %llu, producer at "
			  "%llu, %zu bytes: no record is there; -EBADMSG; "
			  "BPFRING_CONSUMER_RECOVER repairs it\n",
			  c->map.name, c->map.id, (unsigned long long)cons->pos,
			  (unsigned long long)bpfring_priv_load_prod(cons), c->mapping.size);
	else if (err == -EBUSY)
		log_error("map '%s' id %u: somebody else moved the consumer position: a second "
			  "consumer reads this ring; -EBUSY\n",
			  c->map.name, c->map.id);
}

int bpfring_consumer_check_held(struct bpfring_consumer *c, const char *call)
{
	if (c->cons.pos == c->cons.released)
		return 0;
	log_once(c->said, CONSUMER_SAID_HELD, ERROR,
		 "map '%s' id %u: %s, but records are held by a peek: bpfring_consumer_release() "
		 "or bpfring_consumer_cancel() them first\n",
		 c->map.name, c->map.id, call);
	return -EINVAL;
}
