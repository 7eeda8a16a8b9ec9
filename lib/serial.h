/* SPDX-License-Identifier: BSD-2-Clause
 * serial.h - the class library of drivers that serve contracts/serial to tty and recover in place:
 *            the serial port, the screen, the keyboard.
 *
 * The driver keeps a struct serial_line in its state and calls serial_server_init from init,
 * serial_notified from on_notify, serial_work when it has something to give or can take more,
 * serial_audit from audit: tty complains of a driver of which it hears nothing.
 *
 * The manifest: `talks ds vm`, `notifies tty`.
 */
#ifndef LIB_SERIAL_H
#define LIB_SERIAL_H

#include <contract/serial.h>
#include <lib/ring.h>
#include <lib/server.h>

/* In the driver's state. */
struct serial_line {
	struct ring_server ring;
	uint32_t has_read, read;                /* a request that waits for input: its id, */
	uint32_t after;                         /* and the number of the answer that it follows */
	uint32_t has_given, number;             /* the last answer with something in it */
	struct serial_read_reply given;
	struct ring_entry held;                 /* a write that is being taken, */
	uint32_t has_held, taken;               /* and how much of it has been */
};

struct serial_driver {
	/* Take a byte of output; false: not now. What it changes is committed between two bytes;
	 * what it commits itself it must be able to do again. NULL: output goes nowhere. */
	bool (*put)(uint8_t byte);
	/* Up to max bytes of input, and SERIAL_ flags. */
	uint32_t (*get)(uint8_t *bytes, uint32_t max, uint32_t *flags);
	/* Speed and format, of line 0. EINVAL. NULL: it has none. */
	err_t (*configure)(const struct serial_configure_request *req);
	/* NULL: no window. */
	void (*window)(struct serial_window_reply *reply);
};

void serial_server_init(struct serial_line *l, const struct serial_driver *d, enum start_kind kind);
/* Of one that was kept: can it be? */
bool serial_line_fits(const struct serial_line *l);
void serial_notified(uint64_t services);
/* Whatever can go on goes on. Commits. */
void serial_work(void);
/* At each heartbeat: that, and the read that waits is answered, if with nothing. */
void serial_audit(void);

#endif
