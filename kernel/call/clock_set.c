/* SPDX-License-Identifier: BSD-2-Clause
 * clock_set.c - SYS_CLOCK_SET: what the wall clock reads.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

err_t do_clock_set(struct proc *caller UNUSED, const struct clock_set_request *req)
{
	time_set_realtime(req->realtime_ns);
	return 0;
}
