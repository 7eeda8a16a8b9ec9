/* SPDX-License-Identifier: BSD-2-Clause
 * stub.h - what stubs of services (lib/peer.c) and of programs (commands/peer.c) share.
 */
#ifndef LIB_STUB_H
#define LIB_STUB_H

#include <string.h>

#include <lib/peer.h>

/* The message of a request; what is padding in it is 0. */
static inline void stub_fill(struct message *m, endpoint_t to, const struct stub *stub,
			     const void *request)
{
	*m = (struct message){ .peer = to, .type = stub->type };
	if (stub->request_size != 0)
		memcpy(m->w, request, stub->request_size);
	for (uint64_t holes = stub->padding; holes != 0; holes &= holes - 1)
		((unsigned char *)m->w)[__builtin_ctzll(holes)] = 0;
}

/* Does the contract allow it? That it has died of the request twice any server may say. */
static inline bool stub_is_answer(const struct stub *stub, const void *request,
				  const struct message *m, size_t len)
{
	err_t err = (err_t)m->type;

	return err == -ERECOVERED || stub->fits(err, request, m->w, len);
}

#endif
