/* SPDX-License-Identifier: BSD-2-Clause
 * mksums.c - gives an ext2 image a sum of each of its blocks (docs/notes/0023-block-sums.md).
 *
 *	mksums IMAGE
 *	mksums -c IMAGE         says which blocks are not what they were at the last unmount
 *
 * The sums go into a file that has no name: inode 5, which is a boot loader's. Linux leaves it
 * alone, and e2fsck takes it for what it is. They count as long as the superblock is what it is
 * now.
 * Status 3, and no change: the image has no place for them, or none that count. Status 4, of -c:
 * not all blocks are what they were, as far as that can be told.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <lib/ext2_disk.h>
#include <lib/sums.h>

enum { NO_PLACE = 3, DIFFERS = 4, SECTOR = 512, MODE = 0100600 };

static uint8_t *disk;
static size_t disk_size;
static struct ext2_super *super;
static struct ext2_group *groups;
static uint32_t block_size, next_free;

static void end(int status, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	fprintf(stderr, "mksums: ");
	vfprintf(stderr, format, list);
	fprintf(stderr, "\n");
	va_end(list);
	exit(status);
}

static void *block_at(uint32_t block)
{
	if (block == 0 || block >= super->blocks)
		end(1, "block %u is not on the disk", block);
	return disk + (size_t)block * block_size;
}

/* ---- a place ---- */

static uint32_t take_block(void)
{
	for (; next_free < super->blocks; next_free++) {
		uint32_t n = next_free - super->first_data, bit = n % super->blocks_per_group;
		struct ext2_group *g = &groups[n / super->blocks_per_group];
		uint8_t *bitmap = block_at(g->block_bitmap);

		if (bitmap[bit / 8] & 1 << bit % 8)
			continue;
		bitmap[bit / 8] |= (uint8_t)(1 << bit % 8);
		g->free_blocks--;
		super->free_blocks--;
		memset(block_at(next_free), 0, block_size);
		return next_free++;
	}
	end(NO_PLACE, "the disk is full");
	return 0;
}

static struct ext2_inode *inode(uint32_t ino)
{
	uint32_t each = super->revision == 0 ? (uint32_t)INODE_SIZE_0 : super->inode_size;

	return (struct ext2_inode *)((uint8_t *)block_at(groups[0].table) + (ino - 1) * each);
}

/* Blocks one after the other, as far as the disk has them so, and one that says which. */
static void make_file(struct ext2_inode *i, uint32_t pages)
{
	uint32_t blocks = pages * SUMS_PAGE / block_size, *more = NULL, total = blocks;

	if (blocks > DIRECT + block_size / sizeof(uint32_t))
		end(NO_PLACE, "%u blocks of sums do not fit into a file of one level", blocks);
	if (super->free_blocks < blocks + 1 + super->reserved)
		end(NO_PLACE, "%u blocks are free, %u needed", super->free_blocks, blocks);
	for (uint32_t n = 0; n < blocks; n++) {
		if (n == DIRECT) {
			i->map[DIRECT] = take_block();
			more = block_at(i->map[DIRECT]);
			total++;
		}
		*(n < DIRECT ? &i->map[n] : &more[n - DIRECT]) = take_block();
	}
	i->mode = MODE;
	i->links = 1;
	i->size = pages * SUMS_PAGE;
	i->sectors = total * (block_size / SECTOR);
	i->atime = i->ctime = i->mtime = super->wtime;
}

/* ---- what it holds ---- */

static uint32_t map(const struct ext2_inode *i, uint32_t n)
{
	const uint32_t *more = n < DIRECT ? i->map : block_at(i->map[DIRECT]);

	return more[n < DIRECT ? n : n - DIRECT];
}

static void put_page(const struct ext2_inode *i, uint32_t page, const void *from)
{
	uint32_t each = SUMS_PAGE / block_size;

	for (uint32_t k = 0; k < each; k++)
		memcpy(block_at(map(i, page * each + k)), (const uint8_t *)from + k * block_size,
		       block_size);
}

static void get_page(const struct ext2_inode *i, uint32_t page, void *to)
{
	uint32_t each = SUMS_PAGE / block_size;

	for (uint32_t k = 0; k < each; k++)
		memcpy((uint8_t *)to + k * block_size, block_at(map(i, page * each + k)),
		       block_size);
}

/* Whether a block may change without the superblock's doing so: these sums themselves. */
static bool is_own(const struct ext2_inode *i, uint32_t block)
{
	for (uint32_t n = 0; n < i->size / block_size; n++)
		if (map(i, n) == block)
			return true;
	return block == SUPER_AT / block_size;
}

static void fill(const struct ext2_inode *i, uint32_t rows)
{
	static struct sums_head head;
	static uint32_t row[SUMS_ROW];

	head = (struct sums_head){
		.magic = SUMS_MAGIC, .block_size = block_size, .blocks = super->blocks,
	};
	for (uint32_t n = 0; n < rows; n++) {
		memset(row, 0, sizeof(row));
		for (uint32_t k = 0; k < SUMS_ROW; k++) {
			uint32_t block = n * SUMS_ROW + k;

			if (block < super->blocks && !is_own(i, block))
				row[k] = sum_of(disk + (size_t)block * block_size, block_size);
		}
		head.row[n] = sum_of(row, sizeof(row));
		put_page(i, 1 + n, row);
	}
	head.super = sum_of(super, sizeof(*super));
	head.sum = sum_of(&head, sizeof(head));
	put_page(i, 0, &head);
}

/* Is every block what it was? Says which are not, or cannot be told. */
static bool check(const struct ext2_inode *i, uint32_t rows)
{
	static struct sums_head head;
	static uint32_t row[SUMS_ROW];
	bool right = true;
	uint32_t sum;

	get_page(i, 0, &head);
	sum = head.sum;
	head.sum = 0;
	if (head.magic != SUMS_MAGIC || sum != sum_of(&head, sizeof(head)) ||
	    head.block_size != block_size || head.blocks != super->blocks ||
	    head.super != sum_of(super, sizeof(*super)))
		end(NO_PLACE, "the sums are not of now: it is mounted, was not unmounted by Skink, "
		    "or they are damaged");
	for (uint32_t n = 0; n < rows; n++) {
		get_page(i, 1 + n, row);
		if (sum_of(row, sizeof(row)) != head.row[n]) {
			printf("blocks %u to %u: their sums are damaged\n", n * SUMS_ROW,
			       (n + 1) * SUMS_ROW - 1);
			right = false;
			continue;
		}
		for (uint32_t k = 0; k < SUMS_ROW && n * SUMS_ROW + k < super->blocks; k++) {
			uint32_t block = n * SUMS_ROW + k;

			if (row[k] == 0 || row[k] == sum_of(disk + (size_t)block * block_size,
							    block_size))
				continue;
			printf("block %u\n", block);
			right = false;
		}
	}
	return right;
}

static void load(const char *path, bool to_write)
{
	int fd = open(path, to_write ? O_RDWR : O_RDONLY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		end(1, "%s: %s", path, strerror(errno));
	disk_size = (size_t)st.st_size;
	if (disk_size < SUPER_AT + sizeof(*super))
		end(1, "%s: too small", path);
	disk = mmap(NULL, disk_size, PROT_READ | (to_write ? PROT_WRITE : 0), MAP_SHARED, fd, 0);
	if (disk == MAP_FAILED)
		end(1, "%s: %s", path, strerror(errno));
	super = (struct ext2_super *)(disk + SUPER_AT);
	if (super->magic != SUPER_MAGIC || super->log_block > 2 ||
	    ((uint64_t)super->blocks << super->log_block) * 1024 > disk_size ||
	    super->blocks_per_group == 0)
		end(1, "%s: no ext2 file system", path);
	block_size = 1024u << super->log_block;
	groups = block_at(super->first_data + 1);
}

int main(int argc, char **argv)
{
	bool checks = argc == 3 && strcmp(argv[1], "-c") == 0;
	struct ext2_inode *i;
	uint32_t rows;

	if (argc != 2 && !checks)
		end(2, "usage: mksums [-c] IMAGE");
	load(argv[argc - 1], !checks);
	rows = (super->blocks + SUMS_ROW - 1) / SUMS_ROW;
	if (rows > SUMS_ROWS)
		end(NO_PLACE, "a disk of %u blocks; %u at most", super->blocks,
		    SUMS_ROWS * SUMS_ROW);
	i = inode(SUMS_INO);
	next_free = super->first_data;
	if (i->mode == 0 && !checks)
		make_file(i, 1 + rows);
	if (i->mode != MODE || i->size != (1 + rows) * SUMS_PAGE)
		end(NO_PLACE, "inode %u is used for something else", SUMS_INO);
	if (checks)
		return check(i, rows) ? 0 : DIFFERS;
	fill(i, rows);
	return munmap(disk, disk_size) != 0;
}
