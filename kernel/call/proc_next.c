/* SPDX-License-Identifier: BSD-2-Clause
 * proc_next.c - SYS_PROC_NEXT: who parked, faulted or froze.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

err_t do_proc_next(struct proc *caller, struct proc_next_reply *rep)
{
	for (unsigned i = 0; i < NR_PROCS / 64; i++) {
		for (uint64_t bits = untold[i]; bits; bits &= bits - 1) {
			struct proc *p = &procs[i * 64 + (unsigned)__builtin_ctzll(bits)];

			if (!(proc_is_program(p) ? proc_manages(caller, p) : proc_guards(caller, p)))
				continue;
			untold[i] &= ~(bits & -bits);
			rep->proc = p->ep;
			rep->cause = p->event.cause;
			rep->vector = p->event.vector;
			rep->code = p->event.code;
			rep->address = p->event.address;
			return 0;
		}
	}
	return -ENOENT;
}
