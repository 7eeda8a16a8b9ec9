/* SPDX-License-Identifier: BSD-2-Clause
 * call.c - what a handler does with the call it holds: copies, and replies that come later.
 *
 * Job:      moves bytes between a service and its client's memory; answers withheld calls.
 * Speaks:   the kernel call call_copy; the primitive reply.
 * Touches:  the client's memory, as far as the call allows.
 * Trusts:   nothing: the kernel checks client, serial, range and direction.
 * On crash: holds no state.
 */
#include <contract/kernel.h>
#include <lib/assert.h>
#include <lib/server.h>

static err_t copy(const struct call *c, uint32_t dir, uint64_t remote, uint64_t local, size_t len)
{
	while (len > 0) {
		uint64_t part = len < COPY_MAX ? len : COPY_MAX;
		struct call_copy_request req = {
			.client = c->client, .serial = c->serial, .dir = dir,
			.remote = remote, .local = local, .len = part,
		};
		struct call_copy_reply reply;
		err_t err = sys_call_copy(&req, &reply);

		if (err != 0)
			return err;
		remote += part;
		local += part;
		len -= part;
	}
	return 0;
}

err_t call_read(const struct call *c, uint64_t from, void *to, size_t len)
{
	undo_before(to, len);
	return copy(c, COPY_IN, from, (uint64_t)(uintptr_t)to, len);
}

err_t call_write(const struct call *c, uint64_t to, const void *from, size_t len)
{
	return copy(c, COPY_OUT, to, (uint64_t)(uintptr_t)from, len);
}

bool call_waits(uint32_t slot, uint32_t service, struct proc_info_reply *info)
{
	struct proc_info_request req = { .slot = slot };

	return sys_proc_info(&req, info) == 0 && info->state & STATE_CALLING &&
	       endpoint_slot(info->partner) == service;
}

bool call_is_for(const struct call *c, endpoint_t program, uint32_t number)
{
	struct proc_info_reply info;

	return call_waits(endpoint_slot(program), endpoint_slot(c->client), &info) &&
	       endpoint_eq(info.proc, program) && info.type == number;
}

void call_reply(endpoint_t client, uint32_t serial, err_t err, const void *reply, size_t size)
{
	struct message m = { .peer = client, .type = (uint32_t)err };

	assert(size <= sizeof(m.w));
	if (size != 0)
		memcpy(m.w, reply, size);
	server_reply(&m, serial);
}

void call_reply_linux(endpoint_t client, uint32_t serial, int64_t result)
{
	struct message m = { .peer = client, .w = { (uint64_t)result } };

	server_reply(&m, serial);
}
