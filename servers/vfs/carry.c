/* SPDX-License-Identifier: BSD-2-Clause
 * carry.c - from file to file: sendfile, copy_file_range.
 *
 * Job:      writes the pages of one file to another, to a pipe or to a device, without a program.
 * Speaks:   Linux calls.
 * Touches:  positions of open files.
 * Trusts:   nothing in a call.
 * On crash: recovers in place: what was written before stands in the row (total).
 * Spec:     sendfile(2), copy_file_range(2).
 */
#include "vfs.h"

struct carry {
	struct file *in, *out;
	uint64_t from, to;              /* positions */
	bool at;                        /* `to` counts, not out's own position */
};

bool file_has_pages(const struct file *f)
{
	return f->kind == FILE_INODE && is_reg(&state.inode[f->inode]) &&
	       !(mount_flags(&state.inode[f->inode]) & FILE_MOUNT_DIRECT) &&
	       !magic_is_text(&state.inode[f->inode]);
}

/* One write of n bytes that lie in vfs itself, behind `total` that were written. */
static int64_t put(struct op *o, struct carry *c, const void *bytes, size_t n, uint64_t total)
{
	uint64_t address = (uint64_t)(uintptr_t)bytes;
	bool again = o->again;
	int64_t done;

	assert(page_has(bytes, c->in->inode, c->from + total));
	op_cred(o);
	o->internal = o->again = true;
	done = c->at ? inode_write(o, c->out->inode, c->to + total, address, n) :
		file_transfer(o, c->out, address, n, true);
	o->internal = false;
	o->again = again;
	return done;
}

/* Part by part, each within a page; row.total counts the parts that are done. */
static int64_t carry(struct op *o, struct carry *c, size_t len)
{
	const struct inode *i = &state.inode[c->in->inode];
	uint64_t total = o->row != NULL ? o->row->total : 0;
	int64_t err = i->flags & INODE_DEAD ? -EIO : 0;

	if (err == 0 && c->out->kind == FILE_INODE && is_reg(&state.inode[c->out->inode]))
		err = limit_size(o, c->at ? c->to : c->out->pos - total, &len);
	if (err != 0)
		return err;
	while (total < len && c->from + total < i->attr.size) {
		uint64_t at = c->from + total, in = at % PAGE_SIZE, left = i->attr.size - at;
		size_t n = PAGE_SIZE - in;
		uint32_t slot;
		int64_t got;

		n = n < len - total ? n : len - total;
		n = n < left ? n : left;
		got = page_want(o, c->in->inode, (uint32_t)(at / PAGE_SIZE), &slot);
		if (got == 0) {
			page_hold(slot);
			got = put(o, c, page_data(slot) + in, n, total);
			page_hold(NO_SLOT);
		}
		if (got == -PARKED)
			row_get(o)->total = total;
		if (got < 0)
			return got == -PARKED || total == 0 ? got : (int64_t)total;
		total += (uint64_t)got;
		if ((size_t)got < n || total == len)
			break;
		row_get(o)->total = total;
		o->row->done = o->row->step = 0;
		undo_commit();
	}
	return (int64_t)total;
}

/* A position that the caller keeps, or the file's own. */
static int64_t position(struct op *o, uint64_t address, const struct file *f, uint64_t *pos)
{
	int64_t err;

	*pos = f->pos;
	if (address == 0)
		return 0;
	err = user_read(o, address, pos, sizeof(*pos));
	return err != 0 ? err : (int64_t)*pos < 0 ? -EINVAL : 0;
}

static int64_t set_position(struct op *o, uint64_t address, struct file *f, uint64_t pos)
{
	if (address != 0)
		return user_write(o, address, &pos, sizeof(pos));
	f->pos = pos;
	return 0;
}

int64_t linux_sendfile(struct op *o)
{
	struct carry c = { .out = fd_file(o, (int)o->a[0]), .in = fd_file(o, (int)o->a[1]) };
	size_t len = o->a[3] > RW_MAX ? RW_MAX : o->a[3];
	int64_t err, n;

	if (c.out == NULL || c.in == NULL || may_transfer(c.out, true) != 0 ||
	    may_transfer(c.in, false) != 0)
		return -EBADF;
	/* From anything else programs read and write by themselves when they hear this. */
	if (!file_has_pages(c.in) || c.out->flags & O_APPEND_ ||
	    (c.out->kind == FILE_INODE && is_dir(&state.inode[c.out->inode])))
		return -EINVAL;
	err = position(o, o->a[2], c.in, &c.from);
	if (err != 0)
		return err;
	n = carry(o, &c, len);
	if (n < 0)
		return n;
	err = set_position(o, o->a[2], c.in, c.from + (uint64_t)n);
	return err != 0 ? err : n;
}

int64_t linux_copy_file_range(struct op *o)
{
	struct carry c = {
		.in = fd_file(o, (int)o->a[0]), .out = fd_file(o, (int)o->a[2]), .at = true,
	};
	size_t len = o->a[4] > RW_MAX ? RW_MAX : o->a[4];
	int64_t err, n;

	if (o->a[5] != 0)
		return -EINVAL;
	if (c.out == NULL || c.in == NULL || may_transfer(c.out, true) != 0 ||
	    may_transfer(c.in, false) != 0 || c.out->flags & O_APPEND_)
		return -EBADF;
	for (unsigned k = 0; k < 2; k++) {
		const struct file *f = k == 0 ? c.in : c.out;

		if (f->kind == FILE_INODE && is_dir(&state.inode[f->inode]))
			return -EISDIR;
		if (f->kind != FILE_INODE || !is_reg(&state.inode[f->inode]))
			return -EINVAL;
	}
	if (!file_has_pages(c.in) || !file_has_pages(c.out))
		return -EXDEV;
	err = position(o, o->a[1], c.in, &c.from);
	if (err == 0)
		err = position(o, o->a[3], c.out, &c.to);
	if (err != 0)
		return err;
	if (c.in->inode == c.out->inode && c.from < c.to + len && c.to < c.from + len)
		return -EINVAL;
	n = carry(o, &c, len);
	if (n <= 0)
		return n;
	err = set_position(o, o->a[1], c.in, c.from + (uint64_t)n);
	if (err == 0)
		err = set_position(o, o->a[3], c.out, c.to + (uint64_t)n);
	return err != 0 ? err : n;
}
