/* SPDX-License-Identifier: BSD-2-Clause
 * undo.h - the log of old values that lets a service take half a request back after a crash.
 *
 * state.c holds the one object `struct state state SECTION_STATE`. Stores to it are logged: those
 * of files built with the CC+UNDO rule, before which tools/undo_stores puts what logs them, and
 * those of memcpy, memmove, memset and strlcpy of this library. Everything else that writes into
 * state (a copy made by the kernel, an asm statement) is announced first, with undo_before(). No
 * atomics on state.
 * The initial content of state is zero; init() fills it.
 */
#ifndef LIB_UNDO_H
#define LIB_UNDO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECTION_STATE __attribute__((section(".state"), aligned(4096)))
/* Kept along with it, and first in it, but never taken back: memory that others write to, too. */
#define SECTION_SHARED __attribute__((section(".state.shared"), aligned(4096)))
#define SECTION_UNDO __attribute__((section(".undo")))
/* Kept by every start, also a fresh one: zero at the first, then what a predecessor left, of which
 * the service itself has to find out what is right. */
#define SECTION_KEPT __attribute__((section(".kept"), aligned(4096)))

/* What one request may change. It is counted in stores of a word, each by itself. */
enum { UNDO_ENTRIES = 2048, UNDO_ONE = 16, UNDO_BYTES = UNDO_ENTRIES * UNDO_ONE };

extern char state_start[], state_end[]; /* lib/link.ld */

/* Keep what [at, at + n) holds now, as far as it is state; at is, and it is logged. */
void undo_log(const volatile void *at, size_t n);

/* UNDO_NOTHING: nothing is ever logged, for tools/bench_undo.py only. */
#ifdef UNDO_NOTHING
enum { UNDO_LOGS = false };
#else
enum { UNDO_LOGS = true };
#endif

extern uint64_t undo_span;              /* of `.state`; 0 while stores to it are not logged */

/* Is it state that is logged? */
static inline bool undo_is_state(const volatile void *at)
{
	return UNDO_LOGS && (uintptr_t)at - (uintptr_t)state_start < undo_span;
}

static inline void undo_before(const volatile void *at, size_t n)
{
	if (undo_is_state(at))
		undo_log(at, n);
}

/* Bytes of the log in use, and above them how many commits there were: a commit is one store. */
extern uint64_t undo_mark;
enum { UNDO_COMMITS_SHIFT = 16, UNDO_USED = (1 << UNDO_COMMITS_SHIFT) - 1 };

/* What was changed so far stays: before an effect that cannot be undone. */
void undo_commit(void);

unsigned undo_used(void);
unsigned undo_most(void);               /* entries between two commits, since the start */

/* What is written to kept memory that is not logged (`.undo`) along with undo_next_commit() becomes
 * valid with the next commit: then undo_is_committed() says so of this stamp. */
static inline uint64_t undo_next_commit(void)
{
	return (undo_mark >> UNDO_COMMITS_SHIFT) + 1;
}

static inline bool undo_is_committed(uint64_t stamp)
{
	return stamp < undo_next_commit();
}

/* Take everything since the last commit back, newest first. Doing it again changes nothing. */
void undo_rollback(void);

/* Logging is off during init() and check(), and on from then on. */
void undo_enable(bool on);

/* memcpy and memset under names that say what they are for. */
void *state_memcpy(void *to, const void *from, size_t n);
void *state_memset(void *to, int byte, size_t n);

#endif
