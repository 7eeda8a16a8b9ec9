/* SPDX-License-Identifier: BSD-2-Clause
 * proc_next.c - SYS_PROC_NEXT: who parked, faulted or froze.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

/* What p does is this one's business: pm's for a program, its guardian's for a service. */
static bool decides(const struct proc *caller, const struct proc *p)
{
	return p->program ? proc_manages(caller, p) : proc_guards(caller, p);
}

err_t do_proc_next(struct proc *caller, struct proc_next_reply *rep)
{
	const struct proc *p = slots_take(untold, caller, decides);

	if (!p)
		return -ENOENT;
	*rep = (struct proc_next_reply){ p->ep, p->event.cause, p->event.vector, p->event.code,
					 p->event.address };
	return 0;
}
