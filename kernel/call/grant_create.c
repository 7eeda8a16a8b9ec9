/* SPDX-License-Identifier: BSD-2-Clause
 * grant_create.c - SYS_GRANT_CREATE: lend a range, or delegate a part of a client's call.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

/* What the caller may delegate of a client's call. */
static err_t delegation_check(struct proc *caller, const struct grant_create_request *req)
{
	struct proc *c = call_held(caller, req->client, req->serial);
	uint64_t lent;

	if (!c)
		return -EDEADPEER;
	if (c->kind == CALL_LINUX)
		return user_range(req->base, req->len) ? 0 : -EINVAL;
	if (c->kind != CALL_CONTRACT)
		return -EPERM;
	lent = c->regs.r15 & CALL_LEND_LENGTH;
	if (req->base > lent || req->len > lent - req->base)
		return -EPERM;
	if ((req->dir & GRANT_READ && !(c->regs.r15 & CALL_LEND_READ)) ||
	    (req->dir & GRANT_WRITE && !(c->regs.r15 & CALL_LEND_WRITE)))
		return -EPERM;
	return 0;
}

err_t do_grant_create(struct proc *caller, const struct grant_create_request *req)
{
	unsigned row = req->grant.v & 0xff, id = (req->grant.v >> 8) & 0xff;
	bool delegated = !endpoint_eq(req->client, ENDPOINT_NONE);
	struct proc *b = proc_find(req->borrower);
	uint64_t base = req->base;
	err_t err;

	if (proc_is_program(caller) || id != proc_priv(caller) || row >= GRANT_ROWS)
		return -EINVAL;
	if (req->dir == 0 || req->dir > (GRANT_READ | GRANT_WRITE) || req->len == 0)
		return -EINVAL;
	if (!b || proc_is_program(b))
		return -EDEADPEER;
	if (delegated) {
		err = delegation_check(caller, req);
		if (err)
			return err;
		if (proc_find(req->client)->kind == CALL_CONTRACT)
			base += proc_find(req->client)->regs.r14;
	} else if (!user_range(req->base, req->len)) {
		return -EINVAL;
	}

	caller->priv->grants[row] = (struct grant){
		.seq = (uint16_t)(req->grant.v >> 16), .dir = (uint8_t)req->dir,
		.owner = caller->ep, .borrower = req->borrower,
		.client = req->client, .serial = req->serial,
		.base = base, .len = req->len,
	};
	return 0;
}
