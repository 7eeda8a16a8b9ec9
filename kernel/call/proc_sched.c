/* SPDX-License-Identifier: BSD-2-Clause
 * proc_sched.c - SYS_PROC_SCHED: set priority and quantum.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

err_t do_proc_sched(struct proc *caller, const struct proc_sched_request *req)
{
	struct proc *p = proc_find(req->proc);
	bool queued;

	if (!p)
		return -EDEADPEER;
	if (!(caller->priv->desc.rights & RIGHT_SCHEDULE) && !proc_manages(caller, p))
		return -EPERM;
	if (req->priority >= NR_PRIORITIES || req->quantum == 0 || req->quantum > QUANTUM_MAX)
		return -EINVAL;

	queued = p->state == 0 && p != caller;
	if (queued)
		proc_unready(p);
	p->sched = (struct sched){ req->priority, req->priority, req->quantum,
				   .ticks_left = -req->quantum };
	if (queued)
		proc_ready(this_core(), p);
	return 0;
}
