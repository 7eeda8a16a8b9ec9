/* SPDX-License-Identifier: BSD-2-Clause
 * proc_freeze.c - SYS_PROC_FREEZE: freeze a service.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

err_t do_proc_freeze(struct proc *caller UNUSED, struct proc *p,
		     const struct proc_freeze_request *req)
{
	if (!(p->state & STATE_FROZEN))
		freeze(p, (struct event){ .cause = CAUSE_FROZEN, .code = req->code });
	return 0;
}
