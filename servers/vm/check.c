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

static unsigned half_made, orphans, swept, objects, counts;

static bool kernel_has(unsigned space)
{
	struct space_query_request req = { .space = (uint16_t)space };
	struct space_query_reply page;

	return sys_space_query(&req, &page) != -EINVAL;
}

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

static void check_space(unsigned n)
{
	struct space *s = &state.space[n];

	if (s->phase == SPACE_BUILDING || s->phase == SPACE_DYING) {
		space_end(n);
		half_made++;
	} else if (s->phase == SPACE_NONE && kernel_has(n)) {
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

static void check_processes(void)
{
	static uint16_t count[NR_SPACES];

	memset(count, 0, sizeof(count));
	for (unsigned n = 0; n < NR_PROCS; n++)
		if (state.user[n].space < NR_SPACES)
			count[state.user[n].space]++;
		else
			state.user[n] = (struct user){ .space = 0 };
	for (unsigned n = FIRST_SPACE; n < NR_SPACES; n++) {
		if (state.space[n].processes == count[n])
			continue;
		state.space[n].processes = count[n];
		counts++;
	}
}

err_t vm_check(void)
{
	unsigned lists;

	half_made = orphans = swept = counts = 0;
	scratch_close();
	lists = regions_rebuild();
	if (!waits_rebuild())
		return -EINVAL;
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
	return 0;
}
