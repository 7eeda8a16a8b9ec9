/* SPDX-License-Identifier: BSD-2-Clause
 * space_create.c - SYS_SPACE_CREATE: an empty address space.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

err_t do_space_create(struct proc *caller UNUSED, const struct space_create_request *req)
{
	struct space *s;

	if (req->space >= NR_SPACES || req->priv >= NR_PRIVS || req->root == 0 ||
	    req->root >= nr_frames)
		return -EINVAL;
	s = &spaces[req->space];
	if (s->root == req->root)
		return 0;
	if (s->root)
		return -EEXIST;
	if (!frame_is_free(req->root))
		return -EBUSY;

	frame_retype(req->root, FRAME_FREE, FRAME_TABLE);
	table_init_root(req->root);
	*s = (struct space){ .root = req->root, .priv = (uint8_t)req->priv };
	return 0;
}
