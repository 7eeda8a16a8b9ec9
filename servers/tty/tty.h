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
enum { O_OPOST = 1, O_ONLCR = 4, O_OCRNL = 010, O_ONOCR = 020, O_ONLRET = 040,
       O_XTABS = 014000 };
enum { L_ISIG = 1, L_ICANON = 2, L_ECHO = 010, L_ECHOE = 020, L_ECHOK = 040, L_ECHONL = 0100,
       L_NOFLSH = 0200, L_TOSTOP = 0400, L_ECHOCTL = 01000, L_ECHOKE = 04000, L_IEXTEN = 0100000 };
enum { MAJOR_TTYS = 4, MAJOR_TTY = 5, MAJOR_PTS = 136, MINOR_TTYS0 = 64, MINOR_PTMX = 2,
       GROUP_TTY = 5 };
enum { POLL_PRI = 2, POLL_ERR = 8, POLL_HUP = 16, POLL_READ = 0101, POLL_WRITE = 0404 };
enum { PKT_FLUSHREAD = 1, PKT_FLUSHWRITE = 2, PKT_STOP = 4, PKT_START = 8, PKT_NOSTOP = 16,
       PKT_DOSTOP = 32 };
enum { SIG_HUP_ = 1, SIG_INT_ = 2, SIG_QUIT_ = 3, SIG_CONT_ = 18, SIG_TSTP_ = 20, SIG_TTIN_ = 21,
       SIG_TTOU_ = 22, SIG_WINCH_ = 28 };

/* Of one write, so that what it changes fits the undo log: vfs asks again for the rest. */
enum { WRITE_MAX = UNDO_ENTRIES / 8, UNDO_FULL = UNDO_ENTRIES * 3 / 4 };

/* ---- buffer.c ---- */
uint32_t in_used(const struct line *l);
uint32_t out_used(const struct line *l);
uint32_t out_room(const struct line *l);
bool in_put(struct line *l, uint8_t byte, bool mark);
uint8_t in_peek(const struct line *l, uint32_t n);
bool in_is_mark(const struct line *l, uint32_t n);
void in_drop(struct line *l, uint32_t n);
bool out_put(struct line *l, uint8_t byte);

/* ---- input.c, output.c: the line discipline ---- */
void input_byte(struct line *l, uint8_t byte);
void input_break(struct line *l);
/* How many bytes a read may take now; 0: none. *eof: they end with VEOF. */
uint32_t input_ready(const struct line *l, bool *eof);
bool is_readable(const struct line *l);         /* to poll: a read would not wait */
void flush_input(struct line *l);
bool is_end(const struct line *l, uint32_t n);  /* does byte n of the input end a line? */
/* May n bytes more come from the terminal, or should they wait? */
bool takes(const struct line *l, uint32_t n);
void recount(struct line *l);                   /* after a change of mode */
bool output_byte(struct line *l, uint8_t byte); /* with post-processing; false: no room */
void echo_byte(struct line *l, uint8_t byte);
void signal_foreground(const struct line *l, unsigned signal);
void flush_output(struct line *l);
void set_stopped(struct line *l, bool stopped);
void events(struct line *l);                    /* tell vfs what poll would answer, wake waiters */
void events_changed(struct line *l);            /* likewise, if it is another answer than before */

/* ---- job.c ---- */
uint32_t public_word(endpoint_t proc, unsigned word);
/* May this process read (write, change) now? 0, EIO, or ERESTARTSYS after the group
 * was signalled. */
err_t job_check(struct line *l, endpoint_t proc, unsigned signal);

/* ---- ioctl.c ---- */
err_t do_chardev_ioctl(const struct call *c, const struct chardev_ioctl_request *req,
		       struct chardev_ioctl_reply *reply);
void termios_reset(struct line *l);
void resize(struct line *l, const struct winsize_ *window);
err_t arg_in(struct chardev_entry *e, void *to, uint32_t size) MUST_CHECK;
err_t arg_out(struct chardev_entry *e, const void *from, uint32_t size) MUST_CHECK;
err_t arg_number(struct chardev_entry *e, uint32_t value) MUST_CHECK;
err_t line_ioctl(struct line *l, struct chardev_entry *e, const struct chardev_ioctl_request *req)
	MUST_CHECK;

/* ---- session.c ---- */
uint32_t device_of(const struct line *l);
/* The session leader's controlling terminal is this one from now on; -EPERM: it may not be. */
err_t become_controlling(struct line *l, endpoint_t proc, bool steal);
bool is_root(endpoint_t proc);
/* Its controlling terminal? A session that had it before tty began afresh has it again. */
bool is_terminal_of(struct line *l, endpoint_t proc);
struct line *controlling(uint32_t pid);         /* NULL: it has none */
bool leader_of(const struct line *l, endpoint_t *proc); /* false: its session has ended */
/* pm hears what the session's terminal is, and its foreground. */
err_t tell_session(const struct line *l, endpoint_t proc);
void drop_session(struct line *l);

/* ---- wire.c ---- */
void wire_open(void);
void wire_recovered(void);
void wire_audit(void);
void wire_drivers_changed(void);                /* ds has something to say */
void wire_served(void);                         /* what requests have left to be sent or asked */
void wire_pump(void);                           /* everything that can go on goes on */

/* ---- pty.c: the master's end ---- */
struct pty *pty_of(const struct line *l);       /* NULL: it has a wire */
struct line *line_of_pty(const struct pty *p);
struct line *line_of_master(uint32_t n);        /* NULL: n is none that is open */
err_t pty_open(const struct chardev_open_request *req, struct chardev_open_reply *reply);
void pty_close(struct line *l);
void pty_left(struct line *l);                  /* the line has been closed for the last time */
err_t pty_read(const struct call *c, struct line *l, struct chardev_read_reply *reply);
err_t pty_write(const struct call *c, struct line *l, struct chardev_write_reply *reply);
err_t pty_ioctl(struct line *l, struct chardev_entry *e, const struct chardev_ioctl_request *req,
		struct chardev_ioctl_reply *reply);
void pty_say(const struct line *l, unsigned status, unsigned not);    /* in packet mode */
void pty_events(const struct line *l, bool always);     /* of the master, if they are others now */
void pty_touch(const struct line *l, bool write);

/* ---- devpts.c ---- */
enum { PTS_MODE = 0620 };
void devpts_init(bool fresh);
void devpts_check(void);

struct line *line_of(uint32_t n);

#endif
