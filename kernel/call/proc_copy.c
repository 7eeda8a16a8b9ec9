/* SPDX-License-Identifier: BSD-2-Clause
 * proc_copy.c - SYS_PROC_COPY: copy to or from a process under the caller's control.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

err_t do_proc_copy(struct proc *caller, struct proc *p, const struct proc_copy_request *req,
		   struct proc_copy_reply *rep)
{
	bool force = !p->program && (p->state & (STATE_FROZEN | STATE_NEW));

	return copy_procs(caller, req->local, p, req->remote, req->dir, req->len, force,
			  (struct copied *)rep);
}
