/* SPDX-License-Identifier: BSD-2-Clause
 * data.c - the bytes of files.
 *
 * Job:      read, with read-ahead; write; symbolic links' targets; truncation.
 * Speaks:   nothing; ext2.c calls and moves the bytes.
 * Touches:  data blocks, in buffers.
 * Trusts:   nothing on the disk.
 * On crash: writing the same bytes again changes nothing.
 */
#include "ext2.h"

enum { WRITE_BLOCKS = 8, AHEAD_BYTES = 128 * 1024, STREAMS = 8 };

static const struct volume *v = &state.volume;

/* Where reads of a file ended: one that begins there is sequential. */
static struct { uint64_t file, end; } stream[STREAMS];

static err_t file_get(uint64_t file, struct ext2_inode **i)
{
	err_t err = inode_get(file, i);

	return err == 0 && inode_type(*i) != TYPE_FILE ? -EIO : err;
}

static void read_ahead(const struct ext2_inode *i, uint64_t from, uint64_t end, bool wanted)
{
	uint32_t block;

	for (uint64_t n = from; n < end; n++)
		if (map_get(i, n, &block) == 0 && block != 0)
			block_ahead(block, wanted);
}

/* Ask for all blocks of [pos, end) before the first is waited for, and for some more. */
static void prefetch(uint64_t file, const struct ext2_inode *i, uint64_t pos, uint64_t end)
{
	unsigned n = (unsigned)(file % STREAMS);
	uint64_t last = end, size = inode_size(i);

	if (pos == 0 || (stream[n].file == file && (stream[n].end == pos || stream[n].end == end)))
		last = end + AHEAD_BYTES < size ? end + AHEAD_BYTES : size;
	stream[n].file = file;
	stream[n].end = end;
	end = (end + v->size - 1) >> v->shift;
	read_ahead(i, pos >> v->shift, end, true);
	read_ahead(i, end, (last + v->size - 1) >> v->shift, false);
}

/* *done: bytes that were put, also when it has to wait for more. */
err_t fs_read(uint64_t file, uint64_t pos, uint64_t len, move_fn put, void *context,
	      uint64_t *done)
{
	static uint8_t zeros[BUFFER_SIZE];
	struct ext2_inode *i;
	uint64_t size, at = 0;
	err_t err = file_get(file, &i);

	*done = 0;
	if (err != 0)
		return err;
	size = inode_size(i);
	if (pos >= size)
		return 0;
	if (len > size - pos)
		len = size - pos;
	prefetch(file, i, pos, pos + len);
	while (at < len) {
		uint32_t skip = (uint32_t)((pos + at) % v->size), part = v->size - skip, block;
		uint8_t *from = zeros;

		if (part > len - at)
			part = (uint32_t)(len - at);
		err = map_get(i, (pos + at) >> v->shift, &block);
		if (err == 0 && block != 0)
			err = block_get(block, &from);
		if (err == 0)
			err = put(context, at, from + skip, part);
		if (err != 0)
			return err;
		at += part;
		*done = at;
	}
	return 0;
}

/* ---- writing ---- */

/* The buffer of a block of the file that [skip, skip + part) will be written into. */
static err_t place(uint32_t ino, struct ext2_inode *i, uint64_t n, bool whole, uint8_t **to)
{
	uint32_t block;
	bool fresh;
	err_t err = map_make(ino, i, n, &block, &fresh);

	if (err != 0)
		return err;
	if (fresh)
		return block_zero(block, to);
	return whole ? block_over(block, to) : block_get(block, to);
}

err_t fs_write(uint64_t file, uint64_t pos, uint64_t len, uint64_t size, move_fn get,
	       void *context, uint64_t *done)
{
	struct ext2_inode *i;
	uint64_t at = 0, old;
	err_t err = v->readonly ? -EROFS : file_get(file, &i);

	*done = 0;
	if (err != 0)
		return err;
	old = inode_size(i);
	if (pos > map_max() << v->shift || len > (map_max() << v->shift) - pos)
		return -EFBIG;
	for (unsigned k = 0; k < WRITE_BLOCKS && at < len; k++) {
		uint32_t skip = (uint32_t)((pos + at) % v->size), part = v->size - skip;
		uint8_t *to;

		if (part > len - at)
			part = (uint32_t)(len - at);
		err = place((uint32_t)file, i, (pos + at) >> v->shift,
			    skip == 0 && (part == v->size || pos + at + part >= old), &to);
		if (err == 0) {
			edit_data(to);
			err = get(context, at, to + skip, part);
		}
		if (err != 0)
			return err;
		if (skip == 0 && pos + at + part >= old)
			memset(to + part, 0, v->size - part);
		at += part;
	}
	if (at == len && size > pos + len)
		err = size > old ? inode_resize(i, size) : 0;
	else if (pos + at > old)
		err = inode_resize(i, pos + at);
	if (err != 0)
		return err;
	inode_touch(i, FILE_SET_MTIME | FILE_SET_CTIME);
	*done = at;
	return 0;
}

err_t fs_readlink(uint64_t file, char *target, uint32_t *len)
{
	struct ext2_inode *i;
	uint32_t block;
	uint8_t *at;
	err_t err = inode_get(file, &i);

	if (err != 0 || inode_type(i) != TYPE_LINK)
		return err != 0 ? err : -EINVAL;
	*len = i->size;
	if (*len == 0)
		return -EIO;
	if (*len < FAST_LINK) {
		memcpy(target, i->map, *len);
		return 0;
	}
	if (*len >= v->size)
		return -EIO;
	err = map_get(i, 0, &block);
	if (err == 0 && block == 0)
		err = -EIO;
	if (err == 0)
		err = block_get(block, &at);
	if (err == 0)
		memcpy(target, at, *len);
	return err;
}

/* ---- attributes ---- */

/* Bytes behind the end are zero: a longer file shows them. */
static err_t clear_tail(struct ext2_inode *i, uint64_t size)
{
	uint32_t skip = (uint32_t)(size % v->size), block;
	uint8_t *at;
	err_t err = skip != 0 ? map_get(i, size >> v->shift, &block) : 0;

	if (skip == 0 || err != 0 || block == 0)
		return err;
	err = block_get(block, &at);
	if (err != 0)
		return err;
	edit(at);
	memset(at + skip, 0, v->size - skip);
	return 0;
}

static err_t resize(struct ext2_inode *i, uint64_t size)
{
	err_t err = 0;

	if (inode_type(i) != TYPE_FILE)
		return -EINVAL;
	if (size < inode_size(i)) {
		err = map_cut(i, (size + v->size - 1) >> v->shift);
		if (err == 0)
			err = clear_tail(i, size);
	}
	if (err == 0 && size != inode_size(i)) {
		err = inode_resize(i, size);
		if (err == 0)
			inode_touch(i, FILE_SET_MTIME);
	}
	return err;
}

/* One transaction. *more: commit it, and call again. */
static err_t set_attr(uint64_t file, uint32_t mask, const struct file_attr *to,
		      struct file_attr *a, bool *more)
{
	struct ext2_inode *i;
	err_t err = v->readonly ? -EROFS : inode_get(file, &i);

	*more = false;
	if (err == 0 && mask & FILE_SET_SIZE)
		err = resize(i, to->size);
	if (err == -EAGAIN) {
		*more = true;
		return 0;
	}
	if (err != 0)
		return err;
	inode_touch(i, FILE_SET_CTIME);
	attr_set(i, mask, to);
	attr_get((uint32_t)file, i, a);
	return 0;
}

err_t fs_set_attr(uint64_t file, uint32_t mask, const struct file_attr *to, struct file_attr *a)
{
	bool more = true;
	err_t err = 0;

	while (more && err == 0) {
		op_begin();
		err = op_end(set_attr(file, mask, to, a, &more));
	}
	return err;
}
