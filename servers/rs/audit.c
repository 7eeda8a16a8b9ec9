/* SPDX-License-Identifier: BSD-2-Clause
 * audit.c - at each of rsguard's heartbeats: does anybody wait for an answer that nobody holds? Has
 *           anybody other rights than he should?
 *
 * Job:      finds callers of rs that wait, and whom rs does not remember; tells them that it has
 *           died, so that they ask again what may be asked again (docs/notes/0027). Has rights
 *           looked at (rights.c).
 * Speaks:   kernel call proc_info.
 * Touches:  nothing of its own.
 * Trusts:   the kernel's word about who waits for whom.
 * On crash: looks again at the next heartbeat.
 */
#include "rs.h"

#include <lib/service_ids.h>

static bool is(endpoint_t holder, uint32_t its, const struct proc_info_reply *info)
{
	return endpoint_eq(holder, info->proc) && its == info->serial;
}

/* Whether its answer is to come later. */
static bool is_held(const struct proc_info_reply *info)
{
	for (unsigned id = 0; id < NR_SERVICES; id++)
		if (is(state.service[id].waiter, state.service[id].waiter_serial, info))
			return true;
	return is(state.crash_waiter, state.crash_serial, info) ||
		is(state.script_waiter, state.script_serial, info) ||
		is(state.loading.client, state.loading.serial, info);
}

void audit(void)
{
	struct proc_info_reply info;

	manifests_look();
	server_commit();                /* answers that are made are on their way */
	for (uint32_t slot = 0; slot < NR_PROCS; slot++) {
		if (!call_waits(slot, ID_RS, &info) || is_held(&info) ||
		    info.state & STATE_FROZEN)          /* it has ended itself, by a call */
			continue;
		say("<4>rs: repaired: slot %u waited for an answer to call 0x%x", slot, info.type);
		call_reply(info.proc, info.serial, -EDEADPEER, NULL, 0);
		server_commit();
	}
	rights_audit();
}
