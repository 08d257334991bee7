/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Medians and percentiles. */
#include "stat.h"

#include <math.h>

static void swap(uint32_t *a, uint32_t *b)
{
	uint32_t t = *a;

	*a = *b;
	*b = t;
}

/* Hoare's selection: v[k] becomes what it would be if v were sorted. */
static uint32_t select_nth(uint32_t *v, size_t n, size_t k)
{
	ptrdiff_t lo = 0, hi = (ptrdiff_t)n - 1, want = (ptrdiff_t)k;

	while (lo < hi) {
		uint32_t pivot = v[lo + (hi - lo) / 2];
		ptrdiff_t i = lo, j = hi;

		while (i <= j) {
			while (v[i] < pivot)
				i++;
			while (v[j] > pivot)
				j--;
			if (i <= j)
				swap(&v[i++], &v[j--]);
		}
		if (want <= j)
			hi = j;
		else if (want >= i)
			lo = i;
		else
			break;
	}
	return v[k];
}

double stat_percentile(uint32_t *v, size_t n, double p)
{
	size_t k;

	if (!n)
		return NAN;
	k = (size_t)(p * (double)n);
	return select_nth(v, n, k < n ? k : n - 1);
}

double stat_mean(const uint32_t *v, size_t n, uint32_t limit)
{
	double sum = 0;
	size_t i;

	for (i = 0; i < n; i++)
		sum += v[i] < limit ? v[i] : limit;
	return n ? sum / (double)n : (double)NAN;
}

double stat_median(double *v, size_t n)
{
	size_t used = 0, i, j;

	for (i = 0; i < n; i++) {
		double x = v[i];

		if (isnan(x))
			continue;
		for (j = used++; j > 0 && v[j - 1] > x; j--)
			v[j] = v[j - 1];
		v[j] = x;
	}
	if (!used)
		return NAN;
	return used & 1 ? v[used / 2] : (v[used / 2 - 1] + v[used / 2]) / 2;
}
