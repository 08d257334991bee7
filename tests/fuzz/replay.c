// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Runs a fuzz target without libFuzzer: on every file of the directories given, and on as many
 * inputs of random bytes. "--random N" changes how many.
 */
#include <dirent.h>

#include "fuzz.h"

#define MAX_FILE 65536

static unsigned long run_file(const char *dir, const char *name)
{
	static uint8_t buf[MAX_FILE];
	char path[4096];
	uint8_t *exact;
	size_t size;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "rb");
	if (!file)
		return 0;
	size = fread(buf, 1, sizeof(buf), file);
	fclose(file);
	exact = malloc(size ? size : 1); /* so that a sanitizer sees what is read beyond it */
	if (!exact)
		abort();
	memcpy(exact, buf, size);
	LLVMFuzzerTestOneInput(exact, size);
	free(exact);
	return 1;
}

static unsigned long run_dir(const char *path)
{
	DIR *dir = opendir(path);
	unsigned long count = 0;
	struct dirent *entry;

	if (!dir) {
		fprintf(stderr, "cannot read %s\n", path);
		exit(1);
	}
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			count += run_file(path, entry->d_name);
	closedir(dir);
	return count;
}

static void run_random(long count)
{
	srandom(1);
	for (long i = 0; i < count; i++) {
		size_t size = (size_t)random() % (i % 10 ? 200 : 5000);
		uint8_t *data = malloc(size ? size : 1);

		if (!data)
			abort();
		for (size_t k = 0; k < size; k++) /* small numbers more often than not */
			data[k] = (uint8_t)(random() >> (random() % 8) & 0xff);
		LLVMFuzzerTestOneInput(data, size);
		free(data);
	}
}

int main(int argc, char **argv)
{
	unsigned long files = 0;
	long count = 20000;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--random") && i + 1 < argc)
			count = atol(argv[++i]);
		else
			files += run_dir(argv[i]);
	}
	run_random(count);
	printf("%lu files, %ld random inputs\n", files, count);
	return 0;
}
