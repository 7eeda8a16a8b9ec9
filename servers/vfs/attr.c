/* SPDX-License-Identifier: BSD-2-Clause
 * attr.c - attributes of files: the stat family.
 *
 * Job:      stat, statx, access, statfs, umask.
 * Speaks:   Linux calls; contracts/file (stat_fs).
 * Touches:  nothing.
 * Trusts:   nothing in a call.
 * On crash: recovers in place.
 * Spec:     stat(2), statx(2), access(2), statfs(2).
 */
#include "vfs.h"

enum { STATX_BASIC = 0x7ff, NO_MOUNT = 14, BLOCK = PAGE_SIZE, PIPEFS_MAGIC_ = 0x50495045 };

static union {
	struct linux_stat stat;
	struct linux_statx statx;
	struct linux_statfs fs;
} out SECTION_UNDO;

/* st_dev of what is in no file system, a pipe, is NO_MOUNT. */
static uint64_t device_of(unsigned mount)
{
	return mount == 0 ? NO_MOUNT : state.mount[mount].device;
}

/* As user programs have it, from major << 32 | minor. */
static uint64_t makedev64(uint64_t device)
{
	uint32_t major = (uint32_t)(device >> 32), minor = (uint32_t)device;

	return (minor & 0xff) | (uint64_t)(major & 0xfff) << 8 | (uint64_t)(minor & ~0xffu) << 12 |
	       (uint64_t)(major & ~0xfffu) << 32;
}

/* Attributes of what an open file without an inode is. */
static void attr_of_file(const struct file *f, struct file_attr *a)
{
	*a = (struct file_attr){ .mode = S_IFIFO_ | 0600, .links = 1, .file = 1 };
	a->file = file_index(f);
	if (f->kind == FILE_CHAR || f->kind == FILE_MEMORY) {
		a->mode = S_IFCHR_ | 0620;
		a->rdev = (uint64_t)(f->device >> 8 & 0xfff) << 32 | (f->device & 0xff);
	} else if (f->kind == FILE_SOCKET) {
		socket_attr(f, a);
	} else {
		a->file = f->pipe;
		a->atime = a->mtime = a->ctime = (int64_t)clock_realtime_ns();
	}
}

static void split(int64_t ns, int64_t *sec, int64_t *rest)
{
	*sec = ns / 1000000000;
	*rest = ns % 1000000000;
	if (*rest < 0) {
		*rest += 1000000000;
		(*sec)--;
	}
}

static int64_t give_stat(struct op *o, const struct file_attr *a, unsigned mount, uint64_t to)
{
	struct linux_stat *s = &out.stat;

	*s = (struct linux_stat){
		.dev = makedev64(device_of(mount)), .ino = a->file,
		.nlink = a->links, .mode = a->mode, .uid = a->uid, .gid = a->gid,
		.rdev = makedev64(a->rdev),
		.size = (int64_t)a->size, .blksize = BLOCK, .blocks = (int64_t)a->blocks,
	};
	if (is_dir(&(struct inode){ .attr = { .mode = a->mode } }) || a->magic != FILE_MAGIC_NONE)
		s->rdev = 0;
	split(a->atime, &s->atime, &s->atime_ns);
	split(a->mtime, &s->mtime, &s->mtime_ns);
	split(a->ctime, &s->ctime, &s->ctime_ns);
	return user_give(o, to, s, sizeof(*s));
}

static struct linux_statx_time time_of(int64_t ns)
{
	int64_t sec, rest;

	split(ns, &sec, &rest);
	return (struct linux_statx_time){ .sec = sec, .nsec = (uint32_t)rest };
}

static int64_t give_statx(struct op *o, const struct file_attr *a, unsigned mount, uint64_t to)
{
	struct linux_statx *s = &out.statx;

	*s = (struct linux_statx){
		.mask = STATX_BASIC, .blksize = BLOCK, .nlink = a->links, .uid = a->uid,
		.gid = a->gid, .mode = (uint16_t)a->mode, .ino = a->file, .size = a->size,
		.blocks = a->blocks, .rdev_major = (uint32_t)(a->rdev >> 32),
		.rdev_minor = (uint32_t)a->rdev, .dev_major = (uint32_t)(device_of(mount) >> 32),
		.dev_minor = (uint32_t)device_of(mount), .mnt_id = mount,
		.atime = time_of(a->atime), .mtime = time_of(a->mtime), .ctime = time_of(a->ctime),
	};
	if (a->magic != FILE_MAGIC_NONE)
		s->rdev_major = s->rdev_minor = 0;
	return user_give(o, to, s, sizeof(*s));
}

static int64_t give(struct op *o, unsigned inode, const struct file *f, uint64_t to, bool statx)
{
	struct file_attr a;
	unsigned mount = 0;

	if (inode != 0) {
		a = state.inode[inode].attr;
		mount = state.inode[inode].mount;
	} else {
		attr_of_file(f, &a);
	}
	return statx ? give_statx(o, &a, mount, to) : give_stat(o, &a, mount, to);
}

static int64_t stat_at(struct op *o, int dirfd, uint64_t path, uint32_t flags, uint64_t to,
		       bool statx)
{
	struct found f;
	int64_t err = walk(o, dirfd, path, (flags & AT_SYMLINK_NOFOLLOW_ ? 0 : WALK_FOLLOW) |
			   (flags & AT_EMPTY_PATH_ ? WALK_EMPTY : 0), &f);

	if (err != 0)
		return err;
	return give(o, f.inode, f.inode == 0 ? fd_file(o, dirfd) : NULL, to, statx);
}

int64_t linux_stat(struct op *o)
{
	return stat_at(o, AT_FDCWD_, o->a[0], 0, o->a[1], false);
}

int64_t linux_lstat(struct op *o)
{
	return stat_at(o, AT_FDCWD_, o->a[0], AT_SYMLINK_NOFOLLOW_, o->a[1], false);
}

int64_t linux_fstat(struct op *o)
{
	struct file *f = fd_file(o, (int)o->a[0]);
	int64_t err;

	if (f == NULL)
		return -EBADF;
	err = f->inode != 0 ? inode_fresh(o, f->inode) : 0;
	return err != 0 ? err : give(o, f->inode, f, o->a[1], false);
}

int64_t linux_newfstatat(struct op *o)
{
	return stat_at(o, (int)o->a[0], o->a[1], (uint32_t)o->a[3], o->a[2], false);
}

int64_t linux_statx(struct op *o)
{
	return stat_at(o, (int)o->a[0], o->a[1], (uint32_t)o->a[2], o->a[4], true);
}

/* ---- access ---- */

static int64_t access_at(struct op *o, int dirfd, uint64_t path, uint32_t want, uint32_t flags)
{
	struct proc_public_get_request req = { .proc = o->client };
	struct proc_public_get_reply ids;
	struct found f;
	int64_t err;

	if (want & ~7u)
		return -EINVAL;
	if (!(flags & AT_EACCESS_) && sys_proc_public_get(&req, &ids) == 0) {
		op_cred(o);
		o->uid = ids.word[PUBLIC_UID];
		o->gid = ids.word[PUBLIC_GID];
	}
	err = walk(o, dirfd, path, (flags & AT_SYMLINK_NOFOLLOW_ ? 0 : WALK_FOLLOW) |
		   (flags & AT_EMPTY_PATH_ ? WALK_EMPTY : 0), &f);
	if (err != 0 || f.inode == 0)
		return err;
	if (want & 2 && mount_flags(&state.inode[f.inode]) & FILE_MOUNT_READONLY)
		return -EROFS;
	return may(o, &state.inode[f.inode], want) ? 0 : -EACCES;
}

int64_t linux_access(struct op *o)
{
	return access_at(o, AT_FDCWD_, o->a[0], (uint32_t)o->a[1], 0);
}

int64_t linux_faccessat(struct op *o)
{
	return access_at(o, (int)o->a[0], o->a[1], (uint32_t)o->a[2], 0);
}

int64_t linux_faccessat2(struct op *o)
{
	return access_at(o, (int)o->a[0], o->a[1], (uint32_t)o->a[2], (uint32_t)o->a[3]);
}

int64_t linux_umask(struct op *o)
{
	uint32_t old = o->p->umask;

	o->p->umask = (uint16_t)(o->a[0] & 0777);
	return old;
}

/* ---- statfs ---- */

static int64_t statfs_of(struct op *o, unsigned inode, uint64_t to)
{
	struct linux_statfs *s = &out.fs;
	struct request *q;
	struct file_entry *e;
	unsigned mount;

	if (inode == 0 || state.inode[inode].mount == 0) {
		*s = (struct linux_statfs){ .type = PIPEFS_MAGIC_, .bsize = BLOCK, .namelen = 255 };
		return user_give(o, to, s, sizeof(*s));
	}
	mount = state.inode[inode].mount;
	if (o->row == NULL || o->row->step != 1) {
		if (forgets_open())             /* what was removed counts as free */
			return row_wait(o, QUEUE_SHORT, 0, 0);
		e = ask_file(o, mount, FILE_STAT_FS, &q);
		if (e == NULL)
			return -PARKED;
		e->w[0] = state.inode[state.mount[mount].root].attr.file;
		row_get(o)->step = 1;
		return ask_send(o, q);
	}
	if (o->row->result != 0)
		return o->row->result;
	*s = (struct linux_statfs){
		.blocks = o->row->keep[0], .bfree = o->row->keep[1], .bavail = o->row->keep[1],
		.files = o->row->keep[2], .ffree = o->row->keep[3],
		.bsize = (uint32_t)o->row->keep[4], .frsize = (uint32_t)o->row->keep[4],
		.namelen = (int64_t)(o->row->keep[4] >> 32), .type = (int64_t)o->row->keep[5],
		.fsid = { mount, 0 }, .flags = 0x20,
	};
	if (state.mount[mount].flags & FILE_MOUNT_MEMORY) {     /* its pages are here */
		uint32_t most = memory_limit();

		s->blocks = most;
		s->bfree = state.pages_memory < most ? most - state.pages_memory : 0;
		s->bavail = s->bfree;
		s->bsize = s->frsize = PAGE_SIZE;
	}
	return user_give(o, to, s, sizeof(*s));
}

int64_t linux_statfs(struct op *o)
{
	struct found f;
	int64_t err = walk(o, AT_FDCWD_, o->a[0], WALK_FOLLOW, &f);

	return err != 0 ? err : statfs_of(o, f.inode, o->a[1]);
}

int64_t linux_fstatfs(struct op *o)
{
	struct file *f = fd_file(o, (int)o->a[0]);

	return f == NULL ? -EBADF : statfs_of(o, f->inode, o->a[1]);
}
