/* SPDX-License-Identifier: BSD-2-Clause
 * wait.c - calls that vm answers later: for a page of a file, for a frame; and all time limits.
 *
 * Job:      one row for each process slot (V5), the queue of pages that vfs has not heard of, the
 *           list of deadlines behind vm's one alarm (V7).
 * Speaks:   notifies vfs and pm; kernel calls alarm_set and call_cancelled; the primitive reply.
 * Touches:  state.wait and its lists.
 * Trusts:   vfs to bring pages, pm to end a victim; the memory wait has a time limit.
 * On crash: an answer is given before the row's end is committed, so no client waits for ever; a
 *           row whose client is gone is replaced by the slot's next wait.
 */
#include "vm.h"

#include <lib/clock.h>
#include <lib/service_ids.h>

#define MEMORY_PATIENCE_NS 500000000ull
enum { ENOUGH = SPARES };               /* what any fault is content with */
enum { VICTIMS = 10 };                  /* times that a fault waits for one before it is refused */

static uint64_t armed;                  /* what the alarm is set to; 0: not */

/* Whichever life of it there is now. */
endpoint_t service_now(unsigned service)
{
	struct proc_info_request req = { .slot = service };
	struct proc_info_reply now;

	return sys_proc_info(&req, &now) == 0 ? now.proc : ENDPOINT_NONE;
}

void notify(unsigned service)
{
	ipc_notify(service_now(service));
}

/* ---- deadlines ---- */

static void arm(void)
{
	uint64_t first = state.soonest != 0 ? state.wait[state.soonest].deadline : 0;
	struct alarm_set_request req = { .deadline_ns = first };

	if (first != 0 && (armed == 0 || first < armed) && sys_alarm_set(&req) == 0)
		armed = first;
}

static void deadline_remove(unsigned slot)
{
	struct wait *w = &state.wait[slot];

	if (!w->timed)
		return;
	if (w->sooner != 0)
		state.wait[w->sooner].later = w->later;
	else
		state.soonest = w->later;
	if (w->later != 0)
		state.wait[w->later].sooner = w->sooner;
	else
		state.latest = w->sooner;
	w->timed = 0;
}

void wait_set_deadline(unsigned slot, uint64_t deadline)
{
	struct wait *w = &state.wait[slot];
	unsigned at;

	deadline_remove(slot);
	at = state.latest;              /* not slot itself any more */
	while (at != 0 && state.wait[at].deadline > deadline)
		at = state.wait[at].sooner;
	w->deadline = deadline;
	w->timed = 1;
	w->sooner = (uint16_t)at;
	w->later = at != 0 ? state.wait[at].later : state.soonest;
	if (w->later != 0)
		state.wait[w->later].sooner = (uint16_t)slot;
	else
		state.latest = (uint16_t)slot;
	if (at != 0)
		state.wait[at].later = (uint16_t)slot;
	else
		state.soonest = (uint16_t)slot;
	arm();
}

/* ---- rows ---- */

void wait_tell_again(unsigned slot)
{
	struct wait *w = &state.wait[slot];

	w->told = 0;
	w->next = 0;
	w->prev = state.pages.tail;
	if (w->prev != 0)
		state.wait[w->prev].next = (uint16_t)slot;
	else
		state.pages.head = (uint16_t)slot;
	state.pages.tail = (uint16_t)slot;
}

void wait_told(unsigned slot)
{
	struct wait *w = &state.wait[slot];

	if (w->told)
		return;
	if (w->prev != 0)
		state.wait[w->prev].next = w->next;
	else
		state.pages.head = w->next;
	if (w->next != 0)
		state.wait[w->next].prev = w->prev;
	else
		state.pages.tail = w->prev;
	w->told = 1;
}

void wait_end(unsigned slot)
{
	struct wait *w = &state.wait[slot];

	deadline_remove(slot);
	if (w->kind == WAIT_FUTEX)
		futex_dequeue(slot);
	else if (w->kind == WAIT_PAGE || w->kind == WAIT_POPULATE)
		wait_told(slot);
	else if (w->kind == WAIT_MEMORY)
		state.hungry--;
	w->kind = WAIT_NONE;
}

static struct wait *begin(const struct delivery *d, unsigned space, enum wait_kind kind)
{
	unsigned slot = endpoint_slot(d->m.peer);
	struct wait *w = &state.wait[slot];

	wait_end(slot);
	w->kind = (uint8_t)kind;
	w->space = (uint16_t)space;
	w->client = d->m.peer;
	w->serial = d->serial;
	w->type = d->m.type;
	for (unsigned i = 0; i < COUNT(w->w); i++)
		w->w[i] = d->m.w[i];
	w->order = ++state.arrivals;
	return w;
}

static void wants_page(struct wait *w, uint64_t address, const struct missing *m)
{
	w->address = address;
	w->file = m->file;
	w->offset = m->offset;
	w->write = (uint8_t)m->write;
	w->ticket = endpoint_slot(w->client) | ++state.tickets << SLOT_BITS;
	wait_tell_again(endpoint_slot(w->client));
	notify(ID_VFS);
}

void wait_for_page(const struct delivery *d, unsigned space, uint64_t address,
		   const struct missing *m)
{
	wants_page(begin(d, space, WAIT_PAGE), address, m);
}

bool wait_populate(unsigned asker, endpoint_t proc, unsigned space, uint64_t address,
		   const struct missing *m)
{
	struct delivery d = { .m.peer = proc };
	struct wait *w = &state.wait[endpoint_slot(proc)];

	if (w->kind != WAIT_NONE && endpoint_eq(w->client, proc))
		return true;            /* it waits itself, or the page has been ordered */
	w = begin(&d, space, WAIT_POPULATE);
	w->asker = (uint8_t)asker;
	wants_page(w, address, m);
	return false;
}

void wait_for_memory(const struct delivery *d, unsigned space)
{
	struct wait *w = begin(d, space, WAIT_MEMORY);

	w->told = 0;
	w->asker = 0;
	state.hungry++;
	wait_set_deadline(endpoint_slot(d->m.peer), clock_monotonic_ns() + MEMORY_PATIENCE_NS);
	pressure();
}

/* A server lacks a page of its caller. One that asks again goes on waiting. */
void wait_for_memory_of(unsigned asker, endpoint_t proc, unsigned space)
{
	struct delivery d = { .m.peer = proc };
	struct wait *w = &state.wait[endpoint_slot(proc)];

	if (w->kind != WAIT_NONE && endpoint_eq(w->client, proc))
		return;
	wait_for_memory(&d, space);
	w->asker = (uint8_t)asker;
}

/* ---- answers ---- */

/* The commit comes with the end of vm's own request: see "On crash". */
static void answer(const struct wait *w, int64_t result)
{
	struct message m = { .peer = w->client, .w = { (uint64_t)result } };

	ipc_reply(&m, w->serial);
}

void call_again(const struct wait *w)
{
	struct delivery d = { .m = { .peer = w->client, .type = w->type }, .serial = w->serial };
	int64_t result;
	bool asked;

	for (unsigned i = 0; i < COUNT(w->w); i++)
		d.m.w[i] = w->w[i];
	asked = w->kind == WAIT_MEMORY && w->asker != 0;
	wait_end(endpoint_slot(w->client));
	if (asked) {
		notify(w->asker);
		return;
	}
	result = d.m.type == TYPE_FAULT ? vm_fault(&d) : vm_linux(&d);
	if (result != NO_REPLY)
		answer(w, result);
}

static void page_came(const struct wait *w, uint32_t cache_slot)
{
	struct want want = {
		.space = w->space, .address = w->address, .slot = cache_slot,
		.access = w->type == TYPE_FAULT && w->w[1] & FAULT_EXEC ? EXEC : READ,
	};
	struct missing m;

	if (w->write || (w->type == TYPE_FAULT && w->w[1] & FAULT_WRITE))
		want.access = WRITE;
	if (page_in(&want, &m) == 0 && w->type == TYPE_FAULT) {
		wait_end(endpoint_slot(w->client));
		answer(w, 0);
		return;
	}
	call_again(w);                  /* a fault that still fails finds the reason again */
}

void wait_supplied(unsigned slot, uint32_t cache_slot, err_t error)
{
	struct wait *w = &state.wait[slot];
	unsigned asker = w->asker;

	if (w->kind == WAIT_POPULATE) {
		w->type = TYPE_FAULT;
		w->w[1] = w->write ? FAULT_WRITE : 0;
		wait_end(slot);
		if (error == 0) {
			struct want want = {
				.space = w->space, .address = w->address, .slot = cache_slot,
				.access = w->write ? WRITE : READ,
			};
			struct missing m;

			if (page_in(&want, &m) != 0)
				error = -EFAULT;
		}
		notify(asker);
		return;
	}
	if (error == 0) {
		page_came(w, cache_slot);
		return;
	}
	wait_end(slot);
	answer(w, w->type == TYPE_FAULT ? fault_refused(error) : -EFAULT);
}

/* ---- memory ---- */

void waits_for_memory_again(void)
{
	for (unsigned n = FIRST_PROGRAM; state.hungry != 0 && n < NR_PROCS; n++)
		if (state.wait[n].kind == WAIT_MEMORY && frames_plenty(ENOUGH)) {
			call_again(&state.wait[n]);
			undo_commit();
		}
}

/* What it keeps from others, also of shared memory that it does not look at. */
static uint32_t frames_of(unsigned space)
{
	uint32_t n = state.space[space].resident + state.space[space].tables;
	uint64_t object = 0;

	for (unsigned i = state.space[space].first; i != 0; i = region(i)->next) {
		if (region(i)->kind != REGION_OBJECT || region(i)->file == object)
			continue;
		object = region(i)->file;
		n += region(region_find(HOLDER, object))->limit;
	}
	return n;
}

/* Init is not for killing. */
static unsigned biggest_space(void)
{
	unsigned best = 0, init = state.user[state.init].space;
	uint32_t most = 0;

	for (unsigned n = FIRST_SPACE; n < NR_SPACES; n++) {
		uint32_t frames = 0;

		if (space_is_live(n) && state.space[n].processes != 0 && n != init)
			frames = frames_of(n);
		if (frames > most) {
			most = frames;
			best = n;
		}
	}
	return best;
}

static void choose_victim(unsigned space)
{
	state.victim = (uint16_t)space;
	notify(ID_PM);
}

/* Nothing has helped. Who is in a call has to be ended by pm. */
static void refuse(unsigned slot)
{
	struct wait *w = &state.wait[slot];

	if (w->type != TYPE_FAULT)
		choose_victim(w->space);
	wait_end(slot);
	answer(w, w->type == TYPE_FAULT ? fault_refused(-ENOMEM) : -EFAULT);
}

/* vfs had its time. The biggest program dies; if that is not who faults, pm has to see to it. */
static void out_of_memory(unsigned slot)
{
	struct wait *w = &state.wait[slot];
	unsigned victim = biggest_space();

	if (frames_plenty(ENOUGH)) {
		call_again(w);
		return;
	}
	if (w->asker == 0 && slot != state.init &&
	    (w->told == VICTIMS || victim == w->space || victim == 0)) {
		refuse(slot);
		return;
	}
	w->told += w->told < VICTIMS;
	choose_victim(victim);
	wait_set_deadline(slot, clock_monotonic_ns() + 2 * MEMORY_PATIENCE_NS);
}

/* ---- time and interrupts ---- */

void waits_alarm(void)
{
	uint64_t now = clock_monotonic_ns();

	armed = 0;
	spaces_reap();
	while (state.soonest != 0 && state.wait[state.soonest].deadline <= now) {
		unsigned slot = state.soonest;

		if (state.wait[slot].kind == WAIT_MEMORY) {
			out_of_memory(slot);
		} else {
			wait_end(slot);
			answer(&state.wait[slot], -ETIMEDOUT);
		}
		undo_commit();
	}
	arm();
}

/* A wait with a time limit is repeated only if no handler ran: pm turns ERESTARTNOHAND into EINTR
 * otherwise. A relative limit then begins anew. */
void waits_cancel(void)
{
	struct call_cancelled_reply c;

	while (sys_call_cancelled(&c) == 0) {
		unsigned slot = endpoint_slot(c.client) % NR_PROCS;
		struct wait *w = &state.wait[slot];
		bool timed = w->kind == WAIT_FUTEX && w->timed;

		if (w->kind == WAIT_NONE || w->kind == WAIT_POPULATE || w->serial == 0 ||
		    !endpoint_eq(w->client, c.client) || w->serial != c.serial) {
			call_lost(c.client, c.serial);
			continue;
		}
		wait_end(slot);
		answer(w, timed ? -ERESTARTNOHAND : -ERESTARTSYS);
		undo_commit();
	}
}

/* ---- after a crash: the lists, from the rows ---- */

static void requeue(unsigned slot)
{
	struct wait *w = &state.wait[slot];
	bool timed = w->timed;

	w->timed = 0;
	if (w->kind == WAIT_PAGE || w->kind == WAIT_POPULATE) {
		if (!w->told)
			wait_tell_again(slot);
	}
	if (w->kind == WAIT_MEMORY)
		state.hungry++;
	if (timed)
		wait_set_deadline(slot, w->deadline);
}

/* Nobody's, of no kind, or of another slot's process (V5). */
static bool is_none(unsigned slot)
{
	const struct wait *w = &state.wait[slot];

	return slot < FIRST_PROGRAM || w->kind > WAIT_POPULATE || endpoint_slot(w->client) != slot;
}

/* A row that is none is forgotten: who waits is found by audit(). */
void waits_rebuild(void)
{
	state.pages = (struct queue){ 0, 0 };
	state.soonest = state.latest = 0;
	state.hungry = 0;
	for (unsigned n = 0; n < NR_PROCS; n++)
		if (is_none(n))
			state.wait[n].kind = WAIT_NONE;
	for (unsigned n = FIRST_PROGRAM; n < NR_PROCS; n++)
		if (state.wait[n].kind != WAIT_NONE)
			requeue(n);
	if (state.pages.head != 0)
		notify(ID_VFS);
	futex_rebuild();
}
