/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* The machine, as far as it explains the figures. */
#include <string.h>
#include <sys/prctl.h>
#include <sys/utsname.h>

#include <bpf/libbpf.h>
#include <bpfring/bpfring.h>

#include "clock.h"
#include "report.h"
#include "stat.h"

#define SLEEP_NS 200000
#define SLEEPS	 400

struct overshoot environment_overshoot(const struct bench_opts *opts)
{
	struct overshoot o;
	uint32_t late[SLEEPS];
	int i;

	pin_to_cpu(opts->consumer_cpu);
	for (i = 0; i < SLEEPS; i++) {
		struct timespec ts = {.tv_nsec = SLEEP_NS};
		int64_t start = now_ns();

		clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL);
		late[i] = (uint32_t)(now_ns() - start - SLEEP_NS);
	}
	o.p50_ns = stat_percentile(late, SLEEPS, 0.5);
	o.p99_ns = stat_percentile(late, SLEEPS, 0.99);
	return o;
}

static void cpu_model(char *buf, size_t size)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char line[256], *colon;

	snprintf(buf, size, "unknown");
	while (f && fgets(line, sizeof(line), f)) {
		colon = strchr(line, ':');
		if (strncmp(line, "model name", 10) || !colon)
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(buf, size, "%s", colon + 2);
		break;
	}
	if (f)
		fclose(f);
}

void report_environment(FILE *out, const struct bench_opts *opts)
{
	struct utsname uts;
	char cpu[256];

	uname(&uts);
	cpu_model(cpu, sizeof(cpu));
	fprintf(out, "kernel      %s %s\n", uts.release, uts.machine);
	fprintf(out, "processor   %s, %d online; producer on %d, consumer on %d\n", cpu,
		cpu_count(), opts->producer_cpu, opts->consumer_cpu);
	fprintf(out, "libraries   libbpf %s, bpfring %s\n", libbpf_version_string(),
		bpfring_version_string());
	fprintf(out, "ring        %u KiB; window %lld us; %d x %.2f s per measurement; hook %s\n",
		opts->ring_size / 1024, (long long)(opts->latency_ns / 1000), opts->reps,
		opts->seconds, opts->fentry ? "fentry" : "tp_btf/sys_enter");
	fprintf(out, "timer slack %d us\n", prctl(PR_GET_TIMERSLACK) / 1000);
	fflush(out);
}
