/* SPDX-License-Identifier: BSD-2-Clause
 * done.c - what the answers of servers change in the caches, and who goes on.
 *
 * Job:      enters names, attributes and pages; lets the row that asked go on or answers it.
 * Speaks:   contracts/file, contracts/chardev (replies).
 * Touches:  the caches; rows.
 * Trusts:   a server for the content of its own tree.
 * On crash: entering an answer again changes nothing.
 */
#include "vfs.h"

static struct row *row_of(struct request *q)
{
	struct row *r = &state.row[q->row];
	unsigned id = (unsigned)(q - &state.request[0][0]) + 1;

	if (q->row == 0 || r->phase != ROW_ASKED || r->request != id || r->serial != q->gen)
		return NULL;
	return r;
}

/* The call is done again from the start; it sees the result in its row. */
static void go_on(struct request *q, err_t err, const uint64_t *w)
{
	struct row *r = row_of(q);

	q->taken = 1;
	if (r == NULL)
		return;
	r->answered = (uint16_t)(r->request - 1);
	r->request = 0;
	r->result = err;
	if (w != NULL)
		memcpy(r->keep, w, sizeof(r->keep));
	row_again(r);
}

/* What cannot be kept in a cache ends the call. */
static void answer(struct request *q, err_t err)
{
	struct row *r = row_of(q);

	q->taken = 1;
	if (r == NULL)
		return;
	r->answered = (uint16_t)(r->request - 1);
	r->request = 0;
	if (r->type == TYPE_FAULT_ROW) {
		r->result = err;
		row_again(r);
		return;
	}
	proof_begin();
	row_answer(r, err);
}

/* We died after the answer was taken, while its row went on. */
void taken_again(struct request *q)
{
	struct row *r = &state.row[q->row];

	if (q->row != 0 && r->phase != ROW_FREE && r->serial == q->gen && r->request == 0 &&
	    row_request(r) == q && (r->queue == QUEUE_NONE || r->queue == QUEUE_READY))
		row_again(r);
}

static void go_on_or_fail(struct request *q, err_t err)
{
	if (err == 0)
		go_on(q, 0, NULL);
	else
		answer(q, err);
}

/* Asked twice because a success made no sense, it may have been done the first time: an error then
 * says nothing of what has become of it. */
static err_t checked(const struct request *q, const struct file_entry *e)
{
	err_t err = e->err;

	return q->again == AGAIN_DONE && err < 0 && !file_is_idempotent(q->type) ? -EIO : err;
}

static bool dir_unchanged(const struct request *q)
{
	return state.inode[q->dir].changes == q->changes;
}

static unsigned enter(struct request *q, const struct file_entry *e)
{
	unsigned mount = state.inode[q->dir].mount;
	struct file_attr attr = e->attr_now;

	return attr.file == 0 ? 0 : inode_get(mount, &attr, q->stamp);
}

static void lookup_done(struct request *q, const struct file_entry *e, err_t err)
{
	unsigned inode;

	if (err != 0 && err != -ENOENT) {
		answer(q, err);
		return;
	}
	if (dir_unchanged(q)) {
		inode = err == 0 ? enter(q, e) : 0;
		if (inode != 0 && is_dir(&state.inode[inode]) &&
		    dir_is_below(q->dir, inode)) {      /* a damaged disk */
			answer(q, -EIO);
			return;
		}
		if ((err == 0 && inode == 0) || name_put(q->dir, q->name, inode, q->stamp) == 0) {
			answer(q, -ENFILE);
			return;
		}
	}
	go_on(q, 0, NULL);
}

static void dir_changed(unsigned dir)
{
	struct inode *i = &state.inode[dir];

	i->changes++;
	i->attr.mtime = i->attr.ctime = (int64_t)clock_realtime_ns();
	i->stamp = 0;
}

/* A server has said what vfs knew otherwise: it is to be looked up. */
static void forget(unsigned dir, const char *name, bool is_there)
{
	unsigned n = name_find(dir, name, strlen(name));

	if (n != 0 && (state.name[n].inode != 0) == is_there)
		name_drop(n);
}

static void create_done(struct request *q, const struct file_entry *e, err_t err)
{
	unsigned inode;

	if (err == 0) {
		dir_changed(q->dir);
		inode = enter(q, e);
		if (inode == 0 || name_put(q->dir, q->name, inode, q->stamp) == 0)
			err = -ENFILE;
		if (inode != 0 && is_dir(&state.inode[inode]))
			state.inode[q->dir].attr.links++;
	} else if (err == -EEXIST) {
		forget(q->dir, q->name, false);
	}
	if (q->keep == 0)
		answer(q, err);
	else
		go_on(q, err, NULL);
}

static void link_done(struct request *q, const struct file_entry *e, err_t err)
{
	if (err == 0) {
		dir_changed(q->dir);
		inode_update(q->inode, &e->attr_now, q->stamp);
		if (name_put(q->dir, q->name, q->inode, q->stamp) == 0)
			print("no room for a name\n");
	} else if (err == -EEXIST) {
		forget(q->dir, q->name, false);
	}
	answer(q, err);
}

static void unlink_done(struct request *q, const struct file_entry *e, err_t err)
{
	if (err == 0) {
		struct inode *i = &state.inode[q->inode];
		unsigned n = name_find(q->dir, q->name, strlen(q->name));

		dir_changed(q->dir);
		if (is_dir(i)) {
			state.inode[q->dir].attr.links--;
			i->attr.links = 0;
		} else if (e->attr_now.file == i->attr.file) {
			i->attr.links = e->attr_now.links;
		} else if (i->attr.links > 0) {
			i->attr.links--;
		}
		i->attr.ctime = (int64_t)clock_realtime_ns();
		if (n != 0)
			name_drop(n);
		name_put(q->dir, q->name, 0, q->stamp);
	} else if (err == -ENOENT) {
		forget(q->dir, q->name, true);
	}
	answer(q, err);
}

static void rename_names(struct request *q)
{
	unsigned from = name_find(q->dir, q->name, strlen(q->name));
	unsigned to = name_find(q->dir2, q->name2, strlen(q->name2));
	unsigned old = to != 0 ? state.name[to].inode : 0;
	bool dir = is_dir(&state.inode[q->inode]);

	if (q->keep & 2) {              /* RENAME_EXCHANGE: ask again for both */
		if (from != 0)
			name_drop(from);
		if (to != 0)
			name_drop(to);
		return;
	}
	if (old == q->inode)
		return;
	if (old != 0) {
		struct inode *o = &state.inode[old];

		o->attr.links = is_dir(o) || o->attr.links == 0 ? 0 : o->attr.links - 1;
		if (is_dir(o))
			state.inode[q->dir2].attr.links--;
		inode_hold(old);
		name_drop(to);
		inode_release(old);
	}
	if (dir && q->dir != q->dir2) {
		state.inode[q->dir].attr.links--;
		state.inode[q->dir2].attr.links++;
	}
	if (name_put(q->dir2, q->name2, q->inode, q->stamp) == 0)
		print("no room for a name\n");
	if (from != 0)
		name_drop(from);
	name_put(q->dir, q->name, 0, q->stamp);
}

static void rename_done(struct request *q, err_t err)
{
	if (err == 0) {
		dir_changed(q->dir);
		dir_changed(q->dir2);
		rename_names(q);
		state.inode[q->inode].attr.ctime = (int64_t)clock_realtime_ns();
	} else if (err == -ENOENT) {
		forget(q->dir, q->name, true);
	} else if (err == -EEXIST) {
		forget(q->dir2, q->name2, false);
	}
	answer(q, err);
}

static void read_done(struct request *q, const struct file_entry *e, err_t err)
{
	if (q->pages == 0) {            /* direct */
		go_on(q, err, e->answer);
		return;
	}
	if (err == 0 && q->type == FILE_READLINK && e->name2[0] != '\0') {
		char *to = page_data(q->slot - 1);

		memcpy(to, e->name2, FILE_NAME);
		to[FILE_NAME - 1] = '\0';
	}
	pages_read(q, err);
	go_on_or_fail(q, err);
}

static void attr_done(struct request *q, const struct file_entry *e, err_t err)
{
	if (err == 0 && q->inode != 0) {
		struct inode *i = &state.inode[q->inode];

		if (q->type == FILE_SET_ATTR) {
			if (q->keep & FILE_SET_SIZE)
				i->flags &= (uint8_t)~INODE_SIZED;
			i->flags &= (uint8_t)~INODE_DIRTY;
		}
		inode_update(q->inode, &e->attr_now, q->stamp);
	}
	if (err != 0 && q->size > q->size_was && state.inode[q->inode].attr.size == q->size)
		state.inode[q->inode].attr.size = q->size_was;
	if (q->type == FILE_GET_ATTR)
		go_on_or_fail(q, err);
	else
		go_on(q, err, NULL);
}

/* Unless its server has begun afresh once more: then the answer is none. */
static void file_again(struct request *q, const struct file_entry *e, err_t err)
{
	struct file_attr attr = e->attr_now;

	if (row_of(q) != NULL)
		again_told(q, &attr, err);
	go_on(q, err, NULL);
}

void file_done(struct request *q, struct file_entry *e)
{
	err_t err = checked(q, e);

	switch (q->type) {
	case FILE_MOUNT:
		mount_done(q, e);
		go_on(q, err, NULL);
		break;
	case FILE_LOOKUP:
		lookup_done(q, e, err);
		break;
	case FILE_CREATE:
		create_done(q, e, err);
		break;
	case FILE_LINK:
		link_done(q, e, err);
		break;
	case FILE_UNLINK:
		unlink_done(q, e, err);
		break;
	case FILE_RENAME:
		rename_done(q, err);
		break;
	case FILE_READLINK:
	case FILE_READ:
		read_done(q, e, err);
		break;
	case FILE_WRITE:
		if (q->pages != 0)
			pages_written(q, err);
		go_on(q, err, e->answer);
		break;
	case FILE_GET_ATTR:
	case FILE_SET_ATTR:
		if (q->type == FILE_GET_ATTR && q->keep != 0)
			file_again(q, e, err);
		else
			attr_done(q, e, err);
		break;
	case FILE_FORGET:
		break;
	case FILE_STAT_FS:
		if (q->keep != 0 && err == 0)
			disk_room_told(q, e);
		if (q->keep != 0)
			go_on_or_fail(q, err);
		else
			go_on(q, err, e->answer);
		break;
	default:                        /* readdir, sync, unmount, remount */
		go_on(q, err, e->answer);
		break;
	}
}

void char_done(struct request *q, struct chardev_entry *e)
{
	err_t err = e->err;

	if (q->type == CHARDEV_OPEN && err == 0 && row_of(q) == NULL)
		char_close(&(struct file){ .server = (uint8_t)request_server(q),
					   .line = (uint32_t)e->answer[0] });
	go_on(q, err, e->answer);
}
