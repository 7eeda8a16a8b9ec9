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
	const uint32_t most = COPY_MAX / sizeof(struct frame);
	uint32_t count = req->count < most ? req->count : most;

	if (req->first >= nr_frames)
		return -EINVAL;
	if (count > nr_frames - req->first)
		count = nr_frames - req->first;
	rep->done = count;
	return copy_to_proc(caller, req->address, &frames[req->first], count * sizeof(*frames));
}
