/* SPDX-License-Identifier: BSD-2-Clause
 * undo.h - the log of old values that lets a service take half a request back after a crash.
 *
 * state.c holds the one object `struct state state SECTION_STATE`. Stores to it are logged: those
 * of the compiler in files built with the CC+UNDO rule, those of memcpy, memmove, memset and
 * strlcpy of this library always. Everything else that writes into state (a copy made by the
 * kernel, an asm statement) is announced first, with undo_before(). No atomics on state.
 * The initial content of state is zero; init() fills it.
 */
#ifndef LIB_UNDO_H
#define LIB_UNDO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECTION_STATE __attribute__((section(".state"), aligned(4096)))
#define SECTION_UNDO __attribute__((section(".undo")))

enum { UNDO_ENTRIES = 2048 };           /* of eight bytes: what one request may change, 16 KiB */

extern char state_start[], state_end[]; /* lib/link.ld */

/* Keep what [at, at + n) holds now, as far as it is state. */
void undo_log(const volatile void *at, size_t n);

static inline bool undo_is_state(const volatile void *at)
{
	return (uintptr_t)at - (uintptr_t)state_start <
	       (uintptr_t)state_end - (uintptr_t)state_start;
}

static inline void undo_before(const volatile void *at, size_t n)
{
	if (undo_is_state(at))
		undo_log(at, n);
}

/* What was changed so far stays: before an effect that cannot be undone. */
void undo_commit(void);

/* Take everything since the last commit back, newest first. Doing it again changes nothing. */
void undo_rollback(void);

/* Logging is off during init() and check(), and on from then on. */
void undo_enable(bool on);

unsigned undo_used(void);
unsigned undo_most(void);               /* entries between two commits, since the start */

/* memcpy and memset under names that say what they are for. */
void *state_memcpy(void *to, const void *from, size_t n);
void *state_memset(void *to, int byte, size_t n);

#endif
