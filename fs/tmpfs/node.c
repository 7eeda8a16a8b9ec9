/* SPDX-License-Identifier: BSD-2-Clause
 * node.c - nodes and the entries of directories.
 *
 * Job:      allocates, links and frees rows.
 * Speaks:   nothing.
 * Touches:  state.node, state.dirent.
 * Trusts:   its callers to have checked names and permissions (vfs has).
 * On crash: rows are state.
 */
#include "tmpfs.h"
#include <lib/assert.h>

void tables_init(void)
{
	for (uint32_t i = 1; i < NR_NODES; i++)
		state.node[i].next_free = i + 1 < NR_NODES ? i + 1 : 0;
	for (uint32_t i = 1; i < NR_DIRENTS; i++)
		state.dirent[i].next = i + 1 < NR_DIRENTS ? i + 1 : 0;
	for (uint32_t i = 1; i < NR_DATA_PAGES; i++)
		state.page[i].next = i + 1 < NR_DATA_PAGES ? i + 1 : 0;
	state.free_node = state.free_dirent = state.free_page = 1;
	state.next_pos = 3;             /* 1 and 2 are `.` and `..` */
}

struct node *node_of(uint64_t file)
{
	return file > 0 && file < NR_NODES && state.node[file].mode ? &state.node[file] : NULL;
}

uint32_t node_number(const struct node *n)
{
	return (uint32_t)(n - state.node);
}

bool is_dir(const struct node *n)
{
	return (n->mode & TYPE_MASK) == TYPE_DIR;
}

int64_t now(void)
{
	return (int64_t)clock_realtime_ns();
}

struct node *node_new(uint32_t mode, uint32_t uid, uint32_t gid)
{
	struct node *n = &state.node[state.free_node];
	uint32_t generation = state.generation;
	int64_t t = now();

	if (state.free_node == 0) {
		assert(state.nodes == NR_NODES - 1);    /* or the list of free ones is torn */
		return NULL;
	}
	assert(state.free_node < NR_NODES && n->mode == 0);
	state.free_node = n->next_free;
	state.nodes++;
	if (generation != 0)
		state.generation = generation + 1;
	*n = (struct node){
		.mode = mode, .uid = uid, .gid = gid, .atime = t, .mtime = t, .ctime = t,
		.generation = generation,
	};
	return n;
}

void node_release(struct node *n)
{
	if (n->links || n->used)
		return;
	pages_cut(n, 0);
	*n = (struct node){ .next_free = state.free_node };
	state.free_node = node_number(n);
	state.nodes--;
}

void fill_attr(const struct node *n, struct file_attr *a)
{
	*a = (struct file_attr){
		.file = node_number(n), .size = n->size, .rdev = n->rdev, .mode = n->mode,
		.uid = n->uid, .gid = n->gid, .links = n->links, .atime = n->atime,
		.mtime = n->mtime, .ctime = n->ctime, .generation = n->generation,
		.blocks = n->source ? (n->size + 511) / 512 : n->pages * (PAGE_SIZE / 512ull),
	};
}

uint32_t *entry_bucket(uint32_t dir, const char *name)
{
	uint64_t hash = dir;

	for (; *name; name++)
		hash = (hash ^ (uint8_t)*name) * 0x100000001b3;         /* FNV-1a */
	return &state.entry_bucket[(hash ^ hash >> 32) % NR_BUCKETS];
}

struct dirent *entry_find(const struct node *dir, const char *name)
{
	uint32_t number = node_number(dir);

	for (uint32_t i = *entry_bucket(number, name); i; i = state.dirent[i].chain)
		if (state.dirent[i].dir == number && strcmp(state.dirent[i].name, name) == 0)
			return &state.dirent[i];
	return NULL;
}

/* T2, around an entry. Lists that are not so are made anew by another life of this server. */
static bool is_linked(const struct node *dir, const struct dirent *e)
{
	uint32_t i = (uint32_t)(e - state.dirent);

	return (e->prev ? state.dirent[e->prev].next : dir->first) == i &&
	       (e->next ? state.dirent[e->next].prev : dir->last) == i;
}

static bool has_end(const struct node *dir)
{
	const struct dirent *e;

	if (dir->last == 0)
		return dir->first == 0;
	if (dir->last >= NR_DIRENTS)
		return false;
	e = &state.dirent[dir->last];
	return e->node != 0 && e->next == 0 && is_linked(dir, e);
}

bool entries_full(void)
{
	if (state.free_dirent != 0)
		return false;
	for (uint32_t i = 1; i < NR_DIRENTS; i++)
		assert(state.dirent[i].node != 0);      /* or the list of free ones is torn */
	return true;
}

err_t entry_add(struct node *dir, const char *name, struct node *n)
{
	uint32_t i = state.free_dirent, *bucket;
	struct dirent *e = &state.dirent[i];

	if (entries_full())
		return -ENOSPC;
	assert(i < NR_DIRENTS && e->node == 0 && has_end(dir));
	state.free_dirent = e->next;
	e->node = node_number(n);
	e->dir = node_number(dir);
	e->next = 0;
	e->prev = dir->last;
	e->pos = state.next_pos++;
	strlcpy(e->name, name, sizeof(e->name));
	bucket = entry_bucket(e->dir, e->name);
	e->chain = *bucket;
	*bucket = i;
	if (dir->last)
		state.dirent[dir->last].next = i;
	else
		dir->first = i;
	dir->last = i;
	n->links++;
	if (is_dir(n)) {
		n->parent = node_number(dir);
		dir->links++;
	}
	dir->mtime = dir->ctime = n->ctime = now();
	assert(strcmp(e->name, name) == 0);     /* what is named wrongly nobody finds again */
	return 0;
}

void entry_remove(struct node *dir, struct dirent *e)
{
	struct node *n = &state.node[e->node];
	uint32_t i = (uint32_t)(e - state.dirent), *link = entry_bucket(e->dir, e->name);

	assert(is_linked(dir, e));
	while (*link != i)
		link = &state.dirent[*link].chain;
	*link = e->chain;
	if (e->prev)
		state.dirent[e->prev].next = e->next;
	else
		dir->first = e->next;
	if (e->next)
		state.dirent[e->next].prev = e->prev;
	else
		dir->last = e->prev;
	e->node = 0;
	e->next = state.free_dirent;
	state.free_dirent = i;
	n->links--;
	if (is_dir(n))
		dir->links--;
	dir->mtime = dir->ctime = n->ctime = now();
}
