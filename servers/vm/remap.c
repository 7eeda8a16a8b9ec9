/* SPDX-License-Identifier: BSD-2-Clause
 * remap.c - the Linux call mremap.
 *
 * Job:      shrinks, grows in place, or moves a mapping with its pages.
 * Speaks:   Linux's mremap(2), without MREMAP_DONTUNMAP.
 * Touches:  the caller's space.
 * Trusts:   nothing.
 * On crash: pages are mapped at the new place before the old region goes; what a crash leaves
 *           mapped outside a region, check.c sweeps, and the call is done again.
 */
#include "vm.h"

enum { MREMAP_MAYMOVE = 1, MREMAP_FIXED = 2, MAP_FIXED = 16, RUNS = 64 };

struct move { uint64_t from, from_len, to, len; };

/* Map up to RUNS of the pages from *at on at their new place. False: no more. */
static bool move_some(unsigned space, const struct move *m, uint64_t *at, err_t *err)
{
	struct space_query_request req = { .space = (uint16_t)space, .va = *at };
	uint64_t end = m->from + (m->from_len < m->len ? m->from_len : m->len);
	struct space_query_reply page;
	struct map_run run[RUNS];
	unsigned n = 0;

	while (n < RUNS && req.va < end && sys_space_query(&req, &page) == 0 && page.va < end) {
		run[n++] = (struct map_run){
			(m->to + (page.va - m->from)) | (page.prot & (MAP_WRITE | MAP_EXEC)),
			page.pfn, 1,
		};
		req.va = page.va + PAGE_SIZE;
	}
	*at = req.va;
	*err = n != 0 ? pages_map(space, run, n, 0) : 0;
	return n == RUNS && *err == 0;
}

static err_t move_pages(unsigned space, const struct move *m)
{
	uint64_t at = m->from;
	err_t err;

	while (move_some(space, m, &at, &err))
		;
	return err;
}

/* The region n, which is all of m's old range, goes to the new one. */
static int64_t move(const struct delivery *d, unsigned space, unsigned n, const struct move *m)
{
	struct region r = *region(n);
	unsigned new;

	r.start = m->to;
	r.end = m->to + m->len;
	r.flags &= (uint16_t)~REGION_GROWS;
	new = region_insert(&r);
	if (new == 0)
		return -ENOMEM;
	if (move_pages(space, m) != 0) {
		region_remove(new);
		pages_unmap(space, m->to, m->to + m->len);
		return -ENOMEM;
	}
	region_remove(n);
	region_join(new);
	done_now(d->m.peer, d->serial, (int64_t)m->to);
	pages_unmap(space, m->from, m->from + m->from_len);
	return (int64_t)m->to;
}

static bool grow_in_place(unsigned space, unsigned n, uint64_t end)
{
	if (region(n)->kind == REGION_OBJECT || region(n)->kind == REGION_FIXED ||
	    region(n)->tail != 0 || end > USER_END ||
	    !region_is_empty(space, region(n)->end, end) ||
	    !limit_allows(region(n), end - region(n)->end, 0, 0))
		return false;
	region(n)->end = end;
	region_join(n);
	return true;
}

static int64_t move_to_room(const struct delivery *d, unsigned space, struct move *m, bool fixed)
{
	unsigned n;

	if (!region_room(space, 3))
		return -ENOMEM;
	if (fixed && range_unmap(space, m->to, m->to + m->len) != 0)
		return -ENOMEM;
	if (region_cut(space, m->from) != 0 || region_cut(space, m->from + m->from_len) != 0)
		return -ENOMEM;
	n = region_find(space, m->from);
	if (n == 0 || region(n)->kind == REGION_FIXED)
		return -EFAULT;
	if (m->len > m->from_len && (region(n)->kind == REGION_OBJECT || region(n)->tail != 0))
		return -ENOMEM;
	if (!limit_allows(region(n), m->len, m->from, m->from + m->from_len))
		return -ENOMEM;
	if (!fixed)
		m->to = region_gap(space, m->len, MMAP_TOP);
	return m->to != 0 ? move(d, space, n, m) : -ENOMEM;
}

static int64_t check_fixed(const struct move *m)
{
	if (m->to % PAGE_SIZE != 0 || m->to < USER_LOW || m->to > USER_END ||
	    m->len > USER_END - m->to)
		return -EINVAL;
	if (m->to < m->from + m->from_len && m->from < m->to + m->len)
		return -EINVAL;
	return 0;
}

int64_t linux_mremap(unsigned space, const struct delivery *d)
{
	uint64_t flags = d->m.w[3];
	struct move m = {
		.from = d->m.w[0], .from_len = page_up(d->m.w[1]), .len = page_up(d->m.w[2]),
		.to = d->m.w[4],
	};
	unsigned n = region_find(space, m.from);
	bool fixed = flags & MREMAP_FIXED;

	if (flags & ~(uint64_t)(MREMAP_MAYMOVE | MREMAP_FIXED) || m.from % PAGE_SIZE != 0 ||
	    m.len == 0 || m.len > USER_END || (fixed && !(flags & MREMAP_MAYMOVE)) ||
	    m.from_len == 0)
		return -EINVAL;
	if (n == 0 || m.from_len > region(n)->end - m.from)
		return -EFAULT;
	if (fixed) {
		int64_t err = check_fixed(&m);

		return err != 0 ? err : move_to_room(d, space, &m, true);
	}
	if (m.len <= m.from_len) {
		if (m.len < m.from_len &&
		    range_unmap(space, m.from + m.len, m.from + m.from_len) != 0)
			return -ENOMEM;
		return (int64_t)m.from;
	}
	if (m.from + m.from_len == region(n)->end && grow_in_place(space, n, m.from + m.len))
		return (int64_t)m.from;
	return flags & MREMAP_MAYMOVE ? move_to_room(d, space, &m, false) : -ENOMEM;
}
