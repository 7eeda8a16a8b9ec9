/* SPDX-License-Identifier: BSD-2-Clause
 * doubt.c - before a program is killed, or may not fork, or when it faults for ever: is it so?
 *
 * Job:      comes to the same verdict another way: by the kernel's word on the process and by the
 *           list of regions instead of their tree; by counts instead of what was tried. If that
 *           contradicts, the code or the state is damaged, and vm dies of it: the request is done
 *           again by code and trees that are new. Then the verdict stands.
 * Speaks:   the kernel call proc_info.
 * Touches:  nothing.
 * Trusts:   the kernel.
 * On crash: that is what it is for.
 */
#include "vm.h"

#include <lib/assert.h>

static bool permits(unsigned space, uint64_t address, unsigned access)
{
	unsigned left = NR_REGIONS;

	for (unsigned n = state.space[space].first; n != 0 && left-- != 0; n = region(n)->next) {
		const struct region *r = region(n);

		if (address >= r->start && address < r->end)
			return r->prot != 0 && (access & (WRITE | EXEC) & ~r->prot) == 0;
	}
	return false;
}

/* Nothing may be said against a page that a region has, but that its file has no such page, or
 * that the disk is bad. */
void doubt_refusal(endpoint_t proc, unsigned space, uint64_t address, unsigned access, err_t err)
{
	struct proc_info_request req = { .slot = endpoint_slot(proc) };
	struct proc_info_reply info;

	if (server_attempt() != 0 || err == -ENXIO || err == -EIO)
		return;
	if (sys_proc_info(&req, &info) == 0 && endpoint_eq(info.proc, proc))
		assert(info.space == space || !space_is_live(info.space));
	assert(!space_is_live(space) || !permits(space, address, access));
}

/* Where there is memory, and rows for regions, a fork is not refused. */
void doubt_shortage(unsigned parent)
{
	bool is_short = server_attempt() != 0 || frames_wanted() != 0;

	if (is_short || !region_room(parent, state.space[parent].regions))
		return;
	for (unsigned n = FIRST_SPACE; n < NR_SPACES; n++)
		assert(state.space[n].phase != SPACE_NONE);
}

/* ---- faults without end ---- */

enum { REPEATS = 8 };

static struct latest {
	endpoint_t proc;
	uint32_t times;
	uint64_t address, code, ip;
} latest[NR_PROCS];

static bool is_repeated(endpoint_t proc, uint64_t address, uint64_t code, uint64_t ip)
{
	struct latest *l = &latest[endpoint_slot(proc) % NR_PROCS];

	if (!endpoint_eq(l->proc, proc) || l->address != address || l->code != code || l->ip != ip)
		*l = (struct latest){ proc, 0, address, code, ip };
	if (++l->times < REPEATS)
		return false;
	l->times = 0;
	return true;
}

/* By the kernel's word. */
static bool has_page(endpoint_t proc, const struct want *w)
{
	unsigned need = (w->access & WRITE ? MAP_WRITE : 0u) | (w->access & EXEC ? MAP_EXEC : 0u);
	struct proc_info_request req = { .slot = endpoint_slot(proc) };
	struct space_query_reply page;
	struct proc_info_reply info;

	if (sys_proc_info(&req, &info) != 0 || !endpoint_eq(info.proc, proc))
		return true;            /* it has just ended */
	return info.space == w->space && page_query(w->space, w->address, &page) &&
	       (need & ~page.prot) == 0 && !(page.prot & MAP_NONE);
}

/* A page was made present, as so often before: it has to be there for the program. False: also the
 * second time it is not. */
bool doubt_done(endpoint_t proc, const struct want *w, uint64_t code, uint64_t ip)
{
	bool is_new = server_attempt() == 0;

	if ((is_new && !is_repeated(proc, w->address, code, ip)) || has_page(proc, w))
		return true;
	assert(!is_new);
	return false;
}
