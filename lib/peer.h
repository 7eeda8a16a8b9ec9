/* SPDX-License-Identifier: BSD-2-Clause
 * peer.h - the client's side of a contract: whom we call, and the call behind every stub.
 */
#ifndef LIB_PEER_H
#define LIB_PEER_H

#include <abi/errors.h>
#include <abi/message.h>

/* Which of the processes that had this slot. */
static inline uint32_t endpoint_gen(endpoint_t e)
{
	return e.v >> SLOT_BITS;
}

enum { PEER_NAME = 24 };

/* A service by name. The stubs look it up at the first call and again after its death. */
struct peer {
	char name[PEER_NAME];           /* as published in ds; in programs, of the service */
	endpoint_t at;                  /* all zero: not looked up yet */
	bool dead;                      /* at has died: look for its successor first */
};

#define PEER(text) ((struct peer){ .name = text })

/* What a generated stub knows of its call. */
struct stub {
	uint32_t type;
	bool idempotent;
	uint8_t request_size, reply_size;
	uint64_t padding;               /* bit n: byte n of the request is padding, sent as 0 */
	uint64_t lend;                  /* CALL_LEND_ bits */
	/* Does the contract allow this answer? reply counts if err is 0; lent: bytes. */
	bool (*fits)(err_t err, const void *request, const void *reply, uint64_t lent);
};

/* Send, wait, copy the reply out. An idempotent call is sent again to the successor of a server
 * that died; another returns -EDEADPEER, and the next call finds the successor. That is the
 * kernel's word alone: if a server answers so, it is -ESRCH; but if rs does, it has lost the
 * question, and what is idempotent is asked once more.
 *
 * In programs (commands/peer.c) any server may have lost the question; an answer that the contract
 * does not allow is asked for again, as after a death, and is -EPROTO in the end. -ENOLINK: the
 * service does not run, and will not within 5 s, or rs does not say. */
err_t peer_call(struct peer *to, const struct stub *stub, const void *request, void *reply,
		const volatile void *range, size_t len) MUST_CHECK;

/* From now on answers that their contract does not allow are not handed on (note 0026): rs is told,
 * which ends that life of the server, and the next one is asked, once. If that says nothing better,
 * if a call that may not be repeated has been answered without an error, or if rs will not hear of
 * it, the caller gets -EIO. For services whose manifest has `complains`; at each start. */
void peer_watch_answers(void);

/* The same with another judge: true if the server is asked again. */
typedef bool judge_t(endpoint_t who, uint64_t asked_ns, uint32_t type, err_t err);
void peer_judge_answers(judge_t *judge);

/* Find the peer's endpoint, other than the one it has now. Waits for it to be published; in
 * programs for 5 s, else -ENOLINK. */
err_t peer_refresh(struct peer *to) MUST_CHECK;

/* What its name stands for now, without waiting. -ENOENT: nobody. In programs as peer_refresh. */
err_t peer_find(struct peer *to) MUST_CHECK;

#endif
