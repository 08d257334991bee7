// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Layout of the public structs where long has 64 bits. Compiling is the test: what is written here
 * was released, and programs were compiled with it. New members go to the end and get a line.
 */
#include <bpfring/bpfring.h>
#include <bpfring/tap.h>

#define LAYOUT_STRUCT(type, size) _Static_assert(sizeof(type) == (size), #type)
#define LAYOUT_MEMBER(type, member, pos, size)                                                   \
	_Static_assert(offsetof(type, member) == (pos) && sizeof(((type *)0)->member) == (size), \
		       #type "." #member)

#if UINTPTR_MAX > 0xffffffffU

LAYOUT_STRUCT(struct bpfring_record, 24);
LAYOUT_MEMBER(struct bpfring_record, data, 0, 8);
LAYOUT_MEMBER(struct bpfring_record, size, 8, 4);
LAYOUT_MEMBER(struct bpfring_record, pos, 16, 8);

LAYOUT_STRUCT(struct bpfring_ring, 128);
LAYOUT_MEMBER(struct bpfring_ring, pos, 0, 8);
LAYOUT_MEMBER(struct bpfring_ring, prod, 8, 8);
LAYOUT_MEMBER(struct bpfring_ring, data, 16, 8);
LAYOUT_MEMBER(struct bpfring_ring, mask, 24, 8);
LAYOUT_MEMBER(struct bpfring_ring, last, 32, 8);
LAYOUT_MEMBER(struct bpfring_ring, released, 40, 8);
LAYOUT_MEMBER(struct bpfring_ring, owner, 48, 8);
LAYOUT_MEMBER(struct bpfring_ring, held_records, 56, 4);
LAYOUT_MEMBER(struct bpfring_ring, held_discards, 60, 4);
LAYOUT_MEMBER(struct bpfring_ring, published, 64, 8);
LAYOUT_MEMBER(struct bpfring_ring, cons_word, 72, 8);
LAYOUT_MEMBER(struct bpfring_ring, note, 80, 8);
LAYOUT_MEMBER(struct bpfring_ring, prod_word, 88, 8);
LAYOUT_MEMBER(struct bpfring_ring, records, 96, 8);
LAYOUT_MEMBER(struct bpfring_ring, discards, 104, 8);
LAYOUT_MEMBER(struct bpfring_ring, max_fill, 112, 8);
LAYOUT_MEMBER(struct bpfring_ring, word_size, 120, 1);
LAYOUT_MEMBER(struct bpfring_ring, quiet, 121, 1);
LAYOUT_MEMBER(struct bpfring_ring, busy, 122, 1);
LAYOUT_MEMBER(struct bpfring_ring, looked, 123, 1);

LAYOUT_STRUCT(struct bpfring_priv_cursor, 24);
LAYOUT_MEMBER(struct bpfring_priv_cursor, pos, 0, 8);
LAYOUT_MEMBER(struct bpfring_priv_cursor, prod, 8, 8);
LAYOUT_MEMBER(struct bpfring_priv_cursor, at, 16, 8);

LAYOUT_STRUCT(struct bpfring_consumer_opts, 16);
LAYOUT_MEMBER(struct bpfring_consumer_opts, sz, 0, 8);
LAYOUT_MEMBER(struct bpfring_consumer_opts, flags, 8, 4);

LAYOUT_STRUCT(struct bpfring_budget, 32);
LAYOUT_MEMBER(struct bpfring_budget, sz, 0, 8);
LAYOUT_MEMBER(struct bpfring_budget, records, 8, 8);
LAYOUT_MEMBER(struct bpfring_budget, bytes, 16, 8);
LAYOUT_MEMBER(struct bpfring_budget, ns, 24, 8);

LAYOUT_STRUCT(struct bpfring_outcome, 32);
LAYOUT_MEMBER(struct bpfring_outcome, sz, 0, 8);
LAYOUT_MEMBER(struct bpfring_outcome, records, 8, 8);
LAYOUT_MEMBER(struct bpfring_outcome, bytes, 16, 8);
LAYOUT_MEMBER(struct bpfring_outcome, end, 24, 4);

LAYOUT_STRUCT(struct bpfring_consumer_stats, 152);
LAYOUT_MEMBER(struct bpfring_consumer_stats, sz, 0, 8);
LAYOUT_MEMBER(struct bpfring_consumer_stats, records, 8, 8);
LAYOUT_MEMBER(struct bpfring_consumer_stats, bytes, 16, 8);
LAYOUT_MEMBER(struct bpfring_consumer_stats, discards, 24, 8);
LAYOUT_MEMBER(struct bpfring_consumer_stats, batches, 32, 8);
LAYOUT_MEMBER(struct bpfring_consumer_stats, wakeups, 40, 8);
LAYOUT_MEMBER(struct bpfring_consumer_stats, empty_wakeups, 48, 8);
LAYOUT_MEMBER(struct bpfring_consumer_stats, busy_waits, 56, 8);
LAYOUT_MEMBER(struct bpfring_consumer_stats, busy_max_ns, 64, 8);
LAYOUT_MEMBER(struct bpfring_consumer_stats, asleep_ns, 72, 8);
LAYOUT_MEMBER(struct bpfring_consumer_stats, max_fill, 80, 8);
LAYOUT_MEMBER(struct bpfring_consumer_stats, ring_size, 88, 8);
LAYOUT_MEMBER(struct bpfring_consumer_stats, repaired, 96, 8);
LAYOUT_MEMBER(struct bpfring_consumer_stats, given_up, 104, 8);
LAYOUT_MEMBER(struct bpfring_consumer_stats, map_id, 112, 8);
LAYOUT_MEMBER(struct bpfring_consumer_stats, cons_pos, 120, 8);
LAYOUT_MEMBER(struct bpfring_consumer_stats, prod_pos, 128, 8);
LAYOUT_MEMBER(struct bpfring_consumer_stats, map_name, 136, 16);

LAYOUT_STRUCT(struct bpfring_loop_opts, 56);
LAYOUT_MEMBER(struct bpfring_loop_opts, sz, 0, 8);
LAYOUT_MEMBER(struct bpfring_loop_opts, wait, 8, 4);
LAYOUT_MEMBER(struct bpfring_loop_opts, max_latency_ns, 16, 8);
LAYOUT_MEMBER(struct bpfring_loop_opts, tick_ns, 24, 8);
LAYOUT_MEMBER(struct bpfring_loop_opts, budget_records, 32, 8);
LAYOUT_MEMBER(struct bpfring_loop_opts, budget_bytes, 40, 8);
LAYOUT_MEMBER(struct bpfring_loop_opts, budget_ns, 48, 8);

LAYOUT_STRUCT(struct bpfring_loop_stats, 64);
LAYOUT_MEMBER(struct bpfring_loop_stats, sz, 0, 8);
LAYOUT_MEMBER(struct bpfring_loop_stats, polls, 8, 8);
LAYOUT_MEMBER(struct bpfring_loop_stats, sleeps, 16, 8);
LAYOUT_MEMBER(struct bpfring_loop_stats, asleep_ns, 24, 8);
LAYOUT_MEMBER(struct bpfring_loop_stats, windows, 32, 8);
LAYOUT_MEMBER(struct bpfring_loop_stats, arms, 40, 8);
LAYOUT_MEMBER(struct bpfring_loop_stats, rings, 48, 8);
LAYOUT_MEMBER(struct bpfring_loop_stats, active, 56, 8);

LAYOUT_STRUCT(struct bpfring_threads_opts, 64);
LAYOUT_MEMBER(struct bpfring_threads_opts, sz, 0, 8);
LAYOUT_MEMBER(struct bpfring_threads_opts, flags, 8, 4);
LAYOUT_MEMBER(struct bpfring_threads_opts, threads, 12, 4);
LAYOUT_MEMBER(struct bpfring_threads_opts, loop, 16, 8);
LAYOUT_MEMBER(struct bpfring_threads_opts, cpus, 24, 8);
LAYOUT_MEMBER(struct bpfring_threads_opts, rebalance_ns, 32, 8);
LAYOUT_MEMBER(struct bpfring_threads_opts, begin, 40, 8);
LAYOUT_MEMBER(struct bpfring_threads_opts, end, 48, 8);
LAYOUT_MEMBER(struct bpfring_threads_opts, ctx, 56, 8);

LAYOUT_STRUCT(struct bpfring_thread_stats, 48);
LAYOUT_MEMBER(struct bpfring_thread_stats, sz, 0, 8);
LAYOUT_MEMBER(struct bpfring_thread_stats, rings, 8, 8);
LAYOUT_MEMBER(struct bpfring_thread_stats, records, 16, 8);
LAYOUT_MEMBER(struct bpfring_thread_stats, given, 24, 8);
LAYOUT_MEMBER(struct bpfring_thread_stats, taken, 32, 8);
LAYOUT_MEMBER(struct bpfring_thread_stats, busy_ppt, 40, 8);

LAYOUT_STRUCT(struct bpfring_memory, 48);
LAYOUT_MEMBER(struct bpfring_memory, sz, 0, 8);
LAYOUT_MEMBER(struct bpfring_memory, memory_fd, 8, 4);
LAYOUT_MEMBER(struct bpfring_memory, event_fd, 12, 4);
LAYOUT_MEMBER(struct bpfring_memory, ring_size, 16, 8);
LAYOUT_MEMBER(struct bpfring_memory, word_size, 24, 4);
LAYOUT_MEMBER(struct bpfring_memory, name, 32, 16);

LAYOUT_STRUCT(struct bpfring_merge_opts, 72);
LAYOUT_MEMBER(struct bpfring_merge_opts, sz, 0, 8);
LAYOUT_MEMBER(struct bpfring_merge_opts, key_fn, 8, 8);
LAYOUT_MEMBER(struct bpfring_merge_opts, key_ctx, 16, 8);
LAYOUT_MEMBER(struct bpfring_merge_opts, key_offset, 24, 4);
LAYOUT_MEMBER(struct bpfring_merge_opts, clock, 28, 4);
LAYOUT_MEMBER(struct bpfring_merge_opts, busy, 32, 4);
LAYOUT_MEMBER(struct bpfring_merge_opts, max_lateness_ns, 40, 8);
LAYOUT_MEMBER(struct bpfring_merge_opts, budget_records, 48, 8);
LAYOUT_MEMBER(struct bpfring_merge_opts, budget_bytes, 56, 8);
LAYOUT_MEMBER(struct bpfring_merge_opts, budget_ns, 64, 8);

LAYOUT_STRUCT(struct bpfring_merged, 56);
LAYOUT_MEMBER(struct bpfring_merged, record, 0, 24);
LAYOUT_MEMBER(struct bpfring_merged, key, 24, 8);
LAYOUT_MEMBER(struct bpfring_merged, consumer, 32, 8);
LAYOUT_MEMBER(struct bpfring_merged, stream, 40, 8);
LAYOUT_MEMBER(struct bpfring_merged, late, 48, 4);

LAYOUT_STRUCT(struct bpfring_merge_stats, 80);
LAYOUT_MEMBER(struct bpfring_merge_stats, sz, 0, 8);
LAYOUT_MEMBER(struct bpfring_merge_stats, records, 8, 8);
LAYOUT_MEMBER(struct bpfring_merge_stats, late, 16, 8);
LAYOUT_MEMBER(struct bpfring_merge_stats, late_max, 24, 8);
LAYOUT_MEMBER(struct bpfring_merge_stats, misordered, 32, 8);
LAYOUT_MEMBER(struct bpfring_merge_stats, busy_passed, 40, 8);
LAYOUT_MEMBER(struct bpfring_merge_stats, held, 48, 8);
LAYOUT_MEMBER(struct bpfring_merge_stats, ahead, 56, 8);
LAYOUT_MEMBER(struct bpfring_merge_stats, keyless, 64, 8);
LAYOUT_MEMBER(struct bpfring_merge_stats, sources, 72, 8);

LAYOUT_STRUCT(struct bpfring_producer_group_opts, 24);
LAYOUT_MEMBER(struct bpfring_producer_group_opts, sz, 0, 8);
LAYOUT_MEMBER(struct bpfring_producer_group_opts, rings, 8, 4);
LAYOUT_MEMBER(struct bpfring_producer_group_opts, ring_bytes, 12, 4);
LAYOUT_MEMBER(struct bpfring_producer_group_opts, producer, 16, 8);

LAYOUT_STRUCT(struct bpfring_producer_group_stats, 96);
LAYOUT_MEMBER(struct bpfring_producer_group_stats, sz, 0, 8);
LAYOUT_MEMBER(struct bpfring_producer_group_stats, rings, 8, 8);
LAYOUT_MEMBER(struct bpfring_producer_group_stats, threads, 16, 8);
LAYOUT_MEMBER(struct bpfring_producer_group_stats, samples, 24, 8);
LAYOUT_MEMBER(struct bpfring_producer_group_stats, bytes, 32, 8);
LAYOUT_MEMBER(struct bpfring_producer_group_stats, discards, 40, 8);
LAYOUT_MEMBER(struct bpfring_producer_group_stats, full, 48, 8);
LAYOUT_MEMBER(struct bpfring_producer_group_stats, waits, 56, 8);
LAYOUT_MEMBER(struct bpfring_producer_group_stats, waited_ns, 64, 8);
LAYOUT_MEMBER(struct bpfring_producer_group_stats, kicks, 72, 8);
LAYOUT_MEMBER(struct bpfring_producer_group_stats, kick_errors, 80, 8);
LAYOUT_MEMBER(struct bpfring_producer_group_stats, drained, 88, 8);

LAYOUT_STRUCT(struct bpfring_sample, 16);
LAYOUT_MEMBER(struct bpfring_sample, data, 0, 8);
LAYOUT_MEMBER(struct bpfring_sample, size, 8, 4);

LAYOUT_STRUCT(struct bpfring_user_ring, 192);
LAYOUT_MEMBER(struct bpfring_user_ring, data, 0, 8);
LAYOUT_MEMBER(struct bpfring_user_ring, mask, 8, 8);
LAYOUT_MEMBER(struct bpfring_user_ring, open, 16, 8);
LAYOUT_MEMBER(struct bpfring_user_ring, prod_word, 24, 8);
LAYOUT_MEMBER(struct bpfring_user_ring, cons_word, 32, 8);
LAYOUT_MEMBER(struct bpfring_user_ring, owner, 40, 8);
LAYOUT_MEMBER(struct bpfring_user_ring, limit, 48, 4);
LAYOUT_MEMBER(struct bpfring_user_ring, max_sample, 52, 4);
LAYOUT_MEMBER(struct bpfring_user_ring, word_size, 56, 1);
LAYOUT_MEMBER(struct bpfring_user_ring, lost, 57, 1);
LAYOUT_MEMBER(struct bpfring_user_ring, full, 64, 8);
LAYOUT_MEMBER(struct bpfring_user_ring, max_fill, 72, 8);
LAYOUT_MEMBER(struct bpfring_user_ring, reserve_pos, 128, 8);
LAYOUT_MEMBER(struct bpfring_user_ring, published, 136, 8);
LAYOUT_MEMBER(struct bpfring_user_ring, latest, 144, 8);
LAYOUT_MEMBER(struct bpfring_user_ring, cons, 152, 8);
LAYOUT_MEMBER(struct bpfring_user_ring, samples, 160, 8);
LAYOUT_MEMBER(struct bpfring_user_ring, discards, 168, 8);

LAYOUT_STRUCT(struct bpfring_group_opts, 72);
LAYOUT_MEMBER(struct bpfring_group_opts, sz, 0, 8);
LAYOUT_MEMBER(struct bpfring_group_opts, flags, 8, 4);
LAYOUT_MEMBER(struct bpfring_group_opts, rings, 12, 4);
LAYOUT_MEMBER(struct bpfring_group_opts, nmi_rings, 16, 4);
LAYOUT_MEMBER(struct bpfring_group_opts, cpu_count, 20, 4);
LAYOUT_MEMBER(struct bpfring_group_opts, cpus, 24, 8);
LAYOUT_MEMBER(struct bpfring_group_opts, account_fd, 32, 4);
LAYOUT_MEMBER(struct bpfring_group_opts, ring_bytes, 40, 8);
LAYOUT_MEMBER(struct bpfring_group_opts, total_bytes, 48, 8);
LAYOUT_MEMBER(struct bpfring_group_opts, wake_bytes, 56, 8);
LAYOUT_MEMBER(struct bpfring_group_opts, wake_ns, 64, 8);

LAYOUT_STRUCT(struct bpfring_group_stats, 104);
LAYOUT_MEMBER(struct bpfring_group_stats, sz, 0, 8);
LAYOUT_MEMBER(struct bpfring_group_stats, rings, 8, 8);
LAYOUT_MEMBER(struct bpfring_group_stats, nmi_rings, 16, 8);
LAYOUT_MEMBER(struct bpfring_group_stats, records, 24, 8);
LAYOUT_MEMBER(struct bpfring_group_stats, bytes, 32, 8);
LAYOUT_MEMBER(struct bpfring_group_stats, discards, 40, 8);
LAYOUT_MEMBER(struct bpfring_group_stats, batches, 48, 8);
LAYOUT_MEMBER(struct bpfring_group_stats, wakeups, 56, 8);
LAYOUT_MEMBER(struct bpfring_group_stats, empty_wakeups, 64, 8);
LAYOUT_MEMBER(struct bpfring_group_stats, busy_waits, 72, 8);
LAYOUT_MEMBER(struct bpfring_group_stats, asleep_ns, 80, 8);
LAYOUT_MEMBER(struct bpfring_group_stats, max_fill, 88, 8);
LAYOUT_MEMBER(struct bpfring_group_stats, ring_size, 96, 8);

LAYOUT_STRUCT(struct bpfring_loss_counts, 72);
LAYOUT_MEMBER(struct bpfring_loss_counts, sz, 0, 8);
LAYOUT_MEMBER(struct bpfring_loss_counts, attempts, 8, 8);
LAYOUT_MEMBER(struct bpfring_loss_counts, submitted, 16, 8);
LAYOUT_MEMBER(struct bpfring_loss_counts, discarded, 24, 8);
LAYOUT_MEMBER(struct bpfring_loss_counts, dropped, 32, 8);
LAYOUT_MEMBER(struct bpfring_loss_counts, dropped_full, 40, 8);
LAYOUT_MEMBER(struct bpfring_loss_counts, dropped_no_ring, 48, 8);
LAYOUT_MEMBER(struct bpfring_loss_counts, dropped_other, 56, 8);
LAYOUT_MEMBER(struct bpfring_loss_counts, rescued, 64, 8);

LAYOUT_STRUCT(struct bpfring_sizing_opts, 56);
LAYOUT_MEMBER(struct bpfring_sizing_opts, sz, 0, 8);
LAYOUT_MEMBER(struct bpfring_sizing_opts, map, 8, 4);
LAYOUT_MEMBER(struct bpfring_sizing_opts, page_bytes, 12, 4);
LAYOUT_MEMBER(struct bpfring_sizing_opts, record_bytes, 16, 8);
LAYOUT_MEMBER(struct bpfring_sizing_opts, largest_bytes, 24, 8);
LAYOUT_MEMBER(struct bpfring_sizing_opts, records, 32, 8);
LAYOUT_MEMBER(struct bpfring_sizing_opts, rate, 40, 8);
LAYOUT_MEMBER(struct bpfring_sizing_opts, latency_ns, 48, 8);

LAYOUT_STRUCT(struct bpfring_producer_opts, 56);
LAYOUT_MEMBER(struct bpfring_producer_opts, sz, 0, 8);
LAYOUT_MEMBER(struct bpfring_producer_opts, flags, 8, 4);
LAYOUT_MEMBER(struct bpfring_producer_opts, claim_fd, 12, 4);
LAYOUT_MEMBER(struct bpfring_producer_opts, kick_prog_fd, 16, 4);
LAYOUT_MEMBER(struct bpfring_producer_opts, kick, 24, 8);
LAYOUT_MEMBER(struct bpfring_producer_opts, kick_ctx, 32, 8);
LAYOUT_MEMBER(struct bpfring_producer_opts, kick_samples, 40, 8);
LAYOUT_MEMBER(struct bpfring_producer_opts, kick_bytes, 48, 8);

LAYOUT_STRUCT(struct bpfring_producer_stats, 136);
LAYOUT_MEMBER(struct bpfring_producer_stats, sz, 0, 8);
LAYOUT_MEMBER(struct bpfring_producer_stats, samples, 8, 8);
LAYOUT_MEMBER(struct bpfring_producer_stats, bytes, 16, 8);
LAYOUT_MEMBER(struct bpfring_producer_stats, discards, 24, 8);
LAYOUT_MEMBER(struct bpfring_producer_stats, full, 32, 8);
LAYOUT_MEMBER(struct bpfring_producer_stats, waits, 40, 8);
LAYOUT_MEMBER(struct bpfring_producer_stats, waited_ns, 48, 8);
LAYOUT_MEMBER(struct bpfring_producer_stats, kicks, 56, 8);
LAYOUT_MEMBER(struct bpfring_producer_stats, kick_errors, 64, 8);
LAYOUT_MEMBER(struct bpfring_producer_stats, drained, 72, 8);
LAYOUT_MEMBER(struct bpfring_producer_stats, max_fill, 80, 8);
LAYOUT_MEMBER(struct bpfring_producer_stats, ring_size, 88, 8);
LAYOUT_MEMBER(struct bpfring_producer_stats, map_id, 96, 8);
LAYOUT_MEMBER(struct bpfring_producer_stats, cons_pos, 104, 8);
LAYOUT_MEMBER(struct bpfring_producer_stats, prod_pos, 112, 8);
LAYOUT_MEMBER(struct bpfring_producer_stats, map_name, 120, 16);

LAYOUT_STRUCT(struct bpfring_recovery, 64);
LAYOUT_MEMBER(struct bpfring_recovery, sz, 0, 8);
LAYOUT_MEMBER(struct bpfring_recovery, samples, 8, 8);
LAYOUT_MEMBER(struct bpfring_recovery, discards, 16, 8);
LAYOUT_MEMBER(struct bpfring_recovery, busy, 24, 8);
LAYOUT_MEMBER(struct bpfring_recovery, broken, 32, 8);
LAYOUT_MEMBER(struct bpfring_recovery, broken_bytes, 40, 8);
LAYOUT_MEMBER(struct bpfring_recovery, moved, 48, 8);
LAYOUT_MEMBER(struct bpfring_recovery, position, 56, 8);

LAYOUT_STRUCT(struct bpfring_probe_result, 24);
LAYOUT_MEMBER(struct bpfring_probe_result, sz, 0, 8);
LAYOUT_MEMBER(struct bpfring_probe_result, state, 8, 4);
LAYOUT_MEMBER(struct bpfring_probe_result, err, 12, 4);
LAYOUT_MEMBER(struct bpfring_probe_result, reason, 16, 8);

LAYOUT_STRUCT(struct bpfring_struct_ops_opts, 16);
LAYOUT_MEMBER(struct bpfring_struct_ops_opts, sz, 0, 8);
LAYOUT_MEMBER(struct bpfring_struct_ops_opts, types, 8, 8);

LAYOUT_STRUCT(struct bpfring_struct_ops_status, 32);
LAYOUT_MEMBER(struct bpfring_struct_ops_status, sz, 0, 8);
LAYOUT_MEMBER(struct bpfring_struct_ops_status, state, 8, 4);
LAYOUT_MEMBER(struct bpfring_struct_ops_status, refcnt, 12, 4);
LAYOUT_MEMBER(struct bpfring_struct_ops_status, map_id, 16, 4);
LAYOUT_MEMBER(struct bpfring_struct_ops_status, link_id, 20, 4);
LAYOUT_MEMBER(struct bpfring_struct_ops_status, link_map_id, 24, 4);

LAYOUT_STRUCT(struct bpfring_struct_ops_report, 56);
LAYOUT_MEMBER(struct bpfring_struct_ops_report, map_id, 0, 4);
LAYOUT_MEMBER(struct bpfring_struct_ops_report, map_name, 8, 8);
LAYOUT_MEMBER(struct bpfring_struct_ops_report, map_flags, 16, 4);
LAYOUT_MEMBER(struct bpfring_struct_ops_report, link_mode, 20, 4);
LAYOUT_MEMBER(struct bpfring_struct_ops_report, state, 24, 4);
LAYOUT_MEMBER(struct bpfring_struct_ops_report, refcnt, 28, 4);
LAYOUT_MEMBER(struct bpfring_struct_ops_report, type, 32, 8);
LAYOUT_MEMBER(struct bpfring_struct_ops_report, link_count, 40, 4);
LAYOUT_MEMBER(struct bpfring_struct_ops_report, link_ids, 48, 8);

LAYOUT_STRUCT(struct bpfring_struct_ops_value, 64);
LAYOUT_MEMBER(struct bpfring_struct_ops_value, member, 0, 8);
LAYOUT_MEMBER(struct bpfring_struct_ops_value, data, 8, 8);
LAYOUT_MEMBER(struct bpfring_struct_ops_value, prog_id, 16, 4);
LAYOUT_MEMBER(struct bpfring_struct_ops_value, prog_name, 24, 8);
LAYOUT_MEMBER(struct bpfring_struct_ops_value, prog_tag, 32, 8);
LAYOUT_MEMBER(struct bpfring_struct_ops_value, run_count, 40, 8);
LAYOUT_MEMBER(struct bpfring_struct_ops_value, run_time_ns, 48, 8);
LAYOUT_MEMBER(struct bpfring_struct_ops_value, recursion_misses, 56, 8);

LAYOUT_STRUCT(struct bpfring_struct_ops_type, 40);
LAYOUT_MEMBER(struct bpfring_struct_ops_type, name, 0, 8);
LAYOUT_MEMBER(struct bpfring_struct_ops_type, module, 8, 8);
LAYOUT_MEMBER(struct bpfring_struct_ops_type, type_id, 16, 4);
LAYOUT_MEMBER(struct bpfring_struct_ops_type, value_type_id, 20, 4);
LAYOUT_MEMBER(struct bpfring_struct_ops_type, value_size, 24, 4);
LAYOUT_MEMBER(struct bpfring_struct_ops_type, data_offset, 28, 4);
LAYOUT_MEMBER(struct bpfring_struct_ops_type, data_size, 32, 4);
LAYOUT_MEMBER(struct bpfring_struct_ops_type, member_count, 36, 4);

LAYOUT_STRUCT(struct bpfring_struct_ops_member, 24);
LAYOUT_MEMBER(struct bpfring_struct_ops_member, name, 0, 8);
LAYOUT_MEMBER(struct bpfring_struct_ops_member, kind, 8, 4);
LAYOUT_MEMBER(struct bpfring_struct_ops_member, offset, 12, 4);
LAYOUT_MEMBER(struct bpfring_struct_ops_member, size, 16, 4);
LAYOUT_MEMBER(struct bpfring_struct_ops_member, type_id, 20, 4);

LAYOUT_STRUCT(struct bpfring_struct_ops_event, 16);
LAYOUT_MEMBER(struct bpfring_struct_ops_event, kind, 0, 4);
LAYOUT_MEMBER(struct bpfring_struct_ops_event, map_id, 4, 4);
LAYOUT_MEMBER(struct bpfring_struct_ops_event, reason, 8, 8);

LAYOUT_STRUCT(struct bpfring_struct_ops_watch_opts, 16);
LAYOUT_MEMBER(struct bpfring_struct_ops_watch_opts, sz, 0, 8);
LAYOUT_MEMBER(struct bpfring_struct_ops_watch_opts, poll_ns, 8, 8);

LAYOUT_STRUCT(struct bpfring_task_prepare_opts, 16);
LAYOUT_MEMBER(struct bpfring_task_prepare_opts, sz, 0, 8);
LAYOUT_MEMBER(struct bpfring_task_prepare_opts, path, 8, 4);
LAYOUT_MEMBER(struct bpfring_task_prepare_opts, max_threads, 12, 4);

LAYOUT_STRUCT(struct bpfring_task_member, 88);
LAYOUT_MEMBER(struct bpfring_task_member, sz, 0, 8);
LAYOUT_MEMBER(struct bpfring_task_member, name, 8, 64);
LAYOUT_MEMBER(struct bpfring_task_member, offset, 72, 4);
LAYOUT_MEMBER(struct bpfring_task_member, size, 76, 4);
LAYOUT_MEMBER(struct bpfring_task_member, align, 80, 4);
LAYOUT_MEMBER(struct bpfring_task_member, flags, 84, 4);

LAYOUT_STRUCT(struct bpfring_task_storage_opts, 48);
LAYOUT_MEMBER(struct bpfring_task_storage_opts, sz, 0, 8);
LAYOUT_MEMBER(struct bpfring_task_storage_opts, flags, 8, 4);
LAYOUT_MEMBER(struct bpfring_task_storage_opts, packing, 12, 4);
LAYOUT_MEMBER(struct bpfring_task_storage_opts, members, 16, 8);
LAYOUT_MEMBER(struct bpfring_task_storage_opts, member_count, 24, 4);
LAYOUT_MEMBER(struct bpfring_task_storage_opts, owner_fd, 28, 4);
LAYOUT_MEMBER(struct bpfring_task_storage_opts, bind_fd, 32, 4);
LAYOUT_MEMBER(struct bpfring_task_storage_opts, grace_fd, 36, 4);
LAYOUT_MEMBER(struct bpfring_task_storage_opts, slot_fds, 40, 8);

LAYOUT_STRUCT(struct bpfring_task_storage_stats, 64);
LAYOUT_MEMBER(struct bpfring_task_storage_stats, sz, 0, 8);
LAYOUT_MEMBER(struct bpfring_task_storage_stats, path, 8, 4);
LAYOUT_MEMBER(struct bpfring_task_storage_stats, bound, 16, 8);
LAYOUT_MEMBER(struct bpfring_task_storage_stats, binds, 24, 8);
LAYOUT_MEMBER(struct bpfring_task_storage_stats, cell_size, 32, 8);
LAYOUT_MEMBER(struct bpfring_task_storage_stats, bytes, 40, 8);
LAYOUT_MEMBER(struct bpfring_task_storage_stats, retired, 48, 8);
LAYOUT_MEMBER(struct bpfring_task_storage_stats, lost, 56, 8);

LAYOUT_STRUCT(struct bpfring_view_info, 88);
LAYOUT_MEMBER(struct bpfring_view_info, sz, 0, 8);
LAYOUT_MEMBER(struct bpfring_view_info, cons_word, 8, 8);
LAYOUT_MEMBER(struct bpfring_view_info, prod_word, 16, 8);
LAYOUT_MEMBER(struct bpfring_view_info, overwrite_word, 24, 8);
LAYOUT_MEMBER(struct bpfring_view_info, data, 32, 8);
LAYOUT_MEMBER(struct bpfring_view_info, ring_size, 40, 8);
LAYOUT_MEMBER(struct bpfring_view_info, word_size, 48, 4);
LAYOUT_MEMBER(struct bpfring_view_info, map_type, 52, 4);
LAYOUT_MEMBER(struct bpfring_view_info, map_id, 56, 4);
LAYOUT_MEMBER(struct bpfring_view_info, map_flags, 60, 4);
LAYOUT_MEMBER(struct bpfring_view_info, map_name, 64, 16);
LAYOUT_MEMBER(struct bpfring_view_info, map_fd, 80, 4);
LAYOUT_MEMBER(struct bpfring_view_info, reserved, 84, 4);

LAYOUT_STRUCT(struct bpfring_tap_opts, 48);
LAYOUT_MEMBER(struct bpfring_tap_opts, sz, 0, 8);
LAYOUT_MEMBER(struct bpfring_tap_opts, start, 8, 4);
LAYOUT_MEMBER(struct bpfring_tap_opts, flags, 12, 4);
LAYOUT_MEMBER(struct bpfring_tap_opts, buffer, 16, 8);
LAYOUT_MEMBER(struct bpfring_tap_opts, buffer_size, 24, 8);
LAYOUT_MEMBER(struct bpfring_tap_opts, max_latency_ns, 32, 8);
LAYOUT_MEMBER(struct bpfring_tap_opts, cpu_permille, 40, 4);
LAYOUT_MEMBER(struct bpfring_tap_opts, reserved, 44, 4);

LAYOUT_STRUCT(struct bpfring_tap_record, 32);
LAYOUT_MEMBER(struct bpfring_tap_record, data, 0, 8);
LAYOUT_MEMBER(struct bpfring_tap_record, size, 8, 4);
LAYOUT_MEMBER(struct bpfring_tap_record, state, 12, 4);
LAYOUT_MEMBER(struct bpfring_tap_record, pos, 16, 8);
LAYOUT_MEMBER(struct bpfring_tap_record, missed, 24, 8);

LAYOUT_STRUCT(struct bpfring_tap_outcome, 32);
LAYOUT_MEMBER(struct bpfring_tap_outcome, sz, 0, 8);
LAYOUT_MEMBER(struct bpfring_tap_outcome, records, 8, 8);
LAYOUT_MEMBER(struct bpfring_tap_outcome, missed, 16, 8);
LAYOUT_MEMBER(struct bpfring_tap_outcome, end, 24, 4);

LAYOUT_STRUCT(struct bpfring_tap_stats, 144);
LAYOUT_MEMBER(struct bpfring_tap_stats, sz, 0, 8);
LAYOUT_MEMBER(struct bpfring_tap_stats, records, 8, 8);
LAYOUT_MEMBER(struct bpfring_tap_stats, bytes, 16, 8);
LAYOUT_MEMBER(struct bpfring_tap_stats, discards, 24, 8);
LAYOUT_MEMBER(struct bpfring_tap_stats, discarded_bytes, 32, 8);
LAYOUT_MEMBER(struct bpfring_tap_stats, missed, 40, 8);
LAYOUT_MEMBER(struct bpfring_tap_stats, overruns, 48, 8);
LAYOUT_MEMBER(struct bpfring_tap_stats, passed, 56, 8);
LAYOUT_MEMBER(struct bpfring_tap_stats, too_large, 64, 8);
LAYOUT_MEMBER(struct bpfring_tap_stats, start_pos, 72, 8);
LAYOUT_MEMBER(struct bpfring_tap_stats, pos, 80, 8);
LAYOUT_MEMBER(struct bpfring_tap_stats, prod_pos, 88, 8);
LAYOUT_MEMBER(struct bpfring_tap_stats, ring_size, 96, 8);
LAYOUT_MEMBER(struct bpfring_tap_stats, looks, 104, 8);
LAYOUT_MEMBER(struct bpfring_tap_stats, cpu_ns, 112, 8);
LAYOUT_MEMBER(struct bpfring_tap_stats, map_id, 120, 4);
LAYOUT_MEMBER(struct bpfring_tap_stats, map_flags, 124, 4);
LAYOUT_MEMBER(struct bpfring_tap_stats, map_name, 128, 16);

#endif

int main(void)
{
	return 0;
}
