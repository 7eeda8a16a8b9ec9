/* SPDX-License-Identifier: BSD-2-Clause
 * call_copy.c - SYS_CALL_COPY: copy under a call that the caller is answering.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

err_t do_call_copy(struct proc *caller, const struct call_copy_request *req,
		   struct call_copy_reply *rep)
{
	struct proc *c = call_held(caller, req->client, req->serial);

	return c ? call_copy(caller, c, req->dir, req->remote, req->local, req->len,
			     (struct copied *)rep) : -EDEADPEER;
}
