/* SPDX-License-Identifier: BSD-2-Clause
 * exit.c - the end of threads and processes.
 *
 * Job:      ends threads and processes, has vfs close descriptors, reports to the parent.
 * Speaks:   kernel call proc_destroy; vm.detach, vm.futex_wake; contracts/pm jobs.
 * Touches:  state.job; the memory words that thread exit clears.
 * Trusts:   vfs to finish a job; for one that has begun afresh all programs have ended.
 * On crash: a process in EXITING has its job row; ending a thread twice is harmless.
 * Spec:     set_tid_address(2), get_robust_list(2).
 */
#include "pm.h"
#include "signals.h"

enum { ROBUST_MAX = 2048, ROBUST_ALL = 4 * ROBUST_MAX, FUTEX_WAITERS_ = (int)0x80000000,
       FUTEX_OWNER_DIED_ = 0x40000000, FUTEX_TID_MASK_ = 0x3fffffff };
#define BEGIN_NS 60000000000ull         /* in which vfs has process 1 begin, if there is a root */

/* ---- threads ---- */

static void futex_wake(const struct thread *t, uint64_t address)
{
	struct vm_futex_wake_request req = {
		.proc = endpoint_of(t), .address = address, .count = 1,
	};
	struct vm_futex_wake_reply reply;

	if (vm_futex_wake(&vm, &req, &reply) != 0)
		return;                 /* nobody can wait at an address that is not there */
}

/* The thread dies with a lock held: mark it, wake who waits. */
static void robust_mark(const struct thread *t, uint64_t address)
{
	uint32_t word;

	if (user_read(t, address, &word, sizeof(word)) != 0 ||
	    (word & FUTEX_TID_MASK_) != (t->tid & FUTEX_TID_MASK_))
		return;
	word = (word & (uint32_t)FUTEX_WAITERS_) | FUTEX_OWNER_DIED_;
	if (user_write(t, address, &word, sizeof(word)) == 0 && word & (uint32_t)FUTEX_WAITERS_)
		futex_wake(t, address);
}

/* A thread's list has at most ROBUST_MAX entries, as in Linux. Of all threads that one message ends
 * pm looks at ROBUST_ALL: it has a heartbeat to keep. */
static bool robust_more(void)
{
	static uint64_t message;
	static unsigned done;

	if (message != server_message()) {
		message = server_message();
		done = 0;
	}
	return done++ < ROBUST_ALL;
}

static void robust_walk(const struct thread *t)
{
	struct {
		uint64_t next;
		int64_t offset;
		uint64_t pending;
	} head;
	uint64_t at;

	if (!t->robust_list || user_read(t, t->robust_list, &head, sizeof(head)) != 0)
		return;
	at = head.next;
	for (unsigned n = 0; n < ROBUST_MAX && at != t->robust_list && robust_more(); n++) {
		uint64_t next;

		if (user_read(t, at & ~1ull, &next, sizeof(next)) != 0)
			return;
		if (at != head.pending)
			robust_mark(t, (at & ~1ull) + (uint64_t)head.offset);
		at = next;
	}
	if (head.pending)
		robust_mark(t, (head.pending & ~1ull) + (uint64_t)head.offset);
}

/* The process is no more; nor its part in the space. */
void proc_end(endpoint_t proc)
{
	struct proc_destroy_request destroy = { .proc = proc };
	struct vm_detach_request detach = { .proc = proc };
	err_t gone = sys_proc_destroy(&destroy), err = vm_detach(&vm, &detach);

	if (gone != 0 || err != 0)
		return;                 /* it has been done before, by a request that crashed */
}

void thread_end(struct thread *t)
{
	process_of(t)->dead_cpu = cpu_sum(process_of(t)->dead_cpu, thread_cpu(t));
	proc_end(endpoint_of(t));
}

void thread_exit(struct thread *t)
{
	uint32_t zero = 0;

	robust_walk(t);
	if (t->clear_tid && user_write(t, t->clear_tid, &zero, sizeof(zero)) == 0)
		futex_wake(t, t->clear_tid);
	thread_end(t);
	thread_free(t);
}

/* ---- jobs for vfs ---- */

void job_add(unsigned kind, const struct thread *t, const struct process *p)
{
	struct job *j = &state.job[state.job_next % NR_JOBS];

	*j = (struct job){ .number = state.job_next + 1, .kind = (uint8_t)kind,
			   .thread = (uint16_t)thread_index(t),
			   .process = (uint16_t)process_index(p) };
	state.job_next++;
	ipc_notify(state.vfs);
}

static void report_exit(struct process *p)
{
	struct process *parent = &state.process[p->parent];
	struct signal_info info = {
		.signal = p->exit_signal, .pid = p->pid, .uid = p->uid,
		.code = p->status & 0x7f ? CLD_KILLED_ : CLD_EXITED_,
		.value = p->status & 0x7f ? p->status & 0x7f : p->status >> 8,
	};
	const struct action *a = &parent->action[SIG_CHLD - 1];
	bool unwanted = a->handler == SIG_IGN_ || a->flags & SA_NOCLDWAIT_;

	p->state = PROCESS_ZOMBIE;
	if (parent->state != PROCESS_LIVE) {
		process_free(p);
		return;
	}
	if (p->exit_signal)
		signal_process(parent, &info);
	if (p->exit_signal == SIG_CHLD && unwanted)
		process_free(p);
	wait_look(parent);
}

/* Who gets the children of p: the nearest process above that wants them (prctl), or process 1. */
static struct process *reaper_of(const struct process *p)
{
	struct process *up = &state.process[p->parent];

	/* Above who has outlived its parent stands anybody, also itself. */
	for (unsigned n = 0; n < NR_PROCESSES && up->pid != 1; n++) {
		if (up->state == PROCESS_LIVE && up->subreaper)
			return up;
		up = &state.process[up->parent];
	}
	return process_by_pid(1);
}

static void signal_group(uint32_t pgid, int signal)
{
	for (unsigned i = 0; i < NR_PROCESSES; i++) {
		struct process *q = &state.process[i];

		if (q->state != PROCESS_LIVE || q->pgid != pgid)
			continue;
		signal_process(q, &(struct signal_info){ .signal = signal, .code = SI_KERNEL_ });
		undo_commit();
	}
}

/* q's group has lost a parent `up`, outside of it and in its session. If that was the last one and
 * members are stopped, nobody could continue them. */
static void group_lost(const struct process *q, const struct process *up)
{
	bool stopped = false;

	if (q->pgid == up->pgid || q->sid != up->sid || !is_orphaned(q->pgid))
		return;
	for (unsigned i = 0; i < NR_PROCESSES; i++)
		stopped |= state.process[i].state == PROCESS_LIVE &&
			   state.process[i].pgid == q->pgid && state.process[i].stopped;
	if (!stopped)
		return;
	signal_group(q->pgid, SIG_HUP);
	signal_group(q->pgid, SIG_CONT);
}

/* Before it becomes a zombie. Done again from its start after a crash. */
static void give_children_away(const struct process *p)
{
	struct signal_info info = { .code = SI_USER_, .pid = p->pid, .uid = p->uid };
	struct process *init = reaper_of(p);
	unsigned me = process_index(p);

	for (unsigned i = 0; i < NR_PROCESSES; i++) {
		struct process *q = &state.process[i];

		if (q->state == PROCESS_FREE || q->parent != me || q == p)
			continue;
		q->parent = init ? (uint16_t)process_index(init) : (uint16_t)i;
		q->exit_signal = SIG_CHLD;
		if (q->state == PROCESS_LIVE) {
			publish_process(q);
			info.signal = (int)q->death_signal;
			if (info.signal)
				signal_process(q, &info);
			group_lost(q, p);
		} else if (q->state == PROCESS_ZOMBIE && init) {
			report_exit(q);         /* init is told anew */
		}
		undo_commit();
	}
}

/* A leader that had a terminal takes along what is in the foreground; then it is nobody's terminal.
 * One that has lost it (a pseudo-terminal's master was closed) has that continue, too. */
static void hang_up_session(struct process *p)
{
	for (unsigned i = 0; p->pid == p->sid && p->tty_group && i < NR_PROCESSES; i++) {
		struct process *q = &state.process[i];

		if (q->state != PROCESS_LIVE || q->sid != p->sid || q == p)
			continue;
		if (q->pgid == p->tty_group)
			signal_process(q, &(struct signal_info){ .signal = SIG_HUP,
								 .code = SI_KERNEL_ });
		if (q->pgid == p->tty_group && !p->tty)
			signal_process(q, &(struct signal_info){ .signal = SIG_CONT,
								 .code = SI_KERNEL_ });
		q->tty = q->tty_group = 0;
		undo_commit();
	}
	p->tty = p->tty_group = 0;
}

static void job_finish(uint32_t number)
{
	struct job *j = &state.job[(number - 1) % NR_JOBS];
	struct process *p = &state.process[j->process];

	if (j->number != number)
		return;
	if (j->kind == PM_JOB_EXIT && p->state == PROCESS_EXITING) {
		give_children_away(p);
		group_lost(p, &state.process[p->parent]);
		hang_up_session(p);
		report_exit(p);
	}
	j->kind = 0;
}

/* NULL: none. What is none, or was overwritten, is passed over: exits_again() adds ends anew. */
static struct job *first_job(void)
{
	if (state.job_next - state.job_first > NR_JOBS)
		state.job_first = state.job_next - NR_JOBS;
	for (; state.job_first != state.job_next; state.job_first++) {
		struct job *j = &state.job[state.job_first % NR_JOBS];

		if (j->kind != 0 && j->number == state.job_first + 1)
			return j;
	}
	return NULL;
}

/* One of the words may be overwritten: all programs depend on it. Who calls the kernel says. */
static bool is_our_vfs(endpoint_t vfs)
{
	bool first = endpoint_eq(vfs, state.vfs), second = endpoint_eq(vfs, state.vfs_again);

	if (first == second)
		return first;
	print("repaired: it was not certain which vfs lives\n");
	state.vfs = state.vfs_again = vfs;
	return true;
}

/* vfs has begun afresh: it knows no program, nor what any has had open. Nobody else runs a program
 * until it has this answer, so all is new at once. */
static void another_vfs(endpoint_t vfs)
{
	bool was_there = state.vfs.v != 0;

	for (unsigned i = 0; was_there && i < NR_PROCESSES; i++)
		process_exit(&state.process[i], SIG_KILL);
	for (unsigned i = 0; was_there && i < NR_PROCESSES; i++)
		if (state.process[i].state != PROCESS_FREE) {
			process_free(&state.process[i]);
			undo_commit();
		}
	state.vfs = state.vfs_again = vfs;
	if (!was_there || state.halted)
		return;
	state.job_first = state.job_next;       /* what there was to do there */
	first_process();
}

/* The oldest that is not finished: given again to a vfs that has died over it. */
err_t do_pm_job_next(const struct call *c, const struct pm_job_next_request *req,
		     struct pm_job_next_reply *reply)
{
	struct job *j;

	if (endpoint_slot(c->client) != ID_VFS)
		return -EPERM;
	if (!is_our_vfs(c->client))
		another_vfs(c->client);
	else if (req->done)
		job_finish(req->done);
	j = first_job();
	if (j == NULL)
		return -ENOENT;
	reply->job = j->number;
	reply->kind = j->kind;
	reply->proc = endpoint_of(&state.thread[j->thread]);
	reply->pid = state.process[j->process].pid;
	return 0;
}

/* ---- processes ---- */

void vfork_release(struct process *p)
{
	struct thread *t;

	if (p->vfork_thread == NONE)
		return;
	t = &state.thread[p->vfork_thread];
	p->vfork_thread = NONE;
	if (!t->alive || t->wait != WAIT_VFORK || t->wait_arg[0] != p->pid % TID_STEP)
		return;                 /* it was killed; the row may be another's by now */
	t->wait = WAIT_NOT;
	call_reply_linux(endpoint_of(t), t->serial, finish(t, p->pid));
}

static void exit_go_on(struct process *p)
{
	struct thread *leader = &state.thread[p->pid % TID_STEP % NR_THREADS], *t;     /* Q2 */

	while ((t = next_thread(p, NULL)) != NULL) {
		thread_exit(t);
		undo_commit();
	}
	vfork_release(p);
	if (p->pid == 1) {
		print("init has ended, status 0x%x\n", p->status);
		state.init_ended = 1;
	}
	if (leader->alive)
		report_exit(p);                 /* another's: vfs finds out that p is gone */
	else
		job_add(PM_JOB_EXIT, leader, p);
}

/* status as wait reports it: signal, or exit code << 8. The state is the intent: exits_again(). */
void process_exit(struct process *p, uint32_t status)
{
	if (p->state != PROCESS_LIVE)
		return;
	p->status = status;
	p->state = PROCESS_EXITING;
	p->untold = 0;
	undo_commit();
	exit_go_on(p);
}

static bool has_job(const struct process *p)
{
	for (unsigned n = 0; n < NR_JOBS; n++) {
		const struct job *j = &state.job[n];

		if (j->kind == PM_JOB_EXIT && j->process == process_index(p) &&
		    j->number - state.job_first - 1 < state.job_next - state.job_first)
			return true;
	}
	return false;
}

/* After a crash: exits that had begun come to their end. */
void exits_again(void)
{
	for (unsigned i = 0; i < NR_PROCESSES; i++)
		if (state.process[i].state == PROCESS_EXITING && !has_job(&state.process[i]))
			exit_go_on(&state.process[i]);
}

/* At each heartbeat. Whose process has ended ends. */
void strays_end(void)
{
	for (unsigned i = 0; i < NR_THREADS; i++) {
		struct thread *t = &state.thread[i];
		enum process_state s = t->alive ? process_of(t)->state : PROCESS_LIVE;

		if (s != PROCESS_FREE && s != PROCESS_ZOMBIE)
			continue;
		server_doubt_found(FOUND_STRAY, "a thread is of no process");
		print("repaired: thread %u went on when its process had ended\n", t->tid);
		thread_exit(t);
		if (s == PROCESS_FREE)
			t->tid = 0;
		undo_commit();
	}
}

/* vfs was to have process 1 begin, and one of us must have forgotten that. */
static bool never_begins(const struct process *init)
{
	struct proc_info_request req = { .slot = FIRST_PROGRAM + 1 };
	struct proc_info_reply info;

	return init->state == PROCESS_LIVE && !init->did_exec &&
	       clock_monotonic_ns() - init->start_ns >= BEGIN_NS &&
	       sys_proc_info(&req, &info) == 0 &&
	       (endpoint_eq(info.proc, ENDPOINT_NONE) || info.state & STATE_NEW);
}

/* At each heartbeat. Without process 1 none can go on: nobody starts them and waits for them. When
 * all have ended it begins anew. One that has ended as processes do is no damage. */
void init_again(void)
{
	struct process *init = process_by_pid(1);
	bool any = false;

	if (init != NULL && never_begins(init)) {
		print("repaired: process 1 has not begun\n");
		process_exit(init, SIG_KILL);
	}
	if (state.halted || (init != NULL && init->state != PROCESS_ZOMBIE))
		return;
	if (!state.init_ended)
		server_doubt_found(FOUND_NO_INIT, "there is no process 1");
	for (unsigned i = 0; i < NR_PROCESSES; i++) {
		struct process *p = &state.process[i];

		if (p->state == PROCESS_ZOMBIE)
			process_free(p);
		process_exit(p, SIG_KILL);
		any |= p->state != PROCESS_FREE;
	}
	if (!any)
		first_process();
}

int64_t call_exit(struct thread *t, const struct delivery *d)
{
	struct process *p = process_of(t);

	if (p->threads == 1) {
		process_exit(p, (uint32_t)(d->m.w[0] & 0xff) << 8);
		return NO_REPLY;
	}
	thread_exit(t);
	return NO_REPLY;
}

int64_t call_exit_group(struct thread *t, const struct delivery *d)
{
	process_exit(process_of(t), (uint32_t)(d->m.w[0] & 0xff) << 8);
	return NO_REPLY;
}
