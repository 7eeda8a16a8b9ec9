/* SPDX-License-Identifier: BSD-2-Clause
 * inode.c - inodes and their attributes.
 *
 * Job:      finds inodes, translates attributes.
 * Speaks:   nothing.
 * Touches:  inode tables, in buffers.
 * Trusts:   nothing on the disk.
 * On crash: changes belong to transactions.
 */
#include "ext2.h"

enum { TABLE_AHEAD = 7 };               /* blocks of the table that come with one */
enum { NS = 1000000000, EPOCH_BITS = 2, EPOCH_MASK = 3, DEVICE_OLD_MAX = 255 };

static const struct volume *v = &state.volume;
#define SECONDS_MAX (INT64_MAX / NS - 1)

/* Where it lies in the table of its group. Blocks of the table that follow are read as well. */
err_t table_get(uint32_t ino, struct ext2_inode **i)
{
	uint32_t index = (ino - 1) % v->inodes_per_group, each = v->size / v->inode_size;
	uint32_t block = index / each;
	struct ext2_group *g;
	uint8_t *p;
	err_t err = group_get((ino - 1) / v->inodes_per_group, &g);

	if (err != 0)
		return err;
	err = block_get(g->table + block, &p);
	for (uint32_t k = 1; err == WAIT && k <= TABLE_AHEAD && block + k < v->table_blocks; k++)
		block_ahead(g->table + block + k, false);
	if (err == 0)
		*i = (struct ext2_inode *)(p + index % each * v->inode_size);
	return err;
}

static bool is_type(uint32_t mode)
{
	enum { TYPES = 1 << 1 | 1 << 2 | 1 << 4 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 12 };

	return TYPES >> (mode >> 12) & 1;
}

err_t inode_get(uint64_t ino, struct ext2_inode **i)
{
	err_t err;

	if (ino > v->inodes || (ino != ROOT_INO && ino < v->first_ino))
		return -EIO;
	err = table_get((uint32_t)ino, i);
	return err == 0 && !is_type((*i)->mode) ? -EIO : err;
}

uint32_t inode_type(const struct ext2_inode *i)
{
	return i->mode & TYPE_MASK;
}

uint64_t inode_size(const struct ext2_inode *i)
{
	return inode_type(i) == TYPE_FILE ? (uint64_t)i->size_high << 32 | i->size : i->size;
}

err_t inode_resize(struct ext2_inode *i, uint64_t size)
{
	struct ext2_super *s;

	if (size > map_max() << v->shift)
		return -EFBIG;
	if (size > INT32_MAX && inode_type(i) == TYPE_FILE && v->revision != 0) {
		err_t err = super_get(&s);

		if (err != 0)
			return err;
		if (!(s->ro_compat & RO_LARGE_FILE)) {
			edit(s);
			s->ro_compat |= RO_LARGE_FILE;
		}
	} else if (size > INT32_MAX) {
		return -EFBIG;
	}
	edit(i);
	i->size = (uint32_t)size;
	if (inode_type(i) == TYPE_FILE)
		i->size_high = (uint32_t)(size >> 32);
	return 0;
}

/* ---- times ---- */

static bool has_times(const struct ext2_inode *i)
{
	return v->inode_size >= EXTRA_OFFSET + EXTRA_NEW && i->extra >= EXTRA_TIMES &&
	       i->extra <= v->inode_size - EXTRA_OFFSET;
}

static int64_t time_get(uint32_t seconds, const uint32_t *extra)
{
	int64_t s = (int32_t)seconds;

	if (extra == NULL)
		return s * NS;
	s += (int64_t)(*extra & EPOCH_MASK) << 32;
	if (s > SECONDS_MAX)
		s = SECONDS_MAX;                /* beyond 2262 ns do not fit */
	return s * NS + (*extra >> EPOCH_BITS) % NS;
}

static void time_set(uint32_t *seconds, uint32_t *extra, int64_t ns)
{
	int64_t s = ns / NS - (ns % NS < 0);

	*seconds = (uint32_t)s;
	if (extra != NULL)
		*extra = (uint32_t)((ns - s * NS) << EPOCH_BITS) |
			 (uint32_t)((s - (int32_t)s) >> 32 & EPOCH_MASK);
}

static void times_set(struct ext2_inode *i, uint32_t mask, const struct file_attr *a)
{
	bool extra = has_times(i);

	if (mask & FILE_SET_ATIME)
		time_set(&i->atime, extra ? &i->atime_extra : NULL, a->atime);
	if (mask & FILE_SET_MTIME)
		time_set(&i->mtime, extra ? &i->mtime_extra : NULL, a->mtime);
	if (mask & FILE_SET_CTIME)
		time_set(&i->ctime, extra ? &i->ctime_extra : NULL, a->ctime);
}

void inode_touch(struct ext2_inode *i, unsigned which)
{
	int64_t now = io_now();
	struct file_attr a = { .atime = now, .mtime = now, .ctime = now };

	edit(i);
	times_set(i, which, &a);
}

/* ---- attributes ---- */

static uint64_t device_get(const struct ext2_inode *i)
{
	uint32_t old = i->map[0], new = i->map[1];

	if (old != 0)
		return (uint64_t)(old >> 8 & 0xff) << 32 | (old & 0xff);
	return (uint64_t)(new >> 8 & 0xfff) << 32 | (new & 0xff) | (new >> 12 & 0xfff00);
}

static void device_set(struct ext2_inode *i, uint64_t rdev)
{
	uint32_t major = (uint32_t)(rdev >> 32), minor = (uint32_t)rdev;

	if (major <= DEVICE_OLD_MAX && minor <= DEVICE_OLD_MAX)
		i->map[0] = major << 8 | minor;
	else
		i->map[1] = (minor & 0xff) | major << 8 | (minor & 0xfff00) << 12;
}

void attr_get(uint32_t ino, const struct ext2_inode *i, struct file_attr *a)
{
	bool extra = has_times(i);
	uint32_t type = inode_type(i);

	*a = (struct file_attr){
		.file = ino, .size = inode_size(i), .blocks = i->sectors, .mode = i->mode,
		.uid = i->uid | (uint32_t)i->uid_high << 16,
		.gid = i->gid | (uint32_t)i->gid_high << 16, .links = i->links,
		.generation = i->generation,
		.atime = time_get(i->atime, extra ? &i->atime_extra : NULL),
		.mtime = time_get(i->mtime, extra ? &i->mtime_extra : NULL),
		.ctime = time_get(i->ctime, extra ? &i->ctime_extra : NULL),
	};
	if (type == TYPE_CHAR || type == TYPE_BLOCK)
		a->rdev = device_get(i);
}

void attr_set(struct ext2_inode *i, uint32_t mask, const struct file_attr *a)
{
	edit(i);
	if (mask & FILE_SET_MODE)
		i->mode = (uint16_t)((i->mode & TYPE_MASK) | (a->mode & 07777));
	if (mask & FILE_SET_UID) {
		i->uid = (uint16_t)a->uid;
		i->uid_high = (uint16_t)(a->uid >> 16);
	}
	if (mask & FILE_SET_GID) {
		i->gid = (uint16_t)a->gid;
		i->gid_high = (uint16_t)(a->gid >> 16);
	}
	times_set(i, mask, a);
}

err_t inode_new(uint32_t ino, const struct file_create_request *req, struct ext2_inode **at)
{
	struct file_attr a = { .uid = req->uid, .gid = req->gid };
	uint32_t generation;
	struct ext2_inode *i;
	err_t err = table_get(ino, &i);

	if (err != 0)
		return err;
	edit(i);
	generation = i->generation + 1;
	memset(i, 0, v->inode_size);
	i->mode = (uint16_t)req->mode;
	i->generation = generation;
	if (v->inode_size >= EXTRA_OFFSET + EXTRA_NEW) {
		i->extra = EXTRA_NEW;
		time_set(&i->crtime, &i->crtime_extra, io_now());
	}
	attr_set(i, FILE_SET_UID | FILE_SET_GID, &a);
	inode_touch(i, FILE_SET_ATIME | FILE_SET_MTIME | FILE_SET_CTIME);
	if (inode_type(i) == TYPE_CHAR || inode_type(i) == TYPE_BLOCK)
		device_set(i, req->rdev);
	*at = i;
	return 0;
}
