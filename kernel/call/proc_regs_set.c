/* SPDX-License-Identifier: BSD-2-Clause
 * proc_regs_set.c - SYS_PROC_REGS_SET: write registers.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

err_t do_proc_regs_set(struct proc *caller, struct proc *p,
		     const struct proc_regs_set_request *req)
{
	struct user_regs regs;

	if (copy_from_proc(caller, &regs, req->address, sizeof(regs)))
		return -EFAULT;
	if (!regs_sanitize(&regs))
		return -EINVAL;
	/* The arguments of a call that waits for its answer are the kernel's to keep. */
	if (p->kind == CALL_CONTRACT)
		return -EBUSY;

	p->regs = regs;
	p->flags |= PROC_FULL;
	return 0;
}
