/* SPDX-License-Identifier: BSD-2-Clause
 * devfs.c - /dev: a node for each device that there is.
 *
 * Job:      a tree of devices, folders and links in memory. Programs may change it as they like,
 *           but not keep data in it.
 * Speaks:   contracts/file, to vfs; contracts/ds as a client (devices.c).
 * Touches:  nothing but its state.
 * Trusts:   vfs to check permissions.
 * On crash: recovers in place.
 *
 * A node says only which device it is: vfs finds the server of a device by its number.
 */
#include "devfs.h"

#include <lib/service_ids.h>

enum { TMPFS_MAGIC_ = 0x01021994, FIRST_POS = 3 };

static err_t found(const struct call *c, struct node *n)
{
	struct file_attr *a = &file_entry(c)->attr;

	n->held = 1;
	*a = (struct file_attr){
		.file = file_of(n), .rdev = n->rdev, .mode = n->mode, .uid = n->uid,
		.gid = n->gid, .atime = n->atime, .mtime = n->mtime, .ctime = n->ctime,
		.links = n->name[0] == '\0' && node_index(n) != ROOT ? 0 : is_dir(n) ? 2 : 1,
		.size = (n->mode & TYPE_MASK) == TYPE_LINK ? strlen(n->target) : 0,
	};
	return 0;
}

static err_t do_file_mount(const struct call *c, const struct file_mount_request *req,
			   struct file_mount_reply *reply)
{
	reply->root = file_of(&state.node[ROOT]);
	reply->block = PAGE_SIZE;
	reply->flags = FILE_MOUNT_DIRECT;
	return found(c, &state.node[ROOT]);
}

static err_t do_file_unmount(const struct call *c)
{
	return 0;
}

static err_t do_file_lookup(const struct call *c, const struct file_lookup_request *req)
{
	struct node *dir = node_of(req->dir), *n;

	if (dir == NULL || !is_dir(dir))
		return -ENOTDIR;
	n = node_find(dir, file_entry(c)->name);
	return n != NULL ? found(c, n) : -ENOENT;
}

static bool name_is_good(const char *name)
{
	return name[0] != '\0' && strchr(name, '/') == NULL && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0;
}

static err_t do_file_create(const struct call *c, const struct file_create_request *req)
{
	struct file_entry *e = file_entry(c);
	struct node *dir = node_of(req->dir), *n;

	if (dir == NULL || !is_dir(dir))
		return -ENOENT;                 /* it has gone with its devices */
	if (!name_is_good(e->name))
		return -EINVAL;
	if (strlen(e->name) >= NODE_NAME || strlen(e->name2) >= NODE_TARGET)
		return -ENAMETOOLONG;
	if ((req->mode & TYPE_MASK) == TYPE_FILE)
		return -EPERM;
	if (node_find(dir, e->name) != NULL)
		return -EEXIST;
	n = node_new(dir, e->name, req->mode);
	if (n == NULL)
		return -ENOSPC;
	n->uid = req->uid;
	n->gid = req->gid;
	n->rdev = req->rdev;
	if ((req->mode & TYPE_MASK) == TYPE_LINK)
		strlcpy(n->target, e->name2, sizeof(n->target));
	return found(c, n);
}

static err_t do_file_link(const struct call *c, const struct file_link_request *req)
{
	return -EPERM;
}

static err_t do_file_unlink(const struct call *c, const struct file_unlink_request *req)
{
	struct node *dir = node_of(req->dir), *n;

	if (dir == NULL || !is_dir(dir))
		return -ENOTDIR;
	n = node_find(dir, file_entry(c)->name);
	if (n == NULL)
		return -ENOENT;
	if (req->directory && !is_dir(n))
		return -ENOTDIR;
	if (!req->directory && is_dir(n))
		return -EISDIR;
	if (is_dir(n) && !is_empty(n))
		return -ENOTEMPTY;
	n->held = 1;                    /* until vfs forgets it */
	node_remove(n);
	return found(c, n);
}

static err_t replace(struct node *n, struct node *old, uint32_t flags)
{
	enum { NOREPLACE = 1 };

	if (flags & NOREPLACE)
		return -EEXIST;
	if (is_dir(n) != is_dir(old))
		return is_dir(n) ? -ENOTDIR : -EISDIR;
	if (is_dir(old) && !is_empty(old))
		return -ENOTEMPTY;
	node_remove(old);
	return 0;
}

static err_t do_file_rename(const struct call *c, const struct file_rename_request *req,
			    struct file_rename_reply *reply)
{
	enum { EXCHANGE = 2 };
	struct file_entry *w = file_entry(c);
	struct node *dir = node_of(req->dir), *dir2 = node_of(req->dir2), *n, *old;
	err_t err = 0;

	if (dir == NULL || dir2 == NULL || !is_dir(dir) || !is_dir(dir2) ||
	    !name_is_good(w->name2) || req->flags & EXCHANGE)
		return -EINVAL;
	if (strlen(w->name2) >= NODE_NAME)
		return -ENAMETOOLONG;
	n = node_find(dir, w->name);
	old = node_find(dir2, w->name2);
	if (n == NULL)
		return -ENOENT;
	if (is_dir(n) && is_below(dir2, n))
		return -EINVAL;
	if (n == old)
		return found(c, n);
	if (old != NULL) {
		reply->replaced = file_of(old);
		err = replace(n, old, req->flags);
	}
	if (err != 0)
		return err;
	strlcpy(n->name, w->name2, sizeof(n->name));
	n->parent = (uint16_t)node_index(dir2);
	n->device = 0;                  /* it is the program's now */
	dir->mtime = dir->ctime = dir2->mtime = dir2->ctime = n->ctime = now();
	return found(c, n);
}

static err_t do_file_readlink(const struct call *c, const struct file_readlink_request *req,
			      struct file_readlink_reply *reply)
{
	const struct node *n = node_of(req->file);

	if (n == NULL || (n->mode & TYPE_MASK) != TYPE_LINK)
		return -EINVAL;
	reply->len = (uint32_t)strlen(n->target);
	strlcpy(file_entry(c)->name2, n->target, FILE_NAME);
	return c->lent >= reply->len ? file_data_write(c, 0, n->target, reply->len) : 0;
}

static err_t do_file_readdir(const struct call *c, const struct file_readdir_request *req,
			     struct file_readdir_reply *reply)
{
	static char buffer[16 * 1024];
	const struct node *dir = node_of(req->dir);
	struct file_dirents d = { .at = buffer, .room = sizeof(buffer) };
	bool fits = true;

	if (dir == NULL || !is_dir(dir))
		return -ENOTDIR;
	if (c->lent < d.room)
		d.room = c->lent;
	if (req->pos < 1)
		fits = file_dirent(&d, req->dir, 1, TYPE_DIR, ".");
	if (fits && req->pos < 2)
		fits = file_dirent(&d, file_of(&state.node[dir->parent]), 2, TYPE_DIR, "..");
	for (unsigned i = ROOT + 1; i < NR_NODES && fits; i++) {
		const struct node *n = &state.node[i];

		if (n->mode != 0 && n->name[0] != '\0' && n->parent == node_index(dir) &&
		    i + FIRST_POS > req->pos)
			fits = file_dirent(&d, file_of(n), i + FIRST_POS, n->mode, n->name);
	}
	if (!fits && d.used == 0)
		return -EINVAL;
	reply->done = (uint32_t)d.used;
	return d.used != 0 ? file_data_write(c, 0, buffer, d.used) : 0;
}

static err_t do_file_read(const struct call *c, const struct file_read_request *req,
			  struct file_read_reply *reply)
{
	return -EIO;                    /* no node has data here */
}

static err_t do_file_write(const struct call *c, const struct file_write_request *req,
			   struct file_write_reply *reply)
{
	return -EROFS;
}

static err_t do_file_get_attr(const struct call *c, const struct file_get_attr_request *req)
{
	struct node *n = node_of(req->file);

	return n != NULL ? found(c, n) : -ENOENT;
}

static err_t do_file_set_attr(const struct call *c, const struct file_set_attr_request *req)
{
	struct node *n = node_of(req->file);
	const struct file_attr *a = &file_entry(c)->attr;

	if (n == NULL)
		return -ENOENT;
	n->ctime = now();
	if (req->mask & FILE_SET_MODE)
		n->mode = (n->mode & TYPE_MASK) | (a->mode & 07777);
	if (req->mask & FILE_SET_UID)
		n->uid = a->uid;
	if (req->mask & FILE_SET_GID)
		n->gid = a->gid;
	if (req->mask & FILE_SET_ATIME)
		n->atime = a->atime;
	if (req->mask & FILE_SET_MTIME)
		n->mtime = a->mtime;
	if (req->mask & FILE_SET_CTIME)
		n->ctime = a->ctime;
	return found(c, n);
}

static err_t do_file_stat_fs(const struct call *c, const struct file_stat_fs_request *req,
			     struct file_stat_fs_reply *reply)
{
	*reply = (struct file_stat_fs_reply){
		.files = NR_NODES - 1, .block = PAGE_SIZE, .name_max = NODE_NAME - 1,
		.type = TMPFS_MAGIC_,   /* as Linux's devtmpfs */
	};
	for (unsigned i = ROOT; i < NR_NODES; i++)
		reply->free_files += state.node[i].mode == 0;
	return 0;
}

static err_t do_file_sync(const struct call *c, const struct file_sync_request *req)
{
	return 0;
}

static err_t do_file_forget(const struct call *c, const struct file_forget_request *req)
{
	struct node *n = node_of(req->file);

	if (n != NULL)
		node_forget(n);
	return 0;
}

/* ---- start ---- */

static void on_notify(uint64_t services)
{
	bool asker_changed = file_asker_changed();

	if (services & BIT(ID_DS))
		devices_changed();
	for (unsigned i = 0; asker_changed && i < NR_NODES; i++)
		if (state.node[i].mode != 0)
			node_forget(&state.node[i]);
	file_server_notified(services);
}

static void init(enum start_kind kind)
{
	if (kind == START_FRESH) {
		int64_t t = now();

		state.node[ROOT] = (struct node){
			.mode = TYPE_DIR | 0755, .parent = ROOT, .generation = 1, .atime = t,
			.mtime = t, .ctime = t,
		};
		devices_init();
	}
	devices_subscribe_again();
}

static err_t check(void)
{
	if (!is_dir(&state.node[ROOT]))                                         /* D1 */
		return -EINVAL;
	for (unsigned i = ROOT + 1; i < NR_NODES; i++) {
		const struct node *n = &state.node[i];

		if (n->name[NODE_NAME - 1] != '\0' || n->target[NODE_TARGET - 1] != '\0' ||
		    n->parent >= NR_NODES)
			return -EINVAL;
	}
	return 0;
}

int main(void)
{
	static const struct file_ops ops = {
		.mount = do_file_mount, .unmount = do_file_unmount, .lookup = do_file_lookup,
		.create = do_file_create, .link = do_file_link, .unlink = do_file_unlink,
		.rename = do_file_rename, .readlink = do_file_readlink,
		.readdir = do_file_readdir, .read = do_file_read, .write = do_file_write,
		.get_attr = do_file_get_attr, .set_attr = do_file_set_attr,
		.stat_fs = do_file_stat_fs, .sync = do_file_sync, .forget = do_file_forget,
	};
	static const struct server server = {
		.name = "devfs", .init = init, .check = check, .on_notify = on_notify,
	};

	file_server_init(&ops);
	server_run(&server);
}
