/* SPDX-License-Identifier: BSD-2-Clause
 * devpts.c - /dev/pts: a node for each pseudo-terminal whose master is open.
 *
 * Job:      the tree, which has no more than one folder; owners, modes and times of its nodes.
 * Speaks:   contracts/file, to vfs.
 * Touches:  state.pty[].node, state.pts, state.ptmx.
 * Trusts:   vfs to check permissions.
 * On crash: recovers in place, with the pairs.
 *
 * A file's number is generation << 16 | index: a pair that is made anew is another file.
 */
#include "tty.h"

#include <lib/clock.h>
#include <lib/file.h>
#include <lib/print.h>

enum { TYPE_MASK = 0170000, TYPE_DIR = 0040000, TYPE_CHAR = 0020000, TYPE_FILE = 0100000,
       DEVPTS_MAGIC_ = 0x1cd1, ROOT_MODE = 0755, MODE_BITS = 07777 };
enum { FILE_ROOT = 1, FILE_PTMX, FIRST_PTS };

static uint64_t file_of(const struct pty *p)
{
	return (uint64_t)p->generation << 16 | (FIRST_PTS + (uint64_t)(p - state.pty));
}

/* NULL: it is none, or not that one any more. */
static struct pty *pty_of_file(uint64_t file)
{
	uint64_t i = (file & 0xffff) - FIRST_PTS;

	return i < NR_PTYS && state.pty[i].used && file_of(&state.pty[i]) == file ? &state.pty[i]
										  : NULL;
}

static struct node *node_of(uint64_t file)
{
	struct pty *p = pty_of_file(file);

	return file == FILE_ROOT ? &state.pts : file == FILE_PTMX ? &state.ptmx :
	       p != NULL ? &p->node : NULL;
}

static err_t found(const struct call *c, uint64_t file)
{
	const struct node *n = node_of(file);
	const struct pty *p = pty_of_file(file);

	if (n == NULL)
		return -ENOENT;
	file_entry(c)->attr = (struct file_attr){
		.file = file, .mode = n->mode | (file == FILE_ROOT ? TYPE_DIR : TYPE_CHAR),
		.uid = n->uid, .gid = n->gid, .atime = n->atime, .mtime = n->mtime,
		.ctime = n->ctime, .links = file == FILE_ROOT ? 2 : p == NULL || p->master,
		.rdev = p != NULL ? (uint64_t)MAJOR_PTS << 32 | (uint64_t)(p - state.pty) :
			file == FILE_PTMX ? (uint64_t)MAJOR_TTY << 32 | MINOR_PTMX : 0,
	};
	return 0;
}

static err_t do_file_mount(const struct call *c, const struct file_mount_request *req,
			   struct file_mount_reply *reply)
{
	reply->root = FILE_ROOT;
	reply->block = PAGE_SIZE;
	reply->flags = FILE_MOUNT_DIRECT | FILE_MOUNT_VOLATILE;
	return found(c, FILE_ROOT);
}

static err_t do_file_unmount(const struct call *c)
{
	return 0;
}

static err_t do_file_lookup(const struct call *c, const struct file_lookup_request *req)
{
	const char *name = file_entry(c)->name;
	char own[12];

	if (req->dir != FILE_ROOT)
		return -ENOTDIR;
	if (strcmp(name, "ptmx") == 0)
		return found(c, FILE_PTMX);
	for (unsigned i = 0; i < NR_PTYS; i++) {
		format(own, sizeof(own), "%u", i);
		if (state.pty[i].master && strcmp(name, own) == 0)
			return found(c, file_of(&state.pty[i]));
	}
	return -ENOENT;
}

static err_t do_file_readdir(const struct call *c, const struct file_readdir_request *req,
			     struct file_readdir_reply *reply)
{
	static char buffer[PAGE_SIZE];
	struct file_dirents d = { .at = buffer, .room = sizeof(buffer) };
	bool fits = true;
	char name[12];

	if (req->dir != FILE_ROOT)
		return -ENOTDIR;
	if (c->lent < d.room)
		d.room = c->lent;
	if (req->pos < 1)
		fits = file_dirent(&d, FILE_ROOT, 1, TYPE_DIR, ".");
	if (fits && req->pos < 2)
		fits = file_dirent(&d, FILE_ROOT, 2, TYPE_DIR, "..");
	if (fits && req->pos < 3)
		fits = file_dirent(&d, FILE_PTMX, 3, TYPE_CHAR, "ptmx");
	for (unsigned i = 0; i < NR_PTYS && fits; i++) {
		if (!state.pty[i].master || 4 + i <= req->pos)
			continue;
		format(name, sizeof(name), "%u", i);
		fits = file_dirent(&d, file_of(&state.pty[i]), 4 + i, TYPE_CHAR, name);
	}
	if (!fits && d.used == 0)
		return -EINVAL;
	reply->done = (uint32_t)d.used;
	return d.used ? file_data_write(c, 0, buffer, d.used) : 0;
}

static err_t do_file_get_attr(const struct call *c, const struct file_get_attr_request *req)
{
	return found(c, req->file);
}

static err_t do_file_set_attr(const struct call *c, const struct file_set_attr_request *req)
{
	const struct file_attr *a = &file_entry(c)->attr;
	struct node *n = node_of(req->file);

	if (n == NULL)
		return -ENOENT;
	n->ctime = (int64_t)clock_realtime_ns();
	if (req->mask & FILE_SET_MODE)
		n->mode = a->mode & 07777;
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
	return found(c, req->file);
}

static err_t do_file_stat_fs(const struct call *c, const struct file_stat_fs_request *req,
			     struct file_stat_fs_reply *reply)
{
	reply->block = PAGE_SIZE;
	reply->name_max = 255;
	reply->type = DEVPTS_MAGIC_;
	return 0;
}

/* ---- nothing is made or kept here ---- */

static err_t do_file_create(const struct call *c, const struct file_create_request *req)
{
	return (req->mode & TYPE_MASK) == TYPE_FILE ? -EACCES : -EPERM;         /* as on Linux */
}

static err_t do_file_link(const struct call *c, const struct file_link_request *req)
{
	return -EPERM;
}

static err_t do_file_unlink(const struct call *c, const struct file_unlink_request *req)
{
	return -EPERM;
}

static err_t do_file_rename(const struct call *c, const struct file_rename_request *req,
			    struct file_rename_reply *reply)
{
	return -EPERM;
}

static err_t do_file_readlink(const struct call *c, const struct file_readlink_request *req,
			      struct file_readlink_reply *reply)
{
	return -EINVAL;
}

static err_t do_file_read(const struct call *c, const struct file_read_request *req,
			  struct file_read_reply *reply)
{
	return -EIO;
}

static err_t do_file_write(const struct call *c, const struct file_write_request *req,
			   struct file_write_reply *reply)
{
	return -EIO;
}

static err_t do_file_sync(const struct call *c, const struct file_sync_request *req)
{
	return 0;
}

static err_t do_file_forget(const struct call *c, const struct file_forget_request *req)
{
	return 0;
}

static void check_node(struct node *n, uint32_t usual, const char *name, unsigned number)
{
	if (n->mode <= MODE_BITS)
		return;
	print("recovery: %s%u had mode 0%o\n", name, number, n->mode);
	n->mode = usual;
}

/* Y5 */
void devpts_check(void)
{
	check_node(&state.pts, ROOT_MODE, "/dev/pts ", 0);
	check_node(&state.ptmx, 0, "/dev/pts/ptmx ", 0);
	for (unsigned i = 0; i < NR_PTYS; i++)
		check_node(&state.pty[i].node, PTS_MODE, "/dev/pts/", i);
}

void devpts_init(bool fresh)
{
	static const struct file_ops ops = {
		.mount = do_file_mount, .unmount = do_file_unmount, .lookup = do_file_lookup,
		.create = do_file_create, .link = do_file_link, .unlink = do_file_unlink,
		.rename = do_file_rename, .readlink = do_file_readlink,
		.readdir = do_file_readdir, .read = do_file_read, .write = do_file_write,
		.get_attr = do_file_get_attr, .set_attr = do_file_set_attr,
		.stat_fs = do_file_stat_fs, .sync = do_file_sync, .forget = do_file_forget,
	};
	int64_t now = (int64_t)clock_realtime_ns();

	file_server_init(&ops);
	if (!fresh)
		return;
	state.pts = (struct node){ .mode = ROOT_MODE, .atime = now, .mtime = now, .ctime = now };
	state.ptmx = (struct node){ .mode = 0, .atime = now, .mtime = now, .ctime = now };
}
