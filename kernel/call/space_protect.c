/* SPDX-License-Identifier: BSD-2-Clause
 * space_protect.c - SYS_SPACE_PROTECT: change protection in a range.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

err_t do_space_protect(struct proc *caller UNUSED, const struct space_protect_request *req,
		       struct space_protect_reply *rep)
{
	struct walk w;
	pte_t *e;

	if (!walk_begin(&w, req->space, req->va, req->pages) ||
	    req->prot & ~(MAP_WRITE | MAP_EXEC | MAP_NONE) || !prot_allowed(w.space, req->prot))
		return -EINVAL;
	for (; (e = walk_find(&w)) != NULL; w.va += PAGE_SIZE) {
		unsigned flags = req->prot | (pte_flags(*e) & MAP_MMIO);

		if (!frames_mappable(pte_pfn(*e), 1, flags))
			flags &= ~(unsigned)MAP_WRITE;          /* the clock page */
		*e = pte_make(pte_pfn(*e), flags);
		tlb_drop(w.space, w.va);
	}
	rep->done = (w.va - req->va) / PAGE_SIZE;
	return 0;
}
