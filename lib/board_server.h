/* SPDX-License-Identifier: BSD-2-Clause
 * board_server.h - what the two class libraries share that take requests off vfs's board.
 */
#ifndef LIB_BOARD_SERVER_H
#define LIB_BOARD_SERVER_H

#include <abi/errors.h>
#include <abi/kernel.h>
#include <lib/board.h>

/* Whether request n, which is ASKED, is to be done; if it was before we died, it is answered. */
bool board_is_new(struct board *b, unsigned n, endpoint_t asker);
/* Request n is done, and its answer stands in the entry: commit, and tell the asker. */
void board_done(struct board *b, unsigned n, endpoint_t asker);
/* The board that `from` lends under this key; EINVAL if it has fewer bytes. */
err_t board_borrow(endpoint_t from, uint32_t key, size_t bytes, struct board **board) MUST_CHECK;
/* Bytes between `here` and what a request lends, `lent` bytes of it, at an offset. EINVAL: beyond;
 * what grant_copy refuses. dir: COPY_IN, COPY_OUT. The caller logs `here` if it is state. */
err_t board_move(grant_t data, uint64_t lent, uint32_t dir, uint64_t offset, uint64_t here,
		 size_t len) MUST_CHECK;

#endif
