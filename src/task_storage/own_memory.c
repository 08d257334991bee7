// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Memory of the caller's own, and why the kernel may not take it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/sys.h"
#include "task_storage/task_storage.h"

/* Reads /proc/self/maps line by line, through a buffer of one page. */
struct lines {
	int fd;
	size_t used;
	char buf[4096];
};

/* The next line, cut if need be, without its end; false at the end of the file. */
static bool next_line(struct lines *l, char *ret, size_t size)
{
	size_t len;
	char *end;

	while (!(end = memchr(l->buf, '\n', l->used))) {
		int n = l->used < sizeof(l->buf) ? bpfring_sys_read(l->fd, l->buf + l->used,
								    sizeof(l->buf) - l->used)
						 : -ENOBUFS;
		if (n <= 0)
			return false;
		l->used += (size_t)n;
	}
	*end = '\0';
	len = (size_t)(end - l->buf) < size ? (size_t)(end - l->buf) + 1 : size;
	memcpy(ret, l->buf, len);
	ret[len - 1] = '\0';
	l->used -= (size_t)(end + 1 - l->buf);
	memmove(l->buf, end + 1, l->used);
	return true;
}

static const char *kind_of(const char *line)
{
	const char *path = strchr(line, '/'), *perms = strchr(line, ' ');

	if (!perms || strlen(++perms) < 4)
		return "/proc does not show why";
	if (perms[0] != 'r' && perms[1] != 'w')
		return "it may not be accessed";
	if (perms[1] != 'w')
		return "it is read-only";
	if (path && !strncmp(path, "/secretmem", 10))
		return "it is memfd_secret() memory, which the kernel itself may not see";
	if (perms[3] == 's' && path)
		return "it is a shared mapping of a file, whose writes the kernel must see; map it "
		       "private, or use a memfd";
	return "its kind of memory cannot be pinned";
}

const char *bpfring_task_memory_kind(const void *mem)
{
	struct lines lines = {.fd = bpfring_sys_open("/proc/self/maps")};
	const char *kind = "nothing is mapped there";
	char line[512], *end;

	if (lines.fd < 0)
		return "/proc does not tell why";
	while (next_line(&lines, line, sizeof(line))) {
		unsigned long from = strtoul(line, &end, 16); /* "from-to rw-p ..." */

		if ((uintptr_t)mem < from || *end != '-' ||
		    (uintptr_t)mem >= strtoul(end + 1, NULL, 16))
			continue;
		kind = kind_of(line);
		break;
	}
	bpfring_sys_close(lines.fd);
	return kind;
}

static int check(const struct bpfring_task_storage *ts, const struct bpfring_task_member *m,
		 const void *mem)
{
	size_t page = bpfring_sys_page_size();

	if (ts->path->name == BPFRING_TASK_PATH_FALLBACK) {
		log_error("map '%s': memory cannot be lent on the fall-back\n", ts->map.name);
		return -EOPNOTSUPP;
	}
	if ((uintptr_t)mem % m->align) {
		log_error("map '%s': member '%s': %p is not aligned to %u bytes\n", ts->map.name,
			  m->name, mem, m->align);
		return -EINVAL;
	}
	if ((uintptr_t)mem / page != ((uintptr_t)mem + m->size - 1) / page) {
		log_error("map '%s': member '%s': %u bytes at %p cross the end of a page\n",
			  ts->map.name, m->name, m->size, mem);
		return -EOPNOTSUPP;
	}
	return 0;
}

static int lend(struct bpfring_task_storage *ts, unsigned int uptr, void *mem)
{
	struct binding *b;
	void *before;
	int err = bpfring_task_bind_self(ts, &b);

	if (err)
		return err;
	before = b->cell.mem[uptr];
	if (!b->dealt[uptr])
		b->dealt[uptr] = before;
	if (!mem)
		mem = b->dealt[uptr];
	b->cell.mem[uptr] = mem;
	b->cell.ref[uptr] = (uintptr_t)mem;
	err = bpfring_task_element_publish(ts, b);
	if (!err)
		return 0;
	b->cell.mem[uptr] = before;
	b->cell.ref[uptr] = (uintptr_t)before;
	log_error("map '%s': member '%s': the kernel does not pin %p: %s%s%s\n", ts->map.name,
		  task_uptr_member(ts, uptr)->name, mem, bpfring_errname(err),
		  err == -EFAULT ? ": " : "", err == -EFAULT ? bpfring_task_memory_kind(mem) : "");
	return err;
}

int bpfring_task_storage_lend(struct bpfring_task_storage *ts, int member, void *mem)
{
	int uptr, err;

	if (!ts)
		return -EINVAL;
	uptr = bpfring_task_layout_uptr(&ts->layout, member);
	if (uptr < 0)
		return -EINVAL;
	bpfring_task_lock();
	err = check(ts, &ts->layout.members[member], mem);
	if (!err)
		err = lend(ts, (unsigned int)uptr, mem);
	bpfring_task_unlock();
	return err;
}
