/* SPDX-License-Identifier: BSD-2-Clause
 * exit.c - the end of threads and processes, and waiting for it.
 *
 * Job:      ends threads and processes, has vfs close descriptors, reports to the parent.
 * Speaks:   kernel call proc_destroy; vm.detach, vm.futex_wake; contracts/pm jobs.
 * Touches:  state.job; the memory words that thread exit clears.
 * Trusts:   vfs to finish a job; for one that has begun afresh all programs have ended.
 * On crash: a process in EXITING has its job row; ending a thread twice is harmless.
 * Spec:     wait(2), waitid(2), set_tid_address(2), get_robust_list(2).
 */
#include "pm.h"
#include "signals.h"

enum { WNOHANG_ = 1, WUNTRACED_ = 2, WEXITED_ = 4, WCONTINUED_ = 8, WNOWAIT_ = 0x01000000,
       WNOTHREAD_ = 0x20000000,
       WALL_ = 0x40000000, WCLONE_ = (int)0x80000000 };
enum { P_ALL_, P_PID_, P_PGID_ };
enum { ROBUST_MAX = 2048, ROBUST_ALL = 4 * ROBUST_MAX, FUTEX_WAITERS_ = (int)0x80000000,
       FUTEX_OWNER_DIED_ = 0x40000000, FUTEX_TID_MASK_ = 0x3fffffff };

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
	while (state.job_first != state.job_next && !state.job[state.job_first % NR_JOBS].kind)
		state.job_first++;
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
	if (state.job_first == state.job_next)
		return -ENOENT;
	j = &state.job[state.job_first % NR_JOBS];
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
	if (p->pid == 1)
		print("init has ended, status 0x%x\n", p->status);
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
	for (uint32_t n = state.job_first; n != state.job_next; n++) {
		const struct job *j = &state.job[n % NR_JOBS];

		if (j->kind == PM_JOB_EXIT && j->process == process_index(p))
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
		print("repaired: thread %u went on when its process had ended\n", t->tid);
		thread_exit(t);
		if (s == PROCESS_FREE)
			t->tid = 0;
		undo_commit();
	}
}

/* At each heartbeat. Without process 1 none can go on: nobody starts them and waits for them. When
 * all have ended it begins anew. */
void init_again(void)
{
	bool any = false;

	if (state.halted || process_by_pid(1))
		return;
	doubt_end(1);
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

/* ---- waiting ---- */

struct found {
	struct process *child;          /* NULL: nothing to report yet */
	bool any;                       /* there is a child that may come to be reported */
	uint32_t status;
	int code;
};

static bool fits(const struct process *p, const struct process *q, int32_t pid)
{
	if (pid > 0)
		return q->pid == (uint32_t)pid;
	if (pid == 0)
		return q->pgid == p->pgid;
	return pid == -1 || q->pgid == (uint32_t)-pid;
}

/* A child that does not end with SIGCHLD is a `clone` child: waited for on request only. */
static bool is_kind(const struct process *q, uint32_t options)
{
	return options & WALL_ || (q->exit_signal != SIG_CHLD) == !!(options & WCLONE_);
}

static bool has_news(const struct process *q, uint32_t options, struct found *f)
{
	if (q->state == PROCESS_ZOMBIE && options & WEXITED_) {
		f->status = q->status;
		f->code = q->status & 0x7f ? CLD_KILLED_ : CLD_EXITED_;
	} else if (q->untold & UNTOLD_STOP && options & WUNTRACED_) {
		f->status = (uint32_t)q->stop_signal << 8 | 0x7f;
		f->code = CLD_STOPPED_;
	} else if (q->untold & UNTOLD_CONTINUE && options & WCONTINUED_) {
		f->status = 0xffff;
		f->code = CLD_CONTINUED_;
	} else {
		return false;
	}
	return true;
}

static struct found look(const struct process *p, int32_t pid, uint32_t options)
{
	struct found f = { 0 };
	unsigned me = process_index(p);

	for (unsigned i = 0; i < NR_PROCESSES; i++) {
		struct process *q = &state.process[i];

		if (q->state == PROCESS_FREE || q->parent != me || q == p ||
		    !fits(p, q, pid) || !is_kind(q, options))
			continue;
		f.any = true;
		if (has_news(q, options, &f)) {
			f.child = q;
			break;
		}
	}
	return f;
}

static struct cpu cpu_with_children(const struct process *p)
{
	return cpu_sum(process_cpu(p), p->child_cpu);
}

/* Told: a zombie goes, a stop or continue is told once. */
static void told(struct process *p, struct process *child, uint32_t options)
{
	if (options & WNOWAIT_)
		return;
	if (child->state == PROCESS_ZOMBIE) {
		p->child_cpu = cpu_sum(p->child_cpu, cpu_with_children(child));
		process_free(child);
	} else {
		child->untold = 0;
	}
}

static int64_t wait4_answer(struct thread *t, const struct found *f, uint64_t status_at,
			    uint64_t rusage_at, uint32_t options)
{
	int32_t status = (int32_t)f->status;
	uint32_t pid = f->child->pid;

	if (status_at && user_write(t, status_at, &status, sizeof(status)) != 0)
		return -EFAULT;
	if (rusage_at && rusage_write(t, rusage_at, cpu_with_children(f->child)) != 0)
		return -EFAULT;
	told(process_of(t), f->child, options);
	return pid;
}

static int64_t waitid_answer(struct thread *t, const struct found *f, uint64_t info_at,
			     uint64_t rusage_at, uint32_t options)
{
	struct linux_siginfo info = { .signo = SIG_CHLD, .code = f->code };

	info.u.child.pid = (int32_t)f->child->pid;
	info.u.child.uid = f->child->uid;
	if (f->code == CLD_EXITED_ || f->code == CLD_STOPPED_)
		info.u.child.status = (int32_t)(f->status >> 8 & 0xff);
	else if (f->code == CLD_CONTINUED_)
		info.u.child.status = SIG_CONT;
	else
		info.u.child.status = (int32_t)(f->status & 0x7f);
	if (info_at && user_write(t, info_at, &info, sizeof(info)) != 0)
		return -EFAULT;
	if (rusage_at && rusage_write(t, rusage_at, cpu_with_children(f->child)) != 0)
		return -EFAULT;
	told(process_of(t), f->child, options);
	return 0;
}

enum { OPTION_WAITID = 0x100 };         /* in wait_options: which of the two calls it is */

static int64_t answer(struct thread *t, const struct found *f)
{
	if (t->wait_options & OPTION_WAITID)
		return waitid_answer(t, f, t->wait_arg[0], t->wait_arg[1], t->wait_options);
	return wait4_answer(t, f, t->wait_arg[0], t->wait_arg[1], t->wait_options);
}

/* Children there are, but nothing to tell: waitid says so in siginfo as well. */
static int64_t nobody(struct thread *t)
{
	const struct linux_siginfo none = { 0 };

	if (t->wait_options & OPTION_WAITID && t->wait_arg[0])
		return user_write(t, t->wait_arg[0], &none, sizeof(none));
	return 0;
}

static int64_t wait_begin(struct thread *t, const struct delivery *d)
{
	struct found f = look(process_of(t), t->wait_pid, t->wait_options);

	if (f.child)
		return answer(t, &f);
	if (!f.any)
		return -ECHILD;
	if (t->wait_options & WNOHANG_)
		return nobody(t);
	for (unsigned i = 0; i < 2; i++)
		if (t->wait_arg[i] && user_touch(t, t->wait_arg[i]) != 0 && page_missing(t))
			return -EFAULT;         /* the call comes again when the page is there */
	t->wait = WAIT_CHILD;
	t->serial = d->serial;
	return NO_REPLY;
}

int64_t call_wait4(struct thread *t, const struct delivery *d)
{
	uint32_t options = (uint32_t)d->m.w[2];

	if (options & ~(uint32_t)(WNOHANG_ | WUNTRACED_ | WCONTINUED_ | WALL_ | WCLONE_ |
				  WNOTHREAD_))
		return -EINVAL;
	t->wait_pid = (int32_t)d->m.w[0];
	t->wait_options = (options & (WNOHANG_ | WUNTRACED_ | WCONTINUED_ | WALL_ | WCLONE_)) |
			  WEXITED_;
	t->wait_arg[0] = d->m.w[1];
	t->wait_arg[1] = d->m.w[3];
	return wait_begin(t, d);
}

int64_t call_waitid(struct thread *t, const struct delivery *d)
{
	uint32_t options = (uint32_t)d->m.w[3];
	int32_t id = (int32_t)d->m.w[1];

	if (!(options & (WEXITED_ | WUNTRACED_ | WCONTINUED_)) ||
	    options & ~(uint32_t)(WNOHANG_ | WUNTRACED_ | WEXITED_ | WCONTINUED_ | WNOWAIT_ |
				  WALL_ | WCLONE_ | WNOTHREAD_))
		return -EINVAL;
	switch (d->m.w[0]) {
	case P_ALL_:
		id = -1;
		break;
	case P_PID_:
		if (id <= 0)
			return -EINVAL;
		break;
	case P_PGID_:
		id = id ? -id : 0;
		break;
	default:
		return -EINVAL;
	}
	t->wait_pid = id;
	t->wait_options = (options & (WNOHANG_ | WUNTRACED_ | WEXITED_ | WCONTINUED_ | WNOWAIT_ |
				      WALL_ | WCLONE_)) | OPTION_WAITID;
	t->wait_arg[0] = d->m.w[2];
	t->wait_arg[1] = d->m.w[4];
	return wait_begin(t, d);
}

/* A child of p has changed: answer a thread that waits for it. */
void wait_look(struct process *p)
{
	FOR_THREADS(p, t) {
		struct found f;

		if (t->wait != WAIT_CHILD)
			continue;
		f = look(p, t->wait_pid, t->wait_options);
		if (!f.child && f.any)
			continue;
		t->wait = WAIT_NOT;
		call_reply_linux(endpoint_of(t), t->serial,
				 finish(t, f.child ? answer(t, &f) : -ECHILD));
	}
}
