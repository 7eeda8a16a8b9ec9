/* SPDX-License-Identifier: BSD-2-Clause
 * audit.c - at each heartbeat: what should have gone on, and did not?
 *
 * Job:      hears again what the kernel tells once; looks whether each thread that waits for an
 *           answer of pm's is remembered, and has it ask anew if not (docs/notes/0027).
 * Speaks:   kernel calls proc_info, proc_stop.
 * Touches:  nothing of its own.
 * Trusts:   the kernel's word about who waits for whom.
 * On crash: looks again at the next heartbeat.
 */
#include "pm.h"

/* The kernel cancels the call: who holds it refuses it with ERESTARTNOINTR, the thread parks with
 * that, and unpark() has it made anew. */
void call_again(const struct thread *t)
{
	struct proc_stop_request req = { .proc = endpoint_of(t), .flags = STOP_SIGNAL };
	struct proc_info_request look = { .slot = FIRST_PROGRAM + thread_index(t) };
	struct proc_stop_reply reply;
	struct proc_info_reply info;

	if (sys_proc_info(&look, &info) != 0 || sys_proc_stop(&req, &reply) != 0)
		return;                 /* it has just ended */
	print("repaired: thread %u waited for service %u, call %u, which did not know\n", t->tid,
	      endpoint_slot(info.partner), info.type);
}

/* What pm holds is in the row: no other call of its is open between two messages. */
static bool is_lost(const struct thread *t)
{
	struct proc_info_reply info;

	return t->wait == WAIT_NOT && call_waits(FIRST_PROGRAM + thread_index(t), ID_PM, &info);
}

void audit(void)
{
	server_commit();                /* answers that are made are on their way */
	for (unsigned i = 0; i < NR_THREADS; i++)
		if (state.thread[i].alive && is_lost(&state.thread[i]))
			call_again(&state.thread[i]);
	on_parked();
	exits_again();
	init_again();
	threads_again();
	pages_again();
	for (unsigned i = 0; i < NR_THREADS; i++)
		if (state.thread[i].alive && state.thread[i].wait == WAIT_CHILD) {
			wait_look(process_of(&state.thread[i]));
			undo_commit();
		}
	on_alarm();
}
