/* SPDX-License-Identifier: BSD-2-Clause
 * proc_stop.c - SYS_PROC_STOP: stop a process at the boundary.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

err_t do_proc_stop(struct proc *caller UNUSED, struct proc *p,
		   const struct proc_stop_request *req, struct proc_stop_reply *rep)
{
	if (req->flags & ~(uint32_t)STOP_ALL)
		return -EINVAL;
	rep->parked = stop_at_boundary(p, req->flags);
	return 0;
}
