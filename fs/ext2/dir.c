/* SPDX-License-Identifier: BSD-2-Clause
 * dir.c - the entries of directories.
 *
 * Job:      finds, adds, removes and lists entries. An index (dir_index) is not used, and given up
 *           with the first change: its blocks look like unused entries.
 * Speaks:   nothing.
 * Touches:  directories' blocks, in buffers.
 * Trusts:   nothing on the disk: each entry is checked before it is used.
 * On crash: changes belong to transactions.
 */
#include "ext2.h"

static const struct volume *v = &state.volume;

err_t dir_get(uint64_t ino, struct ext2_inode **i)
{
	err_t err = inode_get(ino, i);

	if (err == 0 && inode_type(*i) != TYPE_DIR)
		err = -ENOTDIR;
	return err;
}

static uint32_t blocks_of(const struct ext2_inode *dir)
{
	uint32_t n = dir->size >> v->shift, there = dir->sectors / (v->size / 512);

	return n < there ? n : there;           /* a directory has no holes */
}

static err_t dir_block(const struct ext2_inode *dir, uint32_t n, uint8_t **at)
{
	uint32_t block;
	err_t err = map_get(dir, n, &block);

	if (err == 0 && block == 0)
		err = -EIO;
	return err != 0 ? err : block_get(block, at);
}

static uint32_t record(uint32_t name_len)
{
	return (DIRENT_HEAD_LEN + name_len + 3) & ~3u;
}

/* The entry at an offset, or NULL: it makes no sense. */
static struct ext2_dirent *entry_at(uint8_t *at, uint32_t offset)
{
	struct ext2_dirent *e = (struct ext2_dirent *)(at + offset);

	if (offset + DIRENT_HEAD_LEN > v->size || e->len < DIRENT_HEAD_LEN || e->len % 4 != 0 ||
	    e->len > v->size - offset || record(e->name_len) > e->len || e->inode > v->inodes)
		return NULL;
	return e;
}

static err_t find_in_block(uint8_t *at, const char *name, uint32_t len, struct spot *s)
{
	s->before = NULL;
	for (uint32_t offset = 0; offset < v->size; offset += s->entry->len) {
		s->entry = entry_at(at, offset);
		if (s->entry == NULL)
			return -EIO;
		if (s->entry->inode != 0 && s->entry->name_len == len &&
		    memcmp(s->entry->name, name, len) == 0)
			return 0;
		s->before = s->entry;
	}
	return -ENOENT;
}

err_t dir_find(const struct ext2_inode *dir, const char *name, struct spot *s)
{
	uint32_t len = (uint32_t)strlen(name);
	err_t err = -ENOENT;

	for (uint32_t n = 0; n < blocks_of(dir) && err == -ENOENT; n++) {
		uint8_t *at;

		err = dir_block(dir, n, &at);
		if (err == 0)
			err = find_in_block(at, name, len, s);
	}
	return err;
}

/* ---- changing ---- */

static void changed(struct ext2_inode *dir)
{
	inode_touch(dir, FILE_SET_MTIME | FILE_SET_CTIME);
	dir->flags &= ~(uint32_t)INODE_DIR_INDEX;
	dir->version++;
}

static void entry_fill(struct ext2_dirent *e, const char *name, uint32_t child, uint32_t mode)
{
	static const uint8_t type_of[16] = {
		[1] = 5, [2] = 3, [4] = 2, [6] = 4, [8] = 1, [10] = 7, [12] = 6,
	};

	e->inode = child;
	if (name != NULL) {
		e->name_len = (uint8_t)strlen(name);
		memcpy(e->name, name, e->name_len);
	}
	e->type = v->filetype ? type_of[mode >> 12 & 15] : 0;
}

static err_t add_in_block(uint8_t *at, const char *name, uint32_t child, uint32_t mode)
{
	uint32_t need = record((uint32_t)strlen(name)), used;
	struct ext2_dirent *e, *next;

	for (uint32_t offset = 0; offset < v->size; offset += e->len) {
		e = entry_at(at, offset);
		if (e == NULL)
			return -EIO;
		used = e->inode != 0 ? record(e->name_len) : 0;
		if (e->len - used < need)
			continue;
		edit(at);
		if (used != 0) {
			next = (struct ext2_dirent *)((uint8_t *)e + used);
			next->len = (uint16_t)(e->len - used);
			e->len = (uint16_t)used;
			e = next;
		}
		entry_fill(e, name, child, mode);
		return 0;
	}
	return -ENOSPC;
}

static err_t new_block(uint32_t ino, struct ext2_inode *dir, uint8_t **at)
{
	uint32_t n = dir->size >> v->shift, block;
	bool fresh;
	err_t err = map_make(ino, dir, n, &block, &fresh);

	if (err == 0 && !fresh)
		err = -EIO;
	if (err == 0)
		err = block_zero(block, at);
	if (err == 0)
		err = inode_resize(dir, dir->size + v->size);
	if (err == 0)
		((struct ext2_dirent *)*at)->len = (uint16_t)v->size;
	return err;
}

err_t dir_add(uint32_t ino, struct ext2_inode *dir, const char *name, uint32_t child,
	      uint32_t mode)
{
	err_t err = -ENOSPC;
	uint8_t *at;

	for (uint32_t n = 0; n < blocks_of(dir) && err == -ENOSPC; n++) {
		err = dir_block(dir, n, &at);
		if (err == 0)
			err = add_in_block(at, name, child, mode);
	}
	if (err == -ENOSPC) {
		err = new_block(ino, dir, &at);
		if (err == 0)
			err = add_in_block(at, name, child, mode);
	}
	if (err == 0)
		changed(dir);
	return err;
}

void dir_remove(struct ext2_inode *dir, const struct spot *s)
{
	edit(s->entry);
	if (s->before != NULL)
		s->before->len = (uint16_t)(s->before->len + s->entry->len);
	s->entry->inode = 0;
	changed(dir);
}

void dir_set(struct ext2_inode *dir, struct ext2_dirent *e, uint32_t child, uint32_t mode)
{
	edit(e);
	entry_fill(e, NULL, child, mode);
	changed(dir);
}

/* The first block of a new directory. */
err_t dir_make(uint32_t ino, struct ext2_inode *i, uint32_t parent)
{
	uint8_t *at;
	err_t err = new_block(ino, i, &at);

	if (err == 0)
		err = add_in_block(at, ".", ino, TYPE_DIR);
	if (err == 0)
		err = add_in_block(at, "..", parent, TYPE_DIR);
	return err;
}

/* ---- listing ---- */

static bool is_dots(const struct ext2_dirent *e)
{
	return e->name[0] == '.' && (e->name_len == 1 || (e->name_len == 2 && e->name[1] == '.'));
}

err_t dir_is_empty(const struct ext2_inode *dir)
{
	struct ext2_dirent *e;
	uint8_t *at;

	for (uint32_t n = 0; n < blocks_of(dir); n++) {
		err_t err = dir_block(dir, n, &at);

		if (err != 0)
			return err;
		for (uint32_t offset = 0; offset < v->size; offset += e->len) {
			e = entry_at(at, offset);
			if (e == NULL)
				return -EIO;
			if (e->inode != 0 && !is_dots(e))
				return -ENOTEMPTY;
		}
	}
	return 0;
}

static bool emit(const struct ext2_dirent *e, uint64_t next, struct file_dirents *d)
{
	static const uint8_t kind[8] = { 0, 8, 4, 2, 6, 1, 12, 10 };
	uint32_t mode = v->filetype && e->type < 8 ? (uint32_t)kind[e->type] << 12 : 0;
	char name[NAME_LEN + 1];

	memcpy(name, e->name, e->name_len);
	name[e->name_len] = '\0';
	return file_dirent(d, e->inode, next, mode, name);
}

/* Positions are bytes of the directory. One that is not at an entry any more goes to the next. */
err_t dir_list(uint64_t ino, uint64_t pos, struct file_dirents *d)
{
	struct ext2_inode *dir;
	struct ext2_dirent *e;
	uint8_t *at;
	err_t err = dir_get(ino, &dir);

	for (uint64_t n = pos >> v->shift; err == 0 && n < blocks_of(dir); n++) {
		uint64_t base = n << v->shift;

		err = dir_block(dir, (uint32_t)n, &at);
		for (uint32_t offset = 0; err == 0 && offset < v->size; offset += e->len) {
			e = entry_at(at, offset);
			if (e == NULL)
				return d->used != 0 ? 0 : -EIO;
			if (e->inode != 0 && e->name_len != 0 && base + offset >= pos &&
			    !emit(e, base + offset + e->len, d))
				return d->used != 0 ? 0 : -EINVAL;
		}
	}
	return err;
}
