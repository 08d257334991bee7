/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * struct_ops: kernel operations written in BPF, such as a congestion control or a scheduler. These
 * calls prepare, register, replace, watch, inspect and unregister them.
 *
 * A handle stands for one struct_ops map, for a link that registers a map, or for both. It is
 * opened from a BPF object before that is loaded, or from a descriptor or a pin of something that
 * any process has loaded. For an id, bpf_map_get_fd_by_id() or bpf_link_get_fd_by_id() of libbpf
 * gives the descriptor. The usual life:
 *
 *	obj = bpf_object__open(...);
 *	bpfring_struct_ops_open_object(&ops, obj, "my_cc", NULL);
 *	bpfring_struct_ops_set_string(ops, "name", "my_cc_2");
 *	bpfring_struct_ops_prepare(ops, BPFRING_STRUCT_OPS_MODE_AUTO);
 *	bpf_object__load(obj);
 *	bpfring_struct_ops_register(ops);
 *	bpf_obj_pin(bpfring_struct_ops_link_fd(ops), "/sys/fs/bpf/my_cc"); // to outlive the process
 *	...
 *	bpfring_struct_ops_unregister(ops);
 *	bpfring_struct_ops_wait_released(ops, -1);
 *	bpfring_struct_ops_close(ops);
 *
 * There are two modes of registration. In link mode (Linux 6.4) the registration lasts as long as
 * the link, which a descriptor or a pin keeps alive, and another map can replace the first one
 * without a gap. In legacy mode, storing the map's value registers it. It stays registered, even
 * after the process has ended, until the value is deleted.
 *
 * A map in link mode goes from INIT (it has no value yet) to READY (it has one, and links may
 * register it). A legacy map goes from INIT to INUSE (registered) and from there to TOBEFREE
 * (unregistered, but the kernel may still use it). A value is stored once and never changes. To
 * change something, load another map and replace the first one.
 *
 * Threads: use a handle from one thread at a time. Needs Linux 5.6, and CAP_BPF to load the object.
 * All other calls work with descriptors alone. docs/struct_ops.md has a table of operations by mode
 * and kernel version. The kernel's side is kernel/bpf/bpf_struct_ops.c.
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
 * @types: the kernel's types, if several handles are to share them; they must outlive the handle.
 *         NULL: the handle loads its own when it first needs them
 */
struct bpfring_struct_ops_opts {
	size_t sz;
	const struct bpfring_struct_ops_types *types;
};

/* ---- Open and close ---- */

/**
 * bpfring_struct_ops_open() - open a map or a link by its descriptor.
 * @ret:  the handle; free it with bpfring_struct_ops_close()
 * @fd:   a struct_ops map or a struct_ops link; the library duplicates it
 * @opts: NULL for defaults
 *
 * A handle of a link opens the map in that link by its id, which needs CAP_SYS_ADMIN. Without this
 * capability the handle has no map: it can detach and watch the link, and it can replace the map if
 * the caller says which map is in the link. Calls that need the map return -ENOENT.
 *
 * Return: 0, or -EINVAL: @ret is NULL, or @fd is neither a map nor a link of struct_ops; -E2BIG:
 * @opts is from a newer library; -EBADF: @fd is closed; -ENOMEM, -EMFILE, -ENFILE; -EPERM: bpf() is
 * refused.
 */
BPFRING_API int bpfring_struct_ops_open(struct bpfring_struct_ops **ret, int fd,
					const struct bpfring_struct_ops_opts *opts);

/**
 * bpfring_struct_ops_open_pinned() - open a map or a link that is pinned in a BPF file system.
 * Return: as bpfring_struct_ops_open(), and -ENOENT: there is no such pin; -EACCES, -EPERM.
 */
BPFRING_API int bpfring_struct_ops_open_pinned(struct bpfring_struct_ops **ret, const char *path,
					       const struct bpfring_struct_ops_opts *opts);

/**
 * bpfring_struct_ops_open_object() - open a map of a BPF object, before or after it is loaded.
 * @obj:  stays the caller's, and open until the map is stored, registered or replaces another one;
 *        the handle then forgets it
 * @name: of the variable in SEC(".struct_ops") or SEC(".struct_ops.link")
 *
 * libbpf before 1.2 does not see the section ".struct_ops.link". Use ".struct_ops" then;
 * bpfring_struct_ops_prepare() chooses the mode anyway.
 *
 * Return: 0, or -ENOENT: the object has no such map; -EINVAL: NULL, a map of another type, or the
 * object's BTF does not describe the map; -E2BIG: @opts is from a newer library; -ENOMEM.
 */
BPFRING_API int bpfring_struct_ops_open_object(struct bpfring_struct_ops **ret,
					       struct bpf_object *obj, const char *name,
					       const struct bpfring_struct_ops_opts *opts);

/**
 * bpfring_struct_ops_close() - end the watch, close the handle's descriptors and free it.
 * @ops: NULL is fine
 *
 * If the handle holds the last reference of a link, closing it unregisters the map.
 *
 * A scheduler that sched_ext has ejected keeps its link. If another scheduler runs by then, some
 * kernels (6.18 and 6.19, but no longer 7.2) end that one when the link is closed. If this handle
 * registered the ejected scheduler, or was asked to unregister it, the library therefore leaves the
 * descriptor open and logs a warning.
 */
BPFRING_API void bpfring_struct_ops_close(struct bpfring_struct_ops *ops);

/**
 * bpfring_struct_ops_map_fd() - the handle's descriptor of the map.
 * Return: the descriptor, which stays the handle's; -1: it has no map yet; -EINVAL: NULL.
 */
BPFRING_API int bpfring_struct_ops_map_fd(const struct bpfring_struct_ops *ops);

/**
 * bpfring_struct_ops_link_fd() - the handle's descriptor of the link.
 * Return: the descriptor, which stays the handle's; -1: it has no link; -EINVAL: NULL.
 */
BPFRING_API int bpfring_struct_ops_link_fd(const struct bpfring_struct_ops *ops);

/* ---- Prepare: handles of bpfring_struct_ops_open_object(), before bpf_object__load() ---- */

/**
 * bpfring_struct_ops_set_int() - set an integer, boolean, enum or flags member.
 * @member: its name in the object's struct
 * @value:  an unsigned member of 64 bits takes its bits, so that -1 sets them all
 *
 * Return: 0, or -ERANGE: @value does not fit the member; -EINVAL: NULL, or a member of another kind
 * (pointers to data cannot be set at all); -ENOENT: the object's struct has no such member; -EBUSY:
 * the handle is not of an object, or the object is loaded already; -EOPNOTSUPP: libbpf is older
 * than 1.4.
 */
BPFRING_API int bpfring_struct_ops_set_int(struct bpfring_struct_ops *ops, const char *member,
					   int64_t value);

/**
 * bpfring_struct_ops_set_string() - set an array of char. Zeros fill the rest of it.
 * Return: as bpfring_struct_ops_set_int(); -ERANGE: @value and its NUL are too long for the member.
 */
BPFRING_API int bpfring_struct_ops_set_string(struct bpfring_struct_ops *ops, const char *member,
					      const char *value);

/**
 * bpfring_struct_ops_set_program() - choose the program of a function member.
 * @prog: a SEC("struct_ops") program of the same object; NULL: none
 *
 * libbpf does not load a program that no member uses.
 *
 * Return: as bpfring_struct_ops_set_int(); -EINVAL also for a program of another type.
 */
BPFRING_API int bpfring_struct_ops_set_program(struct bpfring_struct_ops *ops, const char *member,
					       struct bpf_program *prog);

/**
 * bpfring_struct_ops_set_optional() - say what to do with a member that the kernel cannot take.
 * @member:   its name; NULL: all members
 * @optional: non-zero: bpfring_struct_ops_prepare() drops the member; 0, the default: it fails
 *
 * The kernel cannot take a member if its own struct lacks it, or has another prototype for it.
 * Members that are not set never matter.
 *
 * Return: as bpfring_struct_ops_set_int(), but never -EOPNOTSUPP.
 */
BPFRING_API int bpfring_struct_ops_set_optional(struct bpfring_struct_ops *ops, const char *member,
						int optional);

enum bpfring_struct_ops_mode {
	BPFRING_STRUCT_OPS_MODE_AUTO = 0,   /* a link if kernel and type take one, else legacy */
	BPFRING_STRUCT_OPS_MODE_LINK = 1,   /* a link; fail if the kernel has none */
	BPFRING_STRUCT_OPS_MODE_LEGACY = 2, /* without a link */
};

/**
 * bpfring_struct_ops_prepare() - fit the map to the running kernel, right before
 * bpf_object__load().
 * @mode: enum bpfring_struct_ops_mode
 *
 * This compares the object's struct with the kernel's, drops optional members that are set and do
 * not fit, and chooses the mode. For each member that does not fit, the log shows both
 * declarations. Neither libbpf nor the kernel compares prototypes. Two prototypes fit if they have
 * the same number of arguments, and if each argument and the result is an integer of the same size,
 * a pointer to the same thing (structs are compared by name; void * fits every pointer), or the
 * same struct.
 *
 * Afterwards a skeleton's attach leaves the map out (libbpf 1.5), as it does after storing and
 * registering. The call may be repeated. A member that was dropped stays dropped and is counted
 * again, unless it has been set since. If the call fails, the map is as it was before.
 *
 * Return: the number of members dropped, see bpfring_struct_ops_dropped(), or the first of these
 * errors. -ENOENT: the kernel lacks the type, or lacks a member that is set and not optional;
 * -EINVAL: NULL; an unknown mode; the kernel has another prototype for a member that is set and not
 * optional; or a member that is no function has another kind or size in the kernel, set or not,
 * since libbpf loads no such object; -EOPNOTSUPP: the kernel has no links, or a member does not fit
 * and libbpf is older than 1.4, which can neither drop members nor show whether they are set;
 * -EBUSY: the handle is not of an object, or the object is loaded already; -ENOMEM; or an error of
 * bpfring_struct_ops_types_load().
 */
BPFRING_API int bpfring_struct_ops_prepare(struct bpfring_struct_ops *ops,
					   enum bpfring_struct_ops_mode mode);

/**
 * bpfring_struct_ops_dropped() - name a member that bpfring_struct_ops_prepare() dropped.
 * @index: from 0
 * @ret:   the name, which lives as long as the object
 *
 * Call it before the map is stored or registered, because the handle then forgets the object.
 *
 * Return: 0; -ENOENT: fewer members were dropped; -EINVAL: NULL.
 */
BPFRING_API int bpfring_struct_ops_dropped(const struct bpfring_struct_ops *ops, unsigned int index,
					   const char **ret);

/* ---- Register, replace, unregister ---- */

/**
 * bpfring_struct_ops_store() - give a map in link mode its value, without registering it.
 *
 * The map goes from INIT to READY. Use this for a map that another process registers, or that
 * replaces another one later. Registering and replacing store the value themselves if the handle is
 * of an object. libbpf 1.2 and 1.3 cannot store without registering: with them the map is
 * registered, and the handle has the link.
 *
 * Return: 0, also if the map was READY already; -ENODATA: the handle is not of an object, so the
 * value is not known here; -EOPNOTSUPP: a legacy map, for which storing means registering; -EINVAL:
 * NULL; the object is not loaded, or was loaded without the map (bpf_map__set_autocreate()); the
 * kernel refuses a member, which the log names if it can; or the kernel has another prototype for a
 * member that is set; -E2BIG: the programs need more trampolines than the kernel has room for;
 * -EPERM, -ENOMEM.
 */
BPFRING_API int bpfring_struct_ops_store(struct bpfring_struct_ops *ops);

/**
 * bpfring_struct_ops_register() - register the map, so that the kernel offers its operations.
 *
 * In link mode the handle gets a link, and the registration lasts as long as a descriptor or a pin
 * of that link. Another process may have loaded the map, but it must have stored the value. After
 * the link has been detached, the handle can register its map again and gets another link; a watch
 * goes on with the new one. A legacy map can be registered only once: after it has been
 * unregistered, the kernel takes neither this map nor another value for it.
 *
 * Blocks for as long as the kernel takes. Registering a scheduler (sched_ext_ops) moves all threads
 * to it one by one. On a loaded machine this may starve the caller half-way, and with it the whole
 * system. Make the calling thread a real-time thread meanwhile (docs/sched_ext.md, "Loading under
 * load").
 *
 * Return: 0, or
 * -EEXIST: the kernel has operations of that name;
 * -EBUSY: this handle has a link that is not detached; a legacy map is registered or was; or the
 * type allows one registration at a time, and there is one;
 * -EINVAL: as for bpfring_struct_ops_store();
 * -EOPNOTSUPP: the type cannot be registered, or not in this mode;
 * -ENODATA: the map has no value, and the handle is not of an object;
 * -ENOENT: the handle has no map;
 * -E2BIG: the programs need more trampolines than the kernel has room for;
 * -EPERM, -ENOMEM, or another error of the subsystem. The log explains each.
 */
BPFRING_API int bpfring_struct_ops_register(struct bpfring_struct_ops *ops);

/**
 * bpfring_struct_ops_replace() - put another map into a link. One of the two is always registered.
 * @ops:      has the link
 * @with:     the new map: in link mode and READY, or of a loaded object
 * @expected: replace only if this map is in the link; NULL: replace whichever map is in it
 *
 * The map that is in the link when the kernel acts counts, even if other handles or processes
 * replace it meanwhile. Without @expected the call tries again until no one gets in between.
 *
 * On success @ops has the link and the new map, and @with has the map that was in the link and is
 * no longer registered. Wait for it with bpfring_struct_ops_wait_released(), or close it. If the
 * new map is in the link already, both handles have that map afterwards, and the library does not
 * call the kernel, which would panic (up to Linux 7.3).
 *
 * The library must open the map that is in the link, to tell the kernel which one to replace. It is
 * the map of @ops or of @expected; any other is opened by its id, which needs CAP_SYS_ADMIN.
 *
 * Return: 0, also if there was nothing to do; -EPERM: the link has another map than @expected, or
 * one that cannot be opened, or others got in between a thousand times; -ENOLINK: the link was
 * detached; -EINVAL: NULL; @with is @ops, is not READY or is of another type; or the subsystem
 * refuses it (a congestion control must keep its name); -EOPNOTSUPP: the type cannot be replaced
 * (the kernel checks the type of @with first, even if it differs); -ENOENT: @ops has no link, or
 * @with or @expected has no map; -EMFILE, -ENFILE; or as bpfring_struct_ops_store().
 */
BPFRING_API int bpfring_struct_ops_replace(struct bpfring_struct_ops *ops,
					   struct bpfring_struct_ops *with,
					   const struct bpfring_struct_ops *expected);

/**
 * bpfring_struct_ops_unregister() - take the map out of the kernel, no matter who else holds it.
 *
 * In link mode this detaches the link; before Linux 6.11 it can only close the handle's descriptor.
 * If another map has been put into the link, the handle goes on with that one, or without a map if
 * it cannot open it (CAP_SYS_ADMIN). In legacy mode this deletes the value. The kernel may go on
 * using the map for whatever began before, such as connections.
 *
 * A scheduler that sched_ext has ejected no longer runs, but still has its link, or its value. If
 * another scheduler runs by then, some kernels (6.18 and 6.19, but no longer 7.2) would end that
 * one. There the call logs a warning and leaves the registration as it is. A handle that was used
 * while its scheduler ran knows which scheduler runs. Any other handle compares the scheduler's
 * name and the ids of links (CAP_SYS_ADMIN); a handle without a map cannot do even that.
 *
 * Return: 0, also if the link was detached or the scheduler ejected already; -EBUSY: before 6.11,
 * another descriptor or a pin keeps the link alive (the handle's own is closed); -ENOENT: the map
 * was never registered; -EINPROGRESS: a legacy map that was unregistered before; -ENOLINK: the map
 * is in link mode and the handle has no link; open the link; -EINVAL: NULL.
 */
BPFRING_API int bpfring_struct_ops_unregister(struct bpfring_struct_ops *ops);

/**
 * bpfring_struct_ops_wait_released() - wait until the kernel no longer uses an unregistered map.
 * @timeout_ns: -1: wait for ever; 0: look once
 *
 * The kernel has no event for this, so the call looks every 1 to 16 ms. If sched_ext has ejected
 * the scheduler, the registration that the handle itself keeps does not count as use.
 *
 * Return: 0; -ETIMEDOUT: the map is still in use, or still registered by a link; -EBUSY: a legacy
 * map that is registered; -ENOENT: the handle has no map; -EINVAL: NULL, or a time-out below -1.
 */
BPFRING_API int bpfring_struct_ops_wait_released(struct bpfring_struct_ops *ops,
						 int64_t timeout_ns);

/* ---- Look ---- */

/* As enum bpf_struct_ops_state of the kernel. */
enum bpfring_struct_ops_map_state {
	BPFRING_STRUCT_OPS_STATE_INIT = 0,
	BPFRING_STRUCT_OPS_STATE_INUSE = 1,
	BPFRING_STRUCT_OPS_STATE_TOBEFREE = 2,
	BPFRING_STRUCT_OPS_STATE_READY = 3,
};

/**
 * struct bpfring_struct_ops_status - the state of a handle's map and link.
 * @sz:          set by the caller: sizeof(struct bpfring_struct_ops_status)
 * @state:       enum bpfring_struct_ops_map_state
 * @refcnt:      references besides descriptors and pins: registrations, and users such as sockets
 * @map_id:      the handle's map
 * @link_id:     the handle's link; 0: none
 * @link_map_id: the map that is in the link; 0: there is no link, or it was detached
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
 * bpfring_struct_ops_status() - ask the kernel for the state of the map and the link.
 * @ret: set @ret->sz before
 *
 * Return: 0; -ENOENT: the handle has no map, or the kernel no such type; -EPERM: the descriptor
 * does not allow reading; -EINVAL: NULL, @ret->sz is too small, or the object is not loaded; or as
 * bpfring_struct_ops_types_load().
 */
BPFRING_API int bpfring_struct_ops_status(struct bpfring_struct_ops *ops,
					  struct bpfring_struct_ops_status *ret);
BPFRING_PRIV_NAMESAKE_END

/** bpfring_struct_ops_state_name() - "init", "inuse", "tobefree", "ready"; "?" for other values. */
BPFRING_API const char *bpfring_struct_ops_state_name(uint32_t state);

/* struct_ops_report.h shows all that is known of a map; struct_ops_watch.h waits for its end. */

#ifdef __cplusplus
}
#endif

#endif /* BPFRING_STRUCT_OPS_H */
