// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * bpfring-run PROGRAM [ARGUMENT...]: starts a program with libbpfring-compat.so in front of libbpf,
 * and says so if that cannot help it. It becomes the program: process, signals and exit status are
 * the program's own.
 */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "program.h"

#define LIBRARY "libbpfring-compat.so"

static const char usage[] =
	"usage: bpfring-run [OPTION...] PROGRAM [ARGUMENT...]\n"
	"Runs PROGRAM with libbpfring in place of libbpf's ring buffers.\n"
	"  -v           say which rings are taken over\n"
	"  -q           no statistics at the end\n"
	"  -w MODE      how ring_buffer__poll() waits: adaptive (default), coalesce, sleep\n"
	"  -l TIME      longest window, as 200us (default) or 1ms\n"
	"  -f FILE      write all that to FILE instead of stderr\n"
	"  -n           do not run it, only say what would happen; status 0 if it can be helped\n";

/* Beside this program, where it was installed with it, or where it was meant to be. */
static bool find_library(char *ret, size_t size)
{
	char self[PATH_MAX], dir[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n > 0) {
		self[n] = '\0';
		*strrchr(self, '/') = '\0';
		static const char *const places[] = {".", "..", COMPAT_LIBDIR_FROM_BINDIR};

		for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
			snprintf(dir, sizeof(dir), "%.2000s/%s/" LIBRARY, self, places[i]);
			if (!access(dir, R_OK) && realpath(dir, self)) {
				snprintf(ret, size, "%s", self);
				return true;
			}
		}
	}
	snprintf(ret, size, "%s", COMPAT_LIBDIR "/" LIBRARY);
	return !access(ret, R_OK);
}

/* What the verdict means for the person who typed the command. NULL: nothing is to be said. */
static const char *advice(enum verdict verdict)
{
	switch (verdict) {
	case LINKED_IN:
		return "has libbpf linked into it, so its ring calls cannot be taken over: relink "
		       "it with "
		       "bpfring-compat in front of -lbpf";
	case LOOKED_UP:
		return "looks libbpf's functions up with dlsym(), so they cannot be taken over";
	case NO_DYNAMIC_LINKER:
		return "is linked statically, so nothing can be preloaded: if it has libbpf in it, "
		       "relink it "
		       "with bpfring-compat in front of -lbpf";
	case SETUID:
		return "is set-user-ID, set-group-ID or has capabilities, so the dynamic linker "
		       "preloads "
		       "nothing into it: run bpfring-run as the user that it becomes";
	case OTHER_MACHINE:
		return "is of another machine or word size than this bpfring-run";
	case OTHER_LIBC:
		return "does not use glibc, for which " LIBRARY " was built";
	case NO_RING_CALLS:
		return "does not call libbpf's ring buffers, nor does a library that it is linked "
		       "with; only "
		       "what it loads later could be taken over";
	case NOT_READABLE:
		return "cannot be read, so it is not known whether it can be helped";
	default:
		return NULL;
	}
}

static bool helps(enum verdict verdict)
{
	return verdict == TAKEN_OVER || verdict == NO_RING_CALLS || verdict == NOT_READABLE;
}

static void tell(const struct program *p, enum verdict verdict, bool verbose, bool run)
{
	const char *text = advice(verdict);

	if (!text) {
		if (verbose || !run)
			fprintf(stderr,
				"bpfring-run: %s calls libbpf's ring buffers: they are taken "
				"over\n",
				p->path);
		return;
	}
	if (verdict == NO_RING_CALLS && !verbose && run)
		return; /* an interpreter perhaps: the end will tell */
	fprintf(stderr, "bpfring-run: %s %s", p->path, text);
	if (p->library[0] && strcmp(p->library, p->path) != 0)
		fprintf(stderr, " (%s)", p->library);
	else if (strcmp(p->loaded, p->path) != 0)
		fprintf(stderr, " (%s)", p->loaded);
	fprintf(stderr, "%s\n", run && !helps(verdict) ? ". It runs as it is" : "");
}

/* Puts @text in front of what is in the environment. */
static void prepend(const char *name, const char *text, char separator)
{
	const char *before = getenv(name);
	char *value;

	if (!before || !*before) {
		setenv(name, text, 1);
		return;
	}
	if (asprintf(&value, "%s%c%s", text, separator, before) < 0)
		return;
	setenv(name, value, 1);
	free(value);
}

struct options {
	bool verbose, quiet, dry;
	const char *mode, *latency, *file;
};

static void set_environment(const struct options *o, const char *library)
{
	char text[PATH_MAX + 256];
	int size = snprintf(text, sizeof(text), "pid=%d", (int)getpid());

#define ADD(...) size += snprintf(text + size, sizeof(text) - (size_t)size, __VA_ARGS__)
	if (o->verbose)
		ADD(",verbose");
	if (!o->quiet)
		ADD(",stats");
	if (o->mode)
		ADD(",wait=%s", o->mode);
	if (o->latency)
		ADD(",latency=%s", o->latency);
	if (o->file)
		ADD(",file=%s", o->file);
	prepend("BPFRING_COMPAT", text, ',');
	prepend("LD_PRELOAD", library, ':');
}

int main(int argc, char **argv)
{
	struct options o = {0};
	char library[PATH_MAX];
	struct program program;
	enum verdict verdict;
	int option, err;

	while ((option = getopt(argc, argv, "+vqnhw:l:f:")) >= 0) {
		switch (option) {
		case 'v':
			o.verbose = true;
			break;
		case 'q':
			o.quiet = true;
			break;
		case 'n':
			o.dry = true;
			break;
		case 'w':
			o.mode = optarg;
			break;
		case 'l':
			o.latency = optarg;
			break;
		case 'f':
			o.file = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return 125;
		}
	}
	if (optind == argc) {
		fputs(usage, stderr);
		return 125;
	}
	if (!find_library(library, sizeof(library))) {
		fprintf(stderr, "bpfring-run: cannot find " LIBRARY "\n");
		return 125;
	}
	err = program_find(&program, argv[optind]);
	if (err) {
		fprintf(stderr, "bpfring-run: %s: %s\n", argv[optind], strerror(-err));
		return err == -ENOENT ? 127 : 126;
	}
	verdict = program_look(&program, library);
	tell(&program, verdict, o.verbose, !o.dry);
	if (o.dry)
		return helps(verdict) ? 0 : 1;
	set_environment(&o, library);
	execv(program.path, argv + optind);
	fprintf(stderr, "bpfring-run: %s: %s\n", program.path, strerror(errno));
	return 126;
}
