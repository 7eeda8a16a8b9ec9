/* SPDX-License-Identifier: BSD-2-Clause
 * state.h - all that the keyboard driver remembers.
 *
 * K1 head - tail <= QUEUE; nr_commands <= COMMANDS.
 */
#ifndef KEYBOARD_STATE_H
#define KEYBOARD_STATE_H

#include <lib/serial.h>
#include <lib/undo.h>

enum { QUEUE = 512, COMMANDS = 8 };

struct state {
	struct serial_line line;
	uint8_t present;                /* there is a controller */
	uint8_t untranslated;           /* it hands scan code set 2 through */
	uint8_t held;                   /* HELD_, keys that are down */
	uint8_t locks;                  /* LOCK_, as the LEDs show them */
	uint8_t prefix;                 /* 0xe0 or 0xe1 came before */
	uint8_t skip;                   /* bytes of the Pause key still to come */
	uint8_t release;                /* set 2: 0xf0 came before */
	uint8_t awaiting;               /* command[0] was sent and not acknowledged */
	uint8_t tries;                  /* of it */
	uint8_t nr_commands;
	uint8_t command[COMMANDS];      /* for the keyboard */
	uint64_t sent_ns;               /* when command[0] was */
	uint32_t flags;                 /* SERIAL_, for the next answer */
	uint32_t dumps;                 /* bit n: dump key n + 1 was pressed */
	uint32_t head, tail;
	uint8_t byte[QUEUE];            /* what was typed, for tty */
};

extern struct state state;

#endif
