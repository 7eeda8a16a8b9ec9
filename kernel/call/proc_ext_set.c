/* SPDX-License-Identifier: BSD-2-Clause
 * proc_ext_set.c - SYS_PROC_EXT_SET: extended state from the process's memory.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

err_t do_proc_ext_set(struct proc *caller UNUSED, struct proc *p,
		      const struct proc_ext_set_request *req)
{
	static _Alignas(64) uint8_t area[EXT_MAX];

	if (req->address == 0) {
		ext_reset(p);
		return 0;
	}
	if (req->size < ext_size)
		return -EINVAL;
	if (copy_from_proc(p, area, req->address, ext_size))
		return -EFAULT;
	if (!ext_valid(area))
		return -EINVAL;

	memcpy(ext_state(p), area, ext_size);
	return 0;
}
