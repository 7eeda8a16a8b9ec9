/* SPDX-License-Identifier: BSD-2-Clause
 * proc_ext_get.c - SYS_PROC_EXT_GET: extended state to the process's memory.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

err_t do_proc_ext_get(struct proc *caller UNUSED, struct proc *p,
		      const struct proc_ext_get_request *req, struct proc_ext_get_reply *rep)
{
	if (req->address % 64 || req->size < ext_size)
		return -EINVAL;
	rep->size = ext_size;
	rep->mask = ext_mask;
	return copy_to_proc(p, req->address, ext_state(p), ext_size);
}
