// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* The element of a thread in a task storage map. */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/sys.h"
#include "base/sys_bpf.h"
#include "task_storage/task_storage.h"

#define KERNEL_ENOTSUPP	 524
#define KERNEL_MAX_ERRNO 4095
#define RETRIES		 64 /* of the program that sets a thread's own element */

/* Of bpf/task_storage.bpf.h. */
enum {
	OP_GET = 0,
	OP_SET = 1,
	OP_DELETE = 2,
	OP_SET_NEW = 3, /* -EEXIST if there is one */
};

/* Behind the value, a request to NAME_bind. */
struct request_tail {
	uint64_t op;
	uint64_t inode; /* of the calling thread; may be untrue */
};

size_t bpfring_task_scratch_size(const struct task_layout *layout)
{
	return layout->value_size + sizeof(struct request_tail);
}

void *bpfring_task_value(struct bpfring_task_storage *ts)
{
	return ts->scratch;
}

/* On the fall-back a thread reaches its own element through a program that runs in it. */
static bool by_program(const struct bpfring_task_storage *ts, struct task_id id)
{
	return ts->parts.bind_fd >= 0 && id.pidfd < 0 && id.tid == bpfring_sys_gettid();
}

/*
 * The kernel does not make or delete an element while another task on the processor is about to, or
 * while the task's storage comes or goes; its helpers do not tell this from a lack of memory.
 */
static bool may_pass(uint64_t op, int err)
{
	return err == -EBUSY || err == -EAGAIN ||
	       ((op == OP_SET || op == OP_SET_NEW) && err == -ENOMEM);
}

static int run(struct bpfring_task_storage *ts, uint64_t op)
{
	struct request_tail tail = {.op = op};
	char *end = (char *)ts->scratch + ts->layout.value_size;
	int err, tries = 0;

	memcpy(end, &tail, sizeof(tail));
	do {
		if (tries)
			bpfring_sys_yield();
		err = bpfring_sys_prog_run_ctx(ts->parts.bind_fd, ts->scratch,
					       (uint32_t)bpfring_task_scratch_size(&ts->layout));
	} while (may_pass(op, err) && ++tries < RETRIES);
	memcpy(&tail, end, sizeof(tail));
	ts->caller_inode = tail.inode;
	/*
	 * What a program returns is an error of ours, or it is not the program that we take it for.
	 */
	return err > 0 || err < -KERNEL_MAX_ERRNO ? -EINVAL : err;
}

static int by_pidfd(struct bpfring_task_storage *ts, struct task_id id, uint32_t op, uint64_t flags)
{
	int fd = id.pidfd >= 0 ? id.pidfd : bpfring_task_pidfd(id.tid);
	int err;

	if (fd < 0)
		return fd;
	if (op == OP_GET)
		err = bpfring_sys_elem_lookup(ts->map.fd, &fd, bpfring_task_value(ts));
	else if (op == OP_SET)
		err = bpfring_sys_elem_update(ts->map.fd, &fd, bpfring_task_value(ts), flags);
	else
		err = bpfring_sys_elem_delete(ts->map.fd, &fd);
	if (id.pidfd < 0)
		bpfring_sys_close(fd);
	switch (err) {
	case -KERNEL_ENOTSUPP:
		return -EOPNOTSUPP;
	case -EOVERFLOW: /* an address at the very end of the address space */
		return -EFAULT;
	default:
		return err;
	}
}

int bpfring_task_element_read(struct bpfring_task_storage *ts, struct task_id id)
{
	return by_program(ts, id) ? run(ts, OP_GET) : by_pidfd(ts, id, OP_GET, 0);
}

/*
 * The kernel replaces an element as a whole, and what BPF put into a __kptr of the old one is gone.
 */
int bpfring_task_element_write(struct bpfring_task_storage *ts, struct task_id id, uint64_t flags)
{
	int err;

	if (by_program(ts, id))
		return run(ts, flags == BPF_NOEXIST ? OP_SET_NEW : OP_SET);
	err = by_pidfd(ts, id, OP_SET, ts->layout.has_kptr ? BPF_NOEXIST : flags);
	if (err == -EEXIST && ts->layout.has_kptr)
		log_error("map '%s': thread %d has an element, and writing it would drop what BPF "
			  "keeps in its __kptr; let the thread bind before BPF makes the element, "
			  "or keep the __kptr in a map of its own\n",
			  ts->map.name, (int)id.tid);
	return err;
}

int bpfring_task_element_delete(struct bpfring_task_storage *ts, struct task_id id)
{
	int err = by_program(ts, id) ? run(ts, OP_DELETE) : by_pidfd(ts, id, OP_DELETE, 0);

	return err == -ENOENT || err == -ESRCH ? 0 : err; /* it, or the thread, is gone */
}

/*
 * The kernel shows pointers as zero and replaces the value as a whole: all are filled in each time.
 */
void bpfring_task_element_refer(struct bpfring_task_storage *ts, const struct binding *b)
{
	for (unsigned int i = 0; i < ts->layout.uptr_count; i++)
		memcpy((char *)bpfring_task_value(ts) + task_uptr_member(ts, i)->offset,
		       &b->cell.ref[i], sizeof(b->cell.ref[i]));
}

/* It shows all that it does not take for an uptr. */
int bpfring_task_element_check(struct bpfring_task_storage *ts, struct task_id id)
{
	int err;

	if (ts->is_checked || ts->path->name == BPFRING_TASK_PATH_FALLBACK)
		return 0;
	err = bpfring_task_element_read(ts, id);
	for (unsigned int i = 0; i < ts->layout.uptr_count && !err; i++) {
		const struct bpfring_task_member *m = task_uptr_member(ts, i);
		uint64_t shown;

		memcpy(&shown, (char *)bpfring_task_value(ts) + m->offset, sizeof(shown));
		if (!shown)
			continue;
		log_error("map '%s': the kernel sees no __uptr at offset %u of the value, where "
			  "member '%s' is; it sees none at all if a bit field begins within a "
			  "byte, or if a __kptr points to an unknown type\n",
			  ts->map.name, m->offset, m->name);
		err = -EINVAL;
	}
	if (err)
		bpfring_task_element_delete(ts, id);
	ts->is_checked = !err;
	return err;
}

/* What there is, with what @b shares filled in: 1 if there is nothing yet. */
static int prepare_publish(struct bpfring_task_storage *ts, const struct binding *b,
			   struct task_id id)
{
	int err = bpfring_task_element_read(ts, id);

	if (err == -ENOENT)
		memset(bpfring_task_value(ts), 0, ts->layout.value_size);
	else if (err)
		return err;
	bpfring_task_element_refer(ts, b);
	return err == -ENOENT;
}

/*
 * Another process or BPF may make the element just now: then it is looked at first. What another
 * process may be writing is read again with that one shut out.
 */
int bpfring_task_element_publish(struct bpfring_task_storage *ts, struct binding *b)
{
	struct task_id id = {b->tid, b->pidfd};
	bool is_uptr = ts->path->name == BPFRING_TASK_PATH_UPTR;
	int err, is_new, tries = 0;

	do {
		is_new = prepare_publish(ts, b, id);
		if (by_program(ts, id))
			b->seen.inode = ts->caller_inode;
		if ((is_uptr || !is_new) && bpfring_task_begin_publish(ts, b))
			is_new = prepare_publish(ts, b, id);
		err = is_new < 0
			      ? is_new
			      : bpfring_task_element_write(ts, id, is_new ? BPF_NOEXIST : BPF_ANY);
		bpfring_task_end_publish(ts, b);
	} while (err == -EEXIST && is_new > 0 && ++tries < RETRIES);
	return err == -ENOENT ? -ESRCH : err; /* of the thread: the element need not exist */
}
