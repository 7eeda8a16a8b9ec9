/* SPDX-License-Identifier: BSD-2-Clause
 * board.h - a board of requests in memory that two services share (vm.lend, vm.borrow).
 *
 * The asker fills an entry and sets its phase to BOARD_ASKED, then notifies; the server sets it to
 * BOARD_DONE, then notifies; the asker takes the answer and sets it to BOARD_FREE. Nothing is in an
 * order, so nothing can fill up or get out of step, and after a crash of either side the phases
 * alone say what is to do: what is ASKED is asked (again), what is DONE is answered.
 *
 * B1  FREE -> ASKED and DONE -> FREE are the asker's steps, ASKED -> DONE the server's.
 * B2  An entry belongs to the asker while FREE or DONE, to the server while ASKED. The request in
 *     it stays as it is: a server that dies before its commit does the same one again.
 * B3  The asker gives each request a number that no other of its requests has or had, in this life
 *     or an earlier one; a request that is asked again because the server died has the number it
 *     had, one that is asked again because what it was answered is no answer has a new one.
 *
 * A server that keeps state remembers the number of what it has done, committed with what it did:
 * if it dies between that and DONE, the request is answered and not done twice (board_server.c).
 *
 * B4  The board says who asks, before anything is asked. If that is another than it was, the asker
 *     has begun afresh: it knows nothing of what was asked before, nor of what it had in use.
 */
#ifndef LIB_BOARD_H
#define LIB_BOARD_H

#include <abi/types.h>

enum { BOARD_ENTRIES = 32, BOARD_WORDS = 64, BOARD_MAGIC = 0x64726f62 };
enum { BOARD_FREE = 0, BOARD_ASKED = 1, BOARD_DONE = 2 };

/* What a character device says of a line (contracts/chardev.contract). */
struct chardev_poll {
	uint32_t seq;                   /* raised at each event */
	uint32_t events;                /* POLLIN, POLLOUT, ...: what poll would answer now */
};

struct board {
	uint32_t magic;
	uint32_t entry_size;
	endpoint_t asker;               /* B4 */
	uint32_t zero[13];
	volatile uint8_t phase[64];     /* the first BOARD_ENTRIES are used */
	volatile uint64_t number[64];   /* B3 */
	volatile struct chardev_poll poll[BOARD_WORDS];
	char entry[];                   /* BOARD_ENTRIES of entry_size bytes */
};

static inline void board_barrier(void)
{
	__asm__ volatile("" : : : "memory");    /* x86 keeps stores in order, and loads */
}

static inline void *board_entry(struct board *b, unsigned n, unsigned size)
{
	return b->entry + (size_t)n * size;
}

#endif
