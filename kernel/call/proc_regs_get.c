/* SPDX-License-Identifier: BSD-2-Clause
 * proc_regs_get.c - SYS_PROC_REGS_GET: read registers.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

err_t do_proc_regs_get(struct proc *caller, struct proc *p,
		     const struct proc_regs_get_request *req)
{
	if (p->program ? p->state == 0
		       : !(p->state & STATE_FROZEN) || !proc_guards(caller, p))
		return -EBUSY;
	return copy_to_proc(caller, req->address, &p->regs, sizeof(p->regs));
}
