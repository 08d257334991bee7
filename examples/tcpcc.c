// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Example of struct_ops: installs a congestion control written in BPF, uses it, replaces it by
 * another version under a living connection, takes it out, and shows at each step what the kernel
 * says.
 */
#include <arpa/inet.h>
#include <bpf/libbpf.h>
#include <bpfring/bpfring.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tcpcc.h"
#include "tcpcc.skel.h"

#define AVAILABLE "/proc/sys/net/ipv4/tcp_available_congestion_control"
#define SECOND_NS 1000000000LL

struct connection {
	int client, server;
};

struct tcpcc {
	struct tcpcc_bpf *skel;
	struct bpfring_struct_ops_types *types;
	struct bpfring_struct_ops *registered; /* has the link, and the map that is in it */
	struct bpfring_struct_ops *spare;      /* the other version */
	struct bpfring_loop *loop;
	bool told; /* of the detach */
};

static void die(const char *what, int err)
{
	fprintf(stderr, "tcpcc: %s: %s\n", what, bpfring_errname(err));
	exit(1);
}

static void check(const char *what, int ret)
{
	if (ret < 0)
		die(what, ret);
}

static void check_errno(const char *what, int ret)
{
	if (ret < 0)
		die(what, errno);
}

static void step(const char *what)
{
	static int number;

	printf("\n%d. %s\n", ++number, what);
	fflush(stdout);
}

static void show_available(void)
{
	FILE *f = fopen(AVAILABLE, "r");
	char line[512];

	if (f && fgets(line, sizeof(line), f))
		printf("   on offer: %s", line);
	if (f)
		fclose(f);
}

static void show_map(const char *what, struct bpfring_struct_ops *ops)
{
	BPFRING_OPTS(bpfring_struct_ops_status, status);

	check("status", bpfring_struct_ops_status(ops, &status));
	printf("   %s: map %u is %s, refcnt %u", what, status.map_id,
	       bpfring_struct_ops_state_name(status.state), status.refcnt);
	if (status.link_id)
		printf(", link %u has map %u", status.link_id, status.link_map_id);
	putchar('\n');
}

/* Two lines: addresses, and what TCP knows. */
static void run_ss(unsigned int port)
{
	char filter[32];
	pid_t pid;

	snprintf(filter, sizeof(filter), "sport = :%u", port);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		execlp("ss", "ss", "-Htin", filter, NULL);
		printf("   ss: not to be had\n");
		fflush(stdout);
		_exit(0);
	}
	check_errno("fork", pid);
	waitpid(pid, NULL, 0);
}

/* The kernel's word on the connection, and, if it is installed, that of ss. */
static void show_connection(const char *what, const struct connection *c)
{
	struct sockaddr_in address = {0};
	socklen_t size = sizeof(address), name_size, info_size = sizeof(struct tcp_info);
	struct tcp_info info;
	char name[16];

	name_size = sizeof(name);
	check_errno("TCP_CONGESTION",
		    getsockopt(c->client, IPPROTO_TCP, TCP_CONGESTION, name, &name_size));
	check_errno("TCP_INFO", getsockopt(c->client, IPPROTO_TCP, TCP_INFO, &info, &info_size));
	check_errno("getsockname", getsockname(c->client, (struct sockaddr *)&address, &size));
	printf("   %s connection: %s, cwnd %u\n", what, name, info.tcpi_snd_cwnd);
	run_ss(ntohs(address.sin_port));
}

static void connect_over_loopback(struct connection *c)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	c->client = socket(AF_INET, SOCK_STREAM, 0);
	check_errno("socket", listener < 0 ? listener : c->client);
	check_errno("bind", bind(listener, (struct sockaddr *)&address, size));
	check_errno("listen", listen(listener, 1));
	check_errno("getsockname", getsockname(listener, (struct sockaddr *)&address, &size));
	check_errno("select " TCPCC_NAME, setsockopt(c->client, IPPROTO_TCP, TCP_CONGESTION,
						     TCPCC_NAME, strlen(TCPCC_NAME)));
	check_errno("connect", connect(c->client, (struct sockaddr *)&address, size));
	c->server = accept(listener, NULL, NULL);
	check_errno("accept", c->server);
	close(listener);
}

static void transfer(const struct connection *c)
{
	static char data[65536];

	for (int i = 0; i < 256; i++) {
		check_errno("send", (int)send(c->client, data, sizeof(data), 0));
		check_errno("recv", (int)recv(c->server, data, sizeof(data), MSG_WAITALL));
	}
	printf("   16 MiB sent and received\n");
}

static int on_event(void *ctx, struct bpfring_struct_ops *ops,
		    const struct bpfring_struct_ops_event *event)
{
	struct tcpcc *t = ctx;

	(void)ops;
	t->told = event->kind == BPFRING_STRUCT_OPS_EVENT_DETACHED;
	return BPFRING_STOP;
}

static void discover(struct tcpcc *t)
{
	const struct bpfring_struct_ops_type *type;
	const struct bpfring_struct_ops_member *member;

	step("What may be written in BPF here");
	check("types", bpfring_struct_ops_types_load(&t->types));
	for (unsigned int i = 0; !bpfring_struct_ops_types_get(t->types, i, &type); i++)
		printf("   %s (%u members, from %s)\n", type->name, type->member_count,
		       type->module);
	check("tcp_congestion_ops",
	      bpfring_struct_ops_types_find(t->types, "tcp_congestion_ops", &type));
	printf("   tcp_congestion_ops has %s cong_control\n",
	       bpfring_struct_ops_type_find_member(type, "cong_control", &member) ? "no" : "a");
}

static struct bpfring_struct_ops *prepare(struct tcpcc *t, const char *map)
{
	BPFRING_OPTS(bpfring_struct_ops_opts, opts, .types = t->types);
	struct bpfring_struct_ops *ops;

	check("open", bpfring_struct_ops_open_object(&ops, t->skel->obj, map, &opts));
	check("prepare", bpfring_struct_ops_prepare(ops, BPFRING_STRUCT_OPS_MODE_AUTO));
	return ops;
}

static void install(struct tcpcc *t)
{
	step("Load both versions, register the first");
	t->skel = tcpcc_bpf__open();
	check_errno("open the BPF object", t->skel ? 0 : -1);
	t->registered = prepare(t, "growing");
	t->spare = prepare(t, "standing");
	check("load the BPF programs", tcpcc_bpf__load(t->skel));
	show_map("growing", t->registered);
	check("register", bpfring_struct_ops_register(t->registered));
	show_map("growing", t->registered);
	show_available();
}

static void inspect(const struct tcpcc *t)
{
	struct bpfring_struct_ops_report *report;

	step("What the kernel says about it");
	check("inspect", bpfring_struct_ops_inspect(t->registered, &report));
	bpfring_struct_ops_report_text(report, stdout);
	bpfring_struct_ops_report_free(report);
}

static void replace(struct tcpcc *t, const struct connection *old, struct connection *new)
{
	step("Replace it by the second version, under the connection");
	if (bpfring_struct_ops_link_fd(t->registered) < 0) {
		printf("   left out: needs links, Linux 6.4\n");
		connect_over_loopback(new);
		return;
	}
	check("replace", bpfring_struct_ops_replace(t->registered, t->spare, t->registered));
	show_map("standing", t->registered);
	show_map("growing", t->spare);
	show_available();
	transfer(old);
	show_connection("old", old);
	connect_over_loopback(new);
	transfer(new);
	show_connection("new", new);
}

static void detach(struct tcpcc *t)
{
	step("Take it out, with both connections still alive");
	check("loop", bpfring_loop_new(&t->loop, NULL));
	check("watch", bpfring_struct_ops_watch(t->registered, t->loop, on_event, t, NULL));
	check("unregister", bpfring_struct_ops_unregister(t->registered));
	check("poll", bpfring_loop_poll(t->loop, SECOND_NS));
	printf("   the watch %s\n", t->told ? "says that it is detached" : "has nothing to say");
	show_map("the last", t->registered);
	show_available();
}

static void release(struct tcpcc *t, struct connection *old, struct connection *new)
{
	int err = bpfring_struct_ops_wait_released(t->registered, SECOND_NS / 10);

	step("The kernel lets go when the last connection ends");
	printf("   before: %s\n", err == -ETIMEDOUT ? "still in use" : bpfring_errname(err));
	transfer(new);
	close(old->client);
	close(old->server);
	close(new->client);
	close(new->server);
	check("wait", bpfring_struct_ops_wait_released(t->registered, 10 * SECOND_NS));
	show_map("the last", t->registered);
	check("wait", bpfring_struct_ops_wait_released(t->spare, 10 * SECOND_NS));
	show_map("the first", t->spare);
	printf("   %llu connections began with it\n",
	       (unsigned long long)t->skel->bss->connections);
}

int main(void)
{
	struct tcpcc t = {0};
	struct connection old = {-1, -1}, new = {-1, -1};

	discover(&t);
	install(&t);

	step("Use it for a connection over loopback");
	connect_over_loopback(&old);
	transfer(&old);
	show_connection("old", &old);
	show_map("growing", t.registered);

	inspect(&t);
	replace(&t, &old, &new);
	detach(&t);
	release(&t, &old, &new);

	bpfring_struct_ops_close(t.registered);
	bpfring_struct_ops_close(t.spare);
	bpfring_loop_free(t.loop);
	tcpcc_bpf__destroy(t.skel);
	bpfring_struct_ops_types_free(t.types);
	printf("\nDone.\n");
	return 0;
}
