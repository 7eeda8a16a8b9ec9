/* SPDX-License-Identifier: BSD-2-Clause
 * ipc.c - the IPC scenes: four processes that may do anything, die, be frozen and recovered.
 *
 * kernel/core/irq.c is included whole, because its table of lines is part of the state.
 */
#include <stdio.h>
#include <string.h>

#include <kernel/core/irq.c>

#include "ipc.h"

struct proc *const who[NR_WHO] = { &procs[G], &procs[L], &procs[S], &procs[FIRST_PROGRAM] };
const char *const who_name[] = { "G", "L", "S", "P", "any", "kernel", "-" };

enum { LINE = 9, IPC = 1, STOP = 2, BOTH = IPC | STOP };
enum { RANK_G = 3, RANK_L = 1, RANK_S = 5 };

static const struct action actions[] = {
	{ P, OP_LINUX, S, 0, BOTH },
	{ P, OP_SENDREC, S, 0, IPC },
	{ P, OP_SENDREC, L, 0, BOTH },
	{ P, OP_FAULT, L, 0, BOTH },
	{ P, OP_EXCEPTION, 0, 0, STOP },

	{ S, OP_RECEIVE, ANY, 0, BOTH },
	{ S, OP_RECEIVE, P, 0, IPC },
	{ S, OP_RECEIVE, KERNEL, 0, BOTH },
	{ S, OP_RECEIVE, L, 0, IPC },
	{ S, OP_REPLY, P, CURRENT, BOTH },
	{ S, OP_REPLY, P, STALE, BOTH },
	{ S, OP_REPLYRECEIVE, P, CURRENT, BOTH },
	{ S, OP_REPLYRECEIVE, P, STALE, IPC },
	{ S, OP_FORWARD, P, L, BOTH },
	{ S, OP_SENDNB, L, 0, IPC },
	{ S, OP_SENDNB, G, 0, IPC },
	{ S, OP_NOTIFY, L, 0, IPC },
	{ S, OP_NOTIFY, G, 0, IPC },
	{ S, OP_SENDREC, L, 0, BOTH },
	{ S, OP_SENDREC, G, 0, IPC },
	{ S, OP_EXCEPTION, 0, 0, BOTH },
	{ S, OP_COPY, P, 0, BOTH },
	{ S, OP_GRANT, P, L, IPC },
	{ S, OP_CANCELLED, 0, 0, STOP },
	{ S, OP_NEXT, 0, 0, STOP },
	{ S, OP_STOP, P, STOP_SIGNAL, STOP },
	{ S, OP_STOP, P, STOP_ENTRY | STOP_EXIT, STOP },
	{ S, OP_RESUME, P, 0, STOP },
	{ S, OP_RESUME, P, STOP_EXIT, STOP },
	{ S, OP_ALARM_SET, 0, 0, IPC },

	{ L, OP_RECEIVE, ANY, 0, BOTH },
	{ L, OP_RECEIVE, S, 0, BOTH },
	{ L, OP_REPLY, P, CURRENT, BOTH },
	{ L, OP_REPLY, P, STALE, BOTH },
	{ L, OP_REPLY, S, CURRENT, BOTH },
	{ L, OP_REPLY, S, STALE, IPC },
	{ L, OP_REPLY, G, CURRENT, IPC },
	{ L, OP_REPLYRECEIVE, S, CURRENT, IPC },
	{ L, OP_REPLYRECEIVE, P, CURRENT, BOTH },
	{ L, OP_NOTIFY, S, 0, IPC },
	{ L, OP_SENDNB, S, 0, IPC },
	{ L, OP_SENDREC, S, 0, IPC },           /* refused: rank */
	{ L, OP_EXCEPTION, 0, 0, BOTH },
	{ L, OP_COPY, P, 0, IPC },
	{ L, OP_GRANT_COPY, 0, 0, IPC },
	{ L, OP_CANCELLED, 0, 0, STOP },
	{ L, OP_CLAIM, 0, 0, IPC },
	{ L, OP_ACK, 0, 0, IPC },

	{ G, OP_RECEIVE, ANY, 0, BOTH },
	{ G, OP_REPLY, S, CURRENT, IPC },
	{ G, OP_NOTIFY, S, 0, IPC },
	{ G, OP_SENDREC, L, 0, IPC },
	{ G, OP_DESTROY, P, 0, BOTH },
	{ G, OP_DESTROY, S, 0, BOTH },
	{ G, OP_DESTROY, L, 0, BOTH },
	{ G, OP_CREATE, P, 0, BOTH },
	{ G, OP_CREATE, S, 0, BOTH },
	{ G, OP_CREATE, L, 0, BOTH },
	{ G, OP_FREEZE, S, 0, IPC },
	{ G, OP_FREEZE, L, 0, IPC },
	{ G, OP_RECOVER, S, 0, BOTH },
	{ G, OP_RECOVER, L, 0, BOTH },
	{ G, OP_STOP, P, STOP_SIGNAL, BOTH },
	{ G, OP_STOP, S, STOP_SIGNAL, STOP },
	{ G, OP_RESUME, P, 0, BOTH },
	{ G, OP_RESUME, S, 0, STOP },
	{ G, OP_NEXT, 0, 0, STOP },

	{ NOBODY, OP_IRQ, 0, 0, IPC },
	{ NOBODY, OP_ALARM, 0, 0, IPC },
};

static uint8_t chosen[COUNT(actions)];
static unsigned nr_chosen;

/* ---- the start state ---- */

static void keep_all(void)
{
	for (unsigned i = 0; i < NR_WHO; i++)
		keep(who[i], sizeof(*who[i]));
	for (unsigned i = 0; i < NR_SERVICES; i++)
		keep(&privs[i].services, offsetof(struct priv, grants) + sizeof(struct grant) -
					 offsetof(struct priv, services));
	keep(spaces, 4 * sizeof(spaces[0]));
	keep(&fake_core, sizeof(fake_core));
	keep(untold, 16);
	keep(cancelled, 16);
	keep(&lines[LINE], sizeof(lines[LINE]));
	keep(&fake_lines[LINE], sizeof(fake_lines[LINE]));
	keep(&ghost, sizeof(ghost));
}

static void setup(void)
{
	fake_reset();
	memset(&ghost, 0, sizeof(ghost));
	ghost.next_token = 1;
	fake_service(G, RANK_G);
	fake_service(L, RANK_L);
	fake_service(S, RANK_S);
	fake_program(FIRST_PROGRAM);
	privs[G].desc.rights = RIGHT_MANAGE_SERVICES | RIGHT_MANAGE_PROGRAMS;
	privs[S].desc.rights = RIGHT_MANAGE_PROGRAMS | RIGHT_FORWARD;
	privs[L].desc.lines[0] = LINE;
	routes[PERSONALITY_PROGRAM][CALL_READ] = ROUTE_SERVER | S;
	routes[PERSONALITY_PROGRAM][ROUTE_FAULT] = ROUTE_SERVER | L;
	routes[PERSONALITY_PROGRAM][ROUTE_EXCEPTION] = ROUTE_SERVER | S;
	check_nr_slots = NR_WHO;
	for (unsigned i = 0; i < NR_WHO; i++)
		check_slots[i] = who[i]->slot;
	keep_all();
}

static void choose(unsigned scene)
{
	nr_chosen = 0;
	for (unsigned i = 0; i < COUNT(actions); i++)
		if (actions[i].scenes & scene)
			chosen[nr_chosen++] = (uint8_t)i;
	setup();
}

static void setup_ipc(void)
{
	choose(IPC);
}

static void setup_stop(void)
{
	choose(STOP);
}

/* ---- the steps ---- */

static bool alive(unsigned i)
{
	return !endpoint_eq(who[i]->ep, ENDPOINT_NONE);
}

static endpoint_t filter(unsigned i)
{
	return i == ANY ? ENDPOINT_ANY : i == KERNEL ? ENDPOINT_KERNEL : who[i]->ep;
}

static int64_t send(struct proc *p, unsigned number, endpoint_t to)
{
	struct message m = { .peer = to, .type = TYPE_TEST, .w = { ghost.next_token++ } };

	return fake_ipc(p, number, m, 0, 0);
}

static int64_t answer(struct proc *p, unsigned number, unsigned client, unsigned which)
{
	const struct proc *c = who[client];
	bool fault = ghost.asked[client] == CALL_FAULT;
	struct message m = { .peer = c->ep, .type = 0 };

	m.w[0] = which == STALE ? 0xdead : fault ? 0 : answer_to(ghost.token[client]);
	return fake_ipc(p, number, m, c->serial - (which == STALE), 0);
}

static int64_t create(struct proc *p, unsigned i)
{
	struct proc *c = who[i];
	static uint32_t generation[NR_WHO];
	unsigned slot = c->slot;
	struct proc_create_request req = {
		.proc = ENDPOINT(1 + (++generation[i] & 0xfffff), slot), .entry = TEXT_VA,
		.space = (uint16_t)i, .priv = (uint16_t)(i == P ? (unsigned)PRIV_PROGRAM : slot),
	};

	req.owner = req.proc;
	fake_call(p, "proc_create", &req, sizeof(req));
	return fake_call(p, "proc_resume", &(struct proc_resume_request){ .proc = c->ep },
			 sizeof(struct proc_resume_request));
}

/* Kernel calls of one process on another. */
static int64_t control(struct proc *p, const struct action *a)
{
	/* All begin with the endpoint; stop and resume go on with flags. */
	struct proc_recover_request req = { .proc = who[a->a]->ep, .entry = TEXT_VA,
	      .stack = RAM_VA };

	((struct proc_stop_request *)&req)->flags = a->b;

	switch (a->op) {
	case OP_DESTROY: return fake_call(p, "proc_destroy", &req, 8);
	case OP_FREEZE: return fake_call(p, "proc_freeze", &req, 8);
	case OP_RECOVER: return fake_call(p, "proc_recover", &req, 32);
	case OP_STOP: return fake_call(p, "proc_stop", &req, 8);
	default: return fake_call(p, "proc_resume", &req, 8);
	}
}

static int64_t delegate(struct proc *p, const struct action *a)
{
	const struct proc *c = who[a->a];
	struct grant_create_request req = {
		.grant = GRANT(7, S, 0), .borrower = who[a->b]->ep, .base = RAM_VA, .len = 8,
		.dir = GRANT_READ, .client = c->ep, .serial = c->serial,
	};
	int64_t r = fake_call(p, "grant_create", &req, sizeof(req));

	if (r == 0) {
		ghost.granted = ghost.token[P];
		ghost.borrower = who[L]->ep.v;
	}
	return r;
}

static int64_t copy(struct proc *p, const struct action *a)
{
	const struct proc *c = who[a->a];

	struct grant_copy_request by_grant = {
		.grant = GRANT(7, S, 0), .dir = COPY_IN, .local = RAM_VA, .len = 1,
	};
	struct call_copy_request by_call = {
		.client = c->ep, .serial = c->serial, .dir = COPY_IN, .remote = RAM_VA,
		.local = RAM_VA, .len = 1,
	};

	if (a->op == OP_GRANT_COPY)
		return fake_call(p, "grant_copy", &by_grant, sizeof(by_grant));
	return fake_call(p, "call_copy", &by_call, sizeof(by_call));
}

static int64_t device(struct proc *p, const struct action *a)
{
	int64_t r = 0;

	if (a->op == OP_CLAIM) {
		r = fake_call(p, "irq_claim", &(struct irq_claim_request){ .line = LINE },
			      sizeof(struct irq_claim_request));
		ghost.claimed |= r == 0;
	} else if (a->op == OP_ACK) {
		r = fake_call(p, "irq_ack", &(struct irq_ack_request){ .line = LINE },
			      sizeof(struct irq_ack_request));
		if ((r == 0) != ghost.claimed)
			wrong("an acknowledgement of a line not claimed");
	} else if (a->op == OP_ALARM_SET) {
		r = fake_call(p, "alarm_set", &(struct alarm_set_request){ .deadline_ns = 1 },
			      sizeof(struct alarm_set_request));
		ghost.alarm = 1;
	} else if (a->op == OP_IRQ) {
		fake_interrupt(LINE);
	} else {
		fake_timer_fires();
	}
	return r;
}

/* proc_next and call_cancelled tell the truth, and tell it if there is some. */
static int64_t told(struct proc *p, const struct action *a)
{
	const struct proc_next_reply *next = REPLY(proc_next);
	const struct call_cancelled_reply *call = REPLY(call_cancelled);
	bool due = false;
	int64_t r;

	for (unsigned i = 0; i < NR_WHO; i++) {
		unsigned slot = who[i]->slot;
		bool mine = i == P ? proc_manages(p, who[i]) : proc_guards(p, who[i]);
		const uint64_t *bits = a->op == OP_NEXT ? untold : cancelled;

		if (a->op == OP_CANCELLED)
			mine = ghost.asked[i] && ghost.held[i] && who[ghost.target[i]] == p;
		due |= mine && bits[slot / 64] >> slot % 64 & 1;
	}
	r = fake_call(p, a->op == OP_NEXT ? "proc_next" : "call_cancelled", NULL, 0);
	if ((r == 0) != due)
		wrong("proc_next or call_cancelled is silent, or makes it up");
	if (r == 0 && a->op == OP_NEXT &&
	    !(proc_find(next->proc)->state & (STATE_PARKED | STATE_FROZEN)))
		wrong("proc_next names a process that has not stopped");
	if (r == 0 && a->op == OP_CANCELLED && !call_held(p, call->client, call->serial))
		wrong("call_cancelled names a call that is not held");
	return r;
}

static int64_t perform(struct proc *p, const struct action *a)
{
	struct message m;

	switch (a->op) {
	case OP_LINUX: return fake_linux(p, CALL_READ, ghost.next_token++);
	case OP_SENDREC: return send(p, IPC_SENDREC, who[a->a]->ep);
	case OP_SENDNB: return send(p, IPC_SENDNB, who[a->a]->ep);
	case OP_NOTIFY: return send(p, IPC_NOTIFY, who[a->a]->ep);
	case OP_FAULT: fake_fault(p, ghost.next_token++, FAULT_USER); return 0;
	case OP_EXCEPTION: fake_exception(p, 6, 0); return 0;
	case OP_RECEIVE: return fake_receive(p, filter(a->a));
	case OP_REPLY: return answer(p, IPC_REPLY, a->a, a->b);
	case OP_REPLYRECEIVE: return answer(p, IPC_REPLYRECEIVE, a->a, a->b);
	case OP_FORWARD:
		m = (struct message){ .peer = who[a->a]->ep };
		m.w[0] = who[a->a]->serial;
		m.w[1] = who[a->b]->ep.v;
		return fake_ipc(p, IPC_FORWARD, m, 0, 0);
	case OP_COPY:
	case OP_GRANT_COPY: return copy(p, a);
	case OP_GRANT: return delegate(p, a);
	case OP_CANCELLED:
	case OP_NEXT: return told(p, a);
	case OP_DESTROY:
	case OP_FREEZE:
	case OP_RECOVER:
	case OP_STOP:
	case OP_RESUME: return control(p, a);
	default: return device(p, a);
	}
}

static bool possible(const struct action *a)
{
	bool on_process = a->op >= OP_DESTROY && a->op <= OP_RESUME;

	if (a->actor != NOBODY && (!alive(a->actor) || who[a->actor]->state))
		return false;
	if (a->op == OP_CREATE)
		return !alive(a->a);
	if (on_process && !alive(a->a))
		return false;
	if (a->op == OP_GRANT)
		return alive(a->a);
	if (a->op == OP_RECOVER)
		return who[a->a]->state & STATE_FROZEN;
	if (a->op == OP_ALARM)
		return ghost.alarm;
	return true;
}

static bool act(unsigned n)
{
	const struct action *a = &actions[chosen[n]];
	struct proc *p = a->actor == NOBODY ? NULL : who[a->actor];
	int64_t result;

	if (!possible(a))
		return false;
	ghost_before();
	result = a->op == OP_CREATE ? create(p, a->a) : perform(p, a);
	ghost_after(a, result);
	return true;
}

/* ---- what is visible of a state ---- */

static unsigned filter_code(const struct proc *p)
{
	unsigned i = 0;

	if (!(p->state & STATE_RECEIVING))
		return 0;
	if (endpoint_eq(p->filter, ENDPOINT_ANY) || endpoint_eq(p->filter, ENDPOINT_KERNEL))
		return 1 + endpoint_eq(p->filter, ENDPOINT_KERNEL);
	while (i < NR_WHO && !endpoint_eq(p->filter, who[i]->ep))
		i++;
	return 3 + i;
}

static void hash_proc(unsigned i)
{
	const struct proc *p = who[i];
	unsigned slot = p->slot;
	bool is_untold = untold[slot / 64] >> slot % 64 & 1;
	bool is_cancelled = cancelled[slot / 64] >> slot % 64 & 1;

	hash_word(alive(i) | (uint64_t)p->state << 1 | (uint64_t)p->kind << 8 |
		  (uint64_t)p->stop << 16 |
		  (uint64_t)(p->flags & (PROC_CANCELLED | PROC_AT_ENTRY)) << 24 |
		  (uint64_t)filter_code(p) << 32 | (uint64_t)is_untold << 40 |
		  (uint64_t)is_cancelled << 41 | (is_untold ? (uint64_t)p->event.cause << 42 : 0));
}

static void hash(void)
{
	for (unsigned i = 0; i < NR_WHO; i++)
		hash_proc(i);
	for (unsigned i = 0; i < NR_SERVICES; i++) {
		hash_word(privs[i].services | privs[i].lines << 8 | privs[i].events << 16);
		for (const struct proc *p = privs[i].senders.head; p; p = p->next)
			hash_word(p->slot + 1);
	}
	hash_word(lines[LINE].claims | lines[LINE].unacked << 8 |
		  (uint64_t)fake_lines[LINE].masked << 16);
	ghost_hash();
}

static void describe(unsigned n, char *text, unsigned size)
{
	static const char *const names[] = {
		"linux", "sendrec", "fault", "exception", "receive", "reply", "replyreceive",
		"forward", "sendnb", "notify", "call_copy", "delegate", "grant_copy",
		"call_cancelled", "proc_next", "irq_claim", "irq_ack", "alarm_set", "destroy",
		"create", "freeze", "recover", "stop", "resume", "interrupt", "alarm goes off",
	};
	const struct action *a = &actions[chosen[n]];

	snprintf(text, size, "%s: %s %s %u", who_name[a->actor], names[a->op], who_name[a->a],
	      a->b);
}

const struct scene scene_ipc = {
	.name = "ipc", .setup = setup_ipc, .act = act, .hash = hash,
	.check = check_procs, .describe = describe, .quick_depth = 6, .count = &nr_chosen,
};

const struct scene scene_stop = {
	.name = "stop", .setup = setup_stop, .act = act, .hash = hash,
	.check = check_procs, .describe = describe, .quick_depth = 9, .count = &nr_chosen,
};
