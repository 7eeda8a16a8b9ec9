/* SPDX-License-Identifier: BSD-2-Clause
 * grant_create.c - SYS_GRANT_CREATE: lend a range, or delegate a part of a client's call.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

err_t do_grant_create(struct proc *caller, const struct grant_create_request *req)
{
	struct grant *g = grant_row(req->grant, caller->priv);
	const struct proc *b = proc_find(req->borrower), *c;
	uint64_t base = req->base;
	err_t err;

	if (!g || req->dir == 0 || req->dir > (GRANT_READ | GRANT_WRITE) || req->len == 0)
		return -EINVAL;
	if (!b || b->program)
		return -EDEADPEER;
	if (!endpoint_eq(req->client, ENDPOINT_NONE)) {
		c = call_held(caller, req->client, req->serial);
		err = c ? call_lends(c, req->dir, &base, req->len) : -EDEADPEER;
		if (err)
			return err;
	}
	if (!user_range(base, req->len))
		return -EINVAL;

	*g = (struct grant){
		.seq = (uint16_t)(req->grant.v >> 16), .dir = (uint8_t)req->dir,
		.owner = caller->ep, .borrower = req->borrower,
		.client = req->client, .serial = req->serial,
		.base = base, .len = req->len,
	};
	return 0;
}
