/* SPDX-License-Identifier: BSD-2-Clause
 * check.c - the kernel's written invariants, as code.
 *
 * I1..I8 stand in kernel/core/ipc.c, P1..P3 in proc.c, F1..F3 in frame.h. The check looks at the
 * real tables; it knows nothing of how they came to be so.
 */
#include <string.h>

#include "fake.h"

unsigned check_slots[NR_PROCS], check_nr_slots, check_nr_spaces;

#define HOLDS(cond, why) \
	do { \
		if (!(cond)) \
			return why; \
	} while (0)

static uint8_t times_queued[NR_PROCS];

static bool alive(const struct proc *p)
{
	return !endpoint_eq(p->ep, ENDPOINT_NONE);
}

static bool in_call(const struct proc *p)
{
	return p->state & (STATE_SENDING | STATE_CALLING);
}

static bool bit_of(const uint64_t *bitmap, const struct proc *p)
{
	return bitmap[p->slot / 64] >> (p->slot % 64) & 1;
}

/* ---- queues ---- */

static const char *check_queue(const struct queue *q)
{
	const struct proc *before = NULL;
	unsigned n = 0;

	for (const struct proc *p = q->head; p; before = p, p = p->next) {
		HOLDS(n++ < NR_PROCS, "a queue does not end");
		HOLDS(p->prev == before, "a queue's back link is wrong");
		HOLDS(p->flags & PROC_QUEUED, "P2: in a queue without PROC_QUEUED");
		HOLDS(alive(p), "I8: a dead process is in a queue");
		times_queued[p->slot]++;
	}
	HOLDS(q->tail == before, "a queue's tail is wrong");
	return NULL;
}

static const char *check_run_queues(const struct core *c)
{
	const char *why;

	for (unsigned i = 0; i < NR_PRIORITIES; i++) {
		why = check_queue(&c->queue[i]);
		if (why)
			return why;
		HOLDS((c->ready >> i & 1) == (c->queue[i].head != NULL), "ready bits are wrong");
		for (const struct proc *p = c->queue[i].head; p; p = p->next) {
			HOLDS(p->state == 0, "P1: in a run queue but not runnable");
			HOLDS(p->sched.priority == i, "in the wrong run queue");
		}
	}
	if (c->hint) {
		HOLDS(alive(c->hint) && c->hint->state == 0, "P1: the hint is not runnable");
		times_queued[c->hint->slot]++;
		HOLDS(!(c->hint->flags & PROC_QUEUED), "P1: the hint is in a queue, too");
	}
	if (c->current) {
		HOLDS(alive(c->current) && c->current->state == 0, "P1: current is not runnable");
		times_queued[c->current->slot]++;
	}
	return NULL;
}

static const char *check_senders(unsigned id)
{
	const char *why = check_queue(&privs[id].senders);

	if (why)
		return why;
	for (const struct proc *p = privs[id].senders.head; p; p = p->next) {
		HOLDS(p->state & STATE_SENDING, "P2: in a sender queue but not SENDING");
		HOLDS(p->partner == &procs[id], "I1: in the sender queue of another");
	}
	return NULL;
}

/* ---- one process ---- */

static const char *check_states(const struct proc *p)
{
	unsigned ipc = p->state & (STATE_SENDING | STATE_CALLING | STATE_RECEIVING);
	unsigned slot = p->slot;

	HOLDS(p == &procs[slot] && p->program == (slot >= FIRST_PROGRAM), "P4: slot or program");
	HOLDS((ipc & (ipc - 1)) == 0, "two IPC states at once");
	HOLDS(!ipc || !(p->state & (STATE_PARKED | STATE_NEW)), "parked or new within a call");
	HOLDS((p->state == 0 || p->state & STATE_SENDING) == (times_queued[slot] == 1),
	      "P1: runnable and not where it would run from, or the reverse");
	HOLDS(times_queued[slot] <= 1, "P1: queued twice");
	HOLDS(!(p->flags & PROC_QUEUED) || times_queued[slot], "P2: PROC_QUEUED and in no queue");
	HOLDS(!in_call(p) == (p->kind == CALL_NONE),
	      "a call's kind without a call, or the reverse");
	HOLDS(!(p->flags & PROC_AT_ENTRY) || p->state & STATE_PARKED, "PROC_AT_ENTRY, not parked");
	HOLDS(!(p->flags & PROC_CANCELLED) || in_call(p), "PROC_CANCELLED without a call");
	HOLDS(!(p->state & STATE_SENDING) || !(p->flags & PROC_CANCELLED) ||
	      !(p->stop & STOP_SIGNAL),
	      "a call to be stopped is queued: nobody will be told");
	HOLDS(!bit_of(cancelled, p) || p->flags & PROC_CANCELLED, "a cancel to tell of, but none");
	HOLDS(!bit_of(untold, p) || p->state & (STATE_PARKED | STATE_FROZEN),
	      "something to tell of a process that has not stopped");
	HOLDS(p->priv == &privs[p->program ? (unsigned)PRIV_PROGRAM : slot], "P3");
	HOLDS(slot != PRIV_PROGRAM, "P3: a service with the programs' privileges");
	HOLDS(p->sched.priority < NR_PRIORITIES && p->sched.priority >= p->sched.base_priority,
	      "priority");
	HOLDS(!p->program || p->sched.ticks_left <= 0 || p == this_core()->turn,
	      "P5: not its turn, and not waiting for it");
	HOLDS(p->space && p->space->root, "a process without a space");
	return NULL;
}

static const char *check_call(const struct proc *p)
{
	const struct proc *q = p->partner;
	unsigned steps = 0;

	if (p->state & STATE_RECEIVING)
		HOLDS(!p->program, "I7: a program receives");
	if (!in_call(p))
		return NULL;
	HOLDS(q && !q->program, "I7: a call on a program");
	HOLDS(p->serial != 0, "I4: serial 0 means no reply");
	if (p->state & STATE_CALLING)
		HOLDS(alive(q), "I1: waits for the reply of the dead");
	if (alive(q) && !p->program)
		HOLDS(q->rank < p->rank, "I2: a call to a rank that is not lower");
	for (; q && alive(q) && in_call(q); q = q->partner)
		HOLDS(q != p && steps++ < NR_PROCS, "I2: a cycle of callers");
	return NULL;
}

/* I5: whoever waits has nothing to wait for. */
static const char *check_receive(const struct proc *p)
{
	const struct priv *v = p->priv;
	bool any = endpoint_eq(p->filter, ENDPOINT_ANY);
	bool kernel = endpoint_eq(p->filter, ENDPOINT_KERNEL);

	if (p->state & STATE_RECEIVING)
		HOLDS(any || kernel || proc_find(p->filter), "I5: receives from the dead");
	if (p->state != STATE_RECEIVING)
		return NULL;
	HOLDS(!(any || kernel) || (v->services | v->lines | v->events) == 0,
	      "I5: a notification is pending for a receiver");
	for (const struct proc *c = v->senders.head; c; c = c->next)
		HOLDS(!any && !endpoint_eq(p->filter, c->ep), "I5: a sender waits for a receiver");
	return NULL;
}

static const char *check_dead(const struct proc *p)
{
	unsigned slot = p->slot;

	HOLDS(times_queued[slot] == 0, "I8: a dead process in a queue, hinted or current");
	HOLDS(!bit_of(untold, p) && !bit_of(cancelled, p), "I8: something to tell of the dead");
	if (slot < NR_PRIVS && slot != PRIV_PROGRAM) {
		HOLDS(privs[slot].alarm_ns == 0, "an alarm of the dead");
		for (unsigned i = 0; i < PRIV_LINES; i++)
			HOLDS(privs[slot].line_bit[i] == 0, "a line claimed by the dead");
		for (unsigned i = 0; i < GRANT_ROWS; i++)
			HOLDS(privs[slot].grants[i].dir == 0, "a grant of the dead");
	}
	return NULL;
}

const char *check_procs(void)
{
	unsigned n = check_nr_slots ? check_nr_slots : NR_PROCS;
	const char *why = NULL;

	for (unsigned i = 0; i < n; i++)
		times_queued[check_nr_slots ? check_slots[i] : i] = 0;
	why = check_run_queues(&fake_core);
	for (unsigned i = 0; i < n && !why; i++) {
		unsigned slot = check_nr_slots ? check_slots[i] : i;

		if (slot < NR_PRIVS)
			why = check_senders(slot);
	}
	for (unsigned i = 0; i < n && !why; i++) {
		const struct proc *p = &procs[check_nr_slots ? check_slots[i] : i];

		why = alive(p) ? check_states(p) : check_dead(p);
		if (!why && alive(p))
			why = check_call(p);
		if (!why && alive(p))
			why = check_receive(p);
	}
	return why;
}

/* ---- memory ---- */

static struct { uint32_t maps, uses; } seen[FAKE_FRAMES];
enum { ENTRIES = 512, PRESENT = 1 };

static const char *check_leaf(const struct space *s, pte_t e)
{
	pfn_t f = pte_pfn(e);
	unsigned flags = pte_flags(e);

	HOLDS(s->priv == PRIV_PROGRAM || (flags & (MAP_WRITE | MAP_EXEC)) != (MAP_WRITE | MAP_EXEC),
	      "W^X: a service's page is writable and executable");
	if (f >= nr_frames || frames[f].type == FRAME_DEVICE) {
		HOLDS(flags & MAP_MMIO, "device memory mapped as RAM");
		return NULL;
	}
	HOLDS(!(flags & MAP_MMIO), "RAM mapped as device memory");
	if (frames[f].type == FRAME_CLOCK) {
		HOLDS(!(flags & MAP_WRITE), "F3: the clock page may be written");
		return NULL;
	}
	HOLDS(frames[f].type == FRAME_USER, "F3: a kernel, table or free frame is mapped");
	seen[f].maps++;
	return NULL;
}

static const char *check_table(const struct space *s, pfn_t table, unsigned level)
{
	const uint64_t *t = (const uint64_t *)fake_memory[table];
	const char *why = NULL;

	HOLDS(table < nr_frames && frames[table].type == FRAME_TABLE,
	      "F3: a table is not typed so");
	HOLDS(seen[table].uses++ == 0, "a table is in two places");
	for (unsigned i = 0; i < ENTRIES && !why; i++) {
		if (level == PTE_LEVELS - 1 && i >= ENTRIES / 2) {
			HOLDS(t[i] == i, "the kernel's half of a root was written");
			continue;
		}
		if (!(t[i] & PRESENT))
			continue;
		why = level ? check_table(s, pte_pfn(t[i]), level - 1) : check_leaf(s, t[i]);
	}
	return why;
}

static const char *check_users(unsigned spaces_to_check)
{
	static uint16_t users[NR_SPACES];
	unsigned n = check_nr_slots ? check_nr_slots : NR_PROCS;

	memset(users, 0, sizeof(users));
	for (unsigned i = 0; i < n; i++) {
		const struct proc *p = &procs[check_nr_slots ? check_slots[i] : i];

		if (alive(p))
			users[p->space - spaces]++;
	}
	for (unsigned i = 0; i < spaces_to_check; i++)
		HOLDS(users[i] == spaces[i].users, "a space does not know who uses it");
	return NULL;
}

const char *check_memory(void)
{
	unsigned n = check_nr_spaces ? check_nr_spaces : NR_SPACES;
	const char *why = NULL;

	memset(seen, 0, nr_frames * sizeof(seen[0]));
	why = check_users(n);
	for (unsigned i = 0; i < n && !why; i++)
		if (spaces[i].root)
			why = check_table(&spaces[i], spaces[i].root, PTE_LEVELS - 1);
	for (pfn_t f = 0; f < nr_frames && !why; f++) {
		const struct frame *d = &frames[f];

		HOLDS(d->maps == seen[f].maps, "F2: a map count is wrong");
		HOLDS(d->type != FRAME_FREE || d->pins == 0, "F1: a free frame is pinned");
		HOLDS(d->type != FRAME_USER || d->maps || d->pins, "a user frame that nobody uses");
		HOLDS((d->type == FRAME_TABLE) == (seen[f].uses == 1), "a table frame in no tree");
	}
	return why;
}
