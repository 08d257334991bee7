/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * View: the memory of a ring as it is, mapped read-only, for programs that only look.
 *
 * A view knows nothing of records. It finds the map, says what it is, and maps it; what reads the
 * positions and the data takes care of the rest (tap.h does). It disturbs nobody: nothing can be
 * written through it, and neither producers nor consumers notice it. Both kinds of ring can be
 * viewed, BPF_MAP_TYPE_RINGBUF and BPF_MAP_TYPE_USER_RINGBUF.
 *
 * A view holds the memory of the map, also when all programs and processes that used it have ended.
 * Any thread may use it; a forked child has it too.
 *
 * Needs: Linux 5.8.
 */
#ifndef BPFRING_VIEW_H
#define BPFRING_VIEW_H

#include <bpfring/common.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bpfring_view;

/**
 * bpfring_view_open() - map a ring read-only, by file descriptor.
 * @ret:    the view; free it with bpfring_view_close()
 * @map_fd: the map; the caller may close it afterwards. The kernel maps a ring only through a
 *          descriptor that may read and write, although nothing is written.
 *
 * Return: 0, or -EINVAL: @ret is NULL, not a BPF map, or not a ring buffer; -EBADF: @map_fd is
 * closed; -EACCES: the descriptor is read-only or write-only; -EPERM: neither bpf() nor /proc says
 * what it is; -E2BIG: the ring is too large for the address space; -ENOMEM, -EMFILE, -ENFILE.
 */
BPFRING_API int bpfring_view_open(struct bpfring_view **ret, int map_fd);

/**
 * bpfring_view_open_pinned() - the same for a map pinned in a BPF file system.
 *
 * Return: as bpfring_view_open(), and -ENOENT: no such pin; -EACCES, -EPERM: file permissions, or
 * the kernel refuses bpf() to this process.
 */
BPFRING_API int bpfring_view_open_pinned(struct bpfring_view **ret, const char *path);

/**
 * bpfring_view_open_id() - the same for any map of the system, by its id. Needs CAP_SYS_ADMIN.
 *
 * Return: as bpfring_view_open(), and -ENOENT: no map has this id; -EPERM: not allowed.
 */
BPFRING_API int bpfring_view_open_id(struct bpfring_view **ret, uint32_t map_id);

/** bpfring_view_close() - unmap the ring. @v: NULL is fine */
BPFRING_API void bpfring_view_close(struct bpfring_view *v);

/**
 * struct bpfring_view_info - what a view shows. Pointers are valid until bpfring_view_close().
 * @sz:             set by the caller: sizeof(struct bpfring_view_info)
 * @cons_word:      consumer position: word_size bytes at the start of a page
 * @prod_word:      producer position: the same
 * @overwrite_word: start of the oldest record that is left, in a ring that overwrites its oldest
 *                  records (BPF_F_RB_OVERWRITE); else NULL
 * @data:           data area, ring_size bytes mapped twice in a row
 * @ring_size:      the map's max_entries, a power of two
 * @word_size:      sizeof(long) of the kernel: 8 or 4
 * @map_type:       BPF_MAP_TYPE_RINGBUF or BPF_MAP_TYPE_USER_RINGBUF
 * @map_id:         id of the map, 0 if the kernel does not say
 * @map_flags:      BPF_F_* of its creation
 * @map_name:       its name, "" if it has none
 * @map_fd:         the view's own descriptor of the map; do not close it
 */
struct bpfring_view_info {
	size_t sz;
	const void *cons_word;
	const void *prod_word;
	const void *overwrite_word;
	const void *data;
	uint64_t ring_size;
	uint32_t word_size;
	uint32_t map_type;
	uint32_t map_id;
	uint32_t map_flags;
	char map_name[16];
	int map_fd;
	uint32_t reserved;
};

BPFRING_PRIV_NAMESAKE_BEGIN
/**
 * bpfring_view_info() - where everything is.
 * @ret: filled up to its @sz; members that this library does not know are zeroed
 *
 * Return: 0; -EINVAL: NULL, or a size less than that of the first two members.
 */
BPFRING_API int bpfring_view_info(const struct bpfring_view *v, struct bpfring_view_info *ret);
BPFRING_PRIV_NAMESAKE_END

#ifdef __cplusplus
}
#endif

#endif /* BPFRING_VIEW_H */
