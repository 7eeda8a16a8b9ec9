/* SPDX-License-Identifier: BSD-2-Clause
 * ghost.c - what ought to be: each call carries a token, and each answer the token it answers.
 *
 * The ghosts learn only from what a process can see (its registers after a step) and from what was
 * done; so they notice when the kernel gives an answer, a message or a notification to the wrong
 * process, twice, or never.
 */
#include <string.h>

#include "ipc.h"

struct ghost ghost;

static struct {
	bool alive, held;
	uint16_t state;
	uint8_t stop;
	uint32_t flags, serial;
	endpoint_t ep, filter;
} before[NR_WHO];

uint64_t answer_to(uint64_t token)
{
	return token | BIT(40);
}

static unsigned redirected;             /* whose call this step took back from a server */

static bool alive(unsigned i)
{
	return !endpoint_eq(who[i]->ep, ENDPOINT_NONE);
}

/* The same process, and not begun anew. */
static bool lives_on(unsigned i, const struct action *a)
{
	return before[i].alive && alive(i) && !(a->op == OP_RECOVER && a->a == i);
}

static unsigned index_of(const struct proc *p)
{
	unsigned i = 0;

	while (i < NR_WHO && who[i] != p)
		i++;
	return i;
}

static bool in_call(uint16_t state)
{
	return state & (STATE_SENDING | STATE_CALLING);
}

void ghost_before(void)
{
	for (unsigned i = 0; i < NR_WHO; i++) {
		const struct proc *p = who[i];

		before[i].alive = alive(i);
		before[i].held = ghost.asked[i] && ghost.held[i];
		before[i].state = p->state;
		before[i].flags = p->flags;
		before[i].serial = p->serial;
		before[i].ep = p->ep;
		before[i].filter = p->filter;
		before[i].stop = p->stop;
	}
}

static bool holds(unsigned server, unsigned client)
{
	return ghost.asked[client] && ghost.held[client] && ghost.target[client] == server;
}

/* ---- calls begin ---- */

static void calls_begin(const struct action *a, bool *begun)
{
	for (unsigned i = 0; i < NR_WHO; i++) {
		const struct proc *p = who[i];

		begun[i] = false;
		if (!lives_on(i, a) || p->serial == before[i].serial)
			continue;
		if (a->actor != i && !(a->op == OP_RESUME && a->a == i))
			wrong("somebody else's act made a call");
		if (ghost.asked[i])
			wrong("a call within a call");
		begun[i] = true;
		ghost.asked[i] = p->kind;
		ghost.target[i] = (uint8_t)index_of(p->partner);
		ghost.held[i] = 0;
		ghost.token[i] = p->kind == CALL_LINUX ? p->regs.rdi
				 : p->kind == CALL_FAULT ? p->event.address : p->msg.w[0];
	}
}

static void forwarded(const struct action *a, int64_t result)
{
	bool may = holds(a->actor, a->a) && alive(a->b);

	if ((result == 0) != may)
		wrong("forward of a call that was not held, or not of one that was");
	if (result)
		return;
	ghost.target[a->a] = a->b;
	ghost.held[a->a] = 0;
	redirected = a->a;
}

/* Whoever runs has seen what it was given; so has one that waits again. */
static void seen(unsigned i)
{
	memset(ghost.unread[i], 0, sizeof(ghost.unread[i]));
	ghost.unread_token[i] = 0;
}

/* A service that is recovered is given again what it has not seen. */
static void unread(unsigned i)
{
	unsigned c = ghost.unread_from[i];

	if (ghost.unread_token[i] && holds(i, c) && ghost.token[c] == ghost.unread_token[i])
		ghost.held[c] = 0, redirected = c;
	for (unsigned k = 0; k < 3; k++)
		ghost.pending[i][k] |= ghost.unread[i][k];
	seen(i);
}

/* ---- notifications ---- */

static void cancels(const struct action *a)
{
	if (a->op == OP_STOP && a->b & STOP_SIGNAL && before[a->a].state & STATE_CALLING &&
	    ghost.asked[a->a] != CALL_FAULT)
		ghost.pending[ghost.target[a->a]][2] |= EVENT_CANCEL;
	if (a->op == OP_FORWARD && before[a->a].flags & PROC_CANCELLED &&
	    before[a->a].stop & STOP_SIGNAL && who[a->a]->state & STATE_CALLING &&
	    who[a->a]->partner == who[a->b])
		ghost.pending[a->b][2] |= EVENT_CANCEL;
	for (unsigned c = 0; a->op == OP_RECOVER && c < NR_WHO; c++)
		if (holds(a->a, c) && who[c]->flags & PROC_CANCELLED)
			ghost.pending[a->a][2] |= EVENT_CANCEL;
}

static void notifications_begin(const struct action *a, int64_t result)
{
	if (a->op == OP_NOTIFY && result == 0)
		ghost.pending[a->a][0] |= BIT(a->actor);
	if (a->op == OP_IRQ && ghost.claimed)
		ghost.pending[L][1] |= 1;
	if (a->op == OP_ALARM && ghost.alarm) {
		ghost.pending[S][2] |= EVENT_ALARM;
		ghost.alarm = 0;
	}
	if (who[P]->state & STATE_PARKED && !(before[P].state & STATE_PARKED))
		ghost.pending[S][2] |= EVENT_PARKED;
	for (unsigned i = 0; i < NR_SERVICES; i++)
		if (lives_on(i, a) && who[i]->state & STATE_FROZEN &&
		    !(before[i].state & STATE_FROZEN))
			ghost.pending[G][2] |= EVENT_GUARD;
	if (result == 0)
		cancels(a);
}

/* ---- messages arrive ---- */

static void notification_arrives(unsigned i)
{
	const struct proc *q = who[i];

	for (unsigned k = 0; k < 3; k++) {
		if (q->msg.w[k] & ~ghost.pending[i][k])
			wrong("a notification of something that was not");
		if (ghost.pending[i][k] & ~q->msg.w[k])
			wrong("a notification without a bit that was pending");
		ghost.unread[i][k] = ghost.pending[i][k];
		ghost.pending[i][k] = 0;
	}
	if (q->msg.type != TYPE_NOTIFY)
		wrong("the kernel sent something that is no notification");
}

static void call_arrives(unsigned i, unsigned c)
{
	const struct proc *q = who[i];

	if (!ghost.asked[c] || ghost.held[c] || ghost.target[c] != i)
		wrong("a call arrives that was not made here, or for the second time");
	else if (q->msg.w[0] != ghost.token[c] || (uint32_t)q->regs.r14 != who[c]->serial)
		wrong("a call arrives with another's contents");
	ghost.held[c] = 1;
	ghost.unread_token[i] = ghost.token[c];
	ghost.unread_from[i] = (uint8_t)c;
}

static void message_arrives(unsigned i, const struct action *a)
{
	const struct proc *q = who[i];
	unsigned c = index_of(proc_find(q->msg.peer));

	if (!endpoint_eq(q->filter, ENDPOINT_ANY) && !endpoint_eq(q->filter, q->msg.peer))
		wrong("a message that the receiver's filter does not admit");
	if (endpoint_eq(q->msg.peer, ENDPOINT_KERNEL))
		notification_arrives(i);
	else if (c == NR_WHO)
		wrong("a message from the dead");
	else if ((uint32_t)q->regs.r14)
		call_arrives(i, c);
	else if (a->op != OP_SENDNB || a->actor != c || a->a != i)
		wrong("a message that nobody sent");
}

static void arrivals(const struct action *a, int64_t result)
{
	bool receives = a->op == OP_RECEIVE || a->op == OP_REPLYRECEIVE;

	for (unsigned i = 0; i < NR_SERVICES; i++) {
		bool waited = before[i].state & STATE_RECEIVING,
		      waits = who[i]->state & STATE_RECEIVING;

		if (!lives_on(i, a) || waits)
			continue;
		if (waited && (int64_t)who[i]->regs.rax == -EDEADPEER) {
			if (a->op != OP_DESTROY || !endpoint_eq(before[i].filter, before[a->a].ep))
				wrong("a receive ended with EDEADPEER, and nobody died");
		} else if (waited || (receives && a->actor == i && result == 0)) {
			message_arrives(i, a);
		}
	}
}

/* ---- calls end ---- */

static bool ends_by_death(const struct action *a, unsigned c)
{
	return a->op == OP_DESTROY && ghost.target[c] == a->a &&
	       (before[c].held || ghost.asked[c] == CALL_CONTRACT);
}

static bool ends_by_answer(const struct action *a, unsigned c)
{
	return (a->op == OP_REPLY || a->op == OP_REPLYRECEIVE) && a->a == c && a->b == CURRENT &&
	       before[c].held && ghost.target[c] == a->actor;
}

static bool ends_by_stop(const struct action *a, unsigned c)
{
	bool cancels = ghost.asked[c] != CALL_FAULT;

	if (a->op == OP_FORWARD || a->op == OP_RECOVER)
		return redirected == c && cancels && !ghost.held[c] &&
		      before[c].flags & PROC_CANCELLED &&
		       before[c].stop & STOP_SIGNAL;
	return a->op == OP_STOP && a->a == c && a->b & STOP_SIGNAL && cancels && !before[c].held;
}

static void check_end(const struct action *a, unsigned c)
{
	const struct proc *p = who[c];
	int64_t rax = (int64_t)p->regs.rax;
	bool linux_call = ghost.asked[c] == CALL_LINUX;

	if (ends_by_answer(a, c)) {
		if (linux_call && p->regs.rax != answer_to(ghost.token[c]))
			wrong("the answer to a Linux call is that of another");
		if (ghost.asked[c] == CALL_CONTRACT &&
		    (rax || p->msg.w[0] != answer_to(ghost.token[c]) ||
		     !endpoint_eq(p->msg.peer, who[a->actor]->ep)))
			wrong("the answer to a call is that of another");
	} else if (ends_by_death(a, c)) {
		if (ghost.asked[c] == CALL_FAULT ? !(p->state & STATE_PARKED)
						 : rax != (linux_call ? -EIO : -EDEADPEER))
			wrong("the server died and its caller was told something else");
	} else if (ends_by_stop(a, c)) {
		if (rax != -ERESTARTSYS || !(p->state & STATE_PARKED))
			wrong("a call was withdrawn and its caller not stopped");
	} else {
		wrong("a call ended that nobody ended");
	}
}

static void calls_end(const struct action *a, const bool *begun)
{
	for (unsigned c = 0; c < NR_WHO; c++) {
		if (!ghost.asked[c] || begun[c])
			continue;
		if (!lives_on(c, a)) {
			if (!before[c].alive || !alive(c) || a->op == OP_RECOVER)
				ghost.asked[c] = 0;
			continue;
		}
		if (!in_call(who[c]->state)) {
			check_end(a, c);
			ghost.asked[c] = 0;
		} else if (ends_by_answer(a, c) || ends_by_death(a, c) || ends_by_stop(a, c)) {
			wrong("a call goes on that was answered, stopped, or whose server died");
		}
	}
}

/* ---- all of it ---- */

static void check_result(const struct action *a, int64_t result, bool held)
{
	if (a->op == OP_REPLY && (result == 0) != (held && a->b == CURRENT))
		wrong("a reply was taken that answers no call, or refused though it does");
	if (a->op == OP_COPY) {
		int64_t may = ghost.asked[a->a] == CALL_LINUX ? 0 : -EPERM;
		int64_t expected = held ? may : -EDEADPEER;

		if (result != expected)
			wrong("a copy under a call that is not held, or none under one that is");
	}
	if (a->op == OP_GRANT_COPY) {
		bool runs = ghost.granted && holds(S, P) && ghost.token[P] == ghost.granted &&
			    alive(S) && who[L]->ep.v == ghost.borrower;

		if ((result == 0) != runs)
			wrong("a delegated grant outlives the call, or ends before it");
	}
}

static void deaths(const struct action *a)
{
	if (a->op != OP_DESTROY || alive(a->a))
		return;
	if (a->a < NR_SERVICES) {
		memset(ghost.pending[a->a], 0, sizeof(ghost.pending[0]));
		seen(a->a);
	}
	if (a->a == L)
		ghost.claimed = 0;
	if (a->a == S)
		ghost.alarm = 0, ghost.granted = 0;
}

void ghost_after(const struct action *a, int64_t result)
{
	bool begun[NR_WHO], held = a->actor < NR_WHO && a->a < NR_WHO && holds(a->actor, a->a);

	redirected = NR_WHO;
	if (a->actor < NR_SERVICES)
		seen(a->actor);
	if (a->op == OP_RECOVER && result == 0)
		unread(a->a);
	calls_begin(a, begun);
	notifications_begin(a, result);
	check_result(a, result, held);
	if (a->op == OP_FORWARD)
		forwarded(a, result);
	arrivals(a, result);
	calls_end(a, begun);
	deaths(a);
	for (unsigned i = 0; i < NR_SERVICES; i++) {
		if (fake_core.current == who[i])
			seen(i);        /* it runs */
		const struct priv *v = &privs[i];

		if (v->services != ghost.pending[i][0] || v->lines != ghost.pending[i][1] ||
		    v->events != ghost.pending[i][2])
			wrong("I6: a pending bit is gone, or there, without cause");
	}
}

void ghost_hash(void)
{
	bool runs = ghost.granted && ghost.asked[P] && ghost.token[P] == ghost.granted;

	for (unsigned i = 0; i < NR_WHO; i++)
		hash_word(ghost.asked[i] | ghost.target[i] << 8 | ghost.held[i] << 16);
	for (unsigned i = 0; i < NR_SERVICES; i++) {
		unsigned c = ghost.unread_from[i];
		bool is_call = ghost.unread_token[i] && ghost.asked[c] &&
			       ghost.token[c] == ghost.unread_token[i];

		hash_word(ghost.unread[i][0] | ghost.unread[i][1] << 8 | ghost.unread[i][2] << 16 |
			  (is_call ? 1 + c : 0) << 24);
	}
	hash_word(ghost.claimed | ghost.alarm << 1 | (ghost.granted != 0) << 2 | runs << 3 |
		  (ghost.borrower == who[L]->ep.v) << 4);
}
