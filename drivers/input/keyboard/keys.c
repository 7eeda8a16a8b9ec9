/* SPDX-License-Identifier: BSD-2-Clause
 * keys.c - scan codes to what a terminal sends.
 *
 * Job:      set 1 (or 2) to keys, keys to bytes: US layout, TERM=linux.
 * Speaks:   nothing.
 * Touches:  the state.
 * Trusts:   nothing in a byte: any sequence of them is some sequence of keys.
 * On crash: the state is as after the last byte that was taken.
 * Spec:     IBM PS/2 Hardware Interface Technical Reference, "Scan code tables"; terminfo(5), entry
 *           `linux`; console_codes(4).
 */
#include "keyboard.h"

enum { RELEASED = 0x80, PREFIX = 0xe0, PREFIX_PAUSE = 0xe1, SET2_RELEASE = 0xf0, ESC = 27 };
enum { PAUSE_BYTES = 2 };               /* after 0xe1, both when pressed and when released */
enum {
	KEY_ESC = 0x01, KEY_BACKSPACE = 0x0e, KEY_TAB = 0x0f, KEY_ENTER = 0x1c, KEY_CONTROL = 0x1d,
	KEY_SHIFT_LEFT = 0x2a, KEY_SLASH = 0x35, KEY_SHIFT_RIGHT = 0x36, KEY_PAD_STAR = 0x37,
	KEY_ALT = 0x38, KEY_SPACE = 0x39, KEY_CAPS = 0x3a, KEY_F1 = 0x3b, KEY_F10 = 0x44,
	KEY_NUM = 0x45, KEY_SCROLL = 0x46, KEY_PAD_7 = 0x47, KEY_PAD_MINUS = 0x4a,
	KEY_PAD_PLUS = 0x4e, KEY_DELETE = 0x53, KEY_PRINT = 0x54, KEY_F11 = 0x57, KEY_F12 = 0x58,
	NR_KEYS = 0x59,
};
#define HELD_SHIFT (HELD_SHIFT_LEFT | HELD_SHIFT_RIGHT)
#define HELD_CONTROL (HELD_CONTROL_LEFT | HELD_CONTROL_RIGHT)
#define HELD_ALT (HELD_ALT_LEFT | HELD_ALT_RIGHT)

/* By scan code of set 1. 0: no character. */
static const char plain[NR_KEYS] = "\0\0331234567890-=\177\tqwertyuiop[]\r\0asdfghjkl;'`\0\\"
				   "zxcvbnm,./\0*\0 \0\0\0\0\0\0\0\0\0\0\0\0\0"
				   "789-456+1230.\0\0\\";
static const char shifted[NR_KEYS] = "\0\033!@#$%^&*()_+\177\tQWERTYUIOP{}\r\0ASDFGHJKL:\"~\0|"
				     "ZXCVBNM<>?\0*\0 \0\0\0\0\0\0\0\0\0\0\0\0\0"
				     "789-456+1230.\0\0|";

/* The keypad without NumLock, and the keys in grey: from KEY_PAD_7 on. */
static const char *const moves[] = {
	"\033[1~", "\033[A", "\033[5~", NULL, "\033[D", "\033[G", "\033[C", NULL, "\033[4~",
	"\033[B", "\033[6~", "\033[2~", "\033[3~",
};

static const char *const functions[] = {
	"\033[[A", "\033[[B", "\033[[C", "\033[[D", "\033[[E", "\033[17~", "\033[18~", "\033[19~",
	"\033[20~", "\033[21~", "\033[23~", "\033[24~",
};

/* What the controller makes of set 2 (its translation table), for one that cannot. */
static const uint8_t set1_of_set2[] = {
	0xff, 0x43, 0x41, 0x3f, 0x3d, 0x3b, 0x3c, 0x58,
	0x64, 0x44, 0x42, 0x40, 0x3e, 0x0f, 0x29, 0x59,
	0x65, 0x38, 0x2a, 0x70, 0x1d, 0x10, 0x02, 0x5a,
	0x66, 0x71, 0x2c, 0x1f, 0x1e, 0x11, 0x03, 0x5b,
	0x67, 0x2e, 0x2d, 0x20, 0x12, 0x05, 0x04, 0x5c,
	0x68, 0x39, 0x2f, 0x21, 0x14, 0x13, 0x06, 0x5d,
	0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5e,
	0x6a, 0x72, 0x32, 0x24, 0x16, 0x08, 0x09, 0x5f,
	0x6b, 0x33, 0x25, 0x17, 0x18, 0x0b, 0x0a, 0x60,
	0x6c, 0x34, 0x35, 0x26, 0x27, 0x19, 0x0c, 0x61,
	0x6d, 0x73, 0x28, 0x74, 0x1a, 0x0d, 0x62, 0x6e,
	0x3a, 0x36, 0x1c, 0x1b, 0x75, 0x2b, 0x63, 0x76,
	0x55, 0x56, 0x77, 0x78, 0x79, 0x7a, 0x0e, 0x7b,
	0x7c, 0x4f, 0x7d, 0x4b, 0x47, 0x7e, 0x7f, 0x6f,
	0x52, 0x53, 0x50, 0x4c, 0x4d, 0x48, 0x01, 0x45,
	0x57, 0x4e, 0x51, 0x4a, 0x37, 0x49, 0x46, 0x54,
	0xff, 0xff, 0xff, 0x41, 0x54,
};

/* ---- what is typed ---- */

static void type(const char *text, size_t len)
{
	if (QUEUE - (state.head - state.tail) < len) {
		state.flags |= SERIAL_OVERRUN;
		return;                 /* a sequence goes whole or not at all */
	}
	for (size_t i = 0; i < len; i++)
		state.byte[state.head++ % QUEUE] = (uint8_t)text[i];
}

/* With Alt, ESC goes before it. */
static void type_byte(char byte)
{
	char text[2] = { ESC, byte };

	if (state.held & HELD_ALT)
		type(text, 2);
	else
		type(text + 1, 1);
}

static void type_text(const char *text)
{
	if (text != NULL)
		type(text, strlen(text));
}

/* Ctrl with a character: as on a VT, whose figures stand for what has no key of its own. */
static char control_of(char c)
{
	static const char figures[] = "\0\033\034\035\036\037\177";     /* 2 to 8 */

	if (c >= '2' && c <= '8')
		return figures[c - '2'];
	if ((c >= '@' && c <= '_') || (c >= 'a' && c <= 'z'))
		return c & 0x1f;
	if (c == ' ' || c == '`')
		return 0;
	if (c == '/' || c == '-')
		return 0x1f;
	if (c == '?')
		return 0x7f;
	return c == 0x7f ? '\b' : c;
}

static void type_character(uint8_t key)
{
	bool shift = state.held & HELD_SHIFT;
	char c = plain[key];

	if (c >= 'a' && c <= 'z' && state.locks & LOCK_CAPS)
		shift = !shift;
	c = shift ? shifted[key] : plain[key];
	if (c == 0)
		return;
	if (key == KEY_TAB && shift)
		type_text("\033[Z");
	else
		type_byte(state.held & HELD_CONTROL ? control_of(c) : c);
}

/* ---- keys ---- */

static uint8_t held_bit(uint8_t key, bool grey)
{
	switch (key) {
	case KEY_SHIFT_LEFT:
		return grey ? 0 : HELD_SHIFT_LEFT;      /* grey: the keyboard makes it up */
	case KEY_SHIFT_RIGHT:
		return grey ? 0 : HELD_SHIFT_RIGHT;
	case KEY_CONTROL:
		return grey ? HELD_CONTROL_RIGHT : HELD_CONTROL_LEFT;
	case KEY_ALT:
		return grey ? HELD_ALT_RIGHT : HELD_ALT_LEFT;
	default:
		return 0;
	}
}

static void lock(uint8_t which)
{
	state.locks ^= which;
	keyboard_lights();
}

/* Shift with a function key asks for a dump (contracts/is), and is not for programs. */
static void function(unsigned n)
{
	if (state.held & HELD_SHIFT)
		state.dumps |= 1u << n;
	else
		type_text(functions[n]);
}

static void keypad(uint8_t key, bool grey)
{
	bool figures = state.locks & LOCK_NUM && !(state.held & HELD_SHIFT);

	if (key == KEY_DELETE && state.held & HELD_CONTROL && state.held & HELD_ALT)
		state.flags |= SERIAL_REBOOT;
	else if (grey || !figures)
		type_text(moves[key - KEY_PAD_7]);
	else
		type_byte(plain[key]);
}

/* Grey: with the prefix 0xe0, that is one of those that the first PC did not have. */
static void press(uint8_t key, bool grey)
{
	bool pad = key >= KEY_PAD_7 && key <= KEY_DELETE && key != KEY_PAD_MINUS &&
		   key != KEY_PAD_PLUS;

	if (pad)
		keypad(key, grey);
	else if (grey && key != KEY_ENTER && key != KEY_SLASH)
		return;                 /* PrintScreen, Break, the Windows and multimedia keys */
	else if (grey && key == KEY_SLASH)
		type_byte('/');
	else if (key == KEY_CAPS)
		lock(LOCK_CAPS);
	else if (key == KEY_NUM)
		lock(LOCK_NUM);
	else if (key >= KEY_F1 && key <= KEY_F10)
		function(key - KEY_F1);
	else if (key == KEY_F11 || key == KEY_F12)
		function(key - KEY_F11 + 10u);
	else
		type_character(key);
}

static void key_event(uint8_t key, bool grey, bool released)
{
	uint8_t bit = held_bit(key, grey);

	if (key >= NR_KEYS)
		return;
	if (bit)
		state.held = released ? state.held & (uint8_t)~bit : state.held | bit;
	else if (!released)
		press(key, grey);
}

/* ---- bytes ---- */

static void set1(uint8_t byte)
{
	bool grey = state.prefix == PREFIX;

	if (state.skip > 0) {
		state.skip--;
		return;
	}
	state.prefix = 0;
	if (byte == PREFIX)
		state.prefix = byte;
	else if (byte == PREFIX_PAUSE)
		state.skip = PAUSE_BYTES;
	else
		key_event(byte & 0x7f, grey, byte & RELEASED);
}

/* Set 2 as the controller would have translated it. */
void keys_scan(uint8_t byte)
{
	if (!state.untranslated || byte == PREFIX || byte == PREFIX_PAUSE) {
		set1(byte);
	} else if (byte == SET2_RELEASE) {
		state.release = RELEASED;
	} else {
		uint8_t key = byte < sizeof(set1_of_set2) ? set1_of_set2[byte] : 0xff;

		if (key != 0xff)
			set1(key | state.release);
		state.release = 0;
	}
}
