/* SPDX-License-Identifier: BSD-2-Clause
 * proof.c - before vfs answers a program: do its own tables say otherwise (note 0026, verdicts)?
 *
 * Job:      comes to the result of a call another way than the code that made it: how far a file
 *           was read and which pages were copied, which names there are.
 * Speaks:   the kernel call call_copy.
 * Touches:  what it remembers of the copies of the call being handled.
 * Trusts:   the tables of names, pages and open files; not the code that walks them.
 * On crash: holds no state.
 */
#include "vfs.h"

#include <lib/linux.h>

enum { PROOF_COPIES = 16, PROOF_PATH = 256 };

/* ---- bytes ---- */

/* Between pages and who calls, by the call being handled. */
static struct {
	unsigned nr;                    /* more than PROOF_COPIES: not all are here */
	struct { uint64_t remote; const char *local; size_t len; } at[PROOF_COPIES];
} copies;

void proof_begin(void)
{
	copies.nr = 0;
	path_begin();
}

void proof_copy(uint64_t remote, const void *local, size_t len)
{
	if ((uintptr_t)local < CACHE_VA || len == 0)
		return;
	if (copies.nr < PROOF_COPIES) {
		copies.at[copies.nr].remote = remote;
		copies.at[copies.nr].local = local;
		copies.at[copies.nr].len = len;
	}
	copies.nr++;
}

bool page_has(const void *local, unsigned inode, uint64_t pos)
{
	uint64_t va = (uint64_t)(uintptr_t)local;
	const struct page *p = &state.index.page[(va - CACHE_VA) / PAGE_SIZE];

	return va % PAGE_SIZE == pos % PAGE_SIZE && p->inode == inode &&
	       p->index == pos / PAGE_SIZE;
}

/* Are the copies those of `done` bytes at pos? Of a write some may have been made before. */
static bool copies_are(unsigned inode, uint64_t pos, uint64_t address, uint64_t done, bool write)
{
	uint64_t sum = 0;

	if (copies.nr > PROOF_COPIES)
		return true;
	for (unsigned n = 0; n < copies.nr; n++) {
		uint64_t off = copies.at[n].remote - address;
		const char *local = copies.at[n].local;
		size_t len = copies.at[n].len;

		if (off > done || len > done - off || !page_has(local, inode, pos + off))
			return false;
		if (PAGE_SIZE - (uintptr_t)local % PAGE_SIZE < len &&
		    !page_has(local + len - 1, inode, pos + off + len - 1))
			return false;
		sum += len;
	}
	return write || sum == done;
}

static uint64_t wanted(uint64_t len)
{
	return len < RW_MAX ? len : RW_MAX;
}

/* read, write, pread64, pwrite64: all that was asked for, or up to the end. */
static bool is_moved(struct op *o, uint64_t done, bool write, bool at)
{
	const struct file *f = fd_file(o, (int)o->a[0]);
	uint64_t want = wanted(o->a[2]), pos;

	if (f == NULL || f->kind != FILE_INODE || !file_has_pages(f))
		return true;
	pos = at ? o->a[3] : f->pos - done;
	if (done > want || (done < want && (write || pos + done < state.inode[f->inode].attr.size)))
		return false;
	return copies_are(f->inode, pos, o->a[1], done, write);
}

/* sendfile by the file's own position. A pipe may take less, and something. */
static bool is_sent(struct op *o, uint64_t done)
{
	const struct file *out = fd_file(o, (int)o->a[0]), *in = fd_file(o, (int)o->a[1]);
	uint64_t want = wanted(o->a[3]);

	if (in == NULL || out == NULL || !file_has_pages(in) || o->a[2] != 0)
		return true;
	return done == want || (done < want && (in->pos >= state.inode[in->inode].attr.size ||
						(done != 0 && !file_has_pages(out))));
}

/* Where the last of these entries ends a listing; 0: they are none. */
static uint64_t last_position(const char *entries, uint64_t bytes)
{
	uint64_t next = 0;
	uint16_t len;

	for (; bytes != 0; entries += len, bytes -= len) {
		memcpy(&len, entries + DIRENT_LEN, sizeof(len));
		memcpy(&next, entries + DIRENT_NEXT, sizeof(next));
		if (len < DIRENT_MIN || len > bytes)
			return 0;
	}
	return next;
}

/* All that the file server gave. No directory that is there is empty: `.` and `..` are in it. */
static bool is_listed(struct op *o, uint64_t done)
{
	const struct file *f = fd_file(o, (int)o->a[0]);
	const struct row *r = o->row;

	if (f == NULL || f->inode == 0 || (done == 0 && f->pos == 0))
		return f == NULL || state.inode[f->inode].attr.links == 0;
	if (r == NULL || r->step != 1 ||
	    state.inode[f->inode].attr.magic == FILE_MAGIC_FD_DIR)
		return true;
	return done == ((const struct file_readdir_reply *)r->keep)->done &&
	       (done == 0 || f->pos == last_position(request_bounce(row_request(r)), done));
}

/* ---- names ---- */

enum known {
	KNOWN_NOT,                      /* all of this is in no cache, or too much to walk here */
	KNOWN_THERE,
	KNOWN_MISSING,                  /* the last name is not in its directory, which is there */
};

/* What a call makes of its path. A link may also be ENOENT because its text is empty. */
enum made { MADE_NOTHING, MADE_FILE, MADE_NONE, MADE_LINK };

/* By numbers; calls with two paths are in `second` once more. */
struct path_call {
	uint8_t path;                   /* number of the argument */
	uint8_t has_dir;                /* the one before it is the directory */
	uint8_t made;
	uint8_t is_path;                /* 1: there is one */
};

#define PATH(at, dir, what) { .path = at, .has_dir = dir, .made = what, .is_path = 1 }
#define LINK(at, dir) { .path = at, .has_dir = dir, .made = MADE_LINK, .is_path = 1 }

static const struct path_call first[LINUX_STATX + 1] = {
	[LINUX_OPEN] = PATH(0, 0, MADE_NOTHING),
	[LINUX_STAT] = PATH(0, 0, MADE_NOTHING),
	[LINUX_LSTAT] = PATH(0, 0, MADE_NOTHING),
	[LINUX_ACCESS] = PATH(0, 0, MADE_NOTHING),
	[LINUX_TRUNCATE] = PATH(0, 0, MADE_NOTHING),
	[LINUX_CHDIR] = PATH(0, 0, MADE_NOTHING),
	[LINUX_RENAME] = PATH(0, 0, MADE_NOTHING),
	[LINUX_MKDIR] = PATH(0, 0, MADE_FILE),
	[LINUX_RMDIR] = PATH(0, 0, MADE_NONE),
	[LINUX_CREAT] = PATH(0, 0, MADE_NOTHING),
	[LINUX_LINK] = PATH(0, 0, MADE_NOTHING),
	[LINUX_UNLINK] = PATH(0, 0, MADE_NONE),
	[LINUX_SYMLINK] = LINK(1, 0),
	[LINUX_READLINK] = PATH(0, 0, MADE_NOTHING),
	[LINUX_CHMOD] = PATH(0, 0, MADE_NOTHING),
	[LINUX_CHOWN] = PATH(0, 0, MADE_NOTHING),
	[LINUX_LCHOWN] = PATH(0, 0, MADE_NOTHING),
	[LINUX_MKNOD] = PATH(0, 0, MADE_FILE),
	[LINUX_STATFS] = PATH(0, 0, MADE_NOTHING),
	[LINUX_OPENAT] = PATH(1, 1, MADE_NOTHING),
	[LINUX_MKDIRAT] = PATH(1, 1, MADE_FILE),
	[LINUX_MKNODAT] = PATH(1, 1, MADE_FILE),
	[LINUX_FCHOWNAT] = PATH(1, 1, MADE_NOTHING),
	[LINUX_NEWFSTATAT] = PATH(1, 1, MADE_NOTHING),
	[LINUX_UNLINKAT] = PATH(1, 1, MADE_NONE),
	[LINUX_RENAMEAT] = PATH(1, 1, MADE_NOTHING),
	[LINUX_LINKAT] = PATH(1, 1, MADE_NOTHING),
	[LINUX_SYMLINKAT] = LINK(2, 1),
	[LINUX_READLINKAT] = PATH(1, 1, MADE_NOTHING),
	[LINUX_FCHMODAT] = PATH(1, 1, MADE_NOTHING),
	[LINUX_FACCESSAT] = PATH(1, 1, MADE_NOTHING),
	[LINUX_UTIMENSAT] = PATH(1, 1, MADE_NOTHING),
	[LINUX_EXECVE] = PATH(0, 0, MADE_NOTHING),
	[LINUX_EXECVEAT] = PATH(1, 1, MADE_NOTHING),
	[LINUX_STATX] = PATH(1, 1, MADE_NOTHING),
};

static const struct path_call second[LINUX_STATX + 1] = {
	[LINUX_RENAME] = PATH(1, 0, MADE_FILE), [LINUX_LINK] = PATH(1, 0, MADE_FILE),
	[LINUX_RENAMEAT] = PATH(3, 1, MADE_FILE), [LINUX_LINKAT] = PATH(3, 1, MADE_FILE),
};

/* A path of the caller's, if that is in memory, and is not long; mostly path.c has it. */
static const char *get_path(const struct op *o, uint64_t from)
{
	static char to[PROOF_PATH];
	const char *path = path_walked(from);
	struct call_copy_request req = {
		.client = o->client, .serial = o->serial, .dir = COPY_IN, .remote = from,
		.local = (uint64_t)(uintptr_t)to, .len = PROOF_PATH,
	};
	struct call_copy_reply reply = { 0 };
	size_t got = 0;
	err_t err;

	if (path != NULL)
		return path;
	err = sys_call_copy(&req, &reply);
	if (err == 0)
		got = PROOF_PATH;
	else if (err == -EFAULT)
		got = reply.done;
	return memchr(to, '\0', got) != NULL ? to : NULL;
}

static unsigned start_of(struct op *o, const struct path_call *c, const char *path)
{
	const struct process *p = o->p;
	const struct file *f;

	if (*path == '/')
		return p->root != 0 ? p->root : state.mount[state.root_mount].root;
	if (!c->has_dir || (int)o->a[c->path - 1] == AT_FDCWD_)
		return p->cwd;
	f = fd_file(o, (int)o->a[c->path - 1]);
	return f == NULL ? 0 : f->inode;
}

static bool is_volatile(unsigned inode)
{
	return mount_flags(&state.inode[inode]) & FILE_MOUNT_VOLATILE;
}

/* The next name of a path without slashes before it; *len 0: there is none. */
static const char *next_name(const char *path, size_t *len)
{
	while (*path == '/')
		path++;
	for (*len = 0; path[*len] != '\0' && path[*len] != '/';)
		++*len;
	return path;
}

/* By names alone: no link, no dots, no slash at the end. *inode: what is there. */
static enum known walk_again(unsigned at, const char *path, unsigned *inode)
{
	size_t len;

	path = next_name(path, &len);
	while (len != 0) {
		unsigned n = name_find(at, path, len);

		path += len;
		if (n == 0 || !is_dir(&state.inode[at]) || is_volatile(at) ||
		    state.inode[at].attr.links == 0)
			return KNOWN_NOT;
		at = state.name[n].inode;
		if (at == 0)
			return *path == '\0' ? KNOWN_MISSING : KNOWN_NOT;
		if (is_link(&state.inode[at]))
			return KNOWN_NOT;
		while (state.inode[at].mounted != 0)
			at = state.mount[state.inode[at].mounted].root;
		*inode = at;
		if (*path == '\0')
			return state.inode[at].attr.links != 0 ? KNOWN_THERE : KNOWN_NOT;
		path = next_name(path, &len);
	}
	return KNOWN_NOT;
}

static enum known find_again(struct op *o, const struct path_call *c, unsigned *inode)
{
	const char *path = o->p != NULL ? get_path(o, o->a[c->path]) : NULL;
	unsigned at = path != NULL ? start_of(o, c, path) : 0;

	return at == 0 ? KNOWN_NOT : walk_again(at, path, inode);
}

static enum known what_is_at(struct op *o, const struct path_call *c)
{
	unsigned inode;

	return find_again(o, c, &inode);
}

/* A number by which that file is read from its beginning. */
static bool is_opened(struct op *o, int64_t fd, uint32_t flags)
{
	const struct file *f = fd_file(o, (int)fd);
	unsigned inode;

	if (f == NULL || (!(flags & O_PATH_) && ((f->flags ^ flags) & O_ACCMODE_) != 0))
		return false;
	return f->kind != FILE_INODE || (f->pos == 0 &&
		(find_again(o, &first[o->type], &inode) != KNOWN_THERE || f->inode == inode));
}

static bool is_made(struct op *o, const struct path_call *c)
{
	switch (c->made) {
	case MADE_FILE:
	case MADE_LINK:
		return what_is_at(o, c) != KNOWN_MISSING;
	case MADE_NONE:
		return what_is_at(o, c) != KNOWN_THERE;
	default:
		return true;
	}
}

/* What is asked for is there; so is where something shall be made. */
static bool lacks_nothing(struct op *o, const struct path_call *c)
{
	enum known known = what_is_at(o, c);

	return known == KNOWN_THERE || (known == KNOWN_MISSING && c->made == MADE_FILE);
}

static bool is_so(struct op *o, int64_t result)
{
	const struct path_call *c, *d;

	if (o->type >= COUNT(first) || !first[o->type].is_path)
		return true;
	c = &first[o->type];
	d = &second[o->type];
	switch (result) {
	case 0:
		return is_made(o, c) && (!d->is_path || is_made(o, d));
	case -EEXIST:
		return what_is_at(o, d->is_path ? d : c) != KNOWN_MISSING;
	case -ENOENT:
		return !lacks_nothing(o, c) || (d->is_path && !lacks_nothing(o, d));
	default:
		return true;
	}
}

/* What others are changing just now nobody knows. */
static bool is_left_so(struct op *o, int64_t result)
{
	return is_so(o, result) || names_change();
}

/* ---- descriptors: while a call waits, another thread may have taken the number ---- */

static bool is_closed(struct op *o)
{
	return o->again || fd_file(o, (int)o->a[0]) == NULL;
}

static bool is_double(struct op *o, int64_t fd)
{
	const struct file *f = fd_file(o, (int)fd);

	return o->again || (f != NULL && f == fd_file(o, (int)o->a[0]) &&
			    (o->type == LINUX_DUP ? fd != (int)o->a[0] : fd == (int)o->a[1]));
}

/* ---- any call ---- */

bool result_may_be(struct op *o, int64_t result)
{
	uint64_t done = (uint64_t)result;

	if (result < 0)
		return is_left_so(o, result);
	switch (o->type) {
	case LINUX_READ:
		return is_moved(o, done, false, false);
	case LINUX_WRITE:
		return is_moved(o, done, true, false);
	case LINUX_OPEN:
		return is_opened(o, result, (uint32_t)o->a[1]);
	case LINUX_CLOSE:
		return is_closed(o);
	case LINUX_PREAD64:
		return is_moved(o, done, false, true);
	case LINUX_PWRITE64:
		return is_moved(o, done, true, true);
	case LINUX_DUP:
	case LINUX_DUP2:
	case LINUX_DUP3:
		return is_double(o, result);
	case LINUX_SENDFILE:
		return is_sent(o, done);
	case LINUX_EXECVE:
	case LINUX_EXECVEAT:
		return false;           /* who has another program now has no answer */
	case LINUX_GETDENTS64:
		return is_listed(o, done);
	case LINUX_OPENAT:
		return is_opened(o, result, (uint32_t)o->a[2]);
	default:
		return is_left_so(o, result);
	}
}
