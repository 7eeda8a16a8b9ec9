/* SPDX-License-Identifier: BSD-2-Clause
 * draw_test.c - cells to pixels, in memory that is looked at.
 *
 * Links: drivers/video/screen/draw.c
 */
#include <stdlib.h>
#include <string.h>

#include <drivers/video/screen/screen.h>
#include <tests/unit.h>

enum { WIDE = 9, HIGH = 4, COLUMNS = 5, ROWS = 3, PITCH = 256, POISON = 0x5a };

struct depth {
	unsigned bytes;
	uint32_t red, blue;             /* bright red, dark blue */
};

struct state state;
static uint32_t cells[ROWS][COLUMNS];
static uint8_t memory[ROWS * HIGH + 2][PITCH];

void assert_failed(const char *what, const char *file, int line)
{
	printf("%s:%d: %s\n", file, line, what);
	abort();
}

bool font_open(unsigned *width, unsigned *height)
{
	*width = WIDE;
	*height = HIGH;
	return true;
}

/* A blank has no ink; others have it in the first and the ninth column. */
struct glyph font_glyph(uint32_t code)
{
	static const uint8_t blank[2 * HIGH], bars[2 * HIGH] = { 0x80, 0x80, 0x80, 0x80,
								 0x80, 0x80, 0x80, 0x80 };

	return (struct glyph){ code == ' ' ? blank : bars, 2 };
}

uint32_t *cell_row(unsigned y)
{
	return cells[y];
}

static uint32_t pixel(unsigned y, unsigned x, unsigned bytes)
{
	uint32_t value = 0;

	memcpy(&value, &memory[y][x * bytes], bytes);
	return value;
}

static void begin(unsigned bytes)
{
	struct picture p = {
		.at = memory[0], .width = COLUMNS * WIDE, .height = ROWS * HIGH + 1, .pitch = PITCH,
		.bytes = bytes,
	};

	memset(&state, 0, sizeof(state));
	state.rows = ROWS;
	state.columns = COLUMNS;
	state.hide_cursor = 1;
	for (unsigned i = 0; i < ROWS * COLUMNS; i++)
		cells[i / COLUMNS][i % COLUMNS] = ' ' | 7u << CELL_FG;
	memset(memory, POISON, sizeof(memory));
	draw_open(&p);
}

static void t_depths(void)
{
	static const struct depth depth[] = {
		{ 4, 0xff5555, 0x0000aa }, { 3, 0xff5555, 0x0000aa }, { 2, 0xfaaa, 0x0015 },
	};

	for (unsigned i = 0; i < 3; i++) {
		begin(depth[i].bytes);
		cells[1][2] = 'A' | 9u << CELL_FG | 4u << CELL_BG;
		draw();
		for (unsigned y = 0; y < ROWS * HIGH + 1; y++)
			for (unsigned x = 0; x < COLUMNS * WIDE; x++) {
				bool in = y / HIGH == 1 && x / WIDE == 2;
				bool ink = in && (x % WIDE == 0 || x % WIDE == 8);

				CHECK_EQ(pixel(y, x, depth[i].bytes),
					 ink ? depth[i].red : in ? depth[i].blue : 0);
			}
		CHECK_EQ(memory[0][COLUMNS * WIDE * depth[i].bytes], POISON);
		CHECK_EQ(memory[ROWS * HIGH + 1][0], POISON);
	}
}

static void t_looks(void)
{
	begin(4);
	cells[0][0] = 'A' | 7u << CELL_FG | CELL_UNDERLINE;
	state.hide_cursor = 0;
	state.now.column = 1;
	draw();
	CHECK_EQ(pixel(0, 1, 4), 0);
	CHECK_EQ(pixel(HIGH - 2, 1, 4), 0xaaaaaa);      /* the underline */
	CHECK_EQ(pixel(0, WIDE, 4), 0xaaaaaa);          /* the cursor */
	state.inverse = 1;
	draw();
	CHECK_EQ(pixel(0, 1, 4), 0xaaaaaa);
	CHECK_EQ(pixel(0, WIDE, 4), 0);
}

static void t_changes(void)
{
	begin(4);
	draw();
	memset(memory, POISON, sizeof(memory));
	cells[2][4] = 'A' | 7u << CELL_FG;
	draw();
	for (unsigned y = 0; y < ROWS * HIGH; y++)
		for (unsigned x = 0; x < COLUMNS * WIDE; x++)
			if (y / HIGH != 2 || x / WIDE != 4)
				CHECK_EQ(memory[y][4 * x], POISON);
	CHECK_EQ(pixel(2 * HIGH, 4 * WIDE, 4), 0xaaaaaa);
}

int main(void)
{
	TEST("pixels of 32, 24 and 16 bits, and nothing beside the picture", t_depths);
	TEST("underline, cursor and inverse screen", t_looks);
	TEST("only what has changed is drawn", t_changes);
	return test_result();
}
