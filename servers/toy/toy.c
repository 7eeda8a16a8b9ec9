/* SPDX-License-Identifier: BSD-2-Clause
 * toy.c - a table of numbers, to show that a service that crashes keeps what it has promised.
 *
 * Job:      put, get, remove, sum; and crash, a put that dies in the middle.
 * Speaks:   contracts/toy, to programs and services.
 * Touches:  nothing.
 * Trusts:   nothing in a request.
 * On crash: recovers in place. The half-done request is taken back, then done again; if it crashes
 *           again it is refused with ERECOVERED. Nobody else notices.
 */
#include "state.h"

#include <lib/assert.h>
#include <lib/print.h>
#include <lib/server.h>

static struct row *find(uint32_t key)
{
	for (unsigned i = 0; i < TOY_KEYS; i++)
		if (state.row[i].used && state.row[i].key == key)
			return &state.row[i];
	return NULL;
}

static struct row *find_free(void)
{
	for (unsigned i = 0; i < TOY_KEYS; i++)
		if (!state.row[i].used)
			return &state.row[i];
	return NULL;
}

/* The ways to die. */
static void die_by(uint32_t kind)
{
	volatile int *volatile nowhere = NULL;

	switch (kind) {
	case TOY_CRASH_NULL:
		*nowhere = 1;
		break;
	case TOY_CRASH_UD2:
		__asm__ volatile("ud2");
		break;
	case TOY_CRASH_ASSERT:
		assert(!"toy was asked to fail this");
		break;
	default:
		for (;;)
			__asm__ volatile("pause");
	}
}

/* Set a key's value. `crash`: die between the two halves, where T1 does not hold. */
static err_t put(uint32_t key, int64_t value, const struct toy_crash_request *crash, int64_t *old)
{
	struct row *r = find(key);

	if (r == NULL)
		r = find_free();
	if (r == NULL)
		return -ENOSPC;
	*old = r->used ? r->value : 0;
	if (!r->used)
		state.keys++;
	*r = (struct row){ .value = value, .key = key, .used = 1 };
	if (crash != NULL && (crash->when == TOY_WHEN_ALWAYS || server_attempt() == 0))
		die_by(crash->kind);
	state.sum = (int64_t)((uint64_t)state.sum - (uint64_t)*old + (uint64_t)value);
	state.changes++;
	return 0;
}

static err_t do_toy_put(const struct call *c, const struct toy_put_request *req,
			struct toy_put_reply *reply)
{
	return put(req->key, req->value, NULL, &reply->old);
}

static err_t do_toy_crash(const struct call *c, const struct toy_crash_request *req,
			  struct toy_crash_reply *reply)
{
	return put(req->key, req->value, req, &reply->old);
}

static err_t do_toy_get(const struct call *c, const struct toy_get_request *req,
			struct toy_get_reply *reply)
{
	const struct row *r = find(req->key);

	if (r == NULL)
		return -ENOENT;
	reply->value = r->value;
	return 0;
}

static err_t do_toy_remove(const struct call *c, const struct toy_remove_request *req)
{
	struct row *r = find(req->key);

	if (r == NULL)
		return -ENOENT;
	state.sum = (int64_t)((uint64_t)state.sum - (uint64_t)r->value);
	state.keys--;
	state.changes++;
	*r = (struct row){ .used = 0 };
	return 0;
}

static err_t do_toy_sum(const struct call *c, struct toy_sum_reply *reply)
{
	*reply = (struct toy_sum_reply){
		.sum = state.sum, .keys = state.keys, .changes = state.changes,
		.recoveries = state.recoveries,
	};
	return 0;
}

/* T1, from the rows. */
static err_t check(void)
{
	uint64_t sum = 0;
	uint32_t keys = 0;

	for (unsigned i = 0; i < TOY_KEYS; i++) {
		const struct row *r = &state.row[i];

		if (!r->used)
			continue;
		if (r->used != 1 || find(r->key) != r)
			return -EINVAL;
		sum += (uint64_t)r->value;
		keys++;
	}
	if (sum != (uint64_t)state.sum || keys != state.keys)
		return -EINVAL;
	state.recoveries++;
	print("recovered: %u keys, sum %ld\n", state.keys, (long)state.sum);
	return 0;
}

static const struct toy_ops ops = {
	.put = do_toy_put, .get = do_toy_get, .remove = do_toy_remove, .sum = do_toy_sum,
	.crash = do_toy_crash,
};

static const struct server server = {
	.name = "toy", .serves = { { .contract = &toy_contract, .ops = &ops } }, .check = check,
};

int main(void)
{
	server_run(&server);
}
