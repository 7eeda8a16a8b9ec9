/* SPDX-License-Identifier: BSD-2-Clause
 * state.h - all that sched remembers.
 *
 * H1  row[slot].proc is the process that was in the slot when pm or rs told of it; if the kernel
 *     has another one there now, the row is stale.
 */
#ifndef SCHED_STATE_H
#define SCHED_STATE_H

#include <abi/kernel.h>
#include <abi/types.h>
#include <contract/sched.h>
#include <lib/undo.h>

struct row {
	endpoint_t proc;                /* all zero: none */
	uint32_t raised;
	uint32_t group;                 /* process group; 0: a service */
	uint32_t ticks;                 /* of CPU time, by the latest look */
	int8_t nice;
	uint8_t priority, quantum;
	uint8_t sunk;                   /* looks at it in a row that found it below its base */
};

/* What a service has used. */
struct use {
	uint64_t since_ns;              /* the time that is looked at began; 0: not yet */
	uint64_t ticks, all;            /* what it had used by then, and everybody together */
	uint8_t called;                 /* others decide how much it computes */
};

struct state {
	struct use use[FIRST_PROGRAM];
	struct row row[NR_PROCS];
	uint64_t ticks;                 /* used by everybody, as far as looks have seen */
	uint64_t looked_ns, sampled_ns; /* since boot */
	uint64_t load[3];               /* fixed point, LOAD_ONE is 1 */
	uint32_t first;                 /* slot at which the next look begins */
};

extern struct state state;

#endif
