// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* The helper process of the scx_hints example: keeps a scheduler loaded for the threads it has. */
#include <bpf/libbpf.h>
#include <bpfring/bpfring.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "scx_hints_user.h"

static const char *const op_names[] = {"counts", "slice", "policy", "eject", "stall"};

int helper_check(void)
{
	static const enum bpfring_feature needed[] = {
		BPFRING_FEATURE_SCHED_EXT, BPFRING_FEATURE_STRUCT_OPS_LINK,
		BPFRING_FEATURE_USER_RINGBUF, BPFRING_FEATURE_TASK_STORAGE};
	struct utsname kernel = {0};

	uname(&kernel);
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		struct bpfring_probe_result result = {.sz = sizeof(result)};
		int err = bpfring_probe(needed[i], &result);

		if (err)
			return err;
		if (result.state == BPFRING_PROBE_NO) {
			printf("skipped: this kernel has no %s (Linux %s)\n",
			       bpfring_feature_name(needed[i]), kernel.release);
			return 1;
		}
		if (result.state == BPFRING_PROBE_NOT_PERMITTED) {
			fprintf(stderr, "scx_hints: %s: %s; run it as root\n",
				bpfring_feature_name(needed[i]), result.reason);
			return -EPERM;
		}
	}
	return 0;
}

void helper_print_counts(const struct scx_hints_counts *c)
{
	printf("  hinted %llu (while unhinted waited %llu), kept %llu; unhinted %llu (by rule "
	       "%llu, "
	       "inverted %llu)\n",
	       c->hinted, c->first, c->kept, c->plain, c->row, c->inverted);
	printf("  %llu waits of urgent threads, each passed by %.2f unhinted ones; %.1f ticks per "
	       "turn of those\n",
	       c->turns, (double)c->passed / (double)(c->turns ? c->turns : 1),
	       (double)c->ticks / (double)(c->started ? c->started : 1));
}

void helper_print_exit(const struct scx_hints_exit *exit)
{
	printf("exit: kind %u, code %lld, reason \"%s\", message \"%s\"\n", exit->kind, exit->code,
	       exit->reason, exit->message);
}

static void on_answer(void *ctx, const struct scx_hints_answer *answer)
{
	struct helper *h = ctx;

	h->answer = *answer;
	if (answer->op == SCX_HINTS_COUNTS && !answer->error)
		return;
	printf("answer %u: %s: %s\n", answer->id,
	       answer->op < SCX_HINTS_OPS ? op_names[answer->op] : "?",
	       answer->error ? strerror(-answer->error) : "done");
}

static void on_ended(void *ctx, const struct scx_hints_exit *exit, const char *state)
{
	struct helper *h = ctx;

	h->ended = true;
	printf("ejected: %s\n", state);
	if (exit) {
		h->exit = *exit;
		helper_print_exit(exit);
	} else {
		printf("exit: the ring had no room for the reason\n");
	}
}

static int load(struct helper *h)
{
	const struct scheduler_opts opts = {
		.types = h->types, .number = h->loads + 1, .fallback = h->fallback};
	const struct scheduler_handler handler = {.answer = on_answer, .ended = on_ended, .ctx = h};
	BPFRING_OPTS(bpfring_task_storage_stats, stats);
	int err;

	memset(&h->exit, 0, sizeof(h->exit));
	h->ended = false;
	err = scheduler_load(&h->sched, h->loop, &opts, &handler);
	if (err)
		return err;
	err = scheduler_share(h->sched, &h->ts);
	if (err < 0)
		return err;
	h->loads++;
	if (h->loads == 1)
		printf("scheduler 1 is loaded; hints: %s\n",
		       !bpfring_task_storage_stats(h->ts, &stats) &&
				       stats.path == BPFRING_TASK_PATH_UPTR
			       ? "memory pinned by the kernel (uptr)"
			       : "slots of a memory-mapped array (fall-back)");
	else
		printf("scheduler %u is loaded, %d threads bound to it anew\n", h->loads, err);
	return 0;
}

int helper_open(struct helper *h)
{
	int err = bpfring_struct_ops_types_load(&h->types);

	if (!err)
		err = bpfring_loop_new(&h->loop, NULL);
	if (!err)
		err = load(h);
	if (!err)
		err = threads_start(&h->threads, h->ts, h->hinted, h->unhinted);
	if (!err)
		printf("%u hinted threads, %u unhinted ones\n", h->hinted, h->unhinted);
	return err;
}

void helper_close(struct helper *h)
{
	threads_stop(h->threads);
	bpfring_task_storage_close(h->ts);
	if (h->sched) {
		scheduler_free(h->sched, &h->exit);
		helper_print_exit(&h->exit);
	}
	bpfring_loop_free(h->loop);
	bpfring_struct_ops_types_free(h->types);
}

int helper_reload(struct helper *h)
{
	/* First away with the old one: there can be only one scheduler, and replacing it is not
	 * possible in sched_ext. The threads go on meanwhile, scheduled by the kernel.
	 */
	scheduler_free(h->sched, NULL);
	h->sched = NULL;
	return load(h);
}

int helper_send(struct helper *h, enum scx_hints_op op, unsigned long long value)
{
	int err = scheduler_send(h->sched, h->sent + 1, op, value);

	if (!err)
		h->sent++;
	return err;
}
