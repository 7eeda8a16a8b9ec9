/* SPDX-License-Identifier: BSD-2-Clause
 * state.h - all that tty remembers: its lines, and what the other end of each is: a wire to a
 * driver, or the master of a pseudo-terminal.
 *
 * Y1 0 <= head - tail <= size for both buffers of a line.
 * Y2 ready counts the line ends (newline, VEOL, VEOF marks) in the input buffer, in canonical mode.
 * Y3 A pair with `used` has its master open, or its line (opens > 0), or both; one without is free.
 * Y4 What a driver has answered fits, and no more of it is taken than there is.
 * Y5 A node has no mode but the twelve bits of chmod(2).
 */
#ifndef TTY_STATE_H
#define TTY_STATE_H

#include <abi/types.h>
#include <contract/serial.h>
#include <lib/ring.h>
#include <lib/undo.h>

enum { LINE_SERIAL, LINE_SCREEN, LINE_PTY };     /* ttyS0, tty1, pts/0 .. */
enum { NR_PTYS = 31, ROOT_PTYS = 4 };           /* the last ones are root's, whatever users do */
enum { NR_LINES_ = LINE_PTY + NR_PTYS };
enum { FIRST_MASTER = NR_LINES_ };              /* numbers in contracts/chardev: behind lines */
enum { WIRE_UART, WIRE_SCREEN, WIRE_KEYBOARD, NR_WIRES };
enum { IN_SIZE = 4096, OUT_SIZE = 8192, NR_CC = 19 };

/* struct termios as the kernel has it (uapi/asm-generic/termbits.h). */
struct termios_ {
	uint32_t iflag, oflag, cflag, lflag;
	uint8_t line, cc[NR_CC];
};
_Static_assert(sizeof(struct termios_) == 36, "struct termios");

struct winsize_ { uint16_t rows, cols, xpixel, ypixel; };

struct buffer { uint32_t head, tail; };

struct line {
	struct termios_ termios;
	struct winsize_ window;
	uint32_t opens;
	uint32_t pgrp, session;
	uint32_t leaver;                /* who gives it up, as pm may know already */
	uint32_t ready;                 /* Y2 */
	uint32_t column, begins;        /* begins: of the unfinished line */
	uint8_t stopped;                /* ^S */
	uint8_t literal;                /* ^V: the next byte as it is */
	uint8_t hung_up;
	uint8_t exclusive;              /* TIOCEXCL */
	uint64_t came_ms;               /* the last byte in raw mode, if there is a VTIME */
	uint32_t stop_at;               /* pseudo-terminal: out.head when it was stopped */
	struct buffer in, out;
	uint8_t in_byte[IN_SIZE];
	uint8_t in_mark[IN_SIZE];       /* 1: an end of line that is VEOF: not part of the data */
	uint8_t out_byte[OUT_SIZE];
};

/* The way to a driver. */
struct wire {
	struct ring_client ring;
	uint32_t number;                /* of the driver's last answer that said something */
	uint32_t window_asked;
	struct serial_read_reply got;   /* what the driver has answered, */
	uint32_t got_taken;             /* and how many bytes of it the line has taken */
	uint32_t refused;               /* 1: it is not to read until the next heartbeat */
	uint32_t bad;                   /* answers in a row that were none */
};

/* A pair: line LINE_PTY + its index, and what is its own. */
struct pty {
	uint32_t generation;
	uint8_t used;
	uint8_t master;                 /* it is open: /dev/pts has an entry */
	uint8_t slave;                  /* the line has been opened: closed again, it is gone */
	uint8_t locked;                 /* until unlockpt */
	uint8_t packet, status;         /* TIOCPKT, and what it has to say: PKT_ */
	struct node {
		uint32_t mode, uid, gid;
		int64_t atime, mtime, ctime;
	} node;
};

struct state {
	struct line line[NR_LINES_];
	struct pty pty[NR_PTYS];
	struct node pts, ptmx;          /* /dev/pts and /dev/pts/ptmx */
	struct wire wire[NR_WIRES];
	uint32_t console;               /* the line that /dev/console is */
};

extern struct state state;
extern struct ring_memory wire_memory[NR_WIRES];

#endif
