/* SPDX-License-Identifier: BSD-2-Clause
 * tty.h - what the files of tty share, and the constants of termios(3), as in Linux's
 *         uapi/asm-generic/termbits.h.
 */
#ifndef TTY_H
#define TTY_H

#include "state.h"
#include <lib/chardev.h>
#include <lib/peer.h>

enum { C_INTR, C_QUIT, C_ERASE, C_KILL, C_EOF, C_TIME, C_MIN, C_SWTC, C_START, C_STOP, C_SUSP,
       C_EOL, C_REPRINT, C_DISCARD, C_WERASE, C_LNEXT, C_EOL2 };
enum { I_IGNBRK = 1, I_BRKINT = 2, I_ISTRIP = 040, I_INLCR = 0100, I_IGNCR = 0200, I_ICRNL = 0400,
       I_IXON = 02000, I_IXANY = 04000, I_IMAXBEL = 020000, I_IUTF8 = 040000 };
enum { O_OPOST = 1, O_ONLCR = 4, O_OCRNL = 010, O_ONOCR = 020, O_ONLRET = 040 };
enum { L_ISIG = 1, L_ICANON = 2, L_ECHO = 010, L_ECHOE = 020, L_ECHOK = 040, L_ECHONL = 0100,
       L_NOFLSH = 0200, L_TOSTOP = 0400, L_ECHOCTL = 01000, L_ECHOKE = 04000, L_IEXTEN = 0100000 };
enum { MAJOR_TTYS = 4, MAJOR_TTY = 5, MINOR_TTYS0 = 64 };
enum { POLL_IN = 1, POLL_OUT = 4, POLL_HUP = 16 };

/* ---- buffer.c ---- */
uint32_t in_used(const struct line *l);
uint32_t out_room(const struct line *l);
bool in_put(struct line *l, uint8_t byte, bool mark);
void in_unput(struct line *l);
uint8_t in_peek(const struct line *l, uint32_t n);
bool in_is_mark(const struct line *l, uint32_t n);
void in_drop(struct line *l, uint32_t n);
bool out_put(struct line *l, uint8_t byte);

/* ---- input.c, output.c: the line discipline ---- */
void input_byte(struct line *l, uint8_t byte);
void input_break(struct line *l);
/* How many bytes a read may take now; 0: none. *eof: they end with VEOF. */
uint32_t input_ready(const struct line *l, bool *eof);
void flush_input(struct line *l);
void recount(struct line *l);                   /* after a change of mode */
bool output_byte(struct line *l, uint8_t byte); /* with post-processing; false: no room */
void echo_byte(struct line *l, uint8_t byte);
void signal_foreground(const struct line *l, unsigned signal);
void events(struct line *l);                    /* tell vfs what poll would answer */

/* ---- job.c ---- */
uint32_t public_word(endpoint_t proc, unsigned word);
/* May this process read (write, change) now? 0, EIO, or ERESTARTSYS after the group
 * was signalled. */
err_t job_check(const struct line *l, endpoint_t proc, unsigned signal);

/* ---- ioctl.c ---- */
err_t do_chardev_ioctl(const struct call *c, const struct chardev_ioctl_request *req,
		       struct chardev_ioctl_reply *reply);
void termios_reset(struct line *l);
void resize(struct line *l, const struct winsize_ *window);

/* ---- session.c ---- */
uint32_t device_of(const struct line *l);
/* The session leader's controlling terminal is this one from now on; -EPERM: it may not be. */
err_t become_controlling(struct line *l, endpoint_t proc, bool steal);
struct line *controlling(endpoint_t proc);      /* NULL: it has none */

/* ---- wire.c ---- */
void wire_open(void);
void wire_recovered(void);
void wire_drivers_changed(void);                /* ds has something to say */
void wire_send(const struct line *l);           /* output */
void wire_ask(void);                            /* input, after a reader made room */
void wire_pump(void);                           /* everything that can go on goes on */

struct line *line_of(uint32_t n);

#endif
