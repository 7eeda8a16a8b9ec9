/* SPDX-License-Identifier: BSD-2-Clause
 * check.c - after a crash: is the tree one? (docs/notes/0026-answers.md)
 *
 * Job:      T1 to T3: drops entries and pages that belong to nothing, counts links and pages anew,
 *           and makes the lists anew, of entries, pages or nodes, if they are not what rows say.
 * Speaks:   nothing; prints what it repaired.
 * Touches:  state.
 * Trusts:   a row's own words: which node under which name in which directory, whose page.
 * On crash: is done anew.
 */
#include "tmpfs.h"

#include <lib/print.h>

enum { LINES_MOST = 16 };

static uint32_t entries_of[NR_NODES], folders_in[NR_NODES], pages_of[NR_NODES];
static unsigned repaired;

static void said(const char *what, unsigned n, unsigned was, unsigned is)
{
	if (repaired++ < LINES_MOST)
		print("recovery: %s %u: %u becomes %u\n", what, n, was, is);
}

static bool is_root(uint32_t n)
{
	for (unsigned tree = 0; tree < NR_TREES; tree++)
		if (state.root_of[tree] == n)
			return true;
	return n == ROOT;
}

/* ---- entries ---- */

static bool entry_is_sound(const struct dirent *e)
{
	const struct node *n = node_of(e->node), *dir = node_of(e->dir);

	return n != NULL && dir != NULL && is_dir(dir) && n != dir && e->name[0] != '\0' &&
	       memchr(e->name, '\0', sizeof(e->name)) != NULL &&
	       (!is_dir(n) || entries_of[e->node] == 0) && !is_root(e->node);
}

/* Rows that cannot be; and how often each node is named. A directory stands in one place. */
static void check_entries(void)
{
	memset(entries_of, 0, sizeof(entries_of));
	memset(folders_in, 0, sizeof(folders_in));
	for (uint32_t i = 1; i < NR_DIRENTS; i++) {
		struct dirent *e = &state.dirent[i];

		if (e->node == 0)
			continue;
		if (!entry_is_sound(e)) {
			said("entry", i, e->node, 0);
			e->node = 0;
			continue;
		}
		entries_of[e->node]++;
		folders_in[e->dir] += is_dir(&state.node[e->node]);
		if (e->pos >= state.next_pos)
			state.next_pos = e->pos + 1;
	}
}

static bool chains_are_right(uint32_t live)
{
	uint32_t found = 0;

	for (uint32_t b = 0; b < NR_BUCKETS; b++)
		for (uint32_t i = state.entry_bucket[b]; i != 0; i = state.dirent[i].chain)
			if (i >= NR_DIRENTS || state.dirent[i].node == 0 || ++found > live ||
			    entry_bucket(state.dirent[i].dir, state.dirent[i].name) !=
			    &state.entry_bucket[b])
				return false;
	return found == live;
}

static bool folder_is_right(uint32_t dir, uint32_t live, uint32_t *found)
{
	const struct node *d = &state.node[dir];
	uint32_t prev = 0;

	for (uint32_t i = d->first; i != 0; prev = i, i = state.dirent[i].next)
		if (i >= NR_DIRENTS || state.dirent[i].node == 0 || ++*found > live ||
		    state.dirent[i].dir != dir || state.dirent[i].prev != prev ||
		    (prev != 0 && state.dirent[prev].pos >= state.dirent[i].pos))
			return false;
	return d->last == prev;
}

static bool entry_lists_are_right(void)
{
	uint32_t live = 0, found = 0, free = 0;

	for (uint32_t i = 1; i < NR_DIRENTS; i++)
		live += state.dirent[i].node != 0;
	for (uint32_t n = 1; n < NR_NODES; n++)
		if (state.node[n].mode != 0 && !folder_is_right(n, live, &found))
			return false;
	for (uint32_t i = state.free_dirent; i != 0; i = state.dirent[i].next)
		if (i >= NR_DIRENTS || state.dirent[i].node != 0 || ++free > NR_DIRENTS)
			return false;
	return found == live && live + free == NR_DIRENTS - 1 && chains_are_right(live);
}

/* Into its directory's list, which is in the order of positions. */
static void enter(uint32_t i)
{
	struct dirent *e = &state.dirent[i];
	struct node *dir = &state.node[e->dir];
	uint32_t *bucket = entry_bucket(e->dir, e->name), after = dir->last;

	e->chain = *bucket;
	*bucket = i;
	while (after != 0 && state.dirent[after].pos > e->pos)
		after = state.dirent[after].prev;
	e->prev = after;
	e->next = after != 0 ? state.dirent[after].next : dir->first;
	if (after != 0)
		state.dirent[after].next = i;
	else
		dir->first = i;
	if (e->next != 0)
		state.dirent[e->next].prev = i;
	else
		dir->last = i;
}

static void entry_lists_make(void)
{
	said("lists of entries, first free", 0, state.free_dirent, 0);
	memset(state.entry_bucket, 0, sizeof(state.entry_bucket));
	state.free_dirent = 0;
	for (uint32_t n = 1; n < NR_NODES; n++)
		if (state.node[n].mode != 0)
			state.node[n].first = state.node[n].last = 0;
	for (uint32_t i = NR_DIRENTS; i-- > 1;) {
		if (state.dirent[i].node != 0) {
			enter(i);
			continue;
		}
		state.dirent[i].next = state.free_dirent;
		state.free_dirent = i;
	}
}

/* ---- pages ---- */

static bool page_lists_are_right(void)
{
	uint32_t live = 0, found = 0, free = 0;

	for (uint32_t i = 1; i < NR_DATA_PAGES; i++)
		live += state.page[i].node != 0;
	for (uint32_t b = 0; b < NR_BUCKETS; b++)
		for (uint32_t i = state.bucket[b]; i != 0; i = state.page[i].next)
			if (i >= NR_DATA_PAGES || state.page[i].node == 0 || ++found > live ||
			    page_bucket(state.page[i].node, state.page[i].index) !=
			    &state.bucket[b])
				return false;
	for (uint32_t i = state.free_page; i != 0; i = state.page[i].next)
		if (i >= NR_DATA_PAGES || state.page[i].node != 0 || ++free > NR_DATA_PAGES)
			return false;
	return found == live && live + free == NR_DATA_PAGES - 1;
}

static void page_lists_make(void)
{
	said("lists of pages, first free", 0, state.free_page, 0);
	memset(state.bucket, 0, sizeof(state.bucket));
	state.free_page = 0;
	for (uint32_t i = NR_DATA_PAGES; i-- > 1;) {
		struct page *p = &state.page[i];
		uint32_t *first = p->node != 0 ? page_bucket(p->node, p->index) : &state.free_page;

		p->next = *first;
		*first = i;
	}
}

static void check_pages(void)
{
	uint32_t used = 0;

	memset(pages_of, 0, sizeof(pages_of));
	for (uint32_t i = 1; i < NR_DATA_PAGES; i++) {
		struct page *p = &state.page[i];
		const struct node *n = node_of(p->node);

		if (p->node == 0)
			continue;
		if (n == NULL || is_dir(n)) {
			said("page", i, p->node, 0);
			p->node = 0;
			continue;
		}
		pages_of[p->node]++;
		used++;
	}
	if (!page_lists_are_right())
		page_lists_make();
	if (state.pages != used) {
		said("pages", 0, state.pages, used);
		state.pages = used;
	}
}

/* ---- nodes ---- */

/* What its entries make of it; a directory counts itself and those in it, too. */
static uint32_t links_of(uint32_t n)
{
	if (!is_dir(&state.node[n]))
		return entries_of[n];
	if (is_root(n))
		return 2 + folders_in[n];
	return entries_of[n] != 0 ? 2 + folders_in[n] : 0;
}

static void check_node(uint32_t n)
{
	struct node *i = &state.node[n];

	if (i->links != links_of(n)) {
		said("links of node", n, i->links, links_of(n));
		i->links = links_of(n);
	}
	if (i->pages != pages_of[n]) {
		said("pages of node", n, i->pages, pages_of[n]);
		i->pages = pages_of[n];
	}
}

static bool node_lists_are_right(uint32_t live)
{
	uint32_t free = 0;

	for (uint32_t n = state.free_node; n != 0; n = state.node[n].next_free)
		if (n >= NR_NODES || state.node[n].mode != 0 || ++free > NR_NODES)
			return false;
	return live + free == NR_NODES - 1;
}

static void node_lists_make(void)
{
	said("list of nodes, first free", 0, state.free_node, 0);
	state.free_node = 0;
	for (uint32_t n = NR_NODES; n-- > 1;)
		if (state.node[n].mode == 0) {
			state.node[n].next_free = state.free_node;
			state.free_node = n;
		}
}

static void check_nodes(void)
{
	uint32_t live = 0;

	for (uint32_t n = 1; n < NR_NODES; n++)
		if (state.node[n].mode != 0) {
			check_node(n);
			live++;
		}
	if (!node_lists_are_right(live))
		node_lists_make();
	if (state.nodes != live) {
		said("nodes", 0, state.nodes, live);
		state.nodes = live;
	}
}

/* A directory's parent is where its entry is. */
static void check_parents(void)
{
	for (uint32_t i = 1; i < NR_DIRENTS; i++) {
		const struct dirent *e = &state.dirent[i];
		struct node *n = &state.node[e->node];

		if (e->node == 0 || !is_dir(n) || n->parent == e->dir)
			continue;
		said("parent of node", e->node, n->parent, e->dir);
		n->parent = e->dir;
	}
}

err_t tree_check(void)
{
	repaired = 0;
	if (!is_dir(&state.node[ROOT]))
		return -EINVAL;
	for (unsigned tree = 0; tree < NR_TREES; tree++)
		if (state.root_of[tree] != 0 && (node_of(state.root_of[tree]) == NULL ||
						 !is_dir(&state.node[state.root_of[tree]]))) {
			said("root of tree", tree, state.root_of[tree], 0);
			state.root_of[tree] = 0;
		}
	check_entries();
	if (!entry_lists_are_right())
		entry_lists_make();
	check_pages();
	check_nodes();
	check_parents();
	if (repaired != 0)
		print("recovery: %u repairs of the tree\n", repaired);
	return 0;
}
