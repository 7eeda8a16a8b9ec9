/* SPDX-License-Identifier: BSD-2-Clause
 * ext2.c - the second extended file system on a disk.
 *
 * Job:      takes vfs's requests, runs each on cached blocks, again until what it needs has
 *           come from the disk; writes back after at most five seconds.
 * Speaks:   contracts/file, to vfs, on its board; contracts/block, to a disk driver.
 * Touches:  its own memory, which the driver may read and write.
 * Trusts:   vfs to have checked permissions; nothing on the disk.
 * On crash: recovers in place with all buffers, dirty ones too; open requests are done again. A
 *           fresh start finds what is not on the disk yet (keep.c).
 *
 * args DRIVER DISK: the block driver, and what mount(2) calls its disk (/dev/DISK).
 */
#include "io.h"

#include <contract/kernel.h>
#include <lib/args.h>
#include <lib/assert.h>
#include <lib/board_server.h>
#include <lib/clock.h>
#include <lib/peer.h>
#include <lib/print.h>
#include <lib/service_ids.h>

enum { TICK_MS = 5000, SOON_MS = 1, GONE_MS = 50, MS = 1000000, PREFERRED = 4096 };

/* How far a request is that waits. Lost in a crash: each can begin again. */
struct progress {
	bool parked;
	struct call call;
	uint32_t phase, step;
	uint64_t done, change, flush;
	uint32_t write_errors;
};

static struct progress progress[BOARD_ENTRIES];
static bool writing_back;
static uint64_t alarm_ns;               /* 0: none is set */

static struct progress *progress_of(const struct call *c)
{
	return &progress[c->serial - 1];
}

/* Every handler's return: a request that waits is parked. */
static err_t ended(const struct call *c, err_t err)
{
	struct progress *p = progress_of(c);

	walks_end(c->serial, err == WAIT);
	if (err != WAIT) {
		*p = (struct progress){ .parked = false };
		return err;
	}
	p->parked = true;
	p->call = *c;
	return NO_REPLY;
}

/* Those that wait, once more. */
static void run_parked(void)
{
	for (unsigned n = 0; n < BOARD_ENTRIES; n++) {
		struct call c = progress[n].call;

		if (!progress[n].parked)
			continue;
		progress[n].parked = false;
		file_go_on(&c);
	}
}

static bool is_waited_for(void)
{
	for (unsigned n = 0; n < BOARD_ENTRIES; n++)
		if (progress[n].parked)
			return true;
	return false;
}

static bool mounted(void)
{
	return state.volume.mounted != 0;
}

/* ---- the tree as a whole ---- */

/* All that is dirty now goes to the disk, and it is flushed. */
static err_t settle(const struct call *c)
{
	struct progress *p = progress_of(c);
	err_t err;

	if (p->step == 0) {
		p->change = cache.changes;
		p->write_errors = cache.write_errors;
		p->step = 1;
		write_again();
	}
	if (p->step == 1) {
		if (p->write_errors != cache.write_errors)
			return -EIO;
		if (dirty_before(p->change)) {
			write_some();
			return WAIT;
		}
		if (!disk_flush(&p->flush))
			return WAIT;
		p->step = 2;
	}
	return disk_flushed(p->flush, &err) ? err : WAIT;
}

/* That it is mounted is on the disk before anything else is written (sumfile.c, T2). If the disk
 * does not take it, nor will it take the rest. */
static err_t marked(const struct call *c)
{
	return state.volume.sums == SUMS_PLACE && settle(c) == WAIT ? WAIT : 0;
}

static bool source_is_ours(const char *source)
{
	const char *disk = service_arg(1), *slash = strrchr(source, '/');

	return disk == NULL || strcmp(slash != NULL ? slash + 1 : source, disk) == 0;
}

static err_t orphans_free(void)
{
	uint32_t ino;
	err_t err;

	do {
		op_begin();
		err = op_end(orphan_next(&ino));
		if (err == 0 && ino != 0)
			err = orphan_free(ino);
	} while (err == 0 && ino != 0);
	return err;
}

/* Files without a name are nobody's, and the disk does not say any more that it is whole. again:
 * they are in use, and it said so before. */
static err_t take_over(bool again)
{
	err_t err;

	if (state.volume.lost)
		state.volume.readonly = 1;
	if (state.volume.readonly || again)
		return 0;
	err = orphans_free();
	if (err != 0)
		return err;
	op_begin();
	return op_end(super_mark(false));
}

static err_t open_volume(const struct file_mount_request *req)
{
	bool again = req->flags & FILE_MOUNT_AGAIN;
	struct block_info_reply info;
	err_t err = disk_info(&info);

	if (err != 0)
		return err;
	op_begin();
	err = op_end(volume_open(info.size, req->flags & 1 || info.flags & BLOCK_READ_ONLY));
	if (err == 0)
		err = sums_load();
	if (err == 0 && again && !(req->flags & 1)) {
		io_say("<3>what was not on the disk yet is lost: it is read-only", 0);
		state.volume.lost = 1;
	}
	return err == 0 ? take_over(again) : err;
}

static err_t root_attr(const struct call *c, struct file_mount_reply *reply)
{
	struct ext2_inode *root;
	err_t err;

	op_begin();
	err = inode_get(ROOT_INO, &root);
	if (err == 0)
		attr_get(ROOT_INO, root, &file_entry(c)->attr);
	reply->root = ROOT_INO;
	reply->block = PREFERRED;
	reply->flags = state.volume.readonly ? FILE_MOUNT_READONLY : 0;
	return op_end(err);
}

static void close_volume(void)
{
	keep_nothing();
	memset(&state.volume, 0, sizeof(state.volume));
}

static err_t do_file_mount(const struct call *c, const struct file_mount_request *req,
			   struct file_mount_reply *reply)
{
	const struct file_entry *e = file_entry(c);
	bool again = req->flags & FILE_MOUNT_AGAIN;
	err_t err;

	if (mounted() && !state.volume.abandoned && state.volume.tree != e->tree)
		return ended(c, -EBUSY);
	if (!source_is_ours(e->name))
		return ended(c, -EINVAL);
	err = state.volume.abandoned ? take_over(again) : mounted() ? 0 : open_volume(req);
	if (err == WAIT || (err != 0 && state.volume.abandoned))
		return ended(c, err);
	if (err != 0) {
		close_volume();
		buffers_forget();
		return ended(c, err == -EIO ? -EIO : -EINVAL);
	}
	state.volume.tree = e->tree;
	state.volume.mounted = 1;
	state.volume.abandoned = 0;
	keep_volume();
	err = state.volume.readonly || again ? 0 : marked(c);
	return ended(c, err == 0 ? root_attr(c, reply) : err);
}

/* The sums, for the next mount. That something goes wrong with them is nobody's error. */
static err_t leave_sums(const struct call *c)
{
	struct progress *p = progress_of(c);
	err_t err;

	if (state.volume.sums != SUMS_PLACE || state.volume.readonly)
		return 0;
	if (p->phase == 2) {
		sums_store_begin();
		p->phase = 3;
	}
	if (p->phase == 3) {
		err = sums_store();
		if (err != 0)
			return err == WAIT ? WAIT : 0;
		p->phase = 4;
		p->step = 0;
	}
	if (p->phase == 4) {
		err = settle(c);
		if (err != 0)
			return err;
		p->phase = 5;
	}
	if (p->phase == 5) {
		err = sums_store_head();
		if (err != 0)
			return err == WAIT ? WAIT : 0;
		p->phase = 6;
		p->step = 0;
	}
	return settle(c);
}

/* Everything is on the disk, which says that it is whole. orphans: nobody uses them any more. */
static err_t leave_clean(const struct call *c, bool orphans)
{
	struct progress *p = progress_of(c);
	err_t err = 0;

	if (p->phase == 0 && !state.volume.readonly) {
		err = orphans ? orphans_free() : 0;
		if (err == 0) {
			op_begin();
			err = op_end(super_mark(true));
		}
	}
	if (err == WAIT)
		return err;
	if (p->phase == 0)
		p->phase = 1;
	/* Also what other requests have changed since this one came. */
	while (p->phase == 1) {
		err = settle(c);
		if (err != 0)
			return err;
		p->step = 0;
		if (!buffers_busy() && cache.dirty == 0)
			p->phase = 2;
	}
	return leave_sums(c);
}

static err_t do_file_unmount(const struct call *c)
{
	err_t err;

	if (!mounted())
		return ended(c, 0);
	err = leave_clean(c, true);
	if (err != 0 && buffers_busy())
		err = WAIT;
	if (err != WAIT) {
		close_volume();
		buffers_forget();
	}
	return ended(c, err);
}

static err_t do_file_remount(const struct call *c, const struct file_remount_request *req)
{
	struct progress *p = progress_of(c);
	bool readonly = req->flags & 1;
	struct block_info_reply info;
	err_t err = 0;

	if (!mounted())
		return ended(c, -EIO);
	if (readonly == (state.volume.readonly != 0))
		return ended(c, 0);
	if (readonly) {
		err = leave_clean(c, req->flags & 2);
	} else if (p->phase == 0) {
		err = disk_info(&info);
		if (err == 0 && (info.flags & BLOCK_READ_ONLY || state.volume.lost))
			err = -EROFS;
		if (err == 0) {
			op_begin();
			err = op_end(super_mark(false));
		}
	}
	if (!readonly && err == 0) {
		p->phase = 1;
		err = marked(c);
	}
	if (err == 0) {
		state.volume.readonly = readonly;
		keep_volume();
	}
	return ended(c, err);
}

static err_t do_file_sync(const struct call *c, const struct file_sync_request *req)
{
	return ended(c, mounted() && !state.volume.readonly ? settle(c) : 0);
}

static err_t do_file_stat_fs(const struct call *c, const struct file_stat_fs_request *req,
			     struct file_stat_fs_reply *reply)
{
	if (!mounted())
		return ended(c, -EIO);
	op_begin();
	return ended(c, op_end(fs_stat(reply)));
}

/* ---- names ---- */

static err_t do_file_lookup(const struct call *c, const struct file_lookup_request *req)
{
	struct file_entry *e = file_entry(c);

	if (!mounted())
		return ended(c, -EIO);
	op_begin();
	return ended(c, op_end(fs_lookup(req->dir, e->name, &e->attr)));
}

static err_t do_file_create(const struct call *c, const struct file_create_request *req)
{
	struct file_entry *e = file_entry(c);

	if (!mounted())
		return ended(c, -EIO);
	op_begin();
	return ended(c, op_finish(fs_create(req, e->name, e->name2, &e->attr)));
}

static err_t do_file_link(const struct call *c, const struct file_link_request *req)
{
	struct file_entry *e = file_entry(c);

	if (!mounted())
		return ended(c, -EIO);
	op_begin();
	return ended(c, op_finish(fs_link(req->dir, req->file, e->name, &e->attr)));
}

static err_t do_file_unlink(const struct call *c, const struct file_unlink_request *req)
{
	struct file_entry *e = file_entry(c);

	if (!mounted())
		return ended(c, -EIO);
	op_begin();
	return ended(c, op_finish(fs_unlink(req->dir, e->name, req->directory != 0, &e->attr)));
}

static err_t do_file_rename(const struct call *c, const struct file_rename_request *req,
			    struct file_rename_reply *reply)
{
	struct file_entry *e = file_entry(c);

	if (!mounted())
		return ended(c, -EIO);
	op_begin();
	return ended(c, op_finish(fs_rename(req, e->name, e->name2, &reply->replaced, &e->attr)));
}

static err_t do_file_readdir(const struct call *c, const struct file_readdir_request *req,
			     struct file_readdir_reply *reply)
{
	static char buffer[32 * 1024];
	struct file_dirents d = {
		.at = buffer, .room = c->lent < sizeof(buffer) ? c->lent : sizeof(buffer),
	};
	err_t err;

	if (!mounted())
		return ended(c, -EIO);
	op_begin();
	err = op_end(dir_list(req->dir, req->pos, &d));
	if (err == 0 && d.used != 0)
		err = file_data_write(c, 0, buffer, d.used);
	reply->done = (uint32_t)d.used;
	return ended(c, err);
}

static err_t do_file_readlink(const struct call *c, const struct file_readlink_request *req,
			      struct file_readlink_reply *reply)
{
	static char target[BUFFER_SIZE];
	uint32_t len = 0;
	err_t err;

	if (!mounted())
		return ended(c, -EIO);
	op_begin();
	err = op_end(fs_readlink(req->file, target, &len));
	if (err != 0)
		return ended(c, err);
	reply->len = len;
	if (len < FILE_NAME) {
		memcpy(file_entry(c)->name2, target, len);
		file_entry(c)->name2[len] = '\0';
	}
	return ended(c, c->lent >= len ? file_data_write(c, 0, target, len) : 0);
}

/* ---- bytes and attributes ---- */

struct transfer { const struct call *call; uint64_t base; };

static err_t put(void *context, uint64_t offset, void *from, uint32_t len)
{
	const struct transfer *t = context;

	return file_data_write(t->call, t->base + offset, from, len);
}

static err_t get(void *context, uint64_t offset, void *to, uint32_t len)
{
	const struct transfer *t = context;

	return file_data_read(t->call, t->base + offset, to, len);
}

static err_t give_zeros(const struct call *c, uint64_t from)
{
	static const uint8_t zeros[PAGE_SIZE];
	err_t err = 0;

	while (err == 0 && from < c->lent) {
		uint64_t n = c->lent - from < PAGE_SIZE ? c->lent - from : PAGE_SIZE;

		err = file_data_write(c, from, zeros, n);
		from += n;
	}
	return err;
}

static err_t do_file_read(const struct call *c, const struct file_read_request *req,
			  struct file_read_reply *reply)
{
	struct progress *p = progress_of(c);
	struct transfer t = { .call = c, .base = p->done };
	uint64_t done;
	err_t err;

	if (!mounted())
		return ended(c, -EIO);
	op_begin();
	err = op_end(fs_read(req->file, req->pos + t.base, c->lent - t.base, put, &t, &done));
	p->done += done;
	reply->done = (uint32_t)p->done;
	if (err == 0)
		err = give_zeros(c, p->done);
	return ended(c, err);
}

static err_t do_file_write(const struct call *c, const struct file_write_request *req,
			   struct file_write_reply *reply)
{
	struct progress *p = progress_of(c);
	err_t err = 0;

	if (!mounted())
		return ended(c, -EIO);
	while (err == 0 && p->done < c->lent) {
		struct transfer t = { .call = c, .base = p->done };
		uint64_t done;

		op_begin();
		err = op_end(fs_write(req->file, req->pos + p->done, c->lent - p->done,
				      req->size, get, &t, &done));
		p->done += done;
	}
	reply->done = (uint32_t)p->done;
	return ended(c, err);
}

static err_t do_file_get_attr(const struct call *c, const struct file_get_attr_request *req)
{
	struct ext2_inode *i;
	err_t err;

	if (!mounted())
		return ended(c, -EIO);
	op_begin();
	err = inode_get(req->file, &i);
	if (err == 0)
		attr_get((uint32_t)req->file, i, &file_entry(c)->attr);
	return ended(c, op_end(err));
}

static err_t do_file_set_attr(const struct call *c, const struct file_set_attr_request *req)
{
	struct file_attr *a = &file_entry(c)->attr, to = *a;

	if (!mounted())
		return ended(c, -EIO);
	return ended(c, fs_set_attr(req->file, req->mask, &to, a));
}

static err_t do_file_forget(const struct call *c, const struct file_forget_request *req)
{
	struct ext2_inode *i;
	err_t err;

	if (!mounted() || state.volume.readonly)
		return ended(c, 0);
	op_begin();
	err = op_end(inode_get(req->file, &i));
	if (err == 0 && i->links == 0 && req->file != ROOT_INO)
		err = orphan_free((uint32_t)req->file);
	return ended(c, err == WAIT ? WAIT : 0);
}

/* ---- what happens ---- */

static void set_alarm(uint64_t ms)
{
	struct alarm_set_request req = { .deadline_ns = clock_monotonic_ns() + ms * MS };

	if (alarm_ns == 0 && sys_alarm_set(&req) == 0)
		alarm_ns = req.deadline_ns;
}

/* Behind whatever has happened. */
static void go_on(void)
{
	if (writing_back)
		write_some();
	writing_back = writing_back && cache.dirty != 0;
	if (cache.dirty != 0 || block_open_requests(&state.disk) != 0 || is_waited_for())
		set_alarm(TICK_MS);
	if (state.disk.gone && block_open_requests(&state.disk) != 0) {
		alarm_ns = 0;           /* nobody else tells us that they have failed */
		set_alarm(GONE_MS);
	}
	io_publish();
}

/* Requests that wait are nobody's. Each was a transaction that had not begun. */
static void vfs_changed(void)
{
	for (unsigned n = 0; n < BOARD_ENTRIES; n++) {
		walks_end(n + 1, false);
		progress[n] = (struct progress){ .parked = false };
	}
	state.volume.abandoned = state.volume.mounted;
}

static void on_notify(uint64_t services)
{
	if (file_asker_changed())
		vfs_changed();
	if (io_notified(services))
		run_parked();
	file_server_notified(services | BIT(ID_VFS));   /* whoever it was: nothing is forgotten */
	write_if_many();
	go_on();
}

/* Requests that wait for a disk which is asked nothing have lost what they wait for. The next life
 * does them again. */
static void look_for_lost(void)
{
	static bool seen;
	bool lost = io_is_idle() && is_waited_for();

	assert(!lost || !seen);
	seen = lost;
}

static void on_alarm(void)
{
	static uint64_t looked;
	uint64_t now = clock_monotonic_ns();

	alarm_ns = 0;
	writing_back = true;
	if (now - looked >= TICK_MS * (uint64_t)MS) {
		looked = now;
		block_client_look(&state.disk, &ring);
		look_for_lost();
	}
	write_again();
	on_notify(0);
}

/* An alarm that is lost would be the last. */
static void audit(void)
{
	uint64_t left = alarm_ns - clock_monotonic_ns();        /* huge: it is past */

	if (alarm_ns != 0 && left > TICK_MS * (uint64_t)MS)
		on_alarm();
}

static void init(enum start_kind kind)
{
	peer_watch_answers();
	board_on_noted(journal_settle);
	if (kind == START_RECOVER) {
		io_recovered();
		set_alarm(SOON_MS);
	} else {
		io_init();
	}
}

static err_t check(void)
{
	const struct volume *v = &state.volume;

	if (v->mounted && (v->size != 1u << v->shift || v->size > BUFFER_SIZE || v->groups == 0))
		return -EINVAL;
	return 0;
}

static size_t summary(char *to, size_t size)
{
	const struct volume *v = &state.volume;
	unsigned grants = 0;

	for (unsigned i = 0; i < BLOCK_REGIONS; i++)
		grants += state.disk.region[i].len != 0;
	if (!v->mounted)
		return format(to, size, "no disk is mounted\n");
	return format(to, size, "%s of %u blocks of %u bytes mounted%s; %u dirty buffers of %d\n"
		      "%u grants to %s; %u requests open, %lu sent again to %u drivers\n"
		      "%u blocks known by their sums, %u given up for room; %u wrong reads, %u "
		      "for good\n",
		      state.disk.name, v->blocks, v->size, v->readonly ? " read-only" : "",
		      cache.dirty, NR_BUFFERS, grants, state.disk.name,
		      block_open_requests(&state.disk),
		      (unsigned long)state.disk.resubmitted, state.disk.drivers, sums.known,
		      sums.given_up, cache.wrong, cache.lost);
}

static const struct file_ops ops = {
	.mount = do_file_mount, .unmount = do_file_unmount, .lookup = do_file_lookup,
	.create = do_file_create, .link = do_file_link, .unlink = do_file_unlink,
	.rename = do_file_rename, .readlink = do_file_readlink, .readdir = do_file_readdir,
	.read = do_file_read, .write = do_file_write, .get_attr = do_file_get_attr,
	.set_attr = do_file_set_attr, .stat_fs = do_file_stat_fs, .sync = do_file_sync,
	.forget = do_file_forget, .remount = do_file_remount,
};

int main(void)
{
	static const struct server server = {
		.name = "ext2", .init = init, .check = check, .on_notify = on_notify,
		.on_alarm = on_alarm, .audit = audit, .summary = summary,
	};

	file_server_init(&ops);
	server_run(&server);
}
