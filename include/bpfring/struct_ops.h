/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * struct_ops: kernel operations written in BPF (a congestion control, a scheduler, ...): prepared,
 * registered, replaced, watched, inspected and unregistered.
 *
 * A handle stands for one struct_ops map, for a link that registers it, or for both. It comes from
 * a BPF object that is about to be loaded, or from a descriptor, an id or a pin of what another
 * process loaded. The usual life:
 *
 *	obj = bpf_object__open(...);
 *	bpfring_struct_ops_open_object(&ops, obj, "my_cc", NULL);
 *	bpfring_struct_ops_set_string(ops, "name", "my_cc_2");
 *	bpfring_struct_ops_prepare(ops, BPFRING_STRUCT_OPS_MODE_AUTO);
 *	bpf_object__load(obj);
 *	bpfring_struct_ops_register(ops);
 *	bpf_obj_pin(bpfring_struct_ops_link_fd(ops), "/sys/fs/bpf/my_cc"); to outlive this process
 *	...
 *	bpfring_struct_ops_unregister(ops);
 *	bpfring_struct_ops_wait_released(ops, -1);
 *	bpfring_struct_ops_close(ops);
 *
 * Two modes of registration. With a link (Linux 6.4) it lasts as long as the link: a descriptor or
 * a pin of it; it can be replaced at once, without a gap. Without one (legacy) storing the map's
 * value registers it, and it stays, also after the process, until it is deleted.
 *
 * States of a map: INIT (no value yet) -> READY (link mode: has its value, links may register it),
 * or INIT -> INUSE (legacy: registered) -> TOBEFREE (unregistered, the kernel may still use it). A
 * value is stored once and never changes: to change something, load another map and replace.
 *
 * Threads: one thread at a time uses a handle. Needs: Linux 5.6, CAP_BPF for loading; the other
 * calls need only descriptors, by id also CAP_SYS_ADMIN. docs/struct_ops.md has the table of
 * operations by mode and kernel version.
 */
#ifndef BPFRING_STRUCT_OPS_H
#define BPFRING_STRUCT_OPS_H

#include <bpfring/common.h>
#include <bpfring/struct_ops_types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bpf_object;
struct bpf_program;
struct bpfring_struct_ops;

/**
 * struct bpfring_struct_ops_opts - how a handle is opened.
 * @sz:    sizeof(struct bpfring_struct_ops_opts)
 * @types: the kernel's types, to share among handles; must outlive the handle. NULL: the handle
 *         loads them when it needs them
 */
struct bpfring_struct_ops_opts {
	size_t sz;
	const struct bpfring_struct_ops_types *types;
};

/* ---- Open and close ---- */

/**
 * bpfring_struct_ops_open() - a handle on a map or a link by its descriptor.
 * @ret:  the handle; free it with bpfring_struct_ops_close()
 * @fd:   a struct_ops map or a struct_ops link; it is duplicated
 * @opts: NULL for defaults
 *
 * From a link the handle learns the map by its id; without CAP_SYS_ADMIN it goes on without the
 * map: detaching and watching work, replacing if the caller names the map that is in the link, and
 * what needs the map gives -ENOENT.
 *
 * Return: 0, or -EINVAL: @ret is NULL, or neither a map nor a link of struct_ops; -E2BIG: @opts is
 * from a newer library; -EBADF: @fd is closed; -ENOMEM, -EMFILE, -ENFILE.
 */
BPFRING_API int bpfring_struct_ops_open(struct bpfring_struct_ops **ret, int fd,
					const struct bpfring_struct_ops_opts *opts);

/**
 * bpfring_struct_ops_open_pinned() - the same for a map or a link pinned in a BPF file system.
 * Return: as bpfring_struct_ops_open(), and -ENOENT: no such pin; -EACCES, -EPERM.
 */
BPFRING_API int bpfring_struct_ops_open_pinned(struct bpfring_struct_ops **ret, const char *path,
					       const struct bpfring_struct_ops_opts *opts);

/**
 * bpfring_struct_ops_open_object() - a handle on a map of a BPF object, loaded or still to be
 * loaded.
 * @obj:  must stay open until the map is stored, registered or replaces another; then the handle
 *        forgets it
 * @name: the variable in SEC(".struct_ops") or SEC(".struct_ops.link")
 *
 * Return: 0, or -ENOENT: the object has no such map (libbpf before 1.2 does not see the section
 * ".struct_ops.link": use ".struct_ops", bpfring_struct_ops_prepare() chooses the mode); -EINVAL:
 * NULL, a map of another type, or BTF that does not describe it; -E2BIG: @opts; -ENOMEM.
 */
BPFRING_API int bpfring_struct_ops_open_object(struct bpfring_struct_ops **ret,
					       struct bpf_object *obj, const char *name,
					       const struct bpfring_struct_ops_opts *opts);

/**
 * bpfring_struct_ops_close() - close the handle's descriptors and free it.
 * @ops: NULL is fine
 *
 * If it has the last reference of an unpinned link, this unregisters. Ends its watch.
 *
 * A scheduler that sched_ext has ejected keeps its link. If another scheduler runs by now, some
 * kernels (6.18 and 6.19; 7.2 no longer) would end that one when the link is closed. Then the
 * descriptor stays open, with a warning, if this handle registered it or was to unregister it.
 */
BPFRING_API void bpfring_struct_ops_close(struct bpfring_struct_ops *ops);

/** bpfring_struct_ops_map_fd() - the handle's own descriptor of the map, -1 if it has none. */
BPFRING_API int bpfring_struct_ops_map_fd(const struct bpfring_struct_ops *ops);
/** bpfring_struct_ops_link_fd() - the handle's own descriptor of the link, -1 if it has none. */
BPFRING_API int bpfring_struct_ops_link_fd(const struct bpfring_struct_ops *ops);
/* ---- Prepare: handles of bpfring_struct_ops_open_object(), before bpf_object__load() ---- */

/**
 * bpfring_struct_ops_set_int() - set an integer, boolean, enum or flags member.
 * @member: its name in the object's struct
 *
 * Return: 0, or -ERANGE: @value does not fit the member; -EINVAL: NULL, or not a member of that
 * kind (pointers to data are always refused); -ENOENT: the object's struct has no such member;
 * -EBUSY: the handle is not of an object, or the object is loaded already; -EOPNOTSUPP: needs
 * libbpf 1.4.
 */
BPFRING_API int bpfring_struct_ops_set_int(struct bpfring_struct_ops *ops, const char *member,
					   int64_t value);

/**
 * bpfring_struct_ops_set_string() - set an array of char; the rest of it becomes zero.
 * Return: as bpfring_struct_ops_set_int(); -ERANGE: too long for the member, final NUL included.
 */
BPFRING_API int bpfring_struct_ops_set_string(struct bpfring_struct_ops *ops, const char *member,
					      const char *value);

/**
 * bpfring_struct_ops_set_program() - choose the program of a function member.
 * @prog: a SEC("struct_ops") program of the same object; NULL: none. A program that then has no
 *        member left is not loaded.
 *
 * Return: as bpfring_struct_ops_set_int(); -EINVAL also for a program of another type.
 */
BPFRING_API int bpfring_struct_ops_set_program(struct bpfring_struct_ops *ops, const char *member,
					       struct bpf_program *prog);

/**
 * bpfring_struct_ops_set_optional() - what if a member is set that does not fit the running kernel?
 * @member:   its name; NULL: all members
 * @optional: non-zero: bpfring_struct_ops_prepare() drops it; 0, the default: it fails
 *
 * A member does not fit if the kernel's struct lacks it, or has another prototype for it.
 *
 * Return: as bpfring_struct_ops_set_int(), but never -EOPNOTSUPP.
 */
BPFRING_API int bpfring_struct_ops_set_optional(struct bpfring_struct_ops *ops, const char *member,
						int optional);

enum bpfring_struct_ops_mode {
	BPFRING_STRUCT_OPS_MODE_AUTO = 0,   /* a link where kernel and type take one, else legacy */
	BPFRING_STRUCT_OPS_MODE_LINK = 1,   /* a link or nothing */
	BPFRING_STRUCT_OPS_MODE_LEGACY = 2, /* without a link */
};

/**
 * bpfring_struct_ops_prepare() - fit the map to the running kernel. The last step before
 * bpf_object__load().
 * @mode: enum bpfring_struct_ops_mode
 *
 * Compares the object's struct with the kernel's, drops members that do not fit if they are set
 * and optional, and chooses the mode. The log says of each member that does not fit what the
 * object and the kernel declare. Prototypes fit if they have the same number of arguments, and
 * each argument and the result is an integer of the same size, a pointer to the same thing
 * (structs by name; void * fits every pointer), or the same struct. Neither libbpf nor the kernel
 * compares them.
 *
 * From then on the map is left out when a skeleton attaches what it has (libbpf 1.5); storing and
 * registering do the same. It can be called again: what was dropped stays dropped and counts
 * again, unless it has been set since. If it fails, the map is as it was.
 *
 * Return: number of members dropped, see bpfring_struct_ops_dropped(), or
 * -ENOENT: the kernel lacks the type, or a member that is set and not optional; -EINVAL: NULL,
 * unknown mode, a member that is set and not optional has another prototype in the kernel, or a
 * member that is no function has another kind or size there, set or not (libbpf loads no such
 * object); -EOPNOTSUPP: the kernel knows no links, or a member does not fit and libbpf is older
 * than 1.4, which neither drops members nor shows whether they are set; -EBUSY: not of an object,
 * or loaded already; -ENOMEM, or as bpfring_struct_ops_types_load(). Of several the first.
 */
BPFRING_API int bpfring_struct_ops_prepare(struct bpfring_struct_ops *ops,
					   enum bpfring_struct_ops_mode mode);

/**
 * bpfring_struct_ops_dropped() - names of what bpfring_struct_ops_prepare() dropped, from 0. Ask
 * before the map is stored or registered: the handle then forgets the object.
 * @ret: lives as long as the object
 * Return: 0; -ENOENT: there are not so many; -EINVAL: NULL.
 */
BPFRING_API int bpfring_struct_ops_dropped(const struct bpfring_struct_ops *ops, unsigned int index,
					   const char **ret);

/* ---- Register, replace, unregister ---- */

/**
 * bpfring_struct_ops_store() - give a link-mode map its value without registering it: INIT ->
 * READY.
 *
 * For maps that another process is to register, or that are to replace another. Registering and
 * replacing do this by themselves if the handle is of an object.
 *
 * Return: 0, also if it is READY already; -ENODATA: the handle is not of an object, so nobody here
 * knows the value; -EOPNOTSUPP: a legacy map, where storing is registering; -EINVAL: NULL, the
 * object is not loaded, or was loaded without the map (bpf_map__set_autocreate()), the kernel
 * refuses a member (the log says which), or has another prototype for one that is set; -E2BIG,
 * -EPERM, -ENOMEM; libbpf 1.2 and 1.3 cannot store alone: they register too, and the handle then
 * has the link.
 */
BPFRING_API int bpfring_struct_ops_store(struct bpfring_struct_ops *ops);

/**
 * bpfring_struct_ops_register() - make the kernel offer it.
 *
 * In link mode the handle gets a link; it lasts while a descriptor or a pin of it does. The map
 * may have been loaded by another process, which then has to have stored its value. After the link
 * was detached, the handle can register its map again and gets another link; a watch goes on with
 * that. A legacy map is registered once: after unregistering it, the kernel takes neither it nor
 * another value for it.
 *
 * Blocks for as long as the kernel takes. A scheduler (sched_ext_ops) takes over one thread after
 * the other meanwhile, and on a loaded machine the caller may starve half-way, with everything
 * else: be a real-time thread for this call (docs/sched_ext.md, "Loading under load").
 *
 * Return: 0, or
 * -EEXIST: the kernel has operations of that name; -EBUSY: this handle has a link that is not
 * detached, a legacy map is or was registered, or, for types of which there is one at a time,
 * another one is in use;
 * -EINVAL: as for bpfring_struct_ops_store(); -EOPNOTSUPP: the type cannot be registered, or not
 * in this mode;
 * -ENODATA: the map has no value, and the handle is not of an object; -ENOENT: the handle has no
 * map;
 * -E2BIG: the programs need more trampolines than the kernel has room for; -EPERM, -ENOMEM, or
 * another error of the subsystem. The log explains each.
 */
BPFRING_API int bpfring_struct_ops_register(struct bpfring_struct_ops *ops);

/**
 * bpfring_struct_ops_replace() - put another map into a link: at every moment one of both is
 * registered.
 * @ops:      has the link
 * @with:     the new map, in link mode and READY, or of a loaded object
 * @expected: replace only if the link has this map now; NULL: whatever it has
 *
 * What counts is what the link has when the kernel acts, also if other handles or processes
 * replace it: without @expected it is replaced again and again until one of the attempts is not
 * overtaken.
 *
 * On success @ops has the link and the new map, @with the map that was in the link before and is
 * no longer registered; wait for it with bpfring_struct_ops_wait_released(), or close it. If the
 * new map is in the link already, nothing is done, the kernel is not asked (up to Linux 7.3 it
 * would panic), and both handles have that map.
 *
 * To know the map that is in the link, and to tell the kernel which one to replace, it has to be
 * opened: it is the one of @ops or of @expected, or is opened by its id, which needs
 * CAP_SYS_ADMIN.
 *
 * Return: 0, also if there was nothing to do; -EPERM: the link has another map than @expected, or
 * one that cannot be opened; also if a thousand attempts were overtaken; -ENOLINK: it was
 * detached; -EINVAL: NULL, @with is @ops, not READY or of another type, or the subsystem refuses
 * (congestion controls: another name);
 * -EOPNOTSUPP: the type cannot be replaced (the kernel asks that of @with first, also where it is
 * another one); -ENOENT: @ops has no link, or @with or @expected no map; -EMFILE, -ENFILE; or as
 * bpfring_struct_ops_store().
 */
BPFRING_API int bpfring_struct_ops_replace(struct bpfring_struct_ops *ops,
					   struct bpfring_struct_ops *with,
					   const struct bpfring_struct_ops *expected);

/**
 * bpfring_struct_ops_unregister() - take it out of the kernel, whoever else holds it.
 *
 * With a link: detaches it; before Linux 6.11 it can only close the handle's descriptor. If
 * somebody has put another map into the link, the handle goes on with that one, or without a map
 * where it cannot open it (CAP_SYS_ADMIN). Legacy: deletes the value. The kernel may go on using
 * it for what began before (connections).
 *
 * A scheduler that sched_ext has ejected is out already, but still has its link, or its value. If
 * another scheduler runs by now, some kernels (6.18 and 6.19; 7.2 no longer) would end that one.
 * There nothing is done, with a warning. A handle that was used while its scheduler ran knows which
 * one runs. Other handles go by the scheduler's name and the ids of links (CAP_SYS_ADMIN); one
 * without a map goes by nothing.
 *
 * Return: 0, also if the link was detached or the scheduler ejected already; -EBUSY: before 6.11,
 * and another descriptor or a pin keeps the link (the handle's own is closed); -ENOENT: it was
 * never registered;
 * -EINPROGRESS: a legacy map that was unregistered already; -ENOLINK: a link-mode map, and the
 * handle has no link: open the link; -EINVAL: NULL.
 */
BPFRING_API int bpfring_struct_ops_unregister(struct bpfring_struct_ops *ops);

/**
 * bpfring_struct_ops_wait_released() - wait until the kernel has let go of an unregistered map.
 * @timeout_ns: -1 for ever; 0 to look once
 *
 * There is no event; it looks every 1 to 16 ms. What an ejected scheduler of sched_ext is
 * registered by does not count, if it is the handle's own.
 *
 * Return: 0; -ETIMEDOUT: still in use, or still registered by a link; -EBUSY: a legacy map that
 * is registered; -ENOENT: the handle has no map; -EINVAL: NULL, a time-out below -1.
 */
BPFRING_API int bpfring_struct_ops_wait_released(struct bpfring_struct_ops *ops,
						 int64_t timeout_ns);

/* ---- Look ---- */

enum bpfring_struct_ops_map_state {
	BPFRING_STRUCT_OPS_STATE_INIT = 0,
	BPFRING_STRUCT_OPS_STATE_INUSE = 1,
	BPFRING_STRUCT_OPS_STATE_TOBEFREE = 2,
	BPFRING_STRUCT_OPS_STATE_READY = 3,
};

/**
 * struct bpfring_struct_ops_status - where a handle's map and link stand now.
 * @sz:          set by the caller: sizeof(struct bpfring_struct_ops_status)
 * @state:       enum bpfring_struct_ops_map_state
 * @refcnt:      references that are not descriptors or pins: registrations, and users such as
 * sockets
 * @map_id:      the handle's map
 * @link_id:     the handle's link, 0: none
 * @link_map_id: the map that is in the link; 0: no link, or detached
 */
struct bpfring_struct_ops_status {
	size_t sz;
	uint32_t state;
	uint32_t refcnt;
	uint32_t map_id;
	uint32_t link_id;
	uint32_t link_map_id;
	uint32_t reserved;
};

BPFRING_PRIV_NAMESAKE_BEGIN
/**
 * bpfring_struct_ops_status() - read them.
 * Return: 0; -ENOENT: the handle has no map, or the kernel no such type; -EPERM: the descriptor
 * does not allow reading; -EINVAL: NULL, bad size, or the object is not loaded; or as
 * bpfring_struct_ops_types_load().
 */
BPFRING_API int bpfring_struct_ops_status(struct bpfring_struct_ops *ops,
					  struct bpfring_struct_ops_status *ret);
BPFRING_PRIV_NAMESAKE_END

/** bpfring_struct_ops_state_name() - "init", "inuse", "tobefree", "ready"; "?" for other values. */
BPFRING_API const char *bpfring_struct_ops_state_name(uint32_t state);

/* struct_ops_report.h and struct_ops_watch.h continue: everything about a map, and its end. */

#ifdef __cplusplus
}
#endif

#endif /* BPFRING_STRUCT_OPS_H */
