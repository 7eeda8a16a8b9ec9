/* SPDX-License-Identifier: BSD-2-Clause
 * misc.c - working directories, ioctl.
 *
 * Job:      getcwd, chdir, fchdir, chroot; ioctl.
 * Speaks:   Linux calls.
 * Touches:  state.process.
 * Trusts:   nothing in a call.
 * On crash: recovers in place.
 * Spec:     getcwd(2), chdir(2), chroot(2), ioctl(2).
 */
#include "vfs.h"

enum { FIOCLEX_ = 0x5451, FIONCLEX_ = 0x5450, FIONBIO_ = 0x5421, FIONREAD_ = 0x541b };

static char text[PATH_MAX_ + 1] SECTION_UNDO;

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

/* ---- ioctl ---- */

static int64_t readable_bytes(struct op *o, const struct file *f)
{
	int32_t n;

	if (f->kind == FILE_SOCKET) {
		n = (int32_t)socket_bytes(f);
		if (n < 0)
			return n;
	} else if (f->pipe != 0) {
		n = (int32_t)pipe_bytes(f);
	} else if (f->kind == FILE_INODE && is_reg(&state.inode[f->inode])) {
		n = (int32_t)(state.inode[f->inode].attr.size - f->pos);
	} else {
		return -ENOTTY;
	}
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
