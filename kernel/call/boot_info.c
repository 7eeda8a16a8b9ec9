/* SPDX-License-Identifier: BSD-2-Clause
 * boot_info.c - SYS_BOOT_INFO: what the boot loader told.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

err_t do_boot_info(struct proc *caller, const struct boot_info_request *req)
{
	return copy_to_proc(caller, req->address, &boot_info, sizeof(boot_info));
}
