/* SPDX-License-Identifier: BSD-2-Clause
 * socket.c - sockets: there is no address family yet.
 *
 * Job:      answers the socket calls as a Linux without networking does.
 * Speaks:   Linux calls.
 * Touches:  nothing.
 * Trusts:   nothing in a call.
 * On crash: holds no state.
 * Spec:     socket(2), connect(2).
 */
#include "vfs.h"

enum { SOCK_TYPES = 0xf, SOCK_LAST = 10, SOCK_FLAGS = 02004000, AF_LAST = 46 };

int64_t linux_socket(struct op *o)
{
	uint32_t type = (uint32_t)o->a[1];

	if (type & ~(uint32_t)(SOCK_TYPES | SOCK_FLAGS) || (type & SOCK_TYPES) > SOCK_LAST)
		return -EINVAL;
	return -EAFNOSUPPORT;
}

/* Every call on a socket: no descriptor is one. */
int64_t linux_on_socket(struct op *o)
{
	struct file *f = fd_file(o, (int)o->a[0]);

	return f == NULL || f->flags & O_PATH_ ? -EBADF : -ENOTSOCK;
}
