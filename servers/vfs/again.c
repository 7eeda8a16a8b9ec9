/* SPDX-License-Identifier: BSD-2-Clause
 * again.c - a file server that has begun afresh: its trees are mounted again (docs/notes/0028).
 *
 * Job:      asks it to mount what it had; finds out which files that are in use there still are;
 *           then lets the calls go on that wait for it.
 * Speaks:   contracts/file (mount, get_attr).
 * Touches:  the caches of those trees.
 * Trusts:   of what it remembers of such a tree nothing that the server does not confirm.
 * On crash: the row goes on where it was.
 *
 * G1  While server.again is set only the server's row (ROW_AGAIN + server) asks it, by the board's
 *     last entry, which nobody else uses. What was asked before is held (request.held).
 * G2  An inode with INODE_DEAD is a file that there is no more: it has a number that no file has,
 *     no names, no pages, no links, and goes with its last reference.
 */
#include "vfs.h"

enum { STEP_MOUNTS, STEP_MOUNT, STEP_FILES, STEP_FILE };        /* MOUNT, FILE: one is asked */

static unsigned server_of(const struct row *r)
{
	return row_index(r) - ROW_AGAIN;
}

bool is_row_of_again(const struct op *o, unsigned server)
{
	return o != NULL && o->row == &state.row[ROW_AGAIN + server];
}

static bool is_tree(unsigned mount, unsigned server)
{
	return state.mount[mount].ready && state.mount[mount].server == server;
}

void again_begin(unsigned server)
{
	struct row *r = row_internal(ROW_AGAIN + server, TYPE_AGAIN);

	state.server[server].again = 1;
	row_ready(r);
}

/* It is not started again by itself. */
void again_end(unsigned server)
{
	row_free(&state.row[ROW_AGAIN + server]);
	state.server[server].again = 0;
}

/* ---- what was asked of the one that died ---- */

/* Can its successor be asked? If it was done all the same, an error says nothing (done.c). */
static bool can_wait(unsigned server, unsigned n)
{
	const struct request *q = &state.request[server][n];

	return state.server[server].again && n != ENTRY_AGAIN && q->type != 0 &&
	       may_be_repeated(q);
}

static void hold(unsigned server, unsigned n)
{
	struct grant_revoke_request req;
	struct request *q = &state.request[server][n];

	if (!file_is_idempotent(q->type))
		q->again = AGAIN_DONE;
	q->held = 1;
	undo_commit();
	board_of(server)->phase[n] = BOARD_FREE;
	req.grant = GRANT(0, ID_VFS, q->grant_seq - 1);
	if (q->grant_seq != 0 && sys_grant_revoke(&req) != 0)
		return;                 /* it went with who had borrowed */
}

/* Does it wait for the successor? */
bool request_is_held(unsigned server, unsigned n)
{
	if (!can_wait(server, n))
		return false;
	if (!state.request[server][n].held)
		hold(server, n);
	return true;
}

/* To the successor, with a grant for it. */
static err_t lend_again(struct request *q)
{
	unsigned server = request_server(q);
	struct file_entry *e = board_entry(board_of(server), request_entry(q), sizeof(*e));
	struct grant_create_request req = {
		.borrower = state.server[server].who, .len = q->lent, .client = ENDPOINT_NONE,
		.dir = q->type == FILE_WRITE ? GRANT_READ : GRANT_WRITE,
	};

	if (q->grant_seq == 0)
		return 0;
	state.grant_seq++;
	req.grant = GRANT(state.grant_seq, ID_VFS, q->grant_seq - 1u);
	req.base = (uint64_t)(uintptr_t)(q->slot != 0 ? page_data(q->slot - 1) :
					 request_bounce(q));
	e->data = req.grant;
	return sys_grant_create(&req);
}

/* Of an inode that is remembered no more: in a tree that is empty now its number is another's. */
static bool is_vain(const struct request *q)
{
	const struct file_entry *e = board_entry(board_of(request_server(q)), request_entry(q),
						 sizeof(*e));

	return (q->type == FILE_FORGET || (q->type == FILE_SET_ATTR && q->inode == 0)) &&
	       state.mount[e->tree % NR_MOUNTS].flags & FILE_MOUNT_MEMORY;
}

void requests_again(unsigned server)
{
	state.server[server].again = 0;
	for (unsigned n = 0; n < BOARD_ENTRIES; n++) {
		struct request *q = &state.request[server][n];
		err_t err;

		if (q->type == 0 || !q->held)
			continue;
		err = lend_again(q);
		if (err == -EDEADPEER)
			return;         /* it is gone again; the next one is told (server_here) */
		if (err != 0 || request_is_of_dead(q) || is_vain(q))
			q->lost = 1;
		q->held = 0;
		undo_commit();
		request_post(q);
	}
	queue_wake(state.server[server].queue);
	queue_wake(state.short_queue);
	written_more();
}

/* ---- trees ---- */

/* Names are looked up anew; what nobody uses is forgotten. */
static void forget_names(unsigned mount)
{
	for (unsigned n = 1; n < state.inode_top; n++) {
		if (!(state.inode[n].flags & INODE_USED) || state.inode[n].mount != mount)
			continue;
		names_of_dir_drop(n);
		undo_commit();
	}
	inodes_unused_drop(mount);
}

static void file_dies(unsigned n)
{
	inode_hold(n);
	inode_dies(n);
	queue_wake(state.inode[n].queue);
	undo_commit();
	inode_release(n);
}

static void tree_dies(unsigned mount, int64_t err)
{
	print("<3>%s on %s is not mounted again: error %d\n", state.mount[mount].source,
	      state.mount[mount].path, (int)-err);
	for (unsigned n = 1; n < state.inode_top; n++)
		if (state.inode[n].flags & INODE_USED && state.inode[n].mount == mount)
			file_dies(n);
}

static int64_t ask_mount(struct op *o, unsigned mount)
{
	struct mount *m = &state.mount[mount];
	struct request *q;
	struct file_entry *e = ask_file(o, mount, FILE_MOUNT, &q);

	if (e == NULL)
		return -PARKED;
	q->keep = mount;
	((struct file_mount_request *)e->w)->flags =
		(m->flags & FILE_MOUNT_READONLY) | FILE_MOUNT_AGAIN;
	strlcpy(e->name, m->source, sizeof(e->name));
	strlcpy(e->name2, m->type, sizeof(e->name2));
	o->row->step = STEP_MOUNT;
	o->row->total = mount;
	return ask_send(o, q);
}

static int64_t mounts(struct op *o, unsigned server)
{
	for (unsigned n = (unsigned)o->row->total + 1; n < NR_MOUNTS; n++)
		if (is_tree(n, server)) {
			forget_names(n);
			return ask_mount(o, n);
		}
	o->row->step = STEP_FILES;
	o->row->done = 1;
	return 0;
}

/* ---- files ---- */

static bool is_to_be_asked(unsigned n, unsigned server)
{
	const struct inode *i = &state.inode[n];

	return i->flags & INODE_USED && !(i->flags & INODE_DEAD) && i->mount != 0 &&
	       is_tree(i->mount, server) && state.mount[i->mount].root != n &&
	       !(mount_flags(i) & FILE_MOUNT_VOLATILE);
}

static int64_t files(struct op *o, unsigned server)
{
	struct request *q;
	struct file_entry *e;

	for (unsigned n = (unsigned)o->row->done; n < state.inode_top; n++) {
		if (!is_to_be_asked(n, server))
			continue;
		e = ask_file(o, state.inode[n].mount, FILE_GET_ATTR, &q);
		if (e == NULL)
			return -PARKED;
		q->keep = 1;
		q->dir2 = (uint16_t)n;  /* not q->inode: it may be another file by now */
		e->w[0] = state.inode[n].attr.file;
		o->row->step = STEP_FILE;
		o->row->done = n;
		return ask_send(o, q);
	}
	return 0;
}

/* The answer. A tree in memory had the bytes here: of a file that there still is, as it was at the
 * beginning, they are gone. */
void again_told(const struct request *q, const struct file_attr *now, err_t err)
{
	unsigned n = q->dir2;
	struct inode *i = &state.inode[n];
	const struct file_attr *was = &i->attr;

	if (err != 0 || now->file != was->file || now->generation != was->generation ||
	    ((now->mode ^ was->mode) & S_IFMT_) != 0 || (was->links == 0 && now->links != 0)) {
		file_dies(n);
		return;
	}
	if (mount_flags(i) & FILE_MOUNT_MEMORY) {
		pages_of_inode_drop(n);
		i->flags &= (uint8_t)~(INODE_DIRTY | INODE_SIZED);
	} else {
		pages_of_inode_refresh(n);
	}
	inode_update(n, now, q->stamp);
}

/* ---- the row ---- */

int64_t linux_again(struct op *o)
{
	struct row *r = o->row;
	unsigned server = server_of(r);
	int64_t err = 0;

	if (r->step == STEP_MOUNT) {
		if (r->result != 0)
			tree_dies((unsigned)r->total, r->result);
		r->step = STEP_MOUNTS;
	}
	if (r->step == STEP_MOUNTS)
		err = mounts(o, server);
	if (err == 0 && r->step == STEP_FILE) {
		r->done++;
		r->step = STEP_FILES;
	}
	if (err == 0)
		err = files(o, server);
	if (err == 0)
		requests_again(server);
	return err;
}
