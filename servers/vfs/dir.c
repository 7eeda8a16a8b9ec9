/* SPDX-License-Identifier: BSD-2-Clause
 * dir.c - entries of directories: list, make, remove.
 *
 * Job:      getdents64, mkdir, mknod, symlink, link, unlink, rmdir.
 * Speaks:   Linux calls; contracts/file (readdir, create, link, unlink).
 * Touches:  names, through done.c, when the answer has come.
 * Trusts:   nothing in a call.
 * On crash: recovers in place; what was asked of a server is asked once, and its answer is ours.
 * Spec:     getdents(2), mkdir(2), mknod(2), symlink(2), link(2), unlink(2).
 */
#include "vfs.h"

static char target[PATH_MAX_];

/* ---- listing ---- */

static int64_t give_entries(struct op *o, struct file *f, size_t len)
{
	struct row *r = o->row;
	uint64_t done = ((struct file_readdir_reply *)r->keep)->done;
	const char *from = request_bounce(row_request(r));
	size_t at = 0;
	uint64_t next = f->pos;
	int64_t err;

	if (r->result != 0)
		return r->result;
	if (done > len)
		return -EIO;
	while (at + DIRENT_MIN <= done) {
		uint16_t reclen;

		memcpy(&reclen, from + at + DIRENT_LEN, sizeof(reclen));
		if (reclen < DIRENT_MIN || reclen > done - at)
			return -EIO;
		memcpy(&next, from + at + DIRENT_NEXT, sizeof(next));
		at += reclen;
	}
	err = user_write(o, o->a[1], from, at);
	if (err != 0)
		return -EFAULT;
	f->pos = next;
	return (int64_t)at;
}

int64_t linux_getdents64(struct op *o)
{
	struct file *f = fd_file(o, (int)o->a[0]);
	size_t len = (uint32_t)o->a[2] > PAGE_SIZE ? PAGE_SIZE : (uint32_t)o->a[2];
	struct file_readdir_request *req;
	struct request *q;
	struct file_entry *e;
	struct inode *i;
	int64_t err;

	if (f == NULL)
		return -EBADF;
	if (f->inode == 0 || !is_dir(&state.inode[f->inode]))
		return -ENOTDIR;
	if (state.inode[f->inode].attr.magic == FILE_MAGIC_FD_DIR)
		return magic_getdents(o, f, o->a[1], len);
	if (o->row != NULL && o->row->step == 1)
		return give_entries(o, f, len);
	err = user_touch(o, o->a[1], len, true);
	if (err != 0)
		return err;
	i = &state.inode[f->inode];
	e = ask_file(o, i->mount, FILE_READDIR, &q);
	if (e == NULL)
		return -PARKED;
	if (len == 0 || !ask_data(q, 0, 0, (unsigned)len, GRANT_WRITE)) {
		err = ask_full(len == 0 ? NULL : o, q);
		return len == 0 ? -EINVAL : err;
	}
	q->inode = f->inode;
	req = (struct file_readdir_request *)e->w;
	req->dir = i->attr.file;
	req->pos = f->pos;
	q->changes = i->changes;
	memset(request_bounce(q), 0, DIRENT_MIN);       /* if nothing is written there */
	row_get(o)->step = 1;
	return ask_send(o, q);
}

/* ---- making ---- */

int64_t ask_create(struct op *o, const struct found *f, uint32_t mode, uint64_t rdev,
		   const char *link, unsigned step)
{
	struct inode *dir = &state.inode[f->dir];
	struct file_create_request *req;
	struct request *q;
	struct file_entry *e = ask_file(o, dir->mount, FILE_CREATE, &q);

	if (e == NULL)
		return -PARKED;
	op_cred(o);
	q->dir = (uint16_t)f->dir;
	q->keep = step;
	strlcpy(q->name, f->last, sizeof(q->name));
	strlcpy(e->name, f->last, sizeof(e->name));
	if (link != NULL)
		strlcpy(e->name2, link, sizeof(e->name2));
	req = (struct file_create_request *)e->w;
	req->dir = dir->attr.file;
	req->mode = mode;
	req->uid = o->uid;
	req->gid = dir->attr.mode & S_ISGID_ ? dir->attr.gid : o->gid;
	if (dir->attr.mode & S_ISGID_ && (mode & S_IFMT_) == S_IFDIR_)
		req->mode |= S_ISGID_;
	req->rdev = rdev;
	dir->changes++;
	row_get(o)->step = (uint8_t)step;
	return ask_send(o, q);
}

/* Find where a new entry goes. */
static int64_t place(struct op *o, int dirfd, uint64_t path, bool dir, struct found *f)
{
	int64_t err = walk(o, dirfd, path, WALK_PARENT, f);

	if (err != 0)
		return err;
	if (f->inode != 0 || f->dots)
		return -EEXIST;
	if (f->slash && !dir)
		return -ENOENT;
	err = check_create(o, f->dir);
	return err;
}

static int64_t do_mkdir(struct op *o, int dirfd, uint64_t path, uint32_t mode)
{
	struct found f;
	int64_t err = place(o, dirfd, path, true, &f);

	if (err != 0)
		return err;
	return ask_create(o, &f, S_IFDIR_ | (mode & 01777 & ~o->umask), 0, NULL, 0);
}

int64_t linux_mkdir(struct op *o)
{
	return do_mkdir(o, AT_FDCWD_, o->a[0], (uint32_t)o->a[1]);
}

int64_t linux_mkdirat(struct op *o)
{
	return do_mkdir(o, (int)o->a[0], o->a[1], (uint32_t)o->a[2]);
}

static int64_t do_mknod(struct op *o, int dirfd, uint64_t path, uint32_t mode, uint64_t dev)
{
	uint64_t major = (dev >> 8 & 0xfff) | (dev >> 32 & ~0xfffull);
	uint64_t minor = (dev & 0xff) | (dev >> 12 & ~0xffull);
	uint32_t type = mode & S_IFMT_;
	struct found f;
	int64_t err;

	if (type == 0)
		type = S_IFREG_;
	if (type == S_IFDIR_)
		return -EPERM;
	if (type != S_IFREG_ && type != S_IFCHR_ && type != S_IFBLK_ && type != S_IFIFO_ &&
	    type != S_IFSOCK_)
		return -EINVAL;
	err = place(o, dirfd, path, false, &f);
	if (err != 0)
		return err;
	op_cred(o);
	if ((type == S_IFCHR_ || type == S_IFBLK_) && o->uid != 0)
		return -EPERM;
	if (type != S_IFCHR_ && type != S_IFBLK_)
		major = minor = 0;
	return ask_create(o, &f, type | (mode & 07777 & ~o->umask), major << 32 | (uint32_t)minor,
			  NULL, 0);
}

int64_t linux_mknod(struct op *o)
{
	return do_mknod(o, AT_FDCWD_, o->a[0], (uint32_t)o->a[1], o->a[2]);
}

int64_t linux_mknodat(struct op *o)
{
	return do_mknod(o, (int)o->a[0], o->a[1], (uint32_t)o->a[2], o->a[3]);
}

static int64_t do_symlink(struct op *o, uint64_t text, int dirfd, uint64_t path)
{
	struct found f;
	int64_t len = user_string(o, text, target, sizeof(target)), err;

	if (len <= 0)
		return len == 0 ? -ENOENT : len;
	if (len >= FILE_NAME)
		return -ENAMETOOLONG;
	err = place(o, dirfd, path, false, &f);
	if (err != 0)
		return err;
	return ask_create(o, &f, S_IFLNK_ | 0777, 0, target, 0);
}

int64_t linux_symlink(struct op *o)
{
	return do_symlink(o, o->a[0], AT_FDCWD_, o->a[1]);
}

int64_t linux_symlinkat(struct op *o)
{
	return do_symlink(o, o->a[0], (int)o->a[1], o->a[2]);
}

static int64_t do_link(struct op *o, int from_fd, uint64_t from, int to_fd, uint64_t to,
		       uint32_t flags)
{
	struct file_link_request *req;
	struct request *q;
	struct file_entry *e;
	struct found f, t;
	int64_t err;

	if (flags & ~(uint32_t)(AT_SYMLINK_FOLLOW_ | AT_EMPTY_PATH_))
		return -EINVAL;
	err = walk(o, from_fd, from, (flags & AT_SYMLINK_FOLLOW_ ? WALK_FOLLOW : 0) |
		   (flags & AT_EMPTY_PATH_ ? WALK_EMPTY : 0), &f);
	if (err == 0)
		err = place(o, to_fd, to, false, &t);
	if (err != 0)
		return err;
	if (is_dir(&state.inode[f.inode]))
		return -EPERM;
	if (state.inode[f.inode].mount != state.inode[t.dir].mount)
		return -EXDEV;
	e = ask_file(o, state.inode[t.dir].mount, FILE_LINK, &q);
	if (e == NULL)
		return -PARKED;
	q->dir = (uint16_t)t.dir;
	q->inode = (uint16_t)f.inode;
	strlcpy(q->name, t.last, sizeof(q->name));
	strlcpy(e->name, t.last, sizeof(e->name));
	req = (struct file_link_request *)e->w;
	req->dir = state.inode[t.dir].attr.file;
	req->file = state.inode[f.inode].attr.file;
	state.inode[t.dir].changes++;
	return ask_send(o, q);
}

int64_t linux_link(struct op *o)
{
	return do_link(o, AT_FDCWD_, o->a[0], AT_FDCWD_, o->a[1], 0);
}

int64_t linux_linkat(struct op *o)
{
	return do_link(o, (int)o->a[0], o->a[1], (int)o->a[2], o->a[3], (uint32_t)o->a[4]);
}

/* ---- removing ---- */

static int64_t check_kind(const struct found *f, const char *last, bool dir)
{
	const struct inode *i = &state.inode[f->inode];

	if (f->dots)
		return !dir ? -EISDIR : last[0] == '\0' ? -EBUSY : -EINVAL;
	if (dir && !is_dir(i))
		return -ENOTDIR;
	if (!dir && is_dir(i))
		return -EISDIR;
	if (state.mount[i->mount].root == f->inode)
		return -EBUSY;
	return 0;
}

static int64_t do_unlink(struct op *o, int dirfd, uint64_t path, bool dir)
{
	struct file_unlink_request *req;
	struct request *q;
	struct file_entry *e;
	struct found f;
	int64_t err = walk(o, dirfd, path, 0, &f);

	if (err == 0)
		err = check_kind(&f, f.last, dir);
	if (err == 0)
		err = check_delete(o, &f);
	if (err != 0)
		return err;
	e = ask_file(o, state.inode[f.dir].mount, FILE_UNLINK, &q);
	if (e == NULL)
		return -PARKED;
	q->dir = (uint16_t)f.dir;
	q->inode = (uint16_t)f.inode;
	strlcpy(q->name, f.last, sizeof(q->name));
	strlcpy(e->name, f.last, sizeof(e->name));
	req = (struct file_unlink_request *)e->w;
	req->dir = state.inode[f.dir].attr.file;
	req->directory = dir;
	state.inode[f.dir].changes++;
	return ask_send(o, q);
}

int64_t linux_unlink(struct op *o)
{
	return do_unlink(o, AT_FDCWD_, o->a[0], false);
}

int64_t linux_rmdir(struct op *o)
{
	return do_unlink(o, AT_FDCWD_, o->a[0], true);
}

int64_t linux_unlinkat(struct op *o)
{
	if (o->a[2] & ~(uint64_t)AT_REMOVEDIR_)
		return -EINVAL;
	return do_unlink(o, (int)o->a[0], o->a[1], o->a[2] & AT_REMOVEDIR_);
}
