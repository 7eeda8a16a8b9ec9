/* SPDX-License-Identifier: BSD-2-Clause
 * proc.c - the process table and the run queues.
 *
 * Job:      finds processes, orders those that are runnable, ends them.
 * Speaks:   nothing; ipc.c, stop.c and the kernel calls use it.
 * Touches:  procs, privs, spaces, the core's run queues.
 * Trusts:   its callers inside the kernel.
 * On crash: the kernel does not crash; kassert stops the machine.
 *
 * P1 A process is in a run queue, or the core's hint, or current, if and only if its state is 0.
 * P2 PROC_QUEUED: in the queue of its priority (state 0) or in its partner's senders (SENDING).
 * P3 A service's slot equals its privilege id; every program has PRIV_PROGRAM.
 * P4 Slot and program say where a process stands in procs.
 * P5 One program at most, core.turn, has ticks_left above 0: the one that ran last.
 */
#include <kernel/arch.h>

struct proc procs[NR_PROCS];
struct priv privs[NR_PRIVS];
struct space spaces[NR_SPACES];
uint16_t routes[NR_PERSONALITIES][NR_ROUTES];
struct trace_record trace_ring[NR_TRACE];
uint64_t trace_next;

enum { DECAY_MAX = 4, RENEW_TICKS = 50 };

void proc_tables_init(void)
{
	for (unsigned i = 0; i < NR_PROCS; i++)
		procs[i] = (struct proc){ .ep = ENDPOINT_NONE, .slot = (uint16_t)i,
					  .program = i >= FIRST_PROGRAM,
					  .priv = &privs[i < PRIV_PROGRAM ? i : PRIV_PROGRAM] };
}

struct proc *slots_take(uint64_t *set, const struct proc *caller,
			bool (*fits)(const struct proc *caller, const struct proc *p))
{
	for (unsigned i = 0; i < NR_PROCS / 64; i++) {
		for (uint64_t bits = set[i]; bits; bits &= bits - 1) {
			struct proc *p = &procs[i * 64 + (unsigned)__builtin_ctzll(bits)];

			if (fits(caller, p)) {
				slots_remove(set, p);
				return p;
			}
		}
	}
	return NULL;
}

unsigned right_over(const struct proc *p)
{
	return p->program ? RIGHT_MANAGE_PROGRAMS : RIGHT_MANAGE_SERVICES;
}

bool proc_manages(const struct proc *caller, const struct proc *p)
{
	return p != caller && caller->priv->desc.rights & right_over(p);
}

bool proc_guards(const struct proc *caller, const struct proc *p)
{
	return p != caller && !p->program && p->priv->desc.guardian == caller->slot;
}

void queue_add(struct queue *q, struct proc *p, bool front)
{
	kassert(!(p->flags & PROC_QUEUED));
	p->flags |= PROC_QUEUED;
	p->next = front ? q->head : NULL;
	p->prev = front ? NULL : q->tail;
	if (p->next)
		p->next->prev = p;
	else
		q->tail = p;
	if (p->prev)
		p->prev->next = p;
	else
		q->head = p;
}

void queue_remove(struct queue *q, struct proc *p)
{
	kassert(p->flags & PROC_QUEUED);
	p->flags &= ~(uint32_t)PROC_QUEUED;
	if (p->next)
		p->next->prev = p->prev;
	else
		q->tail = p->prev;
	if (p->prev)
		p->prev->next = p->next;
	else
		q->head = p->next;
}

static void run_add(struct core *c, struct proc *p, bool front)
{
	p->sched.queued_at = c->ticks;
	queue_add(&c->queue[p->sched.priority], p, front);
	c->ready |= BIT(p->sched.priority);
}

static void run_remove(struct core *c, struct proc *p)
{
	struct queue *q = &c->queue[p->sched.priority];

	queue_remove(q, p);
	if (q->head == NULL)
		c->ready &= ~BIT(p->sched.priority);
}

/* A new quantum, to be used when its turn comes. */
static void renew(const struct core *c, struct sched *s, unsigned priority)
{
	s->priority = (uint8_t)priority;
	s->ticks_left = (int16_t)-s->quantum;
	s->renewed_at = c->ticks;
}

/* The quantum is used up: the next one is one priority lower. */
static void expire(const struct core *c, struct sched *s)
{
	bool sinks = s->priority < s->base_priority + DECAY_MAX && s->priority < NR_PRIORITIES - 1;

	renew(c, s, s->priority + sinks);
}

/* The general case of proc_ready(). Who has ticks left goes to the front of the queue; a service,
 * and the program whose turn it is, into the hint: a system call does not cost it the turn.
 * Who did with a quantum for a while begins anew. */
void proc_ready_queue(struct core *c, struct proc *p)
{
	struct sched *s = &p->sched;
	bool front = s->ticks_left != 0;

	if (p == c->current)
		return;
	if (c->ticks - s->renewed_at > RENEW_TICKS)
		renew(c, s, s->base_priority);
	else if (!front)
		expire(c, s);
	if (c->hint == NULL && s->ticks_left > 0)
		c->hint = p;
	else
		run_add(c, p, front);
}

/* p stops being runnable: its state is about to become something else than 0. */
void proc_unready(struct proc *p)
{
	struct core *c = this_core();

	if (p == c->hint)
		c->hint = NULL;
	else if (p->state == 0 && (p->flags & PROC_QUEUED))
		run_remove(c, p);
}

/* p is first in its queue, and runs. */
static void run_next(struct core *c, struct proc *p)
{
	run_remove(c, p);
	p->sched.renewed_at += c->ticks - p->sched.queued_at;
	p->switches++;
	if (p->program) {
		if (c->turn && c->turn->sched.ticks_left > 0)
			c->turn->sched.ticks_left = (int16_t)-c->turn->sched.ticks_left;
		c->turn = p;
	}
	if (p->sched.ticks_left < 0)
		p->sched.ticks_left = (int16_t)-p->sched.ticks_left;
	c->current = p;
}

/* The general case of schedule(). */
struct proc *schedule_queues(struct core *c)
{
	struct proc *p = c->current, *h = c->hint;
	bool runs = p && p->state == 0;

	c->hint = NULL;
	if (h)
		run_add(c, h, true);
	if (runs && !c->expired && !(c->ready & (BIT(p->sched.priority) - 1)))
		return p;
	if (runs && c->expired)
		expire(c, &p->sched);
	if (runs)
		run_add(c, p, p->sched.ticks_left > 0);
	c->expired = false;
	c->current = NULL;
	if (c->ready)
		run_next(c, c->queue[__builtin_ctzll(c->ready)].head);
	return c->current;
}

/* Free the slot. The caller has checked that it may. */
void proc_end(struct proc *p)
{
	struct priv *v = p->priv;
	endpoint_t e = p->ep;

	trace(TRACE_DESTROY, p->slot, 0, 0, 0);
	call_withdraw(p);
	proc_unready(p);
	p->state = STATE_NEW;           /* first, so that nothing below is delivered to it */
	p->ep = ENDPOINT_NONE;
	receivers_wake(e);
	if (!p->program) {
		callers_wake(p);
		lines_release(v);
		v->alarm_ns = 0;
		v->services = v->lines = v->events = 0;
		memset(v->grants, 0, sizeof(v->grants));
	}
	ext_reset(p);
	slots_remove(untold, p);
	slots_remove(cancelled, p);
	p->space->users--;
	p->space = NULL;
	p->stop = 0;
	p->flags = 0;
	if (this_core()->current == p)
		this_core()->current = NULL;
}
