/* SPDX-License-Identifier: BSD-2-Clause
 * call_cancelled.c - SYS_CALL_CANCELLED: the next interrupted call that the caller holds.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

static bool holds(const struct proc *caller, const struct proc *c)
{
	return c->partner == caller && c->state & STATE_CALLING;
}

err_t do_call_cancelled(struct proc *caller, struct call_cancelled_reply *rep)
{
	const struct proc *c = slots_take(cancelled, caller, holds);

	if (!c)
		return -ENOENT;
	rep->client = c->ep;
	rep->serial = c->serial;
	return 0;
}
