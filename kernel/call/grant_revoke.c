/* SPDX-License-Identifier: BSD-2-Clause
 * grant_revoke.c - SYS_GRANT_REVOKE: take a grant back.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

err_t do_grant_revoke(struct proc *caller, const struct grant_revoke_request *req)
{
	struct grant *g = grant_row(req->grant, caller->priv);

	if (g)
		g->dir = 0;
	return g ? 0 : -EINVAL;
}
