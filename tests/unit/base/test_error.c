// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/* test_error INCLUDE_DIR: names of errors, above all of those that the public headers promise. */
#define _GNU_SOURCE
#include <bpfring/bpfring.h>
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "unit.h"

static const char *include_dir;

static void as_glibc_names_them(void **state)
{
	(void)state;
	for (int err = 1; err < 4096; err++) {
		const char *name = bpfring_errname(err), *glibc = strerrorname_np(err);

		assert_ptr_equal(name, bpfring_errname(-err));
		if (err == EOPNOTSUPP) /* which glibc calls by its other name */
			glibc = "EOPNOTSUPP";
		if (err == 524) /* which user space does not know */
			glibc = "ENOTSUPP";
		if (!glibc) {
			assert_string_equal(name, "-E?");
			continue;
		}
		assert_int_equal(name[0], '-');
		assert_string_equal(name + 1, glibc);
	}
}

static void of_no_errors(void **state)
{
	(void)state;
	assert_string_equal(bpfring_errname(0), "0");
	assert_string_equal(bpfring_errname(-100000), "-E?");
	assert_string_equal(bpfring_errname(BPFRING_STOP), "-E?");
	assert_string_equal(bpfring_errname(INT32_MIN), "-E?");
}

static bool has_name(const char *word)
{
	for (int err = 1; err < 4096; err++)
		if (!strcmp(bpfring_errname(err), word))
			return true;
	return false;
}

/* The words like -EINVAL in one header; how many there are. */
static unsigned int read_header(const char *path)
{
	FILE *file = fopen(path, "re");
	unsigned int count = 0;
	char line[512], word[32] = "-";

	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		for (const char *at = line; (at = strstr(at, "-E")); at++) {
			if (sscanf(at, "-%30[A-Z0-9]", word + 1) != 1 || strlen(word) < 4)
				continue;
			count++;
			if (!has_name(word))
				fail_msg("%s names %s, bpfring_errname() does not know it", path,
					 word);
		}
	}
	fclose(file);
	return count;
}

static void that_headers_promise(void **state)
{
	DIR *dir = opendir(include_dir);
	struct dirent *entry;
	unsigned int count = 0;
	char path[512];

	(void)state;
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		if (!strstr(entry->d_name, ".h"))
			continue;
		snprintf(path, sizeof(path), "%s/%s", include_dir, entry->d_name);
		count += read_header(path);
	}
	closedir(dir);
	assert_true(count > 100);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_glibc_names_them),
		cmocka_unit_test(of_no_errors),
		cmocka_unit_test(that_headers_promise),
	};

	if (argc != 2) {
		fprintf(stderr, "usage: %s INCLUDE_DIR\n", argv[0]);
		return 2;
	}
	include_dir = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
