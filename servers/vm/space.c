/* SPDX-License-Identifier: BSD-2-Clause
 * space.c - address spaces, and the pages in them.
 *
 * Job:      makes and ends spaces; maps, protects and unmaps pages with the frames of frames.c.
 * Speaks:   the kernel calls space_*.
 * Touches:  state.space, state.user; spaces of programs and HOLDER.
 * Trusts:   nothing the kernel refuses; its callers' ranges are page aligned.
 * On crash: regions change first, pages after: what is mapped outside a region is swept by check.c.
 */
#include "vm.h"

#include <abi/boot.h>
#include <lib/assert.h>
#include <lib/print.h>
#include <lib/service_ids.h>

extern const char vdso_start[], vdso_end[];     /* vdso_image.S */

enum { FREED = 512 };

static pfn_t freed[FREED];
static pfn_t clock_pfn, vdso_pfn[VDSO_PAGES_MAX];
static unsigned vdso_pages;

/* ---- start ---- */

static void find_fixed(void)
{
	static struct boot_info info;
	struct boot_info_request req = { .address = (uint64_t)(uintptr_t)&info };
	err_t err = sys_boot_info(&req);

	assert(err == 0);
	clock_pfn = info.clock_pfn;
	vdso_pages = (unsigned)((vdso_end - vdso_start) / PAGE_SIZE);
	assert(vdso_pages <= VDSO_PAGES_MAX);
	for (unsigned i = 0; i < vdso_pages; i++) {
		struct space_query_reply page;
		uint64_t va = (uint64_t)(uintptr_t)vdso_start + i * (uint64_t)PAGE_SIZE;

		assert(page_query(ID_VM, va, &page));
		vdso_pfn[i] = page.pfn;
	}
}

pfn_t clock_page(void)
{
	return clock_pfn;
}

bool space_exists(unsigned space)
{
	struct space_query_request req = { .space = (uint16_t)space };
	struct space_query_reply page;

	return sys_space_query(&req, &page) != -EINVAL;
}

/* HOLDER exists from now on. True: it did before. */
static bool make_holder(void)
{
	struct space_create_request req = { .space = HOLDER, .priv = PRIV_PROGRAM };
	unsigned have;
	err_t err;

	if (space_exists(HOLDER))
		return true;
	req.root = *frames_peek(1, &have);
	assert(have == 1);
	err = sys_space_create(&req);
	assert(err == 0);
	frames_taken(1, 1, 0);
	return false;
}

bool spaces_init(enum start_kind kind)
{
	bool again;

	find_fixed();
	again = make_holder();
	if (kind == START_FRESH)
		state.space[HOLDER] = (struct space){ .phase = SPACE_LIVE, .search = MMAP_TOP };
	return again;
}

/* ---- pages ---- */

err_t pages_map(unsigned space, const struct map_run *run, unsigned n, unsigned own)
{
	bool copies = run[0].va & MAP_COPY;
	struct space_map_request req = {
		.space = (uint16_t)space, .count = n, .runs = (uint64_t)(uintptr_t)run,
	};
	unsigned have, total = 0;
	err_t err;

	for (unsigned i = 0; i < n; i++)
		total += run[i].count;
	for (;;) {
		const pfn_t *next = frames_peek(own + SPARES, &have);
		struct space_map_reply reply = { .done = 0 };
		unsigned used;

		req.spares = (uint64_t)(uintptr_t)(next + own);
		req.nr_spares = have > own ? have - own : 0;
		err = sys_space_map(&req, &reply);
		if (err == -ENOMEM && reply.used != 0) {
			frames_taken(own, 0, reply.used);       /* tables; the runs go again */
			state.space[space].tables += reply.used;
			continue;
		}
		used = reply.done + own > total ? reply.done + own - total : 0;
		frames_taken(own, copies ? used - reply.kept : used, reply.used);
		state.space[space].resident += copies ? 0 : reply.done - reply.kept;
		state.space[space].tables += reply.used;
		return err;
	}
}

void pages_unmap(unsigned space, uint64_t start, uint64_t end)
{
	struct space_unmap_request req = {
		.space = (uint16_t)space, .max = FREED, .address = (uint64_t)(uintptr_t)freed,
	};
	struct space *s = &state.space[space];

	while (start < end) {
		struct space_unmap_reply reply = { .done = 0 };
		err_t err;

		req.va = start;
		req.pages = (end - start) / PAGE_SIZE;
		err = sys_space_unmap(&req, &reply);
		assert(err == 0);
		frames_put(freed, reply.count);
		if (reply.pages != 0)
			s->resident -= reply.pages < s->resident ? reply.pages : s->resident;
		start += reply.done * PAGE_SIZE;
	}
}

void pages_protect(unsigned space, uint64_t start, uint64_t end, unsigned flags)
{
	struct space_protect_request req = { .space = (uint16_t)space, .prot = (uint16_t)flags };

	while (start < end) {
		struct space_protect_reply reply;
		err_t err;

		req.va = start;
		req.pages = (end - start) / PAGE_SIZE;
		err = sys_space_protect(&req, &reply);
		assert(err == 0);
		start += reply.done * PAGE_SIZE;
	}
}

bool page_query(unsigned space, uint64_t address, struct space_query_reply *page)
{
	struct space_query_request req = { .space = (uint16_t)space, .va = page_down(address) };

	return sys_space_query(&req, page) == 0 && page->va == req.va;
}

unsigned map_flags(const struct region *r)
{
	return r->prot == 0 ? MAP_NONE :
		(r->prot & WRITE ? MAP_WRITE : 0u) | (r->prot & EXEC ? MAP_EXEC : 0u);
}

/* ---- ranges ---- */

/* Rows that it takes to have a region begin there. */
static unsigned cuts(unsigned space, uint64_t address)
{
	unsigned n = region_find(space, address);

	return n != 0 && region(n)->start != address;
}

err_t range_unmap(unsigned space, uint64_t start, uint64_t end)
{
	unsigned n, count = cuts(space, start) + cuts(space, end);

	if (count != 0 && !region_room(space, count))
		return -ENOMEM;
	count = 0;
	if (region_cut(space, start) != 0 || region_cut(space, end) != 0)
		return -ENOMEM;
	for (n = region_above(space, start); n != 0 && region(n)->start < end;
	     n = region_above(space, start)) {
		region_remove(n);
		if (++count % 32 == 0)
			undo_commit();          /* unmapping more of it is what was asked for */
	}
	pages_unmap(space, start, end);
	objects_reap();
	return 0;
}

/* ---- begin and end ---- */

unsigned space_of(endpoint_t proc)
{
	const struct user *u = &state.user[endpoint_slot(proc) % NR_PROCS];

	return endpoint_eq(u->proc, proc) ? u->space : 0;
}

bool space_is_live(unsigned space)
{
	return space >= FIRST_SPACE && space < NR_SPACES &&
	       state.space[space].phase == SPACE_LIVE;
}

static unsigned find_unused(void)
{
	for (unsigned n = FIRST_SPACE; n < NR_SPACES; n++)
		if (state.space[n].phase == SPACE_NONE)
			return n;
	return 0;
}

static err_t create(unsigned space)
{
	unsigned have;
	struct space_create_request req = {
		.space = (uint16_t)space, .root = *frames_peek(1, &have), .priv = PRIV_PROGRAM,
	};

	return have == 0 ? -ENOMEM : sys_space_create(&req);
}

/* The kernel has it still: it was forgotten. If a process uses it, it goes later. */
static void reclaim(unsigned space)
{
	print("repaired: space %u was nobody's\n", space);
	state.space[space].phase = space_destroy(space) ? SPACE_NONE : SPACE_DYING;
	undo_commit();
}

err_t space_begin(unsigned *space)
{
	unsigned n;
	err_t err;

	do {
		n = find_unused();
		if (n == 0 || !frames_plenty(SPARES))
			return -ENOMEM;
		state.space[n] = (struct space){ .phase = SPACE_BUILDING, .search = MMAP_TOP };
		undo_commit();
		err = create(n);
		if (err == -EEXIST)
			reclaim(n);
	} while (err == -EEXIST);
	if (err != 0) {
		state.space[n].phase = SPACE_NONE;
		return -ENOMEM;
	}
	frames_taken(1, 1, 0);
	*space = n;
	return 0;
}

_Static_assert(VDSO_VA == VVAR_VA + PAGE_SIZE, "a page's number is that of its distance");

/* The clock page, and behind it those of the vDSO. */
static struct map_run fixed_run(unsigned page)
{
	if (page == 0)
		return (struct map_run){ VVAR_VA, clock_pfn, 1 };
	return (struct map_run){ (VVAR_VA + page * (uint64_t)PAGE_SIZE) | MAP_EXEC,
				 vdso_pfn[page - 1], 1 };
}

/* That page and no other: where a program has put something else it must not find ours. */
err_t space_fixed_page(unsigned space, uint64_t at)
{
	uint64_t page = (at - VVAR_VA) / PAGE_SIZE;
	struct map_run run;

	if (at < VVAR_VA || page > vdso_pages)
		return -EFAULT;
	run = fixed_run((unsigned)page);
	return pages_map(space, &run, 1, 0);
}

err_t space_fixed(unsigned space)
{
	struct region r = {
		.space = (uint16_t)space, .kind = REGION_FIXED,
		.start = VVAR_VA, .end = VVAR_VA + PAGE_SIZE, .prot = READ,
	};
	struct map_run run[1 + VDSO_PAGES_MAX];
	err_t err;

	if (!region_room(space, 2))
		return -ENOMEM;
	for (unsigned i = 0; i <= vdso_pages; i++)
		run[i] = fixed_run(i);
	err = pages_map(space, run, 1 + vdso_pages, 0);
	if (err != 0)
		return err;
	region_insert(&r);
	r.start = VDSO_VA;
	r.end = VDSO_VA + vdso_pages * (uint64_t)PAGE_SIZE;
	r.prot = READ | EXEC;
	region_insert(&r);
	return 0;
}

/* The kernel takes it down; false: a process still uses it. */
bool space_destroy(unsigned space)
{
	struct space_destroy_request req = {
		.space = (uint16_t)space, .max = FREED, .address = (uint64_t)(uintptr_t)freed,
	};
	struct space_destroy_reply reply;

	for (;;) {
		err_t err;

		reply = (struct space_destroy_reply){ .count = 0 };
		err = sys_space_destroy(&req, &reply);
		if (err == -EINVAL)
			return true;
		if (err != 0)
			return false;
		frames_put(freed, reply.count);
		if (reply.done)
			return true;
	}
}

void space_end(unsigned space)
{
	struct space *s = &state.space[space];
	unsigned count = 0;

	s->phase = SPACE_DYING;
	undo_commit();
	while (s->first != 0) {
		region_remove(s->first);
		if (++count % 32 == 0)
			undo_commit();
	}
	undo_commit();
	if (space_destroy(space))
		s->phase = SPACE_NONE;
	objects_reap();
	waits_for_memory_again();
}

void spaces_reap(void)
{
	for (unsigned n = FIRST_SPACE; n < NR_SPACES; n++)
		if (state.space[n].phase == SPACE_DYING && space_destroy(n))
			state.space[n].phase = SPACE_NONE;
}
