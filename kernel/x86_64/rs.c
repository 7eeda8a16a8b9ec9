/* SPDX-License-Identifier: BSD-2-Clause
 * rs.c - the one process that the kernel itself makes.
 *
 * Job:      maps the boot image, which is rs (abi/boot.h), and the archive behind it for rs, gives
 *           it every right, and makes it runnable. All other processes are rs's work.
 * Touches:  the module's frames; slot, space and privilege structure 0.
 * Trusts:   the image as far as it lies in the module: a bad one is a panic with a reason.
 * On crash: rs's own guardian deals with it later.
 */
#include <kernel/call/call.h>
#include <kernel/x86_64/cpu.h>

static void map_pages(vaddr_t va, pfn_t pfn, uint64_t count, unsigned flags)
{
	for (; count > 0; count--, pfn++, va += PAGE_SIZE) {
		pte_t *e = table_entry(spaces[0].root, va, 0, take_free, NULL);

		if (!e)
			panic("no memory for rs", va);
		frame_mapped(pfn);
		*e = pte_make(pfn, flags);
	}
}

void rs_start(void)
{
	const struct boot_image *image = (const void *)(DIRECT_BASE + boot_info.archive);
	uint64_t pages = (boot_info.archive_size + PAGE_SIZE - 1) / PAGE_SIZE;
	struct proc_create_request self = { .proc = ENDPOINT(1, 0), .owner = ENDPOINT(1, 0) };
	pfn_t root, first = (pfn_t)(boot_info.archive >> PAGE_SHIFT);

	if (!pages || boot_info.archive % PAGE_SIZE || image->magic != BOOT_MAGIC ||
	    image->pages >= pages || first + pages > nr_frames || !take_free(NULL, &root) ||
	    do_space_create(NULL, &(struct space_create_request){ .root = root }))
		panic("no boot image (the module or initrd)", boot_info.archive);
	self.entry = image->entry;
	self.stack = image->stack;
	boot_info.archive += image->pages * PAGE_SIZE;
	boot_info.archive_size -= image->pages * PAGE_SIZE;
	for (const struct map_run *r = image->run; r < image->run + image->count; r++) {
		if (r->pfn > image->pages || r->count > image->pages - r->pfn)
			panic("bad boot image", r->va);
		map_pages(r->va & -PAGE_SIZE, first + r->pfn, r->count, r->va % PAGE_SIZE);
	}
	map_pages(RS_ARCHIVE_VA, first + image->pages, pages - image->pages, 0);
	map_pages(CLOCK_VA, boot_info.clock_pfn, 1, 0);
	privs[0].desc = (struct priv_desc){
		.primitives = BIT(NR_IPC) - 1,
		.rights = RIGHT_MANAGE_SERVICES | RIGHT_MANAGE_PROGRAMS,
		.sendrec_to = UINT64_MAX, .notify_to = UINT64_MAX, .calls = UINT64_MAX,
		.rank = 3, .personality = PERSONALITY_SERVICE, .priority = 3, .quantum = 10,
	};
	if (do_proc_create(&procs[0], &self))
		panic("rs cannot start", self.entry);
	frames[first].type = FRAME_FREE;        /* the header is not needed any more */
	procs[0].state = 0;
	proc_ready(this_core(), &procs[0]);
	timer_plan(this_core(), false);
}
