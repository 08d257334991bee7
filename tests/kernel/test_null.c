// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * test_null MAP: NULL for every pointer of every exported function, by the rule of
 * bpfring/common.h. A function that the version script MAP lists and that is not tried here fails
 * the test.
 *
 * Where this kernel or this user cannot have an object, it is NULL: so is what the functions are
 * told.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "everything.h"

static const char *now; /* being tried */
static char tried[16384];
static int calls, failures;

static void try(const char *function)
{
	char word[128];

	now = function;
	calls++;
	snprintf(word, sizeof(word), " %s;", function);
	if (!strstr(tried, word))
		strcat(tried, word);
}

static void crashed(int signal)
{
	static const char text[] = " crashes\n";

	(void)signal;
	if (write(2, now, strlen(now)) >= 0 && write(2, text, sizeof(text) - 1) >= 0)
		_exit(1);
	_exit(2);
}

static void compare(const char *call, long long got, long long want)
{
	if (got == want)
		return;
	printf("%s: %lld, not %lld\n", call, got, want);
	failures++;
}

#define NAMED(function, ...) #function "(" #__VA_ARGS__ ")"
#define GIVES(want, function, ...) \
	(try(#function),           \
	 compare(NAMED(function, __VA_ARGS__), (long long)function(__VA_ARGS__), (want)))
#define REFUSES(function, ...) GIVES(-EINVAL, function, __VA_ARGS__)
#define GIVES_NULL(function, ...) \
	(try(#function),          \
	 compare(NAMED(function, __VA_ARGS__), (long long)(intptr_t)function(__VA_ARGS__), 0))
#define ACCEPTS(function, ...) (try(#function), (void)function(__VA_ARGS__))

static int on_record(void *ctx, const void *data, size_t size)
{
	(void)ctx, (void)data, (void)size;
	return 0;
}

static int on_batch(void *ctx, const struct bpfring_record *records, unsigned int count)
{
	(void)ctx, (void)records, (void)count;
	return 0;
}

static int on_pending(void *ctx, const struct bpfring_record *record,
		      enum bpfring_record_state state)
{
	(void)ctx, (void)record, (void)state;
	return 0;
}

static int on_fd(void *ctx, int fd, uint32_t events)
{
	(void)ctx, (void)fd, (void)events;
	return 0;
}

static int on_event(void *ctx, struct bpfring_struct_ops *ops,
		    const struct bpfring_struct_ops_event *event)
{
	(void)ctx, (void)ops, (void)event;
	return 0;
}

static void try_common(void)
{
	struct bpfring_probe_result result = {.sz = sizeof(result)};
	bpfring_log_fn log = bpfring_set_log(NULL);

	ACCEPTS(bpfring_set_log, log); /* NULL silences it */
	ACCEPTS(bpfring_log, BPFRING_LOG_DEBUG, "%s", "");
	ACCEPTS(bpfring_version);
	ACCEPTS(bpfring_version_string);
	ACCEPTS(bpfring_errname, 0);
	ACCEPTS(bpfring_feature_name, BPFRING_FEATURE_UPTR);
	REFUSES(bpfring_probe, BPFRING_FEATURE_UPTR, NULL);
	REFUSES(bpfring_probe, BPFRING_FEATURE_COUNT, &result);
}

static void try_view(struct everything *e)
{
	struct bpfring_view_info info = {.sz = sizeof(info)};
	struct bpfring_view *v = NULL;

	REFUSES(bpfring_view_open, NULL, e->ring_fd);
	REFUSES(bpfring_view_open_pinned, NULL, BPFFS "/none");
	REFUSES(bpfring_view_open_pinned, &v, NULL);
	REFUSES(bpfring_view_open_id, NULL, 1);
	REFUSES(bpfring_view_info, NULL, &info);
	if (e->consumer && !bpfring_view_open(&v, e->ring_fd))
		REFUSES(bpfring_view_info, v, NULL);
	ACCEPTS(bpfring_view_close, NULL);
	bpfring_view_close(v);
}

static void try_consumer(struct everything *e)
{
	struct bpfring_consumer_stats stats = {.sz = sizeof(stats)};
	struct bpfring_consumer *c;

	REFUSES(bpfring_consumer_open, NULL, e->ring_fd, NULL);
	REFUSES(bpfring_consumer_open_pinned, NULL, BPFFS "/none", NULL);
	REFUSES(bpfring_consumer_open_pinned, &c, NULL, NULL);
	ACCEPTS(bpfring_consumer_close, NULL);
	REFUSES(bpfring_consumer_consume, NULL, on_record, NULL, NULL, NULL);
	REFUSES(bpfring_consumer_consume, e->consumer, NULL, NULL, NULL, NULL);
	REFUSES(bpfring_consumer_consume_batch, NULL, on_batch, NULL, NULL, NULL);
	REFUSES(bpfring_consumer_consume_batch, e->consumer, NULL, NULL, NULL, NULL);
	REFUSES(bpfring_consumer_wait, NULL, 0);
	REFUSES(bpfring_consumer_wakeup, NULL);
	REFUSES(bpfring_consumer_snapshot, NULL, on_pending, NULL);
	REFUSES(bpfring_consumer_snapshot, e->consumer, NULL, NULL);
	REFUSES(bpfring_consumer_stats, NULL, &stats);
	REFUSES(bpfring_consumer_stats, e->consumer, NULL);
	REFUSES(bpfring_consumer_map_fd, NULL);
	GIVES(0, bpfring_consumer_avail_data, NULL);
}

static void try_loop(struct everything *e)
{
	struct bpfring_loop_stats stats = {.sz = sizeof(stats)};

	REFUSES(bpfring_loop_new, NULL, NULL);
	ACCEPTS(bpfring_loop_free, NULL);
	REFUSES(bpfring_loop_add, NULL, e->consumer, on_record, NULL);
	REFUSES(bpfring_loop_add, e->loop, NULL, on_record, NULL);
	REFUSES(bpfring_loop_add, e->loop, e->consumer, NULL, NULL);
	REFUSES(bpfring_loop_add_batch, NULL, e->consumer, on_batch, NULL);
	REFUSES(bpfring_loop_add_batch, e->loop, NULL, on_batch, NULL);
	REFUSES(bpfring_loop_add_batch, e->loop, e->consumer, NULL, NULL);
	REFUSES(bpfring_loop_remove, NULL, e->consumer);
	REFUSES(bpfring_loop_remove, e->loop, NULL);
	REFUSES(bpfring_loop_add_map, NULL, 0, on_record, NULL, NULL, NULL);
	REFUSES(bpfring_loop_add_fd, NULL, 0, 0, on_fd, NULL);
	REFUSES(bpfring_loop_add_fd, e->loop, 0, 0, NULL, NULL);
	REFUSES(bpfring_loop_remove_fd, NULL, 0);
	REFUSES(bpfring_loop_poll, NULL, 0);
	REFUSES(bpfring_loop_run, NULL);
	REFUSES(bpfring_loop_stop, NULL);
	REFUSES(bpfring_loop_wakeup, NULL);
	REFUSES(bpfring_loop_fd, NULL);
	REFUSES(bpfring_loop_dispatch, NULL);
	REFUSES(bpfring_loop_stats, NULL, &stats);
	REFUSES(bpfring_loop_stats, e->loop, NULL);
}

static void try_group(struct everything *e)
{
	struct bpfring_group_stats stats = {.sz = sizeof(stats)};
	struct bpfring_loss_counts counts = {.sz = sizeof(counts)};
	struct bpfring_sizing_opts sizing = {.sz = sizeof(sizing)};
	struct bpfring_group *g;
	uint32_t bytes;

	REFUSES(bpfring_group_prepare, NULL, "events", NULL);
	REFUSES(bpfring_group_prepare, e->group_obj, NULL, NULL);
	REFUSES(bpfring_group_create, NULL, e->group_obj, "events", NULL);
	REFUSES(bpfring_group_create, &g, NULL, "events", NULL);
	REFUSES(bpfring_group_create, &g, e->group_obj, NULL, NULL);
	REFUSES(bpfring_group_open, NULL, 0, NULL);
	REFUSES(bpfring_group_open_pinned, NULL, BPFFS "/none", NULL);
	REFUSES(bpfring_group_open_pinned, &g, NULL, NULL);
	ACCEPTS(bpfring_group_close, NULL);
	REFUSES(bpfring_group_count, NULL);
	GIVES_NULL(bpfring_group_consumer, NULL, 0);
	REFUSES(bpfring_group_account_fd, NULL);
	REFUSES(bpfring_group_add_cpu, NULL, 0);
	REFUSES(bpfring_group_remove_cpu, NULL, 0);
	REFUSES(bpfring_group_stats, NULL, &stats);
	REFUSES(bpfring_group_stats, e->group, NULL);
	REFUSES(bpfring_loop_add_group, NULL, e->group, on_record, NULL);
	REFUSES(bpfring_loop_add_group, e->loop, NULL, on_record, NULL);
	REFUSES(bpfring_loop_add_group, e->loop, e->group, NULL, NULL);
	REFUSES(bpfring_loop_add_group_batch, NULL, e->group, on_batch, NULL);
	REFUSES(bpfring_loop_add_group_batch, e->loop, NULL, on_batch, NULL);
	REFUSES(bpfring_loop_add_group_batch, e->loop, e->group, NULL, NULL);
	REFUSES(bpfring_loop_remove_group, NULL, e->group);
	REFUSES(bpfring_loop_remove_group, e->loop, NULL);
	REFUSES(bpfring_loss_open, NULL, 0);
	ACCEPTS(bpfring_loss_close, NULL);
	REFUSES(bpfring_loss_read, NULL, &counts, &counts);
	REFUSES(bpfring_loss_read_cpu, NULL, 0, &counts);
	REFUSES(bpfring_loss_read_cpu, e->loss, 0, NULL);
	REFUSES(bpfring_sizing, NULL, &sizing);
	REFUSES(bpfring_sizing, &bytes, NULL);
}

static int on_merged(void *ctx, const struct bpfring_merged *record)
{
	(void)ctx, (void)record;
	return 0;
}

static int on_merged_batch(void *ctx, const struct bpfring_merged *records, unsigned int count)
{
	(void)ctx, (void)records, (void)count;
	return 0;
}

static void try_merge(struct everything *e)
{
	struct bpfring_merge_stats stats = {.sz = sizeof(stats)};
	struct bpfring_merge *m = NULL;
	struct bpfring_stream *s = NULL;

	bpfring_merge_new(&m, NULL);
	bpfring_stream_new(&s, 4096);
	REFUSES(bpfring_merge_new, NULL, NULL);
	ACCEPTS(bpfring_merge_free, NULL);
	REFUSES(bpfring_merge_add, NULL, e->consumer);
	REFUSES(bpfring_merge_add, m, NULL);
	REFUSES(bpfring_merge_remove, NULL, e->consumer);
	REFUSES(bpfring_merge_remove, m, NULL);
	REFUSES(bpfring_merge_add_stream, NULL, s);
	REFUSES(bpfring_merge_add_stream, m, NULL);
	REFUSES(bpfring_merge_remove_stream, NULL, s);
	REFUSES(bpfring_merge_remove_stream, m, NULL);
	REFUSES(bpfring_merge_consume, NULL, on_merged, NULL, NULL, NULL);
	REFUSES(bpfring_merge_consume, m, NULL, NULL, NULL, NULL);
	REFUSES(bpfring_merge_consume_batch, NULL, on_merged_batch, NULL, NULL, NULL);
	REFUSES(bpfring_merge_consume_batch, m, NULL, NULL, NULL, NULL);
	REFUSES(bpfring_merge_flush, NULL);
	REFUSES(bpfring_merge_stats, NULL, &stats);
	REFUSES(bpfring_merge_stats, m, NULL);
	GIVES(INT64_MAX, bpfring_merge_next_due, NULL);
	REFUSES(bpfring_loop_add_merge, NULL, m, on_merged, NULL);
	REFUSES(bpfring_loop_add_merge, e->loop, NULL, on_merged, NULL);
	REFUSES(bpfring_loop_add_merge, e->loop, m, NULL, NULL);
	REFUSES(bpfring_loop_add_merge_batch, NULL, m, on_merged_batch, NULL);
	REFUSES(bpfring_loop_add_merge_batch, e->loop, NULL, on_merged_batch, NULL);
	REFUSES(bpfring_loop_add_merge_batch, e->loop, m, NULL, NULL);
	REFUSES(bpfring_loop_remove_merge, NULL, m);
	REFUSES(bpfring_loop_remove_merge, e->loop, NULL);
	REFUSES(bpfring_stream_new, NULL, 4096);
	ACCEPTS(bpfring_stream_free, NULL);
	REFUSES(bpfring_stream_push, NULL, "x", 1);
	REFUSES(bpfring_stream_push, s, NULL, 1);
	bpfring_merge_free(m);
	bpfring_stream_free(s);
}

static void try_threads(struct everything *e)
{
	struct bpfring_thread_stats stats = {.sz = sizeof(stats)};
	struct bpfring_consumer *none = NULL, *c;
	struct bpfring_threads *t;

	REFUSES(bpfring_threads_start, NULL, &e->consumer, 1, on_record, NULL);
	REFUSES(bpfring_threads_start, &t, NULL, 1, on_record, NULL);
	REFUSES(bpfring_threads_start, &t, &none, 1, on_record, NULL);
	REFUSES(bpfring_threads_start, &t, &e->consumer, 1, NULL, NULL);
	REFUSES(bpfring_threads_start_batch, NULL, &e->consumer, 1, on_batch, NULL);
	REFUSES(bpfring_threads_start_batch, &t, NULL, 1, on_batch, NULL);
	REFUSES(bpfring_threads_start_batch, &t, &none, 1, on_batch, NULL);
	REFUSES(bpfring_threads_start_batch, &t, &e->consumer, 1, NULL, NULL);
	REFUSES(bpfring_threads_add, NULL, e->consumer);
	REFUSES(bpfring_threads_remove, NULL, e->consumer);
	REFUSES(bpfring_threads_stop, NULL);
	REFUSES(bpfring_threads_join, NULL);
	ACCEPTS(bpfring_threads_free, NULL);
	GIVES(0, bpfring_threads_count, NULL);
	REFUSES(bpfring_threads_stats, NULL, 0, &stats);
	REFUSES(bpfring_consumer_open_memory, &c, NULL, NULL);
}

static void try_producer_group(struct everything *e)
{
	struct bpfring_producer_group_stats stats = {.sz = sizeof(stats)};
	struct bpfring_producer_group *g;
	struct bpfring_producer *p;

	REFUSES(bpfring_producer_group_prepare, NULL, "rings", NULL);
	REFUSES(bpfring_producer_group_prepare, e->group_obj, NULL, NULL);
	REFUSES(bpfring_producer_group_create, NULL, e->group_obj, "rings", NULL);
	REFUSES(bpfring_producer_group_create, &g, NULL, "rings", NULL);
	REFUSES(bpfring_producer_group_create, &g, e->group_obj, NULL, NULL);
	REFUSES(bpfring_producer_group_open, NULL, 0, NULL);
	ACCEPTS(bpfring_producer_group_close, NULL);
	REFUSES(bpfring_producer_group_get, NULL, &p);
	REFUSES(bpfring_producer_group_put, NULL);
	GIVES(0, bpfring_producer_group_count, NULL);
	REFUSES(bpfring_producer_group_kick, NULL);
	REFUSES(bpfring_producer_group_stop, NULL);
	REFUSES(bpfring_producer_group_resume, NULL);
	REFUSES(bpfring_producer_group_stats, NULL, &stats);
}

static void try_producer(struct everything *e)
{
	struct bpfring_producer_stats stats = {.sz = sizeof(stats)};
	struct bpfring_sample sample = {.size = 8};
	struct bpfring_recovery recovery = {.sz = sizeof(recovery)};
	struct bpfring_producer *p;
	void *mem;

	REFUSES(bpfring_producer_open, NULL, 0, NULL);
	REFUSES(bpfring_producer_open_pinned, NULL, BPFFS "/none", NULL);
	REFUSES(bpfring_producer_open_pinned, &p, NULL, NULL);
	ACCEPTS(bpfring_producer_close, NULL);
	REFUSES(bpfring_producer_reserve_batch, NULL, &sample, 1);
	REFUSES(bpfring_producer_reserve_batch, e->producer, NULL, 1);
	REFUSES(bpfring_producer_submit_batch, NULL, &sample, 1);
	REFUSES(bpfring_producer_submit_batch, e->producer, NULL, 1);
	REFUSES(bpfring_producer_reserve_wait, NULL, 8, 0, &mem);
	REFUSES(bpfring_producer_reserve_wait, e->producer, 8, 0, NULL);
	REFUSES(bpfring_producer_stop, NULL);
	REFUSES(bpfring_producer_resume, NULL);
	REFUSES(bpfring_producer_fd, NULL);
	REFUSES(bpfring_producer_arm, NULL, 8);
	REFUSES(bpfring_producer_kick, NULL);
	REFUSES(bpfring_producer_claim_fd, NULL);
	REFUSES(bpfring_producer_check, NULL, &recovery);
	REFUSES(bpfring_producer_recover, NULL, &recovery);
	REFUSES(bpfring_producer_stats, NULL, &stats);
	REFUSES(bpfring_producer_stats, e->producer, NULL);
	REFUSES(bpfring_producer_map_fd, NULL);
	GIVES(0, bpfring_producer_max_sample, NULL);
	GIVES(0, bpfring_producer_free_space, NULL);
}

static void try_struct_ops_types(struct everything *e)
{
	const struct bpfring_struct_ops_member *member;
	const struct bpfring_struct_ops_type *type = NULL;

	bpfring_struct_ops_types_get(e->types, 0, &type);
	REFUSES(bpfring_struct_ops_types_load, NULL);
	ACCEPTS(bpfring_struct_ops_types_free, NULL);
	REFUSES(bpfring_struct_ops_types_get, NULL, 0, &type);
	REFUSES(bpfring_struct_ops_types_get, e->types, 0, NULL);
	REFUSES(bpfring_struct_ops_types_find, NULL, "tcp_congestion_ops", &type);
	REFUSES(bpfring_struct_ops_types_find, e->types, NULL, &type);
	REFUSES(bpfring_struct_ops_types_find, e->types, "tcp_congestion_ops", NULL);
	REFUSES(bpfring_struct_ops_type_get_member, NULL, 0, &member);
	REFUSES(bpfring_struct_ops_type_get_member, type, 0, NULL);
	REFUSES(bpfring_struct_ops_type_find_member, NULL, "init", &member);
	REFUSES(bpfring_struct_ops_type_find_member, type, NULL, &member);
	REFUSES(bpfring_struct_ops_type_find_member, type, "init", NULL);
}

static void try_struct_ops(struct everything *e)
{
	struct bpfring_struct_ops_status status = {.sz = sizeof(status)};
	struct bpf_object *obj = e->ops_obj;
	struct bpfring_struct_ops *ops = e->ops, *other;
	const char *name;

	REFUSES(bpfring_struct_ops_open, NULL, 0, NULL);
	REFUSES(bpfring_struct_ops_open_pinned, NULL, BPFFS "/none", NULL);
	REFUSES(bpfring_struct_ops_open_pinned, &other, NULL, NULL);
	REFUSES(bpfring_struct_ops_open_object, NULL, obj, "cc_first", NULL);
	REFUSES(bpfring_struct_ops_open_object, &other, NULL, "cc_first", NULL);
	REFUSES(bpfring_struct_ops_open_object, &other, obj, NULL, NULL);
	ACCEPTS(bpfring_struct_ops_close, NULL);
	REFUSES(bpfring_struct_ops_map_fd, NULL);
	REFUSES(bpfring_struct_ops_link_fd, NULL);
	REFUSES(bpfring_struct_ops_set_int, NULL, "flags", 0);
	REFUSES(bpfring_struct_ops_set_int, ops, NULL, 0);
	REFUSES(bpfring_struct_ops_set_string, NULL, "name", "x");
	REFUSES(bpfring_struct_ops_set_string, ops, NULL, "x");
	REFUSES(bpfring_struct_ops_set_string, ops, "name", NULL);
	REFUSES(bpfring_struct_ops_set_program, NULL, "init", NULL);
	REFUSES(bpfring_struct_ops_set_program, ops, NULL, NULL);
	REFUSES(bpfring_struct_ops_set_optional, NULL, "init", 1);
	REFUSES(bpfring_struct_ops_prepare, NULL, BPFRING_STRUCT_OPS_MODE_AUTO);
	REFUSES(bpfring_struct_ops_dropped, NULL, 0, &name);
	REFUSES(bpfring_struct_ops_dropped, ops, 0, NULL);
	REFUSES(bpfring_struct_ops_store, NULL);
	REFUSES(bpfring_struct_ops_register, NULL);
	REFUSES(bpfring_struct_ops_replace, NULL, ops, NULL);
	REFUSES(bpfring_struct_ops_replace, ops, NULL, NULL);
	REFUSES(bpfring_struct_ops_unregister, NULL);
	REFUSES(bpfring_struct_ops_wait_released, NULL, 0);
	REFUSES(bpfring_struct_ops_status, NULL, &status);
	REFUSES(bpfring_struct_ops_status, ops, NULL);
	ACCEPTS(bpfring_struct_ops_state_name, 0);
	REFUSES(bpfring_struct_ops_watch, NULL, e->loop, on_event, NULL, NULL);
	REFUSES(bpfring_struct_ops_watch, ops, NULL, on_event, NULL, NULL);
	REFUSES(bpfring_struct_ops_watch, ops, e->loop, NULL, NULL, NULL);
	REFUSES(bpfring_struct_ops_unwatch, NULL);
}

static void try_report(struct everything *e)
{
	struct bpfring_struct_ops_report *report = NULL, *other;
	const struct bpfring_struct_ops_value *value;

	if (e->ops)
		bpfring_struct_ops_inspect(e->ops, &report);
	REFUSES(bpfring_struct_ops_inspect, NULL, &other);
	REFUSES(bpfring_struct_ops_inspect, e->ops, NULL);
	REFUSES(bpfring_struct_ops_report_get_value, NULL, 0, &value);
	REFUSES(bpfring_struct_ops_report_get_value, report, 0, NULL);
	REFUSES(bpfring_struct_ops_report_text, NULL, stdout);
	REFUSES(bpfring_struct_ops_report_text, report, NULL);
	REFUSES(bpfring_struct_ops_report_json, NULL, stdout);
	REFUSES(bpfring_struct_ops_report_json, report, NULL);
	ACCEPTS(bpfring_struct_ops_report_free, NULL);
	bpfring_struct_ops_report_free(report);
}

static void try_task_storage(struct everything *e)
{
	struct bpfring_task_storage_stats stats = {.sz = sizeof(stats)};
	const int member = e->ts ? bpfring_task_storage_find(e->ts, "values", 512) : 0;
	struct bpf_object *obj = e->task_obj;
	struct bpfring_task_storage *ts = e->ts, *other;
	struct bpfring_task_member described = {.sz = sizeof(described)};
	uint32_t word = 0;
	void *mem;

	REFUSES(bpfring_task_storage_prepare, NULL, "named", NULL);
	REFUSES(bpfring_task_storage_prepare, obj, NULL, NULL);
	REFUSES(bpfring_task_storage_pin, NULL, "named", BPFFS "/none");
	REFUSES(bpfring_task_storage_pin, obj, NULL, BPFFS "/none");
	REFUSES(bpfring_task_storage_pin, obj, "named", NULL);
	REFUSES(bpfring_task_storage_open, NULL, 0, NULL);
	REFUSES(bpfring_task_storage_open_pinned, NULL, BPFFS "/none", NULL);
	REFUSES(bpfring_task_storage_open_pinned, &other, NULL, NULL);
	REFUSES(bpfring_task_storage_open_object, NULL, obj, "named", NULL);
	REFUSES(bpfring_task_storage_open_object, &other, NULL, "named", NULL);
	REFUSES(bpfring_task_storage_open_object, &other, obj, NULL, NULL);
	ACCEPTS(bpfring_task_storage_close, NULL);
	REFUSES(bpfring_task_storage_member, NULL, 0, &described);
	REFUSES(bpfring_task_storage_member, ts, 0, NULL);
	REFUSES(bpfring_task_storage_find, NULL, "values", 512);
	REFUSES(bpfring_task_storage_find, ts, NULL, 512);
	REFUSES(bpfring_task_storage_bind, NULL, member, &mem);
	REFUSES(bpfring_task_storage_bind, ts, member, NULL);
	REFUSES(bpfring_task_storage_bind_thread, NULL, getpid(), member, &mem);
	REFUSES(bpfring_task_storage_bind_thread, ts, getpid(), member, NULL);
	REFUSES(bpfring_task_storage_unbind, NULL);
	REFUSES(bpfring_task_storage_unbind_thread, NULL, getpid());
	REFUSES(bpfring_task_storage_lend, NULL, member, &word);
	REFUSES(bpfring_task_storage_set, NULL, 0, 0, &word, sizeof(word));
	REFUSES(bpfring_task_storage_set, ts, 0, 0, NULL, sizeof(word));
	REFUSES(bpfring_task_storage_get, NULL, 0, 0, &word, sizeof(word));
	REFUSES(bpfring_task_storage_get, ts, 0, 0, NULL, sizeof(word));
	REFUSES(bpfring_task_storage_replace, NULL, 0, NULL);
	REFUSES(bpfring_task_storage_replace_object, NULL, obj, "named");
	REFUSES(bpfring_task_storage_replace_object, ts, NULL, "named");
	REFUSES(bpfring_task_storage_replace_object, ts, obj, NULL);
	REFUSES(bpfring_task_storage_refresh, NULL);
	REFUSES(bpfring_task_storage_stats, NULL, &stats);
	REFUSES(bpfring_task_storage_stats, ts, NULL);
}

static void try_names(struct everything *e)
{
	struct bpfring_names *other;
	const int value = e->names ? bpfring_names_declare(e->names, "a.value", 8) : 0;
	void *mem;

	REFUSES(bpfring_names_open, NULL, e->ts);
	REFUSES(bpfring_names_open, &other, NULL);
	ACCEPTS(bpfring_names_close, NULL);
	REFUSES(bpfring_names_declare, NULL, "a.value", 8);
	REFUSES(bpfring_names_declare, e->names, NULL, 8);
	REFUSES(bpfring_names_bind, NULL, value, &mem);
	REFUSES(bpfring_names_bind, e->names, value, NULL);
}

/*
 * What the library exports for its own inline functions is not called by programs. Functions that
 * are inline themselves come last in the map, and do not look.
 */
static void compare_with_map(const char *path)
{
	FILE *file = fopen(path, "re");
	char line[256], name[128], word[160];
	int listed = 0;

	if (!file) {
		printf("cannot read %s\n", path);
		failures++;
		return;
	}
	while (fgets(line, sizeof(line), file) && !strstr(line, "/* Inline")) {
		if (sscanf(line, " bpfring_%126[a-z0-9_];", name) != 1 ||
		    !strncmp(name, "priv_", 5))
			continue;
		listed++;
		snprintf(word, sizeof(word), " bpfring_%s;", name);
		if (strstr(tried, word))
			continue;
		printf("bpfring_%s() is exported, but not tried with NULL here\n", name);
		failures++;
	}
	fclose(file);
	failures += !listed;
	printf("%d functions, %d calls, %d failures\n", listed, calls, failures);
}

int main(int argc, char **argv)
{
	struct everything e;

	if (argc != 2) {
		fprintf(stderr, "usage: %s MAP\n", argv[0]);
		return 2;
	}
	catch_logs();
	if (!SANITIZED) { /* sanitizers say more */
		signal(SIGSEGV, crashed);
		signal(SIGBUS, crashed);
	}
	own_bpffs();
	everything_load(&e);
	everything_open(&e);
	try_common();
	try_view(&e);
	try_consumer(&e);
	try_loop(&e);
	try_group(&e);
	try_merge(&e);
	try_threads(&e);
	try_producer_group(&e);
	try_producer(&e);
	try_struct_ops_types(&e);
	try_struct_ops(&e);
	try_report(&e);
	try_task_storage(&e);
	try_names(&e);
	everything_close(&e);
	compare_with_map(argv[1]);
	return failures ? 1 : 0;
}
