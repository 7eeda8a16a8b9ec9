/* SPDX-License-Identifier: BSD-2-Clause
 * space_destroy.c - SYS_SPACE_DESTROY: take an address space down.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

err_t do_space_destroy(struct proc *caller, const struct space_destroy_request *req,
		       struct space_destroy_reply *rep)
{
	struct space *s = space_find(req->space);
	struct frame_list freed;
	vaddr_t va = 0;
	pte_t *leaf = NULL;
	pfn_t f;

	if (!s)
		return -EINVAL;
	if (s->users)
		return -EBUSY;
	if (freed_begin(&freed, caller, req->address, req->max))
		return -EFAULT;
	tlb_drop_all(s);                /* the CPU must not walk tables that are free */
	for (unsigned n = 0; n < SPACE_STEP && freed.count < freed.max && !rep->done; n++) {
		if (!table_take(s->root, &va, &f, &leaf)) {
			f = s->root;
			leaf = NULL;
			frame_retype(f, FRAME_TABLE, FRAME_FREE);
			s->root = 0;
			rep->done = 1;
		}
		if (!leaf || frame_unmapped(f))
			freed.pfn[freed.count++] = f;
	}
	rep->count = freed.count;
	return copy_to_proc(caller, req->address, freed.pfn, freed.count * sizeof(pfn_t));
}
