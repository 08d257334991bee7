// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#include "test_common.h"

#include <bpfring/common.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
	unsigned int lines;
	char text[8192];
} caught;

static void catch_line(enum bpfring_log_level level, const char *fmt, va_list args)
{
	size_t used = strlen(caught.text);

	if (level > BPFRING_LOG_WARN)
		return;
	caught.lines++;
	vsnprintf(caught.text + used, sizeof(caught.text) - used, fmt, args);
}

void log_catch(void)
{
	log_forget();
	bpfring_set_log(catch_line);
}

unsigned int log_lines(void)
{
	return caught.lines;
}

const char *log_text(void)
{
	return caught.text;
}

void log_forget(void)
{
	memset(&caught, 0, sizeof(caught));
}

unsigned int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int count = 0;

	if (!dir)
		abort();
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}
