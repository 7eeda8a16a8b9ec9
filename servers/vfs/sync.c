/* SPDX-License-Identifier: BSD-2-Clause
 * sync.c - what is here goes to the disks: for a file, for all of them, and for good.
 *
 * Job:      fsync, fdatasync, sync, syncfs; mounts that become read-only or writable.
 * Speaks:   Linux calls; contracts/file (set_attr, sync, remount).
 * Touches:  flags of mounts.
 * Trusts:   a file server that says it has written.
 * On crash: recovers in place; every step may be repeated.
 * Spec:     fsync(2), sync(2), mount(2).
 */
#include "vfs.h"

static bool on_disk(unsigned mount)
{
	const struct mount *m = &state.mount[mount];

	return m->ready && !(m->flags & (FILE_MOUNT_MEMORY | FILE_MOUNT_DIRECT));
}

/* The attributes that the server does not know. -PARKED, and row.step is `step` then. */
static int64_t ask_set_attr(struct op *o, unsigned inode, unsigned step)
{
	struct inode *i = &state.inode[inode];
	struct file_set_attr_request *req;
	struct request *q;
	struct file_entry *e = ask_file(o, i->mount, FILE_SET_ATTR, &q);

	if (e == NULL)
		return -PARKED;
	req = (struct file_set_attr_request *)e->w;
	req->file = i->attr.file;
	req->mask = FILE_SET_MTIME | FILE_SET_CTIME | FILE_SET_ATIME |
		    (i->flags & INODE_SIZED ? FILE_SET_SIZE : 0);
	e->attr = i->attr;
	e->attr.file = 0;               /* the answer has it */
	q->inode = (uint16_t)inode;
	q->keep = req->mask;
	row_get(o)->step = (uint8_t)step;
	return ask_send(o, q);
}

/* ---- one file ---- */

/* Steps: 0 pages, 1 attributes are asked, 2 the device is. */
static int64_t sync_inode(struct op *o, unsigned inode)
{
	struct inode *i = &state.inode[inode];
	struct request *q;
	struct file_entry *e;
	unsigned step = o->row != NULL ? o->row->step : 0;
	int64_t err;

	if (i->flags & INODE_DEAD)
		return -EIO;
	if (step > 0 && o->row->result != 0)
		return o->row->result;
	if (step == 2 || mount_flags(i) & FILE_MOUNT_MEMORY)
		return 0;
	err = step == 0 ? write_back(o, inode) : 0;
	if (err != 0)
		return err;
	if (step == 0 && i->flags & INODE_DIRTY)
		return ask_set_attr(o, inode, 1);
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
	return f->kind != FILE_INODE ? -EINVAL : sync_inode(o, f->inode);
}

int64_t linux_fdatasync(struct op *o)
{
	return linux_fsync(o);
}

/* vm hands it on when the range has shared mappings of files. row.total: how far we are. */
int64_t linux_msync(struct op *o)
{
	uint64_t end = o->a[0] + ((o->a[1] + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1));

	for (;;) {
		struct vm_region_request req = {
			.proc = o->owner,
			.from = o->row != NULL && o->row->total != 0 ? o->row->total : o->a[0],
		};
		struct vm_region_reply r;
		unsigned inode;
		int64_t err;

		if (vm_region(&vm, &req, &r) != 0 || r.start >= end)
			return 0;
		inode = r.file != 0 && r.flags & VM_MAP_SHARED ? inode_of_file(r.file) : 0;
		err = inode != 0 ? sync_inode(o, inode) : 0;
		if (err != 0)
			return err;
		row_get(o)->total = r.end;
		o->row->step = 0;
	}
}

/* ---- all files ---- */

/* Pages and attributes of a mount's files, 0: of all on disks, from inode row.done on. Errors stay
 * with the files. row.step 1: attributes are asked. */
static int64_t settle(struct op *o, unsigned mount)
{
	unsigned n = o->row != NULL ? (unsigned)o->row->done : 0;
	int64_t err = 0;

	if (o->row == NULL)
		write_some();
	if (o->row != NULL && o->row->step == 1) {
		o->row->step = 0;
		n++;
	}
	for (; n < state.inode_top && err != -PARKED; n++) {
		struct inode *i = &state.inode[n];

		if (!(i->flags & INODE_USED) || !on_disk(i->mount) ||
		    (mount != 0 && i->mount != mount))
			continue;
		err = i->dirty_pages != 0 || i->writes != 0 ? write_back(o, n) : 0;
		if (err != -PARKED && i->flags & INODE_DIRTY)
			err = ask_set_attr(o, n, 1);
		if (err == -PARKED)
			o->row->done = n;
	}
	return err == -PARKED ? err : 0;
}

/* row.total: 0 while files are written, then the mount that is asked. */
static int64_t each_disk(struct op *o, uint32_t type)
{
	unsigned asked = o->row != NULL ? (unsigned)o->row->total : 0;

	if (asked == 0 && settle(o, 0) == -PARKED)
		return -PARKED;
	if (asked == 0 && forgets_open())
		return row_wait(o, QUEUE_SHORT, 0, 0);
	if (asked != 0 && type == FILE_REMOUNT && o->row->result == 0)
		state.mount[asked].flags |= FILE_MOUNT_READONLY;
	for (unsigned n = asked + 1; n < NR_MOUNTS; n++) {
		struct request *q;
		struct file_entry *e;

		if (!on_disk(n) || state.mount[n].flags & FILE_MOUNT_READONLY)
			continue;
		e = ask_file(o, n, type, &q);
		if (e == NULL)
			return -PARKED;
		if (type == FILE_REMOUNT)
			((struct file_remount_request *)e->w)->flags = 1 | 2;
		row_get(o)->total = n;
		return ask_send(o, q);
	}
	return 0;
}

int64_t linux_sync(struct op *o)
{
	return each_disk(o, FILE_SYNC);
}

int64_t linux_syncfs(struct op *o)
{
	return fd_file(o, (int)o->a[0]) == NULL ? -EBADF : linux_sync(o);
}

/* Before the machine is switched off: whoever still has files open, the disks are left clean. */
int64_t disks_readonly(struct op *o)
{
	return each_disk(o, FILE_REMOUNT);
}

/* ---- one mount ---- */

static bool is_written(unsigned mount)
{
	for (unsigned n = 1; n < NR_FILES; n++) {
		const struct file *f = &state.file[n];

		if (f->kind == FILE_INODE && f->inode != 0 &&
		    state.inode[f->inode].mount == mount &&
		    (f->flags & O_ACCMODE_) != O_RDONLY_ && !(f->flags & O_PATH_))
			return true;
	}
	return false;
}

/* row.total: 1 when the server was asked. */
int64_t mount_again(struct op *o, unsigned mount, bool readonly)
{
	struct mount *m = &state.mount[mount];
	struct request *q;
	struct file_entry *e;

	if (o->row != NULL && o->row->total == 1) {
		if (o->row->result == 0)
			m->flags = (uint8_t)((m->flags & ~FILE_MOUNT_READONLY) |
					     (readonly ? FILE_MOUNT_READONLY : 0));
		return o->row->result;
	}
	if (readonly && is_written(mount))
		return -EBUSY;
	if (!on_disk(mount)) {
		m->flags = (uint8_t)((m->flags & ~FILE_MOUNT_READONLY) |
				     (readonly ? FILE_MOUNT_READONLY : 0));
		return 0;
	}
	if (readonly && settle(o, mount) == -PARKED)
		return -PARKED;
	e = ask_file(o, mount, FILE_REMOUNT, &q);
	if (e == NULL)
		return -PARKED;
	((struct file_remount_request *)e->w)->flags = readonly;
	row_get(o)->total = 1;
	return ask_send(o, q);
}
