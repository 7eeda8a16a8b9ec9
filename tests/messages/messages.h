/* SPDX-License-Identifier: BSD-2-Clause
 * messages.h - a server on the host, with sanitizers, against messages of all kinds (README.md).
 *
 * servers/NAME/test/messages_test.c is
 *
 *	#include <tests/messages/messages.h>
 *	extern const struct fuzz_call ds_fuzz[];
 *	extern const unsigned ds_fuzz_count;
 *	const struct fuzzed fuzzed = {
 *		.name = "ds", .protocol = { { ds_fuzz, &ds_fuzz_count } }, .messages = 200000,
 *	};
 *
 * and is linked with the whole server, whose main() it is.
 */
#ifndef TESTS_MESSAGES_H
#define TESTS_MESSAGES_H

#include <lib/fuzz.h>
#include <lib/ipc.h>
#include <lib/service_ids.h>

struct fuzzed {
	const char *name;
	const char *args;               /* words, each with a NUL; as the manifest's */
	unsigned messages;
	struct { const struct fuzz_call *call; const unsigned *count; } protocol[3];
	uint64_t notifiers;             /* who may notify it, beside its boards' and rings' */
	bool linux_calls;               /* it serves programs */
	bool faults;
	/* What no library knows of, before it starts. */
	void (*prepare)(void);
	/* At the end: is all that it remembers as it should be? */
	bool (*check)(void);
	/* Make one thing wrong in what it remembers, before it is recovered: 0 .. damages - 1. It
	 * says what it repairs, and goes on. */
	void (*damage)(unsigned n);
	unsigned damages;
	bool (*may_die)(void);          /* is there now who would recover it? */
	bool says_nothing;              /* log does not print */
	/* A kernel call that it trusts the answer of: true, and that. */
	bool (*kernel)(uint32_t number, struct message *m, err_t *err);
	/* Makes sense of a message that is about to be sent, or another one of it: who sends it,
	 * for instance. */
	void (*shape)(struct delivery *d);
	/* m answers this call; NULL: another service will. -EDEADPEER: nobody waits for that. */
	err_t (*replied)(endpoint_t client, uint32_t serial, const struct message *m);
	/* Likewise of another service's answer. */
	bool (*answer)(struct message *m, const volatile void *range, uint64_t lend);
	/* A message that it does not wait with; m NULL: a notification. False: it is not taken. */
	bool (*takes)(endpoint_t to, const struct message *m);
};

extern const struct fuzzed fuzzed;

/* Fields as the contract has them, and otherwise; a lent range likewise. */
void fuzz_fields(struct delivery *d, const struct fuzz_call *c);

extern unsigned repairs;                /* lines that begin with "recovery: " */

uint64_t any(void);                     /* a number of the sequence that the seed begins */
uint64_t below(uint64_t n);
bool one_in(unsigned n);
void fill(void *at, size_t n);          /* any bytes */
uint64_t some_number(void);             /* as often as not a small one */
const char *some_name(void);
void *place(uint64_t address, size_t bytes);    /* memory at a fixed address */
void touch(uint32_t dir, uint64_t local, uint64_t len); /* as a copy does: reads, or writes, it */

/* shared.c */
enum { SHARED_BYTES = 1 << 20 };
extern unsigned boards_done, boards_good; /* answers on boards */
void *borrow(uint32_t key, endpoint_t owner);           /* NULL: no more */
void lend(uint32_t key, endpoint_t to, void *at);
uint64_t others_work(void);             /* bits of who would notify the server then */

#endif
