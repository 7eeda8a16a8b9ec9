/* SPDX-License-Identifier: BSD-2-Clause
 * dir.c - the entries of directories.
 *
 * Job:      finds, adds, removes and lists entries. The disk's index (dir_index) is not used, and
 *           given up with the first change: its blocks look like unused entries. See index.c.
 * Speaks:   nothing.
 * Touches:  directories' blocks, in buffers.
 * Trusts:   nothing on the disk: each entry is checked before it is used.
 * On crash: changes belong to transactions.
 */
#include "ext2.h"

enum { AHEAD = 16 };                    /* blocks */

static const struct volume *v = &state.volume;

err_t dir_get(uint64_t ino, struct ext2_inode **i)
{
	err_t err = inode_get(ino, i);

	if (err == 0 && inode_type(*i) != TYPE_DIR)
		err = -ENOTDIR;
	return err;
}

uint32_t dir_blocks(const struct ext2_inode *dir)
{
	uint32_t n = dir->size >> v->shift, there = dir->sectors / (v->size / 512);

	return n < there ? n : there;           /* a directory has no holes */
}

err_t dir_block(const struct ext2_inode *dir, uint32_t n, uint8_t **at)
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

struct ext2_dirent *dir_entry(uint8_t *at, uint32_t offset)
{
	struct ext2_dirent *e = (struct ext2_dirent *)(at + offset);

	if (offset + DIRENT_HEAD_LEN > v->size || e->len < DIRENT_HEAD_LEN || e->len % 4 != 0 ||
	    e->len > v->size - offset || record(e->name_len) > e->len || e->inode > v->inodes)
		return NULL;
	return e;
}

bool dir_matches(const struct ext2_dirent *e, const char *name, uint32_t len)
{
	return e->inode != 0 && e->name_len == len && memcmp(e->name, name, len) == 0;
}

err_t dir_spot(const struct ext2_inode *dir, uint32_t position, struct spot *s)
{
	err_t err = dir_block(dir, position >> v->shift, &s->block);

	if (err != 0)
		return err;
	s->base = position & ~(v->size - 1);
	s->entry = dir_entry(s->block, position - s->base);
	return s->entry != NULL ? 0 : -EIO;
}

static err_t find_in_block(uint8_t *at, const char *name, uint32_t len, struct ext2_dirent **found)
{
	struct ext2_dirent *e;

	for (uint32_t offset = 0; offset < v->size; offset += e->len) {
		e = dir_entry(at, offset);
		if (e == NULL)
			return -EIO;
		if (dir_matches(e, name, len)) {
			*found = e;
			return 0;
		}
	}
	return -ENOENT;
}

/* One block, which stays in the buffers if the name is in it. */
static err_t search_block(const struct ext2_inode *dir, uint32_t n, const char *name,
			  struct spot *s)
{
	err_t err;

	look_begin();
	err = dir_block(dir, n, &s->block);
	s->base = n << v->shift;
	if (err == 0)
		err = find_in_block(s->block, name, (uint32_t)strlen(name), &s->entry);
	look_end();
	return err == 0 ? dir_block(dir, n, &s->block) : err;
}

/* Those that come next are read as well. */
static void ahead(const struct ext2_inode *dir, uint32_t n)
{
	uint32_t end = dir_blocks(dir) - n > AHEAD ? n + AHEAD : dir_blocks(dir), block;

	while (++n < end)
		if (map_get(dir, n, &block) == 0 && block != 0)
			block_ahead(block, false);
}

static err_t search(uint32_t ino, const struct ext2_inode *dir, const char *name, struct spot *s)
{
	uint32_t n = walk_at(WALK_NAME, ino, 0, name);
	err_t err = -ENOENT;

	for (; n < dir_blocks(dir); n++) {
		err = search_block(dir, n, name, s);
		if (err != -ENOENT)
			break;
	}
	if (err == WAIT) {
		walk_to(WALK_NAME, ino, 0, name, n);
		ahead(dir, n);
	}
	return err;
}

err_t dir_find(uint32_t ino, const struct ext2_inode *dir, const char *name, struct spot *s)
{
	err_t err = index_find(ino, dir, name, s);

	return err == NOT_INDEXED ? search(ino, dir, name, s) : err;
}

err_t dir_again(const char *name, struct spot *s)
{
	err_t err = find_in_block(s->block, name, (uint32_t)strlen(name), &s->entry);

	return err == -ENOENT ? -EIO : err;
}

/* In the first block, whoever made it. */
err_t dir_parent(const struct ext2_inode *dir, struct spot *s)
{
	err_t err = dir_block(dir, 0, &s->block);

	s->base = 0;
	return err == 0 ? dir_again("..", s) : err;
}

/* ---- changing ---- */

static void changed(uint32_t ino, struct ext2_inode *dir)
{
	walk_forget(WALK_NAME, ino);
	walk_forget(WALK_ROOM, ino);
	walk_forget(WALK_EMPTY, ino);
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

static uint32_t used_by(const struct ext2_dirent *e)
{
	return e->inode != 0 ? record(e->name_len) : 0;
}

/* The entry from *offset on with a gap behind it, or that is one. */
static err_t room_in_block(uint8_t *at, uint32_t *offset, uint32_t need)
{
	struct ext2_dirent *e;

	for (; *offset < v->size; *offset += e->len) {
		e = dir_entry(at, *offset);
		if (e == NULL)
			return -EIO;
		if (e->len - used_by(e) >= need)
			return 0;
	}
	return -ENOSPC;
}

/* In the first gap from *offset on, which becomes the entry's. */
static err_t add_in_block(uint8_t *at, uint32_t *offset, const char *name, uint32_t child,
			  uint32_t mode)
{
	err_t err = room_in_block(at, offset, record((uint32_t)strlen(name)));
	struct ext2_dirent *e = (struct ext2_dirent *)(at + *offset), *next;
	uint32_t used;

	if (err != 0)
		return err;
	used = used_by(e);
	edit(at);
	*offset += used;
	if (used != 0) {
		next = (struct ext2_dirent *)((uint8_t *)e + used);
		next->len = (uint16_t)(e->len - used);
		e->len = (uint16_t)used;
		e = next;
	}
	entry_fill(e, name, child, mode);
	return 0;
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

/* The first block from *n on that has room, from *offset on. */
static err_t find_room(uint32_t ino, const struct ext2_inode *dir, uint32_t need, uint32_t *n,
		       uint32_t *offset)
{
	uint32_t from = walk_at(WALK_ROOM, ino, need, "");
	err_t err = -ENOSPC;
	uint8_t *at;

	if (from > *n) {
		*n = from;
		*offset = 0;
	}
	while (*n < dir_blocks(dir)) {
		look_begin();
		err = dir_block(dir, *n, &at);
		if (err == 0)
			err = room_in_block(at, offset, need);
		look_end();
		if (err != -ENOSPC)
			break;
		++*n;
		*offset = 0;
	}
	if (err == WAIT) {
		walk_to(WALK_ROOM, ino, need, "", *n);
		ahead(dir, *n);
	}
	return err;
}

err_t dir_add(uint32_t ino, struct ext2_inode *dir, const char *name, uint32_t child,
	      uint32_t mode)
{
	uint32_t need = record((uint32_t)strlen(name)), from = index_room(ino, need);
	uint32_t n = from >> v->shift, offset = from & (v->size - 1);
	err_t err = find_room(ino, dir, need, &n, &offset);
	uint8_t *at;

	if (err == 0)
		err = dir_block(dir, n, &at);
	else if (err == -ENOSPC)
		err = new_block(ino, dir, &at);
	if (err == 0)
		err = add_in_block(at, &offset, name, child, mode);
	if (err == 0) {
		changed(ino, dir);
		index_added(ino, name, need, (n << v->shift) + offset);
	}
	return err;
}

/* The entry becomes part of the one before it in the block. */
void dir_remove(uint32_t ino, struct ext2_inode *dir, const struct spot *s)
{
	uint32_t end = (uint32_t)((uint8_t *)s->entry - s->block), at = 0, next;
	struct ext2_dirent *before = NULL;

	for (uint32_t offset = 0; offset < end; offset = next) {
		before = dir_entry(s->block, offset);
		next = before != NULL ? offset + before->len : end + 1;
		at = offset;
		if (next > end) {               /* damaged: the entry stays, unused */
			before = NULL;
			break;
		}
	}
	edit(s->entry);
	if (before != NULL)
		before->len = (uint16_t)(before->len + s->entry->len);
	s->entry->inode = 0;
	changed(ino, dir);
	index_removed(ino, s->entry->name, s->entry->name_len, s->base + end,
		      s->base + (before != NULL ? at : end));
}

void dir_set(uint32_t ino, struct ext2_inode *dir, struct ext2_dirent *e, uint32_t child,
	     uint32_t mode)
{
	edit(e);
	entry_fill(e, NULL, child, mode);
	changed(ino, dir);
}

/* The first block of a new directory. */
err_t dir_make(uint32_t ino, struct ext2_inode *i, uint32_t parent)
{
	uint32_t offset = 0;
	uint8_t *at;
	err_t err = new_block(ino, i, &at);

	index_drop(ino);                /* of a directory that had this number before */
	if (err == 0)
		err = add_in_block(at, &offset, ".", ino, TYPE_DIR);
	if (err == 0)
		err = add_in_block(at, &offset, "..", parent, TYPE_DIR);
	return err;
}

/* ---- listing ---- */

static bool is_dots(const struct ext2_dirent *e)
{
	return e->name[0] == '.' && (e->name_len == 1 || (e->name_len == 2 && e->name[1] == '.'));
}

static err_t block_is_empty(const struct ext2_inode *dir, uint32_t n)
{
	struct ext2_dirent *e;
	uint8_t *at;
	err_t err = dir_block(dir, n, &at);

	for (uint32_t offset = 0; err == 0 && offset < v->size; offset += e->len) {
		e = dir_entry(at, offset);
		if (e == NULL)
			return -EIO;
		if (e->inode != 0 && !is_dots(e))
			err = -ENOTEMPTY;
	}
	return err;
}

err_t dir_is_empty(uint32_t ino, const struct ext2_inode *dir)
{
	uint32_t n = walk_at(WALK_EMPTY, ino, 0, "");
	err_t err = 0;

	for (; n < dir_blocks(dir) && err == 0; n += err == 0) {
		look_begin();
		err = block_is_empty(dir, n);
		look_end();
	}
	if (err == WAIT) {
		walk_to(WALK_EMPTY, ino, 0, "", n);
		ahead(dir, n);
	}
	return err;
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

	for (uint64_t n = pos >> v->shift; err == 0 && n < dir_blocks(dir); n++) {
		uint64_t base = n << v->shift;

		look_end();
		look_begin();
		err = dir_block(dir, (uint32_t)n, &at);
		for (uint32_t offset = 0; err == 0 && offset < v->size; offset += e->len) {
			e = dir_entry(at, offset);
			if (e == NULL)
				return d->used != 0 ? 0 : -EIO;
			if (e->inode != 0 && e->name_len != 0 && base + offset >= pos &&
			    !emit(e, base + offset + e->len, d))
				return d->used != 0 ? 0 : -EINVAL;
		}
	}
	return err == 0 && pos == 0 && d->used == 0 ? -EIO : err;       /* not even dots */
}
