/* SPDX-License-Identifier: BSD-2-Clause
 * state.h - all that rs remembers.
 */
#ifndef RS_STATE_H
#define RS_STATE_H

#include "loaded.h"
#include <contract/rs.h>
#include <lib/undo.h>
#include <abi/kernel.h>

enum { NR_SERVICES = PRIV_PROGRAM, RS_NAME = 16, RS_GRANTS = 6 };

struct defect {
	uint8_t cause;                  /* RS_CAUSE_ */
	uint32_t code;                  /* status, vector, signal or count that goes with it */
	uint64_t error, address;        /* of an exception */
};

/* One service; its index is its privilege id, which is its slot. name empty: no such service. */
struct service {
	char name[RS_NAME];
	uint8_t phase;                  /* RS_STATE_ */
	uint8_t cause;                  /* RS_CAUSE_ of the latest defect */
	uint8_t told;                   /* RS_STATE_SCRIPTED: the script is being run */
	uint8_t beats_out;              /* heartbeats sent and not answered */
	bool built;                     /* it has its memory */
	bool published;                 /* ds knows the endpoint */
	bool named;                     /* log knows the name */
	bool scheduled;                 /* sched knows priority and quantum */
	bool fresh;                     /* the next start is to discard state */
	bool hung;                      /* frozen on request, until its heartbeats are missed */
	bool dying;                     /* frozen on request: it has not begun anew yet */
	struct defect why;              /* it died of this, which is not dealt with; or all zero */
	uint32_t generation;
	uint32_t code;                  /* that goes with cause */
	uint32_t restarts, recoveries;
	uint32_t defects[RS_CAUSE_LAST + 1];    /* by RS_CAUSE_ */
	uint32_t recent;                /* defects in a row, none of them a minute after the last */
	uint32_t loops;                 /* defects in a row that came right after a start */
	uint32_t afresh;                /* starts that discarded state, as `recent` */
	uint64_t defect_ns;             /* time of the latest defect */
	uint64_t repaired_ns;           /* from then to ready, for the latest one */
	uint64_t started_ns;
	uint64_t due_ns;                /* RS_STATE_DEAD, _SCRIPTED: when it is started again */
	uint32_t script;                /* RS_STATE_SCRIPTED: number of what it decides */
	uint64_t beat_ns;               /* when the next heartbeat goes out */
	uint32_t blamed;                /* whose request it complained of last: slot, or 0 */
	uint64_t blamed_ns;
	uint32_t unasked;               /* answers since the last one that were to nothing */
	struct pfn_range granted[RS_GRANTS];    /* device memory, through pci; count 0: unused */
	endpoint_t waiter;              /* a program that waits for it to be ready, */
	uint32_t waiter_serial;         /* and the serial of its call */
};

/* Bytes that are being put into a service's code (inject.c). */
struct injected {
	bool is_open;                   /* the protection of that page may be wrong */
	uint8_t id, count;
	uint8_t old[16];
	uint64_t address;
};

struct state {
	struct service service[NR_SERVICES];
	uint32_t next_frame;            /* frames below are used or not free */
	uint32_t frames;                /* given to services */
	uint32_t missed;                /* heartbeats */
	uint32_t crashes;               /* that were taken, since boot */
	uint32_t crashes_done;          /* and those that somebody has said to be done with */
	endpoint_t crash_waiter;        /* who waits for the next one, or NONE; */
	uint32_t crash_serial;          /* and the serial of the call */
	struct loaded loaded[NR_SERVICES];
	struct loading loading;
	struct refusal refusal;
	struct injected injected;
	uint32_t scripts;               /* defects that scripts were to decide about, since boot */
	endpoint_t script_waiter;       /* who waits for the next one, or NONE; */
	uint32_t script_serial;         /* and the serial of the call */
	endpoint_t script_client;       /* who has asked last: it runs the scripts */
	bool retry;                     /* something could not be sent: try again soon */
	bool starved;                   /* too little memory: only what shows that is started */
};

extern struct state state;

#endif
