/* SPDX-License-Identifier: BSD-2-Clause
 * csi.c - control sequences: ESC [ parameters letter.
 *
 * Job:      moves, erases, inserts, deletes, scrolls, modes, reports.
 * Speaks:   nothing.
 * Touches:  the state.
 * Trusts:   no parameter.
 * On crash: the state is as after the last byte that was taken.
 * Spec:     console_codes(4); ECMA-48 8.3; DEC STD 070 for the private modes.
 */
#include "screen.h"

#include <lib/print.h>

static const struct parser *const parser = &state.parser;

/* Parameter n; 0 or absent: `otherwise`. */
static unsigned param(unsigned n, unsigned otherwise)
{
	return n <= parser->count && n < PARAMS && parser->param[n] ? parser->param[n] : otherwise;
}

static void reply(const char *text, unsigned len)
{
	if (state.nr_answer + len > ANSWERS)
		return;                 /* nobody has taken the answers before it */
	memcpy(state.answer + state.nr_answer, text, len);
	state.nr_answer += len;
}

static void report(unsigned what)
{
	char text[24];
	unsigned row = state.now.row - (state.now.origin ? state.top : 0u);

	if (what == 5)
		reply("\033[0n", 4);
	else if (what == 6)
		reply(text, (unsigned)format(text, sizeof(text), "\033[%u;%uR", row + 1,
					     state.now.column + 1u));
}

/* Up and down stop at the margins of the scrolling region if they begin within. */
static void move_up(unsigned n)
{
	unsigned stop = state.now.row >= state.top ? state.top : 0;

	go_to(state.now.row < stop + n ? stop : state.now.row - n, state.now.column);
}

static void move_down(unsigned n)
{
	unsigned stop = state.now.row < state.bottom ? state.bottom : state.rows;

	go_to(state.now.row + n >= stop ? stop - 1 : state.now.row + n, state.now.column);
}

static void move_left(unsigned n)
{
	go_to(state.now.row, state.now.column < n ? 0 : state.now.column - n);
}

static void position(void)
{
	go_to(param(0, 1) - 1 + (state.now.origin ? state.top : 0u), param(1, 1) - 1);
}

static void erase_display(unsigned what)
{
	unsigned y = state.now.row;

	if (what == 0) {
		cells_erase(y, state.now.column, state.columns);
		cells_erase_rows(y + 1, state.rows);
	} else if (what == 1) {
		cells_erase_rows(0, y);
		cells_erase(y, 0, state.now.column + 1u);
	} else if (what == 2 || what == 3) {
		cells_erase_rows(0, state.rows);
	}
}

static void erase_line(unsigned what)
{
	cells_erase(state.now.row, what == 0 ? state.now.column : 0,
		    what == 1 ? state.now.column + 1u : state.columns);
}

static void erase_characters(unsigned n)
{
	unsigned left = state.columns - state.now.column;

	cells_erase(state.now.row, state.now.column, state.now.column + (n < left ? n : left));
}

static bool in_region(void)
{
	return state.now.row >= state.top && state.now.row < state.bottom;
}

static void set_region(void)
{
	unsigned top = param(0, 1) - 1, bottom = param(1, state.rows);

	if (bottom > state.rows || top + 1 >= bottom)
		return;
	state.top = (uint16_t)top;
	state.bottom = (uint16_t)bottom;
	go_to(state.now.origin ? top : 0, 0);
}

static void repeat(unsigned n)
{
	undo_commit();                  /* what follows may need all of the log */
	for (n = n < state.columns ? n : state.columns; n > 0 && state.last != 0; n--) {
		state.parser.param[0] = (uint16_t)n;       /* if it is done again: what is left */
		write_code(state.last);
	}
}

static void clear_tabs(unsigned what)
{
	if (what == 0)
		state.tab[state.now.column] = 0;
	else if (what == 3)
		memset(state.tab, 0, sizeof(state.tab));
}

/* ---- modes ---- */

static void alternate(bool on, bool keep_cursor)
{
	if (on == (state.page != 0))
		return;
	if (on) {
		if (keep_cursor)
			save_cursor(&state.before_alternate);
		cells_erase_alternate();
		state.page = 1;
		return;
	}
	state.page = 0;
	if (keep_cursor) {
		restore_cursor(&state.before_alternate);
		go_to(state.now.row, state.now.column);
	}
}

static void private_mode(unsigned mode, bool on)
{
	switch (mode) {
	case 5:
		state.inverse = on;
		break;
	case 6:
		state.now.origin = on;
		go_to(on ? state.top : 0, 0);
		break;
	case 7:
		state.autowrap = on;
		break;
	case 25:
		state.hide_cursor = !on;
		break;
	case 47:
	case 1047:
		alternate(on, false);
		break;
	case 1049:
		alternate(on, true);
		break;
	}
}

static void set_modes(bool on)
{
	for (unsigned n = 0; n <= parser->count && n < PARAMS; n++) {
		if (parser->prefix == '?')
			private_mode(parser->param[n], on);
		else if (parser->param[n] == 4)
			state.insert = on;
		else if (parser->param[n] == 20)
			state.newline = on;
	}
}

/* ---- the letters ---- */

static void move(uint8_t final)
{
	unsigned n = param(0, 1);

	switch (final) {
	case 'A':
		move_up(n);
		break;
	case 'B':
	case 'e':
		move_down(n);
		break;
	case 'C':
	case 'a':
		go_to(state.now.row, state.now.column + n);
		break;
	case 'D':
		move_left(n);
		break;
	case 'E':
		move_down(n);
		state.now.column = 0;
		break;
	case 'F':
		move_up(n);
		state.now.column = 0;
		break;
	case 'G':
	case '`':
		go_to(state.now.row, n - 1);
		break;
	case 'H':
	case 'f':
		position();
		break;
	case 'd':
		go_to(n - 1 + (state.now.origin ? state.top : 0u), state.now.column);
		break;
	}
}

static void change(uint8_t final)
{
	unsigned n = param(0, 1);

	switch (final) {
	case '@':
		cells_insert(n);
		break;
	case 'P':
		cells_delete(n);
		break;
	case 'L':
		if (in_region())
			cells_scroll_down(state.now.row, state.bottom, n);
		break;
	case 'M':
		if (in_region())
			cells_scroll_up(state.now.row, state.bottom, n);
		break;
	case 'S':
		cells_scroll_up(state.top, state.bottom, n);
		break;
	case 'T':
		cells_scroll_down(state.top, state.bottom, n);
		break;
	case 'X':
		erase_characters(n);
		break;
	case 'b':
		repeat(n);
		break;
	case 'J':
		erase_display(param(0, 0));
		break;
	case 'K':
		erase_line(param(0, 0));
		break;
	}
}

static void set(uint8_t final)
{
	switch (final) {
	case 'm':
		select_rendition();
		break;
	case 'h':
	case 'l':
		set_modes(final == 'h');
		break;
	case 'r':
		set_region();
		break;
	case 'g':
		clear_tabs(param(0, 0));
		break;
	case 's':
		save_cursor(&state.saved);
		break;
	case 'u':
		restore_cursor(&state.saved);
		go_to(state.now.row, state.now.column);
		break;
	case 'n':
		report(param(0, 0));
		break;
	case 'c':
		if (param(0, 0) == 0)
			reply("\033[?6c", 5);
		break;
	}
}

void csi(uint8_t final)
{
	if (parser->prefix == '?' && (final == 'h' || final == 'l')) {
		set_modes(final == 'h');
		return;
	}
	if (parser->prefix)
		return;                 /* others' private sequences: nothing here */
	move(final);
	change(final);
	set(final);
}
