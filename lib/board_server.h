/* SPDX-License-Identifier: BSD-2-Clause
 * board_server.h - what the two class libraries share that take requests off vfs's board.
 */
#ifndef LIB_BOARD_SERVER_H
#define LIB_BOARD_SERVER_H

#include <abi/errors.h>
#include <abi/kernel.h>
#include <lib/board.h>

/* One for each board, SECTION_STATE: numbers of the last requests that were done, by entry; B4. */
struct board_log { uint64_t done[BOARD_ENTRIES]; endpoint_t asker; };

/* Request n, which is ASKED. 0: do it; EALREADY: it was done before we died, and is answered now;
 * EIO: we died of it DEATHS_OF_ONE times, and that is its answer. */
err_t board_begin(struct board *b, struct board_log *log, unsigned n) MUST_CHECK;
/* What was begun will be answered later: if we die now, then not of it. */
void board_later(void);
/* Request n, which was begun and answered later, goes on. */
void board_again(unsigned n);
/* Does entry n still hold the request that was begun? Not if the asker has begun afresh. */
bool board_is_asked(const struct board *b, unsigned n);
/* For who keeps more than the undo log takes back: board_done() calls settle() when it has
 * committed, before it tells. */
void board_on_noted(void (*settle)(void));
/* Request n is done, and its answer stands in the entry, if it is asked: commit, and tell. */
void board_done(struct board *b, struct board_log *log, unsigned n);
/* B4. True: log->asker was another life of this service; it is the present one now. */
bool board_asker_changed(const struct board *b, struct board_log *log, unsigned service);
/* The board that service `from` lends under this key; EINVAL if it has fewer bytes. */
err_t board_borrow(unsigned from, uint32_t key, size_t bytes, struct board **board) MUST_CHECK;
/* Bytes between `here` and what a request lends, `lent` bytes of it, at an offset. EINVAL: beyond;
 * what grant_copy refuses. dir: COPY_IN, COPY_OUT. The caller logs `here` if it is state. */
err_t board_move(grant_t data, uint64_t lent, uint32_t dir, uint64_t offset, uint64_t here,
		 size_t len) MUST_CHECK;

#endif
