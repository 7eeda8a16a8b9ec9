/* SPDX-License-Identifier: BSD-2-Clause
 * elf.c - programs: headers checked, segments mapped.
 *
 * Job:      reads an ELF64 file's headers through the cache; maps its segments into a new space.
 * Speaks:   contracts/vm (map, brk_set).
 * Touches:  nothing.
 * Trusts:   nothing in a file.
 * On crash: holds no state.
 * Spec:     System V ABI, chapters 4 and 5; psABI x86-64.
 */
#include "vfs.h"

enum { PAGE_MASK = PAGE_SIZE - 1 };

int64_t file_bytes(struct op *o, unsigned inode, uint64_t pos, void *to, size_t len)
{
	size_t done = 0;

	if (pos > state.inode[inode].attr.size || len > state.inode[inode].attr.size - pos)
		return -ENOEXEC;
	while (done < len) {
		uint64_t at = pos + done;
		size_t part = PAGE_SIZE - at % PAGE_SIZE;
		uint32_t slot;
		int64_t err = page_want(o, inode, (uint32_t)(at / PAGE_SIZE), &slot);

		if (err != 0)
			return err;
		if (part > len - done)
			part = len - done;
		memcpy((char *)to + done, page_data(slot) + at % PAGE_SIZE, part);
		done += part;
	}
	return 0;
}

static bool header_good(const struct elf_header *h)
{
	return memcmp(h->ident, "\177ELF\2\1\1", 7) == 0 && h->machine == ELF_X86_64 &&
	       (h->type == ELF_EXEC || h->type == ELF_DYN) &&
	       h->phentsize == sizeof(struct elf_segment) && h->phnum != 0 && h->phnum <= 64;
}

static bool segment_good(const struct elf_segment *s)
{
	return s->memsz >= s->filesz && s->vaddr < USER_END && s->memsz < USER_END - s->vaddr &&
	       (s->vaddr - s->offset) % PAGE_SIZE == 0 && s->offset + s->filesz >= s->offset;
}

/* A text that ends with a zero; of several headers the first counts, as on Linux. */
static int64_t read_interp(struct op *o, struct program *g, const struct elf_segment *s)
{
	int64_t err;

	if (s->filesz < 2 || s->filesz > sizeof(g->interp))
		return -ENOEXEC;
	err = file_bytes(o, g->inode, s->offset, g->interp, s->filesz);
	if (err == 0 && (g->interp[0] == '\0' || g->interp[s->filesz - 1] != '\0'))
		return -ENOEXEC;
	return err;
}

static int64_t add_segment(struct op *o, struct program *g, const struct elf_segment *s)
{
	switch (s->type) {
	case PT_LOAD:
		if (!segment_good(s) || g->nr_segs == COUNT(g->seg))
			return -ENOEXEC;
		if (s->offset <= g->h.phoff && g->h.phoff < s->offset + s->filesz && g->phdr == 0)
			g->phdr = s->vaddr + g->h.phoff - s->offset;
		if (s->vaddr + s->memsz > g->end)
			g->end = s->vaddr + s->memsz;
		g->seg[g->nr_segs++] = *s;
		return 0;
	case PT_INTERP:
		return g->interp[0] != '\0' ? 0 : read_interp(o, g, s);
	case PT_GNU_STACK:
		g->stack_exec = s->flags & PF_X;
		return 0;
	default:
		return 0;
	}
}

int64_t elf_read(struct op *o, unsigned inode, struct program *g)
{
	struct elf_segment s;
	int64_t err;

	memset(g, 0, sizeof(*g));
	g->inode = inode;
	err = file_bytes(o, inode, 0, &g->h, sizeof(g->h));
	if (err != 0)
		return err;
	if (!header_good(&g->h))
		return -ENOEXEC;
	for (unsigned k = 0; k < g->h.phnum; k++) {
		err = file_bytes(o, inode, g->h.phoff + k * sizeof(s), &s, sizeof(s));
		if (err == 0)
			err = add_segment(o, g, &s);
		if (err != 0)
			return err;
	}
	return g->nr_segs == 0 ? -ENOEXEC : 0;
}

struct seen { unsigned loads, interps; };

/* One of the headers in the file's first page against what was made of it. */
static bool is_header(const struct program *g, const struct elf_segment *s, const char *page,
		      struct seen *seen)
{
	switch (s->type) {
	case PT_LOAD:
		return seen->loads < g->nr_segs && s->vaddr + s->memsz <= g->end &&
		       memcmp(s, &g->seg[seen->loads++], sizeof(*s)) == 0;
	case PT_INTERP:
		return seen->interps++ != 0 || s->offset >= PAGE_SIZE ||
		       s->filesz >= PAGE_SIZE - s->offset ||
		       strncmp(page + s->offset, g->interp, s->filesz) == 0;
	default:
		return true;
	}
}

bool elf_is(const struct program *g)
{
	uint32_t slot = page_find(g->inode, 0);
	struct seen seen = { .loads = 0 };
	struct elf_segment s;
	const char *page;

	if (slot == NO_SLOT)
		return true;
	page = page_data(slot);
	if (memcmp(page, &g->h, sizeof(g->h)) != 0)
		return false;
	if (g->h.phoff > PAGE_SIZE || g->h.phnum * sizeof(s) > PAGE_SIZE - g->h.phoff)
		return true;
	for (unsigned k = 0; k < g->h.phnum; k++) {
		memcpy(&s, page + g->h.phoff + k * sizeof(s), sizeof(s));
		if (!is_header(g, &s, page, &seen))
			return false;
	}
	return seen.loads == g->nr_segs && (seen.interps != 0) == (g->interp[0] != '\0');
}

static err_t map(uint16_t space, uint64_t *address, uint64_t len, unsigned prot, unsigned flags)
{
	struct vm_map_request req = {
		.space = space, .prot = (uint16_t)prot, .address = *address, .len = len,
		.flags = VM_MAP_PRIVATE | VM_MAP_ANONYMOUS | flags,
	};
	struct vm_map_reply reply;
	err_t err = vm_map(&vm, &req, &reply);

	*address = reply.address;
	return err;
}

/* Each byte of the segment that the file has, from where it is there; no page more. */
static bool is_whole(const struct vm_map_request *m, const struct elf_segment *s, uint64_t start)
{
	uint64_t before = start - m->address;

	return before < PAGE_SIZE && m->offset + before == s->offset &&
	       before + s->filesz <= m->len && m->len - before - s->filesz < PAGE_SIZE;
}

static err_t map_segment(uint16_t space, const struct program *g, const struct elf_segment *s)
{
	uint64_t start = s->vaddr + g->bias, file_end = start + s->filesz, end = start + s->memsz;
	unsigned prot = (s->flags & PF_R ? VM_PROT_READ : 0) |
			(s->flags & PF_W ? VM_PROT_WRITE : 0) |
			(s->flags & PF_X ? VM_PROT_EXEC : 0);
	uint64_t first = start & ~(uint64_t)PAGE_MASK;
	uint64_t last = (file_end + PAGE_MASK) & ~(uint64_t)PAGE_MASK;
	struct vm_map_request req = {
		.space = space, .prot = (uint16_t)prot, .flags = VM_MAP_PRIVATE | VM_MAP_FIXED,
		.address = first, .len = last - first, .file = inode_file(g->inode),
		.offset = s->offset & ~(uint64_t)PAGE_MASK,
		.tail = s->memsz > s->filesz ? (uint32_t)(file_end & PAGE_MASK) : 0,
	};
	struct vm_map_reply reply;
	err_t err = 0;

	if (s->filesz == 0) {
		last = first;
	} else {
		assert(is_whole(&req, s, start));
		err = vm_map(&vm, &req, &reply);
	}
	end = (end + PAGE_MASK) & ~(uint64_t)PAGE_MASK;
	if (err == 0 && end > last)
		err = map(space, &last, end - last, prot, VM_MAP_FIXED);
	return err;
}

/* Where a position-independent program goes; its interpreter: where there is room. */
static err_t choose_bias(uint16_t space, struct program *g, bool interp)
{
	uint64_t at = 0;
	err_t err;

	g->bias = 0;
	if (g->h.type != ELF_DYN)
		return 0;
	g->bias = PIE_BASE;
	if (!interp)
		return 0;
	err = map(space, &at, (g->end + PAGE_MASK) & ~(uint64_t)PAGE_MASK, 0, 0);
	g->bias = at;
	return err;
}

err_t elf_map(uint16_t space, struct program *g, bool interp)
{
	struct vm_brk_set_request brk = { .space = space };
	err_t err = choose_bias(space, g, interp);

	state.inode[g->inode].flags |= INODE_MAPPED;
	for (unsigned k = 0; k < g->nr_segs && err == 0; k++)
		err = map_segment(space, g, &g->seg[k]);
	if (err != 0 || interp)
		return err;
	brk.start = (g->bias + g->end + PAGE_MASK) & ~(uint64_t)PAGE_MASK;
	return vm_brk_set(&vm, &brk);
}
