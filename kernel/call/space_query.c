/* SPDX-License-Identifier: BSD-2-Clause
 * space_query.c - SYS_SPACE_QUERY: the first mapped page from an address on.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

err_t do_space_query(struct proc *caller, const struct space_query_request *req,
		     struct space_query_reply *rep)
{
	struct space *s = space_find(req->space);
	unsigned looks = SPACE_LOOKS;
	vaddr_t at;
	pte_t *e;

	(void)caller;
	if (!s)
		return -EINVAL;
	e = table_next(s->root, req->va & ~(vaddr_t)(PAGE_SIZE - 1), USER_END, &at, &looks);
	if (!e && at >= USER_END)
		return -ENOENT;
	rep->va = at;
	if (!e)
		return 0;
	rep->pfn = pte_pfn(*e);
	rep->prot = pte_flags(*e);
	rep->maps = rep->pfn < nr_frames ? frames[rep->pfn].maps : 0;
	return 0;
}
