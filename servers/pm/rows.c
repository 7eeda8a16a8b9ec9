/* SPDX-License-Identifier: BSD-2-Clause
 * rows.c - after a crash: rows of threads that cannot be.
 *
 * Job:      makes them what the kernel knows of who is in their slot, so that programs live on.
 * Speaks:   kernel calls proc_info, proc_public_get.
 * Touches:  state.thread.
 * Trusts:   the kernel: who lives, and the ids that it was told (publish_ids()).
 * On crash: the rows are looked at again.
 */
#include "pm.h"
#include "signals.h"
#include <lib/linux.h>

/* Who is in a slot. */
struct known {
	struct proc_info_reply lives;
	struct process *process;        /* NULL: nobody, or nobody that pm had */
	uint32_t tid;
};

static uint16_t led[NR_THREADS];        /* the process whose number the row keeps (Q2); NONE */
static bool doomed[NR_PROCESSES];
static bool forked[NR_THREADS];         /* made anew in a call that makes a child */

static void find_led(void)
{
	for (unsigned i = 0; i < NR_THREADS; i++)
		led[i] = NONE;
	for (uint16_t n = 0; n < NR_PROCESSES; n++) {
		uint32_t row = state.process[n].pid % TID_STEP;

		if (state.process[n].state != PROCESS_FREE && row < NR_THREADS)
			led[row] = n;
	}
}

static struct process *process_with_pid(uint32_t pid)
{
	uint32_t row = pid % TID_STEP;
	struct process *p = row < NR_THREADS && led[row] != NONE ? &state.process[led[row]] : NULL;

	return pid != 0 && p != NULL && p->pid == pid ? p : NULL;
}

static bool can_be(const struct thread *t)
{
	unsigned i = thread_index(t);

	if (t->tid == 0)
		return !t->alive && led[i] == NONE;
	return t->tid % TID_STEP == i &&                                /* Q1 */
	       (!t->alive ||
		(t->process < NR_PROCESSES && process_of(t)->state != PROCESS_FREE));
}

static void find_known(unsigned i, struct known *k)
{
	struct proc_info_request slot = { .slot = FIRST_PROGRAM + i };
	struct proc_public_get_request ids;
	struct proc_public_get_reply is;

	*k = (struct known){ .process = NULL };
	if (sys_proc_info(&slot, &k->lives) != 0)
		return;
	ids.proc = k->lives.proc;
	if (sys_proc_public_get(&ids, &is) != 0 || is.word[PUBLIC_TID] % TID_STEP != i)
		return;
	k->process = process_with_pid(is.word[PUBLIC_PID]);
	k->tid = is.word[PUBLIC_TID];
}

/* It is in the call that makes a child. */
static bool forks(const struct known *k)
{
	uint32_t type = k->lives.type;

	return k->lives.state & (STATE_SENDING | STATE_CALLING) &&
	       (type == LINUX_CLONE || type == LINUX_FORK || type == LINUX_VFORK ||
		type == LINUX_CLONE3);
}

/* Whether it waits for a child of vfork, which nothing may have it make again. */
static bool waits_for_vforked(struct thread *t, const struct known *k)
{
	for (unsigned n = 0; n < NR_PROCESSES; n++) {
		const struct process *p = &state.process[n];

		if ((p->state != PROCESS_LIVE && p->state != PROCESS_EXITING) ||
		    p->vfork_thread != thread_index(t) || !(k->lives.state & STATE_CALLING) ||
		    endpoint_slot(k->lives.partner) != ID_PM)
			continue;
		t->wait = WAIT_VFORK;
		t->serial = k->lives.serial;
		t->wait_arg[0] = p->pid % TID_STEP;
		t->wait_arg[2] = p->pid;
		return true;
	}
	return false;
}

/* The child that it has made and not had begin; who else makes one knows so. */
static void find_unborn(struct thread *parent, uint32_t serial)
{
	for (unsigned i = 0; i < NR_THREADS; i++) {
		struct thread *t = &state.thread[i];
		struct proc_info_request slot = { .slot = FIRST_PROGRAM + i };
		struct proc_info_reply is;
		bool is_its = t != parent && t->alive &&
			      (t->process == parent->process ||
			       process_of(t)->parent == parent->process);

		if (!is_its || sys_proc_info(&slot, &is) != 0 || !(is.state & STATE_NEW))
			continue;
		for (unsigned n = 0; n < NR_THREADS; n++)
			is_its &= !endpoint_eq(state.thread[n].unborn, is.proc);
		if (!is_its)
			continue;
		parent->unborn = is.proc;
		parent->unborn_serial = serial;
		parent->wait_arg[0] = i;
	}
}

/* Only who it is, is known. It lives on, unless another thread waits for its clear_tid, which is
 * lost. */
static void make_anew(struct thread *t, const struct known *k)
{
	queue_flush(NULL, t);
	*t = (struct thread){
		.tid = k->tid, .generation = endpoint_gen(k->lives.proc), .alive = 1,
		.process = (uint16_t)process_index(k->process), .wait = WAIT_NOT, .name = "?",
	};
	forked[thread_index(t)] = !waits_for_vforked(t, k) && forks(k);
	if (k->tid != k->process->pid)
		doomed[t->process] = true;
}

static void mend(struct thread *t)
{
	unsigned i = thread_index(t);
	bool was_its;
	struct known k;

	find_known(i, &k);
	was_its = k.process != NULL && t->generation == endpoint_gen(k.lives.proc);
	print("recovery: thread %u had number %u, of process row %u%s\n",
	      k.process != NULL ? k.tid : i, t->tid, t->process,
	      k.process != NULL && !was_its ? ": its row is made anew" : "");
	if (k.process == NULL) {                /* spaces_sweep() ends who is there */
		*t = (struct thread){ .generation = t->generation };
		if (led[i] != NONE) {
			t->tid = state.process[led[i]].pid;
			t->process = led[i];
		}
	} else if (was_its) {
		t->alive = 1;
		t->tid = k.tid;
		t->process = (uint16_t)process_index(k.process);
	} else {
		make_anew(t, &k);
	}
}

void threads_check(void)
{
	find_led();
	for (unsigned i = 0; i < NR_THREADS; i++) {
		struct thread *t = &state.thread[i];
		struct known k;

		if (!can_be(t))
			mend(t);
		if (!t->alive || t->wait <= WAIT_PAGE)
			continue;
		t->wait = WAIT_NOT;             /* audit.c has its call made anew */
		find_known(i, &k);
		waits_for_vforked(t, &k);
	}
	for (unsigned i = 0; i < NR_THREADS; i++) {
		struct known k;

		if (!forked[i])
			continue;
		find_known(i, &k);
		find_unborn(&state.thread[i], k.lives.serial);
	}
}

void doomed_end(void)
{
	for (unsigned n = 0; n < NR_PROCESSES; n++)
		if (doomed[n]) {
			print("recovery: process %u is ended: what a thread was at is lost\n",
			      state.process[n].pid);
			process_exit(&state.process[n], SIG_KILL);
		}
}
