/* SPDX-License-Identifier: BSD-2-Clause
 * fork.c - a copy of an address space.
 *
 * Job:      copies the regions; then has the kernel share the pages, private ones copy-on-write, in
 *           ranges as long as one mode allows, so a usual process is a handful of calls.
 * Speaks:   the kernel call space_share.
 * Touches:  both spaces.
 * Trusts:   nothing the kernel refuses.
 * On crash: a space that is BUILDING is taken down by check.c, and the fork is done again.
 */
#include "vm.h"

#include <lib/assert.h>

enum { SHARE_SPARES = 64 };

static err_t share_pages(unsigned from, unsigned to, uint64_t start, uint64_t end, uint32_t mode)
{
	struct space_share_request req = {
		.from = (uint16_t)from, .to = (uint16_t)to, .mode = mode,
	};

	while (start < end) {
		struct space_share_reply reply = { .done = 0 };
		unsigned have;
		err_t err;

		req.spares = (uint64_t)(uintptr_t)frames_peek(SHARE_SPARES, &have);
		req.nr_spares = have;
		req.va = start;
		req.pages = (end - start) / PAGE_SIZE;
		err = sys_space_share(&req, &reply);
		frames_taken(0, 0, reply.used);
		state.space[to].tables += reply.used;
		start += reply.done * PAGE_SIZE;
		if (err != 0 && (err != -ENOMEM || (reply.used == 0 && reply.done == 0)))
			return -ENOMEM;
	}
	return 0;
}

static bool is_shared(const struct region *r)
{
	return r->kind == REGION_OBJECT || r->kind == REGION_FILE_SHARED ||
	       r->kind == REGION_FIXED;
}

static bool is_left_out(const struct region *r)
{
	return r->flags & (REGION_NO_FORK | REGION_WIPE);
}

/* Regions that follow each other and are shared in one mode go in one range. *count: those that
 * were looked at. */
static err_t copy_pages(unsigned parent, unsigned child, unsigned *count)
{
	unsigned n = state.space[parent].first;

	for (*count = 0; n != 0; (*count)++) {
		const struct region *r = region(n);
		uint64_t start = r->start, end = r->end;
		bool shared = is_shared(r), left_out = is_left_out(r);
		err_t err;

		n = r->next;
		while (n != 0 && is_shared(region(n)) == shared &&
		       is_left_out(region(n)) == left_out) {
			end = region(n)->end;
			n = region(n)->next;
			(*count)++;
		}
		if (left_out)
			continue;
		err = share_pages(parent, child, start, end, shared ? SHARE_SAME : SHARE_COW);
		if (err != 0)
			return err;
	}
	return 0;
}

static err_t copy_regions(unsigned parent, unsigned child)
{
	unsigned count = 0;

	for (unsigned n = state.space[parent].first; n != 0; n = region(n)->next) {
		struct region r = *region(n);

		if (r.flags & REGION_NO_FORK)
			continue;
		if (!is_shared(&r) && !(r.flags & REGION_FORKED)) {
			r.flags |= REGION_FORKED;
			region(n)->flags |= REGION_FORKED;
		}
		r.space = (uint16_t)child;
		if (region_insert(&r) == 0)
			return -ENOMEM;
		if (++count % 16 == 0)
			undo_commit();
	}
	undo_commit();
	return 0;
}

err_t space_fork(unsigned parent, unsigned *child)
{
	const struct space *p = &state.space[parent];
	struct space *c;
	unsigned count = 0;
	err_t err = space_begin(child);

	if (err != 0)
		return err;
	c = &state.space[*child];
	err = region_room(*child, p->regions) ? copy_regions(parent, *child) : -ENOMEM;
	if (err == 0)
		err = copy_pages(parent, *child, &count);
	if (err != 0) {
		space_end(*child);
		return -ENOMEM;
	}
	assert(count == p->regions);    /* else the child would find zeros */
	c->brk_start = p->brk_start;
	c->brk = p->brk;
	c->search = p->search;
	c->limit_total = p->limit_total;
	c->limit_data = p->limit_data;
	c->resident = p->resident;
	c->phase = SPACE_LIVE;
	return 0;
}
