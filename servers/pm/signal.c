/* SPDX-License-Identifier: BSD-2-Clause
 * signal.c - sending signals: what becomes pending, and who is stopped to take it.
 *
 * Job:      marks a signal pending for a process or a thread, keeps its siginfo, and stops a thread
 *           at the boundary if it must act.
 * Speaks:   kernel call proc_stop.
 * Touches:  pending sets, state.queued.
 * Trusts:   its callers in pm to have checked permission.
 * On crash: pending sets are state; a thread that parked meanwhile is found (pm.c).
 * Spec:     POSIX.1-2017 2.4; signal(7).
 */
#include "pm.h"
#include "signals.h"

#define DEFAULT_IGNORED \
	(SIGNAL_BIT(SIG_CHLD) | SIGNAL_BIT(SIG_URG) | SIGNAL_BIT(SIG_WINCH) | SIGNAL_BIT(SIG_CONT))
#define STOPS \
	(SIGNAL_BIT(SIG_STOP) | SIGNAL_BIT(SIG_TSTP) | SIGNAL_BIT(SIG_TTIN) | SIGNAL_BIT(SIG_TTOU))

bool signal_is_ignored(const struct process *p, int signal)
{
	uint64_t handler = p->action[signal - 1].handler;

	if (handler == SIG_IGN_)
		return true;
	return handler == SIG_DFL_ && (DEFAULT_IGNORED & SIGNAL_BIT(signal));
}

/* ---- siginfo of pending signals ---- */

static bool queued_for(const struct queued *q, const struct process *p, unsigned thread)
{
	return q->signal && q->process == process_index(p) && q->thread == thread;
}

bool queue_full(const struct process *p)
{
	uint64_t limit = p->limit[RLIMIT_SIGPENDING_].soft;
	unsigned n = 0;

	if (state.nr_queued < limit)
		return state.nr_queued >= NR_QUEUED;
	for (unsigned i = 0; i < NR_QUEUED; i++)
		n += state.queued[i].signal && state.process[state.queued[i].process].uid == p->uid;
	return n >= limit;
}

static void queue_put(const struct process *p, unsigned thread, const struct signal_info *info)
{
	if (info->signal >= SIG_RTMIN_ && queue_full(p))
		return;                 /* it stays pending without its siginfo, as in Linux */
	for (unsigned i = 0; i < NR_QUEUED; i++) {
		struct queued *q = &state.queued[i];

		if (q->signal)
			continue;
		*q = (struct queued){
			.process = (uint16_t)process_index(p), .thread = (uint16_t)thread,
			.signal = (uint8_t)info->signal, .code = info->code, .pid = info->pid,
			.uid = info->uid, .value = info->value,
		};
		state.nr_queued++;
		return;
	}
	/* Full: the signal stays pending without its siginfo, as Linux does for standard ones. */
}

/* Take one siginfo of this signal; *more: another one is queued. */
static bool queue_get(const struct process *p, unsigned thread, int signal,
		      struct signal_info *info, bool *more)
{
	struct queued *found = NULL;

	*more = false;
	for (unsigned i = 0, seen = 0; i < NR_QUEUED && seen < state.nr_queued; i++) {
		struct queued *q = &state.queued[i];

		seen += q->signal != 0;
		if (!queued_for(q, p, thread) || q->signal != signal)
			continue;
		if (found) {
			*more = true;
			break;
		}
		found = q;
	}
	if (!found)
		return false;
	*info = (struct signal_info){ found->signal, found->code, found->pid, found->uid,
				      found->value };
	found->signal = 0;
	state.nr_queued--;
	return true;
}

/* Signal n, pending for t or its process, is taken. */
bool queue_take(struct thread *t, int signal, struct signal_info *info)
{
	struct process *p = process_of(t);
	bool own = t->pending & SIGNAL_BIT(signal), more;

	if (!own && !(p->pending & SIGNAL_BIT(signal)))
		return false;
	if (!queue_get(p, own ? thread_index(t) : NONE, signal, info, &more))
		*info = (struct signal_info){ .signal = signal, .code = SI_KERNEL_ };
	if (more)
		return true;
	if (own)
		t->pending &= ~SIGNAL_BIT(signal);
	else
		p->pending &= ~SIGNAL_BIT(signal);
	return true;
}

void queue_flush(const struct process *p, const struct thread *t)
{
	unsigned gone = 0;

	for (unsigned i = 0; i < NR_QUEUED && state.nr_queued; i++) {
		struct queued *q = &state.queued[i];

		if (!q->signal)
			continue;
		if ((p && q->process == process_index(p)) || (t && q->thread == thread_index(t))) {
			q->signal = 0;
			gone++;
		}
	}
	if (gone)
		state.nr_queued -= gone;
}

void drop_signals(struct process *p, uint64_t set)
{
	unsigned gone = 0;

	if (p->pending & set)
		p->pending &= ~set;
	FOR_THREADS(p, t)
		if (t->pending & set)
			t->pending &= ~set;
	for (unsigned i = 0; i < NR_QUEUED && state.nr_queued; i++) {
		struct queued *q = &state.queued[i];

		if (q->signal && q->process == process_index(p) && (set & SIGNAL_BIT(q->signal))) {
			q->signal = 0;
			gone++;
		}
	}
	if (gone)
		state.nr_queued -= gone;
}

/* ---- stopping who must act ---- */

uint64_t deliverable(const struct thread *t)
{
	return (t->pending | process_of(t)->pending) & ~t->blocked;
}

/* Whose call is being answered: finish() looks at what is pending for it, unless the answer comes
 * later. No state: a call that is done again begins again. */
static struct { const struct thread *thread; bool kicked; } serving;

/* Bring t to the boundary; what is pending is looked at when it stands still. */
void kick(struct thread *t)
{
	struct proc_stop_request req = { .proc = endpoint_of(t), .flags = STOP_SIGNAL };
	struct proc_stop_reply reply;

	if (t == serving.thread) {
		serving.kicked = true;
		return;
	}
	if (t->parked) {
		if (!process_of(t)->stopped)
			unpark(t);
		return;
	}
	if (sys_proc_stop(&req, &reply) != 0)
		return;
	/* Parked at once: the kernel tells by EVENT_PARKED as well, no more is done here. */
}

void serving_begin(const struct thread *t)
{
	serving.thread = t;
	serving.kicked = false;
}

void serving_end(struct thread *t, int64_t result)
{
	serving.thread = NULL;
	if (serving.kicked && result == NO_REPLY && t->alive)
		kick(t);
}

static bool wants(const struct thread *t, int signal)
{
	return !(t->blocked & SIGNAL_BIT(signal)) ||
	       (t->wait == WAIT_SIGTIMED && t->wait_arg[0] & SIGNAL_BIT(signal));
}

/* p has stopped or goes on. */
void tell_parent(const struct process *p, int code, int signal)
{
	struct process *parent = &state.process[p->parent];

	if (parent->state != PROCESS_LIVE)
		return;
	if (!(parent->action[SIG_CHLD - 1].flags & SA_NOCLDSTOP_))
		signal_process(parent, &(struct signal_info){ SIG_CHLD, code, p->pid, p->uid,
							      (uint64_t)signal });
	wait_look(parent);
}

static void continue_process(struct process *p)
{
	drop_signals(p, STOPS);
	if (!p->stopped)
		return;
	p->stopped = 0;
	p->untold = UNTOLD_CONTINUE;
	tell_parent(p, CLD_CONTINUED_, SIG_CONT);
	FOR_THREADS(p, t) {
		if (t->parked)
			unpark(t);
		undo_commit();
	}
}

/* Process 1 gets what it has a handler for or waits for, and nothing else: the system cannot do
 * without it. As on Linux a blocked signal is kept: when it is unblocked there may be a handler. */
bool signal_is_shielded(const struct process *p, int signal)
{
	return p->pid == 1 && p->action[signal - 1].handler == SIG_DFL_;
}

static bool never_reaches(const struct process *p, int signal)
{
	return signal_is_shielded(p, signal) &&
	       (SIGNAL_BIT(SIG_KILL) | SIGNAL_BIT(SIG_STOP)) & SIGNAL_BIT(signal);
}

static bool has_no_effect(const struct process *p, int signal)
{
	return signal_is_ignored(p, signal) || signal_is_shielded(p, signal);
}

/* Effects that a signal has when it is sent, not when it is taken. True: nothing is left to do. */
static bool sent_at_once(struct process *p, int signal)
{
	if (signal == SIG_KILL) {
		process_exit(p, SIG_KILL);
		return true;
	}
	if (signal == SIG_CONT)
		continue_process(p);
	else if (STOPS & SIGNAL_BIT(signal))
		drop_signals(p, SIGNAL_BIT(SIG_CONT));
	return false;
}

/* ---- many ---- */

static const struct process *reaching;  /* no state: who is on its way is not reached */

unsigned many_begin(endpoint_t client, uint32_t serial)
{
	struct many *m = &state.many;

	reaching = NULL;
	if (server_attempt() == 0 || m->serial != serial || !endpoint_eq(m->client, client))
		*m = (struct many){ .client = client, .serial = serial, .result = -ESRCH };
	return m->next;
}

static void reached(const struct process *p, err_t result)
{
	state.many.next = process_index(p) + 1;
	if (state.many.result != 0)
		state.many.result = result;
	reaching = NULL;
}

void many_reach(const struct process *p)
{
	reaching = p;
}

void many_next(const struct process *p, err_t result)
{
	reached(p, result);
	undo_commit();
}

/* ---- sending ---- */

void signal_process(struct process *p, const struct signal_info *info)
{
	int n = info->signal;
	struct thread *first = NULL;

	if (p->state != PROCESS_LIVE || never_reaches(p, n) || sent_at_once(p, n))
		return;
	FOR_THREADS(p, t) {
		if (wants(t, n) && (!first || t->tid == p->pid))
			first = t;
	}
	if (has_no_effect(p, n) && first && first->wait != WAIT_SIGTIMED)
		return;
	if (n < SIG_RTMIN_ && p->pending & SIGNAL_BIT(n))
		return;
	p->pending |= SIGNAL_BIT(n);
	queue_put(p, NONE, info);
	if (p == reaching)
		reached(p, 0);          /* kick() may commit */
	if (first)
		kick(first);
}

void signal_thread(struct thread *t, const struct signal_info *info)
{
	struct process *p = process_of(t);
	int n = info->signal;

	if (p->state != PROCESS_LIVE || never_reaches(p, n) || sent_at_once(p, n))
		return;
	if (has_no_effect(p, n) && wants(t, n) && t->wait != WAIT_SIGTIMED)
		return;
	if (n < SIG_RTMIN_ && t->pending & SIGNAL_BIT(n))
		return;
	t->pending |= SIGNAL_BIT(n);
	queue_put(p, thread_index(t), info);
	if (wants(t, n))
		kick(t);
}

/* An exception of t itself, which is parked: neither blocked nor ignored. */
void signal_force(struct thread *t, const struct signal_info *info)
{
	struct process *p = process_of(t);
	struct action *a = &p->action[info->signal - 1];

	if (t->blocked & SIGNAL_BIT(info->signal) || a->handler == SIG_IGN_)
		*a = (struct action){ .handler = SIG_DFL_ };
	t->blocked &= ~SIGNAL_BIT(info->signal);
	t->pending |= SIGNAL_BIT(info->signal);
	queue_put(p, thread_index(t), info);
}

struct signal_info info_of_sender(const struct thread *t, int signal, int code)
{
	const struct process *p = process_of(t);

	return (struct signal_info){ .signal = signal, .code = code, .pid = p->pid, .uid = p->uid };
}
