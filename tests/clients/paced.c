// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * The program that is traced: paced COUNT PERIOD_NS calls getppid() COUNT times, one per period,
 * and prints what a call took, in ns: mean and median.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <sys/syscall.h>

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	long count = argc > 1 ? atol(argv[1]) : 100000;
	int64_t period = argc > 2 ? atol(argv[2]) : 10000, *took, sum = 0, due;

	took = count > 0 ? calloc((size_t)count, sizeof(*took)) : NULL;
	if (!took)
		return 1;
	due = now();
	for (long i = 0; i < count; i++) {
		int64_t start, end;

		due += period;
		while ((start = now()) < due)
			;
		syscall(SYS_getppid);
		end = now();
		took[i] = end - start;
		sum += took[i];
	}
	qsort(took, (size_t)count, sizeof(*took), compare);
	printf("%ld %ld\n", (long)(sum / count), (long)took[count / 2]);
	free(took);
	return 0;
}
