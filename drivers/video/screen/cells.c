/* SPDX-License-Identifier: BSD-2-Clause
 * cells.c - the grid of characters.
 *
 * Job:      erases, inserts, deletes, scrolls.
 * Speaks:   nothing.
 * Touches:  state.pages.
 * Trusts:   its callers for rows and columns on the screen.
 * On crash: one request may change more than the undo log holds, so erasing commits after each row,
 *           and scrolling erases first and moves row numbers last: both can be done again.
 */
#include "screen.h"

/* One character needs fewer entries of the log than lie between what lib/serial_server.c begins a
 * byte with (half of them) and this, so nothing is committed in its middle. */
enum { COMMIT_ABOVE = UNDO_ENTRIES / 4 * 3 };

static struct page *page(void)
{
	return &state.pages[state.page];
}

uint32_t *cell_row(unsigned y)
{
	return page()->cell[page()->order[y]];
}

uint32_t cell_of(uint32_t code, const struct pen *pen)
{
	uint32_t fg = pen->fg | (pen->bold ? 8u : 0u), bg = pen->bg | (pen->blink ? 8u : 0u);

	if (pen->dim)
		fg = 8;
	if (pen->hidden)
		fg = bg;
	if (pen->reverse) {
		uint32_t was = fg;

		fg = bg;
		bg = was;
	}
	return code | fg << CELL_FG | bg << CELL_BG | (pen->underline ? CELL_UNDERLINE : 0u);
}

/* Blank cells have the background that is set (terminfo: bce). */
static void erase(uint32_t *row, unsigned from, unsigned end)
{
	static uint32_t blank[COLS_MAX];
	struct pen pen = { .fg = 7, .bg = state.now.pen.bg };

	for (unsigned i = from; i < end; i++)
		blank[i] = cell_of(' ', &pen);
	if (from < end)
		memcpy(row + from, blank + from, (end - from) * sizeof(blank[0]));
}

void cells_erase(unsigned y, unsigned from, unsigned end)
{
	erase(cell_row(y), from, end);
}

void cells_erase_rows(unsigned y, unsigned end)
{
	for (; y < end; y++) {
		cells_erase(y, 0, state.columns);
		if (undo_used() > COMMIT_ABOVE)
			undo_commit();
	}
}

void cells_erase_alternate(void)
{
	for (unsigned y = 0; y < ROWS_MAX; y++) {
		erase(state.pages[1].cell[y], 0, state.columns);
		if (undo_used() > COMMIT_ABOVE)
			undo_commit();
	}
}

void cells_insert(unsigned n)
{
	uint32_t *row = cell_row(state.now.row);
	unsigned x = state.now.column, left = state.columns - x;

	n = n < left ? n : left;
	memmove(row + x + n, row + x, (left - n) * sizeof(*row));
	cells_erase(state.now.row, x, x + n);
}

void cells_delete(unsigned n)
{
	uint32_t *row = cell_row(state.now.row);
	unsigned x = state.now.column, left = state.columns - x;

	n = n < left ? n : left;
	memmove(row + x, row + x + n, (left - n) * sizeof(*row));
	cells_erase(state.now.row, state.columns - n, state.columns);
}

/* The numbers of rows [y, end) move `by` places down, round. */
static void rotate(unsigned y, unsigned end, unsigned by)
{
	uint8_t old[ROWS_MAX];
	unsigned count = end - y;

	memcpy(old, page()->order + y, count);
	for (unsigned i = 0; i < count; i++)
		page()->order[y + (i + by) % count] = old[i];
}

void cells_scroll_up(unsigned y, unsigned end, unsigned n)
{
	n = n < end - y ? n : end - y;
	cells_erase_rows(y, y + n);
	if (n < end - y)
		rotate(y, end, end - y - n);
}

void cells_scroll_down(unsigned y, unsigned end, unsigned n)
{
	n = n < end - y ? n : end - y;
	cells_erase_rows(end - n, end);
	if (n < end - y)
		rotate(y, end, n);
}
