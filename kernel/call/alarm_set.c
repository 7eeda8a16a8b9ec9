/* SPDX-License-Identifier: BSD-2-Clause
 * alarm_set.c - SYS_ALARM_SET: one alarm for each service.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

err_t do_alarm_set(struct proc *caller, const struct alarm_set_request *req)
{
	caller->priv->alarm_ns = req->deadline_ns;
	timer_plan(this_core(), false);
	return 0;
}
