/* SPDX-License-Identifier: BSD-2-Clause
 * deliver.c - a thread that stands still takes its signals.
 *
 * Job:      decides what each deliverable signal does (nothing, stop, end, handler), restarts or
 *           fails the interrupted call, and lets the thread run.
 * Speaks:   kernel calls proc_regs_get, proc_regs_set, proc_resume.
 * Touches:  registers and stack of a thread that is parked or in a call to pm.
 * Trusts:   nothing in the program's memory.
 * On crash: see signal.c; what is done here is done again from the pending sets.
 */
#include "pm.h"
#include "signals.h"

enum { SYSCALL_BYTES = 2, NR_RESTART = 219 };

/* What t's registers become when what led to it is committed: after a crash before that it is found
 * as it was, after one behind it this is done again. Not the registers of a thread that may have
 * gone on with them: `due` says how far it is. What is not due is nobody's. */
static struct {
	uint64_t stamp;
	endpoint_t proc;
	uint32_t thread;                /* its row */
	enum { DUE_NOT, DUE_REGS, DUE_RESUME } due;
	bool resume;
	struct user_regs regs;
} effect SECTION_UNDO;

static void effect_none(void)
{
	effect.due = DUE_NOT;
	effect.proc = ENDPOINT_NONE;
}

static void effect_plan(struct thread *t, const struct user_regs *r, bool resume)
{
	if (effect.due != DUE_NOT)
		server_commit();
	effect.proc = endpoint_of(t);
	effect.thread = thread_index(t);
	effect.resume = resume;
	effect.regs = *r;
	effect.stamp = undo_next_commit();
	effect.due = DUE_REGS;
	server_effect();
}

void effect_do(void)
{
	struct proc_regs_set_request set = {
		.proc = effect.proc, .address = (uint64_t)(uintptr_t)&effect.regs,
	};
	struct proc_resume_request resume = { .proc = effect.proc };
	struct thread *t;
	err_t err = 0;

	if (effect.due == DUE_NOT || !undo_is_committed(effect.stamp))
		return;
	t = thread_of(set.proc);
	if (t == NULL || thread_index(t) != effect.thread) {
		server_doubt_found(FOUND_EFFECT, "registers are to be set of a thread that is not");
		effect_none();          /* it was killed meanwhile, or nobody knows whose */
		return;
	}
	if (effect.due == DUE_REGS)
		err = sys_proc_regs_set(&set);
	if (err == 0 && effect.resume) {
		effect.due = DUE_RESUME;
		err = sys_proc_resume(&resume);
	}
	if (err != 0)
		doubt_unless(t, MADE_REGS, false);
	effect_none();
	if (err == 0)
		return;
	process_exit(process_of(t), SIG_SEGV);
	undo_commit();
}

void effect_recover(void)
{
	if (!undo_is_committed(effect.stamp))
		effect_none();
}

/* t has parked since. */
void effect_forget(const struct thread *t)
{
	if (effect.due != DUE_NOT && endpoint_eq(effect.proc, endpoint_of(t)))
		effect_none();
}

static err_t regs_get(struct thread *t, struct user_regs *r)
{
	struct proc_regs_get_request req = { .proc = endpoint_of(t), .address = (uint64_t)r };

	if (effect.due != DUE_NOT && endpoint_eq(effect.proc, req.proc)) {
		*r = effect.regs;
		return 0;
	}
	return sys_proc_regs_get(&req);
}

/* ---- the interrupted call ---- */

static bool in_call(const struct user_regs *r)
{
	return r->orig_rax < NR_LINUX;
}

static void rewind_call(struct user_regs *r, uint64_t number)
{
	r->rax = number;
	r->rip -= SYSCALL_BYTES;
	r->orig_rax = UINT64_MAX;
}

/* Linux's rules: handler is NULL if none will run. */
static void settle_call(struct user_regs *r, const struct action *handler)
{
	int64_t result = (int64_t)r->rax;

	if (!in_call(r))
		return;
	switch (result) {
	case -ERESTARTNOINTR:
		rewind_call(r, r->orig_rax);
		break;
	case -ERESTARTSYS:
		if (!handler || handler->flags & SA_RESTART_)
			rewind_call(r, r->orig_rax);
		else
			r->rax = (uint64_t)-EINTR;
		break;
	case -ERESTARTNOHAND:
		if (!handler)
			rewind_call(r, r->orig_rax);
		else
			r->rax = (uint64_t)-EINTR;
		break;
	case -ERESTART_BLOCK:
		if (!handler)
			rewind_call(r, NR_RESTART);
		else
			r->rax = (uint64_t)-EINTR;
		break;
	}
}

/* ---- what a signal does ---- */

static bool is_stop(int n)
{
	return n == SIG_STOP || n == SIG_TSTP || n == SIG_TTIN || n == SIG_TTOU;
}

static void stop_process(struct process *p, int signal)
{
	p->stopped = 1;
	p->stop_signal = (uint8_t)signal;
	p->untold = UNTOLD_STOP;
	FOR_THREADS(p, t) {
		struct proc_stop_request req = { .proc = endpoint_of(t), .flags = STOP_SIGNAL };
		struct proc_stop_reply reply;

		if (!t->parked && sys_proc_stop(&req, &reply) != 0)
			continue;
	}
	tell_parent(p, CLD_STOPPED_, signal);
}

/* An orphaned group: nobody in its session could continue it. */
bool is_orphaned(uint32_t pgid)
{
	for (unsigned i = 0; i < NR_PROCESSES; i++) {
		const struct process *q = &state.process[i], *up = &state.process[q->parent];

		if (q->state == PROCESS_LIVE && q->pgid == pgid && up->state == PROCESS_LIVE &&
		    up->sid == q->sid && up->pgid != q->pgid)
			return false;
	}
	return true;
}

/* Run a handler: frame, mask, one-shot. */
static err_t call_handler(struct thread *t, struct user_regs *r, const struct signal_info *info)
{
	struct process *p = process_of(t);
	struct action a = p->action[info->signal - 1];
	uint64_t mask = t->has_saved ? t->saved : t->blocked;
	err_t err;

	settle_call(r, &a);
	err = frame_push(t, r, &a, info, mask);
	if (err != 0)
		return err;
	t->has_saved = 0;
	t->blocked |= a.mask;
	if (!(a.flags & SA_NODEFER_))
		t->blocked |= SIGNAL_BIT(info->signal);
	t->blocked &= ~(SIGNAL_BIT(SIG_KILL) | SIGNAL_BIT(SIG_STOP));
	if (t->alt_flags & SS_AUTODISARM_)
		t->alt_size = 0;
	if (a.flags & SA_RESETHAND_)
		p->action[info->signal - 1].handler = SIG_DFL_;
	return 0;
}

/* An exception: what process 1 does to itself ends it. */
static bool is_own_fault(const struct signal_info *info)
{
	int n = info->signal;

	return info->code > 0 && (n == SIG_SEGV || n == SIG_BUS || n == SIG_ILL || n == SIG_FPE ||
				  n == SIG_TRAP);
}

/* One signal. DELIVER_RUN: look for the next. */
static int take_one(struct thread *t, struct user_regs *r, const struct signal_info *info)
{
	struct process *p = process_of(t);
	int n = info->signal;
	uint64_t handler = p->action[n - 1].handler;

	if (signal_is_ignored(p, n) || (signal_is_shielded(p, n) && !is_own_fault(info)))
		return DELIVER_RUN;
	if (handler != SIG_DFL_ && n != SIG_KILL && n != SIG_STOP) {
		if (call_handler(t, r, info) == 0)
			return DELIVER_RUN;
		doubt_unless(t, MADE_HANDLER, false);
		process_exit(p, SIG_SEGV);
		return DELIVER_DEAD;
	}
	if (is_stop(n)) {
		if (n != SIG_STOP && is_orphaned(p->pgid))
			return DELIVER_RUN;
		stop_process(p, n);
		return DELIVER_STOPPED;
	}
	process_exit(p, (uint32_t)n);
	return DELIVER_DEAD;
}

/* All that is deliverable. Several handlers nest, the last one runs first, as in Linux. */
static int take_all(struct thread *t, struct user_regs *r)
{
	struct signal_info info;
	uint64_t set;

	while ((set = deliverable(t)) != 0) {
		/* Synchronous ones first, then by number. */
		uint64_t sync = set & (SIGNAL_BIT(SIG_SEGV) | SIGNAL_BIT(SIG_BUS) |
				       SIGNAL_BIT(SIG_ILL) | SIGNAL_BIT(SIG_TRAP) |
				       SIGNAL_BIT(SIG_FPE) | SIGNAL_BIT(SIG_SYS));
		int n = __builtin_ctzll(sync ? sync : set) + 1, what;

		if (!queue_take(t, n, &info))
			continue;
		what = take_one(t, r, &info);
		if (what != DELIVER_RUN)
			return what;
	}
	settle_call(r, NULL);
	if (t->has_saved) {
		t->has_saved = 0;
		t->blocked = t->saved;
	}
	return DELIVER_RUN;
}

/* ---- the two places where a thread stands still ---- */

/* t is in a call to pm whose result this is. The reply for server.h. */
int64_t finish(struct thread *t, int64_t result)
{
	struct user_regs r;
	int what;

	if (result == NO_REPLY || !t->alive)
		return NO_REPLY;
	if (!deliverable(t) && result > -ERESTARTSYS)
		return result;
	if (regs_get(t, &r) != 0)
		return result;
	r.rax = (uint64_t)result;
	what = take_all(t, &r);
	if (what == DELIVER_DEAD)
		return NO_REPLY;
	effect_plan(t, &r, false);
	return (int64_t)r.rax;          /* stopped: the stop flag parks it with this answer */
}

void unpark(struct thread *t)
{
	struct user_regs r;
	int what;

	if (process_of(t)->stopped || state.halted)
		return;
	if (regs_get(t, &r) != 0)
		return;
	what = take_all(t, &r);
	if (what == DELIVER_DEAD)
		return;
	t->parked = what != DELIVER_RUN;
	effect_plan(t, &r, what == DELIVER_RUN);
	server_commit();
}

/* rt_sigreturn: everything comes from the frame. */
int64_t call_sigreturn(struct thread *t, const struct delivery *d)
{
	struct user_regs r;
	uint64_t mask;
	err_t err;

	if (regs_get(t, &r) != 0)
		return NO_REPLY;
	err = frame_pop(t, &r, &mask);
	doubt_unless(t, MADE_RETURN, err == 0);
	if (err != 0) {
		process_exit(process_of(t), SIG_SEGV);
		return NO_REPLY;
	}
	effect_plan(t, &r, false);
	t->blocked = mask & ~(SIGNAL_BIT(SIG_KILL) | SIGNAL_BIT(SIG_STOP));
	return (int64_t)r.rax;
}
