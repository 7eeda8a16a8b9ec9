/* SPDX-License-Identifier: BSD-2-Clause
 * super.c - the superblock and the groups' descriptors.
 *
 * Job:      checks a volume before it is mounted; finds its parts; counts what is free.
 * Speaks:   nothing.
 * Touches:  state.volume; blocks, by buffer.c.
 * Trusts:   nothing on the disk: what makes no sense refuses the mount or is -EIO.
 * On crash: `mounted` is set last.
 */
#include "ext2.h"

enum { SHIFT_MIN = 10, LOG_MAX = 2, REVISION_MAX = 1, MAGIC_LINUX = 0xef53 };

static struct volume *v = &state.volume;

err_t super_get(struct ext2_super **s)
{
	uint8_t *p;
	err_t err = block_get(SUPER_AT / v->size, &p);

	if (err == 0)
		*s = (struct ext2_super *)(p + SUPER_AT % v->size);
	return err;
}

bool block_is_data(uint32_t block)
{
	return block > v->first_data + v->group_blocks && block < v->blocks;
}

err_t group_get(uint32_t group, struct ext2_group **g)
{
	uint32_t each = v->size / sizeof(**g);
	struct ext2_group *table;
	err_t err;

	if (group >= v->groups)
		return -EIO;
	err = block_get(v->first_data + 1 + group / each, &table);
	if (err != 0)
		return err;
	*g = &table[group % each];
	if (!block_is_data((*g)->block_bitmap) || !block_is_data((*g)->inode_bitmap) ||
	    !block_is_data((*g)->table) || (*g)->table > v->blocks - v->table_blocks)
		return -EIO;
	return 0;
}

/* ---- mounting ---- */

static bool features_known(const struct ext2_super *s, bool *readonly)
{
	if (s->revision == 0)
		return true;
	if (s->incompat & ~(uint32_t)INCOMPAT_KNOWN) {
		io_say("not mounted: it has incompatible features that are not known: 0x%lx",
		       s->incompat & ~(uint32_t)INCOMPAT_KNOWN);
		return false;
	}
	if (s->ro_compat & ~(uint32_t)RO_KNOWN && !*readonly) {
		io_say("mounted read-only: features that are not known: 0x%lx",
		       s->ro_compat & ~(uint32_t)RO_KNOWN);
		*readonly = true;
	}
	return true;
}

static bool inodes_make_sense(const struct ext2_super *s, const struct volume *n)
{
	uint32_t each = n->size / n->inode_size;

	return n->inode_size >= INODE_SIZE_0 && n->inode_size <= n->size &&
	       (n->inode_size & (n->inode_size - 1)) == 0 && n->inodes_per_group != 0 &&
	       n->inodes_per_group <= 8 * n->size && n->inodes_per_group % each == 0 &&
	       (uint64_t)n->inodes_per_group * n->groups == s->inodes &&
	       n->first_ino >= FIRST_INO_0 && n->first_ino < n->inodes;
}

/* All that a volume is, from its superblock; false: it cannot be. */
static bool geometry(const struct ext2_super *s, uint64_t disk_size, struct volume *n)
{
	if (s->log_block > LOG_MAX || s->revision > REVISION_MAX)
		return false;
	n->shift = SHIFT_MIN + s->log_block;
	n->size = 1u << n->shift;
	n->blocks = s->blocks;
	n->first_data = s->first_data;
	n->blocks_per_group = s->blocks_per_group;
	n->inodes = s->inodes;
	n->inodes_per_group = s->inodes_per_group;
	n->revision = s->revision;
	n->inode_size = s->revision == 0 ? (uint32_t)INODE_SIZE_0 : s->inode_size;
	n->first_ino = s->revision == 0 ? (uint32_t)FIRST_INO_0 : s->first_ino;
	n->filetype = s->revision != 0 && s->incompat & INCOMPAT_FILETYPE;
	if (n->first_data != (s->log_block == 0) || (uint64_t)n->blocks << n->shift > disk_size ||
	    n->blocks_per_group < 8 || n->blocks_per_group > 8 * n->size ||
	    n->blocks <= n->first_data + 8 || n->inode_size == 0 || n->inode_size > n->size)
		return false;
	n->groups = (n->blocks - n->first_data - 1) / n->blocks_per_group + 1;
	n->group_blocks = (n->groups - 1) / (n->size / (uint32_t)sizeof(struct ext2_group)) + 1;
	n->table_blocks = n->inodes_per_group / (n->size / n->inode_size);
	return inodes_make_sense(s, n) && n->table_blocks < n->blocks &&
	       n->group_blocks < n->blocks - n->first_data;
}

static err_t read_super(struct ext2_super **s)
{
	err_t err;

	v->size = BUFFER_SIZE;          /* not known yet: a place that holds it in any case */
	v->shift = 12;
	err = super_get(s);
	if (err == 0 && (*s)->magic != SUPER_MAGIC)
		err = -EINVAL;
	return err;
}

static err_t volume_find(uint64_t disk_size, bool readonly)
{
	struct volume n = { .mounted = 0 };
	struct ext2_super *s;
	err_t err = disk_size < 2 * BUFFER_SIZE ? -EINVAL : read_super(&s);

	if (err != 0)
		return err;
	if (!features_known(s, &readonly))
		return -EINVAL;
	if (!geometry(s, disk_size, &n)) {
		io_say("not mounted: the superblock makes no sense (revision %lu)", s->revision);
		return -EINVAL;
	}
	n.readonly = readonly;
	if (!(s->state & STATE_VALID) || s->state & STATE_ERRORS)
		io_say("was not unmounted (state %lu): e2fsck is advised", s->state);
	if (n.size != BUFFER_SIZE)
		buffers_forget();
	*v = n;
	return 0;
}

/* Called again after WAIT. The superblock is read as if blocks were of 4 KiB. */
err_t volume_open(uint64_t disk_size, bool readonly)
{
	struct ext2_inode *root;
	err_t err = v->blocks == 0 ? volume_find(disk_size, readonly) : 0;

	if (err == 0)
		err = inode_get(ROOT_INO, &root);
	if (err == 0 && inode_type(root) != TYPE_DIR)
		err = -EINVAL;
	return err;
}

err_t super_mark(bool clean)
{
	struct ext2_super *s;
	err_t err = super_get(&s);

	if (err != 0)
		return err;
	edit(s);
	s->wtime = (uint32_t)(io_now() / 1000000000);
	if (clean) {
		s->state |= STATE_VALID;
	} else {
		s->state &= (uint16_t)~STATE_VALID;
		s->mtime = s->wtime;
		s->mounts++;
	}
	return 0;
}

err_t fs_stat(struct file_stat_fs_reply *reply)
{
	struct ext2_super *s;
	err_t err = super_get(&s);

	if (err != 0)
		return err;
	*reply = (struct file_stat_fs_reply){
		.blocks = v->blocks - v->first_data - v->group_blocks -
			  (uint64_t)v->groups * (v->table_blocks + 2),
		.free = s->free_blocks, .files = v->inodes, .free_files = s->free_inodes,
		.block = v->size, .name_max = NAME_LEN, .type = MAGIC_LINUX,
	};
	return 0;
}
