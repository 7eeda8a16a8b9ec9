/* SPDX-License-Identifier: BSD-2-Clause
 * priv_get.c - SYS_PRIV_GET: what a privilege structure holds.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

err_t do_priv_get(struct proc *caller, const struct priv_get_request *req)
{
	return req->priv >= NR_PRIVS ? -EINVAL : copy_to_proc(caller, req->address,
		&privs[req->priv].desc, sizeof(struct priv_desc));
}
