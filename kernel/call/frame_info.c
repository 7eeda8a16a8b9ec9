/* SPDX-License-Identifier: BSD-2-Clause
 * frame_info.c - SYS_FRAME_INFO: frame descriptors.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

err_t do_frame_info(struct proc *caller, const struct frame_info_request *req,
		    struct frame_info_reply *rep)
{
	uint32_t count = req->count;
	uint64_t bytes;

	if (req->first >= nr_frames)
		return -EINVAL;
	if (count > nr_frames - req->first)
		count = nr_frames - req->first;
	if (count > COPY_MAX / sizeof(struct frame))
		count = COPY_MAX / sizeof(struct frame);
	bytes = count * sizeof(struct frame);
	if (copy_to_proc(caller, req->address, &frames[req->first], bytes) != bytes)
		return -EFAULT;
	rep->done = count;
	return 0;
}
