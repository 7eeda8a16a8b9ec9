/* SPDX-License-Identifier: BSD-2-Clause
 * port_io.c - SYS_PORT_IO: a vector of port reads and writes.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

static bool port_allowed(const struct priv_desc *d, const struct port_op *op)
{
	for (const struct range16 *r = d->ports; r < d->ports + PRIV_PORTS; r++)
		if (r->last && op->port >= r->first && op->port + op->width - 1 <= r->last)
			return true;
	return false;
}

err_t do_port_io(struct proc *caller, const struct port_io_request *req,
		 struct port_io_reply *rep)
{
	struct port_op ops[PORT_OPS_MAX];
	uint64_t bytes = req->count * sizeof(ops[0]);

	if (req->count > PORT_OPS_MAX)
		return -EINVAL;
	/* A copy, because a device may write there; and results will have to go back. */
	if (copy_from_proc(caller, ops, req->address, bytes) ||
	    copy_to_proc(caller, req->address, NULL, bytes))
		return -EFAULT;
	for (uint32_t i = 0; i < req->count; i++) {
		if (ops[i].width != 1 && ops[i].width != 2 && ops[i].width != 4)
			return -EINVAL;
		if (!port_allowed(&caller->priv->desc, &ops[i]))
			return -EPERM;
	}

	for (uint32_t i = 0; i < req->count; i++)
		port_access(&ops[i]);
	rep->done = req->count;
	return copy_to_proc(caller, req->address, ops, bytes);
}
