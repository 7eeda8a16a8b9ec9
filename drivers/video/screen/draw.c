/* SPDX-License-Identifier: BSD-2-Clause
 * draw.c - cells to pixels.
 *
 * Job:      draws what differs from what was drawn before.
 * Speaks:   nothing.
 * Touches:  the picture's memory.
 * Trusts:   display.c for its size.
 * On crash: everything is drawn again.
 */
#include "screen.h"

#include <lib/assert.h>

enum { COLOURS = 16 };

/* As the VGA's first sixteen: red, green, blue. */
static const uint8_t palette[COLOURS][3] = {
	{ 0x00, 0x00, 0x00 }, { 0xaa, 0x00, 0x00 }, { 0x00, 0xaa, 0x00 }, { 0xaa, 0x55, 0x00 },
	{ 0x00, 0x00, 0xaa }, { 0xaa, 0x00, 0xaa }, { 0x00, 0xaa, 0xaa }, { 0xaa, 0xaa, 0xaa },
	{ 0x55, 0x55, 0x55 }, { 0xff, 0x55, 0x55 }, { 0x55, 0xff, 0x55 }, { 0xff, 0xff, 0x55 },
	{ 0x55, 0x55, 0xff }, { 0xff, 0x55, 0xff }, { 0x55, 0xff, 0xff }, { 0xff, 0xff, 0xff },
};

static struct picture picture;
static unsigned cell_width, cell_height;
static uint32_t shown[ROWS_MAX][COLS_MAX];      /* 0: not drawn yet; no cell is 0 */
static uint32_t pixel[COLOURS];                 /* as they are in memory */

static uint32_t pixel_of(const uint8_t *rgb)
{
	if (picture.bytes == 2)
		return (uint32_t)(rgb[0] >> 3) << 11 | (uint32_t)(rgb[1] >> 2) << 5 | rgb[2] >> 3;
	return (uint32_t)rgb[0] << 16 | (uint32_t)rgb[1] << 8 | rgb[2];
}

static void put_pixel(volatile uint8_t *at, uint32_t value)
{
	for (unsigned i = 0; i < picture.bytes; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

static void clear(void)
{
	for (uint32_t y = 0; y < picture.height; y++) {
		volatile uint8_t *row = picture.at + (size_t)y * picture.pitch;
		uint32_t bytes = picture.width * picture.bytes, x = 0;

		for (; x + 8 <= bytes; x += 8)
			*(volatile uint64_t *)(row + x) = 0;
		for (; x < bytes; x++)
			row[x] = 0;
	}
}

void draw_open(const struct picture *p)
{
	picture = *p;
	assert(font_open(&cell_width, &cell_height));
	if (picture.width == 0)
		return;
	for (unsigned i = 0; i < COLOURS; i++)
		pixel[i] = pixel_of(palette[i]);
	memset(shown, 0, sizeof(shown));
	clear();
}

/* One row of a glyph, a word for each pixel: the usual case. */
static void draw_words(volatile uint8_t *to, const uint8_t *bits, uint32_t fg, uint32_t bg)
{
	volatile uint32_t *word = (volatile uint32_t *)to;

	for (unsigned x = 0; x < cell_width; x++)
		word[x] = bits[x / 8] & 0x80 >> x % 8 ? fg : bg;
}

static void draw_bytes(volatile uint8_t *to, const uint8_t *bits, uint32_t fg, uint32_t bg)
{
	for (unsigned x = 0; x < cell_width; x++)
		put_pixel(to + x * picture.bytes, bits[x / 8] & 0x80 >> x % 8 ? fg : bg);
}

static void draw_cell(unsigned y, unsigned x, uint32_t cell)
{
	static const uint8_t full[4] = { 0xff, 0xff, 0xff, 0xff };
	struct glyph g = font_glyph(cell & CELL_CODE);
	uint32_t fg = pixel[cell >> CELL_FG & 15], bg = pixel[cell >> CELL_BG & 15];
	volatile uint8_t *to = picture.at + (size_t)y * cell_height * picture.pitch +
			       (size_t)x * cell_width * picture.bytes;

	if (cell & CELL_CURSOR) {
		uint32_t was = fg;

		fg = bg;
		bg = was;
	}
	for (unsigned row = 0; row < cell_height; row++) {
		const uint8_t *bits = g.bits + row * g.row_bytes;

		if (cell & CELL_UNDERLINE && row == cell_height - 2)
			bits = full;
		if (picture.bytes == 4)
			draw_words(to, bits, fg, bg);
		else
			draw_bytes(to, bits, fg, bg);
		to += picture.pitch;
	}
}

static uint32_t inverted(uint32_t cell)
{
	uint32_t fg = cell >> CELL_FG & 15, bg = cell >> CELL_BG & 15;

	return (cell & ~(15u << CELL_FG | 15u << CELL_BG)) | bg << CELL_FG | fg << CELL_BG;
}

static void draw_row(unsigned y)
{
	const uint32_t *row = cell_row(y);

	for (unsigned x = 0; x < state.columns; x++) {
		uint32_t cell = state.inverse ? inverted(row[x]) : row[x];

		if (y == state.now.row && x == state.now.column && !state.hide_cursor)
			cell |= CELL_CURSOR;
		if (cell == shown[y][x])
			continue;
		draw_cell(y, x, cell);
		shown[y][x] = cell;
	}
}

void draw(void)
{
	if (picture.width == 0)
		return;
	for (unsigned y = 0; y < state.rows; y++)
		draw_row(y);
}
