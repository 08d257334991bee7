// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Opening and closing a tap, and what it says of itself. */
#include "observe/tap.h"

#include <errno.h>
#include <linux/bpf.h>
#include <string.h>

#include "observe/log.h"
#include "observe/options.h"
#include "observe/sys.h"

#define KNOWN_FLAGS \
	((uint32_t)(BPFRING_TAP_SHOW_DISCARDED | BPFRING_TAP_PASS_BUSY | BPFRING_TAP_RECORDER))
#define DEFAULT_LATENCY_NS 50000000
#define DEFAULT_PERMILLE   10

/* Do stores become visible in the order of the program? Then so little is in doubt. */
#if defined(__x86_64__) || defined(__i386__) || defined(__s390x__)
#define STORES_IN_ORDER 1
#else
#define STORES_IN_ORDER 0
#endif
#define HEADER_IN_DOUBT 8 /* the one written before its reservation is published */

static int read_opts(struct bpfring_tap_opts *ret, void *out, const struct bpfring_tap_opts *opts)
{
	const char *wrong = NULL;
	int err;

	*ret = (struct bpfring_tap_opts){.sz = sizeof(*ret)};
	if (!out)
		return -EINVAL;
	err = bpfring_observe_read_options(ret, sizeof(*ret), opts, "struct bpfring_tap_opts");
	if (err)
		return err;
	if (ret->start > BPFRING_TAP_NOW)
		wrong = "an unknown start";
	else if ((ret->flags & ~KNOWN_FLAGS) || ret->reserved)
		wrong = "an unknown flag";
	else if (ret->buffer && !ret->buffer_size)
		wrong = "a buffer without a size";
	else if ((uintptr_t)ret->buffer & 7)
		wrong = "a buffer that is not aligned to 8 bytes";
	else if (ret->max_latency_ns < 0)
		wrong = "a latency below 0";
	else if (ret->cpu_permille > 1000)
		wrong = "a CPU budget of more than one processor";
	if (wrong) {
		log_error("struct bpfring_tap_opts: %s\n", wrong);
		return -EINVAL;
	}
	if (!ret->max_latency_ns)
		ret->max_latency_ns = DEFAULT_LATENCY_NS;
	if (!ret->cpu_permille)
		ret->cpu_permille = DEFAULT_PERMILLE;
	return 0;
}

static void start(struct bpfring_tap *t, enum bpfring_tap_start where)
{
	bpfring_tap_look_first(t);
	t->pos = where == BPFRING_TAP_NOW ? t->prod : bpfring_tap_oldest(t);
	t->gap = 0;
	t->overruns = 0;
	t->next = t->count = 0;
	t->pace.looks = 0;
	t->pace.cpu_ns = 0;
	memset(&t->stats, 0, sizeof(t->stats));
	t->stats.start_pos = t->pos;
}

/* On an open view, which it takes over, also on failure. */
static int tap_new(struct bpfring_tap **ret, struct bpfring_view *view,
		   const struct bpfring_tap_opts *opts)
{
	struct bpfring_tap *t = bpfring_observe_sys_alloc(sizeof(*t));
	int err = -ENOMEM;

	if (!t)
		goto close_view;
	t->view = view;
	t->ring.sz = sizeof(t->ring);
	bpfring_view_info(view, &t->ring);
	err = -EINVAL;
	if (t->ring.map_type != BPF_MAP_TYPE_RINGBUF) {
		log_error("map '%s' id %u is a user ring, a tap needs one that the kernel writes\n",
			  t->ring.map_name, t->ring.map_id);
		goto free_tap;
	}
	t->data = t->ring.data;
	t->mask = t->ring.ring_size - 1;
	t->flags = opts->flags;
	t->margin = HEADER_IN_DOUBT;
	t->margin_grows = !STORES_IN_ORDER;
	t->buffer = opts->buffer;
	t->buffer_size = opts->buffer_size & ~(size_t)7;
	if (!opts->buffer) {
		if (!opts->buffer_size)
			t->buffer_size = (size_t)t->ring.ring_size;
		err = -ENOMEM;
		t->buffer = bpfring_observe_sys_alloc(t->buffer_size);
		if (!t->buffer) {
			log_error("map '%s' id %u: no memory for a buffer of %zu bytes\n",
				  t->ring.map_name, t->ring.map_id, t->buffer_size);
			goto free_tap;
		}
		t->own_buffer = true;
	}
	atomic_init(&t->pace.timer_fd, -1);
	t->pace.max_latency_ns = opts->max_latency_ns;
	t->pace.cpu_permille = opts->cpu_permille;
	err = opts->flags & BPFRING_TAP_RECORDER ? bpfring_tap_be_consumer(t) : 0;
	if (err)
		goto free_buffer;
	start(t, opts->start);
	*ret = t;
	return 0;

free_buffer:
	if (t->own_buffer)
		bpfring_observe_sys_free(t->buffer);
free_tap:
	bpfring_observe_sys_free(t);
close_view:
	bpfring_view_close(view);
	return err;
}

int bpfring_tap_open(struct bpfring_tap **ret, int map_fd, const struct bpfring_tap_opts *opts)
{
	struct bpfring_tap_opts known;
	struct bpfring_view *view;
	int err = read_opts(&known, ret, opts);

	if (!err)
		err = bpfring_view_open(&view, map_fd);
	return err ? err : tap_new(ret, view, &known);
}

int bpfring_tap_open_pinned(struct bpfring_tap **ret, const char *path,
			    const struct bpfring_tap_opts *opts)
{
	struct bpfring_tap_opts known;
	struct bpfring_view *view;
	int err = path ? read_opts(&known, ret, opts) : -EINVAL;

	if (!err)
		err = bpfring_view_open_pinned(&view, path);
	return err ? err : tap_new(ret, view, &known);
}

int bpfring_tap_open_id(struct bpfring_tap **ret, uint32_t map_id,
			const struct bpfring_tap_opts *opts)
{
	struct bpfring_tap_opts known;
	struct bpfring_view *view;
	int err = read_opts(&known, ret, opts);

	if (!err)
		err = bpfring_view_open_id(&view, map_id);
	return err ? err : tap_new(ret, view, &known);
}

void bpfring_tap_close(struct bpfring_tap *t)
{
	if (!t || bpfring_tap_is_inside(t, "bpfring_tap_close()"))
		return;
	bpfring_observe_sys_close(t->pace.timer_fd);
	if (t->own_buffer)
		bpfring_observe_sys_free(t->buffer);
	bpfring_consumer_close(t->consumer);
	bpfring_view_close(t->view);
	bpfring_observe_sys_free(t);
}

int bpfring_tap_seek(struct bpfring_tap *t, enum bpfring_tap_start where)
{
	if (!t || (where != BPFRING_TAP_OLDEST && where != BPFRING_TAP_NOW) ||
	    bpfring_tap_is_inside(t, "bpfring_tap_seek()"))
		return -EINVAL;
	start(t, where);
	return 0;
}

int bpfring_tap_stats(const struct bpfring_tap *t, struct bpfring_tap_stats *ret)
{
	struct bpfring_tap_stats now;

	if (!t)
		return -EINVAL;
	now = t->stats;
	now.pos = t->pos;
	now.prod_pos = t->prod;
	now.ring_size = t->mask + 1;
	now.looks = t->pace.looks;
	now.cpu_ns = t->pace.cpu_ns;
	now.map_id = t->ring.map_id;
	now.map_flags = t->ring.map_flags;
	memcpy(now.map_name, t->ring.map_name, sizeof(now.map_name));
	return bpfring_observe_write(ret, &now, sizeof(now),
				     offsetof(struct bpfring_tap_stats, bytes));
}
