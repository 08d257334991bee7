/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* Arguments and verdict of the stress programs. */
#ifndef TESTS_STRESS_H
#define TESTS_STRESS_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define die(...)                              \
	do {                                  \
		fprintf(stderr, __VA_ARGS__); \
		fputc('\n', stderr);          \
		exit(1);                      \
	} while (0)

/* "--name value" anywhere on the command line; without it what is there already stays. */
static inline const char *argument(int argc, char **argv, const char *name, const char *otherwise)
{
	for (int i = 1; i + 1 < argc; i += 2)
		if (!strcmp(argv[i], name))
			return argv[i + 1];
	return otherwise;
}

static inline uint64_t number_argument(int argc, char **argv, const char *name, uint64_t otherwise)
{
	const char *text = argument(argc, argv, name, NULL);
	char *end;
	double value;

	if (!text)
		return otherwise;
	value = strtod(text, &end); /* so that 1e9 can be said */
	if (*end || value < 0)
		die("%s %s: not a number", name, text);
	return (uint64_t)value;
}

/* Ends the program unless every argument is one of these. */
static inline void check_arguments(int argc, char **argv, const char *usage)
{
	for (int i = 1; i < argc; i += 2)
		if (strncmp(argv[i], "--", 2) || !strstr(usage, argv[i]) || i + 1 == argc)
			die("usage: %s %s", argv[0], usage);
}

/* xorshift: fast, and different for every thread. */
static inline uint32_t next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

#endif /* TESTS_STRESS_H */
