/* SPDX-License-Identifier: BSD-2-Clause
 * state.h - the faults that are in services.
 *
 * J1  A row is used if and only if it has a number; no two have the same one, all are below `next`.
 * J2  A row stands here, committed, before its bytes are written: who asked for it (client and
 *     serial) gets that one if the request is done again.
 */
#ifndef INJECT_STATE_H
#define INJECT_STATE_H

#include <abi/types.h>
#include <contract/inject.h>
#include <lib/undo.h>

enum { NAME = 16, INSN_MAX = 16 };

struct fault {
	uint32_t number;                /* J1; 0: this row is free */
	uint32_t kind;
	uint32_t len;
	endpoint_t client;              /* J2 */
	uint32_t serial;
	char name[NAME];
	uint64_t address;
	uint8_t old[INSN_MAX], new[INSN_MAX];
};

struct state {
	struct fault fault[INJECT_MOST];
	uint32_t next;                  /* number of the next one, less one */
};

extern struct state state;

#endif
