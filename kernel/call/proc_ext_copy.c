/* SPDX-License-Identifier: BSD-2-Clause
 * proc_ext_copy.c - SYS_PROC_EXT_COPY: give a new process another's extended state.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

err_t do_proc_ext_copy(struct proc *caller, const struct proc_ext_copy_request *req)
{
	struct proc *from, *to;
	err_t err = managed(caller, req->from, &from);

	if (err)
		return err;
	err = managed(caller, req->to, &to);
	if (err)
		return err;
	if (!(to->state & (STATE_NEW | STATE_PARKED)))
		return -EBUSY;

	ext_clone(to, from);
	return 0;
}
