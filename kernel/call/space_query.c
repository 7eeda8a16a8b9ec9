/* SPDX-License-Identifier: BSD-2-Clause
 * space_query.c - SYS_SPACE_QUERY: the first mapped page from an address on.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

err_t do_space_query(struct proc *caller UNUSED, const struct space_query_request *req,
		     struct space_query_reply *rep)
{
	vaddr_t va = req->va & ~(vaddr_t)(PAGE_SIZE - 1);
	struct walk w;
	pte_t *e;

	if (!walk_begin(&w, req->space, va, (USER_END - va) / PAGE_SIZE))
		return -EINVAL;
	e = walk_find(&w);
	rep->va = w.va;
	if (!e)
		return w.va < USER_END ? 0 : -ENOENT;
	rep->pfn = pte_pfn(*e);
	rep->prot = pte_flags(*e);
	rep->maps = rep->pfn < nr_frames ? frames[rep->pfn].maps : 0;
	return 0;
}
