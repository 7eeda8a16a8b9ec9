/* SPDX-License-Identifier: BSD-2-Clause
 * board_server.c - the server's side of a board, whatever its requests are.
 *
 * Job:      borrows the board, moves the bytes that a request lends.
 * Speaks:   contracts/vm (borrow); the kernel call grant_copy.
 * Touches:  what is granted to this service, and the caller's memory.
 * Trusts:   vm for the address of what is lent; the kernel's checks of a grant.
 * On crash: holds no state.
 */
#include <contract/kernel.h>
#include <contract/vm.h>
#include <lib/board_server.h>
#include <lib/peer.h>

static struct peer vm = PEER("vm");

err_t board_borrow(endpoint_t from, uint32_t key, size_t bytes, struct board **board)
{
	struct vm_borrow_request req = { .from = from, .key = key };
	struct vm_borrow_reply reply;
	err_t err = vm_borrow(&vm, &req, &reply);

	if (err != 0)
		return err;
	if (reply.len < bytes)
		return -EINVAL;
	*board = (struct board *)(uintptr_t)reply.address;
	return 0;
}

err_t board_move(grant_t data, uint64_t lent, uint32_t dir, uint64_t offset, uint64_t here,
		 size_t len)
{
	if (offset > lent || len > lent - offset)
		return -EINVAL;
	while (len > 0) {
		uint64_t part = len < COPY_MAX ? len : COPY_MAX;
		struct grant_copy_request req = {
			.grant = data, .dir = dir, .offset = offset, .local = here, .len = part,
		};
		struct grant_copy_reply reply;
		err_t err = sys_grant_copy(&req, &reply);

		if (err != 0)
			return err;
		offset += part;
		here += part;
		len -= part;
	}
	return 0;
}
