/* SPDX-License-Identifier: BSD-2-Clause
 * proc_info.c - SYS_PROC_INFO: what a slot holds.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

err_t do_proc_info(struct proc *caller, const struct proc_info_request *req,
		   struct proc_info_reply *rep)
{
	const struct proc *p;

	if (req->slot >= NR_PROCS)
		return -EINVAL;
	p = &procs[req->slot];
	rep->proc = p->ep;
	if (endpoint_eq(p->ep, ENDPOINT_NONE))
		return 0;
	*rep = (struct proc_info_reply){
		.proc = p->ep, .owner = p->owner, .partner = ENDPOINT_NONE, .type = 0xffff,
		.state = p->state, .space = (uint16_t)(p->space - spaces),
		.priv = (uint8_t)(p->priv - privs), .priority = p->sched.priority,
		.user_ticks = p->user_ticks, .system_ticks = p->system_ticks,
		.switches = p->switches, .serial = p->serial,
		.unheard = p->priv->services >> (caller->priv - privs) & 1,
	};
	if (p->state & (STATE_SENDING | STATE_CALLING)) {
		rep->partner = p->partner->ep;
		rep->type = (uint16_t)(p->kind == CALL_LINUX ? p->regs.orig_rax
				       : p->kind == CALL_FAULT ? TYPE_FAULT : p->msg.type);
	}
	return 0;
}
