/* SPDX-License-Identifier: BSD-2-Clause
 * object.c - shared anonymous memory.
 *
 * Job:      an object is a region of HOLDER, a space that no process uses: its page tables are the
 *           list of the object's pages, and its mapping keeps each of them alive.
 * Speaks:   kernel calls, through space.c.
 * Touches:  HOLDER.
 * Trusts:   refs (V4), which check.c counts again.
 * On crash: an object that no region names is taken down by check.c.
 */
#include "vm.h"

uint64_t object_new(uint64_t len)
{
	struct region r = { .space = HOLDER, .kind = REGION_ANON, .prot = READ | WRITE };

	if (!region_room(HOLDER, 1))
		return 0;
	r.start = region_gap(HOLDER, len, MMAP_TOP);
	r.end = r.start + len;
	return r.start != 0 && region_insert(&r) != 0 ? r.start : 0;
}

/* The frame of an object's page, made if need be. */
err_t object_page(uint64_t address, pfn_t *pfn)
{
	struct space_query_reply page;
	struct map_run run = { page_down(address) | MAP_WRITE | MAP_ZERO, 0, 1 };
	unsigned have;
	err_t err;

	if (page_query(HOLDER, address, &page)) {
		*pfn = page.pfn;
		return 0;
	}
	*pfn = run.pfn = *frames_peek(1, &have);
	if (have == 0 || !frames_plenty(1))
		return -ENOMEM;
	err = pages_map(HOLDER, &run, 1, 1);
	if (err == 0)
		region(region_find(HOLDER, address))->limit++;
	return err;
}

void objects_reap(void)
{
	unsigned next, count = 0;

	if (state.dead_objects == 0)
		return;
	state.dead_objects = 0;
	for (unsigned n = state.space[HOLDER].first; n != 0; n = next) {
		uint64_t start = region(n)->start, end = region(n)->end;

		next = region(n)->next;
		if (region(n)->refs != 0)
			continue;
		region_remove(n);
		pages_unmap(HOLDER, start, end);
		if (++count % 32 == 0)
			undo_commit();          /* check.c counts and reaps the others */
	}
}
