/* SPDX-License-Identifier: BSD-2-Clause
 * state.h - all that the semaphore server remembers.
 *
 * S1  A semaphore is used if and only if it has a name; no two have the same one.
 * S2  A waiter waits for a semaphore that is used and whose value is 0. Semaphore 0 is none.
 * S3  Tickets say who has come first: no two waiters have the same one, all are below `tickets`.
 */
#ifndef SEMAPHORE_STATE_H
#define SEMAPHORE_STATE_H

#include <contract/semaphore.h>
#include <lib/undo.h>

enum { NAME = 24, NR_WAITERS = 128 };

struct semaphore {
	char name[NAME];                /* S1; empty: this row is free */
	uint32_t value;
	uint32_t generation;            /* of the row: an old id is nobody else's */
};

/* A program whose call is not answered yet. */
struct waiter {
	uint32_t semaphore;             /* index + 1; 0: this row is free */
	endpoint_t client;
	uint32_t serial;                /* of its call */
	uint64_t ticket;
};

struct state {
	struct semaphore semaphore[SEMAPHORE_MOST];
	struct waiter waiter[NR_WAITERS];
	uint64_t tickets;
};

extern struct state state;

#endif
