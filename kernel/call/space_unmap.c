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
	struct frame_list freed;
	struct walk w;
	pte_t *e;

	if (!walk_begin(&w, req->space, req->va, req->pages))
		return -EINVAL;
	if (freed_begin(&freed, caller, req->address, req->max))
		return -EFAULT;
	for (; freed.count < freed.max && (e = walk_find(&w)); w.va += PAGE_SIZE, rep->pages++) {
		pfn_t f = pte_pfn(*e);

		*e = 0;
		tlb_drop(w.space, w.va);
		if (frame_unmapped(f))
			freed.pfn[freed.count++] = f;
	}
	rep->done = (w.va - req->va) / PAGE_SIZE;
	rep->count = freed.count;
	return copy_to_proc(caller, req->address, freed.pfn, freed.count * sizeof(pfn_t));
}
