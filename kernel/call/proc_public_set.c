/* SPDX-License-Identifier: BSD-2-Clause
 * proc_public_set.c - SYS_PROC_PUBLIC_SET: set public words.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

err_t do_proc_public_set(struct proc *caller UNUSED, struct proc *p,
			 const struct proc_public_set_request *req)
{
	if (req->count > COUNT(req->word) || req->first > NR_PUBLIC ||
	    req->count > NR_PUBLIC - req->first)
		return -EINVAL;
	memcpy(&p->word[req->first], req->word, req->count * sizeof(p->word[0]));
	return 0;
}
