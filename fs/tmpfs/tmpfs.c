/* SPDX-License-Identifier: BSD-2-Clause
 * tmpfs.c - a file system in memory.
 *
 * Job:      directories, files, links and device nodes in tables of fixed size; begins with the
 *           content of root.cpio in the boot archive.
 * Speaks:   contracts/file, to vfs, on its board.
 * Touches:  its own memory; the boot archive, read-only.
 * Trusts:   vfs to have checked permissions and names.
 * On crash: recovers in place with all its content; the request is rolled back and done again.
 *           After a fresh start there is what the boot archive holds, with the numbers it had.
 */
#include "tmpfs.h"

#include <abi/boot.h>
#include <lib/image.h>
#include <lib/print.h>

enum { TMPFS_MAGIC_ = 0x01021994 };

/* A file that vfs hears of stays until it says forget. */
static err_t found(const struct call *c, struct node *n)
{
	n->used = 1;
	fill_attr(n, &file_entry(c)->attr);
	return 0;
}

static struct node *root_new(void)
{
	struct node *n = node_new(TYPE_DIR | 01777, 0, 0);

	if (n == NULL)
		return NULL;
	n->links = 2;
	n->parent = node_number(n);
	n->used = 1;
	return n;
}

/* All of it goes, from the leaves on; nothing is in use any more. Committed entry by entry: the
 * rest goes when the request is done again. */
static void tree_end(uint32_t tree)
{
	uint32_t at = tree < NR_TREES ? state.root_of[tree] : 0;

	while (at != 0) {
		struct node *n = &state.node[at], *child;
		struct dirent *e = &state.dirent[n->first];

		if (n->first != 0) {
			child = &state.node[e->node];
			if (is_dir(child) && child->first != 0) {
				at = e->node;
				continue;
			}
			entry_remove(n, e);
			if (is_dir(child))
				child->links = 0;
			child->used = 0;
			node_release(child);
		} else if (at == state.root_of[tree]) {
			n->links = n->used = 0;
			node_release(n);
			state.root_of[tree] = at = 0;
		} else {
			at = n->parent;
		}
		undo_commit();
	}
}

/* vfs has begun afresh. What had been written was in its pages alone: of the archive's tree names
 * stay, the others go as if they had been unmounted. */
static void begin_again(void)
{
	for (uint32_t tree = 0; tree < NR_TREES; tree++)
		tree_end(tree);
	for (uint32_t i = 1; i < NR_NODES; i++) {
		struct node *n = &state.node[i];

		if (n->mode == 0)
			continue;
		if ((n->mode & TYPE_MASK) == TYPE_FILE && n->source == 0) {
			pages_cut(n, 0);
			n->size = 0;
		}
		n->used = i == ROOT;
		node_release(n);
		undo_commit();
	}
	state.abandoned = 0;
}

/* The source `rootfs` is what the boot archive holds; anything else an empty tree. */
static err_t do_file_mount(const struct call *c, const struct file_mount_request *req,
			   struct file_mount_reply *reply)
{
	const struct file_entry *e = file_entry(c);
	uint32_t tree = e->tree, root = ROOT;

	if (tree >= NR_TREES)
		return -EINVAL;
	if (state.abandoned)
		begin_again();
	if (strcmp(e->name, "rootfs") != 0) {
		if (state.root_of[tree] == 0) {
			struct node *n = root_new();

			if (n == NULL)
				return -ENOSPC;
			state.root_of[tree] = node_number(n);
		}
		root = state.root_of[tree];
	}
	reply->root = root;
	reply->block = PAGE_SIZE;
	reply->flags = FILE_MOUNT_MEMORY;
	return found(c, &state.node[root]);
}

static err_t do_file_unmount(const struct call *c)
{
	tree_end(file_entry(c)->tree);
	return 0;
}

static err_t do_file_lookup(const struct call *c, const struct file_lookup_request *req)
{
	struct node *dir = node_of(req->dir);
	struct dirent *e;

	if (!dir || !is_dir(dir))
		return -ENOTDIR;
	e = entry_find(dir, file_entry(c)->name);
	return e ? found(c, &state.node[e->node]) : -ENOENT;
}

static bool name_is_good(const char *name)
{
	return name[0] && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static err_t put_target(struct node *n, const char *target)
{
	uint8_t *page = page_make(n, 0);

	if (!page)
		return -ENOSPC;
	n->size = strlen(target);
	memcpy(page, target, n->size);
	return 0;
}

static err_t do_file_create(const struct call *c, const struct file_create_request *req)
{
	struct file_entry *e = file_entry(c);
	struct node *dir = node_of(req->dir), *n;
	err_t err;

	if (!dir || !is_dir(dir) || !name_is_good(e->name))
		return -EINVAL;
	if (entry_find(dir, e->name))
		return -EEXIST;
	n = node_new(req->mode, req->uid, req->gid);
	if (!n)
		return -ENOSPC;
	n->rdev = req->rdev;
	n->links = is_dir(n) ? 1 : 0;
	err = (n->mode & TYPE_MASK) == TYPE_LINK ? put_target(n, e->name2) : 0;
	if (err == 0)
		err = entry_add(dir, e->name, n);
	if (err != 0) {
		n->links = 0;
		node_release(n);
		return err;
	}
	return found(c, n);
}

static err_t do_file_link(const struct call *c, const struct file_link_request *req)
{
	struct file_entry *e = file_entry(c);
	struct node *dir = node_of(req->dir), *n = node_of(req->file);
	err_t err;

	if (!dir || !is_dir(dir) || !n || !name_is_good(e->name))
		return -EINVAL;
	if (is_dir(n))
		return -EPERM;
	if (entry_find(dir, e->name))
		return -EEXIST;
	if (n->links >= LINK_MAX_)
		return -EMLINK;
	err = entry_add(dir, e->name, n);
	return err != 0 ? err : found(c, n);
}

static err_t do_file_unlink(const struct call *c, const struct file_unlink_request *req)
{
	struct node *dir = node_of(req->dir), *n;
	struct dirent *e;

	if (!dir || !is_dir(dir))
		return -ENOTDIR;
	e = entry_find(dir, file_entry(c)->name);
	if (!e)
		return -ENOENT;
	n = &state.node[e->node];
	if (req->directory && !is_dir(n))
		return -ENOTDIR;
	if (!req->directory && is_dir(n))
		return -EISDIR;
	if (is_dir(n) && n->first)
		return -ENOTEMPTY;
	entry_remove(dir, e);
	if (is_dir(n))
		n->links = 0;
	fill_attr(n, &file_entry(c)->attr);
	node_release(n);
	return 0;
}

/* Would moving n under dir make a loop? */
static bool is_below(const struct node *dir, const struct node *n)
{
	for (unsigned steps = 0; steps < NR_NODES; steps++) {
		if (dir == n)
			return true;
		if (dir->parent == node_number(dir))    /* a tree's root */
			return false;
		dir = &state.node[dir->parent];
	}
	return true;
}

static err_t exchange(struct node *dir, struct dirent *a, struct node *dir2, struct dirent *b)
{
	struct node *x = &state.node[a->node], *y = &state.node[b->node];
	uint32_t number = a->node;

	if ((is_dir(x) && is_below(dir2, x)) || (is_dir(y) && is_below(dir, y)))
		return -EINVAL;
	a->node = b->node;
	b->node = number;
	if (is_dir(x)) {
		x->parent = node_number(dir2);
		dir->links--;
		dir2->links++;
	}
	if (is_dir(y)) {
		y->parent = node_number(dir);
		dir2->links--;
		dir->links++;
	}
	dir->mtime = dir->ctime = dir2->mtime = dir2->ctime = now();
	return 0;
}

static err_t replace_check(const struct node *n, const struct node *old)
{
	if (is_dir(n) && !is_dir(old))
		return -ENOTDIR;
	if (!is_dir(n) && is_dir(old))
		return -EISDIR;
	return is_dir(old) && old->first ? -ENOTEMPTY : 0;
}

static void drop(struct node *dir, struct dirent *e, struct node *old)
{
	entry_remove(dir, e);
	if (is_dir(old))
		old->links = 0;
	node_release(old);
}

static err_t do_file_rename(const struct call *c, const struct file_rename_request *req,
			    struct file_rename_reply *reply)
{
	enum { NOREPLACE = 1, EXCHANGE = 2 };
	struct file_entry *w = file_entry(c);
	struct node *dir = node_of(req->dir), *dir2 = node_of(req->dir2), *n, *old;
	struct dirent *e, *e2;
	err_t err;

	if (!dir || !dir2 || !is_dir(dir) || !is_dir(dir2) || !name_is_good(w->name2))
		return -EINVAL;
	e = entry_find(dir, w->name);
	e2 = entry_find(dir2, w->name2);
	if (!e || (req->flags & EXCHANGE && !e2))
		return -ENOENT;
	n = &state.node[e->node];
	old = e2 ? &state.node[e2->node] : NULL;
	if (req->flags & EXCHANGE) {
		err = exchange(dir, e, dir2, e2);
		return err != 0 ? err : found(c, n);
	}
	if (e2 && req->flags & NOREPLACE)
		return -EEXIST;
	if (is_dir(n) && is_below(dir2, n))
		return -EINVAL;
	if (old == n)
		return found(c, n);
	err = old ? replace_check(n, old) : 0;
	if (err == 0 && entries_full())
		err = -ENOSPC;
	if (err != 0)
		return err;
	if (old) {
		reply->replaced = node_number(old);
		drop(dir2, e2, old);
	}
	n->links++;                     /* while it has no entry, so that it is not freed */
	entry_remove(dir, e);
	err = entry_add(dir2, w->name2, n);
	n->links--;
	return err != 0 ? err : found(c, n);
}

static err_t do_file_readlink(const struct call *c, const struct file_readlink_request *req,
			      struct file_readlink_reply *reply)
{
	struct node *n = node_of(req->file);
	const uint8_t *page;

	if (!n || (n->mode & TYPE_MASK) != TYPE_LINK)
		return -EINVAL;
	page = page_find(n, 0);
	reply->len = (uint32_t)n->size;
	if (n->size < FILE_NAME) {
		memcpy(file_entry(c)->name2, page, n->size);
		file_entry(c)->name2[n->size] = '\0';
	}
	return c->lent >= n->size ? file_data_write(c, 0, page, n->size) : 0;
}

static err_t do_file_readdir(const struct call *c, const struct file_readdir_request *req,
			     struct file_readdir_reply *reply)
{
	static char buffer[32 * 1024];
	struct node *dir = node_of(req->dir);
	struct file_dirents d = { .at = buffer, .room = sizeof(buffer) };
	bool fits = true;

	if (!dir || !is_dir(dir))
		return -ENOTDIR;
	if (c->lent < d.room)
		d.room = c->lent;
	if (req->pos < 1)
		fits = file_dirent(&d, req->dir, 1, TYPE_DIR, ".");
	if (fits && req->pos < 2)
		fits = file_dirent(&d, dir->parent, 2, TYPE_DIR, "..");
	for (uint32_t i = dir->first; i && fits; i = state.dirent[i].next) {
		const struct dirent *e = &state.dirent[i];

		if (e->pos > req->pos)
			fits = file_dirent(&d, e->node, e->pos, state.node[e->node].mode, e->name);
	}
	if (!fits && d.used == 0)
		return -EINVAL;
	reply->done = (uint32_t)d.used;
	return d.used ? file_data_write(c, 0, buffer, d.used) : 0;
}

static const uint8_t *bytes_at(const struct node *n, uint64_t pos)
{
	static const uint8_t zeros[PAGE_SIZE];
	const uint8_t *page;

	if (n->source)
		return (const uint8_t *)RS_ARCHIVE_VA + n->source + pos;
	page = page_find(n, (uint32_t)(pos / PAGE_SIZE));
	return page ? page + pos % PAGE_SIZE : zeros;
}

static err_t give_zeros(const struct call *c, uint64_t from)
{
	static const uint8_t zeros[PAGE_SIZE];

	while (from < c->lent) {
		uint64_t n = c->lent - from < PAGE_SIZE ? c->lent - from : PAGE_SIZE;
		err_t err = file_data_write(c, from, zeros, n);

		if (err != 0)
			return err;
		from += n;
	}
	return 0;
}

static err_t do_file_read(const struct call *c, const struct file_read_request *req,
			  struct file_read_reply *reply)
{
	struct node *n = node_of(req->file);
	uint64_t there, done = 0;

	if (!n || is_dir(n))
		return -EIO;
	there = req->pos < n->size ? n->size - req->pos : 0;
	if (there > c->lent)
		there = c->lent;
	while (done < there) {
		uint64_t pos = req->pos + done, len = PAGE_SIZE - pos % PAGE_SIZE;
		err_t err;

		if (len > there - done)
			len = there - done;
		err = file_data_write(c, done, bytes_at(n, pos), len);
		if (err != 0)
			return err;
		done += len;
	}
	reply->done = (uint32_t)done;
	return give_zeros(c, done);
}

static err_t do_file_write(const struct call *c, const struct file_write_request *req,
			   struct file_write_reply *reply)
{
	struct node *n = node_of(req->file);
	uint64_t done = 0;
	err_t err;

	if (!n || is_dir(n))
		return -EIO;
	err = source_copy(n);
	while (err == 0 && done < c->lent) {
		uint64_t pos = req->pos + done, len = PAGE_SIZE - pos % PAGE_SIZE;
		uint8_t *page = page_make(n, (uint32_t)(pos / PAGE_SIZE));

		if (len > c->lent - done)
			len = c->lent - done;
		err = page ? file_data_read(c, done, page + pos % PAGE_SIZE, len) : -ENOSPC;
		if (err == 0)
			done += len;
	}
	if (err != 0)
		return err;
	reply->done = (uint32_t)done;
	if (req->size > n->size)
		n->size = req->size;
	if (req->pos + done > n->size)
		n->size = req->pos + done;
	n->mtime = n->ctime = now();
	return 0;
}

static err_t do_file_get_attr(const struct call *c, const struct file_get_attr_request *req)
{
	struct node *n = node_of(req->file);

	return n ? found(c, n) : -ENOENT;
}

static err_t resize(struct node *n, uint64_t size)
{
	err_t err;

	if (size / PAGE_SIZE >= UINT32_MAX)
		return -ENOSPC;
	if (size == 0 && n->source) {
		n->source = 0;
		n->size = 0;
		return 0;
	}
	err = source_copy(n);
	if (err != 0)
		return err;
	if (size < n->size)
		pages_cut(n, size);
	n->size = size;
	return 0;
}

static err_t do_file_set_attr(const struct call *c, const struct file_set_attr_request *req)
{
	struct node *n = node_of(req->file);
	const struct file_attr *a = &file_entry(c)->attr;

	if (!n)
		return -ENOENT;
	if (req->mask & FILE_SET_SIZE) {
		err_t err = resize(n, a->size);

		if (err != 0)
			return err;
		n->mtime = now();
	}
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
		.blocks = NR_DATA_PAGES - 1, .free = NR_DATA_PAGES - 1 - state.pages,
		.files = NR_NODES - 1, .free_files = NR_NODES - 1 - state.nodes,
		.block = PAGE_SIZE, .name_max = NAME_MAX_, .type = TMPFS_MAGIC_,
	};
	return 0;
}

static err_t do_file_sync(const struct call *c, const struct file_sync_request *req)
{
	return 0;               /* there is no device behind it: memory is all it promises */
}

static err_t do_file_forget(const struct call *c, const struct file_forget_request *req)
{
	struct node *n = node_of(req->file);

	if (n && node_number(n) != ROOT) {
		n->used = 0;
		node_release(n);
	}
	return 0;
}

/* ---- start ---- */

static void on_notify(uint64_t services)
{
	if (file_asker_changed())
		state.abandoned = 1;
	file_server_notified(services);
}

static void init(enum start_kind kind)
{
	struct image cpio;
	struct node *root;

	if (kind != START_FRESH)
		return;
	tables_init();
	root = node_new(TYPE_DIR | 0755, 0, 0);
	root->links = 2;
	root->parent = ROOT;
	root->used = 1;
	if (image_find("root.cpio", &cpio) == 0)
		cpio_load(cpio.elf, cpio.size);
	state.generation = (uint32_t)(clock_monotonic_ns() / 1024) | 1;  /* not an earlier life's */
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
		.name = "tmpfs", .init = init, .check = tree_check,
		.on_notify = on_notify,
	};

	file_server_init(&ops);
	server_run(&server);
}
