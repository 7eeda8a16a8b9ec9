/* SPDX-License-Identifier: BSD-2-Clause
 * state.h - all that toy remembers.
 *
 * T1  keys is the number of used rows; sum is the sum of their values; no key is used twice.
 */
#ifndef TOY_STATE_H
#define TOY_STATE_H

#include <contract/toy.h>
#include <lib/undo.h>

struct row {
	int64_t value;
	uint32_t key;
	uint32_t used;
};

struct state {
	int64_t sum;
	uint32_t keys;
	uint32_t changes;
	uint32_t recoveries;
	struct row row[TOY_KEYS];
};

extern struct state state;

#endif
