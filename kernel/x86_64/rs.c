/* SPDX-License-Identifier: BSD-2-Clause
 * rs.c - the one process that the kernel itself makes.
 *
 * Job:      loads the boot archive's first entry, a static ELF64 program, gives it every right, maps
 *           the archive for it, and runs it. All other processes are rs's work.
 * Touches:  free frames, from the first on; slot, space and privilege structure 0.
 * Trusts:   nothing in the archive beyond what it checks: a bad one is a panic with a reason.
 * On crash: rs's own guardian deals with it later.
 * Spec:     System V ABI, "Object Files", ELF-64.
 */
#include <kernel/core/frame.h>
#include <kernel/x86_64/cpu.h>

struct elf_header {
	uint8_t ident[16];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, phoff, shoff;
	uint32_t flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
struct elf_segment {
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};
enum { PT_LOAD = 1, PF_X = 1, PF_W = 2, STACK_PAGES = 16 };
#define STACK_TOP 0x7ff00000ull

static pfn_t next_frame;

static bool take_free(void *unused, pfn_t *pfn)
{
	(void)unused;
	while (next_frame < nr_frames && !frame_is_free(next_frame))
		next_frame++;
	*pfn = next_frame;
	return next_frame < nr_frames;
}

static void map_page(vaddr_t va, pfn_t pfn, unsigned flags)
{
	pte_t *e = table_leaf_make(spaces[0].root, va, take_free, NULL);

	if (!e)
		panic("no memory for rs", va);
	frame_mapped(pfn);
	*e = pte_make(pfn, flags);
}

static void map_zeroed(vaddr_t va, unsigned flags)
{
	pte_t *e = table_leaf(spaces[0].root, va);
	pfn_t f;

	if (e && pte_present(*e))
		return;
	if (!take_free(NULL, &f))
		panic("no memory for rs", va);
	page_zero(frame_ptr(f));
	frames[f].type = FRAME_USER;    /* now, so that no table takes it */
	map_page(va, f, flags);
}

static void load_segment(const uint8_t *image, uint64_t size, const struct elf_segment *s)
{
	unsigned flags = (s->flags & PF_W ? MAP_WRITE : 0u) | (s->flags & PF_X ? MAP_EXEC : 0u);

	if (s->offset > size || s->filesz > size - s->offset || s->memsz < s->filesz ||
	    s->vaddr >= USER_END || s->memsz > USER_END - s->vaddr)
		panic("rs: bad segment", s->vaddr);
	for (uint64_t va = s->vaddr & ~0xfffull; va < s->vaddr + s->memsz; va += PAGE_SIZE)
		map_zeroed(va, flags);
	for (uint64_t done = 0; done < s->filesz;) {
		uint64_t va = s->vaddr + done, n = PAGE_SIZE - va % PAGE_SIZE;
		uint8_t *page = frame_ptr(pte_pfn(*table_leaf(spaces[0].root, va)));

		if (n > s->filesz - done)
			n = s->filesz - done;
		bytes_copy(page + va % PAGE_SIZE, image + s->offset + done, n);
		done += n;
	}
}

static uint64_t load_rs(const uint8_t *image, uint64_t size)
{
	const struct elf_header *h = (const void *)image;
	const struct elf_segment *s;

	if (size < sizeof(*h) || *(const uint32_t *)h->ident != 0x464c457f ||
	    h->phoff > size || h->phnum * sizeof(*s) > size - h->phoff)
		panic("rs: not an ELF64 program", size);
	s = (const void *)(image + h->phoff);
	for (unsigned i = 0; i < h->phnum; i++)
		if (s[i].type == PT_LOAD)
			load_segment(image, size, &s[i]);
	return h->entry;
}

static void grant_all(struct priv_desc *d)
{
	d->primitives = BIT(NR_IPC) - 1;
	d->rights = RIGHT_MANAGE_SERVICES | RIGHT_MANAGE_PROGRAMS;
	d->sendrec_to = d->notify_to = d->calls = UINT64_MAX;
	d->rank = 3;
	d->personality = PERSONALITY_SERVICE;
	d->priority = 3;
	d->quantum = 10;
	d->guardian = 0;
}

_Noreturn void rs_start(void)
{
	const struct archive_header *a = (const void *)(DIRECT_BASE + boot_info.archive);
	uint64_t pages = (boot_info.archive_size + PAGE_SIZE - 1) / PAGE_SIZE;
	pfn_t root;

	if (!boot_info.archive || boot_info.archive % PAGE_SIZE || a->magic != ARCHIVE_MAGIC ||
	    a->count == 0 || a->entry[0].offset > boot_info.archive_size ||
	    a->entry[0].size > boot_info.archive_size - a->entry[0].offset)
		panic("no boot archive (the module or initrd)", boot_info.archive);
	for (uint64_t i = 0; i < pages; i++)
		frames[(boot_info.archive >> PAGE_SHIFT) + i].type = FRAME_USER;
	take_free(NULL, &root);
	frame_to_table(root);
	table_init_root(root);
	spaces[0] = (struct space){ .root = root, .priv = 0, .users = 1 };
	for (uint64_t i = 0; i < pages; i++)
		map_page(RS_ARCHIVE_VA + i * PAGE_SIZE, (pfn_t)((boot_info.archive >> 12) + i), 0);
	map_page(CLOCK_VA, boot_info.clock_pfn, 0);
	for (unsigned i = 1; i <= STACK_PAGES; i++)
		map_zeroed(STACK_TOP - i * PAGE_SIZE, MAP_WRITE);
	grant_all(&privs[0].desc);
	procs[0] = (struct proc){
		.regs = { .rip = load_rs((const uint8_t *)a + a->entry[0].offset, a->entry[0].size),
			  .rsp = STACK_TOP, .orig_rax = UINT64_MAX },
		.flags = PROC_FULL, .ep = ENDPOINT(1, 0), .owner = ENDPOINT(1, 0),
		.rank = 3, .priority = 3, .base_priority = 3, .quantum = 10, .ticks_left = 10,
		.space = &spaces[0], .priv = &privs[0], .slot = 0,
	};
	regs_sanitize(&procs[0].regs);
	proc_ready(this_core(), &procs[0]);
	timer_plan(this_core(), false);
	leave_first();
}
