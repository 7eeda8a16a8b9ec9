/* SPDX-License-Identifier: BSD-2-Clause
 * char.c - character devices that a server has: tty, framebuffer, input.
 *
 * Job:      open, read, write, ioctl, close of a line; waits for its poll words (lib/chardev.h).
 * Speaks:   contracts/chardev.
 * Touches:  open files; bounce buffers.
 * Trusts:   a server for its bytes and its poll words.
 * On crash: recovers in place; an open or a write that was asked is not asked again.
 */
#include "vfs.h"

enum { STEP_ASKED = 5, IOC_SIZE_SHIFT = 16, IOC_READ = 2, IOC_WRITE = 1,
       TIOCGPTPEER_ = 0x5441, MAJOR_PTS = 136 };

static const struct { uint32_t first, last; const char *server; } driver[] = {
	{ CHARDEV_DEVICE(4, 0), CHARDEV_DEVICE(5, 255), "tty" },
	{ CHARDEV_DEVICE(136, 0), CHARDEV_DEVICE(136, 255), "tty" },
	{ CHARDEV_DEVICE(10, 135), CHARDEV_DEVICE(10, 135), "rtc" },
};

static unsigned server_of(uint32_t device)
{
	for (unsigned i = 0; i < COUNT(driver); i++)
		if (device >= driver[i].first && device <= driver[i].last)
			return server_find(driver[i].server);
	return 0;
}

unsigned char_server(uint32_t device)
{
	unsigned s = server_of(device);

	return s != 0 && state.server[s].who.v != 0 ? s : 0;
}

bool char_known(uint32_t device)
{
	return server_of(device) != 0;
}

static bool answered(const struct op *o)
{
	return o->row != NULL && o->row->step == STEP_ASKED;
}

/* The answer has been used: the next thing that the row asks is a new one. */
static void again(struct op *o)
{
	o->row->step = 0;
}

static uint32_t life_of(unsigned server)
{
	return endpoint_gen(state.server[server].who);
}

/* An end of a pseudo-terminal whose server has started afresh: its line is somebody else's now. */
static bool is_lost(const struct file *f)
{
	return (f->device >> 8 == MAJOR_PTS || f->device == CHARDEV_DEVICE(5, 2)) &&
	       f->life != life_of(f->server);
}

int64_t char_open(struct op *o, struct file *f, uint32_t device)
{
	struct chardev_open_request *req;
	const struct chardev_open_reply *reply;
	struct chardev_entry *e;
	struct request *q;
	unsigned s = char_server(device);

	if (s == 0)
		return -ENXIO;
	if (!answered(o)) {
		e = ask_char(o, s, CHARDEV_OPEN, &q);
		if (e == NULL)
			return -PARKED;
		op_cred(o);
		req = (struct chardev_open_request *)e->w;
		req->device = device;
		req->flags = f->flags;
		req->proc = o->owner;
		req->pid = o->internal ? state.init_pid : o->pid;
		row_get(o)->step = STEP_ASKED;
		return ask_send(o, q);
	}
	again(o);
	if (o->row->result != 0)
		return o->row->result;
	reply = (const struct chardev_open_reply *)o->row->keep;
	if (reply->line >= BOARD_WORDS)
		return -EIO;
	f->kind = FILE_CHAR;
	f->server = (uint8_t)s;
	f->line = reply->line;
	f->life = life_of(s);
	f->device = reply->device != 0 ? reply->device : device;
	return 0;
}

static bool ask_close(unsigned server, uint32_t line)
{
	struct request *q;
	struct chardev_entry *e = ask_char(NULL, server, CHARDEV_CLOSE, &q);

	if (e == NULL)
		return false;
	e->w[0] = line;
	ask_send(NULL, q);
	return true;
}

void char_close(struct file *f)
{
	struct server_row *s = &state.server[f->server];

	if (s->who.v == 0 || is_lost(f) || (s->owed == 0 && ask_close(f->server, f->line)))
		return;
	s->unclosed[f->line]++;
	s->owed++;
}

void char_close_owed(unsigned server)
{
	struct server_row *s = &state.server[server];

	for (uint32_t line = 0; line < BOARD_WORDS; line++) {
		if (s->unclosed[line] == 0)
			continue;
		s->unclosed[line]--;
		s->owed--;
		if (!ask_close(server, line)) {
			s->unclosed[line]++;
			s->owed++;
		}
		return;
	}
}

/* EAGAIN from the server: wait until its line changes. -PARKED; 0: ask again now. */
static int64_t wait_line(struct op *o, const struct file *f, uint32_t seq, uint32_t retry_ms)
{
	struct row *r = row_get(o);

	r->timed_out = 0;
	if (f->flags & O_NONBLOCK_)
		return -EAGAIN;
	if (state.server[f->server].seen[f->line] != seq)
		return 0;
	if (retry_ms != 0)
		row_set_deadline(r, clock_monotonic_ns() + retry_ms * 1000000ull);
	alarm_plan();
	return row_wait(o, QUEUE_LINE, f->server * BOARD_WORDS + f->line, -ERESTARTSYS);
}

static int64_t ask_transfer(struct op *o, struct file *f, uint64_t address, size_t len, bool write,
			    bool asked_before)
{
	struct chardev_read_request *req;
	struct chardev_entry *e;
	struct request *q;
	int64_t err;

	if (len > CHARDEV_DATA_MAX)
		len = CHARDEV_DATA_MAX;
	if (!write) {
		err = user_touch(o, address, len, true);
		if (err != 0)
			return err;
	}
	e = ask_char(o, f->server, write ? CHARDEV_WRITE : CHARDEV_READ, &q);
	if (e == NULL)
		return state.server[f->server].who.v != 0 ? -PARKED : -EIO;
	if (!ask_data(q, 0, 0, (unsigned)len, write ? GRANT_READ : GRANT_WRITE))
		return ask_full(o, q);
	if (write) {
		err = user_read(o, address, request_bounce(q), len);
		if (err != 0) {
			ask_full(NULL, q);
			return err;
		}
	}
	op_cred(o);
	req = (struct chardev_read_request *)e->w;
	req->line = f->line;
	req->flags = (f->flags & O_NONBLOCK_ ? CHARDEV_NONBLOCK : 0) |
		     (asked_before ? CHARDEV_AGAIN : 0);
	req->proc = o->owner;
	req->pid = o->pid;
	row_get(o)->step = STEP_ASKED;
	if (!write) {
		req->waited_ms = (uint32_t)((clock_monotonic_ns() - o->row->began_ns) / 1000000);
		req->pos = f->pos;
	} else {
		((struct chardev_write_request *)req)->pos = f->pos;
	}
	return ask_send(o, q);
}

/* row.done: bytes of a write that are gone already. */
int64_t char_transfer(struct op *o, struct file *f, uint64_t address, size_t len, bool write)
{
	uint64_t done = write && o->row != NULL ? o->row->done : 0;
	const struct chardev_read_reply *reply;
	bool before = false;
	int64_t err;

	if (len == 0)
		return 0;
	if (is_lost(f))
		return -EIO;
	if (answered(o)) {
		struct row *r = o->row;
		struct request *q = row_request(r);

		again(o);
		before = true;
		reply = (const struct chardev_read_reply *)r->keep;
		if (r->result != 0 && r->result != -EAGAIN)
			return done > 0 ? (int64_t)done : r->result;
		if (r->result == 0 && reply->done > len - done)
			return -EIO;
		if (r->result == 0 && !write) {
			err = user_write(o, address, request_bounce(q), reply->done);
			f->pos += reply->done;
			return err != 0 ? -EFAULT : (int64_t)reply->done;
		}
		if (r->result == 0) {
			f->pos += reply->done;
			r->done = done += reply->done;
			if (done == len)
				return (int64_t)done;
		}
		if (r->cancelled)
			return done > 0 ? (int64_t)done : -ERESTARTSYS;
		err = r->result == 0 ? 0 : wait_line(o, f, reply->seq, write ? 0 : reply->retry_ms);
		if (err != 0)
			return done > 0 && err != -PARKED ? (int64_t)done : err;
	} else if (o->row != NULL && o->row->cancelled) {
		return done > 0 ? (int64_t)done : -ERESTARTSYS;
	}
	if (done >= len)                /* the caller has shortened the part meanwhile */
		return (int64_t)done;
	return ask_transfer(o, f, address + done, len - done, write, before || o->row != NULL);
}

unsigned char_poll(const struct file *f)
{
	return is_lost(f) ? POLLIN_ | POLLOUT_ | POLLERR_ | POLLHUP_ :
			    line_events(f->server, f->line);
}

/* ---- ioctl ---- */

/* Sizes of the old requests that do not say it themselves (asm-generic/ioctls.h); in: 1, out: 2. */
static const struct { uint32_t request; uint8_t size, way; } old[] = {
	{ 0x5401, 36, 2 }, { 0x5402, 36, 1 }, { 0x5403, 36, 1 }, { 0x5404, 36, 1 }, /* TC[GS]ETS */
	{ 0x5405, 18, 2 }, { 0x5406, 18, 1 }, { 0x5407, 18, 1 }, { 0x5408, 18, 1 }, /* TC[GS]ETA */
	{ 0x540f, 4, 2 }, { 0x5410, 4, 1 }, { 0x5411, 4, 2 },   /* TIOCGPGRP SPGRP OUTQ */
	{ 0x5412, 1, 1 }, { 0x5413, 8, 2 }, { 0x5414, 8, 1 },   /* TIOCSTI GWINSZ SWINSZ */
	{ 0x5415, 4, 2 }, { 0x5416, 4, 1 }, { 0x5417, 4, 1 }, { 0x5418, 4, 1 },         /* TIOCM* */
	{ 0x40045436, 0, 0 },                                   /* TIOCSIG: a number */
	{ 0x541b, 4, 2 }, { 0x5420, 4, 1 }, { 0x5423, 4, 1 }, { 0x5424, 4, 2 }, { 0x5429, 4, 2 },
	{ 0x4600, 160, 2 }, { 0x4601, 160, 3 }, { 0x4602, 80, 2 },              /* framebuffer */
	{ 0x4b33, 1, 2 }, { 0x4b3b, 4, 2 }, { 0x4b44, 4, 2 },   /* KDGKBTYPE KDGETMODE KDGKBMODE */
	{ 0x5600, 4, 2 }, { 0x5601, 8, 2 }, { 0x5602, 8, 1 }, { 0x5603, 6, 2 }, /* VT_ */
};

static unsigned arg_of(uint32_t request, unsigned *way)
{
	*way = 0;
	for (unsigned i = 0; i < COUNT(old); i++)
		if (old[i].request == request) {
			*way = old[i].way;
			return old[i].size;
		}
	if (request >> 30 == 0)
		return 0;
	*way = request >> 30 & 3;
	return request >> IOC_SIZE_SHIFT & 0x3fff;
}

static int64_t ask_ioctl(struct op *o, struct file *f, unsigned size, unsigned way)
{
	struct chardev_ioctl_request *req;
	struct chardev_entry *e;
	struct request *q;
	int64_t err;

	if (way & IOC_READ) {
		err = user_touch(o, o->a[2], size, true);
		if (err != 0)
			return err;
	}
	e = ask_char(o, f->server, CHARDEV_IOCTL, &q);
	if (e == NULL)
		return state.server[f->server].who.v != 0 ? -PARKED : -EIO;
	memset(e->arg, 0, size);
	if (way & IOC_WRITE) {
		err = user_read(o, o->a[2], e->arg, size);
		if (err != 0) {
			ask_full(NULL, q);
			return err;
		}
	}
	op_cred(o);
	e->arg_len = size;
	req = (struct chardev_ioctl_request *)e->w;
	req->line = f->line;
	req->request = (uint32_t)o->a[1];
	req->proc = o->owner;
	req->pid = o->pid;
	req->arg = o->a[2];
	row_get(o)->step = STEP_ASKED;
	return ask_send(o, q);
}

/* TIOCGPTPEER: the other end, by its number, whatever the program has for /dev/pts. */
static int64_t open_peer(struct op *o, struct file *f)
{
	unsigned root = mount_root_of(server_find("devpts"));
	struct row *r = o->row;
	struct found found;
	char name[12];
	int64_t err;

	if (r == NULL || r->total == 0) {
		if (!answered(o))
			return ask_ioctl(o, f, 0, 0);
		again(o);
		if (r->result != 0)
			return r->result;
		r->total = 1 + (uint64_t)((const struct chardev_ioctl_reply *)r->keep)->result;
	}
	if (root == 0)
		return -EIO;
	format(name, sizeof(name), "%u", (unsigned)(r->total - 1));
	err = walk_from(o, root, name, 0, &found);
	return err != 0 ? err : open_found(o, &found, (uint32_t)o->a[2], NULL);
}

int64_t char_ioctl(struct op *o, struct file *f)
{
	const struct chardev_ioctl_reply *reply;
	unsigned way, size = arg_of((uint32_t)o->a[1], &way);
	struct row *r = o->row;
	int64_t err;

	if (size > CHARDEV_ARG)
		return -ENOTTY;
	if (is_lost(f))
		return -EIO;
	if ((uint32_t)o->a[1] == TIOCGPTPEER_)
		return open_peer(o, f);
	if (!answered(o))
		return ask_ioctl(o, f, size, way);
	again(o);
	reply = (const struct chardev_ioctl_reply *)r->keep;
	if (r->result == -EAGAIN) {
		err = r->cancelled ? -ERESTARTSYS : wait_line(o, f, reply->seq, 0);
		return err != 0 ? err : ask_ioctl(o, f, size, way);
	}
	if (r->result != 0)
		return r->result;
	err = way & IOC_READ ? user_write(o, o->a[2], request_arg(row_request(r)),
					  size) : 0;
	return err != 0 ? -EFAULT : reply->result;
}
