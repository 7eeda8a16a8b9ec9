/* SPDX-License-Identifier: BSD-2-Clause
 * board_server.h - what the two class libraries share that take requests off vfs's board.
 */
#ifndef LIB_BOARD_SERVER_H
#define LIB_BOARD_SERVER_H

#include <abi/errors.h>
#include <abi/kernel.h>
#include <lib/board.h>

/* Numbers of the last requests that were done, by entry: one for each board, SECTION_STATE. */
struct board_log { uint64_t done[BOARD_ENTRIES]; };

/* Request n, which is ASKED. 0: do it; EALREADY: it was done before we died, and is answered now;
 * EIO: we died of it DEATHS_OF_ONE times, and that is its answer. */
err_t board_begin(struct board *b, struct board_log *log, unsigned n, endpoint_t asker) MUST_CHECK;
/* What was begun will be answered later: if we die now, then not of it. */
void board_later(void);
/* Request n, which was begun and answered later, goes on. */
void board_again(unsigned n);
/* Request n is done, and its answer stands in the entry: commit, and tell the asker. */
void board_done(struct board *b, struct board_log *log, unsigned n, endpoint_t asker);
/* The board that `from` lends under this key; EINVAL if it has fewer bytes. */
err_t board_borrow(endpoint_t from, uint32_t key, size_t bytes, struct board **board) MUST_CHECK;
/* Bytes between `here` and what a request lends, `lent` bytes of it, at an offset. EINVAL: beyond;
 * what grant_copy refuses. dir: COPY_IN, COPY_OUT. The caller logs `here` if it is state. */
err_t board_move(grant_t data, uint64_t lent, uint32_t dir, uint64_t offset, uint64_t here,
		 size_t len) MUST_CHECK;

#endif
