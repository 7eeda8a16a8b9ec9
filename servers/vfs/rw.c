/* SPDX-License-Identifier: BSD-2-Clause
 * rw.c - read, write and their kin.
 *
 * Job:      moves bytes between programs and the page cache, pipes, devices.
 * Speaks:   Linux calls; contracts/file (read, write) for trees without a cache.
 * Touches:  pages, positions of open files.
 * Trusts:   nothing in a call.
 * On crash: recovers in place. A cached read or write is done again; a direct one by the board.
 * Spec:     read(2), write(2), readv(2), lseek(2).
 */
#include "vfs.h"

/* ---- files ---- */

static int64_t direct(struct op *o, unsigned inode, uint64_t pos, uint64_t address, size_t len,
		      bool write)
{
	struct inode *i = &state.inode[inode];
	struct file_read_request *req;
	struct request *q;
	struct file_entry *e;
	int64_t err;

	if (len > PAGE_SIZE)
		len = PAGE_SIZE;
	if (o->row != NULL && o->row->step == 1) {      /* the answer is there */
		struct row *r = o->row;
		uint64_t done = ((struct file_read_reply *)r->keep)->done;

		q = row_request(r);
		if (r->result != 0)
			return r->result;
		if (done > len)
			return -EIO;
		err = write ? 0 : user_write(o, address, request_bounce(q), done);
		return err != 0 ? -EFAULT : (int64_t)done;
	}
	if (!write) {
		err = user_touch(o, address, len, true);
		if (err != 0)
			return err;
	}
	e = ask_file(o, i->mount, write ? FILE_WRITE : FILE_READ, &q);
	if (e == NULL)
		return -PARKED;
	if (!ask_data(q, 0, 0, (unsigned)len, write ? GRANT_READ : GRANT_WRITE))
		return ask_full(o, q);
	if (write) {
		err = user_read(o, address, request_bounce(q), len);
		if (err != 0) {
			ask_full(NULL, q);
			return err;
		}
	}
	q->inode = (uint16_t)inode;
	req = (struct file_read_request *)e->w;
	req->file = i->attr.file;
	req->pos = pos;
	if (write)
		((struct file_write_request *)e->w)->size = pos + len;
	row_get(o)->step = 1;
	return ask_send(o, q);
}

int64_t inode_read(struct op *o, unsigned inode, uint64_t pos, uint64_t address, size_t len)
{
	struct inode *i = &state.inode[inode];
	size_t done = 0;

	if (i->flags & INODE_DEAD)
		return -EIO;
	if (magic_is_text(i))
		return magic_read(o, i, pos, address, len);
	if (mount_flags(i) & FILE_MOUNT_DIRECT)
		return direct(o, inode, pos, address, len, false);
	if (pos >= i->attr.size)
		return 0;
	if (len > i->attr.size - pos)
		len = i->attr.size - pos;
	while (done < len) {
		uint64_t at = pos + done, in = at % PAGE_SIZE;
		size_t n = PAGE_SIZE - in;
		uint32_t slot, next;
		int64_t err = page_want(o, inode, (uint32_t)(at / PAGE_SIZE), &slot);

		if (err != 0)
			return err == -PARKED || done == 0 ? err : (int64_t)done;
		/* Slots that lie side by side are one copy. */
		while (n < len - done && n < COPY_MAX - PAGE_SIZE) {
			next = page_find(inode, (uint32_t)((at + n) / PAGE_SIZE));
			if (next != slot + (in + n) / PAGE_SIZE ||
			    !(state.index.page[next].flags & PAGE_VALID))
				break;
			n += PAGE_SIZE;
		}
		if (n > len - done)
			n = len - done;
		err = user_give(o, address + done, page_data(slot) + in, n);
		if (err != 0)
			return err == -PARKED || done == 0 ? err : (int64_t)done;
		done += n;
	}
	return (int64_t)done;
}

/* The page to write `n` bytes at `in` into. New pages are not read if nothing of them is old. */
static int64_t page_for_write(struct op *o, unsigned inode, uint32_t index, uint64_t in, size_t n,
			      uint32_t *slot)
{
	const struct inode *i = &state.inode[inode];
	bool whole = in == 0 && n == PAGE_SIZE;
	int64_t err = write_room(o, inode);

	if (err != 0)
		return err;
	*slot = page_find(inode, index);
	if (*slot == NO_SLOT && (whole || (uint64_t)index * PAGE_SIZE >= i->attr.size)) {
		err = disk_room(o, i->mount);
		return err != 0 ? err : page_new(o, inode, index, slot);
	}
	return page_want(o, inode, index, slot);
}

int64_t inode_write(struct op *o, unsigned inode, uint64_t pos, uint64_t address, size_t len)
{
	struct inode *i = &state.inode[inode];
	size_t done = o->row != NULL ? o->row->done : 0;        /* and so is it after a crash */

	if (i->flags & INODE_DEAD)
		return -EIO;
	if (mount_flags(i) & FILE_MOUNT_READONLY)
		return -EROFS;
	if (mount_flags(i) & FILE_MOUNT_DIRECT)
		return direct(o, inode, pos, address, len, true);
	if (pos > INT64_MAX - len || pos + len > FILE_SIZE_LIMIT)
		return -EFBIG;
	if (is_reg(i)) {
		int64_t err = limit_size(o, pos, &len);

		if (err != 0)
			return err;
	}
	while (done < len) {
		uint64_t at = pos + done, in = at % PAGE_SIZE;
		size_t n = PAGE_SIZE - in < len - done ? PAGE_SIZE - in : len - done;
		bool last = done + n == len && at + n <= i->attr.size;
		uint32_t slot;
		int64_t err = page_for_write(o, inode, (uint32_t)(at / PAGE_SIZE), in, n, &slot);

		assert(err != 0 || page_has(page_data(slot) + in, inode, at));
		if (err == 0)
			err = last ? user_take(o, address + done, page_data(slot) + in, n) :
				user_read(o, address + done, page_data(slot) + in, n);
		if (err != 0)
			return err == -PARKED || done == 0 ? err : (int64_t)done;
		page_set_dirty(slot);
		done += n;
		if (at + n > i->attr.size) {
			i->attr.size = at + n;
			i->attr.blocks = (i->attr.size + 511) / 512;
			i->flags |= INODE_SIZED;
		}
		if (done < len) {
			row_get(o)->done = done;
			undo_commit();
		}
	}
	inode_touch_times(i, FILE_SET_MTIME);
	if (i->attr.mode & (S_ISUID_ | S_ISGID_) && !may(o, i, 0))
		i->attr.mode &= ~(uint32_t)S_ISUID_;
	return (int64_t)done;
}

/* ---- any open file ---- */

int64_t may_transfer(const struct file *f, bool write)
{
	uint32_t mode = f->flags & O_ACCMODE_;

	if (f->flags & O_PATH_ || mode == (write ? O_RDONLY_ : O_WRONLY_))
		return -EBADF;
	return 0;
}

/* At a position of its own (pread), which only files have. */
static int64_t transfer_at(struct op *o, struct file *f, uint64_t pos, uint64_t address, size_t len,
			   bool write)
{
	if ((int64_t)pos < 0)
		return -EINVAL;
	if (f->kind == FILE_MEMORY)
		return memory_transfer(o, f, address, len, write);
	if (f->kind == FILE_CHAR)
		return -ESPIPE;
	if (f->kind != FILE_INODE)
		return -ESPIPE;
	if (is_dir(&state.inode[f->inode]))
		return -EISDIR;
	return write ? inode_write(o, f->inode, pos, address, len) :
		inode_read(o, f->inode, pos, address, len);
}

int64_t file_transfer(struct op *o, struct file *f, uint64_t address, size_t len, bool write)
{
	int64_t n;

	switch (f->kind) {
	case FILE_INODE:
		if (write && f->flags & O_APPEND_ && (o->row == NULL || o->row->done == 0))
			f->pos = state.inode[f->inode].attr.size;
		n = transfer_at(o, f, f->pos, address, len, write);
		if (!o->again)
			late_file(f);
		if (n > 0)
			f->pos += (uint64_t)n;
		return n;
	case FILE_MEMORY:
		return memory_transfer(o, f, address, len, write);
	case FILE_CHAR:
		return char_transfer(o, f, address, len, write);
	case FILE_SOCKET:
		return socket_transfer(o, f, address, len, write);
	default:
		return pipe_transfer(o, f, address, len, write);
	}
}

static int64_t transfer(struct op *o, bool write)
{
	struct file *f = fd_file(o, (int)o->a[0]);
	size_t len = o->a[2] > RW_MAX ? RW_MAX : o->a[2];
	int64_t err;

	if (f == NULL)
		return -EBADF;
	err = may_transfer(f, write);
	if (err != 0)
		return err;
	return file_transfer(o, f, o->a[1], len, write);
}

int64_t linux_read(struct op *o)
{
	return transfer(o, false);
}

int64_t linux_write(struct op *o)
{
	return transfer(o, true);
}

static int64_t transfer64(struct op *o, bool write)
{
	struct file *f = fd_file(o, (int)o->a[0]);
	size_t len = o->a[2] > RW_MAX ? RW_MAX : o->a[2];
	int64_t err;

	if (f == NULL)
		return -EBADF;
	err = may_transfer(f, write);
	return err != 0 ? err : transfer_at(o, f, o->a[3], o->a[1], len, write);
}

int64_t linux_pread64(struct op *o)
{
	return transfer64(o, false);
}

int64_t linux_pwrite64(struct op *o)
{
	return transfer64(o, true);
}

/* ---- vectors ----
 * Parts are done one after the other; what waits after the first is a partial result. A part that
 * parks is done again from its own start: row.total counts bytes of the parts before it. */

static struct linux_iovec vector[IOV_MAX_];

static int64_t get_vector(struct op *o, unsigned *count)
{
	uint64_t total = 0;
	int64_t err;

	if (o->a[2] > IOV_MAX_)
		return -EINVAL;
	*count = (unsigned)o->a[2];
	err = user_read(o, o->a[1], vector, *count * sizeof(vector[0]));
	for (unsigned k = 0; err == 0 && k < *count; k++) {
		if ((int64_t)vector[k].len < 0)
			return -EINVAL;
		if (vector[k].len > RW_MAX - total)
			vector[k].len = RW_MAX - total;
		total += vector[k].len;
	}
	return err;
}

static int64_t vectored(struct op *o, bool write, bool at, uint64_t pos)
{
	struct file *f = fd_file(o, (int)o->a[0]);
	uint64_t skip = o->row != NULL ? o->row->total : 0, total = skip;
	unsigned count;
	int64_t err;

	if (f == NULL)
		return -EBADF;
	err = may_transfer(f, write);
	if (err == 0 && f->kind == FILE_SOCKET)
		return at ? -ESPIPE : socket_vector(o, f, write);
	if (err == 0)
		err = get_vector(o, &count);
	o->again |= err == 0 && count > 1;      /* a later part may wait: copies are made at once */
	for (unsigned k = 0; err == 0 && k < count; k++) {
		uint64_t len = vector[k].len;
		int64_t n;

		if (skip >= len) {
			skip -= len;
			continue;
		}
		n = at ? transfer_at(o, f, pos + total, vector[k].base + skip, len - skip, write) :
			file_transfer(o, f, vector[k].base + skip, len - skip, write);
		if (n == -PARKED && total > 0 && !write && o->row->phase == ROW_WAITS &&
		    f->kind != FILE_INODE) {
			row_free(o->row);       /* it would wait, but something is done */
			o->row = NULL;
			return (int64_t)total;
		}
		if (n < 0)
			return n == -PARKED || total == 0 ? n : (int64_t)total;
		total += (uint64_t)n;
		o->total = total;
		if (o->row != NULL) {
			o->row->total = total;
			o->row->done = o->row->step = 0;
		}
		if ((uint64_t)n < len - skip || (!write && f->kind == FILE_CHAR))
			break;
		skip = 0;
	}
	return err != 0 ? err : (int64_t)total;
}

int64_t linux_readv(struct op *o)
{
	return vectored(o, false, false, 0);
}

int64_t linux_writev(struct op *o)
{
	return vectored(o, true, false, 0);
}

int64_t linux_preadv(struct op *o)
{
	return vectored(o, false, true, o->a[3]);
}

int64_t linux_pwritev(struct op *o)
{
	return vectored(o, true, true, o->a[3]);
}

int64_t linux_preadv2(struct op *o)
{
	return o->a[5] != 0 ? -EOPNOTSUPP : vectored(o, false, (int64_t)o->a[3] != -1, o->a[3]);
}

int64_t linux_pwritev2(struct op *o)
{
	return o->a[5] != 0 ? -EOPNOTSUPP : vectored(o, true, (int64_t)o->a[3] != -1, o->a[3]);
}

/* ---- positions ---- */

int64_t linux_lseek(struct op *o)
{
	struct file *f = fd_file(o, (int)o->a[0]);
	int64_t pos = (int64_t)o->a[1];
	uint64_t size;

	if (f == NULL)
		return -EBADF;
	if (f->kind == FILE_MEMORY)
		return 0;
	if (f->kind != FILE_INODE)
		return -ESPIPE;
	size = state.inode[f->inode].attr.size;
	switch ((uint32_t)o->a[2]) {
	case SEEK_SET_:
		break;
	case SEEK_CUR_:
		pos += (int64_t)f->pos;
		break;
	case SEEK_END_:
		pos += (int64_t)size;
		break;
	case SEEK_DATA_:
	case SEEK_HOLE_:
		if (pos < 0 || (uint64_t)pos >= size)
			return -ENXIO;
		pos = (uint32_t)o->a[2] == SEEK_DATA_ ? pos : (int64_t)size;
		break;
	default:
		return -EINVAL;
	}
	if (pos < 0)
		return -EINVAL;
	f->pos = (uint64_t)pos;
	return pos;
}

int64_t linux_readahead(struct op *o)
{
	return fd_file(o, (int)o->a[0]) == NULL ? -EBADF : 0;
}

int64_t linux_fadvise64(struct op *o)
{
	struct file *f = fd_file(o, (int)o->a[0]);

	if (f == NULL)
		return -EBADF;
	return f->pipe != 0 ? -ESPIPE : o->a[3] > 5 ? -EINVAL : 0;
}
