/* SPDX-License-Identifier: BSD-2-Clause
 * state.h - all that ds remembers.
 *
 * D1  No two rows of `name` with a text have the same text. A row whose `who` is ENDPOINT_NONE is a
 *     withdrawn name: it is kept so that subscribers learn of it, and reused if room is short.
 * D2  Changes are numbered from 1; no two rows have the same number; none is above `changes`.
 * D3  A waiter waits for a name that does not stand for anything but `old` now.
 */
#ifndef DS_STATE_H
#define DS_STATE_H

#include <abi/types.h>
#include <contract/ds.h>
#include <lib/undo.h>

enum { NAMES = 128, WAITERS = 64, SUBSCRIPTIONS = 96, SNAPSHOTS = 8 };
enum { NAMES_OF_ONE = 16 };             /* most that a service other than rs may give itself */

struct name {
	char text[DS_NAME];             /* empty: a free row */
	endpoint_t who;
	uint32_t unused;
	uint64_t change;                /* number of the change that set it */
};

struct waiter {
	char text[DS_NAME];
	endpoint_t client;              /* all zero: a free row */
	uint32_t serial;
	endpoint_t old;
};

struct subscription {
	char pattern[DS_NAME];
	endpoint_t client;              /* all zero: a free row */
	uint32_t unused;
	uint64_t seen;                  /* changes up to this number have been told */
};

struct snapshot {
	char text[DS_NAME];             /* empty: a free row */
	uint32_t slot;                  /* of the service it belongs to */
	uint32_t size;
	uint8_t data[DS_SNAPSHOT];
};

struct state {
	uint64_t changes;
	struct name name[NAMES];
	struct waiter waiter[WAITERS];
	struct subscription subscription[SUBSCRIPTIONS];
	struct snapshot snapshot[SNAPSHOTS];
};

extern struct state state;

#endif
