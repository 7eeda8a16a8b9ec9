/* SPDX-License-Identifier: BSD-2-Clause
 * uart.c - the first serial port of every PC (16550A).
 *
 * Job:      carries bytes between the line and tty; shows the log's lines on it.
 * Speaks:   contracts/serial on tty's ring; log.read as a client.
 * Touches:  I/O ports 0x3f8-0x3ff, interrupt line 4. No DMA.
 * Trusts:   nothing in a request; the chip to send what it is given.
 * On crash: started afresh. tty hands in again what was not answered: bytes may appear twice, none
 *           is lost that tty was not told of; what the chip had received is lost with its FIFO.
 * Spec:     TL16C550C data sheet.
 */
#include "uart_hw.h"

#include <contract/kernel.h>
#include <contract/log.h>
#include <contract/serial.h>
#include <contract/vm.h>
#include <lib/assert.h>
#include <lib/boot.h>
#include <lib/peer.h>
#include <lib/print.h>
#include <lib/ring.h>
#include <lib/server.h>
#include <lib/service_ids.h>

enum { OUT_SIZE = 8192, IN_SIZE = 4096, READS = 16, IRQ_BIT = 0 };

struct fifo { uint32_t head, tail, size; uint8_t *byte; };

static uint8_t out_bytes[OUT_SIZE], in_bytes[IN_SIZE];
static struct fifo out = { .size = OUT_SIZE, .byte = out_bytes };
static struct fifo in = { .size = IN_SIZE, .byte = in_bytes };
static uint32_t in_flags;

static struct ring_server ring;
static volatile struct ring_memory *ring_memory;
static uint32_t reads[READS], nr_reads;         /* requests that wait for input */
static struct ring_entry held;                  /* a write that did not fit yet */
static bool has_held;

static bool absent;                     /* there is no chip: output goes nowhere */
static bool shows_log = true;

static struct peer vm = PEER("vm"), log = PEER("log");
static endpoint_t tty;

static uint32_t fifo_used(const struct fifo *f)
{
	return f->head - f->tail;
}

static bool fifo_put(struct fifo *f, uint8_t byte)
{
	if (fifo_used(f) == f->size)
		return false;
	f->byte[f->head++ % f->size] = byte;
	return true;
}

static uint8_t fifo_get(struct fifo *f)
{
	return f->byte[f->tail++ % f->size];
}

/* ---- the chip ---- */

static void ports(struct port_op *op, uint32_t count)
{
	struct port_io_request req = { .address = (uint64_t)op, .count = count };
	struct port_io_reply reply;

	assert(sys_port_io(&req, &reply) == 0);
}

static void set(unsigned reg, uint32_t value)
{
	struct port_op op = {
		.port = (uint16_t)(COM1 + reg), .width = 1, .write = 1, .value = value,
	};

	ports(&op, 1);
}

static void chip_configure(uint32_t divisor, uint32_t control)
{
	set(LINE_CONTROL, control | CONTROL_DLAB);
	set(DATA, divisor & 0xff);
	set(ENABLE, divisor >> 8);
	set(LINE_CONTROL, control);
}

/* Where nothing answers, all bits are read as 1; no chip has all errors at once. */
static bool is_absent(void)
{
	struct port_op op = { .port = COM1 + LINE_STATUS, .width = 1 };

	ports(&op, 1);
	return (op.value & 0xff) == STATUS_NOTHING;
}

static void chip_init(void)
{
	absent = is_absent();
	if (absent) {
		print("there is no serial line\n");
		return;
	}
	set(ENABLE, 0);
	chip_configure(1, 3);
	set(FIFO_CONTROL, FIFO_ON | FIFO_CLEAR | FIFO_TRIGGER_8);
	set(MODEM_CONTROL, MODEM_DTR_RTS_OUT2);
	set(ENABLE, ENABLE_RX | ENABLE_LINE);
}

static bool has_room(void)
{
	return IN_SIZE - fifo_used(&in) >= FIFO;
}

/* Take what has been received, unless there is no room: then it stays in the chip, which makes the
 * sender wait. The data register must not be read for a byte that is not there yet, it might come
 * just then and be lost: one byte is there if the status says so, TRIGGER if the interrupt does.
 * True: some came. */
static bool receive(void)
{
	struct port_op op[TRIGGER] = {
		{ .port = COM1 + FIFO_CONTROL, .width = 1 },
		{ .port = COM1 + LINE_STATUS, .width = 1 },
	};
	uint32_t status, n;

	if (absent || !has_room())
		return false;
	ports(op, 2);
	status = op[1].value;
	if (!(status & STATUS_DATA))
		return false;
	n = (op[0].value & CAUSE_MASK) == CAUSE_TRIGGER ? TRIGGER : 1;
	if (status & STATUS_BREAK)
		in_flags |= SERIAL_GOT_BREAK;
	if (status & STATUS_OVERRUN)
		in_flags |= SERIAL_OVERRUN;
	for (uint32_t i = 0; i < n; i++)
		op[i] = (struct port_op){ .port = COM1 + DATA, .width = 1 };
	ports(op, n);
	for (uint32_t i = 0; i < n; i++)
		fifo_put(&in, (uint8_t)op[i].value);
	return true;
}

static struct port_op enable(uint32_t causes)
{
	return (struct port_op){
		.port = COM1 + ENABLE, .width = 1, .write = 1, .value = causes | ENABLE_LINE,
	};
}

/* Give the chip as much as its FIFO takes, and be told when it is empty again. Input that stays in
 * the chip keeps the interrupt line up: it falls first, or the end of output would be no edge. */
static void transmit(void)
{
	struct port_op op[FIFO + 2] = { { .port = COM1 + LINE_STATUS, .width = 1 } };
	bool room = has_room(), ready;
	uint32_t n = 0;

	if (absent) {
		out.tail = out.head;
		return;
	}
	ports(op, 1);
	ready = op[0].value & STATUS_THR_EMPTY;
	if (!room)
		op[n++] = enable(0);
	for (unsigned i = 0; ready && i < FIFO && fifo_used(&out); i++)
		op[n++] = (struct port_op){ .port = COM1 + DATA, .width = 1, .write = 1,
					    .value = fifo_get(&out) };
	op[n++] = enable((room ? ENABLE_RX : 0u) | (fifo_used(&out) ? ENABLE_TX : 0u));
	ports(op, n);
}

/* ---- the log's lines ---- */

/* As long as there is room; log notifies when there are more. */
static void show_log(void)
{
	static char text[1024];
	struct log_read_request req = { .seq = UINT64_MAX };    /* from where we ended */
	struct log_read_reply reply;

	while (shows_log && OUT_SIZE - fifo_used(&out) > 2 * sizeof(text)) {
		if (log_read(&log, &req, text, sizeof(text), &reply) != 0 || reply.done == 0)
			return;
		for (uint32_t i = 0; i < reply.done; i++) {
			if (text[i] == '\n')
				fifo_put(&out, '\r');
			fifo_put(&out, (uint8_t)text[i]);
		}
	}
}

/* ---- tty's requests ---- */

static void answer(uint32_t id, err_t err, const void *payload, size_t size)
{
	if (ring_complete(&ring, ring_memory, id, err, payload, size) != 0)
		return;                 /* tty has begun anew and does not want it any more */
}

static void answer_reads(void)
{
	while (nr_reads > 0 && (fifo_used(&in) || in_flags)) {
		struct serial_read_reply reply = { .flags = in_flags };

		in_flags = 0;
		while (reply.len < sizeof(reply.byte) && fifo_used(&in))
			reply.byte[reply.len++] = fifo_get(&in);
		answer(reads[0], 0, &reply, sizeof(reply));
		nr_reads--;
		for (uint32_t i = 0; i < nr_reads; i++)
			reads[i] = reads[i + 1];
	}
}

/* True: it is in the FIFO. */
static bool take_write(const struct ring_entry *e)
{
	const struct serial_write_request *req = (const void *)e->w;

	if (req->len > sizeof(req->byte) || req->line != 0) {
		answer(e->id, req->line ? -ENXIO : -EINVAL, NULL, 0);
		return true;
	}
	if (OUT_SIZE - fifo_used(&out) < req->len)
		return false;
	for (uint32_t i = 0; i < req->len; i++)
		fifo_put(&out, req->byte[i]);
	answer(e->id, 0, NULL, 0);
	return true;
}

static err_t configure(const struct serial_configure_request *req)
{
	uint32_t control = (uint32_t)req->data_bits - 5;

	if (req->line != 0)
		return -ENXIO;
	if (req->baud < 50 || req->baud > CLOCK_BAUD || req->data_bits < 5 || req->data_bits > 8 ||
	    req->stop_bits < 1 || req->stop_bits > 2 || req->parity > 2)
		return -EINVAL;
	if (req->stop_bits == 2)
		control |= CONTROL_STOP2;
	if (req->parity)
		control |= CONTROL_PARITY | (req->parity == 2 ? CONTROL_EVEN : 0u);
	chip_configure(CLOCK_BAUD / req->baud, control);
	return 0;
}

static void take(const struct ring_entry *e)
{
	switch (e->type) {
	case SERIAL_WRITE:
		held = *e;
		has_held = !take_write(&held);
		break;
	case SERIAL_READ:
		if (nr_reads < READS)
			reads[nr_reads++] = e->id;
		else
			answer(e->id, -EAGAIN, NULL, 0);
		break;
	case SERIAL_CONFIGURE:
		answer(e->id, configure((const void *)e->w), NULL, 0);
		break;
	default:
		answer(e->id, -ENOSYS, NULL, 0);
		break;
	}
}

/* tty lends the ring before its first notification. vm says who tty is: ds may not know yet. */
static void borrow_ring(void)
{
	struct vm_borrow_request req = {
		.key = SERIAL_RING_KEY, .from = ENDPOINT(0, ID_TTY),
	};
	struct vm_borrow_reply reply;

	if (vm_borrow(&vm, &req, &reply) != 0 || reply.len < sizeof(struct ring_memory))
		return;
	ring_memory = (volatile struct ring_memory *)reply.address;
	tty = reply.owner;
}

static void open_ring(void)
{
	borrow_ring();
	if (ring_memory)
		ring_server_reset(&ring, ring_memory);
}

static void tell_tty(void)
{
	if (ipc_notify(tty) == 0)
		return;
	borrow_ring();                  /* it has started afresh, and is another */
	ipc_notify(tty);
}

/* Whatever can go on goes on: requests, input, output. */
static void work(void)
{
	struct ring_entry e;
	err_t err = 0;

	if (has_held && take_write(&held))
		has_held = false;
	while (ring_memory && !has_held && (err = ring_accept(&ring, ring_memory, &e)) != -ENOENT) {
		if (err == -ECONNRESET) {
			nr_reads = 0;
			continue;
		}
		if (err != 0)
			break;
		take(&e);
	}
	show_log();
	answer_reads();
	if (has_room() && receive())
		answer_reads();
	transmit();
	if (ring_memory) {
		ring_server_publish(&ring, ring_memory);
		tell_tty();
	}
}

static void on_irq(uint64_t lines)
{
	struct irq_ack_request ack = { .line = COM1_LINE };

	/* The line is edge-triggered: open it first, then take all there is. No edge is lost. */
	assert(sys_irq_ack(&ack) == 0);
	while (receive())
		answer_reads();
	work();
}

static void on_notify(uint64_t services)
{
	if (services & BIT(ID_TTY) && !ring_memory)
		open_ring();
	work();
}

/* log=off on the boot command line, or a console=NAME for another: the line is tty's alone. */
static void read_cmdline(void)
{
	static struct boot_info boot;
	struct boot_info_request req = { .address = (uint64_t)&boot };
	char value[8] = "";

	assert(sys_boot_info(&req) == 0);
	boot_option(boot.cmdline, "log", value, sizeof(value));
	shows_log = strcmp(value, "off") != 0 && boot_console(boot.cmdline, "ttyS0");
}

static void init(enum start_kind kind)
{
	struct irq_claim_request claim = { .line = COM1_LINE, .bit = IRQ_BIT };
	struct irq_ack_request ack = { .line = COM1_LINE };
	struct irq_claim_reply reply;

	read_cmdline();
	chip_init();
	assert(sys_irq_claim(&claim, &reply) == 0);
	assert(sys_irq_ack(&ack) == 0);
	open_ring();
	work();
}

int main(void)
{
	static const struct server uart = {
		.name = "uart", .init = init, .on_irq = on_irq, .on_notify = on_notify,
	};

	server_run(&uart);
}
