/* SPDX-License-Identifier: BSD-2-Clause
 * path.c - from a path to a file.
 *
 * Job:      walks a path through the name cache: symbolic links, `.`, `..`, mounts, chroot.
 * Speaks:   contracts/file (lookup, readlink) through server.c.
 * Touches:  nothing but two buffers.
 * Trusts:   nothing in a path.
 * On crash: holds no state. A missing name is asked for, and the whole call done again.
 * Spec:     path_resolution(7).
 */
#include "vfs.h"

enum { ROOM = PATH_MAX_ + NAME_LIMIT + 2 };

static char rest[2][ROOM];              /* what is still to walk, before and after a link */
static char given[PATH_MAX_];
static uint64_t given_at;               /* where the caller has it; 0: of no use */

struct walk {
	struct op *o;
	struct found *f;
	unsigned flags;
	unsigned root;
	unsigned at;                    /* directory we are in */
	unsigned links;
	unsigned buffer;
	char *path;
};

int64_t check_search(struct op *o, unsigned dir)
{
	if (!is_dir(&state.inode[dir]))
		return -ENOTDIR;
	return may(o, &state.inode[dir], 1) ? 0 : -EACCES;
}

static unsigned into_mount(unsigned n)
{
	while (n != 0 && state.inode[n].mounted != 0)
		n = state.mount[state.inode[n].mounted].root;
	return n;
}

static unsigned up(const struct walk *w)
{
	unsigned n = w->at;

	if (n == w->root)
		return n;
	while (state.mount[state.inode[n].mount].root == n) {
		if (state.mount[state.inode[n].mount].covers == 0)
			return n;
		n = state.mount[state.inode[n].mount].covers;
		if (n == w->root)
			return n;
	}
	return state.inode[n].parent != 0 ? into_mount(state.inode[n].parent) : n;
}

static int64_t ask_lookup(struct op *o, unsigned dir, const char *text)
{
	struct inode *i = &state.inode[dir];
	struct request *q;
	struct file_entry *e;

	if (i->attr.links == 0 && !(mount_flags(i) & FILE_MOUNT_VOLATILE))
		return -ENOENT;
	e = ask_file(o, i->mount, FILE_LOOKUP, &q);
	if (e == NULL)
		return -PARKED;
	q->dir = (uint16_t)dir;
	q->changes = i->changes;
	strlcpy(q->name, text, sizeof(q->name));
	strlcpy(e->name, text, sizeof(e->name));
	e->w[0] = i->attr.file;
	return ask_send(o, q);
}

int64_t link_target(struct op *o, unsigned inode, char *to, size_t size)
{
	uint32_t slot;
	int64_t err = page_want(o, inode, 0, &slot);

	if (err != 0)
		return err;
	if (strnlen(page_data(slot), PAGE_SIZE) >= size)
		return -ENAMETOOLONG;
	return (int64_t)strlcpy(to, page_data(slot), size);
}

/* Where a link of procfs leads: a place, not a text. 0: it is an ordinary link. */
static int64_t magic_link(struct walk *w, unsigned n, bool *jumped)
{
	const struct file_attr *a = &state.inode[n].attr;
	uint32_t pid = (uint32_t)a->rdev;
	struct process *p = process_by_pid(pid);
	struct file *file;

	*jumped = true;
	if (a->magic == FILE_MAGIC_SELF || a->magic == FILE_MAGIC_THREAD) {
		*jumped = false;
		return 0;
	}
	if (p == NULL)
		return -ENOENT;
	w->f->dir = w->f->name = 0;
	switch (a->magic) {
	case FILE_MAGIC_EXE:
		w->f->dir = p->exe_dir;
		w->f->name = p->exe_name;
		return p->exe != 0 ? p->exe : -ENOENT;
	case FILE_MAGIC_CWD:
		return p->cwd;
	case FILE_MAGIC_ROOT:
		return p->root;
	case FILE_MAGIC_FD: {
		struct fd *fd = fd_slot(&state.table[p->table], (int)(a->rdev >> 32));

		if (fd == NULL || fd->file == 0)
			return -ENOENT;
		file = &state.file[fd->file];
		w->f->dir = file->dir;
		w->f->name = file->name;
		if (file->inode == 0)
			w->f->inode = file->kind == FILE_SOCKET ? socket_as_inode(file) :
				pipe_as_inode(w->o, file);
		else
			w->f->inode = file->inode;
		return w->f->inode != 0 ? (int64_t)w->f->inode : -ENXIO;
	}
	default:
		return -ENOENT;
	}
}

/* Put a link's target in front of what is left. */
static int64_t follow(struct walk *w, unsigned n, const char *left)
{
	char *to = rest[w->buffer ^ 1];
	int64_t len;

	if (++w->links > LINKS_MAX)
		return -ELOOP;
	if (state.inode[n].attr.magic == FILE_MAGIC_SELF ||
	    state.inode[n].attr.magic == FILE_MAGIC_THREAD) {
		op_cred(w->o);
		len = (int64_t)format(to, ROOM, state.inode[n].attr.magic == FILE_MAGIC_SELF ?
				      "%u" : "%u/task/%u", w->o->pid, w->o->pid);
	} else {
		len = link_target(w->o, n, to, PATH_MAX_);
	}
	if (len <= 0)
		return len == 0 ? -ENOENT : len;
	if ((size_t)len + strlen(left) + 2 > ROOM)
		return -ENAMETOOLONG;
	if (*left != '\0') {
		to[len] = '/';
		strlcpy(to + len + 1, left, ROOM - (size_t)len - 1);
	}
	w->buffer ^= 1;
	w->path = to;
	if (*to == '/')
		w->at = w->root;
	return 0;
}

/* Look up one name. *n: its file, 0: there is none. */
static int64_t look(struct walk *w, const char *text, size_t len, unsigned *n)
{
	unsigned name = name_find(w->at, text, len);
	char copy[NAME_LIMIT + 1];

	if (name != 0 && name_is_fresh(w->o, name)) {
		w->f->name = name;
		*n = state.name[name].inode;
		return 0;
	}
	if (state.inode[w->at].attr.magic == FILE_MAGIC_FD_DIR) {
		*n = magic_fd(w->at, text, len);
		return 0;
	}
	memcpy(copy, text, len);
	copy[len] = '\0';
	return ask_lookup(w->o, w->at, copy);
}

static void set_last(struct found *f, unsigned dir, const char *text, size_t len)
{
	f->dir = dir;
	f->name = 0;
	f->dots = false;
	memcpy(f->last, text, len);
	f->last[len] = '\0';
}

/* One part of the path. Sets f->inode; 1: go on, 0: done, negative: an error. */
static int64_t part(struct walk *w, const char *text, size_t len, char *left)
{
	bool last = *left == '\0', slash = left[-1] == '/' || w->f->slash;
	unsigned n = 0;
	int64_t err = check_search(w->o, w->at);
	bool jumped;

	if (err != 0)
		return err;
	w->f->dots = text[0] == '.' && (len == 1 || (len == 2 && text[1] == '.'));
	if (w->f->dots) {
		if (len == 2)
			w->at = up(w);
		w->f->inode = w->at;
		w->f->dir = w->f->name = 0;
		return 1;
	}
	set_last(w->f, w->at, text, len);
	w->f->inode = 0;
	err = look(w, text, len, &n);
	if (err != 0)
		return err;
	if (n == 0)
		return last && w->flags & WALK_PARENT ? 0 : -ENOENT;
	if (is_link(&state.inode[n]) && (!last || slash || w->flags & WALK_FOLLOW)) {
		if (state.inode[n].attr.magic != FILE_MAGIC_NONE) {
			err = magic_link(w, n, &jumped);
			if (err < 0)
				return err;
			if (jumped) {
				w->f->inode = w->at = (unsigned)err;
				return 1;
			}
		}
		err = follow(w, n, left);
		w->f->inode = w->at;
		w->f->dir = w->f->name = 0;
		w->f->dots = true;
		return err != 0 ? err : 1;
	}
	n = into_mount(n);
	w->f->inode = n;
	if (!last && !is_dir(&state.inode[n]))
		return -ENOTDIR;
	w->at = n;
	return 1;
}

static int64_t walk_parts(struct walk *w)
{
	int64_t err = 1;

	while (err > 0) {
		char *text, *left;
		size_t len;

		while (*w->path == '/')
			w->path++;
		if (*w->path == '\0')
			break;
		text = w->path;
		left = strchr(text, '/');
		len = left != NULL ? (size_t)(left - text) : strlen(text);
		if (len > NAME_LIMIT)
			return -ENAMETOOLONG;
		if (left == NULL) {
			left = text + len;
			w->path = left;
			/* part() looks at left[-1] for a slash: there is none */
		} else {
			while (*left == '/')
				left++;
			w->path = left;
			if (*left == '\0')
				w->f->slash = true;
		}
		w->f->inode = w->at;
		err = part(w, text, len, left);
	}
	return err < 0 ? err : 0;
}

static int64_t start_of(struct op *o, int dirfd, const char *path, unsigned *at)
{
	struct process *p = o->p;
	struct file *f;

	if (*path == '/' || p == NULL) {
		*at = p != NULL && p->root != 0 ? p->root : state.mount[state.root_mount].root;
		return *at != 0 ? 0 : -ENOENT;
	}
	if (dirfd == AT_FDCWD_) {
		*at = p->cwd;
		return 0;
	}
	f = fd_file(o, dirfd);
	if (f == NULL)
		return -EBADF;
	if (f->inode == 0 || !is_dir(&state.inode[f->inode]))
		return -ENOTDIR;
	*at = f->inode;
	return 0;
}

int64_t walk_from(struct op *o, unsigned at, const char *path, unsigned flags, struct found *f)
{
	struct walk w = { .o = o, .f = f, .flags = flags, .at = at };
	int64_t err;

	*f = (struct found){ .inode = 0 };
	w.root = o->p != NULL && o->p->root != 0 ? o->p->root : state.mount[state.root_mount].root;
	if (strlcpy(rest[0], path, PATH_MAX_) >= PATH_MAX_)
		return -ENAMETOOLONG;
	w.path = rest[0];
	f->inode = w.at;
	f->dots = true;
	err = walk_parts(&w);
	if (err != 0)
		return err;
	if (f->inode != 0 && f->slash && !is_dir(&state.inode[f->inode]))
		return -ENOTDIR;
	return f->inode != 0 ? inode_fresh(o, f->inode) : 0;
}

int64_t walk_text(struct op *o, int dirfd, const char *path, unsigned flags, struct found *f)
{
	unsigned at;
	int64_t err;

	*f = (struct found){ .inode = 0 };
	if (*path == '\0')
		return -ENOENT;
	err = start_of(o, dirfd, path, &at);
	return err != 0 ? err : walk_from(o, at, path, flags, f);
}

void path_begin(void)
{
	given_at = 0;
}

const char *path_walked(uint64_t path)
{
	return path == given_at && path != 0 ? given : NULL;
}

int64_t walk(struct op *o, int dirfd, uint64_t path, unsigned flags, struct found *f)
{
	struct file *file;
	int64_t len;

	given_at = 0;
	len = user_string(o, path, given, sizeof(given));
	if (len < 0)
		return len;
	given_at = path;
	if (len > 0 || !(flags & WALK_EMPTY))
		return walk_text(o, dirfd, given, flags, f);
	*f = (struct found){ .dots = true };
	if (dirfd == AT_FDCWD_) {
		f->inode = o->p->cwd;
		return 0;
	}
	file = fd_file(o, dirfd);
	if (file == NULL)
		return -EBADF;
	f->inode = file->inode;
	f->dir = file->dir;
	f->name = file->name;
	return f->inode != 0 ? inode_fresh(o, f->inode) : 0;
}

/* ---- and back ---- */

static bool prepend(char *to, size_t *at, const char *text)
{
	size_t len = strlen(text);

	if (*at < len + 1)
		return false;
	*at -= len;
	memcpy(to + *at, text, len);
	to[--*at] = '/';
	return true;
}

int64_t path_of(const struct process *p, unsigned dir, unsigned name, char *to, size_t size)
{
	unsigned root = p != NULL && p->root != 0 ? p->root : state.mount[state.root_mount].root;
	size_t at = size - 1;
	unsigned n = dir;

	to[at] = '\0';
	if (name != 0 && !prepend(to, &at, name_text(name)))
		return -ENAMETOOLONG;
	while (n != root && n != 0) {
		const struct inode *i = &state.inode[n];

		if (state.mount[i->mount].root == n) {
			n = state.mount[i->mount].covers;
			continue;
		}
		if (i->parent == 0 || i->name == 0)
			return -ENOENT;
		if (!prepend(to, &at, name_text(i->name)))
			return -ENAMETOOLONG;
		n = i->parent;
	}
	if (at == size - 1)
		to[--at] = '/';
	memmove(to, to + at, size - at);
	return (int64_t)(size - at - 1);
}

/* ---- rights in a directory ---- */

int64_t check_create(struct op *o, unsigned dir)
{
	struct inode *i = &state.inode[dir];

	if (i->attr.links == 0 && !(mount_flags(i) & FILE_MOUNT_VOLATILE))
		return -ENOENT;
	if (mount_flags(i) & FILE_MOUNT_READONLY)
		return -EROFS;
	return may(o, i, 3) ? 0 : -EACCES;
}

int64_t check_delete(struct op *o, const struct found *f)
{
	struct inode *dir = &state.inode[f->dir];
	int64_t err = check_create(o, f->dir);

	if (err != 0)
		return err;
	if (dir->attr.mode & S_ISVTX_ && o->uid != 0 && o->uid != dir->attr.uid &&
	    o->uid != state.inode[f->inode].attr.uid)
		return -EPERM;
	return 0;
}
