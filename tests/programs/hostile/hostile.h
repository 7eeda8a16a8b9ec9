/* SPDX-License-Identifier: BSD-2-Clause
 * hostile.h - what the files of the test program hostile share.
 */
#ifndef HOSTILE_H
#define HOSTILE_H

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PLAIN_USER = 1000, PAGE = 4096 };

/* In a child of a test: ends it if `cond` does not hold. */
#define CHECK(cond) \
	do { \
		if (!(cond)) { \
			dprintf(2, "%s:%d: %s (errno %d)\n", __FILE__, __LINE__, #cond, errno); \
			_exit(1); \
		} \
	} while (0)

/* Prints "ok what" or "FAIL what: why", and counts. */
void report(int good, const char *what, const char *why);

/* Run f in a child as `user`; its wait status, or -1 if it did not end within `seconds` and SIGKILL
 * did not end it either. *killed: SIGKILL was needed. */
int run_child(void (*f)(long), long argument, unsigned user, int seconds, int *killed);

void faults(void);                      /* cpu.c */
void calls(unsigned user);              /* calls.c */
void exhaust(void);                     /* exhaust.c */
void crowd(void);                       /* crowd.c */
void full_sockets(long a);              /* sockets.c */
void waiting_connections(long a);
void chain_of_sockets(long a);
void files_in_flight(long a);
void files_that_nobody_takes(long a);
void crowded_receiver(long a);
void together(void);                    /* together.c */

#endif
