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
	unsigned row = req->grant.v & 0xff, id = (req->grant.v >> 8) & 0xff;
	unsigned need = req->dir == COPY_IN ? GRANT_READ : GRANT_WRITE;
	const struct grant *g;
	struct proc *whose;
	struct copied r;
	err_t err;

	if (id >= NR_PRIVS || row >= GRANT_ROWS)
		return -EDEADPEER;
	g = &privs[id].grants[row];
	if (g->dir == 0 || g->seq != req->grant.v >> 16)
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
			 false, &r);
	rep->done = r.done;
	rep->fault = err == -EFAULT ? r.fault - g->base : 0;
	return err;
}
