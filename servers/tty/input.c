/* SPDX-License-Identifier: BSD-2-Clause
 * input.c - the line discipline: what comes from the terminal.
 *
 * Job:      maps, edits, echoes and signals, as termios says.
 * Speaks:   pm.signal_group.
 * Touches:  the line.
 * Trusts:   nothing in a byte.
 * On crash: the line is state.
 * Spec:     POSIX.1-2017 11.1 (General Terminal Interface); termios(3).
 */
#include "tty.h"

#include <contract/pm.h>
#include <lib/clock.h>
#include <lib/peer.h>

enum { DISABLED = 0 };

static struct peer pm = PEER("pm");

void signal_foreground(const struct line *l, unsigned signal)
{
	struct pm_signal_group_request req = {
		.pgid = l->pgrp, .signal = signal, .tty = device_of(l),
	};

	if (l->pgrp && pm_signal_group(&pm, &req) != 0)
		return;                 /* the group, or the session, has ended meanwhile */
}

static bool is(const struct line *l, uint8_t byte, unsigned which)
{
	return byte != DISABLED && byte == l->termios.cc[which];
}

static bool has(const struct line *l, uint32_t flag)
{
	return l->termios.lflag & flag;
}

static bool ends(const struct line *l, uint8_t byte)
{
	return byte == '\n' || is(l, byte, C_EOL) || (is(l, byte, C_EOL2) && has(l, L_IEXTEN));
}

bool is_end(const struct line *l, uint32_t n)
{
	return in_is_mark(l, n) || ends(l, in_peek(l, n));
}

void flush_input(struct line *l)
{
	l->in.tail = l->in.head;
	l->ready = 0;
	pty_say(l, PKT_FLUSHREAD, 0);
}

/* A line that is not ended yet has no reader that could make room: what is too much is dropped. */
bool takes(const struct line *l, uint32_t n)
{
	return in_used(l) + n < IN_SIZE || (has(l, L_ICANON) && l->ready == 0);
}

void recount(struct line *l)
{
	uint32_t ready = 0;

	for (uint32_t i = 0; i < in_used(l); i++)
		ready += is_end(l, i);
	l->ready = ready;
}

uint32_t input_ready(const struct line *l, bool *eof)
{
	uint32_t n = in_used(l);

	*eof = false;
	if (!has(l, L_ICANON))
		return n;
	if (l->ready == 0)
		return 0;
	for (uint32_t i = 0; i < n; i++) {
		if (in_is_mark(l, i)) {
			*eof = true;
			return i;
		}
		if (is_end(l, i))
			return i + 1;
	}
	return 0;
}

bool is_readable(const struct line *l)
{
	const uint8_t *cc = l->termios.cc;
	bool eof;

	if (!has(l, L_ICANON) && cc[C_TIME] == 0)
		return in_used(l) >= (cc[C_MIN] ? cc[C_MIN] : 1);
	return input_ready(l, &eof) || eof;
}

/* ---- editing ---- */

/* One byte from the terminal may change no more than the undo log holds: what is too long is rubbed
 * out or shown again in part only. */
enum { VISIBLE = 200 };

/* Is there a byte of the unfinished line? */
static bool editable(const struct line *l)
{
	uint32_t n = in_used(l);

	return n > 0 && !is_end(l, n - 1);
}

static bool continues(const struct line *l, uint8_t byte)
{
	return (byte & 0xc0) == 0x80 && l->termios.iflag & I_IUTF8;
}

/* Where the unfinished line begins in the input buffer. */
static uint32_t line_start(const struct line *l)
{
	uint32_t first = in_used(l);

	while (first > 0 && !is_end(l, first - 1))
		first--;
	return first;
}

/* The columns of byte n of the input, which is shown at this column. */
static uint32_t width(const struct line *l, uint32_t n, uint32_t column)
{
	uint8_t byte = in_peek(l, n);

	if (byte == '\t')
		return 8 - column % 8;
	if (byte < 32 || byte == 127)
		return has(l, L_ECHOCTL) ? 2 : 0;
	return !continues(l, byte);     /* the first byte of a character has its column */
}

/* Where byte n of the unfinished line is shown. */
static uint32_t column_of(const struct line *l, uint32_t n)
{
	uint32_t column = l->begins;

	for (uint32_t i = line_start(l); i < n; i++)
		column += width(l, i, column);
	return column;
}

/* The last character: where it began it is blank, and what is typed next is shown there. */
static void erase_one(struct line *l)
{
	uint32_t last = in_used(l) - 1, n;
	bool tab;

	while (last > 0 && continues(l, in_peek(l, last)) && !is_end(l, last - 1))
		last--;
	tab = in_peek(l, last) == '\t';
	n = width(l, last, tab ? column_of(l, last) : 0);
	l->in.head = l->in.tail + last;
	if (!has(l, L_ECHO))
		return;
	if (!has(l, L_ECHOE)) {
		echo_byte(l, l->termios.cc[C_ERASE]);
		return;
	}
	l->column -= n < l->column ? n : l->column;
	for (; n > 0; n--) {
		out_put(l, '\b');
		if (!tab) {
			out_put(l, ' ');
			out_put(l, '\b');
		}
	}
}

static void erase_word(struct line *l)
{
	bool seen = false;

	while (editable(l) && undo_used() < UNDO_FULL) {
		uint8_t byte = in_peek(l, in_used(l) - 1);
		bool blank = byte == ' ' || byte == '\t';

		if (blank && seen)
			break;
		seen |= !blank;
		erase_one(l);
	}
}

static void erase_line(struct line *l)
{
	bool visual = has(l, L_ECHO) && has(l, L_ECHOK) && has(l, L_ECHOKE) && has(l, L_ECHOE);

	while (visual && editable(l) && undo_used() < UNDO_FULL)
		erase_one(l);
	if (visual && !editable(l))
		return;
	l->in.head = l->in.tail + line_start(l);
	if (!has(l, L_ECHO))
		return;
	echo_byte(l, l->termios.cc[C_KILL]);
	if (has(l, L_ECHOK))
		output_byte(l, '\n');
}

static void reprint(struct line *l)
{
	uint32_t n = in_used(l), first = line_start(l);

	if (!has(l, L_ECHO))
		return;
	if (n - first > VISIBLE)
		first = n - VISIBLE;
	echo_byte(l, l->termios.cc[C_REPRINT]);
	output_byte(l, '\n');
	l->begins = 0;
	for (uint32_t i = first; i < n && undo_used() < UNDO_FULL; i++)
		echo_byte(l, in_peek(l, i));
}

/* ---- one byte ---- */

static bool signal_byte(struct line *l, uint8_t byte)
{
	unsigned signal;

	if (!has(l, L_ISIG))
		return false;
	if (is(l, byte, C_INTR))
		signal = SIG_INT_;
	else if (is(l, byte, C_QUIT))
		signal = SIG_QUIT_;
	else if (is(l, byte, C_SUSP))
		signal = SIG_TSTP_;
	else
		return false;
	if (!has(l, L_NOFLSH)) {
		flush_input(l);
		flush_output(l);
	}
	if (l->termios.iflag & I_IXON)
		set_stopped(l, false);
	if (has(l, L_ECHO))
		echo_byte(l, byte);
	signal_foreground(l, signal);
	return true;
}

static bool flow_byte(struct line *l, uint8_t byte)
{
	if (!(l->termios.iflag & I_IXON))
		return false;
	if (is(l, byte, C_STOP)) {
		set_stopped(l, true);
		return true;
	}
	if (is(l, byte, C_START)) {
		set_stopped(l, false);
		return true;
	}
	if (l->termios.iflag & I_IXANY)
		set_stopped(l, false);
	return false;
}

static bool edit_byte(struct line *l, uint8_t byte)
{
	if (is(l, byte, C_ERASE) || (byte == '\b' && l->termios.cc[C_ERASE] == 127)) {
		if (editable(l))
			erase_one(l);
		return true;
	}
	if (is(l, byte, C_KILL)) {
		erase_line(l);
		return true;
	}
	if (is(l, byte, C_WERASE) && has(l, L_IEXTEN)) {
		erase_word(l);
		return true;
	}
	if (is(l, byte, C_REPRINT) && has(l, L_IEXTEN)) {
		reprint(l);
		return true;
	}
	if (is(l, byte, C_EOF)) {
		if (in_put(l, 0, true))
			l->ready++;
		return true;
	}
	return false;
}

static void store(struct line *l, uint8_t byte)
{
	bool canonical = has(l, L_ICANON), end = canonical && ends(l, byte);

	if (!editable(l))
		l->begins = l->column;
	/* The last place is kept for an end of line, so that a full line can always be ended. */
	if (in_used(l) + (canonical && !end) >= IN_SIZE || !in_put(l, byte, false)) {
		if (l->termios.iflag & I_IMAXBEL)
			out_put(l, '\a');
		return;
	}
	if (end)
		l->ready++;
	if (!canonical && l->termios.cc[C_TIME])
		l->came_ms = clock_monotonic_ns() / 1000000;
	if (has(l, L_ECHO) || (byte == '\n' && canonical && has(l, L_ECHONL)))
		echo_byte(l, byte);
}

void input_byte(struct line *l, uint8_t byte)
{
	uint32_t iflag = l->termios.iflag;

	if (iflag & I_ISTRIP)
		byte &= 0x7f;
	if (l->literal) {
		l->literal = 0;
		store(l, byte);
		return;
	}
	if (flow_byte(l, byte))
		return;
	if (has(l, L_ICANON) && has(l, L_IEXTEN) && is(l, byte, C_LNEXT)) {
		l->literal = 1;
		if (has(l, L_ECHO) && has(l, L_ECHOCTL)) {
			out_put(l, '^');
			out_put(l, '\b');
		}
		return;
	}
	if (signal_byte(l, byte))
		return;
	if (byte == '\r') {
		if (iflag & I_IGNCR)
			return;
		if (iflag & I_ICRNL)
			byte = '\n';
	} else if (byte == '\n' && iflag & I_INLCR) {
		byte = '\r';
	}
	if (has(l, L_ICANON) && edit_byte(l, byte))
		return;
	store(l, byte);
}

void input_break(struct line *l)
{
	if (l->termios.iflag & I_IGNBRK)
		return;
	if (l->termios.iflag & I_BRKINT) {
		flush_input(l);
		signal_foreground(l, SIG_INT_);
	} else {
		in_put(l, 0, false);
	}
}
