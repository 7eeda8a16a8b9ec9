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
	const uint64_t size = sizeof(struct trace_record);
	uint64_t oldest = trace_next > NR_TRACE ? trace_next - NR_TRACE : 0;
	uint64_t at = req->address;

	rep->first = req->first > oldest ? req->first : oldest;
	for (uint64_t i = rep->first; i < trace_next && rep->count < req->count; i++, at += size) {
		if (copy_to_proc(caller, at, &trace_ring[i % NR_TRACE], size))
			return -EFAULT;
		rep->count++;
	}
	return 0;
}
