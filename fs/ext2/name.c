/* SPDX-License-Identifier: BSD-2-Clause
 * name.c - operations on names: lookup, create, link, unlink.
 *
 * Job:      each is one transaction.
 * Speaks:   nothing; ext2.c calls.
 * Touches:  inodes and directories, in buffers.
 * Trusts:   vfs to have checked permissions; nothing on the disk.
 * On crash: taken back and done again.
 */
#include "ext2.h"

static const struct volume *v = &state.volume;

bool name_is_good(const char *name)
{
	return name[0] != '\0' && strchr(name, '/') == NULL && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0;
}

err_t fs_lookup(uint64_t dir, const char *name, struct file_attr *a)
{
	struct ext2_inode *d, *i;
	struct spot s;
	err_t err = dir_get(dir, &d);

	if (err == 0)
		err = dir_find((uint32_t)dir, d, name, &s);
	if (err == 0)
		err = inode_get(s.entry->inode, &i);
	if (err == 0)
		attr_get(s.entry->inode, i, a);
	return err;
}

/* -EEXIST, or 0: it is not there. */
static err_t absent(uint64_t ino, const struct ext2_inode *dir, const char *name)
{
	struct spot s;
	err_t err = dir_find((uint32_t)ino, dir, name, &s);

	return err == -ENOENT ? 0 : err == 0 ? -EEXIST : err;
}

static err_t put_target(uint32_t ino, struct ext2_inode *i, const char *target)
{
	uint32_t len = (uint32_t)strlen(target), block;
	uint8_t *at;
	bool fresh;
	err_t err;

	i->size = len;
	if (len < FAST_LINK) {
		memcpy(i->map, target, len);
		return 0;
	}
	err = map_make(ino, i, 0, &block, &fresh);
	if (err == 0)
		err = block_zero(block, &at);
	if (err == 0)
		memcpy(at, target, len);
	return err;
}

static err_t give_content(uint32_t ino, struct ext2_inode *i, uint32_t parent, const char *target)
{
	i->links = inode_type(i) == TYPE_DIR ? 2 : 1;
	if (inode_type(i) == TYPE_DIR)
		return dir_make(ino, i, parent);
	return inode_type(i) == TYPE_LINK ? put_target(ino, i, target) : 0;
}

err_t fs_create(const struct file_create_request *req, const char *name, const char *target,
		struct file_attr *a)
{
	bool dir = (req->mode & TYPE_MASK) == TYPE_DIR;
	struct ext2_inode *d, *i;
	uint32_t ino;
	err_t err;

	if (v->readonly)
		return -EROFS;
	if (!name_is_good(name) || (req->mode & TYPE_MASK) == 0)
		return -EINVAL;
	err = dir_get(req->dir, &d);
	if (err == 0)
		err = absent(req->dir, d, name);
	if (err == 0 && (d->links == 0 || (dir && d->links >= LINKS_MAX)))
		err = d->links == 0 ? -ENOENT : -EMLINK;
	if (err == 0)
		err = inode_alloc((uint32_t)req->dir, dir, &ino);
	if (err == 0)
		err = inode_new(ino, req, &i);
	if (err == 0)
		err = give_content(ino, i, (uint32_t)req->dir, target);
	if (err == 0)
		err = dir_add((uint32_t)req->dir, d, name, ino, i->mode);
	if (err != 0)
		return err;
	d->links = (uint16_t)(d->links + dir);
	attr_get(ino, i, a);
	return 0;
}

err_t fs_link(uint64_t dir, uint64_t file, const char *name, struct file_attr *a)
{
	struct ext2_inode *d, *i;
	err_t err;

	if (v->readonly)
		return -EROFS;
	if (!name_is_good(name))
		return -EINVAL;
	err = dir_get(dir, &d);
	if (err == 0)
		err = inode_get(file, &i);
	if (err == 0 && inode_type(i) == TYPE_DIR)
		err = -EPERM;
	if (err == 0)
		err = absent(dir, d, name);
	if (err == 0 && (i->links == 0 || i->links >= LINKS_MAX))
		err = i->links == 0 ? -ENOENT : -EMLINK;
	if (err == 0)
		err = dir_add((uint32_t)dir, d, name, (uint32_t)file, i->mode);
	if (err != 0)
		return err;
	inode_touch(i, FILE_SET_CTIME);
	i->links++;
	attr_get((uint32_t)file, i, a);
	return 0;
}

static err_t may_go(const struct ext2_inode *d, uint32_t ino, const struct ext2_inode *i,
		    bool rmdir)
{
	bool dir = inode_type(i) == TYPE_DIR;

	if (rmdir && !dir)
		return -ENOTDIR;
	if (!rmdir && dir)
		return -EISDIR;
	if (i->links == 0 || (dir && d->links < 3))
		return -EIO;
	return dir ? dir_is_empty(ino, i) : 0;
}

err_t fs_unlink(uint64_t dir, const char *name, bool rmdir, struct file_attr *a)
{
	struct ext2_inode *d, *i;
	struct spot s;
	uint32_t ino = 0;
	err_t err;

	if (v->readonly)
		return -EROFS;
	if (!name_is_good(name))
		return -EINVAL;
	err = dir_get(dir, &d);
	if (err == 0)
		err = dir_find((uint32_t)dir, d, name, &s);
	if (err == 0) {
		ino = s.entry->inode;
		err = ino == ROOT_INO || ino == dir ? -EIO : inode_get(ino, &i);
	}
	if (err == 0)
		err = may_go(d, ino, i, rmdir);
	if (err == 0 && (rmdir || i->links == 1))
		err = orphan_add(ino, i);
	if (err != 0)
		return err;
	dir_remove((uint32_t)dir, d, &s);
	d->links = (uint16_t)(d->links - rmdir);
	inode_touch(i, FILE_SET_CTIME);
	i->links = rmdir ? 0 : (uint16_t)(i->links - 1);
	attr_get(ino, i, a);
	return 0;
}
