/* SPDX-License-Identifier: BSD-2-Clause
 * names.c - the cache of directory entries, with those that do not exist.
 *
 * Job:      (directory, name) -> file or "no such entry"; and back, for paths.
 * Speaks:   nothing.
 * Touches:  state.name, state.long_name.
 * Trusts:   nothing.
 * On crash: recovers in place.
 */
#include "vfs.h"

static uint32_t hash_of(unsigned dir, const char *text, size_t len)
{
	uint32_t h = 2166136261u ^ dir * 0x9e3779b1u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)text[i]) * 16777619u;
	return h;
}

uint32_t name_hash(unsigned n)
{
	return hash_of(state.name[n].parent, name_text(n), strlen(name_text(n)));
}

const char *name_text(unsigned n)
{
	const struct name *e = &state.name[n];

	return e->far != 0 ? state.long_name[e->far] : e->text;
}

unsigned name_find(unsigned dir, const char *text, size_t len)
{
	uint32_t h = hash_of(dir, text, len);
	unsigned n = state.name_bucket[h % NAME_BUCKETS];

	for (; n != 0; n = state.name[n].next) {
		struct name *e = &state.name[n];

		if (e->hash != h || e->parent != dir || e->gone)
			continue;
		if (strncmp(name_text(n), text, len) == 0 && name_text(n)[len] == '\0') {
			if (!e->touched)
				e->touched = 1;
			return n;
		}
	}
	return 0;
}

bool name_is_fresh(const struct op *o, unsigned n)
{
	const struct name *e = &state.name[n];

	return !(mount_flags(&state.inode[e->parent]) & FILE_MOUNT_VOLATILE) ||
	       e->stamp >= o->began;
}

static void unhash(unsigned n)
{
	uint16_t *at = &state.name_bucket[state.name[n].hash % NAME_BUCKETS];

	while (*at != n)
		at = &state.name[*at].next;
	*at = state.name[n].next;
}

static void leave_dir(unsigned n)
{
	struct name *e = &state.name[n];

	if (e->before != 0)
		state.name[e->before].sibling = e->sibling;
	else
		state.inode[e->parent].child = e->sibling;
	if (e->sibling != 0)
		state.name[e->sibling].before = e->before;
}

static void leave_inode(unsigned n)
{
	struct name *e = &state.name[n];
	uint16_t *at;

	if (e->inode == 0)
		return;
	at = &state.inode[e->inode].alias;
	while (*at != n)
		at = &state.name[*at].alias;
	*at = e->alias;
	e->alias = 0;
	e->inode = 0;
}

static void free_row(unsigned n)
{
	memset(&state.name[n], 0, sizeof(state.name[n]));
	state.name[n].next = state.name_free;
	state.name_free = (uint16_t)n;
}

/* Out of the cache; a pinned row stays as a text until it is unpinned. */
void name_set_gone(unsigned n)
{
	struct name *e = &state.name[n];

	if (e->gone)
		return;
	unhash(n);
	leave_dir(n);
	leave_inode(n);
	e->gone = 1;
}

void name_drop(unsigned n)
{
	name_set_gone(n);
	if (state.name[n].pins == 0)
		free_row(n);
}

void name_pin(unsigned n)
{
	if (n != 0)
		state.name[n].pins++;
}

void name_unpin(unsigned n)
{
	struct name *e = &state.name[n];

	if (n == 0)
		return;
	assert(e->pins > 0);            /* F2 */
	e->pins--;
	if (e->pins == 0 && e->gone)
		free_row(n);
}

void names_of_inode_drop(unsigned inode)
{
	unsigned count = 0;

	while (state.inode[inode].alias != 0) {
		name_drop(state.inode[inode].alias);
		if (++count % 64 == 0)
			undo_commit();
	}
}

void names_of_dir_drop(unsigned dir)
{
	unsigned count = 0;

	while (state.inode[dir].child != 0) {
		name_drop(state.inode[dir].child);
		if (++count % 64 == 0)
			undo_commit();
	}
}

/* Look all of them up anew when they are wanted, those too that did not exist. */
void names_of_dir_refresh(unsigned dir)
{
	unsigned count = 0, next;

	for (unsigned n = state.inode[dir].child; n != 0; n = next) {
		next = state.name[n].sibling;
		if (state.name[n].pins == 0)
			name_drop(n);
		if (++count % 64 == 0)
			undo_commit();
	}
}

static bool evict_one(void)
{
	for (unsigned step = 0; step < NR_NAMES; step++) {
		unsigned n = state.name_hand;
		struct name *e = &state.name[n];

		state.name_hand = (uint16_t)(n + 1 < NR_NAMES ? n + 1 : 1);
		if (step % 256 == 255)
			undo_commit();          /* whatever the step finds: two stores each */
		if (e->parent == 0 || e->pins != 0)
			continue;
		if (e->touched) {
			e->touched = 0;
			continue;
		}
		name_drop(n);
		return true;
	}
	return false;
}

static unsigned row_of_name(void)
{
	unsigned n = state.name_free;

	if (n == 0 && state.name_top == 0)
		state.name_top = state.name_hand = 1;
	if (n == 0 && state.name_top < NR_NAMES)
		return state.name_top++;
	if (n == 0 && evict_one())
		n = state.name_free;
	if (n != 0)
		state.name_free = state.name[n].next;
	return n;
}

static bool far_is_used(unsigned far)
{
	for (unsigned n = 1; n < NR_NAMES; n++)
		if (state.name[n].parent != 0 && state.name[n].far == far)
			return true;
	return false;
}

/* A row for a long text. Rare, so a search is good enough. */
static unsigned far_row(void)
{
	for (unsigned step = 0; step < 16; step++) {
		unsigned far = state.long_hand % (NR_LONG_NAMES - 1) + 1;

		state.long_hand = (uint16_t)far;
		if (!far_is_used(far))
			return far;
		for (unsigned n = 1; n < NR_NAMES; n++)
			if (state.name[n].parent != 0 && state.name[n].far == far &&
			    state.name[n].pins == 0) {
				name_drop(n);
				return far;
			}
	}
	return 0;
}

static void set_inode(unsigned n, unsigned inode)
{
	struct name *e = &state.name[n];

	leave_inode(n);
	e->inode = (uint16_t)inode;
	if (inode == 0)
		return;
	e->alias = state.inode[inode].alias;
	state.inode[inode].alias = (uint16_t)n;
}

/* Is `dir` the directory `top`, or below it? Parents make no circle: set_parent sees to that. */
bool dir_is_below(unsigned dir, unsigned top)
{
	while (dir != 0 && dir != top)
		dir = state.inode[dir].parent;
	return dir != 0;
}

/* A directory knows where it is. What a damaged disk says is above itself stays where it was. */
static void set_parent(unsigned n, unsigned dir, unsigned inode)
{
	struct inode *i = &state.inode[inode];
	unsigned old_parent = i->parent, old_name = i->name;

	if (inode == 0 || !is_dir(i) || (i->parent == dir && i->name == n) ||
	    dir_is_below(dir, inode) || inode == state.mount[i->mount].root)
		return;
	inode_hold(dir);
	name_pin(n);
	i->parent = (uint16_t)dir;
	i->name = (uint16_t)n;
	if (old_name != 0)
		name_unpin(old_name);
	if (old_parent != 0)
		inode_release(old_parent);
}

unsigned name_put(unsigned dir, const char *text, unsigned inode, uint64_t stamp)
{
	size_t len = strlen(text);
	unsigned n = name_find(dir, text, len), far = 0;
	struct name *e;

	if (n == 0) {
		if (len > NAME_INLINE && (far = far_row()) == 0)
			return 0;
		n = row_of_name();
		if (n == 0)
			return 0;
		e = &state.name[n];
		memset(e, 0, sizeof(*e));
		e->hash = hash_of(dir, text, len);
		e->parent = (uint16_t)dir;
		e->far = (uint16_t)far;
		e->touched = 1;
		if (far != 0)
			strlcpy(state.long_name[far], text, sizeof(state.long_name[far]));
		else
			strlcpy(e->text, text, sizeof(e->text));
		e->next = state.name_bucket[e->hash % NAME_BUCKETS];
		state.name_bucket[e->hash % NAME_BUCKETS] = (uint16_t)n;
		e->sibling = state.inode[dir].child;
		if (e->sibling != 0)
			state.name[e->sibling].before = (uint16_t)n;
		state.inode[dir].child = (uint16_t)n;
	}
	state.name[n].stamp = stamp;
	set_inode(n, inode);
	set_parent(n, dir, inode);
	return n;
}
