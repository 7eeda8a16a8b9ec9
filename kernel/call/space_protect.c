/* SPDX-License-Identifier: BSD-2-Clause
 * space_protect.c - SYS_SPACE_PROTECT: change protection in a range.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

err_t do_space_protect(struct proc *caller, const struct space_protect_request *req,
		       struct space_protect_reply *rep)
{
	struct space *s = space_find(req->space);
	unsigned looks = SPACE_LOOKS;
	vaddr_t end, va = req->va;

	(void)caller;
	if (!s || !page_range(req->va, req->pages) || req->prot & ~(MAP_WRITE | MAP_EXEC) ||
	    !prot_allowed(s, req->prot))
		return -EINVAL;
	end = req->va + req->pages * PAGE_SIZE;
	for (unsigned step = 0;; va += PAGE_SIZE, step++) {
		pte_t *e = table_next(s->root, va, end, &va, &looks);

		if (!e || step == SPACE_STEP)
			break;
		*e = pte_make(pte_pfn(*e), req->prot | (pte_flags(*e) & MAP_MMIO));
		tlb_drop(s, va);
	}
	rep->done = (va - req->va) / PAGE_SIZE;
	return 0;
}
