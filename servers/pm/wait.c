/* SPDX-License-Identifier: BSD-2-Clause
 * wait.c - waiting for children.
 *
 * Job:      tells a parent of children that have ended, stopped or been continued; looks by other
 *           code whether that may be, before it does (docs/notes/0026).
 * Speaks:   nothing.
 * Touches:  the memory of who waits.
 * Trusts:   the rows of processes.
 * On crash: who waits has a row that says so, and is told again.
 * Spec:     wait(2), waitid(2).
 */
#include "pm.h"
#include "signals.h"

enum { WNOHANG_ = 1, WUNTRACED_ = 2, WEXITED_ = 4, WCONTINUED_ = 8, WNOWAIT_ = 0x01000000,
       WNOTHREAD_ = 0x20000000,
       WALL_ = 0x40000000, WCLONE_ = (int)0x80000000 };
enum { OPTION_WAITID = 0x100 };         /* in wait_options: which of the two calls it is */
enum { P_ALL_, P_PID_, P_PGID_ };

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

/* That it would be told of, if it has ended. Of process groups this does not know. */
static bool is_waited_for(const struct process *q, const struct thread *t)
{
	return q->state != PROCESS_FREE && q->exit_signal == SIG_CHLD && q != process_of(t) &&
	       &state.process[q->parent] == process_of(t) && !(t->wait_options & WCLONE_) &&
	       (t->wait_pid == -1 || q->pid == (uint32_t)t->wait_pid);
}

/* What is known to be otherwise cannot be the answer: who is told of has gone, who has children, or
 * a child that has ended, is told so. */
static bool may_be(const struct thread *t, int64_t result)
{
	bool any = false, ended = false;

	if (t->wait_options & OPTION_WAITID && result == 0)
		return true;
	if (result > 0)
		return t->wait_options & (WUNTRACED_ | WCONTINUED_) ||
		       process_by_pid((uint32_t)result) == NULL;
	for (const struct process *q = state.process; q < &state.process[NR_PROCESSES]; q++) {
		if (!is_waited_for(q, t))
			continue;
		any = true;
		ended |= q->state == PROCESS_ZOMBIE;
	}
	return result == -ECHILD ? !any : result != 0 || !ended;
}

static int64_t proved(const struct thread *t, int64_t result)
{
	doubt_unless(t, MADE_WAIT, may_be(t, result));
	return result;
}

static int64_t wait_begin(struct thread *t, const struct delivery *d)
{
	struct found f = look(process_of(t), t->wait_pid, t->wait_options);

	t->serial = d->serial;
	if (f.child)
		return proved(t, answer(t, &f));
	if (!f.any)
		return proved(t, -ECHILD);
	if (t->wait_options & WNOHANG_)
		return proved(t, nobody(t));
	for (unsigned i = 0; i < 2; i++)
		if (t->wait_arg[i] && user_touch(t, t->wait_arg[i]) != 0 && page_missing(t))
			return -EFAULT;         /* the call comes again when the page is there */
	t->wait = WAIT_CHILD;
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
		int64_t result;

		if (t->wait != WAIT_CHILD)
			continue;
		f = look(p, t->wait_pid, t->wait_options);
		if (!f.child && f.any)
			continue;
		t->wait = WAIT_NOT;
		result = proved(t, f.child ? answer(t, &f) : -ECHILD);
		call_reply_linux(endpoint_of(t), t->serial, finish(t, result));
	}
}
