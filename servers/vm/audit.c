/* SPDX-License-Identifier: BSD-2-Clause
 * audit.c - at each heartbeat: who waits for vm, and vm does not know?
 *
 * Job:      finds programs that wait for an answer and that vm does not hold: answers faults, and
 *           calls when pm has them cancelled (docs/notes/0027); takes spaces back whose processes
 *           are gone; tells vfs again of pages that are waited for; looks at what is due.
 * Speaks:   contracts/vm (lost_next), to pm; the kernel call proc_info.
 * Touches:  nothing of its own.
 * Trusts:   the kernel's word about who waits for whom.
 * On crash: looks again at the next heartbeat.
 */
#include "vm.h"

#include <lib/print.h>
#include <lib/service_ids.h>

enum { TICKET_LOOKS = 8 };              /* heartbeats that vfs has for a page */

static unsigned looked;                 /* slots below have been told of */
static uint32_t faulted[NR_PROCS] SECTION_UNDO;         /* serial of the latest fault */

static struct {
	uint32_t ticket;
	unsigned looks;                 /* with this ticket told */
} told[NR_PROCS];

void audit_fault(const struct delivery *d)
{
	faulted[endpoint_slot(d->m.peer)] = d->serial;
}

static bool holds(unsigned slot, endpoint_t proc)
{
	const struct wait *w = &state.wait[slot];

	return w->kind != WAIT_NONE && w->kind != WAIT_POPULATE && endpoint_eq(w->client, proc);
}

static bool is_lost(unsigned slot, struct proc_info_reply *info)
{
	return call_waits(slot, ID_VM, info) && !holds(slot, info->proc);
}

/* pm ends a process, and then its part in the space; if it did not come to that, or forgot it when
 * it began afresh, nobody does. It may be at it just now: what was so a heartbeat ago counts. */
static void user_find(unsigned slot)
{
	static endpoint_t missed[NR_PROCS];
	struct proc_info_request req = { .slot = slot };
	endpoint_t proc = state.user[slot].proc;
	struct proc_info_reply info;

	if (state.user[slot].space == 0 || sys_proc_info(&req, &info) != 0 ||
	    endpoint_eq(info.proc, proc)) {
		missed[slot] = ENDPOINT_NONE;
		return;
	}
	if (!endpoint_eq(missed[slot], proc)) {
		missed[slot] = proc;
		return;
	}
	print("repaired: process %u is gone, it had space %u\n", slot, state.user[slot].space);
	user_gone(proc);
	undo_commit();
}

/* A ticket is told once, and what tells of it may be lost. If vfs is only slow, it knows it. */
static void ticket_again(unsigned slot)
{
	const struct wait *w = &state.wait[slot];

	if ((w->kind != WAIT_PAGE && w->kind != WAIT_POPULATE) || !w->told ||
	    w->ticket != told[slot].ticket) {
		told[slot].ticket = w->ticket;
		told[slot].looks = 0;
		return;
	}
	if (++told[slot].looks < TICKET_LOOKS)
		return;
	print("vfs is told again of the page that process %u waits for\n", slot);
	wait_tell_again(slot);
	undo_commit();
	notify(ID_VFS);
}

err_t do_vm_lost_next(const struct call *c, struct vm_lost_next_reply *reply)
{
	struct proc_info_reply info;

	if (endpoint_slot(c->client) != ID_PM)
		return -EPERM;
	while (looked < NR_PROCS)
		if (is_lost(looked++, &info) && info.type != TYPE_FAULT) {
			reply->proc.v = info.proc.v;
			return 0;
		}
	return -ENOENT;
}

/* A fault is answered, and happens again if it was not dealt with. The kernel cancels no fault, and
 * need not: its serial is known. */
void audit(void)
{
	struct proc_info_reply info;
	bool calls = false;

	if (frames_wanted() != 0)
		memory_find();
	for (unsigned slot = FIRST_PROGRAM; slot < NR_PROCS; slot++)
		ticket_again(slot);
	waits_alarm();
	waits_for_memory_again();
	for (unsigned slot = FIRST_PROGRAM; slot < NR_PROCS; slot++) {
		struct message m = { 0 };

		user_find(slot);
		if (!is_lost(slot, &info))
			continue;
		calls |= info.type != TYPE_FAULT;
		if (info.type != TYPE_FAULT)
			continue;
		print("repaired: process %u waited for a page that nobody brought\n", slot);
		m.peer = info.proc;
		ipc_reply(&m, faulted[slot]);
	}
	looked = FIRST_PROGRAM;
	if (calls)
		notify(ID_PM);
}
