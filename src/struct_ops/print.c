// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* Prints reports on struct_ops maps, as text and as JSON. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "struct_ops/json.h"
#include "struct_ops/struct_ops.h"
#include "struct_ops/report.h"

static const char *mode_name(const struct bpfring_struct_ops_report *report)
{
	return report->link_mode ? "link" : "legacy";
}

static bool is_zero(const struct bpfring_struct_ops_value *v)
{
	for (uint32_t i = 0; i < v->member->size; i++)
		if (((const unsigned char *)v->data)[i])
			return false;
	return true;
}

static void print_links(const struct bpfring_struct_ops_report *report, FILE *stream)
{
	if (report->link_count < 0)
		fputs("unknown (needs CAP_SYS_ADMIN)", stream);
	else if (!report->link_count)
		fputs("none", stream);
	for (int i = 0; i < report->link_count; i++)
		fprintf(stream, "%s%u", i ? ", " : "", report->link_ids[i]);
	fputc('\n', stream);
}

static void print_value(const struct bpfring_struct_ops_report *report,
			const struct bpfring_struct_ops_value *v, FILE *stream)
{
	fprintf(stream, "  %-16s ", v->member->name);
	if (v->member->kind != BPFRING_STRUCT_OPS_KIND_FUNCTION) {
		bpfring_json_btf(stream, ops_type(report->type)->btf, v->member->type_id, v->data);
	} else {
		fprintf(stream, "program %u", v->prog_id);
		if (*v->prog_name || *v->prog_tag)
			fprintf(stream, " '%s' tag %s", v->prog_name, v->prog_tag);
		if (v->run_count)
			fprintf(stream, ", %" PRIu64 " calls, %" PRIu64 " ns", v->run_count,
				v->run_time_ns);
	}
	fputc('\n', stream);
}

int bpfring_struct_ops_report_text(const struct bpfring_struct_ops_report *report, FILE *stream)
{
	if (!report || !stream)
		return -EINVAL;
	fprintf(stream, "map %u '%s': %s of %s, %s mode\n", report->map_id, report->map_name,
		report->type->name, report->type->module, mode_name(report));
	fprintf(stream,
		"  state %s, refcnt %u, links: ", bpfring_struct_ops_state_name(report->state),
		report->refcnt);
	print_links(report, stream);
	for (uint32_t i = 0; i < report->type->member_count; i++) {
		const struct bpfring_struct_ops_value *v =
			&((const struct report *)report)->values[i].pub;

		if (!is_zero(v))
			print_value(report, v, stream);
	}
	return ferror(stream) ? -EIO : 0;
}

static void json_program(const struct bpfring_struct_ops_value *v, FILE *stream)
{
	if (!v->prog_id) {
		fputs("null", stream);
		return;
	}
	fprintf(stream, "{\"prog\":{\"id\":%u,\"name\":", v->prog_id);
	bpfring_json_string(stream, v->prog_name, SIZE_MAX);
	fprintf(stream,
		",\"tag\":\"%s\",\"run_count\":%" PRIu64 ",\"run_time_ns\":%" PRIu64
		",\"recursion_misses\":%" PRIu64 "}}",
		v->prog_tag, v->run_count, v->run_time_ns, v->recursion_misses);
}

static void json_head(const struct bpfring_struct_ops_report *report, FILE *stream)
{
	fprintf(stream, "{\"map\":{\"id\":%u,\"name\":", report->map_id);
	bpfring_json_string(stream, report->map_name, SIZE_MAX);
	fprintf(stream, ",\"flags\":%u,\"mode\":\"%s\"},\"type\":", report->map_flags,
		mode_name(report));
	bpfring_json_string(stream, report->type->name, SIZE_MAX);
	fputs(",\"module\":", stream);
	bpfring_json_string(stream, report->type->module, SIZE_MAX);
	fprintf(stream, ",\"state\":\"%s\",\"refcnt\":%u,\"links\":",
		bpfring_struct_ops_state_name(report->state), report->refcnt);
	if (report->link_count < 0) {
		fputs("null", stream);
		return;
	}
	fputc('[', stream);
	for (int i = 0; i < report->link_count; i++)
		fprintf(stream, "%s%u", i ? "," : "", report->link_ids[i]);
	fputc(']', stream);
}

int bpfring_struct_ops_report_json(const struct bpfring_struct_ops_report *report, FILE *stream)
{
	if (!report || !stream)
		return -EINVAL;
	json_head(report, stream);
	fputs(",\"members\":{", stream);
	for (uint32_t i = 0; i < report->type->member_count; i++) {
		const struct bpfring_struct_ops_value *v =
			&((const struct report *)report)->values[i].pub;

		if (i)
			fputc(',', stream);
		bpfring_json_string(stream, v->member->name, SIZE_MAX);
		fputc(':', stream);
		if (v->member->kind == BPFRING_STRUCT_OPS_KIND_FUNCTION)
			json_program(v, stream);
		else
			bpfring_json_btf(stream, ops_type(report->type)->btf, v->member->type_id,
					 v->data);
	}
	fputs("}}", stream);
	return ferror(stream) ? -EIO : 0;
}
