/* SPDX-License-Identifier: BSD-2-Clause
 * audit.c - at each heartbeat: what should have gone on, and did not?
 *
 * Job:      hears again what it is told once; tells again what servers may not have heard, and
 *           complains of who does not hear at all; does calls that wait once more; finds programs
 *           that wait for a call which vfs does not hold, and has them make it anew; closes what
 *           processes had open that have ended (docs/notes/0027).
 * Speaks:   contracts/pm (again, job_next, info), vm, ds, rs (complain); the kernel call
 *           proc_info.
 * Touches:  rows, their queues, processes.
 * Trusts:   the kernel's word about who waits for whom.
 * On crash: looks again at the next heartbeat.
 */
#include "vfs.h"

#include <lib/complain.h>

enum { PATIENCE_MOST = 5 };             /* times that it is doubled */
enum { BOARD_NOTHING = BOARD_DONE + 1 };        /* a phase that there is not */

struct seen { uint64_t number; unsigned phase, looks; };        /* of an entry of a board */

static struct seen seen[NR_SERVERS][BOARD_ENTRIES];

/* One that stands ASKED at so many looks is one that the server has forgotten: rs ends this life of
 * it, and the next takes what is on the board. If it is only slow, it has twice as long then. */
static void server_silent(unsigned server, unsigned looks)
{
	struct server_row *s = &state.server[server];

	if (looks < server_looks(server) << s->patience || s->again ||
	    complain(s->who, RS_COMPLAINT_SILENCE, "a request is not answered") != 0)
		return;
	s->patience += s->patience < PATIENCE_MOST;
	for (unsigned n = 0; n < BOARD_ENTRIES; n++)
		seen[server][n].looks = 0;
}

/* An entry that says that nothing was asked, and something was: a server that is wrong has written
 * that. It is taken for an answer that there is not (server_look). */
static bool is_freed(unsigned server, unsigned n)
{
	const struct request *q = &state.request[server][n];

	return board_of(server)->phase[n] == BOARD_FREE && q->type != 0 && q->sent && !q->taken &&
	       !q->held && !q->lost;
}

/* At each heartbeat: what a server may not have heard, or forgotten, it is told again; what it has
 * answered since the last one, and not told of, is taken. */
static void server_remind(unsigned server)
{
	struct board *b = board_of(server);
	unsigned asked = 0, unheard = 0, freed = 0, longest = 0;

	for (unsigned n = 0; n < BOARD_ENTRIES; n++) {
		struct seen *s = &seen[server][n];
		bool same = s->number == b->number[n] && s->phase == b->phase[n];

		*s = (struct seen){ b->number[n], b->phase[n], same ? s->looks + 1 : 0 };
		if (b->phase[n] == BOARD_DONE)
			unheard += same;
		if (s->looks > 1 && is_freed(server, n)) {
			b->phase[n] = BOARD_NOTHING;
			freed++;
		}
		if (b->phase[n] != BOARD_ASKED)
			continue;
		asked++;
		if (s->looks > longest)
			longest = s->looks;
	}
	if (asked != 0)
		ipc_notify(state.server[server].who);
	else if (state.server[server].patience != 0)
		state.server[server].patience = 0;
	server_silent(server, longest);
	if (unheard != 0)
		print("repaired: %u answers of %s were never told of\n", unheard,
		      server_name(server));
	if (freed != 0)
		print("repaired: %u requests had gone from the board of %s\n", freed,
		      server_name(server));
	if (unheard + freed != 0)
		server_look(server);
}

static void servers_remind(void)
{
	for (unsigned i = 1; i < NR_SERVERS; i++)
		if (state.server[i].who.v != 0)
			server_remind(i);
}

/* Which call each row held, if what it waits for is vfs's own to know. */
static uint64_t waited[NR_PROCS];

static bool is_ours(const struct row *r)
{
	switch (r->queue) {
	case QUEUE_PIPE_READ:
	case QUEUE_PIPE_WRITE:
	case QUEUE_INODE:
	case QUEUE_SOCKET_READ:
	case QUEUE_SOCKET_WRITE:
		return r->phase == ROW_WAITS && r->deadline == 0;
	default:
		return false;
	}
}

/* All that waits is done again, in its order. What goes on then had been forgotten. */
static void waits_again(void)
{
	unsigned found = 0;

	for (unsigned n = 1; n < NR_PROCS; n++)
		waited[n] = is_ours(&state.row[n]) ? state.row[n].began : 0;
	for (unsigned n = 1; n < NR_PROCS; n++) {
		if (waited[n] != 0 && row_is_first(&state.row[n]))
			queue_wake((uint16_t)n);
		else if (!row_go_on(n))
			continue;
		undo_commit();          /* each stands by itself */
	}
	rows_run();
	for (unsigned n = 1; n < NR_PROCS; n++)
		found += waited[n] != 0 &&
			 (state.row[n].phase == ROW_FREE || state.row[n].began != waited[n]);
	if (found != 0)
		print("repaired: %u calls waited for what had come\n", found);
}

static bool holds(unsigned slot, endpoint_t proc)
{
	const struct row *r = &state.row[slot];

	return r->phase != ROW_FREE && endpoint_eq(r->client, proc);
}

/* Has its process ended? Who leads others may end before they do. */
static bool has_ended(const struct process *p)
{
	struct pm_info_request req = { .pid = p->pid };
	struct pm_info_reply reply;
	err_t err = pm_info(&pm, &req, &reply);

	return err == -ENOENT || (err == 0 && reply.threads == 0);
}

/* Whose job was lost holds what it had open. Its job may be on its way: what was so a heartbeat
 * ago, too, counts. */
static void processes_look(void)
{
	static endpoint_t missed[NR_PROCS];

	for (unsigned slot = FIRST_PROGRAM; slot < NR_PROCS; slot++) {
		struct process *p = &state.process[slot];
		struct proc_info_request req = { .slot = slot };
		struct proc_info_reply info;
		endpoint_t who = p->who;

		if (who.v == 0 || sys_proc_info(&req, &info) != 0 || endpoint_eq(info.proc, who)) {
			who = ENDPOINT_NONE;
		} else if (endpoint_eq(missed[slot], who) && has_ended(p)) {
			print("repaired: process %u had ended\n", p->pid);
			process_gone(p);
			undo_commit();
		}
		missed[slot] = who;
	}
}

static void lost_again(void)
{
	for (unsigned slot = FIRST_PROGRAM; slot < NR_PROCS; slot++) {
		struct proc_info_reply info;
		struct pm_again_request again;

		if (!call_waits(slot, ID_VFS, &info) || holds(slot, info.proc))
			continue;
		again.proc = info.proc;
		if (pm_again(&pm, &again) != 0)
			continue;               /* it has just ended */
	}
}

void audit(void)
{
	servers_remind();
	services_changed();
	jobs_pull();
	processes_look();
	orphans_look();
	faults_pull();
	waits_again();
	server_commit();                /* answers that are made are on their way */
	lost_again();
	if (state.alarm != 0 && state.alarm <= clock_monotonic_ns())
		vfs_alarm();            /* it was lost */
}
