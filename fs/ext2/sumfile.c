/* SPDX-License-Identifier: BSD-2-Clause
 * sumfile.c - the sums that a disk brings along, from unmount to mount.
 *
 * Job:      takes the sums from the disk when it is mounted, and puts them there when it is
 *           unmounted, if it has a place for them (tools/mksums.c makes one).
 * Speaks:   nothing.
 * Touches:  sums, the blocks of inode 5, by buffer.c.
 * Trusts:   nothing on the disk: what is not whole, or of another time, is not used.
 * On crash: loading goes on at the row that it had come to; storing begins anew.
 *
 * T2  They are used if the superblock is as the head says. It changes, and is on the disk, before
 *     any other block is written (ext2.c), and whoever else writes the disk changes it, too.
 * T3  Of the superblock and of this file's own blocks no sum is stored.
 */
#include "ext2.h"

static struct volume *v = &state.volume;
static uint8_t page[SUMS_PAGE] __attribute__((aligned(8)));
static struct sums_head head;

/* How far storing is. A crash loses it, and the request begins anew. */
static struct { uint32_t row, changed; bool begun; } storing;

static uint32_t nr_rows(void)
{
	return (v->blocks + SUMS_ROW - 1) / SUMS_ROW;
}

/* -ENOENT: the disk has no place for sums. */
static err_t file_get(struct ext2_inode **i)
{
	err_t err = table_get(SUMS_INO, i);

	if (err != 0)
		return err;
	if (inode_type(*i) != TYPE_FILE || nr_rows() > SUMS_ROWS ||
	    inode_size(*i) != (uint64_t)(1 + nr_rows()) * SUMS_PAGE)
		return -ENOENT;
	return 0;
}

/* The block of byte `at` of the file. */
static err_t block_of(const struct ext2_inode *i, uint32_t at, uint32_t *block)
{
	err_t err = map_get(i, at >> v->shift, block);

	return err == 0 && *block == 0 ? -EIO : err;
}

/* ---- from the disk ---- */

static err_t page_get(const struct ext2_inode *i, uint32_t n, void *to)
{
	uint32_t block;
	uint8_t *from;
	err_t err = 0;

	for (uint32_t at = 0; err == 0 && at < SUMS_PAGE; at += v->size) {
		err = block_of(i, n * SUMS_PAGE + at, &block);
		if (err == 0)
			err = block_get(block, &from);
		if (err == 0)
			memcpy((uint8_t *)to + at, from, v->size);
	}
	return err;
}

/* -ESTALE: what it says is not of this disk, or not of now. */
static err_t head_get(const struct ext2_inode *i)
{
	struct ext2_super *s;
	uint32_t sum;
	err_t err = page_get(i, 0, &head);

	if (err == 0)
		err = super_get(&s);
	if (err != 0)
		return err;
	sum = head.sum;
	head.sum = 0;
	if (head.magic != SUMS_MAGIC || head.block_size != v->size || head.blocks != v->blocks ||
	    sum_of(&head, sizeof(head)) != sum || head.super != sum_of(s, sizeof(*s)))
		return -ESTALE;
	return 0;
}

static err_t row_load(void)
{
	uint32_t n = v->sums_next, end = (2 + nr_rows()) * SUMS_PAGE, block;
	struct ext2_inode *i;
	err_t err = file_get(&i);

	if (err == 0)
		err = head_get(i);
	for (uint32_t at = (1 + n) * SUMS_PAGE, k = 0; err == 0 && k < 16 && at < end; k++) {
		if (block_of(i, at, &block) == 0)
			block_ahead(block, false);
		at += v->size;
	}
	if (err == 0)
		err = page_get(i, 1 + n, page);
	if (err != 0)
		return err;
	if (sum_of(page, SUMS_PAGE) != head.row[n])
		return -ESTALE;
	sums_put_row(&sums, n, (const uint32_t *)(void *)page);
	v->sums_next++;
	return 0;
}

/* What was read before its sum was known is read once more. */
static void loaded(err_t err)
{
	if (err == 0) {
		buffers_drop();
		io_say("%lu blocks are known by the sums that are on the disk", sums.known);
	} else if (err != -ENOENT) {
		sums_clear(&sums);
		io_say("the sums on the disk are not of now, and are not used (%lu)",
		       (unsigned long)-err);
	}
	v->sums = err == -ENOENT ? SUMS_NONE : SUMS_PLACE;
}

err_t sums_load(void)
{
	while (v->sums == SUMS_UNSEEN) {
		err_t err = 0;

		if (v->sums_next < nr_rows()) {
			op_begin();
			err = op_end(row_load());
		}
		if (err == WAIT)
			return WAIT;
		if (err != 0 || v->sums_next >= nr_rows())
			loaded(err);
	}
	return 0;
}

/* ---- to the disk ---- */

static err_t page_put(const struct ext2_inode *i, uint32_t n, const void *from)
{
	uint32_t block;
	uint8_t *to;
	err_t err = 0;

	for (uint32_t at = 0; err == 0 && at < SUMS_PAGE; at += v->size) {
		err = block_of(i, n * SUMS_PAGE + at, &block);
		if (err == 0)
			err = block_over(block, &to);
		if (err == 0) {
			edit_unsummed(to);
			memcpy(to, (const uint8_t *)from + at, v->size);
		}
	}
	return err;
}

/* T3 */
static err_t forget_own(const struct ext2_inode *i)
{
	uint32_t block;
	err_t err = 0;

	for (uint32_t at = 0; err == 0 && at < inode_size(i); at += v->size) {
		err = block_of(i, at, &block);
		if (err == 0)
			sum_unknown(block);
	}
	sum_unknown(SUPER_AT / v->size);
	return err;
}

static err_t row_store(void)
{
	struct ext2_inode *i;
	err_t err = file_get(&i);

	if (err == 0 && !storing.begun)
		err = forget_own(i);
	if (err != 0)
		return err;
	storing.begun = true;
	sums_get_row(&sums, storing.row, (uint32_t *)(void *)page);
	head.row[storing.row] = sum_of(page, SUMS_PAGE);
	err = page_put(i, 1 + storing.row, page);
	if (err == 0)
		storing.row++;
	return err;
}

void sums_store_begin(void)
{
	memset(&head, 0, sizeof(head));
	memset(&storing, 0, sizeof(storing));
	storing.changed = cache.transactions;
}

/* All rows, when nothing is dirty. */
err_t sums_store(void)
{
	err_t err = 0;

	while (err == 0 && storing.row < nr_rows()) {
		op_begin();
		err = op_end(row_store());
	}
	return err;
}

/* When these are on the disk, and the superblock is as it will stay. What has changed meanwhile, or
 * will because files without a name are left, makes them worth nothing. */
static err_t head_store(void)
{
	struct ext2_inode *i;
	struct ext2_super *s;
	err_t err = file_get(&i);

	if (err == 0)
		err = super_get(&s);
	if (err != 0)
		return err;
	if (cache.transactions != storing.changed || s->last_orphan != 0)
		return -EBUSY;
	head.magic = SUMS_MAGIC;
	head.block_size = v->size;
	head.blocks = v->blocks;
	head.super = sum_of(s, sizeof(*s));
	head.sum = 0;
	head.sum = sum_of(&head, sizeof(head));
	return page_put(i, 0, &head);
}

err_t sums_store_head(void)
{
	op_begin();
	return op_end(head_store());
}
