/* SPDX-License-Identifier: BSD-2-Clause
 * procfs.c - /proc: what the system says of itself, as files in Linux's formats; and /sys, which
 *            has no more than the folders that programs look for.
 *
 * Job:      makes each file's text when it is read, from what pm, vm, log and the kernel say.
 * Speaks:   contracts/file, to vfs; contracts/pm, vm and log as a client.
 * Touches:  nothing.
 * Trusts:   those it asks. Nothing that a program can make longer than a buffer.
 * On crash: recovers in place; holds no state: the request is done again.
 */
#include "procfs.h"

#include <lib/assert.h>
#include <lib/clock.h>

struct peer pm = PEER("pm"), vm = PEER("vm"), log = PEER("log"), sched = PEER("sched");

enum { TYPE_MASK = 0170000, TYPE_DIR = 0040000, TYPE_LINK = 0120000, TYPE_FILE = 0100000,
       PROC_MAGIC_ = 0x9fa0, SYSFS_MAGIC_ = 0x62656572,
       PID_POS = 0x10000 };

static char buffer[64 * 1024];

void put(struct text *t, const char *what, ...)
{
	va_list ap;
	size_t n;

	va_start(ap, what);
	n = format_list(t->at + t->used, t->room - t->used, what, ap);
	va_end(ap);
	if (n >= t->room - t->used) {
		t->full = true;
		n = t->room - t->used - 1;
	}
	t->used += n;
}

void put_bytes(struct text *t, const char *bytes, size_t len)
{
	if (len > t->room - t->used)
		len = t->room - t->used;
	memcpy(t->at + t->used, bytes, len);
	t->used += len;
}

/* ---- numbers of files ---- */

static unsigned kind_of(uint64_t file)
{
	return file & 0xff;
}

static uint32_t pid_of(uint64_t file)
{
	return (uint32_t)(file >> 8);
}

static uint64_t number(uint32_t pid, unsigned kind)
{
	return (uint64_t)pid << 8 | kind;
}

static bool is_of_process(unsigned kind)
{
	unsigned parent = kinds[kind].parent;

	return kind == KIND_PID || kind == KIND_TID || parent == KIND_PID || parent == KIND_TASK ||
	       parent == KIND_TID;
}

static unsigned folders_in(unsigned dir)
{
	unsigned n = 0;

	for (unsigned k = 1; k < nr_kinds; k++)
		n += kinds[k].parent == dir && kinds[k].name != NULL &&
		     (kinds[k].mode & TYPE_MASK) == TYPE_DIR;
	return n;
}

static bool is_sysfs(unsigned kind)
{
	while (kind < nr_kinds && kinds[kind].parent != KIND_NONE)
		kind = kinds[kind].parent;
	return kind == KIND_SYSFS;
}

/* Fill in the attributes, if there is such a file (now). */
static err_t found(const struct call *c, uint32_t pid, unsigned kind)
{
	const struct kind *k = &kinds[kind];
	int64_t now = (int64_t)clock_realtime_ns();
	struct file_attr *a = &file_entry(c)->attr;
	struct pm_info_reply info = { 0 };

	if (is_of_process(kind) && !process_find(pid, &info))
		return -ENOENT;
	*a = (struct file_attr){
		.file = number(pid, kind), .mode = k->mode, .links = 1, .uid = info.uid,
		.gid = info.gid, .atime = now, .mtime = now, .ctime = now, .magic = k->magic,
		.rdev = k->magic ? pid : 0,
	};
	if ((k->mode & TYPE_MASK) == TYPE_DIR)
		a->links = 2 + folders_in(kind);
	assert(kind_of(a->file) == kind && pid_of(a->file) == pid);
	return 0;
}

static bool is_number(const char *name, uint32_t *value)
{
	*value = 0;
	if (name[0] == '\0' || name[0] == '0')
		return false;
	for (; *name; name++) {
		if (*name < '0' || *name > '9' || *value > 100000000)
			return false;
		*value = *value * 10 + (uint32_t)(*name - '0');
	}
	return true;
}

/* ---- contracts/file ---- */

static err_t do_file_mount(const struct call *c, const struct file_mount_request *req,
			   struct file_mount_reply *reply)
{
	unsigned root = strcmp(file_entry(c)->name2, "sysfs") == 0 ? KIND_SYSFS : KIND_ROOT;

	reply->root = number(0, root);
	reply->block = PAGE_SIZE;
	reply->flags = FILE_MOUNT_DIRECT | FILE_MOUNT_VOLATILE;
	return found(c, 0, root);
}

static err_t do_file_unmount(const struct call *c)
{
	return 0;
}

err_t procfs_lookup(unsigned dir, uint32_t dir_pid, const char *name, uint32_t *pid, unsigned *kind)
{
	if (dir >= nr_kinds || (kinds[dir].mode & TYPE_MASK) != TYPE_DIR)
		return -ENOTDIR;
	*kind = dir == KIND_ROOT ? KIND_PID : KIND_TID;
	if ((dir == KIND_ROOT || dir == KIND_TASK) && is_number(name, pid))
		return 0;
	*pid = dir_pid;
	for (*kind = 1; *kind < nr_kinds; ++*kind) {
		const struct kind *k = &kinds[*kind];

		if (k->parent == dir && k->name && strcmp(k->name, name) == 0)
			return 0;
	}
	return -ENOENT;
}

static err_t do_file_lookup(const struct call *c, const struct file_lookup_request *req)
{
	uint32_t pid;
	unsigned kind;
	err_t err = procfs_lookup(kind_of(req->dir), pid_of(req->dir), file_entry(c)->name, &pid,
				  &kind);

	if (err == 0)
		err = found(c, pid, kind);
	if (err != 0)
		prove_missing();
	return err;
}

/* Positions: 1, 2: dots; 3 + kind: the table's; PID_POS + pid: processes. */
static bool list_table(struct file_dirents *d, uint32_t pid, unsigned dir, uint64_t pos)
{
	for (unsigned k = 1; k < nr_kinds; k++)
		if (kinds[k].parent == dir && kinds[k].name && 3 + k > pos &&
		    !file_dirent(d, number(pid, k), 3 + k, kinds[k].mode, kinds[k].name))
			return false;
	return true;
}

static bool list_processes(struct file_dirents *d, uint64_t pos)
{
	uint32_t from = pos > PID_POS ? (uint32_t)(pos - PID_POS) + 1 : 1;
	struct pm_info_request req = { .from = from };
	struct pm_info_reply info;
	char name[12];

	if (pos >= PID_POS + UINT32_MAX)
		return true;
	for (; pm_info(&pm, &req, &info) == 0; req.from = info.pid + 1) {
		format(name, sizeof(name), "%u", info.pid);
		if (!file_dirent(d, number(info.pid, KIND_PID), PID_POS + info.pid, TYPE_DIR, name))
			return false;
	}
	return true;
}

static err_t do_file_readdir(const struct call *c, const struct file_readdir_request *req,
			     struct file_readdir_reply *reply)
{
	struct file_dirents d = { .at = buffer, .room = c->lent < 32768 ? c->lent : 32768 };
	unsigned dir = kind_of(req->dir);
	unsigned parent = dir;
	uint32_t pid = pid_of(req->dir);
	bool fits = true;
	char name[12];

	if (dir >= nr_kinds || (kinds[dir].mode & TYPE_MASK) != TYPE_DIR)
		return -ENOTDIR;
	if (kinds[dir].parent)
		parent = kinds[dir].parent;
	if (req->pos < 1)
		fits = file_dirent(&d, req->dir, 1, TYPE_DIR, ".");
	if (fits && req->pos < 2)
		fits = file_dirent(&d, number(pid, parent), 2, TYPE_DIR, "..");
	if (fits)
		fits = list_table(&d, pid, dir, req->pos);
	if (fits && dir == KIND_ROOT)
		fits = list_processes(&d, req->pos);
	if (fits && dir == KIND_TASK && req->pos < PID_POS) {
		format(name, sizeof(name), "%u", pid);
		fits = file_dirent(&d, number(pid, KIND_TID), PID_POS, TYPE_DIR, name);
	}
	if (!fits && d.used == 0)
		return -EINVAL;
	prove_listing(&d, dir, req->pos, fits);
	reply->done = (uint32_t)d.used;
	return d.used ? file_data_write(c, 0, buffer, d.used) : 0;
}

static err_t do_file_readlink(const struct call *c, const struct file_readlink_request *req,
			      struct file_readlink_reply *reply)
{
	unsigned kind = kind_of(req->file);

	if (kind >= nr_kinds || !kinds[kind].target)
		return -EINVAL;
	reply->len = (uint32_t)strlen(kinds[kind].target);
	strlcpy(file_entry(c)->name2, kinds[kind].target, FILE_NAME);
	return c->lent >= reply->len ? file_data_write(c, 0, kinds[kind].target, reply->len) : 0;
}

/* The text is made anew for each read: what a program reads in parts may change in between, as on
 * Linux. */
static err_t do_file_read(const struct call *c, const struct file_read_request *req,
			  struct file_read_reply *reply)
{
	struct text t = { .at = buffer, .room = sizeof(buffer) };
	unsigned kind = kind_of(req->file);
	uint64_t n;
	err_t err;

	if (kind >= nr_kinds || !kinds[kind].make)
		return -EIO;
	err = kinds[kind].make(&t, pid_of(req->file));
	if (err != 0) {
		prove_gone(pid_of(req->file));
		return err == -EIO ? -EIO : -ESRCH;     /* it has gone since it was opened */
	}
	prove_text(&t, kind);
	if (req->pos >= t.used)
		return 0;
	n = t.used - req->pos < c->lent ? t.used - req->pos : c->lent;
	reply->done = (uint32_t)n;
	return file_data_write(c, 0, buffer + req->pos, n);
}

static err_t do_file_write(const struct call *c, const struct file_write_request *req,
			   struct file_write_reply *reply)
{
	return -EROFS;
}

static err_t do_file_get_attr(const struct call *c, const struct file_get_attr_request *req)
{
	unsigned kind = kind_of(req->file);
	err_t err = kind > 0 && kind < nr_kinds ? found(c, pid_of(req->file), kind) : -ENOENT;

	if (err != 0)
		prove_missing();
	return err;
}

static err_t do_file_set_attr(const struct call *c, const struct file_set_attr_request *req)
{
	return -EROFS;
}

static err_t do_file_stat_fs(const struct call *c, const struct file_stat_fs_request *req,
			     struct file_stat_fs_reply *reply)
{
	reply->block = PAGE_SIZE;
	reply->name_max = 255;
	reply->type = is_sysfs(kind_of(req->root)) ? SYSFS_MAGIC_ : PROC_MAGIC_;
	return 0;
}

static err_t do_file_sync(const struct call *c, const struct file_sync_request *req)
{
	return 0;                       /* nothing is written here */
}

static err_t do_file_forget(const struct call *c, const struct file_forget_request *req)
{
	return 0;                       /* nothing is kept */
}

static err_t do_file_create(const struct call *c, const struct file_create_request *req)
{
	if (is_sysfs(kind_of(req->dir)))        /* as on Linux */
		return (req->mode & TYPE_MASK) == TYPE_FILE ? -EACCES : -EPERM;
	return -EROFS;
}

static err_t do_file_link(const struct call *c, const struct file_link_request *req)
{
	return -EROFS;
}

static err_t do_file_unlink(const struct call *c, const struct file_unlink_request *req)
{
	return is_sysfs(kind_of(req->dir)) ? -EPERM : -EROFS;
}

static err_t do_file_rename(const struct call *c, const struct file_rename_request *req,
			    struct file_rename_reply *reply)
{
	return -EROFS;
}

static void init(enum start_kind kind)
{
	peer_watch_answers();
	system_init();
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
		.name = "procfs", .init = init, .on_notify = file_server_notified,
	};

	file_server_init(&ops);
	server_run(&server);
}
