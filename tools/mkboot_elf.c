/* SPDX-License-Identifier: BSD-2-Clause
 * mkboot_elf.c - a program against its manifest.
 *
 * Job:      a well-formed static ELF64 program; segments not both writable and executable; memory
 *           within the limit; the kernel calls listed are those that are linked.
 * Speaks:   ELF-64 (System V ABI, generic and x86-64 supplement).
 * Touches:  nothing.
 * Trusts:   nothing in the file: every offset is checked.
 * On crash: nothing is written yet.
 */
#include <elf.h>
#include <string.h>

#include <contract/kernel.h>

#include "mkboot.h"

/* n objects of a size at an offset of the file, or NULL. */
static const void *part(const struct item *it, uint64_t offset, uint64_t n, uint64_t size)
{
	if (offset > it->checked_size || n > (it->checked_size - offset) / size)
		return NULL;
	return it->checked + offset;
}

static const Elf64_Ehdr *header(const struct item *it)
{
	const Elf64_Ehdr *h = part(it, 0, 1, sizeof(*h));

	if (h == NULL || memcmp(h->e_ident, ELFMAG, SELFMAG) != 0 ||
	    h->e_ident[EI_CLASS] != ELFCLASS64 || h->e_machine != EM_X86_64 ||
	    h->e_type != ET_EXEC || h->e_phentsize != sizeof(Elf64_Phdr))
		return NULL;
	return h;
}

static void check_memory(const struct item *it, const Elf64_Ehdr *h, const struct item *svc)
{
	const struct manifest *m = &svc->manifest;
	const Elf64_Phdr *p = part(it, h->e_phoff, h->e_phnum, sizeof(*p));
	uint64_t need = m->stack;

	if (p == NULL) {
		complain(it->path, 0, "program headers lie outside the file");
		return;
	}
	for (unsigned i = 0; i < h->e_phnum; i++) {
		if (p[i].p_type == PT_INTERP || p[i].p_type == PT_DYNAMIC)
			complain(it->path, 0, "not a static program");
		if (p[i].p_type != PT_LOAD)
			continue;
		if ((p[i].p_flags & PF_W) && (p[i].p_flags & PF_X))
			complain(it->path, 0, "segment %u is writable and executable", i);
		if (part(it, p[i].p_offset, p[i].p_filesz, 1) == NULL ||
		    p[i].p_filesz > p[i].p_memsz || p[i].p_vaddr >= USER_END ||
		    p[i].p_memsz > USER_END - p[i].p_vaddr) {
			complain(it->path, 0, "segment %u is malformed", i);
			return;
		}
		need += (p[i].p_vaddr % PAGE_SIZE + p[i].p_memsz + PAGE_SIZE - 1) &
			~(uint64_t)(PAGE_SIZE - 1);
	}
	if (need > m->memory)
		complain(svc->path, m->line[WORD_MEMORY], "memory %luK, but '%s' needs %luK",
			 (unsigned long)m->memory / 1024, it->name, (unsigned long)need / 1024);
}

static int kernel_call(const char *symbol)
{
	if (strncmp(symbol, "sys_", 4) != 0)
		return -1;
	for (int n = 0; n < NR_KERNEL_CALLS; n++)
		if (kernel_call_name[n] != NULL && strcmp(kernel_call_name[n], symbol + 4) == 0)
			return n;
	return -1;
}

/* Bit n: the stub of kernel call n is linked. False: there are no symbols. */
static bool linked_calls(const struct item *it, const Elf64_Ehdr *h, uint64_t *calls)
{
	const Elf64_Shdr *s = part(it, h->e_shoff, h->e_shnum, sizeof(*s));
	bool found = false;

	for (unsigned i = 0; s != NULL && i < h->e_shnum; i++) {
		const Elf64_Sym *sym;
		const char *text;
		uint64_t n = s[i].sh_size / sizeof(*sym);

		if (s[i].sh_type != SHT_SYMTAB || s[i].sh_link >= h->e_shnum)
			continue;
		sym = part(it, s[i].sh_offset, n, sizeof(*sym));
		text = part(it, s[s[i].sh_link].sh_offset, s[s[i].sh_link].sh_size, 1);
		if (sym == NULL || text == NULL || s[s[i].sh_link].sh_size == 0 ||
		    text[s[s[i].sh_link].sh_size - 1] != '\0')
			continue;
		found = true;
		for (uint64_t k = 0; k < n; k++) {
			int call = -1;

			if (sym[k].st_name < s[s[i].sh_link].sh_size &&
			    sym[k].st_shndx != SHN_UNDEF)
				call = kernel_call(text + sym[k].st_name);
			if (call >= 0)
				*calls |= BIT(call);
		}
	}
	return found;
}

static void check_calls(const struct item *it, const Elf64_Ehdr *h, const struct item *svc)
{
	const struct manifest *m = &svc->manifest;
	unsigned line = m->line[WORD_CALLS] != 0 ? m->line[WORD_CALLS] : 1;
	uint64_t linked = 0;

	if (!linked_calls(it, h, &linked)) {
		complain(it->path, 0, "no symbols: its kernel calls cannot be checked");
		return;
	}
	for (unsigned n = 0; n < NR_KERNEL_CALLS; n++) {
		if (m->calls & ~linked & BIT(n))
			complain(svc->path, line,
				 "kernel call '%s' is listed, but '%s' never makes it",
				 kernel_call_name[n], it->name);
		if (linked & ~m->calls & BIT(n))
			complain(svc->path, line,
				 "'%s' makes kernel call '%s', which is not listed",
				 it->name, kernel_call_name[n]);
	}
}

void check_program(const struct item *program, const struct item *svc)
{
	const Elf64_Ehdr *h = header(program);

	if (h == NULL) {
		complain(program->path, 0, "not an x86-64 ELF program");
		return;
	}
	check_memory(program, h, svc);
	check_calls(program, h, svc);
}
