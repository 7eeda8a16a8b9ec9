/* SPDX-License-Identifier: BSD-2-Clause
 * route_set.c - SYS_ROUTE_SET: set routes of a personality.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

err_t do_route_set(struct proc *caller, const struct route_set_request *req)
{
	uint16_t copy[64];

	if (req->personality >= NR_PERSONALITIES || req->first > NR_ROUTES ||
	    req->count > NR_ROUTES - req->first || req->count > COUNT(copy))
		return -EINVAL;
	if (copy_from_proc(caller, copy, req->address, req->count * sizeof(copy[0])))
		return -EFAULT;
	for (unsigned i = 0; i < req->count; i++) {
		unsigned word = copy[i] ^ ROUTE_PUBLIC, server = copy[i] ^ ROUTE_SERVER;

		if (copy[i] != ROUTE_ENOSYS && word >= NR_PUBLIC && server >= NR_PRIVS)
			return -EINVAL;
	}

	memcpy(&routes[req->personality][req->first], copy, req->count * sizeof(copy[0]));
	return 0;
}
