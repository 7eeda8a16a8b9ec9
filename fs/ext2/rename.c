/* SPDX-License-Identifier: BSD-2-Clause
 * rename.c - moving and exchanging entries.
 *
 * Job:      rename as one transaction.
 * Speaks:   nothing; ext2.c calls.
 * Touches:  inodes and directories, in buffers.
 * Trusts:   vfs to have checked permissions; nothing on the disk.
 * On crash: taken back and done again.
 */
#include "ext2.h"

enum { NOREPLACE = 1, EXCHANGE = 2, DEPTH_MAX = 4096 };

static const struct volume *v = &state.volume;

/* All that a rename is about. */
struct move {
	uint32_t dir, dir2, ino, old;   /* old: 0, or what dir2 has under the new name */
	struct ext2_inode *d, *d2, *i, *o;
	struct spot s, s2;
};

static bool is_dir(const struct ext2_inode *i)
{
	return inode_type(i) == TYPE_DIR;
}

static err_t parent_of(uint32_t dir, uint32_t *parent)
{
	struct ext2_inode *i;
	struct spot s;
	err_t err;

	look_begin();
	err = dir_get(dir, &i);
	if (err == 0)
		err = dir_parent(i, &s);
	if (err == 0)
		*parent = s.entry->inode;
	look_end();
	return err == 0 || err == WAIT ? err : -EIO;
}

/* 0: `dir` does not lie below `top`, nor is it. */
static err_t not_below(uint32_t dir, uint32_t top)
{
	uint32_t at = walk_at(WALK_BELOW, dir, top, "");
	uint32_t steps = walk_at(WALK_BELOW, dir, top, "steps");
	err_t err = 0;

	for (at = at != 0 ? at : dir; err == 0 && at != ROOT_INO; steps++) {
		if (at == top)
			return -EINVAL;
		err = steps < DEPTH_MAX ? parent_of(at, &at) : -EIO;
	}
	if (err == WAIT) {
		walk_to(WALK_BELOW, dir, top, "", at);
		walk_to(WALK_BELOW, dir, top, "steps", steps - 1);
	}
	return err;
}

static err_t find(const struct file_rename_request *req, const char *name, const char *name2,
		  struct move *m)
{
	err_t err = dir_get(req->dir, &m->d);

	m->dir = (uint32_t)req->dir;
	m->dir2 = (uint32_t)req->dir2;
	m->old = 0;
	if (err == 0)
		err = dir_get(req->dir2, &m->d2);
	if (err == 0)
		err = dir_find(m->dir, m->d, name, &m->s);
	if (err != 0)
		return err;
	m->ino = m->s.entry->inode;
	err = m->ino == ROOT_INO ? -EIO : inode_get(m->ino, &m->i);
	if (err == 0) {
		err = dir_find(m->dir2, m->d2, name2, &m->s2);
		if (err == -ENOENT)
			return req->flags & EXCHANGE || m->d2->links == 0 ? err : 0;
	}
	if (err != 0)
		return err;
	m->old = m->s2.entry->inode;
	err = m->old == ROOT_INO ? -EIO : inode_get(m->old, &m->o);
	return err == 0 && req->flags & NOREPLACE ? -EEXIST : err;
}

/* A directory's `..`; it has changed its place. */
static err_t set_parent(uint32_t ino, struct ext2_inode *i, uint32_t parent)
{
	struct spot s;
	err_t err = dir_parent(i, &s);

	if (err != 0)
		return err;
	walk_forget(WALK_BELOW, WALK_ANY);
	dir_set(ino, i, s.entry, parent, TYPE_DIR);
	return 0;
}

static err_t move_parent(uint32_t ino, struct ext2_inode *i, struct ext2_inode *from,
			 struct ext2_inode *to, uint32_t parent)
{
	if (!is_dir(i) || from == to)
		return 0;
	if (from->links < 3)
		return -EIO;
	if (to->links >= LINKS_MAX)
		return -EMLINK;
	edit(from);
	edit(to);
	from->links--;
	to->links++;
	return set_parent(ino, i, parent);
}

static err_t exchange(struct move *m)
{
	err_t err = is_dir(m->i) ? not_below(m->dir2, m->ino) : 0;

	if (err == 0 && is_dir(m->o))
		err = not_below(m->dir, m->old);
	if (err == 0)
		err = move_parent(m->ino, m->i, m->d, m->d2, m->dir2);
	if (err == 0)
		err = move_parent(m->old, m->o, m->d2, m->d, m->dir);
	if (err != 0)
		return err;
	dir_set(m->dir, m->d, m->s.entry, m->old, m->o->mode);
	dir_set(m->dir2, m->d2, m->s2.entry, m->ino, m->i->mode);
	inode_touch(m->i, FILE_SET_CTIME);
	inode_touch(m->o, FILE_SET_CTIME);
	return 0;
}

/* The file that loses its entry to the one that comes. */
static err_t replace(struct move *m)
{
	bool dir = is_dir(m->o);
	err_t err = 0;

	if (is_dir(m->i) != dir)
		return dir ? -EISDIR : -ENOTDIR;
	if (m->o->links == 0 || (dir && m->d2->links < 3))
		return -EIO;
	if (dir)
		err = dir_is_empty(m->old, m->o);
	if (err == 0 && (dir || m->o->links == 1))
		err = orphan_add(m->old, m->o);
	if (err != 0)
		return err;
	dir_set(m->dir2, m->d2, m->s2.entry, m->ino, m->i->mode);
	m->d2->links = (uint16_t)(m->d2->links - dir);
	inode_touch(m->o, FILE_SET_CTIME);
	m->o->links = dir ? 0 : (uint16_t)(m->o->links - 1);
	return 0;
}

static err_t move(struct move *m, const char *name, const char *name2, uint64_t *replaced)
{
	err_t err = is_dir(m->i) ? not_below(m->dir2, m->ino) : 0;

	if (err == 0)
		err = m->old != 0 ? replace(m) :
		      dir_add(m->dir2, m->d2, name2, m->ino, m->i->mode);
	if (err == 0)
		err = move_parent(m->ino, m->i, m->d, m->d2, m->dir2);
	if (err == 0)           /* adding may have split the entry: found anew */
		err = dir_again(name, &m->s);
	if (err != 0)
		return err;
	dir_remove(m->dir, m->d, &m->s);
	inode_touch(m->i, FILE_SET_CTIME);
	*replaced = m->old;
	return 0;
}

err_t fs_rename(const struct file_rename_request *req, const char *name, const char *name2,
		uint64_t *replaced, struct file_attr *a)
{
	struct move m;
	err_t err;

	*replaced = 0;
	if (v->readonly)
		return -EROFS;
	if (!name_is_good(name) || !name_is_good(name2))
		return -EINVAL;
	err = find(req, name, name2, &m);
	if (err == 0 && m.ino != m.old)
		err = req->flags & EXCHANGE ? exchange(&m) : move(&m, name, name2, replaced);
	if (err == 0)
		attr_get(m.ino, m.i, a);
	return err;
}
