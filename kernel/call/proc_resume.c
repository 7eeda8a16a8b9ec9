/* SPDX-License-Identifier: BSD-2-Clause
 * proc_resume.c - SYS_PROC_RESUME: let a parked or new process run.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

err_t do_proc_resume(struct proc *caller, const struct proc_resume_request *req)
{
	struct proc *p;
	unsigned slot;
	err_t err = managed(caller, req->proc, &p);

	if (err)
		return err;
	if (req->flags & ~(uint32_t)STOP_ALL)
		return -EINVAL;
	if (!(p->state & (STATE_PARKED | STATE_NEW))) {
		p->stop = (uint8_t)req->flags;
		return 0;
	}

	slot = proc_slot(p);
	p->stop = (uint8_t)req->flags;
	p->state &= (uint16_t)~(STATE_PARKED | STATE_NEW);
	if (!(p->state & STATE_FROZEN))
		untold[slot / 64] &= ~BIT(slot % 64);
	if (p->flags & PROC_AT_ENTRY) {
		p->flags &= ~(uint32_t)PROC_AT_ENTRY;
		if (p->regs.orig_rax < NR_LINUX)
			linux_send(p);
	}
	if (p->state == 0)
		proc_ready(this_core(), p);
	return 0;
}
