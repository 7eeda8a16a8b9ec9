/* SPDX-License-Identifier: BSD-2-Clause
 * grant_copy.c - SYS_GRANT_COPY: copy to or from a grant.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

err_t do_grant_copy(struct proc *caller, const struct grant_copy_request *req,
		    struct grant_copy_reply *rep)
{
	unsigned need = req->dir == COPY_IN ? GRANT_READ : GRANT_WRITE;
	const struct grant *g = grant_row(req->grant, NULL);
	struct proc *whose;
	err_t err;

	if (!g || g->dir == 0 || g->seq != req->grant.v >> 16)
		return -EDEADPEER;
	if (!endpoint_eq(g->borrower, caller->ep))
		return -EPERM;
	whose = proc_find(g->owner);
	if (whose && !endpoint_eq(g->client, ENDPOINT_NONE))
		whose = call_held(whose, g->client, g->serial);
	if (!whose)
		return -EDEADPEER;
	if (!(g->dir & need) || req->offset > g->len || req->len > g->len - req->offset)
		return -EPERM;
	err = copy_procs(caller, req->local, whose, g->base + req->offset, req->dir, req->len,
			 false, (struct copied *)rep);
	rep->fault = err == -EFAULT ? rep->fault - g->base : 0;
	return err;
}
