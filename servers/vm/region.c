/* SPDX-License-Identifier: BSD-2-Clause
 * region.c - the regions of address spaces: which addresses mean what.
 *
 * Job:      keeps each space's regions as a sorted list, finds them by a treap (a search tree that
 *           random priorities keep flat), cuts and joins them, finds room.
 * Speaks:   nothing: no kernel calls here, so all of it is tested on the host.
 * Touches:  rows of state.region, state.space, state.file_bucket.
 * Trusts:   its callers: ranges are page aligned and lie in the user half.
 * On crash: the undo log; regions_rebuild() makes tree, buckets and free list from the lists.
 */
#include "vm.h"

static uint16_t last_found[NR_SPACES];  /* a hint: checked before it is believed */

static bool is_file(const struct region *r)
{
	return r->kind == REGION_FILE || r->kind == REGION_FILE_SHARED;
}

/* ---- rows ---- */

static unsigned row_take(void)
{
	unsigned n = state.region_free;

	if (n != 0) {
		state.region_free = region(n)->next;
		return n;
	}
	if (state.region_top + 1 >= NR_REGIONS)
		return 0;
	return ++state.region_top;
}

static void row_give(unsigned n)
{
	region(n)->kind = REGION_NONE;
	region(n)->next = state.region_free;
	state.region_free = (uint16_t)n;
}

/* The last rows are for small programs: a few that map thousands of things do not stop all others
 * from being started. */
bool region_room(unsigned space, unsigned count)
{
	enum { FEW_REGIONS = 32, REGIONS_KEPT = NR_REGIONS / 8 };
	unsigned n = state.region_free;
	unsigned unused = NR_REGIONS - 1u - state.region_top;

	if (state.space[space].regions + count > REGIONS_PER_SPACE)
		return false;
	if (state.space[space].regions + count > FEW_REGIONS)
		count += REGIONS_KEPT;
	for (; count > unused && n != 0; n = region(n)->next)
		count--;
	return count <= unused;
}

/* ---- the tree ---- */

static uint32_t priority(unsigned n)
{
	uint32_t h = (uint32_t)n * 0x9e3779b1u;

	return h ^ h >> 15;
}

static void set_left(unsigned n, unsigned child)
{
	if (region(n)->left != child)
		region(n)->left = (uint16_t)child;
}

static void set_right(unsigned n, unsigned child)
{
	if (region(n)->right != child)
		region(n)->right = (uint16_t)child;
}

/* Cut the tree in two: what begins below start, and the rest. */
static void tree_cut(unsigned t, uint64_t start, unsigned *low, unsigned *high)
{
	unsigned part;

	if (t == 0) {
		*low = *high = 0;
	} else if (region(t)->start < start) {
		tree_cut(region(t)->right, start, &part, high);
		set_right(t, part);
		*low = t;
	} else {
		tree_cut(region(t)->left, start, low, &part);
		set_left(t, part);
		*high = t;
	}
}

static unsigned tree_join(unsigned low, unsigned high)
{
	if (low == 0 || high == 0)
		return low + high;
	if (priority(low) > priority(high)) {
		set_right(low, tree_join(region(low)->right, high));
		return low;
	}
	set_left(high, tree_join(low, region(high)->left));
	return high;
}

static unsigned tree_insert(unsigned t, unsigned n)
{
	unsigned low, high;

	if (t == 0 || priority(n) > priority(t)) {
		tree_cut(t, region(n)->start, &low, &high);
		set_left(n, low);
		set_right(n, high);
		return n;
	}
	if (region(n)->start < region(t)->start)
		set_left(t, tree_insert(region(t)->left, n));
	else
		set_right(t, tree_insert(region(t)->right, n));
	return t;
}

static unsigned tree_remove(unsigned t, unsigned n)
{
	if (t == n)
		return tree_join(region(t)->left, region(t)->right);
	if (region(n)->start < region(t)->start)
		set_left(t, tree_remove(region(t)->left, n));
	else
		set_right(t, tree_remove(region(t)->right, n));
	return t;
}

/* The last region that begins at or below address. */
static unsigned tree_floor(unsigned space, uint64_t address)
{
	unsigned t = state.space[space].root, found = 0;

	while (t != 0) {
		if (region(t)->start <= address) {
			found = t;
			t = region(t)->right;
		} else {
			t = region(t)->left;
		}
	}
	return found;
}

/* ---- lookup ---- */

static bool holds(unsigned n, unsigned space, uint64_t address)
{
	const struct region *r = region(n);

	return r->kind != REGION_NONE && r->space == space && r->start <= address &&
	       address < r->end;
}

unsigned region_find(unsigned space, uint64_t address)
{
	unsigned n = last_found[space];

	if (n != 0 && holds(n, space, address))
		return n;
	n = tree_floor(space, address);
	if (n == 0 || !holds(n, space, address))
		return 0;
	last_found[space] = (uint16_t)n;
	return n;
}

unsigned region_above(unsigned space, uint64_t address)
{
	unsigned n = tree_floor(space, address);

	if (n == 0)
		return state.space[space].first;
	return region(n)->end > address ? n : region(n)->next;
}

bool region_covers(unsigned space, uint64_t start, uint64_t end)
{
	unsigned n = region_find(space, start);

	while (n != 0 && region(n)->end < end) {
		unsigned next = region(n)->next;

		n = next != 0 && region(next)->start == region(n)->end ? next : 0;
	}
	return n != 0;
}

bool region_is_empty(unsigned space, uint64_t start, uint64_t end)
{
	unsigned n = region_above(space, start);

	return n == 0 || region(n)->start >= end;
}

/* ---- regions of a file ---- */

unsigned file_bucket(uint64_t file)
{
	return (unsigned)(file * 0x9e3779b97f4a7c15ull >> 54) % NR_FILE_BUCKETS;
}

static void file_link(unsigned n)
{
	uint16_t *head = &state.file_bucket[file_bucket(region(n)->file)];

	region(n)->file_prev = 0;
	region(n)->file_next = *head;
	if (*head != 0)
		region(*head)->file_prev = (uint16_t)n;
	*head = (uint16_t)n;
}

static void file_unlink(unsigned n)
{
	const struct region *r = region(n);

	if (r->file_prev != 0)
		region(r->file_prev)->file_next = r->file_next;
	else
		state.file_bucket[file_bucket(r->file)] = r->file_next;
	if (r->file_next != 0)
		region(r->file_next)->file_prev = r->file_prev;
}

/* ---- insert, remove ---- */

/* A region names an object once more or once less (V4). */
static void object_count(const struct region *r, int change)
{
	struct region *o;

	if (r->kind != REGION_OBJECT || r->space == HOLDER)
		return;
	o = region(region_find(HOLDER, r->file));
	if (o == region(0))
		return;
	o->refs = (uint32_t)((int)o->refs + change);
	if (o->refs == 0)
		state.dead_objects++;
}

unsigned region_insert(const struct region *r)
{
	struct space *s = &state.space[r->space];
	unsigned before = tree_floor(r->space, r->start);
	unsigned n = row_take(), next;

	if (n == 0)
		return 0;
	next = before != 0 ? region(before)->next : s->first;
	*region(n) = *r;
	region(n)->prev = (uint16_t)before;
	region(n)->next = (uint16_t)next;
	if (before != 0)
		region(before)->next = (uint16_t)n;
	else
		s->first = (uint16_t)n;
	if (next != 0)
		region(next)->prev = (uint16_t)n;
	s->root = (uint16_t)tree_insert(s->root, n);
	s->regions++;
	if (is_file(r))
		file_link(n);
	object_count(r, 1);
	return n;
}

void region_remove(unsigned n)
{
	struct region *r = region(n);
	struct space *s = &state.space[r->space];

	if (r->prev != 0)
		region(r->prev)->next = r->next;
	else
		s->first = r->next;
	if (r->next != 0)
		region(r->next)->prev = r->prev;
	s->root = (uint16_t)tree_remove(s->root, n);
	s->regions--;
	if (is_file(r))
		file_unlink(n);
	object_count(r, -1);
	if (r->end > s->search && r->end <= MMAP_TOP)
		s->search = r->end;
	row_give(n);
}

/* ---- cut, join, resize ---- */

err_t region_cut(unsigned space, uint64_t address)
{
	unsigned n = region_find(space, address);
	struct region high;

	if (n == 0 || region(n)->start == address)
		return 0;
	if (!region_room(space, 1))
		return -ENOMEM;
	high = *region(n);
	high.start = address;
	high.offset += address - region(n)->start;
	region(n)->end = address;
	region(n)->tail = 0;
	return region_insert(&high) != 0 ? 0 : -ENOMEM;
}

static bool continues(const struct region *a, const struct region *b)
{
	const uint16_t keep = (uint16_t)~REGION_FORKED;

	if (a->end != b->start || a->kind != b->kind || a->prot != b->prot || a->tail != 0 ||
	    (a->flags & keep) != (b->flags & keep) || (a->flags | b->flags) & REGION_GROWS)
		return false;
	if (a->kind == REGION_ANON)
		return true;
	return a->kind != REGION_FIXED && a->space != HOLDER && a->file == b->file &&
	       a->offset + (a->end - a->start) == b->offset;
}

/* b's range becomes part of a. */
static void swallow(unsigned a, unsigned b)
{
	uint64_t end = region(b)->end;
	uint16_t tail = region(b)->tail, flags = region(b)->flags;

	region_remove(b);
	region(a)->end = end;
	region(a)->tail = tail;
	region(a)->flags |= flags;
}

unsigned region_join(unsigned n)
{
	unsigned prev = region(n)->prev, next = region(n)->next;

	if (next != 0 && continues(region(n), region(next)))
		swallow(n, next);
	if (prev != 0 && continues(region(prev), region(n))) {
		swallow(prev, n);
		return prev;
	}
	return n;
}

void region_resize(unsigned n, uint64_t start, uint64_t end)
{
	struct region *r = region(n);

	if (r->kind != REGION_ANON)
		r->offset += start - r->start;
	r->start = start;
	r->end = end;
}

/* ---- room ---- */

static uint64_t gap_from(unsigned space, uint64_t len, uint64_t end)
{
	unsigned n = end > USER_LOW ? tree_floor(space, end - 1) : 0;

	for (;; n = region(n)->prev) {
		uint64_t low = n != 0 ? region(n)->end : USER_LOW;

		if (end >= len && end - len >= low)
			return end - len;
		if (n == 0)
			return 0;
		end = region(n)->start;
	}
}

/* From where the last one was found, downwards; then, if need be, from the top. */
uint64_t region_gap(unsigned space, uint64_t len, uint64_t top)
{
	struct space *s = &state.space[space];
	uint64_t at = 0;

	if (len == 0 || len > top)
		return 0;
	if (top != MMAP_TOP)
		return gap_from(space, len, top);
	if (s->search > USER_LOW && s->search <= MMAP_TOP)
		at = gap_from(space, len, s->search);
	if (at == 0)
		at = gap_from(space, len, MMAP_TOP);
	if (at != 0)
		s->search = at;
	return at;
}

/* ---- after a crash ---- */

static bool row_is_sound(unsigned n, unsigned space)
{
	const struct region *r = region(n);

	return r->kind != REGION_NONE && r->kind <= REGION_FIXED && r->space == space &&
	       r->start < r->end && r->end <= USER_END && (r->start | r->end) % PAGE_SIZE == 0;
}

static bool list_is_sound(unsigned space)
{
	const struct space *s = &state.space[space];
	unsigned count = 0, prev = 0;

	for (unsigned n = s->first; n != 0; prev = n, n = region(n)->next) {
		if (n >= NR_REGIONS || ++count > NR_REGIONS || !row_is_sound(n, space) ||
		    region(n)->prev != prev ||
		    (prev != 0 && region(prev)->end > region(n)->start))
			return false;
	}
	return count == s->regions;
}

/* Made of the rows that say that they belong to it. What is lost of them or does not fit is a hole:
 * a program that uses it has a signal, and no other has. */
static void list_rebuild(unsigned space)
{
	struct space *s = &state.space[space];

	s->first = s->regions = 0;
	for (unsigned n = 1; n <= state.region_top; n++) {
		struct region *r = region(n);
		unsigned prev = 0, next = s->first;

		if (!row_is_sound(n, space))
			continue;
		for (; next != 0 && region(next)->start < r->start; next = region(next)->next)
			prev = next;
		if ((prev != 0 && region(prev)->end > r->start) ||
		    (next != 0 && r->end > region(next)->start))
			continue;
		r->prev = (uint16_t)prev;
		r->next = (uint16_t)next;
		if (next != 0)
			region(next)->prev = (uint16_t)n;
		*(prev != 0 ? &region(prev)->next : &s->first) = (uint16_t)n;
		s->regions++;
	}
}

static void tree_rebuild(unsigned space)
{
	struct space *s = &state.space[space];

	s->root = 0;
	for (unsigned n = s->first; n != 0; n = region(n)->next) {
		s->root = (uint16_t)tree_insert(s->root, n);
		if (is_file(region(n)))
			file_link(n);
	}
}

unsigned regions_rebuild(void)
{
	static bool used[NR_REGIONS];
	unsigned lists = 0;

	if (state.region_top >= NR_REGIONS)
		state.region_top = NR_REGIONS - 1;

	for (unsigned i = 0; i < NR_FILE_BUCKETS; i++)
		state.file_bucket[i] = 0;
	for (unsigned i = 0; i < NR_REGIONS; i++)
		used[i] = false;
	for (unsigned s = HOLDER; s < NR_SPACES; s++) {
		if (!list_is_sound(s)) {
			list_rebuild(s);
			lists++;
		}
		tree_rebuild(s);
		for (unsigned n = state.space[s].first; n != 0; n = region(n)->next)
			used[n] = true;
	}
	state.region_free = 0;
	for (unsigned n = state.region_top; n > 0; n--)
		if (!used[n])
			row_give(n);
	return lists;
}
