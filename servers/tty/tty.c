/* SPDX-License-Identifier: BSD-2-Clause
 * tty.c - terminals: the line discipline between programs and the drivers of lines.
 *
 * Job:      /dev/ttyS0, /dev/tty1 (the screen and the keyboard), /dev/tty0 (the same), /dev/console
 *           (one of them), /dev/tty, /dev/ptmx and /dev/pts: canonical and raw input, echo,
 *           signals, job control.
 * Speaks:   contracts/chardev and file to vfs; contracts/serial to uart, screen and keyboard;
 *           contracts/pm for signals.
 * Touches:  nothing but its state.
 * Trusts:   vfs for who calls; nothing in an argument, nothing in a byte.
 * On crash: recovers in place; no byte that was taken is lost.
 */
#include "tty.h"

#include <contract/kernel.h>
#include <lib/assert.h>
#include <lib/boot.h>
#include <lib/clock.h>
#include <lib/file.h>
#include <lib/print.h>
#include <lib/service_ids.h>

enum { ACCMODE = 3, WRONLY = 1, NOCTTY = 0400 };

struct line *line_of(uint32_t n)
{
	struct line *l = n < NR_LINES_ ? &state.line[n] : NULL;

	return l != NULL && (pty_of(l) == NULL || pty_of(l)->used) ? l : NULL;
}

/* The line that a device number stands for; NULL: none. */
static struct line *line_of_device(const struct chardev_open_request *req)
{
	switch (req->device) {
	case CHARDEV_DEVICE(MAJOR_TTYS, MINOR_TTYS0):
		return &state.line[LINE_SERIAL];
	case CHARDEV_DEVICE(MAJOR_TTYS, 0):
	case CHARDEV_DEVICE(MAJOR_TTYS, 1):
		return &state.line[LINE_SCREEN];
	case CHARDEV_DEVICE(MAJOR_TTY, 0):
		return controlling(req->pid);
	case CHARDEV_DEVICE(MAJOR_TTY, 1):
		return &state.line[state.console];
	default:
		return req->device >> 8 == MAJOR_PTS ? line_of(LINE_PTY + (req->device & 0xff))
						     : NULL;
	}
}

/* May the line be opened (again)? */
static err_t check_open(const struct line *l, endpoint_t proc)
{
	const struct pty *p = pty_of(l);

	if (p != NULL && (!p->master || p->locked))
		return -EIO;
	return l->exclusive && l->opens > 0 && !is_root(proc) ? -EBUSY : 0;
}

static err_t do_chardev_open(const struct call *c, const struct chardev_open_request *req,
			     struct chardev_open_reply *reply)
{
	struct line *l = line_of_device(req);
	bool console = req->device == CHARDEV_DEVICE(MAJOR_TTY, 1);

	err_t err;

	if (req->device == CHARDEV_DEVICE(MAJOR_TTY, MINOR_PTMX))
		return pty_open(req, reply);
	if (l == NULL)
		return req->device >> 8 == MAJOR_PTS ? -EIO : -ENXIO;
	err = check_open(l, req->proc);
	if (err != 0)
		return err;
	/* A session leader without a terminal that opens one for reading gets it. */
	if (!console && !(req->flags & NOCTTY) && (req->flags & ACCMODE) != WRONLY)
		become_controlling(l, req->proc, false);
	l->opens++;
	if (pty_of(l) != NULL)
		pty_of(l)->slave = 1;
	reply->line = (uint32_t)(l - state.line);
	reply->device = console ? req->device : device_of(l);
	events(l);
	return 0;
}

static err_t do_chardev_close(const struct call *c, const struct chardev_close_request *req)
{
	struct line *l = line_of(req->line), *master = line_of_master(req->line);

	if (master != NULL)
		pty_close(master);
	if (l == NULL)
		return master != NULL ? 0 : -ENXIO;
	l->opens -= l->opens > 0;
	if (l->opens == 0)
		l->exclusive = 0;
	if (l->opens == 0 && pty_of(l) != NULL)
		pty_left(l);
	return 0;
}

/* Raw mode: is what is there enough (VMIN, VTIME in tenths of a second)? If not, *retry_ms: when to
 * ask again though nothing comes. Who does not wait or has no room for more takes what there is. */
static bool enough(const struct line *l, const struct chardev_read_request *req, uint64_t room,
		   uint32_t *retry_ms)
{
	uint32_t n = in_used(l), min = l->termios.cc[C_MIN], idle_ms = req->waited_ms;
	uint32_t time_ms = l->termios.cc[C_TIME] * 100u;
	uint64_t since_ms = clock_monotonic_ns() / 1000000 - l->came_ms;

	if (n >= (min ? min : 1) || n >= room || (min == 0 && time_ms == 0))
		return true;
	if (req->flags & CHARDEV_NONBLOCK)
		return n > 0;
	if (time_ms == 0 || (n == 0 && min > 0))
		return false;
	if (min > 0 && since_ms < idle_ms)
		idle_ms = (uint32_t)since_ms;   /* VTIME is then between bytes */
	if (idle_ms >= time_ms)
		return true;
	*retry_ms = time_ms - idle_ms;
	return false;
}

static err_t hand_over(const struct call *c, struct line *l, uint32_t n, bool eof)
{
	static uint8_t bytes[CHARDEV_DATA_MAX];
	err_t err;

	for (uint32_t i = 0; i < n; i++)
		bytes[i] = in_peek(l, i);
	err = n ? chardev_data_write(c, 0, bytes, n) : 0;
	if (err != 0)
		return err;
	in_drop(l, n + (eof ? 1 : 0));
	recount(l);
	return 0;
}

static err_t do_chardev_read(const struct call *c, const struct chardev_read_request *req,
			     struct chardev_read_reply *reply)
{
	struct line *l = line_of(req->line), *master = line_of_master(req->line);
	uint32_t n;
	bool eof;
	err_t err;

	reply->seq = chardev_seq(req->line);
	if (master != NULL)
		return pty_read(c, master, reply);
	if (!l)
		return -ENXIO;
	if (l->hung_up)
		return 0;
	err = job_check(l, req->proc, SIG_TTIN_);
	if (err != 0)
		return err;
	n = input_ready(l, &eof);
	if (l->termios.lflag & L_ICANON) {
		if (n == 0 && !eof)
			return -EAGAIN;
	} else if (!enough(l, req, c->lent, &reply->retry_ms)) {
		return -EAGAIN;
	}
	if (n > c->lent) {
		n = (uint32_t)c->lent;
		eof = false;
	}
	if (n > CHARDEV_DATA_MAX) {
		n = CHARDEV_DATA_MAX;
		eof = false;
	}
	err = hand_over(c, l, n, eof);
	if (err != 0)
		return err;
	reply->done = n;
	pty_touch(l, false);
	events(l);
	return 0;
}

static err_t do_chardev_write(const struct call *c, const struct chardev_write_request *req,
			      struct chardev_write_reply *reply)
{
	static uint8_t bytes[WRITE_MAX];
	struct line *l = line_of(req->line), *master = line_of_master(req->line);
	uint32_t n = c->lent < sizeof(bytes) ? (uint32_t)c->lent : (uint32_t)sizeof(bytes);
	err_t err;

	reply->seq = chardev_seq(req->line);
	if (master != NULL)
		return pty_write(c, master, reply);
	if (!l)
		return -ENXIO;
	if (l->hung_up)
		return -EIO;
	if (l->termios.lflag & L_TOSTOP) {
		err = job_check(l, req->proc, SIG_TTOU_);
		if (err != 0)
			return err;
	}
	if (l->stopped && pty_of(l) != NULL)
		return -EAGAIN;
	err = n ? chardev_data_read(c, 0, bytes, n) : 0;
	if (err != 0)
		return err;
	while (reply->done < n && undo_used() < UNDO_FULL && output_byte(l, bytes[reply->done]))
		reply->done++;
	if (n && reply->done == 0)
		return -EAGAIN;
	pty_touch(l, true);
	events(l);
	return 0;
}

/* vfs has begun afresh, and with it all programs: nothing is open. What may be read and written, it
 * has to hear. */
static void nobody_is_there(void)
{
	for (unsigned i = 0; i < NR_PTYS; i++)
		state.pty[i].used = state.pty[i].master = 0;
	for (unsigned i = 0; i < NR_LINES_; i++) {
		struct line *l = &state.line[i];

		l->opens = l->session = l->pgrp = l->leaver = 0;
		l->exclusive = l->stopped = 0;
		events(l);
	}
}

static void on_notify(uint64_t services)
{
	if (services & BIT(ID_DS))
		wire_drivers_changed();
	if (services & (BIT(ID_UART) | BIT(ID_SCREEN) | BIT(ID_KEYBOARD)))
		wire_pump();
	if (chardev_asker_changed())
		nobody_is_there();
	chardev_server_notified(services);
	file_server_notified(services);
	wire_served();
}

/* The last console=tty1 (tty0) or console=ttyS0 of the boot command line: /dev/console. */
static void choose_console(void)
{
	static struct boot_info boot;
	struct boot_info_request req = { .address = (uint64_t)&boot };
	char value[16];

	assert(sys_boot_info(&req) == 0);
	if (boot_option(boot.cmdline, "console", value, sizeof(value)) &&
	    (strcmp(value, "tty1") == 0 || strcmp(value, "tty0") == 0))
		state.console = LINE_SCREEN;
}

static void init(enum start_kind kind)
{
	peer_watch_answers();
	devpts_init(kind == START_FRESH);
	if (kind != START_FRESH)
		return;
	for (unsigned i = 0; i < LINE_PTY; i++)
		termios_reset(&state.line[i]);
	choose_console();
	wire_open();
	wire_pump();
}

/* Y1. A line whose counts cannot be loses what is in it, and nothing else. */
static void check_line(struct line *l, unsigned i)
{
	uint32_t in = l->in.head - l->in.tail, out = l->out.head - l->out.tail;

	if (in > IN_SIZE) {
		print("recovery: line %u had %u bytes of input\n", i, in);
		l->in.tail = l->in.head;
	}
	if (out > OUT_SIZE) {
		print("recovery: line %u had %u bytes of output\n", i, out);
		l->out.tail = l->out.head;
	}
}

static err_t check(void)
{
	for (unsigned i = 0; i < NR_LINES_; i++) {
		struct line *l = line_of(i);

		check_line(&state.line[i], i);
		if (l == NULL)
			continue;
		recount(l);
		events(l);              /* it may have changed, and nobody was told */
		pty_events(l, true);
	}
	devpts_check();
	wire_recovered();
	return 0;
}

int main(void)
{
	static const struct chardev_ops ops = {
		.open = do_chardev_open, .close = do_chardev_close, .read = do_chardev_read,
		.write = do_chardev_write, .ioctl = do_chardev_ioctl,
	};
	static const struct server tty = {
		.name = "tty", .init = init, .check = check, .on_notify = on_notify,
		.audit = wire_audit,
	};

	chardev_server_init(&ops, NULL);
	server_run(&tty);
}
