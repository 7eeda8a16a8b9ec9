/* SPDX-License-Identifier: BSD-2-Clause
 * process.c - processes as the kernel sees them, and as pm does.
 *
 * Job:      the pages processes, ipc, programs, priorities.
 * Speaks:   kernel call proc_info; pm.info; vm.usage; sched.info.
 * Touches:  the text being made.
 * Trusts:   those it asks.
 * On crash: holds no state.
 */
#include "is.h"

#include <contract/sched.h>

bool info_of_slot(uint32_t slot, struct proc_info_reply *r)
{
	struct proc_info_request req = { .slot = slot };

	return sys_proc_info(&req, r) == 0 && !endpoint_eq(r->proc, ENDPOINT_NONE);
}

static void put_waiting(const struct proc_info_reply *r)
{
	unsigned partner = endpoint_slot(r->partner);

	put("%s", name_of_state(r->state));
	if (r->state & (STATE_SENDING | STATE_CALLING))
		put(" %s: %s", name_of_slot(partner), name_of_type(r->type));
}

void dump_processes(void)
{
	struct proc_info_reply r;

	put("SLOT NAME             ENDPOINT OWNER SPACE PRIO  TICKS   SWITCHES STATE\n");
	for (uint32_t slot = 0; slot < NR_PROCS; slot++) {
		if (!info_of_slot(slot, &r))
			continue;
		put("%4u %-16s %8x %5u %5u %4u %6lu %10lu ", slot, name_of_slot(slot), r.proc.v,
		    endpoint_slot(r.owner), r.space, r.priority, (unsigned long)r.user_ticks,
		    (unsigned long)r.switches);
		put_waiting(&r);
		put("\n");
	}
}

/* Who waits for whom; who waits for a message only is left out. */
void dump_ipc(void)
{
	struct proc_info_reply r;

	put("NAME             STATE     PARTNER          MESSAGE\n");
	for (uint32_t slot = 0; slot < NR_PROCS; slot++) {
		if (!info_of_slot(slot, &r) || r.state == STATE_RECEIVING)
			continue;
		put("%-16s %-9s ", name_of_slot(slot), name_of_state(r.state));
		if (r.state & (STATE_SENDING | STATE_CALLING))
			put("%-16s %s", name_of_slot(endpoint_slot(r.partner)),
			    name_of_type(r.type));
		put("\n");
	}
}

void dump_programs(void)
{
	struct pm_info_request req = { 0 };
	struct pm_info_reply r;

	put("  PID  PPID  PGID   SID   UID THREADS STATE     SIZE KiB RESIDENT NAME\n");
	for (; pm_info(&pm, &req, &r) == 0; req.from = r.pid + 1) {
		struct vm_usage_request ask = { .proc = r.proc };
		struct vm_usage_reply u = { 0 };

		if (!endpoint_eq(r.proc, ENDPOINT_NONE) && vm_usage(&vm, &ask, &u) != 0)
			u = (struct vm_usage_reply){ 0 };       /* it has just ended */
		put("%5u %5u %5u %5u %5u %7u %c     %12lu %8lu %.16s\n", r.pid, r.ppid, r.pgid,
		    r.sid, r.uid, r.threads, r.state, (unsigned long)u.virtual / 1024,
		    (unsigned long)u.resident * (PAGE_SIZE / 1024), r.name);
	}
}

void dump_priorities(void)
{
	struct sched_info_reply r;
	struct proc_info_reply p;

	put("SLOT NAME             NICE BASE  NOW QUANTUM RAISED\n");
	for (uint32_t slot = 0; slot < NR_PROCS; slot++) {
		struct sched_info_request req = { .slot = slot };

		if (!info_of_slot(slot, &p) || sched_info(&sched, &req, &r) != 0 ||
		    !endpoint_eq(r.proc, p.proc))
			continue;
		put("%4u %-16s %4d %4u %4u %7u %6u\n", slot, name_of_slot(slot), r.nice,
		    r.priority, p.priority, r.quantum, r.raised);
	}
}
