// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "elf_file.h"

#define MAX_SCRIPTS 5 /* the kernel follows no more either */

static void copy(char *ret, size_t size, const char *text)
{
	snprintf(ret, size, "%s", text);
}

static bool is_program(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISREG(st.st_mode) && !access(path, X_OK);
}

int program_find(struct program *ret, const char *name)
{
	const char *dirs = getenv("PATH");

	*ret = (struct program){0};
	if (strchr(name, '/')) {
		copy(ret->path, sizeof(ret->path), name);
		return is_program(name) ? 0 : access(name, F_OK) ? -ENOENT : -EACCES;
	}
	for (const char *dir = dirs ? dirs : "/bin:/usr/bin"; *dir;) {
		size_t n = strcspn(dir, ":");

		snprintf(ret->path, sizeof(ret->path), "%.*s/%s", n ? (int)n : 1, n ? dir : ".",
			 name);
		if (is_program(ret->path))
			return 0;
		dir += n + (dir[n] == ':');
	}
	return -ENOENT;
}

/* "#!/usr/bin/python3 -x": the interpreter; false if it is no script. */
static bool read_script(const char *path, char *ret, size_t size)
{
	FILE *file = fopen(path, "re");
	char line[512], *name;
	bool script = file && fgets(line, sizeof(line), file) && !strncmp(line, "#!", 2);

	if (file)
		fclose(file);
	if (!script)
		return false;
	name = line + 2 + strspn(line + 2, " \t");
	name[strcspn(name, " \t\r\n")] = '\0';
	copy(ret, size, name);
	return true;
}

/* "/usr/bin/env NAME" runs what the shell would find under NAME. */
static void follow_env(const char *script, char *loaded, size_t size)
{
	FILE *file = fopen(script, "re");
	char line[512], name[256];
	struct program p;

	if (file && fgets(line, sizeof(line), file) &&
	    sscanf(line, "#!%*[ \t]%*s %255s", name) + sscanf(line, "#!%*s %255s", name) > 0 &&
	    name[0] != '-' && !program_find(&p, name))
		copy(loaded, size, p.path);
	if (file)
		fclose(file);
}

/* Does it get other privileges than ours? Then the dynamic linker preloads nothing. */
static bool is_privileged(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return false;
	return (st.st_mode & S_ISUID && st.st_uid != getuid()) ||
	       (st.st_mode & S_ISGID && st.st_gid != getgid()) ||
	       (getuid() && getxattr(path, "security.capability", NULL, 0) > 0);
}

/* One library: what it has of libbpf's rings. */
static bool look_at_library(struct program *p, const char *path, enum verdict *ret)
{
	struct elf_file e;
	struct elf_rings rings;

	if (elf_open(&e, path))
		return false;
	rings = elf_rings(&e);
	if (!strncmp(e.soname, "libbpf.so.", 10)) /* the one whose place is taken */
		rings = (struct elf_rings){0};
	elf_close(&e);
	if (rings.calls) {
		*ret = TAKEN_OVER;
		return true;
	}
	if (*ret == NO_RING_CALLS && (rings.defines || rings.texts)) {
		*ret = LINKED_IN;
		copy(p->library, sizeof(p->library), path);
	} else if (*ret == NO_RING_CALLS && rings.names) {
		*ret = LOOKED_UP;
		copy(p->library, sizeof(p->library), path);
	}
	return false;
}

/* Asks the dynamic linker which libraries it would load. It starts nothing of them. */
static FILE *list_libraries(const char *linker, const char *path, const char *preload, pid_t *pid)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return NULL;
	*pid = fork();
	if (*pid == 0) {
		dup2(ends[1], STDOUT_FILENO);
		close(STDERR_FILENO); /* the program itself will name missing libraries */
		execl(linker, linker, "--preload", preload, "--list", path, (char *)NULL);
		_exit(127);
	}
	close(ends[1]);
	if (*pid > 0)
		return fdopen(ends[0], "re");
	close(ends[0]);
	return NULL;
}

static enum verdict look_at_libraries(struct program *p, const char *linker, const char *preload)
{
	enum verdict verdict = NO_RING_CALLS;
	char line[4096 + 128];
	pid_t pid;
	FILE *list;

	look_at_library(p, p->loaded, &verdict);
	if (verdict == TAKEN_OVER)
		return verdict;
	list = list_libraries(linker, p->loaded, preload, &pid);
	if (!list)
		return verdict;
	while (fgets(line, sizeof(line), list)) {
		char *path = strchr(line, '/');

		if (!path)
			continue;
		path[strcspn(path, " \n")] = '\0';
		if (strcmp(path, preload) != 0)
			look_at_library(p, path, &verdict);
	}
	fclose(list);
	waitpid(pid, NULL, 0);
	return verdict;
}

static enum verdict look_at_program(struct program *p, const struct elf_file *e,
				    const char *preload)
{
	const char *linker = strrchr(e->interpreter, '/');

	if (e->foreign)
		return OTHER_MACHINE;
	if (is_privileged(p->loaded))
		return SETUID;
	if (!strncmp(e->soname, "ld-linux", 8) || !strncmp(e->soname, "ld64.so", 7))
		return NO_RING_CALLS; /* the dynamic linker as a program: it loads another */
	if (!linker)
		return NO_DYNAMIC_LINKER;
	if (strncmp(linker, "/ld-linux", 9) != 0 && strncmp(linker, "/ld64.so", 8) != 0) {
		copy(p->library, sizeof(p->library), e->interpreter);
		return OTHER_LIBC;
	}
	return look_at_libraries(p, e->interpreter, preload);
}

enum verdict program_look(struct program *p, const char *preload)
{
	char script[sizeof(p->loaded)];
	enum verdict verdict;
	struct elf_file e;

	copy(p->loaded, sizeof(p->loaded), p->path);
	for (int i = 0; i < MAX_SCRIPTS; i++) {
		copy(script, sizeof(script), p->loaded);
		if (!read_script(script, p->loaded, sizeof(p->loaded)))
			break;
		if (!strcmp(p->loaded, "/usr/bin/env"))
			follow_env(script, p->loaded, sizeof(p->loaded));
	}
	if (elf_open(&e, p->loaded))
		return NOT_READABLE;
	verdict = look_at_program(p, &e, preload);
	elf_close(&e);
	return verdict;
}
