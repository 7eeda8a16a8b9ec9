/* SPDX-License-Identifier: BSD-2-Clause
 * grant_revoke.c - SYS_GRANT_REVOKE: take a grant back.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

err_t do_grant_revoke(struct proc *caller, const struct grant_revoke_request *req)
{
	unsigned row = req->grant.v & 0xff, id = (req->grant.v >> 8) & 0xff;

	if (proc_is_program(caller) || id != proc_priv(caller) || row >= GRANT_ROWS)
		return -EINVAL;
	caller->priv->grants[row].dir = 0;
	return 0;
}
