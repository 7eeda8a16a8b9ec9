/* SPDX-License-Identifier: BSD-2-Clause
 * magic.c - the parts of /proc that only vfs knows.
 *
 * Job:      /proc/mounts, mountinfo, and the directory fd of a process; procfs marks their places
 *           (FILE_MAGIC_), the contents are made here.
 * Speaks:   nothing.
 * Touches:  a buffer; rows of inodes for the links in fd.
 * Trusts:   nothing.
 * On crash: holds no state.
 * Spec:     proc(5).
 */
#include "vfs.h"

enum { DIRENT_HEAD = 19, DT_DIR_ = 4, DT_LNK_ = 10, FIRST_FD = 2 };
#define FD_FILE (1ull << 63)            /* inode numbers that procfs does not use */

static char text[2 * PAGE_SIZE];

struct process *process_by_pid(uint32_t pid)
{
	for (unsigned i = FIRST_PROGRAM; i < NR_PROCS; i++)
		if (state.process[i].who.v != 0 && state.process[i].pid == pid)
			return &state.process[i];
	return NULL;
}

/* ---- mounts ---- */

static size_t mount_line(char *to, size_t size, unsigned n, bool info)
{
	const struct mount *m = &state.mount[n];
	const char *how = m->flags & FILE_MOUNT_READONLY ? "ro" : "rw";
	unsigned parent = m->covers != 0 ? state.inode[m->covers].mount : n;

	if (info)
		return format(to, size, "%u %u 0:%u / %s %s,relatime - %s %s %s\n", n, parent,
			      20 + n, m->path, how, m->type, m->source, how);
	return format(to, size, "%s %s %s %s,relatime 0 0\n", m->source, m->path, m->type, how);
}

static size_t make_mounts(bool info)
{
	size_t used = 0;

	for (unsigned n = 1; n < NR_MOUNTS; n++)
		if (state.mount[n].ready && used < sizeof(text))
			used += mount_line(text + used, sizeof(text) - used, n, info);
	return used < sizeof(text) ? used : sizeof(text) - 1;
}

int64_t magic_read(struct op *o, const struct inode *i, uint64_t pos, uint64_t address, size_t len)
{
	size_t size = make_mounts(i->attr.magic == FILE_MAGIC_MOUNTINFO);
	int64_t err;

	if (pos >= size)
		return 0;
	if (len > size - pos)
		len = size - pos;
	err = user_give(o, address, text + pos, len);
	return err != 0 ? err : (int64_t)len;
}

bool magic_is_text(const struct inode *i)
{
	return i->attr.magic == FILE_MAGIC_MOUNTS || i->attr.magic == FILE_MAGIC_MOUNTINFO;
}

/* ---- /proc/PID/fd ---- */

static bool has_fd(const struct process *p, uint32_t fd)
{
	struct fd *d = fd_slot(&state.table[p->table], (int)fd);

	return d != NULL && d->file != 0;
}

/* The link for a descriptor in this directory; 0: there is none. */
unsigned magic_fd(unsigned dir, const char *name, size_t len)
{
	const struct inode *i = &state.inode[dir];
	uint32_t pid = (uint32_t)i->attr.rdev, fd = 0;
	const struct process *p = process_by_pid(pid);
	struct file_attr a = i->attr;

	if (p == NULL || len == 0 || len > 5)
		return 0;
	for (size_t k = 0; k < len; k++) {
		if (name[k] < '0' || name[k] > '9')
			return 0;
		fd = fd * 10 + (uint32_t)(name[k] - '0');
	}
	if (!has_fd(p, fd))
		return 0;
	a.file = FD_FILE | (uint64_t)pid << 32 | fd;
	a.mode = S_IFLNK_ | 0700;
	a.links = 1;
	a.size = 64;
	a.magic = FILE_MAGIC_FD;
	a.rdev = pid | (uint64_t)fd << 32;
	return inode_get(i->mount, &a, UINT64_MAX);
}

static bool add_entry(size_t *used, size_t room, uint64_t ino, uint64_t next, uint8_t type,
		      const char *name)
{
	size_t len = strlen(name), size = (DIRENT_HEAD + len + 1 + 7) & ~(size_t)7;
	uint16_t reclen = (uint16_t)size;
	char *at = text + *used;

	if (size > room - *used)
		return false;
	memset(at, 0, size);
	memcpy(at, &ino, 8);
	memcpy(at + 8, &next, 8);
	memcpy(at + 16, &reclen, 2);
	at[18] = (char)type;
	memcpy(at + DIRENT_HEAD, name, len);
	*used += size;
	return true;
}

int64_t magic_getdents(struct op *o, struct file *f, uint64_t address, size_t len)
{
	const struct inode *i = &state.inode[f->inode];
	const struct process *p = process_by_pid((uint32_t)i->attr.rdev);
	size_t room = len < sizeof(text) ? len : sizeof(text), used = 0;
	uint64_t pos = f->pos;
	bool fits = true;
	int64_t err;

	for (; pos < FIRST_FD && fits; pos += fits)
		fits = add_entry(&used, room, i->attr.file, pos + 1, DT_DIR_,
				 pos == 0 ? "." : "..");
	for (; p != NULL && fits && pos < FIRST_FD + NR_FDS; pos += fits) {
		uint32_t fd = (uint32_t)pos - FIRST_FD;
		char name[12];

		if (!has_fd(p, fd))
			continue;
		format(name, sizeof(name), "%u", fd);
		fits = add_entry(&used, room, FD_FILE | (uint64_t)p->pid << 32 | fd, pos + 1,
				 DT_LNK_, name);
	}
	if (!fits && used == 0)
		return -EINVAL;
	err = user_write(o, address, text, used);
	if (err != 0)
		return err;
	f->pos = pos;
	return (int64_t)used;
}
