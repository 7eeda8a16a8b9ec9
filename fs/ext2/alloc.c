/* SPDX-License-Identifier: BSD-2-Clause
 * alloc.c - blocks and inodes that are free.
 *
 * Job:      takes and frees them, near where the caller says; keeps the counts.
 * Speaks:   nothing.
 * Touches:  bitmaps, group descriptors, the superblock, in buffers.
 * Trusts:   nothing on the disk: a bit or count that cannot be is -EIO.
 * On crash: changes belong to a transaction.
 */
#include "ext2.h"

enum { GROUPS_NEAR = 512 };

static const struct volume *v = &state.volume;

uint32_t group_first(uint32_t group)
{
	return v->first_data + group * v->blocks_per_group;
}

static uint32_t blocks_of(uint32_t group)
{
	uint32_t left = v->blocks - group_first(group);

	return left < v->blocks_per_group ? left : v->blocks_per_group;
}

/* The first clear bit of [from, end), or end. */
static uint32_t clear_bit(const uint8_t *map, uint32_t from, uint32_t end)
{
	while (from < end) {
		if (from % 8 == 0 && map[from / 8] == 0xff)
			from += 8;
		else if (map[from / 8] >> from % 8 & 1)
			from++;
		else
			return from;
	}
	return end;
}

static bool is_metadata(const struct ext2_group *g, uint32_t block)
{
	return !block_is_data(block) || block == g->block_bitmap || block == g->inode_bitmap ||
	       block - g->table < v->table_blocks;
}

/* A free one of a group, from `from` on or below. -ENOSPC: none. */
static err_t block_in_group(uint32_t group, uint32_t from, uint32_t *bit)
{
	uint32_t end = blocks_of(group);
	struct ext2_group *g;
	uint8_t *map;
	err_t err = group_get(group, &g);

	if (err == 0 && g->free_blocks == 0)
		return -ENOSPC;
	if (err == 0)
		err = block_get(g->block_bitmap, &map);
	if (err != 0)
		return err;
	*bit = clear_bit(map, from, end);
	if (*bit == end)
		*bit = clear_bit(map, 0, end);
	return *bit == end ? -ENOSPC : 0;
}

static err_t inode_in_group(uint32_t group, uint32_t from, uint32_t *bit)
{
	struct ext2_group *g;
	uint8_t *map;
	err_t err = group_get(group, &g);

	if (err == 0 && g->free_inodes == 0)
		return -ENOSPC;
	if (err == 0)
		err = block_get(g->inode_bitmap, &map);
	if (err != 0)
		return err;
	*bit = clear_bit(map, group == 0 && from < v->first_ino - 1 ? v->first_ino - 1 : from,
			 v->inodes_per_group);
	return *bit == v->inodes_per_group ? -ENOSPC : 0;
}

/* The next group from `first` on that has one, around all. There may be more groups than buffers.
 * When one is freed they are looked at again: walk_forget. */
static err_t find_group(enum walk_kind kind, uint32_t first, uint32_t from, uint32_t *group,
			uint32_t *bit)
{
	uint32_t k = walk_at(kind, first, 0, "");
	err_t err = -ENOSPC;

	for (; k < v->groups && err == -ENOSPC; k += err == -ENOSPC) {
		*group = (first + k) % v->groups;
		look_begin();
		err = kind == WALK_BLOCK ? block_in_group(*group, k == 0 ? from : 0, bit) :
			inode_in_group(*group, 0, bit);
		look_end();
	}
	if (err == WAIT)
		walk_to(kind, first, 0, "", k);
	else if (err == -ENOSPC)
		walk_forget(kind, first);
	return err;
}

static err_t take_block(uint32_t group, uint32_t bit, uint32_t *block)
{
	struct ext2_group *g;
	struct ext2_super *s;
	uint8_t *map;
	err_t err = group_get(group, &g);

	if (err == 0)
		err = block_get(g->block_bitmap, &map);
	if (err == 0)
		err = super_get(&s);
	if (err != 0)
		return err;
	*block = group_first(group) + bit;
	if (is_metadata(g, *block) || s->free_blocks == 0)
		return -EIO;
	edit(map);
	edit(g);
	edit(s);
	map[bit / 8] |= (uint8_t)(1u << bit % 8);
	g->free_blocks--;
	s->free_blocks--;
	return 0;
}

err_t block_alloc(uint32_t goal, uint32_t *block)
{
	uint32_t first, group, bit;
	struct ext2_super *s;
	err_t err = super_get(&s);

	if (err == 0 && s->free_blocks == 0)
		err = -ENOSPC;
	if (goal < v->first_data || goal >= v->blocks)
		goal = v->first_data;
	first = (goal - v->first_data) / v->blocks_per_group;
	if (err == 0)
		err = find_group(WALK_BLOCK, first, goal - group_first(first), &group, &bit);
	return err == 0 ? take_block(group, bit, block) : err;
}

err_t block_free(uint32_t block)
{
	uint32_t group, bit;
	struct ext2_group *g;
	struct ext2_super *s;
	uint8_t *map;
	err_t err;

	if (!block_is_data(block))
		return -EIO;
	group = (block - v->first_data) / v->blocks_per_group;
	bit = block - group_first(group);
	err = group_get(group, &g);
	if (err == 0)
		err = block_get(g->block_bitmap, &map);
	if (err == 0)
		err = super_get(&s);
	if (err != 0)
		return err;
	if (is_metadata(g, block) || !(map[bit / 8] >> bit % 8 & 1) ||
	    g->free_blocks >= blocks_of(group) || s->free_blocks >= v->blocks)
		return -EIO;
	walk_forget(WALK_BLOCK, WALK_ANY);
	edit(map);
	edit(g);
	edit(s);
	map[bit / 8] &= (uint8_t)~(1u << bit % 8);
	g->free_blocks++;
	s->free_blocks++;
	return 0;
}

/* ---- inodes ---- */

static err_t take_inode(uint32_t group, uint32_t bit, bool dir, uint32_t *ino)
{
	struct ext2_group *g;
	struct ext2_super *s;
	uint8_t *map;
	err_t err = group_get(group, &g);

	if (err == 0)
		err = block_get(g->inode_bitmap, &map);
	if (err == 0)
		err = super_get(&s);
	if (err != 0)
		return err;
	edit(map);
	edit(g);
	edit(s);
	map[bit / 8] |= (uint8_t)(1u << bit % 8);
	g->free_inodes--;
	g->dirs = (uint16_t)(g->dirs + dir);
	s->free_inodes--;
	*ino = group * v->inodes_per_group + bit + 1;
	return 0;
}

/* A directory begins a new neighbourhood: where, not too far away, the most blocks are free. */
static err_t best_group(uint32_t parent, uint32_t *best)
{
	uint32_t most = 0;

	*best = parent;
	for (uint32_t n = 0; n < v->groups && n < GROUPS_NEAR; n++) {
		uint32_t k = (parent + n) % v->groups;
		struct ext2_group *g;
		err_t err = group_get(k, &g);

		if (err != 0)
			return err;
		if (g->free_inodes == 0 || g->free_blocks <= most)
			continue;
		most = g->free_blocks;
		*best = k;
	}
	return 0;
}

err_t inode_alloc(uint32_t parent, bool dir, uint32_t *ino)
{
	uint32_t first = (parent - 1) / v->inodes_per_group, group, bit;
	struct ext2_super *s;
	err_t err = super_get(&s);

	if (err == 0 && s->free_inodes == 0)
		err = -ENOSPC;
	if (err == 0 && dir)
		err = best_group(first, &first);
	if (err == 0)
		err = find_group(WALK_INODE, first, 0, &group, &bit);
	return err == 0 ? take_inode(group, bit, dir, ino) : err;
}

err_t inode_free(uint32_t ino, bool dir)
{
	uint32_t group = (ino - 1) / v->inodes_per_group, bit = (ino - 1) % v->inodes_per_group;
	struct ext2_group *g;
	struct ext2_super *s;
	uint8_t *map;
	err_t err = group_get(group, &g);

	if (err == 0)
		err = block_get(g->inode_bitmap, &map);
	if (err == 0)
		err = super_get(&s);
	if (err != 0)
		return err;
	if (!(map[bit / 8] >> bit % 8 & 1) || (dir && g->dirs == 0) ||
	    g->free_inodes >= v->inodes_per_group || s->free_inodes >= v->inodes)
		return -EIO;
	walk_forget(WALK_INODE, WALK_ANY);
	edit(map);
	edit(g);
	edit(s);
	map[bit / 8] &= (uint8_t)~(1u << bit % 8);
	g->free_inodes++;
	g->dirs = (uint16_t)(g->dirs - dir);
	s->free_inodes++;
	return 0;
}
