/* SPDX-License-Identifier: BSD-2-Clause
 * posix.h - what the files of the test program posix share.
 */
#ifndef POSIX_H
#define POSIX_H

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

/* In a test's child: ends it if `cond` does not hold. */
#define CHECK(cond) \
	do { \
		if (!(cond)) { \
			dprintf(2, "%s:%d: %s (errno %d)\n", __FILE__, __LINE__, #cond, errno); \
			_exit(1); \
		} \
	} while (0)

/* A function t_NAME; its name with blanks is the sentence that is reported. The last has none. */
struct test {
	const char *name;
	void (*run)(void);
};
#define T(name) { #name, t_##name }

extern const struct test process_tests[], signal_tests[], memory_tests[], file_tests[];
extern const struct test thread_tests[], start_tests[], carry_tests[], family_tests[];
extern const struct test socket_tests[], packet_tests[], rights_tests[];
extern const struct test pty_tests[], session_tests[], line_tests[];

/* What the handlers below saw last. */
extern volatile sig_atomic_t caught, caught_code;
extern void *volatile caught_address;

void on_signal(int n);
void on_info(int n, siginfo_t *info, void *context);
/* As on_info, and goes on where rbx points. */
void skip_store(int n, siginfo_t *info, void *context);
void handle(int n, void (*f)(int), int flags);
void handle_info(int n, void (*f)(int, siginfo_t *, void *), int flags);
/* A signal that may come at any time from here on is waited for: it is handled in the wait. */
void hold(int n);
void await(int n);

#endif
