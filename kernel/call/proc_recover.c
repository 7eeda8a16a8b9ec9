/* SPDX-License-Identifier: BSD-2-Clause
 * proc_recover.c - SYS_PROC_RECOVER: restart a frozen service in place.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

err_t do_proc_recover(struct proc *caller UNUSED, struct proc *p,
		    const struct proc_recover_request *req)
{
	struct user_regs regs = { .rdi = req->arg, .rip = req->entry, .rsp = req->stack,
				  .orig_rax = UINT64_MAX };

	if (!(p->state & STATE_FROZEN))
		return -EBUSY;
	if (!regs_sanitize(&regs) || req->stack >= USER_END)
		return -EINVAL;

	trace(TRACE_RECOVER, p->slot, 0, 0, 0);
	message_unread(p);
	call_withdraw(p);
	slots_remove(untold, p);
	p->regs = regs;
	p->flags = PROC_FULL;
	p->sched.priority = p->sched.base_priority;
	p->sched.ticks_left = p->sched.quantum;
	p->kind = CALL_NONE;
	p->state = 0;
	cancels_retell(p);
	proc_ready(this_core(), p);
	return 0;
}
