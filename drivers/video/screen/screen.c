/* SPDX-License-Identifier: BSD-2-Clause
 * screen.c - the machine's own screen, as a terminal.
 *
 * Job:      shows what tty writes, and the log's lines; answers what programs ask a terminal.
 * Speaks:   contracts/serial on tty's ring; log.read as a client.
 * Touches:  a linear framebuffer (display.c). No interrupt, no DMA.
 * Trusts:   nothing in a request.
 * On crash: recovers in place: text, cursor and modes stay; everything is drawn again. A line of
 *           the log that was being shown may be lost, dmesg has it.
 *
 * Without a framebuffer it is a terminal of 24 lines that nobody sees.
 */
#include "screen.h"

#include <contract/kernel.h>
#include <contract/log.h>
#include <lib/assert.h>
#include <lib/boot.h>
#include <lib/clock.h>
#include <lib/peer.h>
#include <lib/service_ids.h>

enum { ROWS = 24, COLUMNS = 80 };
#define DRAW_PAUSE_NS 16000000ull       /* between two drawings: nobody sees more */

static struct peer log = PEER("log");
static struct picture picture;
static unsigned font_width, font_height;
static bool shows_log;
static uint64_t next_draw_ns;

static bool put(uint8_t byte)
{
	terminal_put(byte);
	return true;
}

static uint32_t get(uint8_t *bytes, uint32_t max, uint32_t *flags)
{
	uint32_t n = state.nr_answer < max ? state.nr_answer : max;

	memcpy(bytes, state.answer, n);
	if (n > 0) {
		memmove(state.answer, state.answer + n, state.nr_answer - n);
		state.nr_answer -= n;
	}
	return n;
}

static void window(struct serial_window_reply *reply)
{
	*reply = (struct serial_window_reply){
		.rows = state.rows, .columns = state.columns, .xpixels = (uint16_t)picture.width,
		.ypixels = (uint16_t)picture.height,
	};
}

/* Not in the middle of a program's escape sequence: the next notification comes with its rest. */
static void show_log(void)
{
	static uint8_t text[1024];
	struct log_read_request req = { .seq = UINT64_MAX };    /* from where we ended */
	struct log_read_reply reply;

	while (shows_log && terminal_is_ground() && state.page == 0) {
		if (log_read(&log, &req, text, sizeof(text), &reply) != 0 || reply.done == 0)
			return;
		for (uint32_t i = 0; i < reply.done && i < sizeof(text); i++) {
			if (text[i] == '\n')
				terminal_put('\r');
			terminal_put(text[i]);
			if (undo_used() > UNDO_ENTRIES / 2)
				undo_commit();
		}
	}
}

/* Now, or, if it was done just now, a little later. */
static void show(void)
{
	uint64_t now = clock_monotonic_ns();
	struct alarm_set_request alarm = { .deadline_ns = next_draw_ns };

	if (now >= next_draw_ns || next_draw_ns - now > DRAW_PAUSE_NS) {
		draw();
		next_draw_ns = clock_monotonic_ns() + DRAW_PAUSE_NS;
		return;
	}
	assert(sys_alarm_set(&alarm) == 0);
}

static void on_notify(uint64_t services)
{
	serial_notified(services);
	show_log();
	show();
}

static void on_alarm(void)
{
	show();
}

/* ---- start ---- */

static void read_cmdline(void)
{
	static struct boot_info boot;
	struct boot_info_request req = { .address = (uint64_t)&boot };
	char value[8] = "";

	assert(sys_boot_info(&req) == 0);
	boot_option(boot.cmdline, "log", value, sizeof(value));
	shows_log = strcmp(value, "off") != 0 && (boot_console(boot.cmdline, "tty1") ||
						  boot_console(boot.cmdline, "tty0"));
}

static uint16_t fit(uint32_t pixels, unsigned cell, unsigned otherwise, unsigned max)
{
	uint32_t n = pixels == 0 ? otherwise : pixels / cell;

	return (uint16_t)(n < 2 ? 2 : n > max ? max : n);
}

static void begin(void)
{
	for (unsigned p = 0; p < NR_PAGES; p++)
		for (unsigned y = 0; y < ROWS_MAX; y++)
			state.pages[p].order[y] = (uint8_t)y;
	state.rows = fit(picture.height, font_height, ROWS, ROWS_MAX);
	state.columns = fit(picture.width, font_width, COLUMNS, COLS_MAX);
	terminal_reset();
}

static void audit(void)
{
	serial_audit();
	show();
}

static void init(enum start_kind kind)
{
	static const struct serial_driver driver = { .put = put, .get = get, .window = window };

	assert(font_open(&font_width, &font_height));
	read_cmdline();
	display_find(&picture);
	if (picture.width < 2 * font_width || picture.height < 2 * font_height)
		picture.width = picture.height = 0;
	draw_open(&picture);
	if (kind == START_FRESH)
		begin();
	serial_server_init(&state.line, &driver, kind);
	if (kind == START_FRESH) {
		serial_work();
		show_log();
		show();
	}
}

static bool is_permutation(const uint8_t *order)
{
	uint8_t seen[ROWS_MAX] = { 0 };

	for (unsigned y = 0; y < ROWS_MAX; y++)
		if (order[y] >= ROWS_MAX || seen[order[y]]++)
			return false;
	return true;
}

/* S1, S2. The parser's numbers are checked where they are used. */
static err_t check(void)
{
	if (state.rows != fit(picture.height, font_height, ROWS, ROWS_MAX) ||
	    state.columns != fit(picture.width, font_width, COLUMNS, COLS_MAX) ||
	    state.top >= state.bottom || state.bottom > state.rows ||
	    state.now.row >= state.rows || state.now.column >= state.columns ||
	    state.page >= NR_PAGES || state.nr_answer > ANSWERS ||
	    !serial_line_fits(&state.line))
		return -EINVAL;
	for (unsigned p = 0; p < NR_PAGES; p++)
		if (!is_permutation(state.pages[p].order))
			return -EINVAL;
	draw();
	return 0;
}

int main(void)
{
	static const struct server screen = {
		.name = "screen", .init = init, .check = check, .on_notify = on_notify,
		.on_alarm = on_alarm, .audit = audit,
	};

	server_run(&screen);
}
