/* SPDX-License-Identifier: BSD-2-Clause
 * image_fit.c - whether a program is fit to be a service, by its headers alone.
 *
 * Job:      a well-formed static ELF64 program; segments apart from each other, on pages of their
 *           own, below the stack, not both writable and executable; memory within the limit.
 * Speaks:   ELF-64 (System V ABI, generic and x86-64 supplement).
 * Touches:  nothing.
 * Trusts:   nothing in the file: every offset is checked.
 * On crash: holds no state.
 */
#include <string.h>

#include <abi/kernel.h>
#include <lib/elf64.h>
#include <lib/image.h>
#include <lib/image_fit.h>
#include <lib/print.h>

enum { SEGMENTS_MAX = 64 };             /* headers, of whatever type */

struct file {
	const uint8_t *elf;
	uint64_t size, stack;
	struct image_error *e;
};

static err_t __attribute__((format(printf, 2, 3))) unfit(const struct file *f, const char *text,
							 ...)
{
	va_list ap;

	va_start(ap, text);
	format_list(f->e->text, sizeof(f->e->text), text, ap);
	va_end(ap);
	return -ENOEXEC;
}

/* n objects of a size at an offset of the file, or NULL. All but bytes are aligned to 8. */
static const void *part(const struct file *f, uint64_t offset, uint64_t n, uint64_t size)
{
	if (offset > f->size || (size > 1 && offset % 8 != 0) || n > (f->size - offset) / size)
		return NULL;
	return f->elf + offset;
}

static const struct elf_header *header(const struct file *f)
{
	const struct elf_header *h = part(f, 0, 1, sizeof(*h));

	if (h == NULL || memcmp(h->ident, "\177ELF\2\1", 6) != 0 || h->machine != ELF_X86_64 ||
	    h->type != ELF_EXEC || h->phentsize != sizeof(struct elf_segment))
		return NULL;
	return h;
}

static uint64_t page_up(uint64_t n)
{
	return (n + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
}

static bool is_loaded(const struct elf_segment *s)
{
	return s->type == PT_LOAD && s->memsz != 0;
}

static bool meet(const struct elf_segment *s, uint64_t first, uint64_t end)
{
	return is_loaded(s) && s->vaddr < end && first < page_up(s->vaddr + s->memsz);
}

/* Segment i, and those before it, which are well-formed. */
static err_t check_segment(const struct file *f, const struct elf_segment *all, unsigned i)
{
	const struct elf_segment *s = &all[i];
	uint64_t end = page_up(s->vaddr + s->memsz);

	if (part(f, s->offset, s->filesz, 1) == NULL || s->filesz > s->memsz ||
	    s->vaddr < PAGE_SIZE || s->vaddr >= USER_END || s->memsz > USER_END - s->vaddr)
		return unfit(f, "segment %u is malformed", i);
	if ((s->flags & PF_W) && (s->flags & PF_X))
		return unfit(f, "segment %u is writable and executable", i);
	if (s->vaddr % PAGE_SIZE != 0)
		return unfit(f, "segment %u does not begin on a page", i);
	if (s->vaddr < IMAGE_STACK_TOP && IMAGE_STACK_TOP - f->stack < end)
		return unfit(f, "segment %u lies where the stack is", i);
	if (s->vaddr >= IMAGE_STACK_TOP)
		return unfit(f, "segment %u lies beyond the stack", i);
	for (unsigned k = 0; k < i; k++)
		if (meet(&all[k], s->vaddr, end))
			return unfit(f, "segments %u and %u share a page", k, i);
	return 0;
}

err_t image_fits(const void *elf, uint64_t size, const char *program, uint64_t stack,
		 uint64_t memory, struct image_error *e)
{
	const struct file f = { .elf = elf, .size = size, .stack = stack, .e = e };
	const struct elf_header *h = header(&f);
	const struct elf_segment *s;
	uint64_t need = stack;
	bool starts = false;

	*e = (struct image_error){ .of_memory = false };
	if (h == NULL)
		return unfit(&f, "not an x86-64 ELF program");
	s = part(&f, h->phoff, h->phnum, sizeof(*s));
	if (s == NULL)
		return unfit(&f, "program headers lie outside the file");
	if (h->phnum > SEGMENTS_MAX)
		return unfit(&f, "more than %d segments", SEGMENTS_MAX);
	for (unsigned i = 0; i < h->phnum; i++) {
		if (s[i].type == PT_INTERP || s[i].type == PT_DYNAMIC)
			return unfit(&f, "not a static program");
		if (!is_loaded(&s[i]))
			continue;
		if (check_segment(&f, s, i) != 0)
			return -ENOEXEC;
		need += page_up(s[i].memsz);
		starts |= (s[i].flags & PF_X) && h->entry >= s[i].vaddr &&
			  h->entry - s[i].vaddr < s[i].memsz;
	}
	if (!starts)
		return unfit(&f, "it begins at 0x%lx, where nothing is to be executed",
			     (unsigned long)h->entry);
	e->of_memory = need > memory;
	return need <= memory ? 0 : unfit(&f, "memory %luK, but '%.31s' needs %luK",
					  (unsigned long)memory / 1024, program,
					  (unsigned long)need / 1024);
}
