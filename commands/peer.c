/* SPDX-License-Identifier: BSD-2-Clause
 * peer.c - a program's side of a contract: lib/peer.h for programs.
 *
 * Job:      makes the message of a stub, sends it, asks again where the contract says that it may.
 * Speaks:   contracts/rs.contract (status); whatever the stubs speak.
 * Touches:  struct peer; the pages of the range lent.
 * Trusts:   rs for endpoints. Another's answer has to be one that its contract allows.
 * On crash: it is part of a program: nothing depends on it.
 *
 * Threads may share a struct peer: whom one of them has found dead is a copy of its own.
 */
#include <lib/peer.h>

#include <string.h>
#include <unistd.h>

#include <contract/rs.h>
#include <lib/ipc.h>
#include <lib/service_ids.h>
#include <lib/stub.h>

enum {
	TRIES = 5,                      /* deaths of a service on one call before we give up */
	LOOKS = 100,                    /* at a service that is about to run */
	LOOK_US = 50 * 1000,
	PAGE_BYTES = 4096,
};

static void touch(volatile char *byte, bool to_write)
{
	char c = *byte;

	if (to_write)
		*byte = c;
}

/* A service cannot bring a program's pages in. */
static void bring_in(const volatile void *range, size_t len, bool to_write)
{
	volatile char *byte = (volatile char *)range;

	for (size_t at = 0; at < len; at += PAGE_BYTES)
		touch(byte + at, to_write);
	if (len != 0)
		touch(byte + len - 1, to_write);
}

/* One attempt: the kernel's word; the answer is in *m. */
static err_t send(endpoint_t to, const struct stub *stub, const void *request, struct message *m,
		  const volatile void *range, size_t len)
{
	if (len > CALL_LEND_LENGTH)
		return -EINVAL;
	stub_fill(m, to, stub, request);
	if (stub->lend != 0)
		bring_in(range, len, stub->lend & CALL_LEND_WRITE);
	return ipc_sendrec(m, range, stub->lend != 0 ? len | stub->lend : 0);
}

/* Its script, if it has one, will mostly have it run. rs may not have seen yet that it is dead. */
static bool is_about_to_run(const struct rs_status_reply *r, endpoint_t dead)
{
	return r->state == RS_STATE_STARTING || r->state == RS_STATE_DEAD ||
	       r->state == RS_STATE_SCRIPTED ||
	       (r->state == RS_STATE_RUNNING && r->who.v == dead.v);
}

/* Another than `dead`. rs itself keeps its endpoint: it recovers in place. */
static err_t find(struct peer *to, endpoint_t dead)
{
	static struct peer rs = { .name = "rs", .at = { (FIRST_GENERATION << SLOT_BITS) | ID_RS } };
	struct rs_status_request req = { 0 };
	struct rs_status_reply r = { .who = ENDPOINT_NONE };

	if (strcmp(to->name, rs.name) == 0) {
		to->at = rs.at;
		return 0;
	}
	if (strlen(to->name) >= sizeof(req.name))
		return -ENOLINK;
	strcpy(req.name, to->name);
	for (unsigned n = 0; n < LOOKS && rs_status(&rs, &req, &r) == 0; n++) {
		if (!is_about_to_run(&r, dead))
			break;
		usleep(LOOK_US);
	}
	if (r.who.v == ENDPOINT_NONE.v || r.who.v == dead.v)
		return -ENOLINK;
	to->at = r.who;
	to->dead = false;
	return 0;
}

err_t peer_refresh(struct peer *to)
{
	return find(to, to->at);
}

err_t peer_find(struct peer *to)
{
	return find(to, (endpoint_t){ 0 });
}

/* A server that has lost the question says EDEADPEER; whether it had been done nobody knows. */
err_t peer_call(struct peer *to, const struct stub *stub, const void *request, void *reply,
		const volatile void *range, size_t len)
{
	err_t err = -EDEADPEER;

	for (unsigned n = 0; n < TRIES; n++) {
		endpoint_t at = to->at;
		struct message m;

		if (at.v == 0 || to->dead) {
			err = find(to, at);
			if (err != 0)
				return err;
			at = to->at;
		}
		err = send(at, stub, request, &m, range, len);
		if (err == -EDEADPEER && to->at.v == at.v)
			to->dead = true;
		else if (err != 0 && err != -EDEADPEER)
			return err;
		if (err == 0 && stub_is_answer(stub, request, &m, len)) {
			if (stub->reply_size != 0)
				memcpy(reply, m.w, stub->reply_size);
			return (err_t)m.type;
		}
		if (err == 0)
			err = (err_t)m.type == -EDEADPEER ? -EDEADPEER : -EPROTO;
		if (!stub->idempotent)
			break;
	}
	return err;
}
