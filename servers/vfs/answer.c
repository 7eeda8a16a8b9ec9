/* SPDX-License-Identifier: BSD-2-Clause
 * answer.c - which answers of file servers and character devices are any (note 0026).
 *
 * Job:      looks at an answer with what the contract says and with what vfs knows itself: the
 *           file it asked about, its type, how many bytes of it there are, which names.
 * Speaks:   contracts/file, contracts/chardev (answers).
 * Touches:  nothing.
 * Trusts:   nothing in an answer: a server whose code has changed under it sends anything.
 * On crash: holds no state.
 */
#include "vfs.h"

#define DOUBT_NS 1000000000ull          /* a server's errors are doubted so often at most */

enum { TYPE_SHIFT = 12, TYPES = 1 << 1 | 1 << 2 | 1 << 4 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 12,
       RENAME_EXCHANGE_ = 2 };

static bool is_type(uint32_t mode)
{
	uint32_t type = mode >> TYPE_SHIFT;

	return type < 16 && TYPES >> type & 1;
}

static bool has_type_of(const struct file_attr *a, unsigned inode)
{
	return inode == 0 || ((a->mode ^ state.inode[inode].attr.mode) & S_IFMT_) == 0;
}

static bool is_as_made(const struct file_entry *e)
{
	const struct file_create_request *req = (const struct file_create_request *)e->w;
	const struct file_attr *a = &e->attr_now;

	return a->mode == req->mode && a->uid == req->uid && a->gid == req->gid;
}

/* A file that there is; where it is known which one, that one. None becomes one of another type. */
static bool is_attr(const struct request *q, const struct file_entry *e)
{
	const struct file_attr *a = &e->attr_now;

	if (a->file == 0 || !is_type(a->mode))
		return false;
	switch (q->type) {
	case FILE_CREATE:
		if (!is_as_made(e))
			return false;
		/* fall through */
	case FILE_LOOKUP:
		return has_type_of(a, inode_find(state.inode[q->dir].mount, a->file));
	case FILE_LINK:
	case FILE_GET_ATTR:
	case FILE_SET_ATTR:
		return q->inode == 0 || (a->file == state.inode[q->inode].attr.file &&
					 has_type_of(a, q->inode));
	default:
		return true;
	}
}

/* All the bytes that the file has there. Whose size the server does not know yet is not asked so;
 * one that has been cut meanwhile may seem too short, and is read once more. */
static bool is_all(const struct request *q, const struct file_entry *e)
{
	const struct file_read_request *req = (const struct file_read_request *)e->w;
	const struct file_read_reply *reply = (const struct file_read_reply *)e->answer;
	const struct inode *i = &state.inode[q->inode];
	uint64_t there = i->attr.size > req->pos ? i->attr.size - req->pos : 0;

	if (q->pages == 0 || i->flags & INODE_SIZED || i->dirty_pages != 0 || i->writes != 0)
		return true;
	return reply->done >= (there < q->lent ? there : q->lent);
}

/* ---- listings ---- */

/* The name of an entry, and where the next one begins; NULL: it is none. *pos: of the one before
 * it, and then its own. */
static const char *entry(const char *from, size_t left, size_t *size, uint64_t *pos)
{
	uint64_t file, next;
	uint16_t len;

	if (left < DIRENT_MIN)
		return NULL;
	memcpy(&file, from, sizeof(file));
	memcpy(&next, from + DIRENT_NEXT, sizeof(next));
	memcpy(&len, from + DIRENT_LEN, sizeof(len));
	if (file == 0 || next <= *pos || len < DIRENT_MIN || len > left ||
	    from[DIRENT_NAME] == '\0' ||
	    memchr(from + DIRENT_NAME, '\0', len - DIRENT_NAME) == NULL)
		return NULL;
	*size = len;
	*pos = next;
	return from + DIRENT_NAME;
}

/* Whole entries; *known: of how many of them vfs knows that they are there. */
static bool entries_are(const struct request *q, const struct file_entry *e, unsigned *known)
{
	size_t done = ((const struct file_readdir_reply *)e->answer)->done, size;
	uint64_t pos = ((const struct file_readdir_request *)e->w)->pos;
	const char *from = done != 0 ? request_bounce(q) : NULL, *name;

	*known = 0;
	for (size_t at = 0; at < done; at += size) {
		unsigned n;

		name = entry(from + at, done - at, &size, &pos);
		if (name == NULL)
			return false;
		n = name_find(q->inode, name, strlen(name));
		*known += n != 0 && state.name[n].inode != 0;
	}
	return true;
}

static unsigned names_known(unsigned dir)
{
	unsigned known = 0;

	for (unsigned n = state.inode[dir].child; n != 0; n = state.name[n].sibling)
		known += !state.name[n].gone && state.name[n].inode != 0;
	return known;
}

/* One that begins at the beginning, and ends though more would have fitted, is a whole one. */
static bool is_whole(const struct request *q, const struct file_entry *e, size_t done)
{
	return ((const struct file_readdir_request *)e->w)->pos == 0 &&
	       done + DIRENT_MOST <= q->lent;
}

/* ---- what vfs knows itself ---- */

static bool has_type(unsigned inode, uint32_t type)
{
	return (state.inode[inode].attr.mode & S_IFMT_) == type;
}

/* No request but q is on its way to that server that changes names. */
static bool others_rest(unsigned server, const struct request *q)
{
	const struct request *of = state.request[server];

	for (unsigned n = 0; n < BOARD_ENTRIES; n++)
		if (&of[n] != q && of[n].type >= FILE_CREATE && of[n].type <= FILE_RENAME &&
		    !of[n].taken)
			return false;
	return true;
}

static bool names_rest(const struct request *q)
{
	return others_rest(request_server(q), q);
}

bool names_change(void)
{
	for (unsigned server = 0; server < NR_SERVERS; server++)
		if (state.server[server].kind == SERVER_FILE && !others_rest(server, NULL))
			return true;
	return false;
}

/* Known to be there, and to be this inode; 0: known not to be there. */
static bool is_known(const struct request *q, unsigned inode)
{
	unsigned n = name_find(q->dir, q->name, strlen(q->name));

	return n != 0 && state.name[n].inode == inode;
}

static bool is_there(unsigned inode)
{
	return state.inode[inode].attr.links != 0;
}

/* Does vfs know of names that are not in it, of which these are? */
static bool lacks(const struct request *q, const struct file_entry *e, unsigned known)
{
	size_t done = ((const struct file_readdir_reply *)e->answer)->done;

	return is_whole(q, e, done) && names_rest(q) &&
	       state.inode[q->inode].changes == q->changes && known < names_known(q->inode);
}

/* Does vfs know better? All changes of such a tree go through vfs. */
static bool contradicts(const struct request *q, err_t err)
{
	bool changes_names = q->type == FILE_UNLINK || q->type == FILE_RENAME;

	switch (err) {
	case -ENOTDIR:
		return q->type == FILE_UNLINK || q->type == FILE_READDIR ?
			       has_type(q->inode, S_IFDIR_) :
			       q->type != FILE_RENAME && has_type(q->dir, S_IFDIR_);
	case -EISDIR:
		return q->type == FILE_UNLINK && !has_type(q->inode, S_IFDIR_);
	case -EINVAL:
		return q->type == FILE_READDIR ? q->lent >= DIRENT_MOST :
			       q->type == FILE_READLINK && has_type(q->inode, S_IFLNK_);
	case -EEXIST:
		return (q->type == FILE_CREATE || q->type == FILE_LINK) && names_rest(q) &&
		       is_known(q, 0);
	case -ENOENT:
		if (changes_names)
			return names_rest(q) && is_known(q, q->inode);
		return q->type != FILE_LOOKUP && (q->dir == 0 || is_there(q->dir)) &&
		       (q->inode == 0 || is_there(q->inode)) && names_rest(q);
	default:
		return false;
	}
}

/* What vfs knows better is asked about once more, of a server with new code; then it is believed.
 * Not each time: a server that has begun afresh has forgotten all that vfs knows. */
static bool may_be_doubted(const struct request *q)
{
	const struct server_row *s = &state.server[request_server(q)];
	unsigned inode = q->dir != 0 ? q->dir : q->inode;

	return q->again == AGAIN_NO && s->bad < BAD_MOST && inode != 0 &&
	       !(mount_flags(&state.inode[inode]) & FILE_MOUNT_VOLATILE) &&
	       clock_monotonic_ns() >= s->doubted_ns + DOUBT_NS;
}

static bool is_listing(const struct request *q, const struct file_entry *e)
{
	unsigned known;

	return entries_are(q, e, &known) && !(may_be_doubted(q) && lacks(q, e, known));
}

bool file_answer_is(const struct request *q, const struct file_entry *e)
{
	if (!file_answer_fits(q->type, e->err, e->w, e->answer, q->lent))
		return false;
	if (e->err != 0)
		return !(contradicts(q, e->err) && may_be_doubted(q));
	switch (q->type) {
	case FILE_MOUNT:
	case FILE_LOOKUP:
	case FILE_CREATE:
	case FILE_LINK:
	case FILE_UNLINK:
	case FILE_RENAME:
	case FILE_GET_ATTR:
	case FILE_SET_ATTR:
		return is_attr(q, e);
	case FILE_READ:
		return is_all(q, e);
	case FILE_READDIR:
		return is_listing(q, e);
	default:
		return true;
	}
}

bool char_answer_is(const struct request *q, const struct chardev_entry *e)
{
	return chardev_answer_fits(q->type, e->err, e->w, e->answer, q->lent);
}

/* Though it may have been done? What would be refused then does no harm. */
bool may_be_repeated(const struct request *q)
{
	if (state.server[request_server(q)].kind != SERVER_FILE)
		return chardev_is_idempotent(q->type);
	return q->type != FILE_RENAME || !(q->keep & RENAME_EXCHANGE_);
}
