// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#include "util.h"

#include <bpf/bpf.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/sys_struct_ops.h"

const char *last_log(void)
{
	static char copy[8192];

	snprintf(copy, sizeof(copy), "%s", log_text());
	log_forget();
	return copy;
}

static bool can[BPFRING_FEATURE_COUNT];

static uint32_t id_of(int map_fd)
{
	struct bpf_map_info info = {0};
	__u32 size = sizeof(info);

	assert_return_code(bpf_obj_get_info_by_fd(map_fd, &info, &size), errno);
	return info.id;
}

uint32_t map_id_of(const struct bpfring_struct_ops *ops)
{
	return id_of(bpfring_struct_ops_map_fd(ops));
}

uint32_t link_id_of(const struct bpfring_struct_ops *ops)
{
	struct sys_link_info info = {0};
	__u32 size = sizeof(info);
	int fd = bpfring_struct_ops_link_fd(ops);

	if (fd < 0)
		return 0;
	assert_return_code(bpf_obj_get_info_by_fd(fd, &info, &size), errno);
	return info.id;
}

static int open_and_close(struct bpfring_struct_ops **ret, int fd,
			  const struct bpfring_struct_ops_opts *opts)
{
	int err = fd < 0 ? -errno : bpfring_struct_ops_open(ret, fd, opts);

	if (fd >= 0)
		close(fd);
	return err;
}

int open_by_id(struct bpfring_struct_ops **ret, uint32_t map_id,
	       const struct bpfring_struct_ops_opts *opts)
{
	return open_and_close(ret, bpf_map_get_fd_by_id(map_id), opts);
}

int open_by_link_id(struct bpfring_struct_ops **ret, uint32_t link_id,
		    const struct bpfring_struct_ops_opts *opts)
{
	return open_and_close(ret, bpf_link_get_fd_by_id(link_id), opts);
}

bool next_struct_ops(uint32_t *id)
{
	while (!bpf_map_get_next_id(*id, id)) {
		struct bpf_map_info info = {0};
		__u32 size = sizeof(info);
		int fd = bpf_map_get_fd_by_id(*id), err;

		if (fd < 0) /* gone since */
			continue;
		err = bpf_obj_get_info_by_fd(fd, &info, &size);
		close(fd);
		if (!err && info.type == BPF_MAP_TYPE_STRUCT_OPS)
			return true;
	}
	return false;
}

/* A legacy registration outlives the test that failed with it, and its name is taken. */
static void clean_up(struct fixture *f)
{
	BPFRING_OPTS(bpfring_struct_ops_opts, opts, .types = f->types);
	struct bpfring_struct_ops *ops;
	uint32_t id = 0;

	while (next_struct_ops(&id)) {
		struct bpfring_struct_ops_report *report;

		if (open_by_id(&ops, id, &opts))
			continue;
		if (!bpfring_struct_ops_inspect(ops, &report)) {
			if (!strncmp(report->map_name, "cc_", 3) &&
			    report->state == BPFRING_STRUCT_OPS_STATE_INUSE)
				bpfring_struct_ops_unregister(ops);
			bpfring_struct_ops_report_free(report);
		}
		bpfring_struct_ops_close(ops);
	}
}

int setup(void **state)
{
	const char *cannot = geteuid() ? "needs root" : own_bpffs();
	struct fixture *f = calloc(1, sizeof(*f));

	if (cannot) {
		print_message("skipped: %s\n", cannot);
		exit(77);
	}
	assert_non_null(f);
	catch_logs();
	assert_return_code(bpfring_struct_ops_types_load(&f->types), 0);
	clean_up(f);
	for (int i = 0; i < BPFRING_FEATURE_COUNT; i++) {
		BPFRING_OPTS(bpfring_probe_result, result);

		can[i] = !bpfring_probe((enum bpfring_feature)i, &result) &&
			 result.state == BPFRING_PROBE_YES;
	}
	*state = f;
	return 0;
}

int teardown(void **state)
{
	struct fixture *f = *state;

	clean_up(f);
	bpfring_struct_ops_types_free(f->types);
	free(f);
	return 0;
}

bool libbpf_is_new(void)
{
	return libbpf_major_version() > 1 || libbpf_minor_version() >= 4;
}

bool kernel_can(enum bpfring_feature feature)
{
	return can[feature];
}

bool kernel_has_type(const char *type, const char *what)
{
	struct bpfring_struct_ops_types *types;
	const struct bpfring_struct_ops_type *found;
	int err = bpfring_struct_ops_types_load(&types);

	if (err) {
		printf("skipped: cannot read the kernel's types: %s\n", bpfring_errname(err));
		return false;
	}
	err = bpfring_struct_ops_types_find(types, type, &found);
	bpfring_struct_ops_types_free(types);
	if (err)
		printf("skipped: this kernel has no %s\n", what);
	return !err;
}

void need_links(void)
{
	if (kernel_can(BPFRING_FEATURE_STRUCT_OPS_LINK))
		return;
	skip_because("this kernel has no struct_ops links (Linux 6.4)");
}

struct bpfring_struct_ops *handle(struct fixture *f, struct ops_bpf *skel, const char *map)
{
	BPFRING_OPTS(bpfring_struct_ops_opts, opts, .types = f->types);
	struct bpfring_struct_ops *ops;

	assert_return_code(bpfring_struct_ops_open_object(&ops, skel->obj, map, &opts), 0);
	return ops;
}

struct ops_bpf *load_all(struct fixture *f, enum bpfring_struct_ops_mode mode)
{
	bool refused = mode == BPFRING_STRUCT_OPS_MODE_LINK &&
		       !kernel_can(BPFRING_FEATURE_STRUCT_OPS_LINK);
	struct ops_bpf *skel = ops_bpf__open();
	struct bpf_map *map;

	assert_non_null(skel);
	bpf_object__for_each_map(map, skel->obj)
	{
		struct bpfring_struct_ops *ops;

		if (bpf_map__type(map) != BPF_MAP_TYPE_STRUCT_OPS)
			continue;
		ops = handle(f, skel, bpf_map__name(map));
		assert_int_equal(bpfring_struct_ops_prepare(ops, mode), refused ? -EOPNOTSUPP : 0);
		bpfring_struct_ops_close(ops);
	}
	if (refused) {
		ops_bpf__destroy(skel);
		need_links();
	}
	assert_return_code(ops_bpf__load(skel), errno);
	return skel;
}

struct ops_bpf *load(struct fixture *f, const char *map, enum bpfring_struct_ops_mode mode,
		     struct bpfring_struct_ops **ret)
{
	struct ops_bpf *skel = load_all(f, mode);

	*ret = handle(f, skel, map);
	return skel;
}

struct update_hook update_hook;

int __real_bpfring_sys_link_update(int link_fd, int map_fd, int old_map_fd);
int __wrap_bpfring_sys_link_update(int link_fd, int map_fd, int old_map_fd);
int __wrap_bpfring_sys_link_update(int link_fd, int map_fd, int old_map_fd)
{
	void (*before)(void *) = update_hook.before;

	update_hook.calls++;
	update_hook.before = NULL;
	if (before)
		before(update_hook.ctx);
	if (update_hook.error)
		return update_hook.error;
	if (old_map_fd < 0)
		fail_msg("the kernel was not told which map to replace");
	if (id_of(old_map_fd) == id_of(map_fd))
		fail_msg("map id %u was to be replaced by itself", id_of(map_fd));
	return __real_bpfring_sys_link_update(link_fd, map_fd, old_map_fd);
}

void update_link(int link_fd, int map_fd)
{
	struct sys_link_info info;
	int old;

	assert_return_code(bpfring_sys_link_info(link_fd, &info), 0);
	if (info.map_id == id_of(map_fd))
		return;
	old = bpf_map_get_fd_by_id(info.map_id);
	assert_return_code(old, errno);
	assert_return_code(__real_bpfring_sys_link_update(link_fd, map_fd, old), 0);
	close(old);
}

static struct bpfring_struct_ops_status status_of(struct bpfring_struct_ops *ops)
{
	BPFRING_OPTS(bpfring_struct_ops_status, status);

	assert_return_code(bpfring_struct_ops_status(ops, &status), 0);
	return status;
}

void assert_state(struct bpfring_struct_ops *ops, uint32_t state)
{
	assert_string_equal(bpfring_struct_ops_state_name(status_of(ops).state),
			    bpfring_struct_ops_state_name(state));
}

uint32_t refcnt_of(struct bpfring_struct_ops *ops)
{
	return status_of(ops).refcnt;
}

bool available(const char *name)
{
	FILE *f = fopen("/proc/sys/net/ipv4/tcp_available_congestion_control", "r");
	bool found = false;
	char word[32];

	assert_non_null(f);
	while (!found && fscanf(f, "%31s", word) == 1)
		found = !strcmp(word, name);
	fclose(f);
	return found;
}

void connect_with(struct connection *ret, const char *name)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	/* Reset at the end: no port is left waiting. */
	const struct linger now = {.l_onoff = 1};

	ret->client = socket(AF_INET, SOCK_STREAM, 0);
	assert_return_code(listener, errno);
	assert_return_code(ret->client, errno);
	assert_return_code(bind(listener, (struct sockaddr *)&address, size), errno);
	assert_return_code(listen(listener, 1), errno);
	assert_return_code(getsockname(listener, (struct sockaddr *)&address, &size), errno);
	assert_return_code(
		setsockopt(ret->client, IPPROTO_TCP, TCP_CONGESTION, name, (socklen_t)strlen(name)),
		errno);
	assert_return_code(setsockopt(ret->client, SOL_SOCKET, SO_LINGER, &now, sizeof(now)),
			   errno);
	assert_return_code(connect(ret->client, (struct sockaddr *)&address, size), errno);
	ret->server = accept(listener, NULL, NULL);
	assert_return_code(ret->server, errno);
	close(listener);
}

void transfer(const struct connection *c, size_t bytes)
{
	static const char data[16384];
	static char sink[sizeof(data)];

	while (bytes) {
		size_t size = bytes < sizeof(data) ? bytes : sizeof(data);

		assert_int_equal(send(c->client, data, size, 0), size);
		assert_int_equal(recv(c->server, sink, size, MSG_WAITALL), size);
		bytes -= size;
	}
}

void disconnect(struct connection *c)
{
	close(c->client);
	close(c->server);
}
