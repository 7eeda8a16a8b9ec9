/* SPDX-License-Identifier: BSD-2-Clause
 * call_cancelled.c - SYS_CALL_CANCELLED: the next interrupted call that the caller holds.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

err_t do_call_cancelled(struct proc *caller, struct call_cancelled_reply *rep)
{
	for (unsigned i = 0; i < NR_PROCS / 64; i++) {
		for (uint64_t bits = cancelled[i]; bits; bits &= bits - 1) {
			struct proc *c = &procs[i * 64 + (unsigned)__builtin_ctzll(bits)];

			if (c->partner != caller || !(c->state & STATE_CALLING))
				continue;
			cancelled[i] &= ~(bits & -bits);
			rep->client = c->ep;
			rep->serial = c->serial;
			return 0;
		}
	}
	return -ENOENT;
}
