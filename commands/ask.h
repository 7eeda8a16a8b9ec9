/* SPDX-License-Identifier: BSD-2-Clause
 * ask.h - how a program calls a service.
 */
#ifndef COMMANDS_ASK_H
#define COMMANDS_ASK_H

#include <string.h>

#include <lib/ipc.h>

/* One call; the reply is copied out. `len` bytes at `range` are lent for writing. What IPC or the
 * service says. */
static inline err_t ask_at(endpoint_t to, uint32_t type, const void *req, size_t req_size,
			   void *reply, size_t reply_size, void *range, size_t len)
{
	enum { PAGE_BYTES = 4096 };
	struct message m = { .peer = to, .type = type };
	err_t err;

	memcpy(m.w, req, req_size);
	for (size_t at = 0; at < len; at += PAGE_BYTES) /* a service cannot bring pages in */
		((volatile char *)range)[at] = 0;
	if (len != 0)
		((volatile char *)range)[len - 1] = 0;
	err = ipc_sendrec(&m, range, len ? len | CALL_LEND_WRITE : 0);
	if (err != 0)
		return err;
	memcpy(reply, m.w, reply_size);
	return (err_t)m.type;
}

#endif
