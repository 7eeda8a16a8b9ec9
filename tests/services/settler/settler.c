/* SPDX-License-Identifier: BSD-2-Clause
 * settler.c - a service that goes on with a request when its result stands.
 *
 * Job:      adds numbers; settles requests, and has some left to do then.
 * Speaks:   Linux calls of its own (calls.h).
 * Touches:  nothing.
 * Trusts:   its only client, tests/model/moments.c.
 * On crash: recovers in place; each number is added once.
 */
#include "calls.h"

#include <lib/server.h>

static struct {
	uint64_t sum, after;
	uint64_t result;                /* of the latest request */
	uint64_t owed;                  /* to `after` */
	endpoint_t late;                /* who is to be answered, */
	uint32_t serial;                /* its call, or 0 */
} state SECTION_STATE;

/* What is settled and not done. */
static void go_on(void)
{
	if (state.serial != 0) {
		call_reply_linux(state.late, state.serial, (int64_t)state.result);
		state.serial = 0;
		state.after++;
		server_commit();
	}
	if (state.owed != 0) {
		state.after += state.owed;
		state.owed = 0;
		server_commit();
	}
}

static int64_t linux_call(const struct delivery *d)
{
	state.sum += d->m.w[0];
	state.result = state.sum;
	if (d->m.type != SETTLER_SETTLE) {
		if (!reply_copy(COPY_OUT, d->m.w[1], &state.result, sizeof(state.result)))
			return -EFAULT;
		return (int64_t)state.result;
	}
	state.owed = state.result;
	server_settle((int64_t)state.result);
	go_on();
	return (int64_t)state.result;
}

static err_t populate(const struct delivery *d, uint64_t address, bool write)
{
	(void)write;
	if (d->m.type == SETTLER_COPY)
		return 0;
	if (d->m.type == SETTLER_REFUSE)
		return -EFAULT;
	state.late = d->m.peer;
	state.serial = d->serial;
	server_settle(NO_REPLY);
	go_on();
	return NO_REPLY;
}

int main(void)
{
	static const struct server settler = {
		.name = "settler", .linux_call = linux_call, .populate = populate,
		.recovered = go_on,
	};

	server_run(&settler);
}
