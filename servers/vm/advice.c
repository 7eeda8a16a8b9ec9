/* SPDX-License-Identifier: BSD-2-Clause
 * advice.c - the Linux calls madvise, mincore, msync, mlock and their kin.
 *
 * Job:      what changes memory is done (DONTNEED, FREE, POPULATE, fork advice); what only hints is
 *           checked and forgotten.
 * Speaks:   Linux's calls; hands an msync that has to write to vfs.
 * Touches:  the caller's space.
 * Trusts:   nothing.
 * On crash: each of these may be done again.
 */
#include "vm.h"

#include <lib/service_ids.h>

enum {
	MADV_NORMAL = 0, MADV_WILLNEED = 3, MADV_DONTNEED = 4, MADV_FREE = 8, MADV_REMOVE = 9,
	MADV_DONTFORK = 10, MADV_DOFORK = 11, MADV_MERGEABLE = 12, MADV_DODUMP = 17,
	MADV_WIPEONFORK = 18, MADV_KEEPONFORK = 19, MADV_COLD = 20, MADV_PAGEOUT = 21,
	MADV_POPULATE_READ = 22, MADV_POPULATE_WRITE = 23, MADV_DONTNEED_LOCKED = 24,
};
enum { MS_ASYNC = 1, MS_INVALIDATE = 2, MS_SYNC = 4 };
enum { LINUX_MLOCK2 = 325, LINUX_MUNLOCK = 150, MLOCK_ONFAULT = 1 };

/* The range that most of these calls begin with: 0, -EINVAL, or 1 if it is empty. */
static int64_t take_range(const struct delivery *d, uint64_t *start, uint64_t *end)
{
	uint64_t len = page_up(d->m.w[1]);

	*start = d->m.w[0];
	*end = *start + len;
	if (*start % PAGE_SIZE != 0 || (d->m.w[1] != 0 && len == 0) || *end < *start)
		return -EINVAL;
	if (*end > USER_END)
		return -ENOMEM;
	return len == 0;
}

/* ---- madvise ---- */

static void forget(unsigned space, uint64_t start, uint64_t end)
{
	while (start < end) {
		unsigned n = region_above(space, start);
		uint64_t from, to;

		if (n == 0 || region(n)->start >= end)
			return;
		from = region(n)->start > start ? region(n)->start : start;
		to = region(n)->end < end ? region(n)->end : end;
		if (region(n)->kind != REGION_FIXED)
			pages_unmap(space, from, to);
		start = to;
	}
}

static err_t set_flag(unsigned space, uint64_t start, uint64_t end, unsigned set, unsigned clear)
{
	unsigned count = 0;

	if (!region_room(space, 2) || region_cut(space, start) != 0 ||
	    region_cut(space, end) != 0)
		return -ENOMEM;
	for (unsigned n = region_above(space, start); n != 0 && region(n)->start < end;
	     n = region(n)->next) {
		if (set == REGION_WIPE && region(n)->kind != REGION_ANON)
			return -EINVAL;
		region(n)->flags = (uint16_t)((region(n)->flags | set) & ~clear);
		if (++count % 64 == 0)
			undo_commit();
	}
	return 0;
}

static int64_t advise(unsigned space, uint64_t start, uint64_t end, uint64_t advice)
{
	switch (advice) {
	case MADV_DONTNEED:
	case MADV_DONTNEED_LOCKED:
	case MADV_FREE:
		forget(space, start, end);
		return 0;
	case MADV_DONTFORK:
		return set_flag(space, start, end, REGION_NO_FORK, 0);
	case MADV_DOFORK:
		return set_flag(space, start, end, 0, REGION_NO_FORK);
	case MADV_WIPEONFORK:
		return set_flag(space, start, end, REGION_WIPE, 0);
	case MADV_KEEPONFORK:
		return set_flag(space, start, end, 0, REGION_WIPE);
	case MADV_POPULATE_READ:
	case MADV_POPULATE_WRITE:
		range_populate(space, start, end, advice == MADV_POPULATE_WRITE);
		return 0;
	default:
		return 0;
	}
}

static bool known(uint64_t advice)
{
	return advice <= MADV_DONTNEED || advice == MADV_FREE ||
	       (advice >= MADV_DONTFORK && advice <= MADV_DONTNEED_LOCKED);
}

int64_t linux_madvise(unsigned space, const struct delivery *d)
{
	uint64_t start, end;
	int64_t err = take_range(d, &start, &end);

	if (!known(d->m.w[2]))
		return -EINVAL;
	if (err != 0)
		return err > 0 ? 0 : err;
	err = advise(space, start, end, d->m.w[2]);
	if (err == 0 && !region_covers(space, start, end))
		err = -ENOMEM;
	return err;
}

/* ---- mincore ---- */

enum { VEC = 1024 };

/* Which pages from start on are mapped, up to VEC of them. */
static void look(unsigned space, uint64_t start, uint64_t pages, uint8_t *vec)
{
	struct space_query_request req = { .space = (uint16_t)space, .va = start };
	struct space_query_reply page;
	uint64_t end = start + pages * PAGE_SIZE;

	memset(vec, 0, pages);
	while (req.va < end && sys_space_query(&req, &page) == 0 && page.va < end) {
		vec[(page.va - start) / PAGE_SIZE] = 1;
		req.va = page.va + PAGE_SIZE;
	}
}

int64_t linux_mincore(unsigned space, const struct delivery *d)
{
	static uint8_t vec[VEC];
	uint64_t start, end, to = d->m.w[2];
	int64_t err = take_range(d, &start, &end);

	if (err != 0)
		return err > 0 ? 0 : err;
	if (!region_covers(space, start, end))
		return -ENOMEM;
	while (start < end) {
		uint64_t pages = (end - start) / PAGE_SIZE;

		if (pages > VEC)
			pages = VEC;
		look(space, start, pages, vec);
		err = user_write(d, to, vec, pages);
		if (err != 0)
			return err;
		start += pages * PAGE_SIZE;
		to += pages;
	}
	return 0;
}

/* ---- msync, mlock ---- */

int64_t linux_msync(unsigned space, const struct delivery *d)
{
	uint64_t start, end, flags = d->m.w[2];
	int64_t err = take_range(d, &start, &end);

	if (flags & ~(uint64_t)(MS_ASYNC | MS_INVALIDATE | MS_SYNC) ||
	    (flags & MS_ASYNC && flags & MS_SYNC))
		return -EINVAL;
	if (err != 0)
		return err > 0 ? 0 : err;
	if (!region_covers(space, start, end))
		return -ENOMEM;
	if (!(flags & MS_SYNC))
		return 0;
	for (unsigned n = region_find(space, start); n != 0 && region(n)->start < end;
	     n = region(n)->next)
		if (region(n)->kind == REGION_FILE_SHARED)
			return ipc_forward(d->m.peer, d->serial, service_now(ID_VFS)) == 0
				? NO_REPLY : -EIO;
	return 0;
}

/* Nothing is ever paged out, so locking is populating. */
int64_t linux_mlock(unsigned space, const struct delivery *d)
{
	struct delivery whole = *d;
	uint64_t start, end;
	int64_t err;

	if (d->m.type == LINUX_MLOCK2 && d->m.w[2] & ~(uint64_t)MLOCK_ONFAULT)
		return -EINVAL;
	whole.m.w[1] += whole.m.w[0] % PAGE_SIZE;
	whole.m.w[0] = page_down(whole.m.w[0]);
	err = take_range(&whole, &start, &end);
	if (err != 0)
		return err > 0 ? 0 : err;
	if (!region_covers(space, start, end))
		return -ENOMEM;
	if (d->m.type != LINUX_MUNLOCK && !(d->m.type == LINUX_MLOCK2 && d->m.w[2] != 0))
		range_populate(space, start, end, false);
	return 0;
}
