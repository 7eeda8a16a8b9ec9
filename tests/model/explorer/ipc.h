/* SPDX-License-Identifier: BSD-2-Clause
 * ipc.h - the processes of the IPC scenes, what they may do, and the ghosts that watch them.
 *
 * G  rank 3   manages and guards all (rs)
 * L  rank 1   lowest server, resolves P's faults, has an interrupt line (vm, a driver)
 * S  rank 5   serves P's Linux calls, hears of its stops, may forward and delegate (pm, vfs)
 * P  rank 15  a program
 */
#ifndef MODEL_IPC_H
#define MODEL_IPC_H

#include "explorer.h"

enum { G, L, S, P, NR_WHO };
enum { NR_SERVICES = P, ANY = NR_WHO, KERNEL, NOBODY };

enum op {
	OP_LINUX, OP_SENDREC, OP_FAULT, OP_EXCEPTION, OP_RECEIVE, OP_REPLY, OP_REPLYRECEIVE,
	OP_FORWARD, OP_SENDNB, OP_NOTIFY, OP_COPY, OP_GRANT, OP_GRANT_COPY, OP_CANCELLED, OP_NEXT,
	OP_CLAIM, OP_ACK, OP_ALARM_SET,
	OP_DESTROY, OP_CREATE, OP_FREEZE, OP_RECOVER, OP_STOP, OP_RESUME,
	OP_IRQ, OP_ALARM,               /* these happen to the machine */
};

/* Serial of a reply: that of the client's call, or of the call before. */
enum { CURRENT, STALE };

struct action { uint8_t actor, op, a, b, scenes; };

extern struct proc *const who[NR_WHO];
extern const char *const who_name[];

/* ---- ghosts: what ought to be, kept apart from the kernel ---- */

struct ghost {
	uint64_t next_token;
	uint64_t token[NR_WHO];         /* of its call */
	uint64_t pending[NR_SERVICES][3];       /* services, lines, events */
	uint64_t granted;               /* token of the call that S has delegated to L; 0: none */
	uint32_t borrower;              /* L's endpoint then */
	uint8_t asked[NR_WHO];          /* CALL_ kind of the call it waits in */
	uint8_t target[NR_WHO];         /* at whom */
	uint8_t held[NR_WHO];           /* delivered */
	/* What a service was given and has not run to see: redelivered if it is recovered. */
	uint64_t unread[NR_SERVICES][3];        /* of notifications */
	uint64_t unread_token[NR_SERVICES];     /* of a call; 0: none */
	uint8_t unread_from[NR_SERVICES];
	uint8_t claimed, alarm;
	uint8_t unused[7];
};
extern struct ghost ghost;

void ghost_before(void);
/* a has been done, with this result. */
void ghost_after(const struct action *a, int64_t result);
void ghost_hash(void);
/* What a server answers to the call with this token. */
uint64_t answer_to(uint64_t token);

#endif
