/* SPDX-License-Identifier: BSD-2-Clause
 * node.c - the nodes of the tree.
 *
 * Job:      finds, makes and removes nodes of the one table.
 * Speaks:   nothing.
 * Touches:  state.node.
 * Trusts:   its callers to check names.
 * On crash: see devfs.c.
 */
#include "devfs.h"

#include <lib/clock.h>

int64_t now(void)
{
	return (int64_t)clock_realtime_ns();
}

unsigned node_index(const struct node *n)
{
	return (unsigned)(n - state.node);
}

uint64_t file_of(const struct node *n)
{
	return (uint64_t)n->generation << 16 | node_index(n);
}

struct node *node_of(uint64_t file)
{
	struct node *n = &state.node[(file & 0xffff) % NR_NODES];

	return n->mode != 0 && file_of(n) == file ? n : NULL;
}

bool is_dir(const struct node *n)
{
	return (n->mode & TYPE_MASK) == TYPE_DIR;
}

struct node *node_find(const struct node *dir, const char *name)
{
	for (unsigned i = ROOT + 1; i < NR_NODES; i++) {
		struct node *n = &state.node[i];

		if (n->mode != 0 && n->name[0] != '\0' && n->parent == node_index(dir) &&
		    strcmp(n->name, name) == 0)
			return n;
	}
	return NULL;
}

struct node *node_new(const struct node *dir, const char *name, uint32_t mode)
{
	int64_t t = now();

	for (unsigned i = ROOT + 1; i < NR_NODES; i++) {
		struct node *n = &state.node[i];

		if (n->mode != 0)
			continue;
		*n = (struct node){
			.mode = mode, .parent = (uint16_t)node_index(dir), .atime = t, .mtime = t,
			.ctime = t, .generation = n->generation + 1,
		};
		strlcpy(n->name, name, sizeof(n->name));
		state.node[node_index(dir)].mtime = state.node[node_index(dir)].ctime = t;
		return n;
	}
	return NULL;
}

static void free_unused(struct node *n)
{
	if (n->name[0] == '\0' && !n->held && node_index(n) != ROOT)
		n->mode = 0;
}

void node_remove(struct node *n)
{
	struct node *dir = &state.node[n->parent];

	n->name[0] = '\0';
	n->device = 0;
	dir->mtime = dir->ctime = n->ctime = now();
	free_unused(n);
}

void node_forget(struct node *n)
{
	n->held = 0;
	free_unused(n);
}

bool is_empty(const struct node *dir)
{
	for (unsigned i = ROOT + 1; i < NR_NODES; i++)
		if (state.node[i].mode != 0 && state.node[i].name[0] != '\0' &&
		    state.node[i].parent == node_index(dir))
			return false;
	return true;
}

/* Would moving n under dir make a loop? */
bool is_below(const struct node *dir, const struct node *n)
{
	for (unsigned steps = 0; steps < NR_NODES && node_index(dir) != ROOT; steps++) {
		if (dir == n)
			return true;
		dir = &state.node[dir->parent];
	}
	return dir == n;
}
