/* SPDX-License-Identifier: BSD-2-Clause
 * space_unmap.c - SYS_SPACE_UNMAP: unmap a range.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

err_t do_space_unmap(struct proc *caller, const struct space_unmap_request *req,
		     struct space_unmap_reply *rep)
{
	struct space *s = space_find(req->space);
	struct freed freed;
	vaddr_t end, va = req->va;
	unsigned step = 0, looks = SPACE_LOOKS;
	pte_t *e;

	if (!s || !page_range(req->va, req->pages))
		return -EINVAL;
	freed_init(&freed, caller, req->address, req->max);
	if (!freed_room(&freed))
		return -EFAULT;
	end = req->va + req->pages * PAGE_SIZE;
	for (;; va += PAGE_SIZE, step++) {
		pfn_t f;

		e = table_next(s->root, va, end, &va, &looks);
		if (!e || step == SPACE_STEP || !freed_room(&freed))
			break;
		f = pte_pfn(*e);
		*e = 0;
		tlb_drop(s, va);
		if (frame_unmapped(f))
			freed_put(&freed, f);
	}
	rep->done = (va - req->va) / PAGE_SIZE;
	rep->count = freed.count;
	return 0;
}
