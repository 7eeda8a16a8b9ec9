/* SPDX-License-Identifier: BSD-2-Clause
 * stop.c - processes that stop at the boundary for pm, and services that freeze for a guardian.
 *
 * Job:      parks, freezes, and remembers why until proc_next has told the one who decides.
 * Speaks:   EVENT_PARKED to the exception handler of the personality, EVENT_GUARD to the
 *           guardian, EVENT_CANCEL to a server that holds an interrupted call.
 * Touches:  process state bits on top of the IPC state, which stays as it is.
 * Trusts:   its callers inside the kernel.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/arch.h>

uint64_t untold[NR_PROCS / 64];
uint64_t cancelled[NR_PROCS / 64];

static void tell(struct proc *p, struct event why, struct priv *whom, unsigned event)
{
	p->event = why;
	slots_add(untold, p);
	notify(whom, &whom->events, event);
}

/* Stop p at the boundary, for pm. */
void park(struct proc *p, struct event why)
{
	uint16_t route = routes[p->priv->desc.personality][ROUTE_EXCEPTION];

	trace(TRACE_STOP, p->slot, 0, why.cause, why.code);
	proc_unready(p);
	p->state |= STATE_PARKED;
	p->stop &= (uint8_t)~STOP_SIGNAL;
	p->flags |= PROC_FULL;
	if (route != ROUTE_ENOSYS)
		tell(p, why, &privs[route & (NR_PRIVS - 1)], EVENT_PARKED);
}

/* Stop a service that has a defect, for its guardian. */
void freeze(struct proc *p, struct event why)
{
	trace(TRACE_FREEZE, p->slot, 0, why.cause, why.address);
	proc_unready(p);
	p->state |= STATE_FROZEN;
	tell(p, why, &privs[p->priv->desc.guardian], EVENT_GUARD);
}

void exception(struct proc *p, uint32_t vector, uint64_t code, uint64_t address)
{
	struct event why = { CAUSE_EXCEPTION, vector, code, address };

	return p->program ? park(p, why) : freeze(p, why);
}

/* A server that is recovered does not know any more which of its calls are interrupted. */
void cancels_retell(struct proc *server)
{
	for (unsigned i = 0; i < NR_PROCS; i++) {
		const struct proc *c = &procs[i];

		if (c->partner == server && c->state & STATE_CALLING && c->flags & PROC_CANCELLED) {
			slots_add(cancelled, c);
			server->priv->events |= EVENT_CANCEL;
		}
	}
}

/* Set stop flags. Returns whether p is parked now; if not, EVENT_PARKED follows. */
bool stop_at_boundary(struct proc *p, unsigned flags)
{
	p->stop = (uint8_t)flags;
	if (p->state & STATE_PARKED)
		return true;
	if (!(flags & STOP_SIGNAL) || p->state & STATE_NEW || p->kind == CALL_FAULT)
		return false;
	if (p->state & STATE_CALLING) {
		p->flags |= PROC_CANCELLED;
		slots_add(cancelled, p);
		notify(p->partner->priv, &p->partner->priv->events, EVENT_CANCEL);
		return false;
	}
	if (p->state & STATE_SENDING) {
		call_withdraw(p);
		p->kind = CALL_NONE;
		p->regs.rax = (uint64_t)-ERESTARTSYS;
	} else if (p->state != 0) {
		return false;
	}
	park(p, (struct event){ .cause = CAUSE_STOPPED });
	return true;
}
