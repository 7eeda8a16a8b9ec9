/* SPDX-License-Identifier: BSD-2-Clause
 * open.c - open, openat, creat.
 *
 * Job:      finds or creates a file, checks rights, makes an open file and a descriptor.
 * Speaks:   Linux calls; contracts/file (create, set_attr), contracts/chardev (open).
 * Touches:  descriptor tables.
 * Trusts:   nothing in a call.
 * On crash: recovers in place. `create` is asked once; its answer lets the call go on.
 * Spec:     open(2).
 */
#include "vfs.h"

/* Steps of the row. */
enum { STEP_CREATED = 1, STEP_TRUNCATED = 2, STEP_DEVICE = 3 };

static int64_t check_rights(struct op *o, const struct inode *i, uint32_t flags)
{
	uint32_t mode = flags & O_ACCMODE_;
	unsigned want = mode == O_RDONLY_ ? 4 : mode == O_WRONLY_ ? 2 : 6;

	if (flags & O_TRUNC_)
		want |= 2;
	if (want & 2 && is_dir(i))
		return -EISDIR;
	if (want & 2 && mount_flags(i) & FILE_MOUNT_READONLY && (is_reg(i) || is_dir(i)))
		return -EROFS;
	if (!may(o, i, want))
		return -EACCES;
	return want & 2 && i->texts != 0 ? -ETXTBSY : 0;
}

static int64_t check_found(struct op *o, const struct found *f, uint32_t flags, bool created)
{
	const struct inode *i = &state.inode[f->inode];

	if (flags & O_CREAT_ && flags & O_EXCL_ && !created)
		return -EEXIST;
	if (flags & O_DIRECTORY_ && !is_dir(i))
		return -ENOTDIR;
	if (is_link(i) && !(flags & O_PATH_))
		return -ELOOP;
	if (flags & O_CREAT_ && is_dir(i))
		return -EISDIR;
	if (flags & O_PATH_ || created)
		return 0;
	if ((i->attr.mode & S_IFMT_) == S_IFSOCK_)
		return -ENXIO;
	return check_rights(o, i, flags);
}

/* Descriptors for special files need more; may park. */
static int64_t open_special(struct op *o, struct file *f, const struct inode *i)
{
	uint32_t device = CHARDEV_DEVICE(i->attr.rdev >> 32, (uint32_t)i->attr.rdev);

	switch (i->attr.mode & S_IFMT_) {
	case S_IFIFO_:
		return fifo_open(o, f, inode_index(i));
	case S_IFCHR_:
		if (device_is_memory(device)) {
			f->kind = FILE_MEMORY;
			f->device = device;
			return 0;
		}
		return char_open(o, f, device);
	case S_IFBLK_:
		return -ENXIO;
	default:
		return 0;
	}
}

static void close_special(struct file *f)
{
	if (f->kind == FILE_CHAR)
		char_close(f);
	else if (f->pipe != 0)
		pipe_close(f);
}

int64_t open_found(struct op *o, const struct found *found, uint32_t flags, struct file **out)
{
	struct inode *i = &state.inode[found->inode];
	struct file new = {
		.refs = 1, .kind = FILE_INODE, .flags = flags & ~(uint32_t)O_CLOEXEC_,
	};
	int64_t err = 0, fd = -ENFILE;
	struct file *f;

	/* Before anything is taken: who asks a server commits. */
	if (!(flags & O_PATH_) && !is_reg(i) && !is_dir(i))
		err = open_special(o, &new, i);
	if (err != 0)
		return err;
	f = file_new(o);
	if (f != NULL) {
		*f = new;
		fd = fd_new(o, file_index(f), 0, flags & O_CLOEXEC_);
	}
	if (fd < 0) {
		close_special(&new);
		if (f != NULL)
			memset(f, 0, sizeof(*f));
		return fd;
	}
	f->inode = (uint16_t)found->inode;
	f->dir = (uint16_t)found->dir;
	f->name = (uint16_t)found->name;
	inode_hold(f->inode);
	if (is_writer(f))
		state.inode[f->inode].writers++;
	inode_hold(f->dir);
	name_pin(f->name);
	if (out != NULL)
		*out = f;
	return fd;
}

static int64_t create(struct op *o, const struct found *f, uint32_t mode)
{
	int64_t err;

	if (f->slash)
		return -EISDIR;
	err = check_create(o, f->dir);
	if (err != 0)
		return err;
	return ask_create(o, f, S_IFREG_ | (mode & 07777 & ~o->umask), 0, NULL, STEP_CREATED);
}

static int64_t do_open(struct op *o, int dirfd, uint64_t path, uint32_t flags, uint32_t mode)
{
	bool fresh = (flags & (O_CREAT_ | O_EXCL_)) == (O_CREAT_ | O_EXCL_);
	unsigned how = (flags & O_NOFOLLOW_ || fresh ? 0 : WALK_FOLLOW) |
		       (flags & O_CREAT_ ? WALK_PARENT : 0);
	bool created = o->row != NULL && o->row->step == STEP_CREATED && o->row->result == 0;
	struct found f;
	int64_t err;

	if (flags & O_TMPFILE_)
		return -EOPNOTSUPP;
	if (flags & O_PATH_)
		flags &= O_PATH_ | O_DIRECTORY_ | O_NOFOLLOW_ | O_CLOEXEC_;
	if (o->row != NULL && o->row->step == STEP_CREATED && o->row->result != 0 &&
	    (o->row->result != -EEXIST || flags & O_EXCL_))
		return o->row->result;
	err = walk(o, dirfd, path, how, &f);
	if (err != 0)
		return err;
	if (f.inode == 0)
		return create(o, &f, mode);
	if (o->row == NULL || o->row->step < STEP_TRUNCATED) {
		err = check_found(o, &f, flags, created);
		if (err != 0)
			return err;
		if (flags & O_TRUNC_ && is_reg(&state.inode[f.inode]) && !created &&
		    state.inode[f.inode].attr.size != 0) {
			row_get(o)->step = STEP_TRUNCATED;
			err = set_size(o, f.inode, 0);
			if (err != 0)
				return err;
		}
	} else if (o->row->step == STEP_TRUNCATED && o->row->result != 0) {
		return o->row->result;
	}
	return open_found(o, &f, flags, NULL);
}

int64_t linux_open(struct op *o)
{
	return do_open(o, AT_FDCWD_, o->a[0], (uint32_t)o->a[1], (uint32_t)o->a[2]);
}

int64_t linux_openat(struct op *o)
{
	return do_open(o, (int)o->a[0], o->a[1], (uint32_t)o->a[2], (uint32_t)o->a[3]);
}

int64_t linux_creat(struct op *o)
{
	return do_open(o, AT_FDCWD_, o->a[0], O_CREAT_ | O_WRONLY_ | O_TRUNC_, (uint32_t)o->a[1]);
}

int64_t linux_openat2(struct op *o)
{
	uint64_t how[3];                /* flags, mode, resolve */
	int64_t err;

	if (o->a[3] < sizeof(how))
		return -EINVAL;
	err = user_read(o, o->a[2], how, sizeof(how));
	if (err != 0)
		return err;
	if (how[2] != 0)
		return -EINVAL;
	return do_open(o, (int)o->a[0], o->a[1], (uint32_t)how[0], (uint32_t)how[1]);
}
