/* SPDX-License-Identifier: BSD-2-Clause
 * space_share.c - SYS_SPACE_SHARE: map a range of one space into another.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

/* Share one page at the same address. Device memory is nobody's to share. */
static err_t page_share(struct space *to, vaddr_t va, pte_t *from, uint32_t mode,
			struct spares *spares)
{
	unsigned flags = pte_flags(*from);
	pfn_t pfn = pte_pfn(*from);
	pte_t *e;

	if (flags & MAP_MMIO)
		return 0;
	e = table_leaf_make(to->root, va, spares_take, spares);
	if (!e)
		return spares->err;
	if (pte_present(*e) && pte_pfn(*e) != pfn)
		return -EEXIST;
	if (mode == SHARE_COW)
		flags &= ~(unsigned)MAP_WRITE;
	if (!prot_allowed(to, flags))
		return -EINVAL;
	if (!pte_present(*e))
		frame_mapped(pfn);
	else
		tlb_drop(to, va);
	*e = pte_make(pfn, flags);
	*from = pte_make(pfn, flags);
	return 0;
}

err_t do_space_share(struct proc *caller, const struct space_share_request *req,
		     struct space_share_reply *rep)
{
	struct space *from = space_find(req->from), *to = space_find(req->to);
	vaddr_t end, va = req->va;
	unsigned looks = SPACE_LOOKS;
	struct spares spares;
	err_t err = 0;

	if (!from || !to || from == to || req->mode > SHARE_COW ||
	    !page_range(req->va, req->pages))
		return -EINVAL;
	spares_init(&spares, caller, req->spares, req->nr_spares);
	end = req->va + req->pages * PAGE_SIZE;
	for (unsigned step = 0;; va += PAGE_SIZE, step++) {
		pte_t *e = table_next(from->root, va, end, &va, &looks);

		if (!e || step == SPACE_STEP)
			break;
		err = page_share(to, va, e, req->mode, &spares);
		if (err)
			break;
	}
	if (req->mode == SHARE_COW)
		tlb_drop_all(from);
	rep->done = (va - req->va) / PAGE_SIZE;
	rep->used = spares.used;
	return err;
}
