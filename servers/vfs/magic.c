/* SPDX-License-Identifier: BSD-2-Clause
 * magic.c - the parts of /proc that only vfs knows.
 *
 * Job:      /proc/mounts, mountinfo, maps, net/unix, and the directory fd of a process; procfs
 *           marks their places (FILE_MAGIC_), the contents are made here.
 * Speaks:   vm.region.
 * Touches:  a buffer; rows of inodes for the links in fd.
 * Trusts:   nothing.
 * On crash: holds no state.
 * Spec:     proc(5).
 */
#include "vfs.h"

enum { DIRENT_HEAD = 19, DT_DIR_ = 4, DT_LNK_ = 10, FIRST_FD = 2 };
#define FD_FILE (1ull << 63)            /* inode numbers that procfs does not use */

static char text[16 * PAGE_SIZE] SECTION_UNDO, path[PATH_MAX_];

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
		return format(to, size, "%u %u %u:%u / %s %s,relatime - %s %s %s\n", n, parent,
			      (unsigned)(m->device >> 32), (unsigned)m->device, m->path, how,
			      m->type, m->source, how);
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

/* ---- maps ---- */

enum { NAME_COLUMN = 73 };

/* Where a mapped file is: by the name under which it was executed or is in the cache. */
static int64_t path_of_mapped(struct op *o, const struct process *p, unsigned n, char *to,
			      size_t size)
{
	unsigned name = state.inode[n].alias;

	if (n == p->exe)
		return path_of(o->p, p->exe_dir, p->exe_name, to, size);
	return name != 0 ? path_of(o->p, state.name[name].parent, name, to, size) : -ENOENT;
}

static const char *note_of(const struct vm_region_reply *r)
{
	return r->special == 1 ? "[vvar]" : r->special == 2 ? "[vdso]" : r->heap ? "[heap]" :
	       r->flags & VM_MAP_GROWSDOWN ? "[stack]" : "";
}

static size_t put_region(struct op *o, const struct process *p, const struct vm_region_reply *r,
			 char *to, size_t size)
{
	unsigned n = r->file != 0 ? inode_of_file(r->file) : 0;
	const char *what = note_of(r), *gone = "";
	uint64_t ino = 0, device = 0;
	size_t len;

	if (n != 0) {
		ino = state.inode[n].attr.file;
		device = state.mount[state.inode[n].mount].device;
		what = path_of_mapped(o, p, n, path, sizeof(path)) > 0 ? path : "";
		gone = what[0] != '\0' && inode_is_deleted(n) ? " (deleted)" : "";
	}
	len = format(to, size, "%08lx-%08lx %c%c%c%c %08lx %02x:%02x %lu ", (unsigned long)r->start,
		     (unsigned long)r->end, r->prot & VM_PROT_READ ? 'r' : '-',
		     r->prot & VM_PROT_WRITE ? 'w' : '-', r->prot & VM_PROT_EXEC ? 'x' : '-',
		     r->flags & VM_MAP_SHARED ? 's' : 'p', (unsigned long)r->offset,
		     (unsigned)(device >> 32), (unsigned)device, (unsigned long)ino);
	if (len >= size)
		return len;
	return len + format(to + len, size - len, "%*s%s%s\n",
			    what[0] != '\0' && len < NAME_COLUMN ? (int)(NAME_COLUMN - len) : 0, "",
			    what, gone);
}

static int64_t make_maps(struct op *o, const struct inode *i)
{
	const struct process *p = process_by_pid((uint32_t)i->attr.rdev);
	struct vm_region_request req = { 0 };
	struct vm_region_reply r;
	size_t used = 0;

	op_cred(o);
	if (p == NULL)
		return -ESRCH;
	if (o->uid != 0 && o->uid != i->attr.uid)
		return -EACCES;
	for (req.proc = p->who; vm_region(&vm, &req, &r) == 0; req.from = r.end) {
		size_t n = put_region(o, p, &r, text + used, sizeof(text) - used);

		if (n >= sizeof(text) - used)
			break;          /* whole lines only */
		used += n;
	}
	return (int64_t)used;
}

int64_t magic_read(struct op *o, const struct inode *i, uint64_t pos, uint64_t address, size_t len)
{
	int64_t err = i->attr.magic == FILE_MAGIC_MAPS ? make_maps(o, i) :
		      i->attr.magic == FILE_MAGIC_UNIX ?
		      (int64_t)sockets_text(text, sizeof(text)) :
		      (int64_t)make_mounts(i->attr.magic == FILE_MAGIC_MOUNTINFO);
	size_t size = (size_t)err;

	if (err < 0)
		return err;
	if (pos >= size)
		return 0;
	if (len > size - pos)
		len = size - pos;
	err = user_give(o, address, text + pos, len);
	return err != 0 ? err : (int64_t)len;
}

bool magic_is_text(const struct inode *i)
{
	return i->attr.magic == FILE_MAGIC_MOUNTS || i->attr.magic == FILE_MAGIC_MOUNTINFO ||
	       i->attr.magic == FILE_MAGIC_MAPS || i->attr.magic == FILE_MAGIC_UNIX;
}

/* ---- /proc/PID/fd ---- */

static bool has_fd(const struct process *p, uint32_t fd)
{
	struct fd *d = fd_slot(&state.table[p->table], (int)fd);

	return d != NULL && d->file != 0;
}

/* A link's mode tells what the descriptor is open for. */
static uint32_t mode_of_fd(const struct process *p, uint32_t fd)
{
	const struct file *f = &state.file[fd_slot(&state.table[p->table], (int)fd)->file];
	uint32_t access = f->flags & O_ACCMODE_;

	if (f->flags & O_PATH_)
		return 0100;
	return access == O_RDONLY_ ? 0500 : access == O_WRONLY_ ? 0300 : 0700;
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
	a.mode = S_IFLNK_ | mode_of_fd(p, fd);
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
