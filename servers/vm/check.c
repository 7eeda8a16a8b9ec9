/* SPDX-License-Identifier: BSD-2-Clause
 * check.c - the scavenger: what vm remembers, compared with what the kernel knows.
 *
 * Job:      after a crash verifies the invariants of state.h, rebuilds what follows from them,
 *           takes down what was half made, unmaps what lies in no region, and reports what it
 *           fixed.
 * Speaks:   kernel calls, through space.c.
 * Touches:  everything.
 * Trusts:   the kernel's tables.
 * On crash: runs again; every step may be repeated.
 *
 * Bitmaps and stock were made by init(), from the kernel's frame table: a frame that was taken and
 * not mapped is free again, one that was mapped is not, so nothing leaks or is used twice.
 */
#include "vm.h"

#include <lib/print.h>
#include <lib/service_ids.h>

static unsigned half_made, orphans, swept, objects, counts;

/* V3: nothing is mapped between regions. */
static void sweep_part(unsigned space, uint64_t start, uint64_t end)
{
	struct space_query_request req = { .space = (uint16_t)space, .va = start };
	struct space_query_reply page;

	if (start >= end || sys_space_query(&req, &page) != 0 || page.va >= end)
		return;
	pages_unmap(space, start, end);
	swept++;
}

static void sweep(unsigned space)
{
	uint64_t at = 0;

	for (unsigned n = state.space[space].first; n != 0; n = region(n)->next) {
		sweep_part(space, at, region(n)->start);
		at = region(n)->end;
	}
	sweep_part(space, at, USER_END);
}

static bool is_orphan(unsigned n)
{
	return state.space[n].phase == SPACE_NONE && space_exists(n);
}

static void check_space(unsigned n)
{
	struct space *s = &state.space[n];

	if (s->phase == SPACE_BUILDING || s->phase == SPACE_DYING) {
		space_end(n);
		half_made++;
	} else if (is_orphan(n)) {
		space_end(n);
		orphans++;
	} else if (s->phase == SPACE_LIVE) {
		sweep(n);
	}
}

/* V4 */
static void check_objects(void)
{
	for (unsigned n = state.space[HOLDER].first; n != 0; n = region(n)->next)
		region(n)->refs = 0;
	for (unsigned s = FIRST_SPACE; s < NR_SPACES; s++)
		for (unsigned n = state.space[s].first; n != 0; n = region(n)->next)
			if (region(n)->kind == REGION_OBJECT)
				region(region_find(HOLDER, region(n)->file))->refs++;
	region(0)->refs = 0;
	state.dead_objects = 1;
	objects = state.space[HOLDER].regions;
	objects_reap();
	objects -= state.space[HOLDER].regions;
}

/* Which space a process is in the kernel knows. One that it does not have any more pm detaches. */
static void check_user(unsigned n)
{
	struct proc_info_request req = { .slot = n };
	struct user *u = &state.user[n];
	struct proc_info_reply info;

	if (n >= FIRST_PROGRAM && sys_proc_info(&req, &info) == 0 &&
	    !endpoint_eq(info.proc, ENDPOINT_NONE))
		*u = (struct user){ .proc = info.proc, .space = info.space };
	if (!space_is_live(u->space) || endpoint_slot(u->proc) != n)
		*u = (struct user){ .space = 0 };
}

/* A space whose last process we did not see go ends now. One that has had none yet says so. */
static void check_processes(void)
{
	static uint16_t count[NR_SPACES];

	memset(count, 0, sizeof(count));
	for (unsigned n = 0; n < NR_PROCS; n++) {
		check_user(n);
		count[state.user[n].space]++;
	}
	for (unsigned n = FIRST_SPACE; n < NR_SPACES; n++) {
		if (state.space[n].processes == count[n])
			continue;
		state.space[n].processes = count[n];
		counts++;
		if (count[n] == 0 && state.space[n].phase == SPACE_LIVE)
			space_end(n);
	}
}

static void scavenge(void)
{
	unsigned lists;

	half_made = orphans = swept = counts = 0;
	scratch_close();
	lists = regions_rebuild();
	waits_rebuild();
	cache_scan();
	sweep(HOLDER);
	for (unsigned n = FIRST_SPACE; n < NR_SPACES; n++)
		check_space(n);
	check_objects();
	check_processes();
	print("recovered: %u frames free; ended %u half-made, %u unknown spaces, %u objects\n",
	      frames_free(), half_made, orphans, objects);
	if (lists != 0)
		print("recovered: made %u lists of regions anew\n", lists);
	if (swept != 0 || counts != 0)
		print("recovered: swept %u ranges, corrected %u counts\n", swept, counts);
	state.strangers = 1;
	notify(ID_PM);
}

/* Without a crash: what has been lost all the same. */
void memory_find(void)
{
	unsigned spaces = 0;

	for (unsigned n = FIRST_SPACE; n < NR_SPACES; n++)
		if (is_orphan(n)) {
			space_end(n);
			spaces++;
		}
	if (spaces != 0)
		print("repaired: %u spaces were nobody's\n", spaces);
	frames_find();
}

err_t vm_check(void)
{
	scavenge();
	return 0;
}

/* Frames, spaces and what services have the kernel tells. Of no program is known what its memory
 * means: all are strangers. */
void vm_begin_again(void)
{
	index_scan();
	pressure();                     /* vfs finds out that we are another */
	scavenge();
}

static bool is_stranger(unsigned slot, endpoint_t *proc)
{
	struct proc_info_request req = { .slot = slot };
	struct proc_info_reply info;

	if (sys_proc_info(&req, &info) != 0)
		return false;
	*proc = info.proc;
	return !endpoint_eq(info.proc, ENDPOINT_NONE) && space_of(info.proc) == 0;
}

bool stranger_next(endpoint_t *proc)
{
	for (unsigned n = FIRST_PROGRAM; state.strangers && n < NR_PROCS; n++)
		if (is_stranger(n, proc))
			return true;
	state.strangers = 0;
	return false;
}
