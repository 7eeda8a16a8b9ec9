/* SPDX-License-Identifier: BSD-2-Clause
 * link.c - rename, and reading symbolic links.
 *
 * Job:      rename, renameat2, readlink.
 * Speaks:   Linux calls; contracts/file (rename).
 * Touches:  names, through done.c.
 * Trusts:   nothing in a call.
 * On crash: recovers in place.
 * Spec:     rename(2), readlink(2).
 */
#include "vfs.h"

enum { RENAME_NOREPLACE_ = 1, RENAME_EXCHANGE_ = 2 };

static char text[PATH_MAX_ + 1] SECTION_UNDO;

static int64_t check_target(struct op *o, const struct found *f, const struct found *t,
			    uint32_t flags)
{
	const struct inode *from = &state.inode[f->inode], *to = &state.inode[t->inode];

	if (is_dir(from) && dir_is_below(t->dir, f->inode))
		return -EINVAL;
	if (t->inode == 0)
		return flags & RENAME_EXCHANGE_ ? -ENOENT :
			t->slash && !is_dir(from) ? -ENOTDIR : check_create(o, t->dir);
	if (flags & RENAME_NOREPLACE_)
		return -EEXIST;
	if (state.mount[to->mount].root == t->inode)
		return -EBUSY;
	if (!(flags & RENAME_EXCHANGE_) && is_dir(from) != is_dir(to))
		return is_dir(from) ? -ENOTDIR : -EISDIR;
	return check_delete(o, t);
}

static int64_t do_rename(struct op *o, int from_fd, uint64_t from, int to_fd, uint64_t to,
			 uint32_t flags)
{
	struct file_rename_request *req;
	struct request *q;
	struct file_entry *e;
	struct found f, t;
	int64_t err;

	if (flags & ~(uint32_t)(RENAME_NOREPLACE_ | RENAME_EXCHANGE_) || flags == 3)
		return -EINVAL;
	err = walk(o, from_fd, from, 0, &f);
	if (err == 0)
		err = walk(o, to_fd, to, WALK_PARENT, &t);
	if (err != 0)
		return err;
	if (f.dots || t.dots || state.mount[state.inode[f.inode].mount].root == f.inode)
		return -EBUSY;
	if (state.inode[f.dir].mount != state.inode[t.dir].mount)
		return -EXDEV;
	err = check_delete(o, &f);
	if (err == 0)
		err = check_target(o, &f, &t, flags);
	if (err != 0 || f.inode == t.inode)
		return err;
	e = ask_file(o, state.inode[f.dir].mount, FILE_RENAME, &q);
	if (e == NULL)
		return -PARKED;
	q->dir = (uint16_t)f.dir;
	q->dir2 = (uint16_t)t.dir;
	q->inode = (uint16_t)f.inode;
	q->keep = flags;
	strlcpy(q->name, f.last, sizeof(q->name));
	strlcpy(q->name2, t.last, sizeof(q->name2));
	strlcpy(e->name, f.last, sizeof(e->name));
	strlcpy(e->name2, t.last, sizeof(e->name2));
	req = (struct file_rename_request *)e->w;
	req->dir = state.inode[f.dir].attr.file;
	req->dir2 = state.inode[t.dir].attr.file;
	req->flags = flags;
	state.inode[f.dir].changes++;
	state.inode[t.dir].changes++;
	return ask_send(o, q);
}

int64_t linux_rename(struct op *o)
{
	return do_rename(o, AT_FDCWD_, o->a[0], AT_FDCWD_, o->a[1], 0);
}

int64_t linux_renameat(struct op *o)
{
	return do_rename(o, (int)o->a[0], o->a[1], (int)o->a[2], o->a[3], 0);
}

int64_t linux_renameat2(struct op *o)
{
	return do_rename(o, (int)o->a[0], o->a[1], (int)o->a[2], o->a[3], (uint32_t)o->a[4]);
}

/* ---- readlink ---- */

/* A path, and whether it is one no longer. */
static int64_t place(struct op *o, unsigned dir, unsigned name, unsigned inode)
{
	int64_t len = path_of(o->p, dir, name, text, sizeof(text));

	if (len > 0 && inode_is_deleted(inode))
		len = (int64_t)strlcat(text, " (deleted)", sizeof(text));
	return len < (int64_t)sizeof(text) ? len : -ENAMETOOLONG;
}

static int64_t text_of_file(struct op *o, const struct file *f)
{
	static const char *const memory[] = {
		[3] = "null", [5] = "zero", [7] = "full", [8] = "random", [9] = "urandom",
	};

	if (f->dir != 0)
		return place(o, f->dir, f->name, f->inode);
	if (f->inode != 0 && is_dir(&state.inode[f->inode]))
		return path_of(o->p, f->inode, 0, text, sizeof(text));
	if (f->kind == FILE_CHAR)
		return (int64_t)format(text, sizeof(text), f->device >> 8 == 136 ? "/dev/pts/%u" :
				       "/dev/console", f->device & 0xff);
	if (f->kind == FILE_MEMORY)
		return (int64_t)format(text, sizeof(text), "/dev/%s", memory[f->device & 0xff]);
	if (f->kind == FILE_SOCKET)
		return (int64_t)format(text, sizeof(text), "socket:[%u]",
				       state.socket[f->socket].number);
	return (int64_t)format(text, sizeof(text), "pipe:[%u]", f->pipe);
}

/* What a link of procfs that leads to a place reads as. */
static int64_t magic_text(struct op *o, const struct file_attr *a)
{
	struct process *p = process_by_pid((uint32_t)a->rdev);
	struct fd *fd;

	op_cred(o);
	switch (a->magic) {
	case FILE_MAGIC_SELF:
		return (int64_t)format(text, sizeof(text), "%u", o->pid);
	case FILE_MAGIC_THREAD:
		return (int64_t)format(text, sizeof(text), "%u/task/%u", o->pid, o->pid);
	default:
		break;
	}
	if (p == NULL)
		return -ENOENT;
	switch (a->magic) {
	case FILE_MAGIC_EXE:
		return p->exe == 0 ? -ENOENT : place(o, p->exe_dir, p->exe_name, p->exe);
	case FILE_MAGIC_CWD:
		return place(o, p->cwd, 0, p->cwd);
	case FILE_MAGIC_ROOT:
		return path_of(o->p, p->root, 0, text, sizeof(text));
	default:
		fd = fd_slot(&state.table[p->table], (int)(a->rdev >> 32));
		return fd == NULL || fd->file == 0 ? -ENOENT :
			text_of_file(o, &state.file[fd->file]);
	}
}

static int64_t do_readlink(struct op *o, int dirfd, uint64_t path, uint64_t to, uint64_t size)
{
	struct found f;
	int64_t err = walk(o, dirfd, path, WALK_EMPTY, &f), len;

	if ((int64_t)size <= 0)
		return -EINVAL;
	if (err != 0)
		return err;
	if (f.inode == 0 || !is_link(&state.inode[f.inode]))
		return -EINVAL;
	if (state.inode[f.inode].attr.magic != FILE_MAGIC_NONE)
		len = magic_text(o, &state.inode[f.inode].attr);
	else
		len = link_target(o, f.inode, text, sizeof(text));
	if (len < 0)
		return len;
	if ((uint64_t)len > size)
		len = (int64_t)size;
	err = user_give(o, to, text, (size_t)len);
	return err != 0 ? err : len;
}

int64_t linux_readlink(struct op *o)
{
	return do_readlink(o, AT_FDCWD_, o->a[0], o->a[1], o->a[2]);
}

int64_t linux_readlinkat(struct op *o)
{
	return do_readlink(o, (int)o->a[0], o->a[1], o->a[2], o->a[3]);
}
