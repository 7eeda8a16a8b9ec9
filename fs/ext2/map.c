/* SPDX-License-Identifier: BSD-2-Clause
 * map.c - which block holds which part of a file.
 *
 * Job:      walks, extends and cuts the map of an inode: 12 blocks, then trees of 1 to 3 levels.
 * Speaks:   nothing.
 * Touches:  inodes and indirect blocks, in buffers.
 * Trusts:   nothing on the disk: a number outside of the data is -EIO, and a tree has four levels.
 * On crash: changes belong to transactions.
 */
#include "ext2.h"

enum { LEVELS = 3, ROOM_MIN = 8 };

static const struct volume *v = &state.volume;

static uint64_t each(void)
{
	return v->size / sizeof(uint32_t);
}

/* Blocks that a pointer `level` above the data covers. */
static uint64_t span(unsigned level)
{
	uint64_t n = 1;

	while (level-- > 0)
		n *= each();
	return n;
}

uint64_t map_max(void)
{
	uint64_t n = DIRECT + span(1) + span(2) + span(3);

	/* `sectors` counts in 32 bits. */
	return n < UINT32_MAX / (v->size / 512) - n / each() ? n :
	       (uint64_t)UINT32_MAX / (v->size / 512) / 2;
}

/* The slot in the inode, and the level of what it points to. False: no file is so long. */
static bool root_of(uint64_t *n, unsigned *slot, unsigned *level)
{
	if (*n < DIRECT) {
		*slot = (unsigned)*n;
		*n = 0;
		*level = 0;
		return true;
	}
	*n -= DIRECT;
	for (*level = 1; *level <= LEVELS; (*level)++) {
		if (*n < span(*level)) {
			*slot = DIRECT + *level - 1;
			return true;
		}
		*n -= span(*level);
	}
	return false;
}

err_t map_get(const struct ext2_inode *i, uint64_t n, uint32_t *block)
{
	unsigned slot, level;

	if (!root_of(&n, &slot, &level))
		return -EIO;
	*block = i->map[slot];
	for (;;) {
		uint32_t *table;
		err_t err;

		if (*block == 0)
			return 0;
		if (!block_is_data(*block))
			return -EIO;
		if (level == 0)
			return 0;
		err = block_get(*block, &table);
		if (err != 0)
			return err;
		level--;
		*block = table[n / span(level)];
		n %= span(level);
	}
}

/* A block for a slot: behind its neighbour's, or behind the one above it. */
static err_t fill(struct ext2_inode *i, uint32_t *slot, bool first, uint32_t above)
{
	uint32_t goal = !first && slot[-1] != 0 ? slot[-1] + 1 : above + 1, block;
	err_t err = block_alloc(goal, &block);

	if (err != 0)
		return err;
	edit(slot);
	edit(i);
	*slot = block;
	i->sectors += v->size / 512;
	return 0;
}

err_t map_make(uint32_t ino, struct ext2_inode *i, uint64_t n, uint32_t *block, bool *fresh)
{
	uint32_t above = group_first((ino - 1) / v->inodes_per_group), *slot;
	unsigned root, level;
	bool first;

	if (!root_of(&n, &root, &level))
		return -EFBIG;
	slot = &i->map[root];
	first = root == 0 || root >= DIRECT;
	for (;; level--) {
		uint32_t *table;
		bool made = *slot == 0;
		err_t err = made ? fill(i, slot, first, above) : 0;

		if (err == 0 && !block_is_data(*slot))
			err = -EIO;
		if (err != 0)
			return err;
		above = *block = *slot;
		*fresh = made;
		if (level == 0)
			return 0;
		err = made ? block_zero(*slot, &table) : block_get(*slot, &table);
		if (err != 0)
			return err;
		slot = &table[n / span(level - 1)];
		first = n / span(level - 1) == 0;
		n %= span(level - 1);
	}
}

/* Free what *slot, which covers the file's blocks from `from` on, has beyond `keep`. */
static err_t cut(struct ext2_inode *i, uint32_t *slot, unsigned level, uint64_t from,
		 uint64_t keep)
{
	uint32_t *table;
	err_t err = 0;

	if (*slot == 0 || from + span(level) <= keep)
		return 0;
	if (!block_is_data(*slot))
		return -EIO;
	if (level > 0)
		err = block_get(*slot, &table);
	for (uint64_t k = each(); err == 0 && level > 0 && k-- > 0;) {
		if (table[k] != 0)
			err = cut(i, &table[k], level - 1, from + k * span(level - 1), keep);
	}
	if (err != 0 || from < keep)
		return err;
	if (journal_room() < ROOM_MIN)
		return -EAGAIN;
	err = block_free(*slot);
	if (err != 0)
		return err;
	edit(slot);
	edit(i);
	*slot = 0;
	i->sectors -= i->sectors < v->size / 512 ? i->sectors : v->size / 512;
	return 0;
}

/* What was cut before a block must be waited for stays cut (-EAGAIN): taken back each time, a big
 * file would cost the square of its size. */
err_t map_cut(struct ext2_inode *i, uint64_t keep)
{
	uint64_t from = DIRECT + span(1) + span(2);
	unsigned room = journal_room();
	err_t err = 0;

	for (unsigned level = LEVELS; level > 0 && err == 0; level--) {
		err = cut(i, &i->map[DIRECT + level - 1], level, from, keep);
		from -= level > 1 ? span(level - 1) : 0;
	}
	for (unsigned n = DIRECT; n-- > 0 && err == 0;)
		err = cut(i, &i->map[n], 0, n, keep);
	return err == WAIT && journal_room() != room ? -EAGAIN : err;
}
