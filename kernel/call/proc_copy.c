/* SPDX-License-Identifier: BSD-2-Clause
 * proc_copy.c - SYS_PROC_COPY: copy to or from a process under the caller's control.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

err_t do_proc_copy(struct proc *caller, const struct proc_copy_request *req,
		   struct proc_copy_reply *rep)
{
	struct proc *p = proc_find(req->proc);
	struct copied r;
	bool force;
	err_t err;

	if (!p)
		return -EDEADPEER;
	if (!proc_manages(caller, p) && !proc_guards(caller, p))
		return -EPERM;
	force = !proc_is_program(p) && (p->state & (STATE_FROZEN | STATE_NEW));
	err = copy_procs(caller, req->local, p, req->remote, req->dir, req->len, force, &r);
	rep->done = r.done;
	rep->fault = r.fault;
	return err;
}
