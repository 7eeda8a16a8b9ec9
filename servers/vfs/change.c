/* SPDX-License-Identifier: BSD-2-Clause
 * change.c - changes of attributes.
 *
 * Job:      chmod, chown, utimensat and kin, truncate, fallocate.
 * Speaks:   Linux calls; contracts/file (set_attr).
 * Touches:  attributes, when the server has answered.
 * Trusts:   nothing in a call.
 * On crash: recovers in place; set_attr is absolute.
 * Spec:     chmod(2), chown(2), utimensat(2), truncate(2).
 */
#include "vfs.h"

enum { FALLOC_KEEP_SIZE_ = 1, SECOND_NS = 1000000000 };
#define UTIME_NOW_ 0x3fffffff
#define UTIME_OMIT_ 0x3ffffffe

/* Step 1 of a row: the answer is there. */
static bool answered(const struct op *o)
{
	return o->row != NULL && o->row->step == 1;
}

static void size_becomes(struct inode *i, uint64_t size)
{
	i->attr.size = size;
	i->attr.blocks = (size + 511) / 512;
	i->flags |= INODE_SIZED | INODE_DIRTY;
}

static int64_t ask_set(struct op *o, unsigned inode, uint32_t mask, const struct file_attr *to)
{
	struct inode *i = &state.inode[inode];
	struct file_set_attr_request *req;
	bool grows = mask & FILE_SET_SIZE && to->size > i->attr.size;
	struct request *q;
	struct file_entry *e;

	if (i->mount == 0)
		return -EPERM;          /* a pipe, by /proc/PID/fd */
	if (mount_flags(i) & FILE_MOUNT_READONLY)
		return -EROFS;
	e = ask_file(o, i->mount, FILE_SET_ATTR, &q);
	if (e == NULL)
		return -PARKED;
	e->attr = *to;
	e->attr.file = 0;               /* the answer has it */
	e->attr.ctime = (int64_t)clock_realtime_ns();
	/* What vfs alone knows goes with it. */
	if (i->flags & INODE_DIRTY && !(mask & FILE_SET_MTIME)) {
		e->attr.mtime = i->attr.mtime;
		mask |= FILE_SET_MTIME;
	}
	if (i->flags & INODE_SIZED && !(mask & FILE_SET_SIZE)) {
		e->attr.size = i->attr.size;
		mask |= FILE_SET_SIZE;
	}
	if (grows) {
		q->size_was = i->attr.size;
		q->size = to->size;
		size_becomes(i, to->size);
	}
	q->inode = (uint16_t)inode;
	q->keep = mask;
	req = (struct file_set_attr_request *)e->w;
	req->file = i->attr.file;
	req->mask = mask | FILE_SET_CTIME;
	i->attr.ctime = e->attr.ctime;
	if (mask & FILE_SET_ATIME)
		i->attr.atime = to->atime;
	if (mask & FILE_SET_MTIME)
		i->attr.mtime = e->attr.mtime;
	if (o != NULL && row_get(o)->step == 0)
		o->row->step = 1;
	return ask_send(o, q);
}

/* The new size, at once here and at the server, which may refuse that the file grows. Call again
 * when the row goes on: 0 or its error. */
int64_t set_size(struct op *o, unsigned inode, uint64_t size)
{
	struct inode *i = &state.inode[inode];
	struct file_attr a = i->attr;

	if (mount_flags(i) & FILE_MOUNT_READONLY)
		return -EROFS;
	if (size < i->attr.size)
		pages_truncate(inode, size);
	if (size <= i->attr.size)
		size_becomes(i, size);
	a.size = size;
	a.mtime = (int64_t)clock_realtime_ns();
	return ask_set(o, inode, FILE_SET_SIZE | FILE_SET_MTIME, &a);
}

static bool size_allowed(struct op *o, const struct inode *i, uint64_t size)
{
	size_t last = 1;

	if (size > FILE_SIZE_LIMIT)
		return false;
	return size <= i->attr.size || limit_size(o, size - 1, &last) == 0;
}

static int64_t truncate_to(struct op *o, unsigned inode, uint64_t size)
{
	struct inode *i = &state.inode[inode];

	if ((int64_t)size < 0)
		return -EINVAL;
	if (is_dir(i))
		return -EISDIR;
	if (!is_reg(i))
		return -EINVAL;
	return size_allowed(o, i, size) ? set_size(o, inode, size) : -EFBIG;
}

int64_t linux_truncate(struct op *o)
{
	struct found f;
	int64_t err;

	if (answered(o))
		return o->row->result;
	err = walk(o, AT_FDCWD_, o->a[0], WALK_FOLLOW, &f);
	if (err != 0)
		return err;
	if (!may(o, &state.inode[f.inode], 2))
		return -EACCES;
	if (state.inode[f.inode].texts != 0)
		return -ETXTBSY;
	return truncate_to(o, f.inode, o->a[1]);
}

int64_t linux_ftruncate(struct op *o)
{
	struct file *f = fd_file(o, (int)o->a[0]);

	if (answered(o))
		return o->row->result;
	if (f == NULL)
		return -EBADF;
	if (f->inode == 0 || (f->flags & O_ACCMODE_) == O_RDONLY_)
		return -EINVAL;
	return truncate_to(o, f->inode, o->a[1]);
}

int64_t linux_fallocate(struct op *o)
{
	struct file *f = fd_file(o, (int)o->a[0]);
	uint64_t end = o->a[2] + o->a[3];

	if (answered(o))
		return o->row->result;
	if (f == NULL || (f->flags & O_ACCMODE_) == O_RDONLY_)
		return -EBADF;
	if (f->inode == 0 || !is_reg(&state.inode[f->inode]))
		return -ENODEV;
	if (o->a[1] & ~(uint64_t)FALLOC_KEEP_SIZE_)
		return -EOPNOTSUPP;
	if ((int64_t)o->a[2] < 0 || (int64_t)o->a[3] <= 0 || (int64_t)end < 0)
		return -EINVAL;
	if (o->a[1] & FALLOC_KEEP_SIZE_ || end <= state.inode[f->inode].attr.size)
		return 0;
	if (!size_allowed(o, &state.inode[f->inode], end))
		return -EFBIG;
	return set_size(o, f->inode, end);
}

/* ---- mode, owner ---- */

static int64_t change_mode(struct op *o, unsigned inode, uint32_t mode)
{
	struct inode *i = &state.inode[inode];
	struct file_attr a = i->attr;

	op_cred(o);
	if (o->uid != 0 && o->uid != i->attr.uid)
		return -EPERM;
	a.mode = (a.mode & S_IFMT_) | (mode & 07777);
	if (o->uid != 0 && o->gid != i->attr.gid && is_reg(i) && !is_in_group(o, i->attr.gid))
		a.mode &= ~(uint32_t)S_ISGID_;
	return ask_set(o, inode, FILE_SET_MODE, &a);
}

static int64_t change_owner(struct op *o, unsigned inode, uint32_t uid, uint32_t gid)
{
	struct inode *i = &state.inode[inode];
	struct file_attr a = i->attr;

	op_cred(o);
	if (o->uid != 0 && (o->uid != i->attr.uid || (uid != UINT32_MAX && uid != i->attr.uid) ||
			    (gid != UINT32_MAX && gid != o->gid && gid != i->attr.gid &&
			     !is_in_group(o, gid))))
		return -EPERM;
	if (uid != UINT32_MAX)
		a.uid = uid;
	if (gid != UINT32_MAX)
		a.gid = gid;
	if (is_reg(i))
		a.mode &= ~(uint32_t)(S_ISUID_ | (a.mode & 010 ? S_ISGID_ : 0));
	return ask_set(o, inode, FILE_SET_UID | FILE_SET_GID | FILE_SET_MODE, &a);
}

/* The file that a call is about: by descriptor (path == 0) or by path. */
static int64_t subject(struct op *o, int fd, uint64_t path, uint32_t flags, unsigned *inode)
{
	struct found f;
	struct file *file;
	int64_t err;

	if (path == 0) {
		file = fd_file(o, fd);
		*inode = file == NULL ? 0 : file->inode;
		return file == NULL || file->flags & O_PATH_ ? -EBADF : *inode == 0 ? -EINVAL : 0;
	}
	err = walk(o, fd, path, (flags & AT_SYMLINK_NOFOLLOW_ ? 0 : WALK_FOLLOW) |
		   (flags & AT_EMPTY_PATH_ ? WALK_EMPTY : 0), &f);
	*inode = f.inode;
	return err == 0 && f.inode == 0 ? -EINVAL : err;
}

static int64_t chmod_at(struct op *o, int fd, uint64_t path, uint32_t mode)
{
	unsigned inode;
	int64_t err;

	if (answered(o))
		return o->row->result;
	err = subject(o, fd, path, 0, &inode);
	return err != 0 ? err : change_mode(o, inode, mode);
}

int64_t linux_chmod(struct op *o)
{
	return o->a[0] == 0 ? -EFAULT : chmod_at(o, AT_FDCWD_, o->a[0], (uint32_t)o->a[1]);
}

int64_t linux_fchmod(struct op *o)
{
	return chmod_at(o, (int)o->a[0], 0, (uint32_t)o->a[1]);
}

int64_t linux_fchmodat(struct op *o)
{
	return o->a[1] == 0 ? -EFAULT : chmod_at(o, (int)o->a[0], o->a[1], (uint32_t)o->a[2]);
}

static int64_t chown_at(struct op *o, int fd, uint64_t path, uint64_t uid, uint64_t gid,
			uint32_t flags)
{
	unsigned inode;
	int64_t err;

	if (answered(o))
		return o->row->result;
	err = subject(o, fd, path, flags, &inode);
	return err != 0 ? err : change_owner(o, inode, (uint32_t)uid, (uint32_t)gid);
}

int64_t linux_chown(struct op *o)
{
	return o->a[0] == 0 ? -EFAULT : chown_at(o, AT_FDCWD_, o->a[0], o->a[1], o->a[2], 0);
}

int64_t linux_lchown(struct op *o)
{
	return o->a[0] == 0 ? -EFAULT :
		chown_at(o, AT_FDCWD_, o->a[0], o->a[1], o->a[2], AT_SYMLINK_NOFOLLOW_);
}

int64_t linux_fchown(struct op *o)
{
	return chown_at(o, (int)o->a[0], 0, o->a[1], o->a[2], 0);
}

int64_t linux_fchownat(struct op *o)
{
	return o->a[1] == 0 ? -EFAULT :
		chown_at(o, (int)o->a[0], o->a[1], o->a[2], o->a[3], (uint32_t)o->a[4]);
}

/* ---- times ---- */

/* As file systems do on Linux: the first or last time that they can keep, if this is none. */
static int64_t nanoseconds(const struct linux_timespec *t)
{
	const int64_t most = INT64_MAX / SECOND_NS - 1;
	int64_t sec = t->sec > most ? most : t->sec < -most ? -most : t->sec;

	return sec * SECOND_NS + t->nsec;
}

static int64_t change_times(struct op *o, unsigned inode, const struct linux_timespec *t, bool now)
{
	struct inode *i = &state.inode[inode];
	struct file_attr a = i->attr;
	int64_t *to[2] = { &a.atime, &a.mtime };
	static const uint32_t bit[2] = { FILE_SET_ATIME, FILE_SET_MTIME };
	uint32_t mask = 0;

	op_cred(o);
	if (o->uid != 0 && o->uid != i->attr.uid && !(now && may(o, i, 2)))
		return now ? -EACCES : -EPERM;
	for (unsigned k = 0; k < 2; k++) {
		if (!now && t[k].nsec == UTIME_OMIT_)
			continue;
		mask |= bit[k];
		if (now || t[k].nsec == UTIME_NOW_)
			*to[k] = (int64_t)clock_realtime_ns();
		else if (t[k].nsec < 0 || t[k].nsec > 999999999)
			return -EINVAL;
		else
			*to[k] = nanoseconds(&t[k]);
	}
	return mask == 0 ? 0 : ask_set(o, inode, mask, &a);
}

static int64_t times_at(struct op *o, int fd, uint64_t path, const struct linux_timespec *t,
			uint32_t flags)
{
	unsigned inode;
	int64_t err = subject(o, fd, path, flags, &inode);

	return err != 0 ? err : change_times(o, inode, t, t == NULL);
}

int64_t linux_utimensat(struct op *o)
{
	struct linux_timespec t[2];
	int64_t err;

	if (answered(o))
		return o->row->result;
	err = o->a[2] != 0 ? user_read(o, o->a[2], t, sizeof(t)) : 0;
	if (err != 0)
		return err;
	return times_at(o, (int)o->a[0], o->a[1], o->a[2] != 0 ? t : NULL, (uint32_t)o->a[3]);
}

static int64_t from_micro(struct op *o, int fd, uint64_t path, uint64_t times)
{
	struct linux_timespec t[2] = { { 0 }, { 0 } };
	int64_t err;

	if (answered(o))
		return o->row->result;
	err = times != 0 ? user_read(o, times, t, sizeof(t)) : 0;
	if (err != 0)
		return err;
	for (unsigned k = 0; k < 2 && times != 0; k++) {
		if (t[k].nsec < 0 || t[k].nsec > 999999)
			return -EINVAL;
		t[k].nsec *= 1000;
	}
	return times_at(o, fd, path, times != 0 ? t : NULL, 0);
}

int64_t linux_utimes(struct op *o)
{
	return o->a[0] == 0 ? -EFAULT : from_micro(o, AT_FDCWD_, o->a[0], o->a[1]);
}

int64_t linux_futimesat(struct op *o)
{
	return from_micro(o, (int)o->a[0], o->a[1], o->a[2]);
}

int64_t linux_utime(struct op *o)
{
	struct linux_timespec t[2] = { { 0 }, { 0 } };
	int64_t sec[2], err;

	if (answered(o))
		return o->row->result;
	err = o->a[1] != 0 ? user_read(o, o->a[1], sec, sizeof(sec)) : 0;
	if (err != 0)
		return err;
	if (o->a[1] != 0) {
		t[0].sec = sec[0];
		t[1].sec = sec[1];
	}
	return times_at(o, AT_FDCWD_, o->a[0], o->a[1] != 0 ? t : NULL, 0);
}
