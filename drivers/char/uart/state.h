/* SPDX-License-Identifier: BSD-2-Clause
 * state.h - all that the serial port's driver remembers.
 *
 * U1  A FIFO's head - tail is at most its size.
 * U2  Between a commit with exchanging != 0 and the next one the chip may have been given the
 *     vector op[0..exchanging): it was if the kernel has filled in the last one, a read.
 *     Of the bytes in it, `taking` are to go to the input, or `giving` come from the output.
 */
#ifndef UART_STATE_H
#define UART_STATE_H

#include <abi/kernel.h>
#include <lib/serial.h>
#include <lib/undo.h>

enum { OUT_SIZE = 8192, IN_SIZE = 4096, OPS = 19 };

struct state {
	struct serial_line line;
	uint32_t absent;                /* there is no chip: output goes nowhere */
	uint32_t flags;                 /* SERIAL_, for the next answer */
	uint32_t out_head, out_tail, in_head, in_tail;  /* U1 */
	uint32_t exchanging, taking, giving;            /* U2 */
	struct port_op op[OPS];
	uint8_t out[OUT_SIZE], in[IN_SIZE];
};

extern struct state state;

#endif
