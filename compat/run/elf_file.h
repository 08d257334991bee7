/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* What an ELF file says of itself, as far as the launcher wants to know it. */
#ifndef COMPAT_RUN_ELF_FILE_H
#define COMPAT_RUN_ELF_FILE_H

#include <stdbool.h>
#include <stddef.h>

struct elf_file {
	const unsigned char *data;
	size_t size;
	bool foreign;	       /* of another machine or word size: the rest is not known */
	char interpreter[256]; /* the dynamic linker, "" if it asks for none */
	char soname[128];      /* "" for programs */
};

/* 0; -ENOEXEC: no ELF file; or another error. */
int elf_open(struct elf_file *ret, const char *path);
void elf_close(struct elf_file *e);

/* What the file has of libbpf's ring calls. */
struct elf_rings {
	bool calls;   /* undefined symbols: another library has to have them */
	bool defines; /* functions of these names */
	bool names;   /* the names as text, as for dlsym() */
	bool texts;   /* messages that libbpf has in the same file */
};

struct elf_rings elf_rings(const struct elf_file *e);

#endif /* COMPAT_RUN_ELF_FILE_H */
