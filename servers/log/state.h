/* SPDX-License-Identifier: BSD-2-Clause
 * state.h - all that log remembers.
 *
 * L1  Lines first .. next - 1 are there; line n is in line[n % LINES]; next - first <= LINES.
 * L3  shown <= next, of each viewer.
 * L2  A slot's bytes since its last newline are in partial[slot].
 */
#ifndef LOG_STATE_H
#define LOG_STATE_H

#include <contract/log.h>
#include <lib/undo.h>

enum { LINES = 512, SLOTS = 64, NAME = 16, LEVELS = 8, VIEWERS = 2 };

struct line {
	uint64_t time_ns;               /* since boot */
	uint8_t slot;
	uint8_t len;
	uint8_t level;
	char text[LOG_LINE];
};

struct partial {
	uint8_t len;
	char text[LOG_LINE];
};

/* The driver of a console, which shows the log. */
struct viewer {
	uint64_t shown;                 /* L3: what it has read */
	endpoint_t who;                 /* 0: none yet */
};

struct state {
	uint64_t first, next;
	uint64_t wanted;                /* pm is to be told of the line with this number; 0: no */
	endpoint_t reader;              /* pm, for that */
	uint32_t console;               /* the consoles show levels below this; 0: all */
	struct viewer viewer[VIEWERS];
	char name[SLOTS][NAME];
	struct partial partial[SLOTS];
	struct line line[LINES];
};

extern struct state state;

#endif
