/* SPDX-License-Identifier: BSD-2-Clause
 * proc_resume.c - SYS_PROC_RESUME: let a parked or new process run.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

err_t do_proc_resume(struct proc *caller UNUSED, struct proc *p,
		    const struct proc_resume_request *req)
{
	if (req->flags & ~(uint32_t)STOP_ALL)
		return -EINVAL;

	p->stop = (uint8_t)req->flags;
	if (!(p->state & (STATE_PARKED | STATE_NEW)))
		return 0;
	p->state &= (uint16_t)~(STATE_PARKED | STATE_NEW);
	if (!(p->state & STATE_FROZEN))
		slots_remove(untold, p);
	if (p->flags & PROC_AT_ENTRY) {
		p->flags &= ~(uint32_t)PROC_AT_ENTRY;
		if (p->regs.orig_rax < NR_LINUX)
			linux_send(p);
	}
	if (p->state == 0)
		proc_ready(this_core(), p);
	return 0;
}
