// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#include "environment.h"

#include <bpfring/loop.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

static struct environment known;
static char words[512]; /* @known points into it */

/* "200us": nanoseconds, or -1. */
static int64_t duration(const char *text)
{
	static const struct {
		const char *name;
		int64_t ns;
	} units[] = {{"ns", 1}, {"us", 1000}, {"ms", 1000000}, {"s", 1000000000}};
	char *unit;
	long long n = strtoll(text, &unit, 10);

	if (unit == text || n <= 0)
		return -1;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (!strcmp(unit, units[i].name))
			return n > 3600000000000LL / units[i].ns ? -1 : n * units[i].ns;
	return -1;
}

static bool set_wait(struct environment *env, const char *mode)
{
	env->windows = strcmp(mode, "sleep") != 0;
	if (!strcmp(mode, "coalesce"))
		env->wait = BPFRING_WAIT_COALESCE;
	else if (!strcmp(mode, "adaptive"))
		env->wait = BPFRING_WAIT_ADAPTIVE;
	else
		return !env->windows;
	return true;
}

static bool set_word(struct environment *env, char *word)
{
	char *value = strchr(word, '=');

	if (value)
		*value++ = '\0';
	if (!strcmp(word, "off") && !value)
		env->off = true;
	else if (!strcmp(word, "stats") && !value)
		env->stats = true;
	else if (!strcmp(word, "verbose") && !value)
		env->verbose = true;
	else if (!strcmp(word, "wait") && value)
		return set_wait(env, value);
	else if (!strcmp(word, "latency") && value)
		return (env->latency_ns = duration(value)) > 0;
	else if (!strcmp(word, "file") && value && *value)
		env->file = value;
	else if (!strcmp(word, "pid") && value)
		env->pid = atoi(value);
	else
		return false;
	return true;
}

const char *environment_parse(struct environment *ret, const char *text)
{
	const char *wrong = NULL;
	char *rest = words, *word;

	*ret = (struct environment){.windows = true, .wait = BPFRING_WAIT_ADAPTIVE};
	strncpy(words, text ? text : "", sizeof(words) - 1);
	while ((word = strsep(&rest, ",")))
		if (*word && !set_word(ret, word) && !wrong)
			wrong = word;
	if (ret->latency_ns < 0)
		ret->latency_ns = 0;
	return wrong;
}

static void read_environment(void)
{
	const char *wrong = environment_parse(&known, secure_getenv("BPFRING_COMPAT"));

	if (wrong)
		compat_tell(
			"BPFRING_COMPAT: \"%s\" is not understood; docs/compat.md lists what is\n",
			wrong);
}

const struct environment *environment(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, read_environment);
	return &known;
}
