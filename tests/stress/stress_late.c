// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Consumers that are late: by the timer slack of their thread, because they are stopped and
 * continued, or because they have used up their share of the processor. A BPF program produces at a
 * steady rate; what is lost by each wait mode, and by libbpf beside it, is printed. All that got
 * into the ring has to come out, in order. Judged is nothing else: what is lost depends on the
 * machine, so look at it.
 */
#include <bpf/libbpf.h>
#include <bpfring/bpfring.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel.h"
#include "stress.h"

#define USAGE                                                                                     \
	"[--seconds N] [--rate RECORDS] [--ring BYTES] [--trouble slack|stop|quota] [--mode N]\n" \
	"       [--slack-us N]"
#define BATCH 4 /* records of one run of the program */

enum how { HOW_POLL, HOW_RUN, HOW_FD, HOWS };
enum when { WHEN_BEFORE, WHEN_AFTER, WHEN_DURING, WHENS };
enum { MODE_LIBBPF = BPFRING_WAIT_SPIN + 1, MODES };

static const char *const mode_names[] = {"adaptive", "sleep", "coalesce", "spin", "libbpf"};
static const char *const how_names[] = {"poll", "run", "fd"};
static const char *const when_names[] = {"before", "after", "during"};

/* One measurement. */
struct cell {
	uint32_t mode;
	enum how how;
	enum when when;
	unsigned long slack_ns; /* 0: as it is */
	bool stops, quota;
};

/* Shared with the consumer's process. */
static struct shared {
	atomic_bool ready, stop, bad;
	atomic_ullong taken;
} * shared;

static struct {
	double seconds;
	uint64_t rate;
	struct ring ring;
} args;

static struct bpfring_loop *loop; /* of the consumer's process */
static uint64_t next;

static int take(void *ctx, const void *data, size_t size)
{
	uint64_t number = *(const uint64_t *)data;

	(void)ctx, (void)size;
	if (number < next) /* what was lost leaves a gap */
		atomic_store(&shared->bad, true);
	next = number + 1;
	atomic_store_explicit(&shared->taken,
			      atomic_load_explicit(&shared->taken, memory_order_relaxed) + 1,
			      memory_order_release);
	return 0;
}

static int take_libbpf(void *ctx, void *data, size_t size)
{
	return take(ctx, data, size);
}

static void set_slack(const struct cell *cell)
{
	if (cell->slack_ns)
		prctl(PR_SET_TIMERSLACK, cell->slack_ns, 0, 0, 0);
}

static void on_signal(int number)
{
	(void)number;
	if (loop && atomic_load(&shared->stop))
		bpfring_loop_stop(loop);
}

static bool stopped(void)
{
	return atomic_load(&shared->stop);
}

/* In the middle: a third of the time is over. */
static void perhaps_later(const struct cell *cell, int64_t began)
{
	static bool done;

	if (cell->when != WHEN_DURING || done ||
	    monotonic() - began < (int64_t)(args.seconds * 1e9 / 3))
		return;
	set_slack(cell);
	done = true;
}

static int consume_libbpf(const struct cell *cell)
{
	struct ring_buffer *rb;
	int64_t began = monotonic();
	int n = 0;

	if (cell->when == WHEN_BEFORE)
		set_slack(cell);
	rb = ring_buffer__new(args.ring.fd, take_libbpf, NULL, NULL);
	if (!rb)
		return -ENOMEM;
	if (cell->when == WHEN_AFTER)
		set_slack(cell);
	atomic_store(&shared->ready, true);
	while (!stopped() && (n >= 0 || n == -EINTR)) {
		n = ring_buffer__poll(rb, 100);
		perhaps_later(cell, began);
	}
	ring_buffer__free(rb);
	return n < 0 && n != -EINTR ? n : 0;
}

static int consume_fd(const struct cell *cell, int64_t began)
{
	struct epoll_event event = {.events = EPOLLIN};
	int outer = epoll_create1(EPOLL_CLOEXEC), n = 0;

	if (outer < 0 || epoll_ctl(outer, EPOLL_CTL_ADD, bpfring_loop_fd(loop), &event))
		return -errno;
	while (!stopped() && n >= 0) {
		if (epoll_wait(outer, &event, 1, 100) > 0)
			n = bpfring_loop_dispatch(loop);
		perhaps_later(cell, began);
	}
	close(outer);
	return n;
}

static int consume(const struct cell *cell)
{
	BPFRING_OPTS(bpfring_loop_opts, opts, .wait = cell->mode);
	struct bpfring_consumer *c = NULL;
	int64_t began = monotonic();
	int err;

	if (cell->when == WHEN_BEFORE)
		set_slack(cell);
	err = bpfring_loop_new(&loop, &opts);
	if (!err)
		err = bpfring_consumer_open(&c, args.ring.fd, NULL);
	if (!err)
		err = bpfring_loop_add(loop, c, take, NULL);
	if (err)
		return err;
	if (cell->when == WHEN_AFTER)
		set_slack(cell);
	atomic_store(&shared->ready, true);
	if (cell->how == HOW_FD) {
		err = consume_fd(cell, began);
	} else if (cell->how == HOW_RUN) {
		err = bpfring_loop_run(loop);
	} else {
		while (!stopped() && err >= 0) {
			err = bpfring_loop_poll(loop, 100 * MSEC);
			perhaps_later(cell, began);
		}
	}
	bpfring_loop_free(loop);
	bpfring_consumer_close(c);
	return err < 0 ? err : 0;
}

static void pin(int cpu)
{
	cpu_set_t set;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		return;
	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void consumer_process(const struct cell *cell)
{
	const struct sigaction action = {.sa_handler = on_signal};
	int err;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigaction(SIGUSR1, &action, NULL);
	pin(1);
	err = cell->mode == MODE_LIBBPF ? consume_libbpf(cell) : consume(cell);
	if (err)
		fprintf(stderr, "%s: %s\n", mode_names[cell->mode], bpfring_errname(err));
	_exit(err != 0);
}

/* A fifth of a processor, if there are cgroups that we may change; false: there are not. */
static char group[128];

static bool write_file(const char *name, const char *text)
{
	char path[192];
	int fd;
	bool done;

	snprintf(path, sizeof(path), "%s/%s", group, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	done = fd >= 0 && write(fd, text, strlen(text)) > 0;
	if (fd >= 0)
		close(fd);
	return done;
}

static bool quota_open(void)
{
	snprintf(group, sizeof(group), "/sys/fs/cgroup/bpfring-late.%d", getpid());
	if (!mkdir(group, 0755)) {
		if (write_file("cpu.max", "20000 100000"))
			return true;
		rmdir(group);
	}
	snprintf(group, sizeof(group), "/sys/fs/cgroup/cpu/bpfring-late.%d", getpid());
	if (!mkdir(group, 0755)) {
		if (write_file("cpu.cfs_period_us", "100000") &&
		    write_file("cpu.cfs_quota_us", "20000"))
			return true;
		rmdir(group);
	}
	return false;
}

static void quota_close(void)
{
	rmdir(group);
}

/* Stopped for 50 ms, every 300 ms. */
struct tormentor {
	pid_t pid;
	atomic_bool stop;
};

static void *torment(void *ctx)
{
	struct tormentor *t = ctx;

	while (!atomic_load(&t->stop)) {
		usleep(250000);
		kill(t->pid, SIGSTOP);
		usleep(50000);
		kill(t->pid, SIGCONT);
	}
	return NULL;
}

static uint64_t produce_steadily(uint64_t *tried)
{
	const int64_t gap = (int64_t)(1e9 * BATCH / (double)args.rate), began = monotonic();
	const int64_t end = began + (int64_t)(args.seconds * 1e9);
	uint64_t done = 0;

	*tried = 0;
	for (int64_t at = began; at < end; at += gap) {
		while (monotonic() < at)
			;
		/* each record by itself, or what is lost would be lost for the whole batch */
		done += (uint64_t)produce(&args.ring, OP_NUMBER, 0, BATCH, *tried, 0);
		*tried += BATCH;
	}
	return done;
}

/* Per cent that got lost. */
static double measure(const struct cell *cell)
{
	struct tormentor tormentor = {0};
	uint64_t put, tried;
	int64_t deadline;
	pthread_t thread;
	char text[16];
	int status;

	memset(shared, 0, sizeof(*shared));
	args.ring = ring_new(args.ring.size);
	tormentor.pid = fork();
	if (tormentor.pid < 0)
		die("cannot fork");
	if (!tormentor.pid)
		consumer_process(cell);
	while (!atomic_load(&shared->ready))
		if (waitpid(tormentor.pid, &status, WNOHANG))
			die("the consumer did not begin");
	usleep(20000);
	snprintf(text, sizeof(text), "%d", tormentor.pid);
	if (cell->quota && !write_file("cgroup.procs", text))
		die("cannot move the consumer into its cgroup");
	if (cell->stops && pthread_create(&thread, NULL, torment, &tormentor))
		die("cannot start a thread");
	put = produce_steadily(&tried);
	if (cell->stops) {
		atomic_store(&tormentor.stop, true);
		pthread_join(thread, NULL);
	}
	deadline = monotonic() + 10000 * MSEC;
	while (atomic_load(&shared->taken) < put && monotonic() < deadline)
		usleep(1000);
	atomic_store(&shared->stop, true);
	kill(tormentor.pid, SIGUSR1);
	if (waitpid(tormentor.pid, &status, 0) != tormentor.pid || status)
		die("%s: the consumer failed: %d", mode_names[cell->mode], status);
	if (atomic_load(&shared->taken) != put || atomic_load(&shared->bad))
		die("%s, %s: %llu records were put, %llu taken%s", mode_names[cell->mode],
		    how_names[cell->how], (unsigned long long)put,
		    (unsigned long long)atomic_load(&shared->taken),
		    atomic_load(&shared->bad) ? ", not in order" : "");
	ring_free(&args.ring);
	return 100.0 * (double)(tried - put) / (double)tried;
}

/* One line: libbpf, then the modes, each polled, run, and dispatched by an outer loop. */
static void print_line(const char *name, struct cell cell, uint64_t only)
{
	cell.mode = MODE_LIBBPF;
	printf("%-22s %7.2f", name, measure(&cell));
	fflush(stdout);
	for (cell.mode = 0; cell.mode <= BPFRING_WAIT_SPIN; cell.mode++) {
		if (only < MODES && cell.mode != only)
			continue;
		printf(" |");
		for (cell.how = HOW_POLL; cell.how < HOWS; cell.how++) {
			/* run does not come back in between; spinning has no descriptor */
			if ((cell.how == HOW_RUN && cell.when == WHEN_DURING && cell.slack_ns) ||
			    (cell.how == HOW_FD && cell.mode == BPFRING_WAIT_SPIN))
				printf("      -");
			else
				printf(" %6.2f", measure(&cell));
			fflush(stdout);
		}
	}
	printf("\n");
}

static void print_head(uint64_t only)
{
	printf("lost, %%, of %llu records/s, ring of %zu bytes\n%-22s %7s",
	       (unsigned long long)args.rate, args.ring.size, "", "libbpf");
	for (uint64_t mode = 0; mode <= BPFRING_WAIT_SPIN; mode++)
		if (only >= MODES || mode == only)
			printf(" | %-20s", mode_names[mode]);
	printf("\n%30s", "");
	for (uint64_t mode = 0; mode <= BPFRING_WAIT_SPIN; mode++)
		if (only >= MODES || mode == only)
			printf(" |   %s    %s     %s", how_names[0], how_names[1], how_names[2]);
	printf("\n");
}

static void print_slack(uint64_t only_us, uint64_t only)
{
	static const unsigned long slacks[] = {50, 1000, 40000, 500000};
	char name[40];

	for (size_t i = 0; i < ARRAY_SIZE(slacks); i++) {
		if (only_us && slacks[i] != only_us)
			continue;
		for (enum when when = WHEN_BEFORE; when < WHENS; when++) {
			struct cell cell = {.when = when, .slack_ns = slacks[i] * 1000};

			snprintf(name, sizeof(name), "slack %lu us, %s", slacks[i],
				 when_names[when]);
			print_line(name, cell, only);
		}
	}
}

int main(int argc, char **argv)
{
	const char *trouble = argument(argc, argv, "--trouble", NULL), *cannot;
	const uint64_t only = number_argument(argc, argv, "--mode", MODES);

	check_arguments(argc, argv, USAGE);
	cannot = kernel_open();
	if (cannot) {
		printf("skipped: %s\n", cannot);
		return 77;
	}
	args.seconds = strtod(argument(argc, argv, "--seconds", "0.5"), NULL);
	args.rate = number_argument(argc, argv, "--rate", 200000);
	args.ring.size = (size_t)number_argument(argc, argv, "--ring", 65536);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED || !args.rate || args.seconds <= 0)
		die("usage: %s %s", argv[0], USAGE);
	setpriority(PRIO_PROCESS, 0, -20); /* what else runs shall not be what makes us late */
	pin(0);
	print_head(only);
	if (!trouble || !strcmp(trouble, "slack"))
		print_slack(number_argument(argc, argv, "--slack-us", 0), only);
	if (!trouble || !strcmp(trouble, "stop"))
		print_line("stopped 50 of 300 ms", (struct cell){.stops = true}, only);
	if (!trouble || !strcmp(trouble, "quota")) {
		if (quota_open()) {
			print_line("20 of 100 ms of CPU", (struct cell){.quota = true}, only);
			quota_close();
		} else {
			printf("no quota: no cgroup of the cpu controller may be made here\n");
		}
	}
	kernel_close();
	return 0;
}
