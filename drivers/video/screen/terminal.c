/* SPDX-License-Identifier: BSD-2-Clause
 * terminal.c - a terminal as TERM=linux describes it: characters, control characters, escape
 *              sequences.
 *
 * Job:      decodes UTF-8, parses, writes characters, moves the cursor.
 * Speaks:   nothing.
 * Touches:  the state.
 * Trusts:   nothing in a byte; every number is brought within the screen.
 * On crash: the state is as after the last byte that was taken.
 * Spec:     console_codes(4); ECMA-48; terminfo(5), entry `linux`.
 */
#include "screen.h"

enum phase { GROUND, ESCAPE, CSI_, STRING, CHARSET_G0, CHARSET_G1, HASH, PERCENT, OSC, PALETTE };
enum { REPLACEMENT = 0xfffd, TAB = 8, PALETTE_DIGITS = 7 };

static struct parser *const parser = &state.parser;

/* ---- the cursor ---- */

void go_to(unsigned row, unsigned column)
{
	unsigned first = state.now.origin ? state.top : 0;
	unsigned end = state.now.origin ? state.bottom : state.rows;

	row = row < first ? first : row >= end ? end - 1u : row;
	column = column >= state.columns ? state.columns - 1u : column;
	state.now.row = (uint16_t)row;
	state.now.column = (uint16_t)column;
	state.now.wrap = 0;
}

void line_feed(void)
{
	if (state.now.row + 1 == state.bottom)
		cells_scroll_up(state.top, state.bottom, 1);
	else if (state.now.row + 1 < state.rows)
		state.now.row++;
	state.now.wrap = 0;             /* last: this may be why it is done, and be done again */
	if (state.newline)
		state.now.column = 0;
}

void reverse_feed(void)
{
	state.now.wrap = 0;
	if (state.now.row == state.top)
		cells_scroll_down(state.top, state.bottom, 1);
	else if (state.now.row > 0)
		state.now.row--;
}

void save_cursor(struct cursor *to)
{
	memcpy(to, &state.now, sizeof(*to));
}

void restore_cursor(const struct cursor *from)
{
	memcpy(&state.now, from, sizeof(*from));
}

/* ---- characters ---- */

/* DEC special graphics, 0x60 to 0x7e. */
static uint32_t graphic(uint32_t code)
{
	static const uint16_t line[] = {
		0x25c6, 0x2592, 0x2409, 0x240c, 0x240d, 0x240a, 0x00b0, 0x00b1,
		0x2424, 0x240b, 0x2518, 0x2510, 0x250c, 0x2514, 0x253c, 0x23ba,
		0x23bb, 0x2500, 0x23bc, 0x23bd, 0x251c, 0x2524, 0x2534, 0x252c,
		0x2502, 0x2264, 0x2265, 0x03c0, 0x2260, 0x00a3, 0x00b7,
	};

	if (code < 0x60 || code > 0x7e || !state.now.graphics[state.now.shifted])
		return code;
	return line[code - 0x60];
}

/* Combining marks and the like, which have no column of their own, are left out. */
static bool is_invisible(uint32_t code)
{
	return (code >= 0x0300 && code <= 0x036f) || (code >= 0x200b && code <= 0x200f) ||
	       (code >= 0x20d0 && code <= 0x20ff) || (code >= 0xfe00 && code <= 0xfe0f) ||
	       code == 0xfeff || (code >= 0x80 && code < 0xa0);
}

void write_code(uint32_t code)
{
	code = graphic(code);
	if (is_invisible(code))
		return;
	if (state.now.wrap && state.autowrap) {
		state.now.column = 0;
		line_feed();
	}
	if (state.insert)
		cells_insert(1);
	cell_row(state.now.row)[state.now.column] = cell_of(code, &state.now.pen);
	state.last = code;
	if (state.now.column + 1 < state.columns)
		state.now.column++;
	else
		state.now.wrap = 1;
}

static void begin_character(uint8_t byte)
{
	parser->more = byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : 1;
	parser->least = (uint8_t)(parser->more + 1);
	parser->code = byte & (0x3fu >> parser->more);
	if (byte < 0xc2 || byte > 0xf4) {
		parser->more = 0;
		write_code(REPLACEMENT);
	}
}

static unsigned utf8_length(uint32_t code)
{
	return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
}

static void go_on_character(uint8_t byte)
{
	uint32_t code = parser->code << 6 | (byte & 0x3f);

	parser->code = code;
	if (--parser->more > 0)
		return;
	if (utf8_length(code) != parser->least || code > 0x10ffff ||
	    (code >= 0xd800 && code < 0xe000))
		code = REPLACEMENT;
	write_code(code);
}

static void ground(uint8_t byte)
{
	bool follows = (byte & 0xc0) == 0x80;

	if (parser->more > 0 && !follows) {
		parser->more = 0;
		write_code(REPLACEMENT);
	}
	if (byte < 0x80)
		write_code(byte);
	else if (parser->more > 0)
		go_on_character(byte);
	else
		begin_character(byte);
}

/* ---- control characters: they work within escape sequences, too ---- */

static void tabulate(void)
{
	unsigned x = state.now.column + 1u;

	while (x < state.columns && !state.tab[x])
		x++;
	go_to(state.now.row, x);
}

static void control(uint8_t byte)
{
	if (parser->more > 0) {
		parser->more = 0;
		write_code(REPLACEMENT);
	}
	switch (byte) {
	case '\b':
		state.now.column -= state.now.column > 0;
		state.now.wrap = 0;
		break;
	case '\t':
		tabulate();
		break;
	case '\n':
	case '\v':
	case '\f':
		line_feed();
		break;
	case '\r':
		go_to(state.now.row, 0);
		break;
	case 14:                        /* SO */
	case 15:                        /* SI */
		state.now.shifted = byte == 14;
		break;
	case 24:                        /* CAN */
	case 26:                        /* SUB */
		parser->phase = GROUND;
		break;
	case 27:
		parser->phase = ESCAPE;
		parser->intermediate = 0;
		break;
	}
}

/* ---- escape sequences ---- */

static void set_tabs(void)
{
	for (unsigned x = 0; x < COLS_MAX; x++)
		state.tab[x] = x > 0 && x % TAB == 0;
}

void terminal_reset(void)
{
	struct cursor home = { .row = 0 };

	state.top = 0;
	state.bottom = state.rows;
	state.page = 0;
	state.autowrap = 1;
	state.insert = state.newline = state.hide_cursor = state.inverse = 0;
	pen_reset(&home.pen);
	restore_cursor(&home);
	save_cursor(&state.saved);
	set_tabs();
	undo_commit();
	cells_erase_rows(0, state.rows);
}

static void fill_with_e(void)
{
	for (unsigned y = 0; y < state.rows; y++) {
		uint32_t *row = cell_row(y);

		for (unsigned x = 0; x < state.columns; x++)
			row[x] = cell_of('E', &state.now.pen);
		undo_commit();
	}
	go_to(0, 0);
}

static void identify(void)
{
	static const char vt102[] = "\033[?6c";

	if (state.nr_answer + sizeof(vt102) - 1 > ANSWERS)
		return;
	memcpy(state.answer + state.nr_answer, vt102, sizeof(vt102) - 1);
	state.nr_answer += sizeof(vt102) - 1;
}

static enum phase begin_csi(void)
{
	parser->prefix = parser->intermediate = parser->count = 0;
	memset(parser->param, 0, sizeof(parser->param));
	return CSI_;
}

static enum phase begin_osc(void)
{
	parser->count = 0;
	return OSC;
}

/* What follows. */
static enum phase escape(uint8_t byte)
{
	switch (byte) {
	case '[':
		return begin_csi();
	case ']':
		return begin_osc();
	case 'P':
	case 'X':
	case '^':
	case '_':
		return STRING;
	case '(':
		return CHARSET_G0;
	case ')':
		return CHARSET_G1;
	case '*':
	case '+':
	case '%':
		return PERCENT;         /* one byte follows that changes nothing here */
	case '#':
		return HASH;
	case 'c':
		terminal_reset();
		break;
	case 'D':
		line_feed();
		break;
	case 'E':
		state.now.column = 0;
		line_feed();
		break;
	case 'H':
		state.tab[state.now.column] = 1;
		break;
	case 'M':
		reverse_feed();
		break;
	case 'Z':
		identify();
		break;
	case '7':
		save_cursor(&state.saved);
		break;
	case '8':
		restore_cursor(&state.saved);
		go_to(state.now.row, state.now.column);
		break;
	}
	return GROUND;
}

static void csi_byte(uint8_t byte)
{
	uint16_t *n = &parser->param[parser->count < PARAMS ? parser->count : PARAMS - 1];

	if (byte >= '0' && byte <= '9') {
		if (*n < 6000)
			*n = (uint16_t)(*n * 10 + (byte - '0'));
	} else if (byte == ';' || byte == ':') {
		if (parser->count < PARAMS)
			parser->count++;
	} else if (byte >= 0x3c && byte <= 0x3f) {
		parser->prefix = byte;
	} else if (byte < 0x30) {
		parser->intermediate = byte;
	} else {
		if (!parser->intermediate)
			csi(byte);
		parser->phase = GROUND;
	}
}

/* OSC: Linux's P and R, which end by themselves, or a text up to BEL or ST. */
static enum phase osc(uint8_t byte)
{
	if (byte == 'P')
		return PALETTE;
	return byte == 'R' ? GROUND : STRING;
}

static enum phase palette(uint8_t byte)
{
	bool digit = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f') ||
		     (byte >= 'A' && byte <= 'F');

	/* The palette stays as it is. */
	return digit && ++parser->count < PALETTE_DIGITS ? PALETTE : GROUND;
}

static void string_byte(uint8_t byte)
{
	if (byte == 7 || byte == 24 || byte == 26)
		parser->phase = GROUND;
	else if (byte == 27)
		parser->phase = ESCAPE;         /* of ST, whose backslash does nothing */
}

static void set_charset(unsigned which, uint8_t byte)
{
	state.now.graphics[which] = byte == '0';
}

/* The phase changes last: what commits on its way can be done again. */
static void sequence_byte(uint8_t byte)
{
	enum phase next = GROUND;

	switch ((enum phase)parser->phase) {
	case ESCAPE:
		next = escape(byte);
		break;
	case CHARSET_G0:
	case CHARSET_G1:
		set_charset(parser->phase == CHARSET_G1, byte);
		break;
	case HASH:
		if (byte == '8')
			fill_with_e();
		break;
	case OSC:
		next = osc(byte);
		break;
	case PALETTE:
		next = palette(byte);
		break;
	default:
		break;
	}
	parser->phase = (uint8_t)next;
}

bool terminal_is_ground(void)
{
	return parser->phase == GROUND && parser->more == 0;
}

void terminal_put(uint8_t byte)
{
	if (parser->phase == STRING || (parser->phase == OSC && byte < 0x20))
		string_byte(byte);
	else if (byte < 0x20)
		control(byte);
	else if (byte == 0x7f)
		return;
	else if (parser->phase == GROUND)
		ground(byte);
	else if (parser->phase == CSI_)
		csi_byte(byte);
	else
		sequence_byte(byte);
}
