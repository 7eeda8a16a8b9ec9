/* SPDX-License-Identifier: BSD-2-Clause
 * proc_destroy.c - SYS_PROC_DESTROY: end a process.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

err_t do_proc_destroy(struct proc *caller UNUSED, struct proc *p,
		      const struct proc_destroy_request *req UNUSED)
{
	proc_end(p);
	return 0;
}
