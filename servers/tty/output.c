/* SPDX-License-Identifier: BSD-2-Clause
 * output.c - the line discipline: what goes to the terminal.
 *
 * Job:      post-processing and echo; says what poll would answer.
 * Speaks:   chardev events to vfs.
 * Touches:  the line.
 * Trusts:   its callers.
 * On crash: the line is state.
 * Spec:     POSIX.1-2017 11.2.3 (output modes); termios(3).
 */
#include "tty.h"

static bool put_newline(struct line *l)
{
	if (l->termios.oflag & O_ONLCR) {
		if (out_room(l) < 2)
			return false;
		out_put(l, '\r');
	}
	if (l->termios.oflag & (O_ONLCR | O_ONLRET))
		l->column = 0;
	return out_put(l, '\n');
}

static bool put_tab(struct line *l)
{
	uint32_t n = 8 - l->column % 8;

	if (out_room(l) < n)
		return false;
	l->column += n;
	if ((l->termios.oflag & O_XTABS) != O_XTABS)
		return out_put(l, '\t');
	while (n-- > 0)
		out_put(l, ' ');
	return true;
}

bool output_byte(struct line *l, uint8_t byte)
{
	if (!(l->termios.oflag & O_OPOST))
		return out_put(l, byte);
	switch (byte) {
	case '\n':
		return put_newline(l);
	case '\r':
		if (l->termios.oflag & O_OCRNL)
			return put_newline(l);
		if (l->termios.oflag & O_ONOCR && l->column == 0)
			return true;
		l->column = 0;
		break;
	case '\b':
		l->column -= l->column > 0;
		break;
	case '\t':
		return put_tab(l);
	default:
		l->column += byte >= 32;
		break;
	}
	return out_put(l, byte);
}

void echo_byte(struct line *l, uint8_t byte)
{
	bool control = (byte < 32 && byte != '\n' && byte != '\t') || byte == 127;

	if (control && l->termios.lflag & L_ECHOCTL) {
		out_put(l, '^');
		out_put(l, byte ^ 0x40);
		l->column += 2;
	} else {
		output_byte(l, byte);
	}
}

/* What a master could have read before stays, as on Linux, where its own buffer has it already. */
enum { MASTERS = 4096 };

void flush_output(struct line *l)
{
	if (pty_of(l) == NULL)
		l->out.tail = l->out.head;
	else if (out_used(l) > MASTERS)
		l->out.head = l->out.tail + MASTERS;
	pty_say(l, PKT_FLUSHWRITE, 0);
}

void set_stopped(struct line *l, bool stopped)
{
	if (l->stopped == stopped)
		return;
	l->stopped = stopped;
	l->stop_at = l->out.head;
	pty_say(l, stopped ? PKT_STOP : PKT_START, stopped ? PKT_START : PKT_STOP);
}

static uint32_t events_now(const struct line *l)
{
	uint32_t now = 0;

	if (is_readable(l) || l->hung_up)
		now |= POLL_READ;
	if (l->hung_up || (out_room(l) >= OUT_SIZE / 4 && !(l->stopped && pty_of(l) != NULL)))
		now |= POLL_WRITE;
	if (l->hung_up)
		now |= POLL_HUP | POLL_ERR;
	return now;
}

void events(struct line *l)
{
	chardev_event((uint32_t)(l - state.line), events_now(l));
	pty_events(l, false);
}

void events_changed(struct line *l)
{
	uint32_t n = (uint32_t)(l - state.line), now = events_now(l);

	if (now != chardev_events(n))
		chardev_event(n, now);
	pty_events(l, false);
}
