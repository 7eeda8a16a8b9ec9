/* SPDX-License-Identifier: BSD-2-Clause
 * frame_pin.c - SYS_FRAME_PIN: pin or unpin user frames.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

err_t do_frame_pin(struct proc *caller UNUSED, const struct frame_pin_request *req)
{
	pfn_t end = req->pfn + req->count;

	if ((req->change != 1 && req->change != -1) || req->pfn >= nr_frames ||
	    req->count > SPACE_STEP || end > nr_frames)
		return -EINVAL;
	for (pfn_t f = req->pfn; f < end; f++) {
		if (frames[f].type != FRAME_USER)
			return -EPERM;
		if (req->change < 0 ? frames[f].pins == 0 : frames[f].pins == UINT16_MAX)
			return -EINVAL;
	}
	for (pfn_t f = req->pfn; f < end; f++) {
		frames[f].pins = (uint16_t)(frames[f].pins + req->change);
		if (frames[f].pins == 0 && frames[f].maps == 0)
			frames[f].type = FRAME_FREE;
	}
	return 0;
}
