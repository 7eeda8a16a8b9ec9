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
	struct freed freed;
	vaddr_t va = 0;
	bool leaf;
	pfn_t f;

	if (!s)
		return -EINVAL;
	if (s->users)
		return -EBUSY;
	freed_init(&freed, caller, req->address, req->max);
	if (!freed_room(&freed))
		return -EFAULT;
	tlb_drop_all(s);                /* the CPU must not walk tables that are free */
	for (unsigned step = 0; step < SPACE_STEP && freed_room(&freed); step++) {
		if (!table_take(s->root, &va, &f, &leaf)) {
			frame_from_table(s->root);
			freed_put(&freed, s->root);
			s->root = 0;
			rep->done = 1;
			break;
		}
		if (!leaf || frame_unmapped(f))
			freed_put(&freed, f);
	}
	rep->count = freed.count;
	return 0;
}
