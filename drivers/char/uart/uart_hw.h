/* SPDX-License-Identifier: BSD-2-Clause
 * uart_hw.h - registers of the 16550A (TL16C550C data sheet, table 3).
 */
#ifndef UART_HW_H
#define UART_HW_H

enum { COM1 = 0x3f8, COM1_LINE = 4, CLOCK_BAUD = 115200, FIFO = 16 };
enum {
	DATA = 0,               /* RBR, THR; with DLAB the divisor's low byte */
	ENABLE = 1,             /* IER; with DLAB the high byte */
	FIFO_CONTROL = 2,       /* FCR; read: IIR */
	LINE_CONTROL = 3,
	MODEM_CONTROL = 4,
	LINE_STATUS = 5,
};
enum { ENABLE_RX = 1, ENABLE_TX = 2, ENABLE_LINE = 4 };
enum { FIFO_ON = 1, FIFO_CLEAR = 6, FIFO_TRIGGER_8 = 0x80, TRIGGER = 8 };
enum { CAUSE_MASK = 15, CAUSE_TRIGGER = 4 };    /* IIR: as many bytes as the trigger are there */
enum { CONTROL_STOP2 = 4, CONTROL_PARITY = 8, CONTROL_EVEN = 0x10, CONTROL_DLAB = 0x80 };
enum { MODEM_DTR_RTS_OUT2 = 0x0b };
enum { STATUS_DATA = 1, STATUS_OVERRUN = 2, STATUS_BREAK = 0x10, STATUS_THR_EMPTY = 0x20,
       STATUS_NOTHING = 0xff };

#endif
