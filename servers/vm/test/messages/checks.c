/* SPDX-License-Identifier: BSD-2-Clause
 * checks.c - is what vm remembers as the kernel has it, and is memory of programs their own?
 *
 * Job:      looks at V1..V8 (state.h), at frames that are free, at who waits; programs mark their
 *           pages, so that one that comes to somebody else is recognized.
 * Speaks:   nothing.
 * Touches:  pages of programs.
 * Trusts:   the kernel (kernel/test/memory).
 * On crash: it is a host test: it fails.
 */
#include <stdio.h>

#include "clients.h"

enum { MARK_AT = 0x7f0 };               /* where a program marks its pages */

/* Who has written a page, and when. A family: a space and its copies. */
struct mark { uint32_t family, life; uint64_t when, sum; };

static struct { uint32_t family, life; uint64_t birth; } space_is[NR_SPACES];
static unsigned made;
bool sound = true;

bool is_so(bool is, const char *what)
{
	if (!is)
		printf("    not so: %s\n", what);
	sound &= is;
	return is;
}

/* ---- what programs keep in their memory ---- */

void begins(unsigned space, unsigned copied_from)
{
	space_is[space].family = copied_from != 0 ? space_is[copied_from].family : made + 1;
	space_is[space].life = ++made;
	space_is[space].birth = serial;
}

static uint64_t sum_of(const struct mark *m)
{
	return (m->when << 32 ^ m->family) * 0x9e3779b97f4a7c15ull + m->life;
}

void look_page(unsigned space, uint64_t va, pfn_t pfn, bool write)
{
	unsigned kind = region(region_find(space, va))->kind;
	struct mark *m = (struct mark *)((uint8_t *)memory_at(pfn) + MARK_AT);

	if (kind == REGION_NONE || kind == REGION_FIXED)
		return;
	if (m->sum == sum_of(m) && m->sum != 0) {
		is_so(kind != REGION_FILE_SHARED, "no file has what a program keeps");
		is_so(m->family == space_is[space].family, "a page is nobody else's");
		is_so(kind == REGION_OBJECT || m->life == space_is[space].life ||
		      m->when < space_is[space].birth, "a copied page is one's own");
	}
	if (!write || kind == REGION_FILE_SHARED)
		return;
	*m = (struct mark){ space_is[space].family, space_is[space].life, serial, 0 };
	m->sum = sum_of(m);
}

void use(endpoint_t who)
{
	unsigned space = space_of(who), flags;
	uint64_t va = some_address(space);
	pfn_t pfn;

	if (space_is_live(space) && memory_page(space, va, &pfn, &flags) && !(flags & MAP_NONE))
		look_page(space, va, pfn, flags & MAP_WRITE);
}

/* V1 to V3 */
void check_regions(unsigned s)
{
	unsigned count = 0, prev = 0, flags;
	uint64_t va = 0;
	pfn_t pfn;

	for (unsigned n = state.space[s].first; n != 0; prev = n, n = region(n)->next, count++) {
		is_so(region(n)->space == s && region(n)->start < region(n)->end &&
		      region(n)->prev == prev, "V1: a list of regions");
		is_so(prev == 0 || region(prev)->end <= region(n)->start, "V1: its order");
		is_so(region_find(s, region(n)->start) == n, "V2: its tree");
	}
	is_so(count == state.space[s].regions, "regions are counted");
	for (; memory_next(s, &va, USER_END, &pfn, &flags); va += PAGE_SIZE) {
		is_so(region_find(s, va) != 0, "V3: a page lies in a region");
		if (s != HOLDER)
			look_page(s, va, pfn, false);
	}
}

/* ---- vm's state ---- */

static void check_spaces(void)
{
	static uint16_t users[NR_SPACES];
	static uint32_t refs[NR_REGIONS];

	memset(users, 0, sizeof(users));
	memset(refs, 0, sizeof(refs));
	for (unsigned n = 0; n < NR_PROCS; n++)
		users[state.user[n].space]++;
	for (unsigned s = HOLDER; s < NR_SPACES; s++) {
		if (state.space[s].phase != SPACE_LIVE)
			continue;
		check_regions(s);
		is_so(s == HOLDER || users[s] == state.space[s].processes, "processes are counted");
		for (unsigned n = state.space[s].first; s != HOLDER && n != 0; n = region(n)->next)
			if (region(n)->kind == REGION_OBJECT)
				refs[region_find(HOLDER, region(n)->file)]++;
	}
	is_so(refs[0] == 0, "an object that is named exists");
	for (unsigned n = state.space[HOLDER].first; n != 0; n = region(n)->next)
		is_so(region(n)->refs == refs[n], "V4: who names an object is counted");
}

static void check_waits(void)
{
	unsigned timed = 0, pages = 0, hungry = 0;
	uint64_t before = 0;

	for (unsigned n = FIRST_PROGRAM; n < NR_PROCS; n++) {
		const struct wait *w = &state.wait[n];
		unsigned at = w->kind == WAIT_FUTEX ? futex_next(w->key, ~0u, 0) : n;

		timed += w->kind != WAIT_NONE && w->timed;
		pages += (w->kind == WAIT_PAGE || w->kind == WAIT_POPULATE) && !w->told;
		hungry += w->kind == WAIT_MEMORY;
		while (at != n && at != 0)
			at = futex_next(w->key, ~0u, at);
		is_so(at == n || w->bitset == 0, "V6: a futex wait is in its queue");
		is_so(!memory_waits(n) ||
		      (w->kind != WAIT_NONE && endpoint_eq(w->client, memory_who(n))),
		      "V5: vm knows who waits for it");
	}
	for (unsigned n = state.soonest; n != 0 && timed != 0; n = state.wait[n].later, timed--) {
		is_so(state.wait[n].deadline >= before, "V7: the earliest first");
		before = state.wait[n].deadline;
	}
	for (unsigned n = state.pages.head; n != 0 && pages != 0; n = state.wait[n].next, pages--)
		is_so(!state.wait[n].told, "who is told is not to be told");
	is_so(timed == 0 && pages == 0, "all waits are in their lists");
	is_so(hungry == state.hungry, "who lacks memory is counted");
}

static void check_frames(void)
{
	unsigned flags;
	pfn_t pfn, own;

	is_so(frames_free() == memory_free(), "vm knows which frames are free");
	for (uint32_t slot = 0; slot < SLOTS; slot++) {
		uint64_t va = CACHE_VA + slot * (uint64_t)PAGE_SIZE;

		is_so(!cache_frame(slot, &own) ||
		      (memory_page(ID_VFS, va, &pfn, &flags) && own == pfn),
		      "vm knows the frames of the cache");
	}
}

bool check(void)
{
	check_spaces();
	check_waits();
	check_frames();
	printf("    %u spaces made, %u regions at most, %u frames free\n", made, state.region_top,
	       frames_free());
	return sound;
}
