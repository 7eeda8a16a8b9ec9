/* SPDX-License-Identifier: BSD-2-Clause
 * crash.h - what rs keeps of a service that crashed, rsguard of rs; crashd makes a core file of it.
 */
#ifndef LIB_CRASH_H
#define LIB_CRASH_H

#include <abi/kernel.h>
#include <abi/trace.h>
#include <lib/image.h>

enum {
	CRASH_NAME = 16, CRASH_PLACES = 9, CRASH_TRACES = 24, CRASH_SEGMENTS = 5,
	CRASH_BYTES = 192 * 1024,       /* of memory; what is longer is cut off */
};

struct crash_segment { uint64_t va, len; };

/* The bytes of the segments follow, one behind the other. */
struct crash {
	uint32_t number;                /* since boot, from 1; 0: none */
	uint32_t id;                    /* the service's */
	char name[CRASH_NAME], program[CRASH_NAME];
	uint32_t cause, code;           /* RS_CAUSE_, and what goes with it */
	uint32_t repetition;            /* defects in a row */
	uint32_t vector;                /* RS_CAUSE_EXCEPTION: the CPU's exception, */
	uint64_t error, address;        /* its error code and, of a page fault, its address */
	uint64_t time_ns;               /* since boot */
	struct user_regs regs;
	uint32_t nr_places, nr_traces, nr_segments;
	uint64_t place[CRASH_PLACES];   /* where it stopped, then who called, if it can be told */
	struct trace_record trace[CRASH_TRACES];        /* of its own, the oldest first */
	struct crash_segment segment[CRASH_SEGMENTS];
};

struct kept_crash { struct crash c; uint8_t bytes[CRASH_BYTES]; };

/* Where rsguard leaves what rs hands on of itself: in rs's memory that every start keeps. */
#define CRASH_OF_RS_VA IMAGE_DMA_VA

/* Takes `len` bytes of the dead service's memory at va to bytes + at. */
typedef bool crash_taker(const struct crash *c, uint64_t va, uint64_t at, uint64_t len);

/* Which memory of a service with this image and stack (bytes) is kept, in c->segment: the stack
 * from where c->regs say it is used; then what the service may have written below `end`, but for
 * its undo log, the shortest segment first. Each is cut to half the room that is left of
 * CRASH_BYTES, the last to all of it; what cannot be taken is left out. */
void crash_take_memory(struct crash *c, const struct image *i, uint64_t stack, uint64_t end,
		       crash_taker *take);

#endif
