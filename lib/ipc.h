/* SPDX-License-Identifier: BSD-2-Clause
 * ipc.h - the primitives of abi/message.h as C functions (ipc.S).
 */
#ifndef LIB_IPC_H
#define LIB_IPC_H

#include <abi/errors.h>
#include <abi/message.h>

/* A message as it was received. */
struct delivery {
	struct message m;
	uint32_t serial;                /* 0: no reply is wanted */
	endpoint_t owner;               /* the sender's thread-group leader */
	uint64_t lent;                  /* length | CALL_LEND_ bits */
};
_Static_assert(offsetof(struct delivery, serial) == 64, "ipc.S");
_Static_assert(offsetof(struct delivery, lent) == 72, "ipc.S");

/* Where the copies of a replyreceive stopped short (-EFAULT). */
struct copy_stop {
	uint64_t index;                 /* of the copy */
	uint64_t done;                  /* bytes of it */
	uint64_t address;               /* remote address of the page that is missing */
};

/* How often this program has asked for what it needs a right for, granted or not, since it began or
 * was recovered: calls by the service's slot; notifications, and calls that it forwards or does not
 * wait for, which take the same right; kernel calls by number - SYS_FIRST. ipc.S counts. */
extern struct ipc_used {
	uint64_t called[NR_PRIVS], notified[NR_PRIVS], kernel[NR_PRIVS];
} ipc_used;
_Static_assert(offsetof(struct ipc_used, notified) == 512, "ipc.S");
_Static_assert(offsetof(struct ipc_used, kernel) == 1024, "ipc.S");
_Static_assert(sizeof(struct ipc_used) == 1536, "ipc.S");

/* Call m->peer and wait; the reply replaces the request. `lend`: length | CALL_LEND_, or 0. */
err_t ipc_sendrec(struct message *m, const volatile void *range, uint64_t lend) MUST_CHECK;

/* Wait for a message from a peer, ENDPOINT_KERNEL or ENDPOINT_ANY. */
err_t ipc_receive(struct delivery *d, endpoint_t from) MUST_CHECK;

/* Answer call (m->peer, serial). -EDEADPEER: it is not waiting for this answer any more. */
err_t ipc_reply(const struct message *m, uint32_t serial);

/* Answer d (its message holds the reply, its peer and serial the call), receive the next into d.
 * On an error nothing was answered or received and d is as before; stop is set for -EFAULT.
 * copies NULL with n = 1: the copy stands in the reply's w[4..6]. */
err_t ipc_replyreceive(struct delivery *d, const struct copy *copies, uint32_t n,
		       struct copy_stop *stop) MUST_CHECK;

/* Hand call (client, serial) to another server, which will answer it. */
err_t ipc_forward(endpoint_t client, uint32_t serial, endpoint_t to) MUST_CHECK;

/* Deliver m if m->peer waits for a message, else -ENOTREADY. */
err_t ipc_sendnb(const struct message *m) MUST_CHECK;

/* Set our bit at a peer. Never blocks. */
err_t ipc_notify(endpoint_t to);

/* A kernel call; the reply replaces the payload. Use the stubs of contract/kernel.h. */
err_t ipc_kernel(uint32_t number, struct message *m) MUST_CHECK;

#endif
