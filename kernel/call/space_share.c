/* SPDX-License-Identifier: BSD-2-Clause
 * space_share.c - SYS_SPACE_SHARE: map a range of one space into another.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

/* Share one page at the same address. Device memory is nobody's to share. */
static err_t page_share(struct space *to, vaddr_t va, pte_t *from, uint32_t mode,
			struct frame_list *spares)
{
	unsigned flags = pte_flags(*from) & ~(mode == SHARE_COW ? (unsigned)MAP_WRITE : 0u);
	err_t err;

	if (flags & MAP_MMIO)
		return 0;
	if (!prot_allowed(to, flags))
		return -EINVAL;
	err = page_map(to, va, pte_pfn(*from), flags, spares);
	if (!err)
		*from = pte_make(pte_pfn(*from), flags);
	return err;
}

err_t do_space_share(struct proc *caller, const struct space_share_request *req,
		     struct space_share_reply *rep)
{
	struct space *to = space_find(req->to);
	struct frame_list spares;
	struct walk w;
	err_t err = 0;
	pte_t *e;

	if (!walk_begin(&w, req->from, req->va, req->pages) || !to || w.space == to ||
	    req->mode > SHARE_COW)
		return -EINVAL;
	if (spares_read(&spares, caller, req->spares, req->nr_spares))
		return -EFAULT;
	for (; (e = walk_find(&w)) != NULL; w.va += PAGE_SIZE) {
		err = page_share(to, w.va, e, req->mode, &spares);
		if (err)
			break;
	}
	if (req->mode == SHARE_COW)
		tlb_drop_all(w.space);
	rep->done = (w.va - req->va) / PAGE_SIZE;
	rep->used = spares.count;
	return err;
}
