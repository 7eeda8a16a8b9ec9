/* SPDX-License-Identifier: BSD-2-Clause
 * peer.c - the client's side of a contract.
 *
 * Job:      makes the message of a stub, sends it, finds a server again after its death.
 * Speaks:   contracts/ds.contract (wait); whatever the stubs speak.
 * Touches:  struct peer; through the kernel, the range lent.
 * Trusts:   ds for endpoints. A server's reply is a payload, not more.
 * On crash: holds no state of its own.
 */
#include <contract/ds.h>
#include <lib/ipc.h>
#include <lib/peer.h>
#include <lib/service_ids.h>
#include <lib/string.h>
#include <lib/undo.h>

enum {
	TRIES = 8,                      /* deaths of a server on one call before we give up */
	DS_GENERATIONS = 16,            /* fresh restarts of ds that we look for */
};

static struct peer ds = { .name = "ds", .at = { (FIRST_GENERATION << SLOT_BITS) | ID_DS } };

static void fill(struct message *m, const struct stub *stub, const void *request)
{
	*m = (struct message){ .type = stub->type };
	if (stub->request_size != 0)
		memcpy(m->w, request, stub->request_size);
	for (uint64_t holes = stub->padding; holes != 0; holes &= holes - 1)
		((unsigned char *)m->w)[__builtin_ctzll(holes)] = 0;
}

/* One attempt. */
static err_t send(endpoint_t to, const struct stub *stub, const void *request, void *reply,
		  const volatile void *range, size_t len)
{
	struct message m;
	err_t err;

	if (len > CALL_LEND_LENGTH)
		return -EINVAL;
	if (stub->lend & CALL_LEND_WRITE)
		undo_before(range, len);
	fill(&m, stub, request);
	m.peer = to;
	err = ipc_sendrec(&m, range, stub->lend != 0 ? len | stub->lend : 0);
	if (err != 0)
		return err;
	if (stub->reply_size != 0)
		memcpy(reply, m.w, stub->reply_size);
	err = (err_t)m.type;
	return err == -EDEADPEER ? -ESRCH : err;        /* who answers lives: it means another */
}

/* ds itself: it recovers in place, so its endpoint changes only with a fresh restart. */
static err_t find_ds(void)
{
	struct ds_retrieve_request req = { .name = "ds" };
	static const struct stub probe = {
		.type = DS_RETRIEVE, .request_size = sizeof(req),
	};
	unsigned first = endpoint_gen(ds.at);

	for (unsigned gen = first; gen < first + DS_GENERATIONS; gen++) {
		endpoint_t at = ENDPOINT(gen, ID_DS);

		if (send(at, &probe, &req, NULL, NULL, 0) != -EDEADPEER) {
			ds.at = at;
			return 0;
		}
	}
	return -EDEADPEER;
}

err_t peer_refresh(struct peer *to)
{
	static const struct stub wait = {
		.type = DS_WAIT, .request_size = sizeof(struct ds_wait_request),
		.reply_size = sizeof(struct ds_wait_reply),
	};
	struct ds_wait_request req = { .old = to->at };
	struct ds_wait_reply reply;
	err_t err = -EDEADPEER;

	if (strcmp(to->name, ds.name) == 0) {
		err = find_ds();
		to->at = ds.at;
		to->dead = err != 0;
		return err;
	}
	strlcpy(req.name, to->name, sizeof(req.name));
	for (unsigned i = 0; i < TRIES && err == -EDEADPEER; i++) {
		err = send(ds.at, &wait, &req, &reply, NULL, 0);
		if (err == -EDEADPEER && find_ds() != 0)
			return err;
	}
	if (err == 0) {
		to->at = reply.who;
		to->dead = false;
	}
	return err;
}

err_t peer_find(struct peer *to)
{
	static const struct stub retrieve = {
		.type = DS_RETRIEVE, .idempotent = true,
		.request_size = sizeof(struct ds_retrieve_request),
		.reply_size = sizeof(struct ds_retrieve_reply),
	};
	struct ds_retrieve_request req = { .name = "" };
	struct ds_retrieve_reply reply;
	err_t err;

	strlcpy(req.name, to->name, sizeof(req.name));
	err = peer_call(&ds, &retrieve, &req, &reply, NULL, 0);
	if (err == 0) {
		to->at = reply.who;
		to->dead = false;
	}
	return err;
}

err_t peer_call(struct peer *to, const struct stub *stub, const void *request, void *reply,
		const volatile void *range, size_t len)
{
	bool known = to->at.v != 0 && !to->dead;
	err_t err = -EDEADPEER;

	for (unsigned i = 0; i < TRIES; i++) {
		if (!known) {
			err = peer_refresh(to);
			if (err != 0)
				return err;
		}
		err = send(to->at, stub, request, reply, range, len);
		if (err != -EDEADPEER)
			return err;
		known = false;
		if (!stub->idempotent)
			break;
	}
	to->dead = true;
	return err;
}
