/* SPDX-License-Identifier: BSD-2-Clause
 * misc.c - working directories, sync, ioctl.
 *
 * Job:      getcwd, chdir, fchdir, chroot; sync, fsync, fdatasync, syncfs; ioctl.
 * Speaks:   Linux calls; contracts/file (sync, set_attr).
 * Touches:  state.process.
 * Trusts:   nothing in a call.
 * On crash: recovers in place.
 * Spec:     getcwd(2), chdir(2), chroot(2), fsync(2), ioctl(2).
 */
#include "vfs.h"

enum { FIOCLEX_ = 0x5451, FIONCLEX_ = 0x5450, FIONBIO_ = 0x5421, FIONREAD_ = 0x541b };

static char text[PATH_MAX_ + 1];

/* ---- directories ---- */

int64_t linux_getcwd(struct op *o)
{
	int64_t len = path_of(o->p, o->p->cwd, 0, text, sizeof(text)), err;

	if (len < 0)
		return len;
	if (state.inode[o->p->cwd].attr.links == 0)
		return -ENOENT;
	if ((uint64_t)len + 1 > o->a[1])
		return -ERANGE;
	err = user_give(o, o->a[0], text, (size_t)len + 1);
	return err != 0 ? err : len + 1;
}

static int64_t set_dir(struct op *o, uint16_t *which, unsigned inode)
{
	int64_t err = check_search(o, inode);
	unsigned old = *which;

	if (err != 0)
		return err;
	inode_hold(inode);
	*which = (uint16_t)inode;
	inode_release(old);
	return 0;
}

int64_t linux_chdir(struct op *o)
{
	struct found f;
	int64_t err = walk(o, AT_FDCWD_, o->a[0], WALK_FOLLOW, &f);

	return err != 0 ? err : set_dir(o, &o->p->cwd, f.inode);
}

int64_t linux_fchdir(struct op *o)
{
	struct file *f = fd_file(o, (int)o->a[0]);

	if (f == NULL)
		return -EBADF;
	return f->inode == 0 ? -ENOTDIR : set_dir(o, &o->p->cwd, f->inode);
}

int64_t linux_chroot(struct op *o)
{
	struct found f;
	int64_t err = walk(o, AT_FDCWD_, o->a[0], WALK_FOLLOW, &f);

	if (err != 0)
		return err;
	op_cred(o);
	return o->uid != 0 ? -EPERM : set_dir(o, &o->p->root, f.inode);
}

/* ---- sync ---- */

/* Steps: 0 pages, 1 attributes are asked, 2 the device is. */
static int64_t sync_inode(struct op *o, unsigned inode)
{
	struct inode *i = &state.inode[inode];
	struct file_set_attr_request *req;
	struct request *q;
	struct file_entry *e;
	unsigned step = o->row != NULL ? o->row->step : 0;
	int64_t err;

	if (step > 0 && o->row->result != 0)
		return o->row->result;
	if (step == 2 || mount_flags(i) & FILE_MOUNT_MEMORY)
		return 0;
	err = step == 0 ? write_back(o, inode) : 0;
	if (err != 0)
		return err;
	if (step == 0 && i->flags & INODE_DIRTY) {
		e = ask_file(o, i->mount, FILE_SET_ATTR, &q);
		if (e == NULL)
			return -PARKED;
		req = (struct file_set_attr_request *)e->w;
		req->file = i->attr.file;
		req->mask = FILE_SET_MTIME | FILE_SET_CTIME | FILE_SET_ATIME |
			    (i->flags & INODE_SIZED ? FILE_SET_SIZE : 0);
		e->attr = i->attr;
		q->inode = (uint16_t)inode;
		q->keep = req->mask;
		row_get(o)->step = 1;
		return ask_send(o, q);
	}
	e = ask_file(o, i->mount, FILE_SYNC, &q);
	if (e == NULL)
		return -PARKED;
	e->w[0] = i->attr.file;
	row_get(o)->step = 2;
	return ask_send(o, q);
}

int64_t linux_fsync(struct op *o)
{
	struct file *f = fd_file(o, (int)o->a[0]);

	if (f == NULL)
		return -EBADF;
	return f->inode == 0 ? -EINVAL : sync_inode(o, f->inode);
}

int64_t linux_fdatasync(struct op *o)
{
	return linux_fsync(o);
}

/* All pages of trees with a device; then each device. row.total: the mount that is asked. */
int64_t linux_sync(struct op *o)
{
	struct request *q;
	struct file_entry *e;
	unsigned first = o->row != NULL ? (unsigned)o->row->total : 0;

	if (o->row == NULL)
		write_some();
	for (unsigned n = 1; first == 0 && n < state.inode_top && state.pages_dirty != 0; n++)
		if (state.inode[n].dirty_pages != 0 &&
		    !(mount_flags(&state.inode[n]) & FILE_MOUNT_MEMORY))
			return write_back(o, n);
	for (unsigned n = first + 1; n < NR_MOUNTS; n++) {
		if (!state.mount[n].ready ||
		    state.mount[n].flags & (FILE_MOUNT_MEMORY | FILE_MOUNT_DIRECT))
			continue;
		e = ask_file(o, n, FILE_SYNC, &q);
		if (e == NULL)
			return -PARKED;
		row_get(o)->total = n;
		return ask_send(o, q);
	}
	return 0;
}

int64_t linux_syncfs(struct op *o)
{
	return fd_file(o, (int)o->a[0]) == NULL ? -EBADF : linux_sync(o);
}

/* ---- ioctl ---- */

static int64_t readable_bytes(struct op *o, const struct file *f)
{
	int32_t n;

	if (f->pipe != 0)
		n = (int32_t)pipe_bytes(f);
	else if (f->kind == FILE_INODE && is_reg(&state.inode[f->inode]))
		n = (int32_t)(state.inode[f->inode].attr.size - f->pos);
	else
		return -ENOTTY;
	return user_write(o, o->a[2], &n, sizeof(n));
}

int64_t linux_ioctl(struct op *o)
{
	struct file *f = fd_file(o, (int)o->a[0]);
	int32_t on;
	int64_t err;

	if (f == NULL || f->flags & O_PATH_)
		return -EBADF;
	switch ((uint32_t)o->a[1]) {
	case FIOCLEX_:
	case FIONCLEX_:
		fd_slot(&state.table[o->p->table], (int)o->a[0])->cloexec =
			(uint32_t)o->a[1] == FIOCLEX_;
		return 0;
	case FIONBIO_:
		err = user_read(o, o->a[2], &on, sizeof(on));
		if (err != 0)
			return err;
		f->flags = (f->flags & ~(uint32_t)O_NONBLOCK_) | (on ? O_NONBLOCK_ : 0);
		return 0;
	default:
		break;
	}
	if (f->kind == FILE_CHAR)
		return char_ioctl(o, f);
	return (uint32_t)o->a[1] == FIONREAD_ ? readable_bytes(o, f) : -ENOTTY;
}
