// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#include "elf_file.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#if UINTPTR_MAX > 0xffffffffU
#define OWN_CLASS ELFCLASS64
#else
#define OWN_CLASS ELFCLASS32
#endif

/* @size bytes at @offset, or NULL: a file may say anything. */
static const void *at(const struct elf_file *e, size_t offset, size_t size)
{
	return offset <= e->size && size <= e->size - offset ? e->data + offset : NULL;
}

/* A string that ends within the file. */
static const char *string_at(const struct elf_file *e, size_t offset)
{
	const char *text = at(e, offset, 1);

	return text && memchr(text, '\0', e->size - offset) ? text : NULL;
}

static const ElfW(Ehdr) * header(const struct elf_file *e)
{
	return (const void *)e->data;
}

static const ElfW(Shdr) * section(const struct elf_file *e, unsigned int i)
{
	const ElfW(Ehdr) *h = header(e);

	return i < h->e_shnum ? at(e, h->e_shoff + (size_t)i * h->e_shentsize, sizeof(ElfW(Shdr)))
			      : NULL;
}

/* The machine of this program, to compare with. */
static int own_machine(void)
{
	ElfW(Ehdr) own;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), machine = EM_NONE;

	if (fd < 0)
		return machine;
	if (read(fd, &own, sizeof(own)) == sizeof(own))
		machine = own.e_machine;
	close(fd);
	return machine;
}

static void read_interpreter(struct elf_file *e)
{
	const ElfW(Ehdr) *h = header(e);

	for (unsigned int i = 0; i < h->e_phnum; i++) {
		const ElfW(Phdr) *p = at(e, h->e_phoff + (size_t)i * h->e_phentsize, sizeof(*p));
		const char *text = p && p->p_type == PT_INTERP ? string_at(e, p->p_offset) : NULL;

		if (text)
			strncpy(e->interpreter, text, sizeof(e->interpreter) - 1);
	}
}

static void read_soname(struct elf_file *e)
{
	const ElfW(Shdr) * s;

	for (unsigned int i = 0; (s = section(e, i)); i++) {
		const ElfW(Shdr) *strings = s->sh_type == SHT_DYNAMIC ? section(e, s->sh_link)
								      : NULL;

		for (size_t n = 0; strings && n < s->sh_size / sizeof(ElfW(Dyn)); n++) {
			const ElfW(Dyn) *d = at(e, s->sh_offset + n * sizeof(*d), sizeof(*d));
			const char *text;

			if (!d || d->d_tag != DT_SONAME)
				continue;
			text = string_at(e, strings->sh_offset + d->d_un.d_val);
			if (text)
				strncpy(e->soname, text, sizeof(e->soname) - 1);
		}
	}
}

int elf_open(struct elf_file *ret, const char *path)
{
	struct elf_file e = {0};
	struct stat st;
	void *data;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || (size_t)st.st_size < sizeof(ElfW(Ehdr))) {
		close(fd);
		return -ENOEXEC;
	}
	data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (data == MAP_FAILED)
		return -errno;
	e.data = data;
	e.size = (size_t)st.st_size;
	if (memcmp(e.data, ELFMAG, SELFMAG) != 0) {
		elf_close(&e);
		return -ENOEXEC;
	}
	e.foreign = e.data[EI_CLASS] != OWN_CLASS || header(&e)->e_machine != own_machine();
	if (!e.foreign) {
		read_interpreter(&e);
		read_soname(&e);
	}
	*ret = e;
	return 0;
}

void elf_close(struct elf_file *e)
{
	munmap((void *)e->data, e->size);
}

static bool is_ring_call(const char *name)
{
	return !strncmp(name, "ring_buffer__", 13) || !strncmp(name, "user_ring_buffer__", 18);
}

static void look_at_symbols(const struct elf_file *e, const ElfW(Shdr) * table,
			    struct elf_rings *ret)
{
	const ElfW(Shdr) *strings = section(e, table->sh_link);

	for (size_t n = 0; strings && n < table->sh_size / sizeof(ElfW(Sym)); n++) {
		const ElfW(Sym) *s = at(e, table->sh_offset + n * sizeof(*s), sizeof(*s));
		const char *name = s ? string_at(e, strings->sh_offset + s->st_name) : NULL;

		if (!name || !is_ring_call(name))
			continue;
		if (s->st_shndx == SHN_UNDEF)
			ret->calls = true;
		else
			ret->defines = true;
	}
}

static bool has_text(const unsigned char *data, size_t size, const char *text)
{
	return memmem(data, size, text, strlen(text)) != NULL;
}

struct elf_rings elf_rings(const struct elf_file *e)
{
	struct elf_rings ret = {0};
	const ElfW(Shdr) * s;

	for (unsigned int i = 0; (s = section(e, i)); i++) {
		const unsigned char *data;

		if (s->sh_type == SHT_DYNSYM || s->sh_type == SHT_SYMTAB)
			look_at_symbols(e, s, &ret);
		/* Constants of the program; not the names in its symbol tables. */
		if (s->sh_type != SHT_PROGBITS || s->sh_flags & SHF_EXECINSTR)
			continue;
		data = at(e, s->sh_offset, s->sh_size);
		if (!data || !(s->sh_flags & SHF_ALLOC))
			continue;
		ret.names |= has_text(data, s->sh_size, "ring_buffer__poll") ||
			     has_text(data, s->sh_size, "ring_buffer__new");
		ret.texts |= has_text(data, s->sh_size, "ringbuf: failed to ");
	}
	return ret;
}
