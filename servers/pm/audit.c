/* SPDX-License-Identifier: BSD-2-Clause
 * audit.c - at each heartbeat: what should have gone on, and did not?
 *
 * Job:      hears again what the kernel tells once; looks whether each thread that waits for an
 *           answer of pm's is remembered, and has it ask anew if not (docs/notes/0027); whether
 *           each thread has a process in the kernel, and the reverse; whether there is what is
 *           waited for.
 * Speaks:   kernel calls proc_info, proc_stop, proc_destroy.
 * Touches:  nothing of its own.
 * Trusts:   the kernel's word about who waits for whom.
 * On crash: looks again at the next heartbeat.
 */
#include "pm.h"
#include "signals.h"

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

/* That of process 1, until vfs has it begin. */
static bool has_to_begin(const struct thread *t)
{
	return t->tid == 1 && !process_of(t)->did_exec;
}

/* Between two messages each thread has begun, or is that which vfs has yet to let begin. */
static void begin_again(const struct thread *t)
{
	struct proc_resume_request req = { .proc = endpoint_of(t) };

	for (unsigned i = 0; i < NR_THREADS; i++)
		if (state.thread[i].alive && endpoint_eq(state.thread[i].unborn, req.proc))
			return;
	if (sys_proc_resume(&req) == 0)
		print("repaired: thread %u had not begun\n", t->tid);
}

/* Between two messages each process in the kernel is a thread's, and the reverse. Who waits for
 * what is only half there would wait for ever. */
static void compare(unsigned i)
{
	struct proc_info_request req = { .slot = FIRST_PROGRAM + i };
	struct thread *t = &state.thread[i];
	struct proc_info_reply info;

	if (sys_proc_info(&req, &info) != 0 || (t->alive && has_to_begin(t)))
		return;
	if (endpoint_eq(info.proc, t->alive ? endpoint_of(t) : ENDPOINT_NONE)) {
		if (t->alive && info.state & STATE_NEW && !t->parked)
			begin_again(t);
		return;
	}
	server_doubt_found(FOUND_OTHER_PROCESS, "a slot has another process than its thread's");
	print("repaired: slot %u: pm knows of thread %u, the kernel of endpoint 0x%x\n", req.slot,
	      t->alive ? t->tid : 0, info.proc.v);
	if (t->alive)
		process_exit(process_of(t), SIG_KILL);
	if (!endpoint_eq(info.proc, ENDPOINT_NONE))
		proc_end(info.proc);
	undo_commit();
}

static void processes_again(void)
{
	for (unsigned i = 0; i < NR_THREADS; i++)
		compare(i);
	for (unsigned i = 0; i < NR_PROCESSES; i++) {
		struct process *p = &state.process[i];

		if (p->state != PROCESS_LIVE || p->threads != 0)
			continue;
		server_doubt_found(FOUND_NO_THREADS, "a process has no threads");       /* Q3 */
		process_exit(p, SIG_KILL);
	}
}

static bool has_to_release(const struct process *p, unsigned parent)
{
	return (p->state == PROCESS_LIVE || p->state == PROCESS_EXITING) &&
	       p->vfork_thread == parent;
}

/* Parents of vfork whose child has gone on, and did not say so. */
static void vforks_again(void)
{
	for (unsigned i = 0; i < NR_THREADS; i++) {
		struct thread *t = &state.thread[i];
		unsigned n = 0;

		if (!t->alive || t->wait != WAIT_VFORK)
			continue;
		while (n < NR_PROCESSES && !has_to_release(&state.process[n], i))
			n++;
		if (n < NR_PROCESSES)
			continue;
		print("repaired: thread %u waited for a child of vfork that has gone on\n", t->tid);
		t->wait = WAIT_NOT;
		call_reply_linux(endpoint_of(t), t->serial, finish(t, (int64_t)t->wait_arg[2]));
		undo_commit();
	}
}

void audit(void)
{
	server_commit();                /* answers that are made are on their way */
	processes_count("repaired");
	processes_again();
	for (unsigned i = 0; i < NR_THREADS; i++)
		if (state.thread[i].alive && is_lost(&state.thread[i]))
			call_again(&state.thread[i]);
	for (unsigned i = 0; i < NR_THREADS; i++)
		if (state.thread[i].alive)
			unborn_end(&state.thread[i]);
	on_parked();
	exits_again();
	strays_end();
	init_again();
	vforks_again();
	log_more();                     /* a log that has begun afresh does not know of us */
	threads_again();
	pages_again();
	for (unsigned i = 0; i < NR_THREADS; i++)
		if (state.thread[i].alive && state.thread[i].wait == WAIT_CHILD) {
			wait_look(process_of(&state.thread[i]));
			undo_commit();
		}
	on_alarm();
}
