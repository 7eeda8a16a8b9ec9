/* SPDX-License-Identifier: BSD-2-Clause
 * trace_read.c - SYS_TRACE_READ: records of the trace ring.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

err_t do_trace_read(struct proc *caller, const struct trace_read_request *req,
		    struct trace_read_reply *rep)
{
	uint64_t oldest = trace_next > NR_TRACE ? trace_next - NR_TRACE : 0;
	uint64_t first = req->first > oldest ? req->first : oldest;
	uint64_t at = req->address;

	rep->first = first;
	for (; first < trace_next && rep->count < req->count; first++, rep->count++) {
		const struct trace_record *r = &trace_ring[first % NR_TRACE];

		if (copy_to_proc(caller, at, r, sizeof(*r)) != sizeof(*r))
			return -EFAULT;
		at += sizeof(*r);
	}
	return 0;
}
