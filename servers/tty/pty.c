/* SPDX-License-Identifier: BSD-2-Clause
 * pty.c - pseudo-terminals: a line whose other end is a device too, its master.
 *
 * Job:      makes a pair when /dev/ptmx is opened; what the master writes is the line's input, what
 *           the line has to show is read from the master; hangs the line up when the master closes.
 * Speaks:   contracts/chardev (the master's part); pm.set_tty, pm.signal.
 * Touches:  the pair and its line.
 * Trusts:   nothing in a byte, nothing in an argument.
 * On crash: both ends are state: a byte is in the program's hands or in ours, never twice
 *           (docs/notes/0017-pty.md).
 * Spec:     ioctl_tty(2), pty(7); what they leave open as Linux 6.1 does it (drivers/tty/pty.c).
 */
#include "tty.h"

#include <contract/pm.h>
#include <lib/clock.h>

enum { FIONREAD_ = 0x541b, TCXONC_ = 0x540a, TCFLSH_ = 0x540b, TIOCEXCL_ = 0x540c,
       TIOCNXCL_ = 0x540d, TIOCGPGRP_ = 0x540f, TIOCPKT_ = 0x5420, TIOCNOTTY_ = 0x5422,
       TIOCGSID_ = 0x5429, TIOCGPTPEER_ = 0x5441 };
#define TIOCGPTN_ 0x80045430u
#define TIOCSPTLCK_ 0x40045431u
#define TIOCSIG_ 0x40045436u
#define TIOCGPKT_ 0x80045438u
#define TIOCGPTLCK_ 0x80045439u
#define TIOCGEXCL_ 0x80045440u

enum { SI_KERNEL_ = 0x80 };
/* A time of a terminal is known to eight seconds: it shall not tell how fast somebody types. */
#define TIMES_NS 8000000000ll

static struct peer pm = PEER("pm");

struct pty *pty_of(const struct line *l)
{
	return l >= &state.line[LINE_PTY] ? &state.pty[l - &state.line[LINE_PTY]] : NULL;
}

struct line *line_of_pty(const struct pty *p)
{
	return &state.line[LINE_PTY + (p - state.pty)];
}

struct line *line_of_master(uint32_t n)
{
	uint32_t i = n - FIRST_MASTER;

	return n >= FIRST_MASTER && i < NR_PTYS && state.pty[i].master ? &state.line[LINE_PTY + i]
								       : NULL;
}

void pty_say(const struct line *l, unsigned status, unsigned not)
{
	struct pty *p = pty_of(l);

	if (p != NULL && p->packet)
		p->status = (uint8_t)((p->status & ~not) | status);
}

void pty_touch(const struct line *l, bool write)
{
	struct pty *p = pty_of(l);
	int64_t now = (int64_t)clock_realtime_ns(), *at;

	if (p == NULL)
		return;
	at = write ? &p->node.mtime : &p->node.atime;
	if (now < *at || now - *at >= TIMES_NS)
		*at = now;
}

/* Bytes that the master can read: what came before the line was stopped. */
static uint32_t readable(const struct line *l)
{
	uint32_t n = out_used(l), before = l->stop_at - l->out.tail;

	if (!l->stopped)
		return n;
	return before <= n ? before : 0;
}

static bool is_left(const struct line *l)
{
	return pty_of(l)->slave && l->opens == 0;
}

void pty_events(const struct line *l, bool always)
{
	const struct pty *p = pty_of(l);
	uint32_t now = 0, n;

	if (p == NULL)
		return;
	n = FIRST_MASTER + (uint32_t)(p - state.pty);
	if (p->packet && p->status)
		now |= POLL_PRI | POLL_READ;
	if (readable(l))
		now |= POLL_READ;
	if (takes(l, 1))
		now |= POLL_WRITE;
	if (is_left(l))
		now |= POLL_HUP;
	if (always || now != chardev_events(n))
		chardev_event(n, now);
}

/* ---- open and close ---- */

/* Not the buffers: they are empty when their ends are equal, and too big for the undo log. */
static void line_reset(struct line *l)
{
	termios_reset(l);
	l->opens = l->pgrp = l->session = l->leaver = l->ready = l->column = l->stop_at = 0;
	l->stopped = l->literal = l->hung_up = l->exclusive = 0;
	l->in.tail = l->in.head;
	l->out.tail = l->out.head;
}

err_t pty_open(const struct chardev_open_request *req, struct chardev_open_reply *reply)
{
	unsigned limit = is_root(req->proc) ? NR_PTYS : NR_PTYS - ROOT_PTYS;
	int64_t now = (int64_t)clock_realtime_ns();

	for (unsigned i = 0; i < limit; i++) {
		struct pty *p = &state.pty[i];

		if (p->used)
			continue;
		p->generation++;
		p->used = p->master = p->locked = 1;
		p->slave = p->packet = p->status = 0;
		p->node = (struct node){
			.mode = PTS_MODE, .uid = public_word(req->proc, PUBLIC_EUID),
			.gid = GROUP_TTY, .atime = now, .mtime = now, .ctime = now,
		};
		line_reset(line_of_pty(p));
		reply->line = FIRST_MASTER + i;
		reply->device = req->device;
		events(line_of_pty(p));
		return 0;
	}
	return -ENOSPC;
}

static void put(struct pty *p)
{
	p->used = p->master || line_of_pty(p)->opens > 0;
}

static void signal_leader(endpoint_t leader, unsigned signal)
{
	struct pm_signal_request req = { .proc = leader, .signal = signal, .code = SI_KERNEL_ };

	if (pm_signal(&pm, &req) != 0)
		return;                 /* it has ended meanwhile */
}

/* The leader of the session hears of it; when it ends pm tells what was in the foreground. */
static void hang_up(struct line *l)
{
	struct pm_set_tty_request req = { .group = l->pgrp };

	if (leader_of(l, &req.proc) && pm_set_tty(&pm, &req) == 0) {
		signal_leader(req.proc, SIG_HUP_);
		signal_leader(req.proc, SIG_CONT_);
	}
	l->session = l->pgrp = 0;
	l->hung_up = 1;
	l->stopped = 0;
	l->in.tail = l->in.head;
	l->out.tail = l->out.head;
	l->ready = 0;
}

void pty_close(struct line *l)
{
	struct pty *p = pty_of(l);

	p->master = 0;
	hang_up(l);
	put(p);
	events(l);
}

/* Its termios and what is in its buffers stay for who opens it next. */
void pty_left(struct line *l)
{
	drop_session(l);
	put(pty_of(l));
	events(l);
}

/* ---- read and write ---- */

static uint32_t take_output(struct line *l, uint8_t *to, uint32_t room)
{
	uint32_t n = readable(l);

	if (n > room)
		n = room;
	for (uint32_t i = 0; i < n; i++)
		to[i] = l->out_byte[(l->out.tail + i) % OUT_SIZE];
	l->out.tail += n;
	return n;
}

err_t pty_read(const struct call *c, struct line *l, struct chardev_read_reply *reply)
{
	static uint8_t bytes[CHARDEV_DATA_MAX];
	uint32_t room = c->lent < sizeof(bytes) ? (uint32_t)c->lent : (uint32_t)sizeof(bytes);
	struct pty *p = pty_of(l);
	uint32_t n = 0;
	err_t err;

	if (room == 0)
		return 0;
	if (p->packet && p->status) {
		bytes[n++] = p->status;
		p->status = 0;
	} else if (readable(l) == 0) {
		return is_left(l) ? -EIO : -EAGAIN;
	} else {
		if (p->packet)
			bytes[n++] = 0;         /* TIOCPKT_DATA */
		n += take_output(l, bytes + n, room - n);
	}
	err = chardev_data_write(c, 0, bytes, n);
	if (err != 0)
		return err;
	reply->done = n;
	events_changed(l);
	return 0;
}

/* One byte may change much of the line: what does not fit the undo log vfs asks for again. */
err_t pty_write(const struct call *c, struct line *l, struct chardev_write_reply *reply)
{
	static uint8_t bytes[WRITE_MAX];
	uint32_t n = c->lent < sizeof(bytes) ? (uint32_t)c->lent : (uint32_t)sizeof(bytes);
	err_t err = n ? chardev_data_read(c, 0, bytes, n) : 0;

	if (err != 0)
		return err;
	while (reply->done < n && takes(l, 1) && undo_used() < UNDO_ENTRIES / 4)
		input_byte(l, bytes[reply->done++]);
	if (n && reply->done == 0)
		return -EAGAIN;
	events(l);
	return 0;
}

/* ---- ioctl ---- */

static err_t set_flag(struct chardev_entry *e, uint8_t *flag)
{
	int32_t value;
	err_t err = arg_in(e, &value, sizeof(value));

	if (err == 0)
		*flag = value != 0;
	return err;
}

static err_t set_packet(struct pty *p, struct chardev_entry *e)
{
	uint8_t was = p->packet;
	err_t err = set_flag(e, &p->packet);

	if (err == 0 && !was)
		p->status = 0;
	return err;
}

static err_t signal_line(const struct line *l, uint64_t signal)
{
	if (signal != SIG_INT_ && signal != SIG_QUIT_ && signal != SIG_TSTP_)
		return -EINVAL;
	signal_foreground(l, (unsigned)signal);
	return 0;
}

/* Of the master: its input is the line's output. What it writes is never left waiting here. */
static err_t flush(struct line *l, uint64_t what)
{
	if (what > 2)
		return -EINVAL;
	if (what != 1)
		l->out.tail = l->out.head;
	return 0;
}

err_t pty_ioctl(struct line *l, struct chardev_entry *e, const struct chardev_ioctl_request *req,
		struct chardev_ioctl_reply *reply)
{
	struct pty *p = pty_of(l);
	endpoint_t leader;

	switch (req->request) {
	case TIOCGPTN_:
		return arg_number(e, (uint32_t)(p - state.pty));
	case TIOCGPTPEER_:
		reply->result = p - state.pty;
		return 0;
	case TIOCSPTLCK_:
		return set_flag(e, &p->locked);
	case TIOCGPTLCK_:
		return arg_number(e, p->locked);
	case TIOCPKT_:
		return set_packet(p, e);
	case TIOCGPKT_:
		return arg_number(e, p->packet);
	case TIOCSIG_:
		return signal_line(l, req->arg);
	case TIOCGPGRP_:
		return arg_number(e, leader_of(l, &leader) ? l->pgrp : 0);
	case TIOCGSID_:
		return leader_of(l, &leader) ? arg_number(e, l->session) : -ENOTTY;
	case FIONREAD_:
		return arg_number(e, readable(l));
	case TCFLSH_:
		return flush(l, req->arg);
	case TIOCNOTTY_:
	case TCXONC_:
	case TIOCEXCL_:
	case TIOCNXCL_:
	case TIOCGEXCL_:
		return -ENOTTY;
	default:
		return line_ioctl(l, e, req);   /* the line's termios, window, groups */
	}
}
