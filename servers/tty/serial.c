/* SPDX-License-Identifier: BSD-2-Clause
 * serial.c - the console line's other end: the serial driver.
 *
 * Job:      hands output to the driver and keeps read requests with it, on a ring.
 * Speaks:   contracts/serial, as the client.
 * Touches:  the ring memory, lent to uart.
 * Trusts:   uart for nothing: lengths are checked.
 * On crash: both sides go on where they were; if uart starts afresh, what it had not answered is
 *           handed in again.
 */
#include "tty.h"

#include <contract/serial.h>
#include <contract/vm.h>
#include <lib/clock.h>
#include <lib/peer.h>
#include <lib/service_ids.h>

static struct peer vm = PEER("vm");
static struct line *const line = &state.line[0];

static void notify_uart(void)
{
	struct peer uart = PEER("uart");

	/* The driver's endpoint changes with each restart: its slot does not, ds knows the rest. */
	if (peer_refresh(&uart) == 0)
		ipc_notify(uart.at);
}

static void submit_reads(void)
{
	struct serial_read_request req = { .line = 0 };
	uint32_t id;

	/* No more than the line can take if all of them are answered: the sender waits instead. */
	while (state.reads_out < READS_OUT &&
	       in_used(line) + (state.reads_out + 1) * SERIAL_BYTES < IN_SIZE &&
	       ring_submit(&state.uart, &uart_memory, SERIAL_READ, &req, sizeof(req), &id) == 0)
		state.reads_out++;
}

static bool submit_writes(void)
{
	struct serial_write_request req;
	bool any = false;
	uint32_t id;

	while (!line->stopped && line->out.head != line->out.tail) {
		uint32_t n = line->out.head - line->out.tail;

		req = (struct serial_write_request){ .len = n < sizeof(req.byte) ? n
								: (uint32_t)sizeof(req.byte) };
		for (uint32_t i = 0; i < req.len; i++)
			req.byte[i] = line->out_byte[(line->out.tail + i) % OUT_SIZE];
		if (ring_submit(&state.uart, &uart_memory, SERIAL_WRITE, &req, sizeof(req),
				&id) != 0)
			break;
		line->out.tail += req.len;
		any = true;
	}
	return any;
}

static void received(const struct serial_read_reply *r)
{
	if (r->flags & SERIAL_GOT_BREAK)
		input_break(line);
	for (uint32_t i = 0; i < r->len && i < sizeof(r->byte); i++)
		input_byte(line, r->byte[i]);
}

/* What the driver held when it died is asked again. */
static void resubmit(void)
{
	struct ring_entry e;
	uint32_t id;

	ring_client_reset(&state.uart, &uart_memory, clock_monotonic_ns());
	state.reads_out = 0;
	while (ring_client_returned(&state.uart, &e))
		if (e.type == SERIAL_WRITE &&
		    ring_submit(&state.uart, &uart_memory, e.type, e.w, sizeof(e.w), &id) != 0)
			return;
}

static bool take_answer(void)
{
	const struct serial_read_reply *r;
	struct ring_entry e;
	err_t err = ring_client_next(&state.uart, &uart_memory, &e);

	if (err == -ENOENT)
		return false;
	if (err == -EDEADPEER) {
		resubmit();
		return true;
	}
	r = (const struct serial_read_reply *)e.w;
	if (err == 0 && (r->len || r->flags)) { /* the answer to a write has neither */
		state.reads_out--;
		received(r);
	}
	return true;
}

/* Output only: from a handler, whose request is not to be committed half way. */
void serial_send(void)
{
	if (!submit_writes())
		return;
	ring_client_publish(&state.uart, &uart_memory);
	notify_uart();
}

/* Everything that can go on goes on. Each answer is taken and committed for itself. */
void serial_pump(void)
{
	bool any = false;
	uint32_t reads;

	while (take_answer()) {
		any = true;
		undo_commit();
	}
	reads = state.reads_out;
	submit_reads();
	if (submit_writes() || reads != state.reads_out) {
		ring_client_publish(&state.uart, &uart_memory);
		notify_uart();
		any = true;
	}
	if (any)
		events(line);
}

void serial_open(void)
{
	struct vm_lend_request req = {
		.to = ENDPOINT(0, ID_UART), .key = SERIAL_RING_KEY,
		.address = (uint64_t)&uart_memory, .len = sizeof(uart_memory),
	};

	if (vm_lend(&vm, &req) != 0)
		return;
	ring_client_reset(&state.uart, &uart_memory, clock_monotonic_ns());
	state.reads_out = 0;
}
