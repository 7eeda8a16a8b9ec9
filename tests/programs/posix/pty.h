/* SPDX-License-Identifier: BSD-2-Clause
 * pty.h - what the tests of pseudo-terminals share.
 */
#ifndef PTY_H
#define PTY_H

#include "posix.h"

#include <sys/ioctl.h>
#include <termios.h>

#ifndef TIOCGPTPEER
#define TIOCGPTPEER 0x5441
#endif

int ptmx(int flags);                            /* a master */
char *name_of(int master);                      /* until it is called again */
int slave_of(int master, int flags);            /* its line, unlocked */
void pair(int *m, int *s);
void set_raw(int fd);
void set_echo(int fd, int on);
/* On Linux bytes take a moment from one end to the other. */
int wait_for(int fd, int events, int ms);
void expect(int fd, const char *text);          /* exactly that comes */
void give(int fd, const char *text);
int ended(pid_t pid);                           /* its status */
/* A child that leads a session with the pair's line as its terminal; it gets 0, as from fork. */
pid_t session(int m, int s);

#endif
