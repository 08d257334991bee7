// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Prints the records of exectrace as a table or as JSON lines.
 *
 * Names and arguments can hold any bytes. None of them reaches a terminal as a control character,
 * and the JSON stays valid.
 */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "exectrace.h"
#include "exectrace_print.h"

#define NS_PER_SEC 1000000000LL

/* Length of the valid UTF-8 character that s begins with; 0 if there is none. */
static size_t utf8_length(const unsigned char *s, size_t left, unsigned int *ret)
{
	static const unsigned int least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t length = s[0] < 0x80 ? 1 : s[0] < 0xc0 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	unsigned int code = length == 1 ? s[0] : s[0] & (0x7fU >> length);

	if (!length || length > left || s[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < length; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (s[i] & 0x3f);
	}
	if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 0;
	*ret = code;
	return length;
}

static bool is_control(unsigned int code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0);
}

/* Inside double quotes: escaped as in JSON, or with \x before each odd byte. */
static void print_escaped(const char *text, size_t size, bool json)
{
	const unsigned char *s = (const unsigned char *)text;
	unsigned int code = 0;

	for (size_t i = 0, length; i < size; i += length) {
		length = utf8_length(s + i, size - i, &code);
		if (!length) {
			length = 1;
			if (json)
				fputs("\\ufffd", stdout);
			else
				printf("\\x%02x", s[i]);
		} else if (code == '"' || code == '\\') {
			printf("\\%c", (int)code);
		} else if (code == '\n') {
			fputs("\\n", stdout);
		} else if (!is_control(code)) {
			fwrite(s + i, 1, length, stdout);
		} else if (json) {
			printf("\\u%04x", code);
		} else {
			for (size_t k = 0; k < length; k++)
				printf("\\x%02x", s[i + k]);
		}
	}
}

static bool is_plain(const char *text, size_t size)
{
	const unsigned char *s = (const unsigned char *)text;
	unsigned int code = 0;

	for (size_t i = 0, length; i < size; i += length) {
		length = utf8_length(s + i, size - i, &code);
		if (!length || is_control(code) || code == ' ' || code == '"' || code == '\\')
			return false;
	}
	return size > 0;
}

static void print_arguments(const struct exectrace_exec *e, bool json)
{
	size_t size = e->args_size;

	for (size_t i = 0, length; i < size; i += length + 1) {
		length = strnlen(e->args + i, size - i);
		if (i)
			putchar(json ? ',' : ' ');
		if (!json && is_plain(e->args + i, length)) {
			fwrite(e->args + i, 1, length, stdout);
			continue;
		}
		putchar('"');
		print_escaped(e->args + i, length, json);
		putchar('"');
	}
}

static void print_json(const struct exectrace_printer *p, const struct exectrace_head *head)
{
	const struct exectrace_exec *exec = (const void *)head;
	const struct exectrace_exit *exit = (const void *)head;
	long long time_ns = (long long)head->time_ns + p->wall_offset_ns;

	printf("{\"event\":\"%s\",\"time\":%lld.%09lld,\"pid\":%u,\"ppid\":%u,\"comm\":\"",
	       head->type == EXECTRACE_EXEC ? "exec" : "exit", time_ns / NS_PER_SEC,
	       time_ns % NS_PER_SEC, head->pid, head->ppid);
	print_escaped(head->comm, strnlen(head->comm, sizeof(head->comm)), true);
	if (head->type == EXECTRACE_EXEC) {
		fputs("\",\"args\":[", stdout);
		print_arguments(exec, true);
		printf("],\"args_truncated\":%s}\n",
		       exec->args_size < exec->args_total ? "true" : "false");
		return;
	}
	printf("\",\"duration_ns\":%llu", (unsigned long long)exit->duration_ns);
	if (WIFSIGNALED((int)exit->status))
		printf(",\"signal\":%d}\n", WTERMSIG((int)exit->status));
	else
		printf(",\"exit_code\":%d}\n", WEXITSTATUS((int)exit->status));
}

static void print_row(const struct exectrace_printer *p, const struct exectrace_head *head)
{
	const struct exectrace_exec *exec = (const void *)head;
	const struct exectrace_exit *exit = (const void *)head;
	long long time_ns = (long long)head->time_ns + p->wall_offset_ns;
	time_t seconds = (time_t)(time_ns / NS_PER_SEC);
	size_t comm_size = strnlen(head->comm, sizeof(head->comm));
	struct tm tm;
	char clock[16];

	if (!localtime_r(&seconds, &tm) || !strftime(clock, sizeof(clock), "%H:%M:%S", &tm))
		clock[0] = '\0';
	printf("%s.%03lld %-5s %7u %7u ", clock, time_ns % NS_PER_SEC / 1000000,
	       head->type == EXECTRACE_EXEC ? "exec" : "exit", head->pid, head->ppid);
	print_escaped(head->comm, comm_size, false);
	printf("%*s ", comm_size < EXECTRACE_COMM ? (int)(EXECTRACE_COMM - comm_size) : 0, "");
	if (head->type == EXECTRACE_EXEC) {
		print_arguments(exec, false);
		puts(exec->args_size < exec->args_total ? " ..." : "");
		return;
	}
	if (WIFSIGNALED((int)exit->status))
		printf("signal %d", WTERMSIG((int)exit->status));
	else
		printf("status %d", WEXITSTATUS((int)exit->status));
	printf(" after %.1f ms\n", (double)exit->duration_ns / 1e6);
}

void exectrace_print_title(const struct exectrace_printer *p)
{
	if (!p->json)
		printf("%-12s %-5s %7s %7s %-*s %s\n", "TIME", "EVENT", "PID", "PPID",
		       EXECTRACE_COMM, "COMM", "ARGUMENTS, OR STATUS AND TIME SINCE FORK");
}

void exectrace_print(const struct exectrace_printer *p, const void *data, size_t size)
{
	const size_t exec_size = offsetof(struct exectrace_exec, args);
	const struct exectrace_head *head = data;
	const struct exectrace_exec *exec = data;

	if (size < sizeof(*head))
		return;
	if (head->type == EXECTRACE_EXEC) {
		if (size < exec_size || size - exec_size < exec->args_size)
			return;
	} else if (head->type != EXECTRACE_EXIT || size < sizeof(struct exectrace_exit)) {
		return;
	}
	if (p->json)
		print_json(p, head);
	else
		print_row(p, head);
}
