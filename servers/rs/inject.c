/* SPDX-License-Identifier: BSD-2-Clause
 * inject.c - faults in the code of services, for a service that may inject them.
 *
 * Job:      puts other bytes into the code of a service that runs, and says what stood there.
 * Speaks:   contracts/rs (inject); kernel calls proc_copy, space_protect.
 * Touches:  the code of a running service, and its protection while it is written.
 * Trusts:   the caller's manifest for whom; nothing else.
 * On crash: state.injected says what stood there, and of which page the protection is to be right
 *           again (injected_check); the request is done once more.
 */
#include "rs.h"
#include <contract/kernel.h>
#include <lib/service_ids.h>

/* Where its code is. False: it has none. */
static bool code_of(unsigned id, struct segment *code)
{
	struct image image;

	if (service_image(id, &image) != 0)
		return false;
	for (unsigned n = 0; image_segment(&image, n, code); n++)
		if (code->flags & MAP_EXEC)
			return true;
	return false;
}

static err_t copy(unsigned id, uint32_t dir, uint64_t at, void *bytes, uint64_t len)
{
	struct proc_copy_request req = {
		.proc = service_endpoint(id), .dir = dir, .remote = at,
		.local = (uint64_t)(uintptr_t)bytes, .len = len,
	};
	struct proc_copy_reply reply;

	return sys_proc_copy(&req, &reply);
}

static void close(void)
{
	const struct injected *i = &state.injected;

	memory_protect(i->id, i->address & ~(uint64_t)(PAGE_SIZE - 1),
		       (i->address & (PAGE_SIZE - 1)) + i->count, MAP_EXEC);
}

void injected_check(void)
{
	if (state.injected.is_open)
		close();
}

/* Nobody runs meanwhile but us; if we die, the service may, and dies of a page that is not code. */
static err_t put(unsigned id, const struct rs_inject_request *req, const uint8_t *old)
{
	struct injected *i = &state.injected;
	uint8_t bytes[sizeof(req->bytes)];
	err_t err;

	memcpy(bytes, req->bytes, sizeof(bytes));
	*i = (struct injected){
		.is_open = true, .id = (uint8_t)id, .count = (uint8_t)req->count,
		.address = req->address,
	};
	memcpy(i->old, old, sizeof(i->old));
	server_commit();
	memory_protect(id, req->address & ~(uint64_t)(PAGE_SIZE - 1),
		       (req->address & (PAGE_SIZE - 1)) + req->count, MAP_WRITE);
	err = copy(id, COPY_OUT, req->address, bytes, req->count);
	close();
	i->is_open = false;
	return err == 0 ? 0 : -ESRCH;
}

/* Done once more after a crash of ours: what stood there before is known. */
static bool is_again(unsigned id, const struct rs_inject_request *req)
{
	const struct injected *i = &state.injected;

	return server_attempt() > 0 && i->is_open && i->id == id && i->address == req->address &&
	       i->count == req->count;
}

err_t do_rs_inject(const struct call *c, const struct rs_inject_request *req,
		   struct rs_inject_reply *reply)
{
	unsigned from = endpoint_slot(c->client);
	const struct manifest *m = from < FIRST_PROGRAM ? manifest_of(from) : NULL;
	int found = service_by_name(req->name);
	unsigned id = (unsigned)found;
	uint64_t at = req->address;
	struct segment code;

	if (m == NULL || m->line[WORD_INJECTS] == 0)
		return -EPERM;
	if (found < 0)
		return -ENOENT;
	if (!manifest_may_inject(m, manifest_of(id)))
		return -EPERM;
	if (!alive(&state.service[id]) || state.service[id].hung || !code_of(id, &code))
		return -ESRCH;
	if (at == 0 && req->count == 0)
		at = code.va;
	if (at < code.va || at - code.va >= code.file || req->count > code.va + code.file - at)
		return -EINVAL;
	reply->address = at;
	reply->end = code.va + code.file;
	reply->done = sizeof(reply->old);
	if (reply->done > reply->end - at)
		reply->done = (uint32_t)(reply->end - at);
	if (is_again(id, req))
		memcpy(reply->old, state.injected.old, sizeof(reply->old));
	else if (copy(id, COPY_IN, at, reply->old, reply->done) != 0)
		return -ESRCH;
	return req->count == 0 ? 0 : put(id, req, reply->old);
}
