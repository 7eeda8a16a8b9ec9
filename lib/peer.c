/* SPDX-License-Identifier: BSD-2-Clause
 * peer.c - the client's side of a contract.
 *
 * Job:      makes the message of a stub, sends it, finds a server again after its death; has one
 *           judged that answers what its contract does not allow.
 * Speaks:   contracts/ds.contract (wait, retrieve); whatever the stubs speak.
 * Touches:  struct peer; through the kernel, the range lent.
 * Trusts:   ds for endpoints. A server's reply is a payload, not more.
 * On crash: holds no state of its own.
 */
#include <contract/ds.h>
#include <lib/clock.h>
#include <lib/ipc.h>
#include <lib/peer.h>
#include <lib/service_ids.h>
#include <lib/string.h>
#include <lib/stub.h>
#include <lib/undo.h>

enum {
	TRIES = 8,                      /* deaths of a server on one call before we give up */
	DS_GENERATIONS = 16,            /* fresh restarts of ds that we look for */
};

static struct peer ds = { .name = "ds", .at = { (FIRST_GENERATION << SLOT_BITS) | ID_DS } };

/* One attempt: the kernel's word; the answer is in *m. */
static err_t send(endpoint_t to, const struct stub *stub, const void *request, struct message *m,
		  const volatile void *range, size_t len)
{
	if (len > CALL_LEND_LENGTH)
		return -EINVAL;
	if (stub->lend & CALL_LEND_WRITE)
		undo_before(range, len);
	stub_fill(m, to, stub, request);
	return ipc_sendrec(m, range, stub->lend != 0 ? len | stub->lend : 0);
}

/* ds itself: it recovers in place, so its endpoint changes only with a fresh restart. */
static err_t find_ds(void)
{
	struct ds_retrieve_request req = { .name = "ds" };
	static const struct stub probe = {
		.type = DS_RETRIEVE, .request_size = sizeof(req),
	};
	unsigned first = endpoint_gen(ds.at);
	struct message m;

	for (unsigned gen = first; gen < first + DS_GENERATIONS; gen++) {
		endpoint_t at = ENDPOINT(gen, ID_DS);

		if (send(at, &probe, &req, &m, NULL, 0) != -EDEADPEER) {
			ds.at = at;
			return 0;
		}
	}
	return -EDEADPEER;
}

err_t peer_refresh(struct peer *to)
{
	struct ds_wait_request req = { .old = to->at };
	struct ds_wait_reply reply;
	err_t err;

	if (strcmp(to->name, ds.name) == 0) {
		err = find_ds();
		to->at = ds.at;
		to->dead = err != 0;
		return err;
	}
	strlcpy(req.name, to->name, sizeof(req.name));
	err = ds_wait(&ds, &req, &reply);
	if (err == 0) {
		to->at = reply.who;
		to->dead = false;
	}
	return err;
}

err_t peer_find(struct peer *to)
{
	struct ds_retrieve_request req = { .name = "" };
	struct ds_retrieve_reply reply;
	err_t err;

	strlcpy(req.name, to->name, sizeof(req.name));
	err = ds_retrieve(&ds, &req, &reply);
	if (err == 0) {
		to->at = reply.who;
		to->dead = false;
	}
	return err;
}

/* ---- answers ---- */

static judge_t *judge;

void peer_judge_answers(judge_t *new_judge)
{
	judge = new_judge;
}

static bool is_answer(const struct stub *stub, const void *request, const struct message *m,
		      size_t len)
{
	return judge == NULL || stub_is_answer(stub, request, m, len);
}

static err_t take(const struct stub *stub, void *reply, const struct message *m)
{
	err_t err = (err_t)m->type;

	if (stub->reply_size != 0)
		memcpy(reply, m->w, stub->reply_size);
	return err == -EDEADPEER ? -ESRCH : err;        /* who answers lives: it means another */
}

/* rs does not know any more what it was asked, and says so (servers/rs/audit.c). */
static bool is_forgotten(endpoint_t who, const struct stub *stub, const struct message *m)
{
	return endpoint_slot(who) == ID_RS && (err_t)m->type == -EDEADPEER && stub->idempotent;
}

/* The judge is told in any case. After an error nothing was done; else it may have been. */
static bool may_be_asked_again(endpoint_t who, uint64_t asked_ns, const struct stub *stub,
			       const struct message *m)
{
	return judge(who, asked_ns, stub->type, (err_t)m->type) &&
	       (m->type != 0 || stub->idempotent);
}

err_t peer_call(struct peer *to, const struct stub *stub, const void *request, void *reply,
		const volatile void *range, size_t len)
{
	bool known = to->at.v != 0 && !to->dead, is_last = false;
	err_t err = -EDEADPEER;

	for (unsigned i = 0; i < TRIES; i++) {
		struct message m;
		uint64_t asked_ns;

		if (!known) {
			err = peer_refresh(to);
			if (err != 0)
				return err;
		}
		asked_ns = judge != NULL ? clock_monotonic_ns() : 0;
		err = send(to->at, stub, request, &m, range, len);
		if (err == 0 && !is_last && is_forgotten(to->at, stub, &m)) {
			is_last = known = true;
			err = -EIO;
			continue;
		}
		if (err == 0 && is_answer(stub, request, &m, len))
			return take(stub, reply, &m);
		known = err != -EDEADPEER;
		if (err == 0) {
			if (is_last || !may_be_asked_again(to->at, asked_ns, stub, &m))
				return -EIO;
			is_last = true;
			err = -EIO;
			continue;
		}
		if (known)
			return err;
		if (!stub->idempotent)
			break;
	}
	to->dead = !known;
	return err;
}
