/* SPDX-License-Identifier: BSD-2-Clause
 * state.h - all that the screen remembers: its cells, and the terminal's registers.
 *
 * S1 top < bottom <= rows <= ROWS_MAX, columns <= COLS_MAX; the cursor is within them.
 * S2 order[] of a page is a permutation of 0 .. ROWS_MAX - 1: row y of the screen is
 *    cell[order[y]]. So scrolling moves row numbers, not rows.
 */
#ifndef SCREEN_STATE_H
#define SCREEN_STATE_H

#include <lib/serial.h>
#include <lib/undo.h>

enum { COLS_MAX = 240, ROWS_MAX = 68, PARAMS = 16, ANSWERS = 64, NR_PAGES = 2, NR_CHARSETS = 2 };

/* A cell: a code point, two of the sixteen colours, and how it looks. */
enum {
	CELL_CODE = 0x1fffff, CELL_FG = 21, CELL_BG = 25, CELL_UNDERLINE = 1 << 29,
	CELL_CURSOR = 1 << 30,          /* in what is drawn only */
};

struct page {
	uint8_t order[ROWS_MAX];        /* S2 */
	uint32_t cell[ROWS_MAX][COLS_MAX];
};

/* How characters are written (SGR). */
struct pen {
	uint8_t fg, bg;                 /* 0..15 */
	uint8_t bold, dim, underline, blink, reverse, hidden;
};

/* What DECSC saves. */
struct cursor {
	uint16_t row, column;
	uint8_t wrap;                   /* the last column is written: the next character wraps */
	uint8_t origin;                 /* DECOM */
	uint8_t shifted;                /* 1: SO, G1 is used */
	uint8_t graphics[NR_CHARSETS];  /* G0, G1: 1: DEC special graphics */
	struct pen pen;
};

struct parser {
	uint8_t phase;
	uint8_t prefix;                 /* '?', '>', ... or 0 */
	uint8_t intermediate;           /* the last of 0x20..0x2f, or 0 */
	uint8_t count;                  /* of parameters */
	uint16_t param[PARAMS];
	uint32_t code;                  /* of UTF-8 so far */
	uint8_t more;                   /* bytes of it still to come */
	uint8_t least;                  /* 0: done; how long a sequence the code must need */
};

struct state {
	uint16_t rows, columns;
	uint16_t top, bottom;           /* scrolling region, [top, bottom) */
	uint8_t page;                   /* 1: the alternate screen */
	uint8_t autowrap, insert, newline, hide_cursor, inverse;
	uint32_t last;                  /* code point written last, for REP */
	struct cursor now, saved, before_alternate;
	struct parser parser;
	uint8_t tab[COLS_MAX];          /* 1: a tab stop */
	uint8_t answer[ANSWERS];        /* to what programs asked, for tty */
	uint32_t nr_answer;
	struct serial_line line;
	struct page pages[NR_PAGES];
};

extern struct state state;

#endif
