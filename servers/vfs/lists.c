/* SPDX-License-Identifier: BSD-2-Clause
 * lists.c - after a crash: do the rows of inodes and names stand in their lists? (note 0026)
 *
 * Job:      F2: drops rows that cannot be; if a list is not what its rows say, makes all lists of
 *           its kind anew from the rows, and says so.
 * Speaks:   nothing; prints what it repaired.
 * Touches:  state.inode, state.name, their hash chains, lists and free lists.
 * Trusts:   a row's own words: which file of which tree, which text in which directory.
 * On crash: is done anew.
 *
 * A chain is right if every row on it belongs there and, over all chains, there are as many as rows
 * that belong somewhere: then none is missing, none is twice.
 */
#include "vfs.h"

enum { COMMIT_EACH = 64 };

static unsigned repaired;

static void commit_each(unsigned n)
{
	if (n % COMMIT_EACH == 0)
		undo_commit();
}

/* ---- inodes ---- */

static bool is_used(unsigned n)
{
	return n != 0 && n < state.inode_top && state.inode[n].flags & INODE_USED;
}

static bool inode_lists_are_right(void)
{
	unsigned used = 0, on_chains = 0, free = 0;

	for (unsigned n = 1; n < state.inode_top; n++)
		used += is_used(n);
	for (unsigned b = 0; b < INODE_BUCKETS; b++)
		for (unsigned n = state.inode_bucket[b]; n != 0; n = state.inode[n].next)
			if (!is_used(n) || inode_bucket(&state.inode[n]) != b ||
			    ++on_chains > used)
				return false;
	for (unsigned n = state.inode_free; n != 0; n = state.inode[n].next)
		if (n >= state.inode_top || is_used(n) || ++free > NR_INODES)
			return false;
	return on_chains == used && used + free + (state.inode_top != 0) == state.inode_top;
}

static void inode_lists_make(void)
{
	for (unsigned b = 0; b < INODE_BUCKETS; b++) {
		state.inode_bucket[b] = 0;
		commit_each(b);
	}
	state.inode_free = 0;
	for (unsigned n = state.inode_top; n-- > 1;) {
		struct inode *i = &state.inode[n];
		uint16_t *first = is_used(n) ? &state.inode_bucket[inode_bucket(i)] :
					       &state.inode_free;

		i->next = *first;
		*first = (uint16_t)n;
		commit_each(n);
	}
}

/* Parents make no circle: from each row up, until one that was seen on the way from another. */
static void check_circles(void)
{
	static uint16_t seen[NR_INODES];

	memset(seen, 0, sizeof(seen));
	for (unsigned from = 1; from < state.inode_top; from++)
		for (unsigned n = from, up; is_used(n) && seen[n] == 0; n = up) {
			struct inode *i = &state.inode[n];

			seen[n] = (uint16_t)from;
			up = i->parent;
			if (up == 0 ||
			    (is_used(up) && is_dir(&state.inode[up]) && seen[up] != from))
				continue;
			print("recovery: inode %u lies in %u, which cannot be\n", n, up);
			repaired++;
			i->parent = i->name = 0;
		}
}

unsigned inodes_check(void)
{
	repaired = 0;
	for (unsigned n = 1; n < state.inode_top; n++) {
		struct inode *i = &state.inode[n];

		if (!is_used(n) || i->mount < NR_MOUNTS)
			continue;
		print("recovery: inode %u was of mount %u\n", n, i->mount);
		repaired++;
		i->mount = 0;
	}
	check_circles();
	if (!inode_lists_are_right()) {
		print("recovery: lists of inodes are made anew\n");
		repaired++;
		inode_lists_make();
	}
	return repaired;
}

/* ---- names ---- */

static bool is_live(unsigned n)
{
	return n != 0 && n < state.name_top && state.name[n].parent != 0 && !state.name[n].gone;
}

/* What a name says of itself can be. */
static bool is_sound(unsigned n)
{
	const struct name *e = &state.name[n];

	if (!is_used(e->parent) || (e->inode != 0 && !is_used(e->inode)) ||
	    e->far >= NR_LONG_NAMES)
		return false;
	if (e->far == 0 ? memchr(e->text, '\0', sizeof(e->text)) == NULL :
	    memchr(state.long_name[e->far], '\0', sizeof(state.long_name[0])) == NULL)
		return false;
	return e->hash == name_hash(n);
}

static bool chains_are_right(unsigned live)
{
	unsigned found = 0;

	for (unsigned b = 0; b < NAME_BUCKETS; b++)
		for (unsigned n = state.name_bucket[b]; n != 0; n = state.name[n].next)
			if (!is_live(n) || state.name[n].hash % NAME_BUCKETS != b || ++found > live)
				return false;
	return found == live;
}

static bool children_are_right(unsigned live)
{
	unsigned found = 0;

	for (unsigned dir = 1; dir < state.inode_top; dir++)
		for (unsigned n = is_used(dir) ? state.inode[dir].child : 0, before = 0; n != 0;
		     before = n, n = state.name[n].sibling)
			if (!is_live(n) || state.name[n].parent != dir || ++found > live ||
			    state.name[n].before != before)
				return false;
	return found == live;
}

static bool aliases_are_right(unsigned live)
{
	unsigned found = 0, positive = 0;

	for (unsigned n = 1; n < state.name_top; n++)
		positive += is_live(n) && state.name[n].inode != 0;
	for (unsigned i = 1; i < state.inode_top; i++)
		for (unsigned n = is_used(i) ? state.inode[i].alias : 0; n != 0;
		     n = state.name[n].alias)
			if (!is_live(n) || state.name[n].inode != i || ++found > live)
				return false;
	return found == positive;
}

static bool free_names_are_right(void)
{
	unsigned found = 0, free = 0;

	for (unsigned n = 1; n < state.name_top; n++)
		free += state.name[n].parent == 0;
	for (unsigned n = state.name_free; n != 0; n = state.name[n].next)
		if (n >= state.name_top || state.name[n].parent != 0 || ++found > free)
			return false;
	return found == free;
}

static void enter(unsigned n)
{
	struct name *e = &state.name[n];
	uint16_t *first;

	e->sibling = e->before = e->alias = 0;
	first = e->parent == 0 ? &state.name_free : &state.name_bucket[e->hash % NAME_BUCKETS];
	if (e->parent != 0 && e->gone)
		return;
	e->next = *first;
	*first = (uint16_t)n;
	if (e->parent == 0)
		return;
	e->sibling = state.inode[e->parent].child;
	if (e->sibling != 0)
		state.name[e->sibling].before = (uint16_t)n;
	state.inode[e->parent].child = (uint16_t)n;
	if (e->inode == 0)
		return;
	e->alias = state.inode[e->inode].alias;
	state.inode[e->inode].alias = (uint16_t)n;
}

static void name_lists_make(void)
{
	for (unsigned b = 0; b < NAME_BUCKETS; b++) {
		state.name_bucket[b] = 0;
		commit_each(b);
	}
	for (unsigned n = 1; n < state.inode_top; n++) {
		state.inode[n].child = state.inode[n].alias = 0;
		commit_each(n);
	}
	state.name_free = 0;
	for (unsigned n = state.name_top; n-- > 1;) {
		enter(n);
		commit_each(n);
	}
}

/* Names are remembered, no more: one that cannot be is forgotten, and looked up anew. A row that is
 * pinned stays until it is not (scavenge.c). */
unsigned names_check(void)
{
	unsigned live = 0;
	bool right = true;

	repaired = 0;
	for (unsigned n = 1; n < state.name_top; n++) {
		if (!is_live(n))
			continue;
		live++;
		if (is_sound(n))
			continue;
		print("recovery: name %u of directory %u is forgotten\n", n, state.name[n].parent);
		repaired++;
		right = false;
		state.name[n].gone = 1;
		state.name[n].inode = state.name[n].far = 0;
		state.name[n].text[NAME_INLINE] = '\0';
		commit_each(repaired);
	}
	if (!right || !chains_are_right(live) || !children_are_right(live) ||
	    !aliases_are_right(live) || !free_names_are_right()) {
		print("recovery: lists of names are made anew\n");
		repaired++;
		name_lists_make();
	}
	return repaired;
}
