/* SPDX-License-Identifier: BSD-2-Clause
 * orphan.c - files without a name.
 *
 * Job:      keeps the list of files without links that vfs still uses, which is the one of ext3: it
 *           begins in the superblock and is linked by dtime; frees a file.
 * Speaks:   nothing.
 * Touches:  inodes, in buffers.
 * Trusts:   nothing on the disk: a list that is longer than there are inodes is -EIO.
 * On crash: changes belong to transactions; at the next mount what is in the list is freed.
 */
#include "ext2.h"

static const struct volume *v = &state.volume;

err_t orphan_add(uint32_t ino, struct ext2_inode *i)
{
	struct ext2_super *s;
	err_t err = super_get(&s);

	if (err != 0)
		return err;
	edit(s);
	edit(i);
	i->dtime = s->last_orphan;
	s->last_orphan = ino;
	return 0;
}

/* The list's front; what cannot be in it ends it. */
err_t orphan_next(uint32_t *ino)
{
	struct ext2_super *s;
	struct ext2_inode *i;
	err_t err = super_get(&s);

	if (err != 0)
		return err;
	*ino = s->last_orphan;
	if (*ino == 0)
		return 0;
	err = inode_get(*ino, &i);
	if (err == WAIT)
		return err;
	if (err == 0 && *ino != ROOT_INO && i->links == 0)
		return 0;
	io_say("inode %lu does not belong into the list of orphans", *ino);
	edit(s);
	s->last_orphan = *ino = 0;
	return 0;
}

/* The one before it in the list. */
static err_t find_before(uint32_t ino, uint32_t first, uint32_t *before)
{
	uint32_t at = walk_at(WALK_ORPHAN, ino, 0, ""), next = 0;
	uint32_t steps = walk_at(WALK_ORPHAN, ino, 0, "steps");
	err_t err = 0;

	for (at = at != 0 ? at : first; err == 0 && next != ino; steps++) {
		struct ext2_inode *i;

		at = next != 0 ? next : at;
		look_begin();
		err = steps > v->inodes ? -EIO : inode_get(at, &i);
		next = err == 0 ? i->dtime : 0;
		look_end();
		if (err == 0 && next == 0)
			err = -EIO;
	}
	if (err == WAIT) {
		walk_to(WALK_ORPHAN, ino, 0, "", at);
		walk_to(WALK_ORPHAN, ino, 0, "steps", steps - 1);
	}
	*before = at;
	return err;
}

static err_t unlist(uint32_t ino, const struct ext2_inode *gone)
{
	struct ext2_super *s;
	struct ext2_inode *i;
	uint32_t before;
	err_t err = super_get(&s);

	if (err == 0 && s->last_orphan != ino)
		err = find_before(ino, s->last_orphan, &before);
	if (err == 0 && s->last_orphan != ino)
		err = inode_get(before, &i);
	if (err != 0)
		return err;
	walk_forget_at(WALK_ORPHAN, ino);
	walk_forget(WALK_ORPHAN, ino);
	if (s->last_orphan == ino) {
		edit(s);
		s->last_orphan = gone->dtime <= v->inodes ? gone->dtime : 0;
		return 0;
	}
	edit(i);
	i->dtime = gone->dtime;
	return 0;
}

static bool has_map(const struct ext2_inode *i)
{
	uint32_t type = inode_type(i);

	return type == TYPE_FILE || type == TYPE_DIR ||
	       (type == TYPE_LINK && i->size >= FAST_LINK);
}

/* An acl block may be shared; the last user frees it. */
static err_t free_acl(struct ext2_inode *i)
{
	enum { REFCOUNT = 1, MAGIC = 0xea020000 };
	uint32_t *head;
	err_t err;

	if (i->acl == 0)
		return 0;
	if (!block_is_data(i->acl))
		return -EIO;
	err = block_get(i->acl, &head);
	if (err != 0 || head[0] != MAGIC)
		return err != 0 ? err : -EIO;
	edit(head);
	if (head[REFCOUNT] > 1)
		head[REFCOUNT]--;
	else
		err = block_free(i->acl);
	edit(i);
	i->acl = 0;
	return err;
}

static err_t free_it(uint32_t ino, bool *more)
{
	struct ext2_inode *i;
	err_t err = inode_get(ino, &i);

	*more = false;
	if (err != 0)
		return err;
	if (i->links != 0)
		return 0;
	err = has_map(i) ? map_cut(i, 0) : 0;
	if (err == -EAGAIN) {
		*more = true;
		return 0;
	}
	if (err == 0)
		err = free_acl(i);
	if (err == 0)
		err = unlist(ino, i);
	if (err == 0)
		err = inode_free(ino, inode_type(i) == TYPE_DIR);
	if (err != 0)
		return err;
	edit(i);
	i->size = i->size_high = i->sectors = 0;
	i->dtime = (uint32_t)(io_now() / 1000000000);
	return 0;
}

err_t orphan_free(uint32_t ino)
{
	bool more = true;
	err_t err = 0;

	while (more && err == 0) {
		op_begin();
		err = op_end(free_it(ino, &more));
	}
	return err;
}
