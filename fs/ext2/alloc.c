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

/* One of a group, at `from` or behind it. -ENOSPC: none. */
static err_t take_in_group(uint32_t group, uint32_t from, uint32_t *block)
{
	uint32_t end = blocks_of(group), bit;
	struct ext2_group *g;
	struct ext2_super *s;
	uint8_t *map;
	err_t err = group_get(group, &g);

	if (err == 0 && g->free_blocks == 0)
		return -ENOSPC;
	if (err == 0)
		err = block_get(g->block_bitmap, &map);
	if (err == 0)
		err = super_get(&s);
	if (err != 0)
		return err;
	bit = clear_bit(map, from, end);
	if (bit == end)
		bit = clear_bit(map, 0, end);
	if (bit == end)
		return -ENOSPC;
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
	uint32_t first, from;
	err_t err = -ENOSPC;

	if (goal < v->first_data || goal >= v->blocks)
		goal = v->first_data;
	first = (goal - v->first_data) / v->blocks_per_group;
	from = goal - group_first(first);
	for (uint32_t k = 0; k < v->groups && err == -ENOSPC; k++)
		err = take_in_group((first + k) % v->groups, k == 0 ? from : 0, block);
	return err;
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
	edit(map);
	edit(g);
	edit(s);
	map[bit / 8] &= (uint8_t)~(1u << bit % 8);
	g->free_blocks++;
	s->free_blocks++;
	return 0;
}

/* ---- inodes ---- */

static err_t take_inode(uint32_t group, bool dir, uint32_t *ino)
{
	uint32_t from = group == 0 ? v->first_ino - 1 : 0, bit;
	struct ext2_group *g;
	struct ext2_super *s;
	uint8_t *map;
	err_t err = group_get(group, &g);

	if (err == 0 && g->free_inodes == 0)
		return -ENOSPC;
	if (err == 0)
		err = block_get(g->inode_bitmap, &map);
	if (err == 0)
		err = super_get(&s);
	if (err != 0)
		return err;
	bit = clear_bit(map, from, v->inodes_per_group);
	if (bit == v->inodes_per_group)
		return -ENOSPC;
	if (s->free_inodes == 0)
		return -EIO;
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

/* A directory begins a new neighbourhood: where the most blocks are free. */
static err_t best_group(uint32_t parent, uint32_t *best)
{
	uint32_t most = 0;

	*best = parent;
	for (uint32_t k = 0; k < v->groups; k++) {
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
	uint32_t first = (parent - 1) / v->inodes_per_group;
	err_t err = dir ? best_group(first, &first) : 0;

	if (err == 0)
		err = -ENOSPC;
	for (uint32_t k = 0; k < v->groups && err == -ENOSPC; k++)
		err = take_inode((first + k) % v->groups, dir, ino);
	return err;
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
	edit(map);
	edit(g);
	edit(s);
	map[bit / 8] &= (uint8_t)~(1u << bit % 8);
	g->free_inodes++;
	g->dirs = (uint16_t)(g->dirs - dir);
	s->free_inodes++;
	return 0;
}
