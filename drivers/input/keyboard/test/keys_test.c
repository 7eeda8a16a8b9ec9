/* SPDX-License-Identifier: BSD-2-Clause
 * keys_test.c - scan codes as a keyboard sends them, and what a terminal gets.
 *
 * Links: drivers/input/keyboard/keys.c
 */
#include <stdlib.h>
#include <string.h>

#include <drivers/input/keyboard/keyboard.h>
#include <tests/unit.h>

struct state state;
static unsigned lit;

void keyboard_lights(void)
{
	lit++;
}

static const char *typed(void)
{
	static char text[QUEUE + 1];
	size_t n = 0;

	while (state.tail != state.head)
		text[n++] = (char)state.byte[state.tail++ % QUEUE];
	text[n] = '\0';
	return text;
}

#define SCAN(...) scan((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

static const char *scan(const uint8_t *byte, size_t n)
{
	for (size_t i = 0; i < n; i++)
		keys_scan(byte[i]);
	return typed();
}

#define IS(text, ...) CHECK(strcmp(SCAN(__VA_ARGS__), text) == 0)

static void t_characters(void)
{
	memset(&state, 0, sizeof(state));
	IS("a", 0x1e, 0x9e);
	IS("aaa", 0x1e, 0x1e, 0x1e, 0x9e);              /* held down */
	IS("A!", 0x2a, 0x1e, 0x9e, 0x02, 0x82, 0xaa);
	IS("Bb", 0x36, 0x30, 0xb0, 0xb6, 0x30, 0xb0);
	IS("\r\t\033\177 ", 0x1c, 0x0f, 0x01, 0x0e, 0x39);
	IS("\033[Z", 0x2a, 0x0f, 0x8f, 0xaa);
	IS("\\|", 0x2b, 0x2a, 0x56, 0xaa);
	IS("\003\033x", 0x1d, 0x2e, 0xae, 0x9d, 0x38, 0x2d, 0xad, 0xb8);
	IS("\034\037\b", 0x1d, 0x05, 0x35, 0x0e, 0x9d);
}

static void t_locks(void)
{
	memset(&state, 0, sizeof(state));
	lit = 0;
	IS("A1a", 0x3a, 0xba, 0x1e, 0x02, 0x2a, 0x1e, 0xaa);
	CHECK_EQ(state.locks, LOCK_CAPS);
	IS("", 0x3a, 0xba);
	IS("\033[1~", 0x47, 0xc7);
	IS("7.", 0x45, 0xc5, 0x47, 0x53);
	IS("\033[1~", 0x2a, 0x47, 0xaa);                /* with Shift the other way round */
	IS("\033[1~", 0xe0, 0x47);                      /* the grey one never is a figure */
	CHECK_EQ(state.locks, LOCK_NUM);
	CHECK_EQ(lit, 3);
}

static void t_grey(void)
{
	memset(&state, 0, sizeof(state));
	IS("\033[A\033[D\033[3~", 0xe0, 0x48, 0xe0, 0xc8, 0xe0, 0x4b, 0xe0, 0x53);
	IS("\r/", 0xe0, 0x1c, 0xe0, 0x9c, 0xe0, 0x35);
	IS("\033[A", 0xe0, 0x2a, 0xe0, 0x48, 0xe0, 0xc8, 0xe0, 0xaa);  /* made-up Shift */
	IS("a", 0xe0, 0x2a, 0x1e, 0xe0, 0xaa);
	IS("\001", 0xe0, 0x1d, 0x1e, 0xe0, 0x9d);       /* right Ctrl */
	IS("a", 0x1e);
	IS("b", 0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5, 0x30);      /* Pause leaves no Ctrl behind */
	IS("", 0xe0, 0x37, 0x54, 0x46, 0xe0, 0x5b, 0x7f, 0xfa, 0xff, 0x00);
	CHECK_EQ(state.held, 0);
	CHECK_EQ(state.locks, 0);
}

static void t_functions(void)
{
	memset(&state, 0, sizeof(state));
	IS("\033[[A\033[17~\033[24~", 0x3b, 0x40, 0x58);
	IS("", 0x2a, 0x3b, 0x58, 0xaa);
	CHECK_EQ(state.dumps, 1 | 1 << 11);
	IS("", 0x1d, 0x38, 0xe0, 0x53, 0xb8, 0x9d);
	CHECK_EQ(state.flags, SERIAL_REBOOT);
}

static void t_set2(void)
{
	memset(&state, 0, sizeof(state));
	state.untranslated = 1;
	IS("aA", 0x1c, 0xf0, 0x1c, 0x12, 0x1c, 0xf0, 0x1c, 0xf0, 0x12);
	IS("\033[A", 0xe0, 0x75, 0xe0, 0xf0, 0x75);
	IS("\033[18~", 0x83, 0xf0, 0x83);
	IS("b", 0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77, 0x32);
	CHECK_EQ(state.held, 0);
}

static void t_full(void)
{
	memset(&state, 0, sizeof(state));
	for (unsigned i = 0; i < QUEUE / 3 + 9; i++) {
		keys_scan(0xe0);
		keys_scan(0x48);
	}
	CHECK_EQ(state.head - state.tail, QUEUE / 3 * 3);
	CHECK(state.flags & SERIAL_OVERRUN);
}

static void t_anything(void)
{
	memset(&state, 0, sizeof(state));
	srand(1);
	for (unsigned i = 0; i < 200000; i++) {
		state.untranslated = i > 100000;
		keys_scan((uint8_t)rand());
		CHECK(state.head - state.tail <= QUEUE);
		if (i % 64 == 0)
			state.tail = state.head;
	}
}

int main(void)
{
	TEST("characters, with Shift, Ctrl and Alt", t_characters);
	TEST("CapsLock and NumLock", t_locks);
	TEST("the grey keys, and what keyboards make up around them", t_grey);
	TEST("function keys, dump keys and Ctrl-Alt-Del", t_functions);
	TEST("scan code set 2 gives the same", t_set2);
	TEST("a full queue drops whole keys", t_full);
	TEST("any bytes do no harm", t_anything);
	return test_result();
}
