/* SPDX-License-Identifier: BSD-2-Clause
 * ring.h - asynchronous requests from one service (the client) to another (the server), in memory
 * that both have mapped (vm.lend, vm.borrow).
 *
 * Neither side waits for the other and neither trusts it: every index and entry is copied out and
 * checked; the worst that a hostile peer can do is to answer requests wrongly or not at all.
 *
 * Each side keeps what it knows in a struct of its own that belongs in its `struct state`: it is
 * rolled back and committed with the rest. What the other side sees changes only by publish(),
 * which commits first: so a crash repeats what was not published, and nothing is seen by halves.
 *
 * Epochs. The client numbers its connection by the time it began. When either side has lost its
 * memory the client begins a new epoch: client_reset() on its own start, or when client_next() says
 * -EDEADPEER (the server started afresh). Requests without an answer are then handed back by
 * client_returned(), to be submitted again or not: what is not idempotent may have been done.
 * A server that recovers in place goes on where it was. After a recovery in place each side
 * publishes once, in case the crash came between a commit and its publication. Both resets commit.
 *
 *	client                                          server
 *	ring_client_reset(&c, mem, now)                 ring_server_reset(&s, mem)
 *	ring_submit(&c, mem, type, &req, size, &id)     while (ring_accept(&s, mem, &e) == 0)
 *	ring_client_publish(&c, mem); notify server             row for e.id ...
 *	                                                (-ECONNRESET: forget all rows)
 *	while (ring_client_next(&c, mem, &e) == 0)      ring_complete(&s, mem, id, err, &rep, size)
 *		row of e.id is done: e.type, e.w        ring_server_publish(&s, mem); notify client
 */
#ifndef LIB_RING_H
#define LIB_RING_H

#include <abi/message.h>
#include <abi/types.h>

enum { RING_ENTRIES = 64, RING_ID_SLOTS = 0xff };
_Static_assert(RING_ENTRIES <= 64, "one word says which slots are used");

/* A request: type and payload as in a message of the contract. An answer: type is its err_t. */
struct ring_entry {
	uint32_t id;                    /* names the request until it is answered */
	uint32_t type;
	uint64_t w[MESSAGE_WORDS];
};
_Static_assert(sizeof(struct ring_entry) == 64, "an entry is one cache line");

/* The shared memory, page aligned. If one side owns it, that side puts it in its `.state` section,
 * as an object beside `state`: there it survives a recovery in place. */
struct ring_memory {
	/* Written by the client only. */
	uint64_t client_epoch;          /* 0: not set up */
	uint32_t submitted;             /* requests in this epoch */
	uint32_t zero[13];
	/* Written by the server only. */
	uint64_t server_epoch;          /* the one it works in; ~epoch: it refuses that one */
	uint32_t completed;             /* answers in this epoch */
	uint32_t zero2[13];
	uint64_t unused[(4096 - 128) / 8];
	struct ring_entry request[RING_ENTRIES];
	struct ring_entry answer[RING_ENTRIES];
};
_Static_assert(sizeof(struct ring_memory) == 3 * 4096, "whole pages, to be lent");

/* ---- client ---- */

struct ring_client {
	uint64_t epoch;
	uint32_t submitted, taken;      /* requests made, answers taken */
	uint32_t seen;                  /* the server has worked in this epoch */
	uint32_t refused;               /* entries of the server that made no sense */
	uint32_t uses[RING_ENTRIES];    /* how often a slot was used: makes ids differ */
	uint64_t used;                  /* bit n: pending[n] has no answer yet */
	uint64_t returned;              /* bit n: pending[n] is to be handed back */
	struct ring_entry pending[RING_ENTRIES];
};

/* Begin a new epoch; now: any number that was never used before, clock_monotonic_ns() say. What has
 * no answer will be handed back by ring_client_returned. */
void ring_client_reset(struct ring_client *c, volatile struct ring_memory *m, uint64_t now);
/* 0 and the request's id, -EAGAIN: RING_ENTRIES are under way, -EINVAL: size above 56 bytes. */
err_t ring_submit(struct ring_client *c, volatile struct ring_memory *m, uint32_t type,
		  const void *payload, size_t size, uint32_t *id) MUST_CHECK;
/* Commit the state and let the server see what was submitted. Then notify it. */
void ring_client_publish(const struct ring_client *c, volatile struct ring_memory *m);
/* The next answer: 0; -ENOENT: none; -EDEADPEER: the server starts anew, or its count of answers
 * makes no sense (then `refused` has grown): reset. */
err_t ring_client_next(struct ring_client *c, const volatile struct ring_memory *m,
		       struct ring_entry *answer) MUST_CHECK;
/* A request that was lost by a reset. Its id is free. False: no more. */
bool ring_client_returned(struct ring_client *c, struct ring_entry *request);
unsigned ring_client_pending(const struct ring_client *c);

/* For how many looks requests have been open. */
struct ring_ages { struct { uint32_t id, looks; } of[RING_ENTRIES]; };

/* A look. Is one open at more than `most` looks behind the one that saw it first? */
bool ring_client_late(const struct ring_client *c, struct ring_ages *ages, uint32_t most);

/* ---- server ---- */

struct ring_server {
	uint64_t epoch;
	uint32_t accepted, completed;
	uint32_t refused;               /* things the client did that made no sense */
	uint32_t fresh;                 /* started, and no new epoch seen yet */
};

/* At a fresh start: whatever is in the memory belongs to the past. */
void ring_server_reset(struct ring_server *s, volatile struct ring_memory *m);
/* The next request: 0; -ENOENT: none; -ECONNRESET: what was accepted before is void: a new epoch
 * begins, or the counts make no sense and nothing more comes until the client resets: notify it. */
err_t ring_accept(struct ring_server *s, volatile struct ring_memory *m,
		  struct ring_entry *request) MUST_CHECK;
/* Answer a request that was accepted in this epoch. -EINVAL: none is open, or size. */
err_t ring_complete(struct ring_server *s, volatile struct ring_memory *m, uint32_t id, err_t err,
		    const void *payload, size_t size) MUST_CHECK;
/* Commit the state and let the client see what was completed. Then notify it. */
void ring_server_publish(const struct ring_server *s, volatile struct ring_memory *m);

#endif
