/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * bpfring-bench: consumes the same ring with libbpf and with bpfring, in turn, and compares.
 *
 * Every repetition of a row runs all implementations one after the other (ABC ABC ABC), so that
 * what the machine does meanwhile hits all of them. Medians over the repetitions are printed.
 */
#include <argp.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "clock.h"
#include "report.h"

#define MAX_ROWS	      96
#define MAX_IMPLS	      16
#define MAX_NAMES	      32
#define MAX_TRIES	      6
#define MAX_DISPLACED	      0.02
#define MAX_DISPLACED_LATENCY 0.004 /* a p99 shows more than a mean */

const char *argp_program_version = "bpfring-bench";

static struct {
	struct bench_opts opts;
	const char *rows[MAX_NAMES];
	unsigned int row_count;
	const char *impls[MAX_NAMES];
	unsigned int impl_count;
	bool list;
	bool check;
	bool quick;
} args = {
	.opts =
		{
			.seconds = 0.5,
			.reps = 5,
			.latency_ns = 200000,
			.ring_size = 512 * 1024,
			.producers = 4,
			.producer_cpu = 0,
			.consumer_cpu = 1,
		},
};

enum { OPT_LATENCY = 256, OPT_RING, OPT_HOOK, OPT_CHECK, OPT_PRODUCER_CPU, OPT_CONSUMER_CPU };

static const struct argp_option options[] = {
	{"row", 'r', "NAME", 0, "Run this row or family only (repeatable)", 0},
	{"impl", 'i', "NAME", 0, "Run this implementation only (repeatable)", 0},
	{"list", 'l', NULL, 0, "List the rows", 0},
	{"quick", 'q', NULL, 0, "All rows in less than a minute: one short repetition", 0},
	{"json", 'j', NULL, 0, "JSON lines on stdout, the tables on stderr", 0},
	{"reps", 'n', "N", 0, "Repetitions (5)", 0},
	{"seconds", 's', "S", 0, "Seconds per measurement (0.5)", 0},
	{"producers", 'p', "N", 0, "Most producers of the multi rows (4)", 0},
	{"latency-us", OPT_LATENCY, "US", 0, "Window of the coalescing modes (200)", 0},
	{"ring-size", OPT_RING, "BYTES", 0, "Bytes of the ring (524288)", 0},
	{"hook", OPT_HOOK, "HOOK", 0, "Trace with sys_enter (default) or fentry", 0},
	{"check", OPT_CHECK, NULL, 0, "Exit with 3 if a target is missed", 0},
	{"producer-cpu", OPT_PRODUCER_CPU, "CPU", 0, "Processor of the producer (0)", 0},
	{"consumer-cpu", OPT_CONSUMER_CPU, "CPU", 0, "Processor of the consumer (1)", 0},
	{0},
};

static double number(struct argp_state *state, const char *arg, double min, double max)
{
	char *end;
	double x = strtod(arg, &end);

	if (end == arg || *end || !(x >= min && x <= max))
		argp_error(state, "\"%s\" is not a number from %g to %g", arg, min, max);
	return x;
}

static void add_name(struct argp_state *state, const char **names, unsigned int *count, char *arg)
{
	if (*count == MAX_NAMES)
		argp_error(state, "more than %d names", MAX_NAMES);
	names[(*count)++] = arg;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case 'r':
		add_name(state, args.rows, &args.row_count, arg);
		break;
	case 'i':
		add_name(state, args.impls, &args.impl_count, arg);
		break;
	case 'l':
		args.list = true;
		break;
	case 'q':
		args.quick = true;
		args.opts.reps = 1;
		args.opts.seconds = 0.1;
		break;
	case 'j':
		args.opts.json = true;
		break;
	case 'n':
		args.opts.reps = (int)number(state, arg, 1, 1000);
		break;
	case 's':
		args.opts.seconds = number(state, arg, 0.01, 600);
		break;
	case 'p':
		args.opts.producers = (unsigned int)number(state, arg, 1, BENCH_SLOTS);
		break;
	case OPT_LATENCY:
		args.opts.latency_ns = (int64_t)(number(state, arg, 1, 1e6) * 1000);
		break;
	case OPT_RING:
		args.opts.ring_size = (uint32_t)number(state, arg, 4096, 1 << 30);
		break;
	case OPT_HOOK:
		args.opts.fentry = !strcmp(arg, "fentry");
		if (!args.opts.fentry && strcmp(arg, "sys_enter"))
			argp_error(state, "the hook is sys_enter or fentry");
		break;
	case OPT_CHECK:
		args.check = true;
		break;
	case OPT_PRODUCER_CPU:
		args.opts.producer_cpu = (int)number(state, arg, 0, cpu_count() - 1);
		break;
	case OPT_CONSUMER_CPU:
		args.opts.consumer_cpu = (int)number(state, arg, 0, cpu_count() - 1);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.doc = "Compares libbpf's and bpfring's consumers of BPF ring buffers. Needs root.",
};

static bool named(const char *name, const char *const *names, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		if (!strcmp(names[i], name))
			return true;
	}
	return false;
}

static unsigned int choose_rows(const struct bench_row **ret)
{
	static const struct bench_row *const tables[] = {
		rows_throughput, rows_b2b,  rows_paced, rows_busy, rows_hot,
		rows_burst,	 rows_hint, rows_user,	rows_work, rows_roundtrip,
	};
	const struct bench_row *row;
	unsigned int count = 0;
	size_t i;

	for (i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		for (row = tables[i]; row->name; row++) {
			if (args.row_count && !named(row->name, args.rows, args.row_count) &&
			    !named(row->family, args.rows, args.row_count))
				continue;
			if (row->producers > args.opts.producers)
				continue;
			ret[count++] = row;
		}
	}
	return count;
}

static unsigned int choose_impls(const struct bench_row *row, const struct impl **ret)
{
	static const struct impl *const tables[] = {impls_libbpf, impls_bpfring, impls_hint,
						    impls_user};
	const struct impl *impl;
	unsigned int count = 0;
	size_t i;

	for (i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		for (impl = tables[i]; impl->name; impl++) {
			bool floor = row->needs_floor && impl->kinds & KIND_FLOOR;

			if (!(impl->kinds & row->kinds))
				continue;
			if (args.impl_count && !floor &&
			    !named(impl->name, args.impls, args.impl_count))
				continue;
			ret[count++] = impl;
		}
	}
	return count;
}

/* What the producer pays above the floor, as CPU time, joins the consumer's own. */
static void add_producer_cpu(const struct row_results *r, int rep)
{
	double floor = NAN;
	unsigned int i;

	for (i = 0; i < r->count; i++) {
		if (r->impls[i]->kinds & KIND_FLOOR)
			floor = r->results[i * (unsigned int)r->reps + (unsigned int)rep]
					.producer_ns;
	}
	for (i = 0; i < r->count; i++) {
		struct bench_result *x = &r->results[i * (unsigned int)r->reps + (unsigned int)rep];

		x->producer_pct = (x->producer_ns - floor) * x->records_per_s / 1e9 * 100;
		x->cpu_pct = x->consumer_pct + x->producer_pct;
	}
}

static bool shares_cpus(const struct bench_row *row)
{
	return row->same_cpu || (int)row->producers >= cpu_count();
}

/* Again, if something else had the processors for more than a small part of the time. */
static int run_undisturbed(const struct row_results *r, const struct impl *impl,
			   struct bench_result *ret)
{
	double limit = r->row->stamp ? MAX_DISPLACED_LATENCY : MAX_DISPLACED, share;
	int tries, err;

	for (tries = 1;; tries++) {
		int64_t start = now_ns(), displaced = displaced_ns();

		alarm(20 + 4 * (unsigned int)args.opts.seconds);
		*ret = bench_result_none();
		err = r->row->measure(r->row, impl, &args.opts, ret);
		displaced = displaced_ns() - displaced;
		share = (double)displaced / (double)(now_ns() - start);
		if (err || shares_cpus(r->row) || share < limit)
			return err;
		if (tries == MAX_TRIES) {
			fprintf(stderr,
				"bpfring-bench: %s, %s: DISTURBED by others, %.1f %% of the time\n",
				r->row->name, impl->name, share * 100);
			return 0;
		}
	}
}

static int run_row(const struct row_results *r)
{
	unsigned int i;
	int rep, err;

	for (rep = 0; rep < r->reps; rep++) {
		for (i = 0; i < r->count; i++) {
			struct bench_result *x =
				&r->results[i * (unsigned int)r->reps + (unsigned int)rep];

			err = run_undisturbed(r, r->impls[i], x);
			if (err)
				return err;
		}
		if (r->row->needs_floor)
			add_producer_cpu(r, rep);
		for (i = 0; args.opts.json && i < r->count; i++)
			report_json(stdout, r, &args.opts, i, rep);
	}
	alarm(0);
	return 0;
}

/* A measurement that never ends: most likely a wake-up was lost. */
static void on_alarm(int sig)
{
	static const char text[] = "bpfring-bench: a measurement hangs\n";

	(void)sig;
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(2);
	_exit(1);
}

static void on_wakeup(int sig)
{
	(void)sig;
}

static void prepare_process(void)
{
	struct sigaction wakeup = {.sa_handler = on_wakeup}, hang = {.sa_handler = on_alarm};
	struct rlimit files;

	setpriority(PRIO_PROCESS, 0, -20); /* other programs shall disturb little */
	sigaction(SIGUSR1, &wakeup, NULL);
	sigaction(SIGALRM, &hang, NULL);
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

int main(int argc, char **argv)
{
	const struct bench_row *rows[MAX_ROWS];
	const struct impl *impls[MAX_IMPLS];
	unsigned int count, i, failed = 0;
	struct overshoot overshoot;
	FILE *out = stdout;
	int missed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	count = choose_rows(rows);
	if (args.list) {
		report_list(stdout, rows, count);
		return 0;
	}
	if (!count) {
		fprintf(stderr, "bpfring-bench: no such row; --list names them\n");
		return 1;
	}
	if (args.opts.json)
		out = stderr;
	prepare_process();
	overshoot = environment_overshoot(&args.opts);
	report_environment(out, &args.opts);
	fprintf(out, "scheduler   a sleep of 200 us takes %.0f us longer (p50), %.0f us (p99)\n",
		overshoot.p50_ns / 1000, overshoot.p99_ns / 1000);
	for (i = 0; i < count; i++) {
		struct row_results r = {.row = rows[i], .impls = impls, .reps = args.opts.reps};

		r.count = choose_impls(rows[i], impls);
		r.results = calloc(r.count * (size_t)r.reps, sizeof(*r.results));
		if (!r.count || !r.results || run_row(&r)) {
			fprintf(stderr, "bpfring-bench: row %s FAILED\n", rows[i]->name);
			failed++;
		} else {
			report_table(out, &r);
			missed += targets_check(out, &r, &args.opts, overshoot.p99_ns);
		}
		free(r.results);
	}
	if (failed)
		fprintf(stderr, "bpfring-bench: %u of %u rows FAILED\n", failed, count);
	fprintf(out, "\n%d targets missed\n", missed);
	return failed ? 1 : args.check && missed ? 3 : 0;
}
