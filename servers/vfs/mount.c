/* SPDX-License-Identifier: BSD-2-Clause
 * mount.c - trees and where they hang.
 *
 * Job:      mount, umount2; the mounts of the boot, as soon as their servers are there.
 * Speaks:   Linux calls; contracts/file (mount, unmount).
 * Touches:  state.mount.
 * Trusts:   a file server for its root's attributes.
 * On crash: recovers in place; `mount` is idempotent.
 * Spec:     mount(2), umount(2).
 */
#include "vfs.h"

#include <lib/boot.h>

enum { MS_RDONLY_ = 1, MS_REMOUNT_ = 32, MS_BIND_ = 4096, MS_MOVE_ = 8192,
       MS_PROPAGATION_ = 0x1e0000 };

/* What is mounted without being asked, in this order; the first is the root, which `root=` of the
 * boot command line puts on a disk. */
static struct automount { const char *server, *type, *source, *path; } automount[] = {
	{ "tmpfs", "tmpfs", "rootfs", "/" },
	{ "devfs", "devtmpfs", "devtmpfs", "/dev" },
	{ "procfs", "proc", "proc", "/proc" },
	{ "tmpfs", "tmpfs", "tmpfs", "/dev/shm" },
	{ "devpts", "devpts", "devpts", "/dev/pts" },
	{ "procfs", "sysfs", "sysfs", "/sys" },
};

static const struct { const char *type, *server; } types[] = {
	{ "tmpfs", "tmpfs" }, { "ramfs", "tmpfs" }, { "devtmpfs", "devfs" }, { "proc", "procfs" },
	{ "devpts", "devpts" }, { "sysfs", "procfs" },
};

#define DEVICE(major, minor) ((uint64_t)(major) << 32 | (minor))         /* file_attr.rdev */

/* Each disk has a file server of its own: a bad disk takes down what is on it, nothing else. */
static const struct { const char *name, *server; uint64_t device; } disks[] = {
	{ "/dev/vda", "ext2", DEVICE(254, 0) },
	{ "/dev/vdb", "ext2_1", DEVICE(254, 16) },
	{ "/dev/vdc", "ext2_2", DEVICE(254, 32) },
	{ "/dev/vdd", "ext2_3", DEVICE(254, 48) },
	{ "/dev/ram0", "ext2_ram", DEVICE(1, 0) },
};

/* A disk's own, or one that is nobody's. */
static uint64_t device_of(unsigned server, unsigned mount)
{
	for (unsigned i = 0; i < COUNT(disks); i++)
		if (server_find(disks[i].server) == server)
			return disks[i].device;
	return DEVICE(0, MOUNT_MINOR + mount);
}

static char path[PATH_MAX_], source[SOURCE], type_name[16], root_name[SOURCE];

static unsigned mount_row(unsigned server, const char *from, const char *type, uint32_t flags)
{
	for (unsigned n = 1; n < NR_MOUNTS; n++) {
		struct mount *m = &state.mount[n];

		if (m->used)
			continue;
		memset(m, 0, sizeof(*m));
		m->used = 1;
		m->server = (uint8_t)server;
		m->device = device_of(server, n);
		m->ms_flags = flags;
		strlcpy(m->source, from, sizeof(m->source));
		strlcpy(m->type, type, sizeof(m->type));
		return n;
	}
	return 0;
}

static void mount_undo(unsigned n)
{
	struct mount *m = &state.mount[n];

	if (m->root != 0)
		inode_release(m->root);
	memset(m, 0, sizeof(*m));
}

/* The server's answer: the root gets its row. Before the row goes on. */
void mount_done(struct request *q, struct file_entry *e)
{
	const struct file_mount_reply *reply = (const struct file_mount_reply *)e->answer;
	struct mount *m = &state.mount[q->keep % NR_MOUNTS];
	struct file_attr attr = e->attr_now;
	unsigned root;

	if (e->err != 0 || !m->used || (m->root != 0 && !m->ready))
		return;
	m->block = reply->block;
	if (m->ready) {                 /* again */
		m->flags = (uint8_t)(reply->flags | (m->flags & FILE_MOUNT_READONLY));
		attr.file = reply->root;
		inode_is_now(m->root, &attr, q->stamp);
		return;
	}
	m->flags = (uint8_t)(reply->flags | (m->ms_flags & MS_RDONLY_ ? FILE_MOUNT_READONLY : 0));
	attr.file = reply->root;
	root = inode_get((unsigned)q->keep, &attr, q->stamp);
	m->root = (uint16_t)root;
	inode_hold(root);
}

static int64_t ask_mount(struct op *o, unsigned n)
{
	struct mount *m = &state.mount[n];
	struct request *q;
	struct file_entry *e = ask_file(o, n, FILE_MOUNT, &q);

	if (e == NULL) {
		mount_undo(n);
		return state.server[m->server].who.v != 0 ? -PARKED : -ENODEV;
	}
	q->keep = n;
	((struct file_mount_request *)e->w)->flags = m->ms_flags & MS_RDONLY_;
	strlcpy(e->name, m->source, sizeof(e->name));
	strlcpy(e->name2, m->type, sizeof(e->name2));
	row_get(o)->step = 1;
	o->row->total = n;
	return ask_send(o, q);
}

/* The answer is there: hang it over `covers` (0: it is the root of all). */
static int64_t hang(unsigned n, unsigned covers, int64_t err)
{
	struct mount *m = &state.mount[n];

	if (err == 0 && m->root == 0)
		err = -EIO;
	if (err == 0 && covers != 0 && state.inode[covers].mounted != 0)
		err = -EBUSY;
	if (err != 0) {
		mount_undo(n);
		return err;
	}
	m->covers = (uint16_t)covers;
	m->ready = 1;
	if (covers == 0) {
		state.root_mount = (uint16_t)n;
	} else {
		inode_hold(covers);
		state.inode[covers].mounted = (uint16_t)n;
	}
	return 0;
}

/* ---- at boot ---- */

/* `root=/dev/vda`, or without /dev/. At every start: what it decides is not state. */
void mounts_init(void)
{
	static struct boot_info boot;
	struct boot_info_request req = { (uint64_t)(uintptr_t)&boot };
	const char *name = root_name;
	size_t dev = strlen("/dev/");

	if (state.root_refused || sys_boot_info(&req) != 0)
		return;
	boot.cmdline[BOOT_CMDLINE - 1] = '\0';
	if (!boot_option(boot.cmdline, "root", root_name, sizeof(root_name)) ||
	    strcmp(name, "tmpfs") == 0)
		return;
	if (strncmp(name, "/dev/", dev) == 0)
		name += dev;
	for (unsigned i = 0; i < COUNT(disks); i++)
		if (strcmp(disks[i].name + dev, name) == 0) {
			automount[0] = (struct automount){
				disks[i].server, "ext2", disks[i].name, "/",
			};
			return;
		}
	print("root=%s: no such disk; the root is in memory\n", name);
}

/* The disk has no root that can be used: rather one in memory than none. */
static void root_refused(int64_t err)
{
	print("%s is not mounted (error %d); the root is in memory\n", automount[0].source,
	      (int)-err);
	automount[0] = (struct automount){ "tmpfs", "tmpfs", "rootfs", "/" };
	state.root_refused = 1;
}

static bool is_mounted(unsigned i)
{
	for (unsigned n = 1; n < NR_MOUNTS; n++)
		if (state.mount[n].ready && strcmp(state.mount[n].path, automount[i].path) == 0)
			return true;
	return false;
}

bool mounts_pending(void)
{
	for (unsigned i = 0; i < COUNT(automount); i++)
		if (!is_mounted(i) && !(state.mounts_refused & BIT(i)))
			return true;
	return false;
}

/* A path below another of the list waits for that. */
static bool is_early(unsigned i)
{
	if (i > 0 && state.root_mount == 0)
		return true;
	for (unsigned k = 1; k < COUNT(automount); k++) {
		size_t len = strlen(automount[k].path);

		if (k != i && strncmp(automount[i].path, automount[k].path, len) == 0 &&
		    automount[i].path[len] == '/' && !is_mounted(k))
			return true;
	}
	return false;
}

void mounts_try(void)
{
	for (unsigned i = 0; i < COUNT(automount); i++) {
		unsigned server = server_find(automount[i].server);
		struct row *r = &state.row[ROW_MOUNT + i];

		if (is_mounted(i) || state.server[server].who.v == 0 || r->phase != ROW_FREE ||
		    state.mounts_refused & BIT(i) || is_early(i))
			continue;
		row_ready(row_internal(ROW_MOUNT + i, TYPE_AUTOMOUNT));
	}
	init_look();
	rows_run();
}

int64_t linux_automount(struct op *o)
{
	unsigned i = row_index(o->row) - ROW_MOUNT, n;
	struct found f = { .inode = 0 };
	int64_t err = 0;

	if (i > 0)
		err = walk_text(o, AT_FDCWD_, automount[i].path, WALK_FOLLOW, &f);
	if (err == -PARKED)
		return err;
	if (err == 0 && o->row->step == 0) {
		n = mount_row(server_find(automount[i].server), automount[i].source,
			      automount[i].type, 0);
		return n == 0 ? -ENOSPC : ask_mount(o, n);
	}
	if (err == 0) {
		n = (unsigned)o->row->total;
		err = hang(n, f.inode, o->row->result);
		if (err == 0)
			strlcpy(state.mount[n].path, automount[i].path,
				sizeof(state.mount[n].path));
	}
	row_free(o->row);
	if (err != 0 && i == 0 && !state.root_refused)
		root_refused(err);
	else if (err != 0)
		print("%s not mounted: %d\n", automount[i].path, (int)-err);
	if (err == -ENOENT || err == -ENOTDIR)  /* of an older disk */
		state.mounts_refused |= (uint32_t)BIT(i);
	if (err == 0 || i == 0)
		mounts_try();
	return NO_REPLY;
}

unsigned mount_root_of(unsigned server)
{
	for (unsigned n = 1; n < NR_MOUNTS; n++)
		if (state.mount[n].ready && state.mount[n].server == server)
			return state.mount[n].root;
	return 0;
}

/* ---- calls ---- */

static unsigned server_of_type(const char *type)
{
	for (unsigned i = 0; i < COUNT(types); i++)
		if (strcmp(types[i].type, type) == 0)
			return server_find(types[i].server);
	return 0;
}

/* The file server of a disk, by its node; `source` becomes the disk's name. */
static int64_t server_of_disk(struct op *o, unsigned *server)
{
	struct found f;
	int64_t err = walk(o, AT_FDCWD_, o->a[0], WALK_FOLLOW, &f);
	const struct inode *node;

	if (err != 0)
		return err;
	node = &state.inode[f.inode];
	if (!is_block(node))
		return -ENOTBLK;
	for (unsigned i = 0; i < COUNT(disks); i++)
		if (disks[i].device == node->attr.rdev) {
			strlcpy(source, disks[i].name, sizeof(source));
			*server = server_find(disks[i].server);
			return 0;
		}
	return -ENXIO;
}

static int64_t new_mount(struct op *o, uint32_t flags)
{
	int64_t err = user_string(o, o->a[2], type_name, sizeof(type_name));
	unsigned server = 0, n;

	if (err < 0)
		return err == -ENAMETOOLONG ? -ENODEV : err;
	if (strcmp(type_name, "ext2") == 0) {
		err = server_of_disk(o, &server);
	} else {
		err = o->a[0] != 0 ? user_string(o, o->a[0], source, sizeof(source)) : 0;
		source[o->a[0] != 0 ? sizeof(source) - 1 : 0] = '\0';
		server = server_of_type(type_name);
	}
	if (err < 0 && err != -ENAMETOOLONG)
		return err;
	if (server == 0 || state.server[server].who.v == 0)
		return -ENODEV;
	n = mount_row(server, source, type_name, flags);
	return n == 0 ? -ENOSPC : ask_mount(o, n);
}

int64_t linux_mount(struct op *o)
{
	uint32_t flags = (uint32_t)o->a[3];
	struct found f;
	int64_t err;
	unsigned n;

	op_cred(o);
	if (o->uid != 0)
		return -EPERM;
	err = walk(o, AT_FDCWD_, o->a[1], WALK_FOLLOW, &f);
	if (err != 0)
		return err;
	if (flags & MS_PROPAGATION_)
		return 0;
	if (flags & (MS_BIND_ | MS_MOVE_))
		return -EINVAL;
	if (flags & MS_REMOUNT_) {
		struct mount *m = &state.mount[state.inode[f.inode].mount];

		if (m->root != f.inode)
			return -EINVAL;
		err = mount_again(o, state.inode[f.inode].mount, flags & MS_RDONLY_);
		if (err == 0)
			m->ms_flags = flags & ~(uint32_t)MS_REMOUNT_;
		return err;
	}
	if (!is_dir(&state.inode[f.inode]))
		return -ENOTDIR;
	if (o->row == NULL || o->row->step == 0)
		return new_mount(o, flags);
	n = (unsigned)o->row->total;
	err = hang(n, f.inode, o->row->result);
	if (err == 0 && path_of(NULL, f.inode, 0, path, sizeof(path)) < 0)
		path[0] = '\0';
	if (err == 0)
		strlcpy(state.mount[n].path, path, sizeof(state.mount[n].path));
	return err;
}

/* What requests hold of the tree; true: some are not of this call, and will be over soon. */
static bool count_asked(const struct op *o, unsigned mount, uint16_t *held)
{
	bool others = false;

	for (unsigned n = 0; n < NR_SERVERS * BOARD_ENTRIES; n++) {
		const struct request *q = &state.request[0][0] + n;
		const unsigned inode[] = { q->inode, q->dir, q->dir2 };

		for (unsigned k = 0; k < COUNT(inode) && q->type != 0 && q->sent; k++) {
			if (inode[k] == 0 || state.inode[inode[k]].mount != mount)
				continue;
			held[inode[k]]++;
			/* We may be about to use the answer to one of our own. */
			others |= o->row == NULL || q->row != row_index(o->row);
		}
	}
	return others;
}

/* Is anything of the tree in use besides its root by the mount itself? A directory's row counts
 * with its parent, also when the name it had is forgotten. What is only asked of its server, by
 * a sync or behind a close, is waited for: -PARKED. */
static int64_t in_use(struct op *o, unsigned mount)
{
	static uint16_t held[NR_INODES];
	bool wait;

	for (unsigned n = 1; n < state.inode_top; n++)
		held[n] = 0;
	for (unsigned n = 1; n < state.inode_top; n++)
		if (state.inode[n].flags & INODE_USED && state.inode[n].mount == mount)
			held[state.inode[n].parent]++;
	wait = count_asked(o, mount, held);
	for (unsigned n = 1; n < state.inode_top; n++) {
		const struct inode *i = &state.inode[n];

		if (!(i->flags & INODE_USED) || i->mount != mount)
			continue;
		if (i->refs > held[n] + (state.mount[mount].root == n ? 1u : 0) || i->mounted ||
		    inode_is_mapped(n))
			return -EBUSY;
	}
	return wait ? row_wait(o, QUEUE_SHORT, 0, 0) : 0;
}

static int64_t dirty_back(struct op *o, unsigned mount)
{
	const struct mount *m = &state.mount[mount];

	for (unsigned n = 1; n < state.inode_top; n++)
		if (state.inode[n].flags & INODE_USED && state.inode[n].mount == mount &&
		    state.inode[n].dirty_pages != 0 && !(m->flags & FILE_MOUNT_MEMORY))
			return write_back(o, n);
	return 0;
}

int64_t linux_umount2(struct op *o)
{
	struct found f;
	struct mount *m;
	struct request *q;
	struct file_entry *e;
	unsigned n;
	int64_t err;

	op_cred(o);
	if (o->uid != 0)
		return -EPERM;
	if (o->row != NULL && o->row->step == 1)
		return o->row->result;
	err = walk(o, AT_FDCWD_, o->a[0], WALK_FOLLOW, &f);
	if (err != 0)
		return err;
	n = state.inode[f.inode].mount;
	m = &state.mount[n];
	if (m->root != f.inode)
		return -EINVAL;
	if (m->covers == 0)             /* the root of all: remount it read-only */
		return -EBUSY;
	err = in_use(o, n);
	if (err == 0)
		err = dirty_back(o, n);
	if (err != 0)
		return err;
	e = ask_file(o, n, FILE_UNMOUNT, &q);
	if (e == NULL)
		return -PARKED;
	state.inode[m->covers].mounted = 0;
	inode_release(m->covers);
	inode_release(m->root);
	inodes_of_mount_drop(n);
	memset(m, 0, sizeof(*m));
	row_get(o)->step = 1;
	return ask_send(o, q);
}
