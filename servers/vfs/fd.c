/* SPDX-License-Identifier: BSD-2-Clause
 * fd.c - processes' descriptors, and the open files behind them.
 *
 * Job:      descriptor tables (shared by CLONE_FILES), open files; dup, fcntl, close.
 * Speaks:   Linux calls.
 * Touches:  state.process, table, chunk, file.
 * Trusts:   the kernel for `owner`: the thread-group leader, by whose slot a table is found.
 * On crash: recovers in place.
 */
#include "vfs.h"

enum { F_DUPFD_, F_GETFD_, F_SETFD_, F_GETFL_, F_SETFL_, F_GETLK_, F_SETLK_, F_SETLKW_, F_SETOWN_,
       F_GETOWN_, F_SETSIG_, F_GETSIG_, F_SETOWN_EX_ = 15, F_GETOWN_EX_, F_OFD_GETLK_ = 36,
       F_OFD_SETLK_, F_OFD_SETLKW_,
       F_DUPFD_CLOEXEC_ = 1030, F_SETPIPE_SZ_ = 1031, F_GETPIPE_SZ_ = 1032, F_GET_SEALS_ = 1034 };
enum { CLOSE_RANGE_UNSHARE_ = 2, CLOSE_RANGE_CLOEXEC_ = 4 };

struct process *process_of(endpoint_t owner)
{
	struct process *p = &state.process[endpoint_slot(owner) % NR_PROCS];

	return p->who.v != 0 && endpoint_eq(p->who, owner) ? p : NULL;
}

unsigned file_index(const struct file *f)
{
	return (unsigned)(f - state.file);
}

/* ---- tables ---- */

struct fd *fd_slot(struct table *t, int fd)
{
	unsigned n = (unsigned)fd / CHUNK_FDS;

	if (fd < 0 || n >= TABLE_CHUNKS || t->chunk[n] == 0)
		return NULL;
	return &state.chunk[t->chunk[n]].fd[(unsigned)fd % CHUNK_FDS];
}

static struct table *table_of(const struct op *o)
{
	return &state.table[o->p->table];
}

struct file *fd_file(struct op *o, int fd)
{
	struct fd *d = fd_slot(table_of(o), fd);

	return d == NULL || d->file == 0 ? NULL : &state.file[d->file];
}

static unsigned chunk_new(struct op *o)
{
	unsigned n = state.chunk_free;

	if (state.chunks >= NR_CHUNKS - ROOT_CHUNKS && !is_root(o))
		return 0;
	if (n != 0) {
		state.chunk_free = state.chunk[n].next;
	} else {
		if (state.chunk_top == 0)
			state.chunk_top = 1;
		if (state.chunk_top >= NR_CHUNKS)
			return 0;
		n = state.chunk_top++;
	}
	memset(&state.chunk[n], 0, sizeof(state.chunk[n]));
	state.chunk[n].used = 1;
	state.chunks++;
	return n;
}

static void chunk_free(unsigned n)
{
	state.chunk[n].used = 0;
	state.chunk[n].next = state.chunk_free;
	state.chunk_free = (uint16_t)n;
	state.chunks--;
}

/* Make descriptor fd exist in the table. */
static struct fd *fd_make(struct op *o, struct table *t, int fd)
{
	unsigned n = (unsigned)fd / CHUNK_FDS;

	if (n >= TABLE_CHUNKS)
		return NULL;
	if (t->chunk[n] == 0)
		t->chunk[n] = (uint16_t)chunk_new(o);
	return t->chunk[n] == 0 ? NULL : fd_slot(t, fd);
}

/* The first free descriptor from `from` on, for file; it takes over the caller's reference. */
int64_t fd_new(struct op *o, unsigned file, int from, bool cloexec)
{
	struct table *t = table_of(o);
	int fd = from > t->first_free ? from : t->first_free;
	int soft = limit_fds(o);
	struct fd *d = fd_slot(t, fd);

	while (fd < soft && d != NULL && d->file != 0)
		d = fd_slot(t, ++fd);
	if (fd >= soft)
		return -EMFILE;
	if (d == NULL)
		d = fd_make(o, t, fd);
	if (d == NULL)
		return fd >= NR_FDS ? -EMFILE : -ENFILE;
	d->file = (uint16_t)file;
	d->cloexec = cloexec;
	if (from <= t->first_free)
		t->first_free = (uint16_t)(fd + 1);
	return fd;
}

unsigned table_new(void)
{
	for (unsigned n = 1; n < NR_TABLES; n++)
		if (state.table[n].refs == 0) {
			memset(&state.table[n], 0, sizeof(state.table[n]));
			state.table[n].refs = 1;
			return n;
		}
	return 0;
}

void table_unplan(void)
{
	unsigned n = state.table_planned;

	if (n == 0)
		return;
	table_release(n, ENDPOINT_NONE);
	state.table_planned = 0;
}

unsigned table_copy(struct op *o, unsigned from)
{
	unsigned n;

	table_unplan();                 /* of a fork that we died in */
	n = table_new();
	state.table_planned = n;
	for (unsigned k = 0; n != 0 && k < TABLE_CHUNKS; k++) {
		const struct chunk *c = &state.chunk[state.table[from].chunk[k]];
		unsigned m;

		if (state.table[from].chunk[k] == 0)
			continue;
		m = chunk_new(o);
		if (m == 0) {
			table_unplan();
			return 0;
		}
		memcpy(&state.chunk[m], c, sizeof(*c));
		state.table[n].chunk[k] = (uint16_t)m;
		for (unsigned i = 0; i < CHUNK_FDS; i++)
			if (c->fd[i].file != 0)
				state.file[c->fd[i].file].refs++;
		undo_commit();
	}
	if (n != 0)
		state.table[n].first_free = state.table[from].first_free;
	return n;
}

static void close_slot(struct fd *d, endpoint_t owner)
{
	unsigned file = d->file;

	d->file = 0;
	d->cloexec = 0;
	if (state.file[file].inode != 0 && state.inode[state.file[file].inode].locks != 0)
		locks_of_process_drop(state.file[file].inode, owner);
	file_release(file);
}

void table_release(unsigned n, endpoint_t owner)
{
	struct table *t = &state.table[n];

	assert(t->refs > 0);            /* F4 */
	if (t->refs > 1) {
		t->refs--;
		return;
	}
	for (unsigned k = 0; k < TABLE_CHUNKS; k++) {
		unsigned c = t->chunk[k];

		if (c == 0)
			continue;
		for (unsigned i = 0; i < CHUNK_FDS; i++) {
			if (state.chunk[c].fd[i].file == 0)
				continue;
			close_slot(&state.chunk[c].fd[i], owner);
			undo_commit();          /* each frees up to all that a pipe holds */
		}
		t->chunk[k] = 0;
		chunk_free(c);
	}
	t->refs = 0;                    /* last: if we die before, it is released again */
}

void table_exec(unsigned n, endpoint_t owner)
{
	struct table *t = &state.table[n];

	for (int fd = 0; fd < NR_FDS; fd++) {
		struct fd *d = fd_slot(t, fd);

		if (d == NULL) {
			fd |= CHUNK_FDS - 1;
			continue;
		}
		if (d->file == 0 || !d->cloexec)
			continue;
		close_slot(d, owner);
		if (fd < t->first_free)
			t->first_free = (uint16_t)fd;
		undo_commit();          /* there is no way back to the old program */
	}
}

int64_t fd_close(struct table *t, int fd)
{
	struct fd *d = fd_slot(t, fd);

	if (d == NULL || d->file == 0)
		return -EBADF;
	if (fd < t->first_free)
		t->first_free = (uint16_t)fd;
	return 0;
}

/* A process runs it no longer. */
void text_release(unsigned inode)
{
	if (inode == 0)
		return;
	assert(state.inode[inode].texts > 0);
	state.inode[inode].texts--;
	inode_release(inode);
}

/* It is an open file that may change a file's bytes (execve refuses that file). */
bool is_writer(const struct file *f)
{
	return f->inode != 0 && f->kind == FILE_INODE && !(f->flags & O_PATH_) &&
	       (f->flags & O_ACCMODE_) != O_RDONLY_;
}

void process_gone(struct process *p)
{
	endpoint_t who = p->who;
	unsigned table = p->table, cwd = p->cwd, root = p->root;
	unsigned exe = p->exe, dir = p->exe_dir, name = p->exe_name;

	rows_of_process_gone(who);
	table_release(table, who);
	memset(p, 0, sizeof(*p));
	inode_release(cwd);
	inode_release(root);
	text_release(exe);
	inode_release(dir);
	name_unpin(name);
}

/* ---- open files ---- */

struct file *file_new(struct op *o)
{
	for (unsigned i = 0; i < NR_FILES; i++) {
		unsigned n = (state.file_hint + i) % NR_FILES;
		struct file *f = &state.file[n];

		if (n == 0 || f->kind != FILE_FREE ||
		    (n >= NR_FILES - ROOT_FILES && !is_root(o)))
			continue;
		memset(f, 0, sizeof(*f));
		f->refs = 1;
		f->made = stamp_next();
		state.file_hint = (uint16_t)(n + 1);
		return f;
	}
	return NULL;
}

void file_release(unsigned n)
{
	struct file *f = &state.file[n];
	unsigned inode, dir, name;

	assert(f->refs > 0);            /* F4 */
	if (--f->refs > 0)
		return;
	if (f->locked)
		flock_drop(f);
	if (f->kind == FILE_CHAR)
		char_close(f);
	else if (f->kind == FILE_SOCKET)
		socket_close(f);
	else if (f->pipe != 0)
		pipe_close(f);
	inode = f->inode;
	dir = f->dir;
	name = f->name;
	if (is_writer(f))
		state.inode[inode].writers--;
	memset(f, 0, sizeof(*f));
	if (n < state.file_hint)
		state.file_hint = (uint16_t)n;
	inode_release(inode);
	inode_release(dir);
	name_unpin(name);
}

/* Of hundreds at once each may free more than one undo log holds with the others. */
void file_release_later(unsigned n)
{
	struct file *f = &state.file[n];

	if (f->refs > 1) {
		f->refs--;
		return;
	}
	f->next = state.file_dying;
	state.file_dying = (uint16_t)n;
}

/* ---- calls ---- */

int64_t linux_close(struct op *o)
{
	int fd = (int)o->a[0];
	int64_t err = fd_close(table_of(o), fd);

	if (err == 0)
		close_slot(fd_slot(table_of(o), fd), o->owner);
	return err;
}

int64_t linux_close_range(struct op *o)
{
	uint32_t first = (uint32_t)o->a[0], last = (uint32_t)o->a[1];

	if (first > last || o->a[2] & ~(uint64_t)(CLOSE_RANGE_UNSHARE_ | CLOSE_RANGE_CLOEXEC_))
		return -EINVAL;
	for (uint32_t fd = first; fd <= last && fd < NR_FDS; fd++) {
		struct fd *d = fd_slot(table_of(o), (int)fd);

		if (d == NULL || d->file == 0)
			continue;
		if (o->a[2] & CLOSE_RANGE_CLOEXEC_) {
			d->cloexec = 1;
			continue;
		}
		fd_close(table_of(o), (int)fd);
		close_slot(d, o->owner);
		undo_commit();
	}
	return 0;
}

static int64_t dup_from(struct op *o, int fd, int from, bool cloexec)
{
	struct file *f = fd_file(o, fd);
	int64_t got;

	if (f == NULL)
		return -EBADF;
	if (from < 0 || from >= limit_fds(o))
		return -EINVAL;
	got = fd_new(o, file_index(f), from, cloexec);
	if (got >= 0)
		f->refs++;
	return got;
}

static int64_t dup_to(struct op *o, int fd, int to, bool cloexec)
{
	struct file *f = fd_file(o, fd);
	struct fd *d;

	if (f == NULL || to < 0 || to >= limit_fds(o))
		return -EBADF;
	d = fd_make(o, table_of(o), to);
	if (d == NULL)
		return -ENFILE;
	f->refs++;
	if (d->file != 0)
		close_slot(d, o->owner);
	d->file = (uint16_t)file_index(f);
	d->cloexec = cloexec;
	return to;
}

int64_t linux_dup(struct op *o)
{
	return dup_from(o, (int)o->a[0], 0, false);
}

int64_t linux_dup2(struct op *o)
{
	if ((int)o->a[0] == (int)o->a[1])
		return fd_file(o, (int)o->a[0]) != NULL ? (int)o->a[1] : -EBADF;
	return dup_to(o, (int)o->a[0], (int)o->a[1], false);
}

int64_t linux_dup3(struct op *o)
{
	if ((int)o->a[0] == (int)o->a[1] || o->a[2] & ~(uint64_t)O_CLOEXEC_)
		return -EINVAL;
	return dup_to(o, (int)o->a[0], (int)o->a[1], o->a[2] & O_CLOEXEC_);
}

/* struct f_owner_ex: of which kind, which; a group is a negative one for F_GETOWN. */
static int64_t owner_fcntl(struct op *o, struct file *f, bool set, uint64_t address)
{
	enum { OWNER_TID, OWNER_PID, OWNER_GROUP };
	int32_t is = (int32_t)f->owner_pid;
	int32_t owner[2] = { is < 0 ? OWNER_GROUP : OWNER_PID, is < 0 ? -is : is };
	int64_t err;

	if (!set)
		return user_write(o, address, owner, sizeof(owner));
	err = user_read(o, address, owner, sizeof(owner));
	if (err != 0)
		return err;
	if (owner[0] < OWNER_TID || owner[0] > OWNER_GROUP || owner[1] < 0)
		return -EINVAL;
	f->owner_pid = (uint32_t)(owner[0] == OWNER_GROUP ? -owner[1] : owner[1]);
	return 0;
}

int64_t linux_fcntl(struct op *o)
{
	struct file *f = fd_file(o, (int)o->a[0]);
	struct fd *d = fd_slot(table_of(o), (int)o->a[0]);
	uint32_t command = (uint32_t)o->a[1];

	if (f == NULL)
		return -EBADF;
	switch (command) {
	case F_DUPFD_:
	case F_DUPFD_CLOEXEC_:
		return dup_from(o, (int)o->a[0], (int)o->a[2], command == F_DUPFD_CLOEXEC_);
	case F_GETFD_:
		return d->cloexec;
	case F_SETFD_:
		d->cloexec = o->a[2] & 1;
		return 0;
	case F_GETFL_:
		return f->flags &
		       ~(uint32_t)(O_CREAT_ | O_EXCL_ | O_NOCTTY_ | O_TRUNC_ | O_CLOEXEC_);
	case F_SETFL_:
		f->flags = (f->flags & ~(uint32_t)O_SETTABLE_) | ((uint32_t)o->a[2] & O_SETTABLE_);
		return 0;
	case F_GETLK_:
	case F_SETLK_:
	case F_SETLKW_:
		return lock_fcntl(o, f, command, o->a[2]);
	case F_SETOWN_:
		f->owner_pid = (uint32_t)o->a[2];
		return 0;
	case F_GETOWN_:
		return (int32_t)f->owner_pid;
	case F_SETOWN_EX_:
	case F_GETOWN_EX_:
		return owner_fcntl(o, f, command == F_SETOWN_EX_, o->a[2]);
	case F_SETPIPE_SZ_:
	case F_GETPIPE_SZ_:
		return f->pipe != 0 ? PIPE_PAGES * PAGE_SIZE : -EBADF;
	case F_SETSIG_:
		return 0;
	case F_GETSIG_:
		return 0;
	default:
		return -EINVAL;
	}
}
