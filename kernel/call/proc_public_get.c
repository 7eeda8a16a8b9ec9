/* SPDX-License-Identifier: BSD-2-Clause
 * proc_public_get.c - SYS_PROC_PUBLIC_GET: read public words.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

err_t do_proc_public_get(struct proc *caller UNUSED, const struct proc_public_get_request *req,
			 struct proc_public_get_reply *rep)
{
	const struct proc *p = proc_find(req->proc);

	if (p)
		memcpy(rep->word, p->word, sizeof(rep->word));
	return p ? 0 : -EDEADPEER;
}
