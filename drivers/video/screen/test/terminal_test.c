/* SPDX-License-Identifier: BSD-2-Clause
 * terminal_test.c - what programs write, and what is on the screen then.
 *
 * Links: drivers/video/screen/terminal.c drivers/video/screen/csi.c drivers/video/screen/sgr.c
 * Links: drivers/video/screen/cells.c lib/format.c
 */
#include <stdlib.h>
#include <string.h>

#include <drivers/video/screen/screen.h>
#include <tests/unit.h>

struct state state;
static struct state kept;               /* at commit number stop_at */
static unsigned commits, stop_at, used;

unsigned undo_used(void)
{
	return used;
}

void undo_commit(void)
{
	if (++commits == stop_at)
		kept = state;
}

static void begin(unsigned rows, unsigned columns)
{
	memset(&state, 0, sizeof(state));
	for (unsigned p = 0; p < NR_PAGES; p++)
		for (unsigned y = 0; y < ROWS_MAX; y++)
			state.pages[p].order[y] = (uint8_t)y;
	state.rows = (uint16_t)rows;
	state.columns = (uint16_t)columns;
	terminal_reset();
}

static void put(const char *text)
{
	while (*text != '\0')
		terminal_put((uint8_t)*text++);
}

/* Row y without the blanks at its end; what is not ASCII as ?. */
static const char *row(unsigned y)
{
	static char text[COLS_MAX + 1];
	unsigned n = state.columns;

	for (unsigned x = 0; x < n; x++) {
		uint32_t code = cell_row(y)[x] & CELL_CODE;

		text[x] = code < 0x7f ? (char)code : '?';
	}
	while (n > 0 && text[n - 1] == ' ')
		n--;
	text[n] = '\0';
	return text;
}

#define ROW(y, text) CHECK(strcmp(row(y), text) == 0)
#define AT(y, x) CHECK(state.now.row == (y) && state.now.column == (x))

static void t_plain(void)
{
	begin(4, 10);
	put("one\r\ntwo\tx\rT");
	ROW(0, "one");
	ROW(1, "Two     x");
	AT(1, 1);
	put("\b\b\bX");
	ROW(1, "Xwo     x");
	put("\r\n\n\n\nend");
	ROW(3, "end");
	ROW(0, "");
}

static void t_wrap(void)
{
	begin(3, 5);
	put("12345");
	AT(0, 4);               /* it wraps with the next character only */
	put("6");
	ROW(1, "6");
	put("\033[1;5HA\bB");   /* a backspace from there goes one to the left */
	ROW(0, "123BA");
	put("\033[?7l\033[3;1Habcdefgh");
	ROW(2, "abcdh");
}

static void t_move(void)
{
	begin(10, 20);
	put("\033[5;7H");
	AT(4, 6);
	put("\033[2A\033[3C\033[B\033[D");
	AT(3, 8);
	put("\033[99;99H");
	AT(9, 19);
	put("\033[99A\033[99D");
	AT(0, 0);
	put("\033[4d\033[6G\033[E");
	AT(4, 0);
	put("\033[7;8H\0337\033[H\0338");
	AT(6, 7);
	put("\033[s\033[H\033[u");
	AT(6, 7);
	put("\033[0;0H\033[;5H");
	AT(0, 4);
}

static void t_erase(void)
{
	begin(3, 6);
	put("abcdef\r\nghijkl\r\nmnopqr\033[2;3H\033[K");
	ROW(1, "gh");
	put("\033[1K\033[1;3H\033[2X");
	ROW(0, "ab  ef");
	ROW(1, "");
	put("\033[2;1Hghijkl\033[2;3H\033[J");
	ROW(1, "gh");
	ROW(2, "");
	put("\033[2;2H\033[1J");
	ROW(0, "");
	ROW(1, "");
	put("\033[44m\033[2J");
	CHECK_EQ(cell_row(2)[5] >> CELL_BG & 15, 4);    /* with the background that is set */
}

static void t_insert(void)
{
	begin(4, 6);
	put("abcdef\033[1;3H\033[2@");
	ROW(0, "ab  cd");
	put("\033[P\033[P");
	ROW(0, "abcd");
	put("\033[4hXY\033[4l");
	ROW(0, "abXYcd");
	put("\033[1;1H\033[99P");
	ROW(0, "");
	put("\033[1;1H1\r\n2\r\n3\r\n4\033[2;1H\033[L");
	ROW(1, "");
	ROW(2, "2");
	ROW(3, "3");
	put("\033[2M");
	ROW(1, "3");
	ROW(2, "");
}

static void t_region(void)
{
	begin(5, 4);
	put("1\r\n2\r\n3\r\n4\r\n5\033[2;4r");
	AT(0, 0);
	put("\033[4;1H\n");
	ROW(0, "1");
	ROW(1, "3");
	ROW(3, "");
	ROW(4, "5");
	put("\033[2;1H\033M");
	ROW(1, "");
	ROW(2, "3");
	ROW(4, "5");
	put("\033[?6h\033[1;1Ho\033[99;1Hu\033[?6l");
	ROW(1, "o");
	ROW(3, "u");
	put("\033[2S");
	ROW(1, "u");
	put("\033[T");
	ROW(2, "u");
	put("\033[4;2r\033[r\033[5;1H\n");              /* a region upside down is none */
	ROW(3, "5");
}

static void t_look(void)
{
	begin(2, 20);
	put("\033[1;31;42mA\033[22mB\033[7mC\033[27;39;49mD\033[4;94mE\033[mF");
	CHECK_EQ(cell_row(0)[0], 'A' | 9u << CELL_FG | 2u << CELL_BG);
	CHECK_EQ(cell_row(0)[1], 'B' | 1u << CELL_FG | 2u << CELL_BG);
	CHECK_EQ(cell_row(0)[2], 'C' | 2u << CELL_FG | 1u << CELL_BG);
	CHECK_EQ(cell_row(0)[3], 'D' | 7u << CELL_FG);
	CHECK_EQ(cell_row(0)[4], 'E' | 12u << CELL_FG | CELL_UNDERLINE);
	CHECK_EQ(cell_row(0)[5], 'F' | 7u << CELL_FG);
	put("\033[38;5;196mG\033[48;2;0;0;255mH\033[38;5;3mI\033[0;38;5mJ\033[38;5;244mK");
	CHECK_EQ(cell_row(0)[6] >> CELL_FG & 15, 9);
	CHECK_EQ(cell_row(0)[7] >> CELL_BG & 15, 12);
	CHECK_EQ(cell_row(0)[8] >> CELL_FG & 15, 3);
	CHECK_EQ(cell_row(0)[9], 'J' | 7u << CELL_FG);
	CHECK_EQ(cell_row(0)[10] >> CELL_FG & 15, 8);
}

static void t_utf8(void)
{
	begin(2, 30);
	put("\303\244\342\202\254\360\237\230\200|");
	CHECK_EQ(cell_row(0)[0] & CELL_CODE, 0xe4);
	CHECK_EQ(cell_row(0)[1] & CELL_CODE, 0x20ac);
	CHECK_EQ(cell_row(0)[2] & CELL_CODE, 0x1f600);
	CHECK_EQ(cell_row(0)[3] & CELL_CODE, '|');
	put("\r\303|\xff|\300\257|\355\240\200|e\314\201|");
	CHECK_EQ(cell_row(0)[0] & CELL_CODE, 0xfffd);   /* cut short */
	CHECK_EQ(cell_row(0)[1] & CELL_CODE, '|');
	CHECK_EQ(cell_row(0)[2] & CELL_CODE, 0xfffd);
	CHECK_EQ(cell_row(0)[4] & CELL_CODE, 0xfffd);   /* / in two bytes: two wrong ones */
	CHECK_EQ(cell_row(0)[7] & CELL_CODE, 0xfffd);   /* a surrogate */
	CHECK_EQ(cell_row(0)[10] & CELL_CODE, '|');     /* a combining mark has no column */
	put("\r\033(0qx\033(Bq\016q\017");
	CHECK_EQ(cell_row(0)[0] & CELL_CODE, 0x2500);
	CHECK_EQ(cell_row(0)[1] & CELL_CODE, 0x2502);
	CHECK_EQ(cell_row(0)[2] & CELL_CODE, 'q');
}

static bool answered(const char *text)
{
	bool same = state.nr_answer == strlen(text) &&
		    memcmp(state.answer, text, state.nr_answer) == 0;

	state.nr_answer = 0;
	return same;
}

static void t_answers(void)
{
	begin(10, 20);
	put("\033[3;4H\033[6n");
	CHECK(answered("\033[3;4R"));
	put("\033[5n\033[c\033Z");
	CHECK(answered("\033[0n\033[?6c\033[?6c"));
	for (unsigned i = 0; i < 100; i++)
		put("\033[6n");
	CHECK(state.nr_answer <= ANSWERS && state.nr_answer % 6 == 0);
}

static void t_ignored(void)
{
	begin(2, 40);
	put("a\033]0;title\007b\033]2;t\033\\c\033P1$r\033\\d\033[>1;2ce\033[?1;9999hf\033[!pg");
	put("\033]P1aabbcch\033]Ri\033%Gj\033[1;2;3;4;5;6;7;8;9;10;11;12;13;14;15;16;17mk\033=l");
	ROW(0, "abcdefghijkl");
	put("\r\033[12\030X\033[1\nm");                 /* CAN ends a sequence; LF works within */
	ROW(0, "Xbcdefghijkl");
	AT(1, 1);
}

static void t_alternate(void)
{
	begin(3, 10);
	put("shell\033[?1049h\033[Hvi\033[?1049l");
	ROW(0, "shell");
	AT(0, 5);
	put("\033[?1049h");
	ROW(0, "");
	put("\033c");
	CHECK_EQ(state.page, 0);
	ROW(0, "");
}

static void t_tabs(void)
{
	begin(2, 40);
	put("\033[1;5H\033H\r\tx\ty\033[3g\r\tz");
	ROW(0, "    x   y                              z");
	put("\033[2;1Hab\033[5b|");
	ROW(1, "abbbbbb|");
}

static bool sound(void)
{
	uint64_t seen[2] = { 0 };

	for (unsigned p = 0; p < NR_PAGES; p++)
		for (unsigned y = 0; y < ROWS_MAX; y++) {
			unsigned n = state.pages[p].order[y];

			if (n >= ROWS_MAX)
				return false;
			if (p == 0)
				seen[n / 64] |= 1ull << n % 64;
		}
	return seen[0] == UINT64_MAX && seen[1] == (1ull << (ROWS_MAX - 64)) - 1 &&
	       state.now.row < state.rows && state.now.column < state.columns &&
	       state.top < state.bottom && state.bottom <= state.rows &&
	       state.nr_answer <= ANSWERS;
}

/* Mostly escape sequences, as random bytes hardly ever are. */
static void t_anything(void)
{
	static const char likely[] = "\033\033\033[[[[0123456789;;?@ABCDEFGHJKLMPSTXbcdfghlmnrsu()#"
				     "\n\r\b\tMDE78c\303\244]P\016\017";

	srand(1);
	for (unsigned round = 0; round < 200; round++) {
		begin(1 + (unsigned)rand() % ROWS_MAX, 1 + (unsigned)rand() % COLS_MAX);
		for (unsigned i = 0; i < 4000; i++) {
			int r = rand();

			terminal_put(r % 10 ? (uint8_t)likely[(unsigned)r / 10 %
							      (sizeof(likely) - 1)]
					    : (uint8_t)(r / 10));
			if (i % 64 == 0)
				state.nr_answer = 0;
		}
		CHECK(sound());
	}
}

static bool same_screen(const struct state *a, const struct state *b)
{
	for (unsigned y = 0; y < a->rows; y++)
		if (memcmp(a->pages[a->page].cell[a->pages[a->page].order[y]],
			   b->pages[b->page].cell[b->pages[b->page].order[y]],
			   a->columns * sizeof(uint32_t)) != 0)
			return false;
	return a->page == b->page && memcmp(&a->now, &b->now, sizeof(a->now)) == 0;
}

/* A crash after any commit within a sequence, and its last byte once more. */
static void t_again(void)
{
	static const char *const sequence[] = { "\033[2J", "\033[3L", "\033[3M", "\033[2S",
						"\033[T", "\033c", "\033[?1049h", "\033[1J",
						"\033#8", "\033[9b", "\033[6;8Hx\033[9b" };
	static struct state after;

	for (unsigned n = 0; n < sizeof(sequence) / sizeof(sequence[0]); n++) {
		uint8_t last = (uint8_t)sequence[n][strlen(sequence[n]) - 1];
		unsigned number = 1;

		for (unsigned k = 1; k <= number; k++) {
			begin(6, 10);
			put("1\r\n2\r\n3\r\n4\r\n5\r\n6\033[3;3H");
			for (const char *c = sequence[n]; c[1] != '\0'; c++)
				terminal_put((uint8_t)*c);
			used = UNDO_ENTRIES;            /* commit wherever it may */
			commits = 0;
			stop_at = k;
			terminal_put(last);
			number = commits;
			CHECK(number > 0);
			after = state;
			state = kept;
			terminal_put(last);
			used = 0;
			CHECK(same_screen(&state, &after));
		}
	}
}

int main(void)
{
	TEST("characters and control characters", t_plain);
	TEST("lines wrap, with the next character", t_wrap);
	TEST("the cursor moves, and stays on the screen", t_move);
	TEST("erasing", t_erase);
	TEST("inserting and deleting characters and lines", t_insert);
	TEST("scrolling regions and origin mode", t_region);
	TEST("colours and looks, 256 and true colours as the nearest of sixteen", t_look);
	TEST("UTF-8, with a replacement for what is none, and line drawing", t_utf8);
	TEST("reports, as many as there is room for", t_answers);
	TEST("what is not known disappears without a trace", t_ignored);
	TEST("the alternate screen", t_alternate);
	TEST("tab stops and repetition", t_tabs);
	TEST("any bytes leave a sound state", t_anything);
	TEST("a sequence that was interrupted half way can be done again", t_again);
	return test_result();
}
