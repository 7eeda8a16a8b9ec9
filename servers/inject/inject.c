/* SPDX-License-Identifier: BSD-2-Clause
 * inject.c - faults in the code of running services, from inside.
 *
 * Job:      changes one instruction of a service, by class and seed, and puts it back.
 * Speaks:   contracts/inject, to programs of root; contracts/rs (inject).
 * Touches:  through rs, the code of the services that its manifest names.
 * Trusts:   rs, for what stands in their code.
 * On crash: recovers in place; faults that are there stay there and are remembered (state.h, J2).
 *
 * Instructions are found by going through the code from its beginning. Which of them are reached
 * nobody here knows (./skink inject does).
 */
#include "insn.h"
#include "state.h"

#include <contract/kernel.h>
#include <contract/rs.h>
#include <lib/peer.h>
#include <lib/server.h>

enum { HLT = 0xf4, JUMP = 0xeb, TO_ITSELF = 0xfe, NOP = 0x90, INVERTED = 1 };

static struct peer rs = PEER("rs");

static bool is_root(const struct call *c)
{
	struct proc_public_get_request req = { .proc = c->client };
	struct proc_public_get_reply reply;

	return sys_proc_public_get(&req, &reply) == 0 && reply.word[PUBLIC_EUID] == 0;
}

static err_t look(const char *name, uint64_t at, struct rs_inject_reply *reply)
{
	struct rs_inject_request req = { .address = at };

	strlcpy(req.name, name, sizeof(req.name));
	return rs_inject(&rs, &req, reply);
}

static err_t put(const struct fault *f, const uint8_t *bytes)
{
	struct rs_inject_request req = { .address = f->address, .count = f->len };
	struct rs_inject_reply reply;

	strlcpy(req.name, f->name, sizeof(req.name));
	memcpy(req.bytes, bytes, f->len);
	return rs_inject(&rs, &req, &reply);
}

/* ---- which instruction, and what becomes of it ---- */

static uint64_t random_of(uint64_t x)
{
	x = (x + 0x9e3779b97f4a7c15ull) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

/* False: it cannot become that. */
static bool change(struct fault *f, uint32_t seed)
{
	int condition = insn_condition(f->old, f->len);
	unsigned bit = (unsigned)(random_of(seed + 1ull) % (8 * f->len));

	memcpy(f->new, f->old, sizeof(f->new));
	switch (f->kind) {
	case INJECT_KIND_BIT:
		f->new[bit / 8] ^= (uint8_t)(1u << bit % 8);
		return true;
	case INJECT_KIND_DELETE:
		memset(f->new, NOP, f->len);
		return f->old[0] != NOP;
	case INJECT_KIND_BRANCH:
		if (condition >= 0)
			f->new[condition] ^= INVERTED;
		return condition >= 0;
	case INJECT_KIND_STOP:
		f->new[0] = HLT;
		return true;
	default:
		f->new[0] = JUMP;
		if (f->len > 1)
			f->new[1] = TO_ITSELF;
		return f->len > 1;
	}
}

/* The first instruction from a place on that can become it; if wanted, only the one there. */
static err_t choose_from(struct fault *f, uint32_t seed, struct rs_inject_reply code, uint64_t from,
			 bool wanted)
{
	uint64_t at = code.address;
	err_t err = 0;

	while (err == 0 && at < code.end) {
		f->len = insn_length(code.old, code.done);
		f->address = at;
		memcpy(f->old, code.old, sizeof(f->old));
		if ((wanted ? at == from : at >= from) && f->len != 0 && change(f, seed))
			return 0;
		if (f->len == 0 || (wanted && at >= from))
			break;
		at += f->len;
		err = at < code.end ? look(f->name, at, &code) : 0;
	}
	return err != 0 ? err : -EINVAL;
}

/* The instruction at f->address, or if that is 0 one by chance. */
static err_t choose(struct fault *f, uint32_t seed)
{
	uint64_t wanted = f->address;
	struct rs_inject_reply code;
	err_t err = look(f->name, 0, &code);

	if (err != 0)
		return err;
	if (wanted != 0)
		return choose_from(f, seed, code, wanted, true);
	err = choose_from(f, seed, code, code.address + random_of(seed) %
			  (code.end - code.address), false);
	return err == -EINVAL ? choose_from(f, seed, code, 0, false) : err;
}

/* ---- contracts/inject ---- */

static bool is_there(const struct fault *f)
{
	struct rs_inject_reply code;

	return look(f->name, f->address, &code) == 0 && code.done >= f->len &&
	       memcmp(code.old, f->new, f->len) == 0;
}

static struct fault *row(uint32_t number)
{
	for (unsigned n = 0; n < INJECT_MOST; n++)
		if (state.fault[n].number == number)
			return &state.fault[n];
	return NULL;
}

static struct fault *room(void)
{
	struct fault *f = row(0);

	for (unsigned n = 0; n < INJECT_MOST && f == NULL; n++)
		f = is_there(&state.fault[n]) ? NULL : &state.fault[n];
	return f;
}

/* J2: this very request, that we died of. */
static struct fault *row_of(const struct call *c)
{
	for (unsigned n = 0; n < INJECT_MOST; n++)
		if (state.fault[n].number != 0 && state.fault[n].serial == c->serial &&
		    endpoint_eq(state.fault[n].client, c->client))
			return &state.fault[n];
	return NULL;
}

static err_t do_inject_plant(const struct call *c, const struct inject_plant_request *req,
			     struct inject_plant_reply *reply)
{
	struct fault new = {
		.kind = req->kind, .client = c->client, .serial = c->serial,
		.address = req->address,
	};
	struct fault *f = server_attempt() > 0 ? row_of(c) : NULL;
	err_t err;

	if (!is_root(c))
		return -EPERM;
	if (f == NULL) {
		f = room();
		if (f == NULL)
			return -ENOSPC;
		strlcpy(new.name, req->name, sizeof(new.name));
		err = choose(&new, req->seed);
		if (err != 0)
			return err;
		new.number = state.next + 1;
		state.next++;
		*f = new;
		server_commit();
	}
	err = put(f, f->new);
	if (err != 0) {
		f->number = 0;
		return err;
	}
	*reply = (struct inject_plant_reply){
		.address = f->address, .number = f->number, .len = f->len,
	};
	memcpy(reply->old, f->old, sizeof(reply->old));
	memcpy(reply->new, f->new, sizeof(reply->new));
	return 0;
}

static err_t do_inject_undo(const struct call *c, const struct inject_undo_request *req)
{
	struct fault *f = req->number != 0 ? row(req->number) : NULL;
	err_t err = -ESTALE;

	if (!is_root(c))
		return -EPERM;
	if (f == NULL)
		return -ENOENT;
	if (is_there(f))
		err = put(f, f->old) == 0 ? 0 : -ESTALE;
	else if (server_attempt() > 0)
		err = 0;                        /* we did, and died of it */
	f->number = 0;
	return err;
}

static err_t do_inject_list(const struct call *c, const struct inject_list_request *req,
			    struct inject_list_reply *reply)
{
	uint32_t index = 0;

	for (unsigned n = 0; n < INJECT_MOST; n++) {
		const struct fault *f = &state.fault[n];

		if (f->number == 0 || index++ != req->index)
			continue;
		*reply = (struct inject_list_reply){
			.address = f->address, .number = f->number, .kind = f->kind,
			.is_there = is_there(f),
		};
		memcpy(reply->name, f->name, sizeof(reply->name));
		return 0;
	}
	return -ENOENT;
}

static err_t check(void)
{
	for (unsigned n = 0; n < INJECT_MOST; n++) {
		const struct fault *f = &state.fault[n];

		if (f->number > state.next || (f->number != 0 && row(f->number) != f) ||
		    f->len > INSN_MAX || memchr(f->name, '\0', NAME) == NULL)
			return -EINVAL;                                         /* J1 */
	}
	return 0;
}

int main(void)
{
	static const struct inject_ops ops = {
		.plant = do_inject_plant, .undo = do_inject_undo, .list = do_inject_list,
	};
	static const struct server inject = {
		.name = "inject", .serves = { { .contract = &inject_contract, .ops = &ops } },
		.check = check,
	};

	server_run(&inject);
}
