/* SPDX-License-Identifier: BSD-2-Clause
 * cpu.c - who had the CPU while another service did not come to answer its heartbeats.
 *
 * Job:      tells a service that hangs from one that waits for the CPU, and finds whose fault that
 *           is: one that computes instead of giving others their time (sched), or before they have
 *           it.
 * Speaks:   kernel call proc_info.
 * Touches:  nothing but its own table.
 * Trusts:   the kernel's counts.
 * On crash: the table is empty then: until each has been asked again, nobody waits for the CPU.
 */
#include "rs.h"

enum { LEAST_TICKS = 25 };              /* of 10 ms: who has had fewer has kept nobody waiting */

/* When it was asked whether it lives, the last time. */
static struct asked {
	bool known;
	uint64_t ticks, switches;
	uint64_t ticks_before;          /* and the time before that */
} asked[NR_SERVICES];

static bool info_of(unsigned id, struct proc_info_reply *info)
{
	struct proc_info_request req = { .slot = id };

	return sys_proc_info(&req, info) == 0 && endpoint_eq(info->proc, service_endpoint(id));
}

void cpu_asked(unsigned id)
{
	struct asked *a = &asked[id];
	struct proc_info_reply info;
	uint64_t before = a->known ? a->ticks : UINT64_MAX;

	a->known = info_of(id, &info);
	if (!a->known)
		return;
	a->ticks = info.user_ticks;
	a->switches = info.switches;
	a->ticks_before = before < a->ticks ? before : a->ticks;
}

/* It could run since then, and never did. */
bool cpu_is_waited_for(unsigned id)
{
	const struct asked *a = &asked[id];
	struct proc_info_reply info;

	return a->known && info_of(id, &info) && info.state == 0 && info.switches == a->switches &&
	       info.user_ticks == a->ticks;
}

/* Programs, and several that share it, are no hog. */
unsigned cpu_hog(unsigned id)
{
	struct proc_info_reply info;
	uint64_t all = 0, most = 0;
	unsigned hog = NR_SERVICES;

	if (!cpu_is_waited_for(id))
		return NR_SERVICES;
	for (unsigned k = 1; k < NR_SERVICES; k++) {
		uint64_t used;

		if (k == id || !asked[k].known || !info_of(k, &info) ||
		    info.user_ticks < asked[k].ticks_before)
			continue;
		used = info.user_ticks - asked[k].ticks_before;
		all += used;
		if (used > most) {
			most = used;
			hog = k;
		}
	}
	return most >= LEAST_TICKS && most > all / 2 ? hog : NR_SERVICES;
}
