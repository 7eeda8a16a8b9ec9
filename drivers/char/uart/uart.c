/* SPDX-License-Identifier: BSD-2-Clause
 * uart.c - the first serial port of every PC (16550A).
 *
 * Job:      carries bytes between the line and tty; shows the log's lines on it.
 * Speaks:   contracts/serial on tty's ring; log.read as a client.
 * Touches:  I/O ports 0x3f8-0x3ff, interrupt line 4. No DMA.
 * Trusts:   nothing in a request; the chip to send what it is given.
 * On crash: recovers in place, and no byte is lost or sent twice: exchange() says how. The chip
 *           keeps what comes meanwhile, and makes the sender wait. A line of the log that was being
 *           shown may be lost, dmesg has it. A fresh start empties the chip.
 * Spec:     TL16C550C data sheet.
 */
#include "state.h"
#include "uart_hw.h"

#include <contract/kernel.h>
#include <contract/log.h>
#include <lib/assert.h>
#include <lib/boot.h>
#include <lib/peer.h>
#include <lib/print.h>

enum { IRQ_BIT = 0 };
#define NOT_READ 0xffffffffu            /* no register has this value */
_Static_assert(OPS >= FIFO + 3, "a FIFO of bytes, what is set before and after, what is read last");

static struct peer log = PEER("log");
static bool shows_log;

static uint32_t in_used(void)
{
	return state.in_head - state.in_tail;
}

static uint32_t out_used(void)
{
	return state.out_head - state.out_tail;
}

static bool put(uint8_t byte)
{
	if (out_used() == OUT_SIZE)
		return false;
	state.out[state.out_head++ % OUT_SIZE] = byte;
	return true;
}

static uint32_t get(uint8_t *bytes, uint32_t max, uint32_t *flags)
{
	uint32_t n = 0;

	*flags = state.flags;
	state.flags = 0;
	while (n < max && in_used() > 0)
		bytes[n++] = state.in[state.in_tail++ % IN_SIZE];
	return n;
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
	state.absent = is_absent();
	if (state.absent) {
		print("there is no serial line\n");
		return;
	}
	set(ENABLE, 0);
	chip_configure(1, 3);
	set(FIFO_CONTROL, FIFO_ON | FIFO_CLEAR | FIFO_TRIGGER_8);
	set(MODEM_CONTROL, MODEM_DTR_RTS_OUT2);
	set(ENABLE, ENABLE_RX | ENABLE_LINE);
}

/* What the chip was given and has given is now ours to account for. */
static void settle(void)
{
	if (state.exchanging == 0)
		return;
	if (state.op[state.exchanging - 1].value != NOT_READ) {
		for (uint32_t i = 0; i < state.taking; i++)
			state.in[state.in_head++ % IN_SIZE] = (uint8_t)state.op[i].value;
		state.out_tail += state.giving;
	}
	state.exchanging = state.taking = state.giving = 0;
	undo_commit();
}

/* Have the chip do op[0..n), whose last is a read. A byte that was read from the chip is nowhere
 * else, and one that was written must not be written again; so what is about to happen is committed
 * first, and the value of the last read tells whether it did: the kernel call is done as a whole or
 * not at all. The kernel's own stores to op[] are not logged, so no roll-back undoes them. */
static void exchange(uint32_t n, uint32_t taking, uint32_t giving)
{
	state.op[n - 1].value = NOT_READ;
	state.taking = taking;
	state.giving = giving;
	state.exchanging = n;
	undo_commit();
	ports(state.op, n);
	settle();
}

static bool has_room(void)
{
	return IN_SIZE - in_used() >= FIFO;
}

/* Take what has been received, unless there is no room: then it stays in the chip, which makes the
 * sender wait. The data register must not be read for a byte that is not there yet, it might come
 * just then and be lost: one byte is there if the status says so, TRIGGER if the interrupt does.
 * True: some came. */
static bool receive(void)
{
	struct port_op op[2] = {
		{ .port = COM1 + FIFO_CONTROL, .width = 1 },
		{ .port = COM1 + LINE_STATUS, .width = 1 },
	};
	uint32_t status, n;

	if (state.absent || !has_room())
		return false;
	ports(op, 2);
	status = op[1].value;
	if (!(status & STATUS_DATA))
		return false;
	n = (op[0].value & CAUSE_MASK) == CAUSE_TRIGGER ? TRIGGER : 1;
	if (status & STATUS_BREAK)
		state.flags |= SERIAL_GOT_BREAK;
	if (status & STATUS_OVERRUN)
		state.flags |= SERIAL_OVERRUN;
	for (uint32_t i = 0; i < n; i++)
		state.op[i] = (struct port_op){ .port = COM1 + DATA, .width = 1 };
	exchange(n, n, 0);
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
	struct port_op status = { .port = COM1 + LINE_STATUS, .width = 1 };
	bool room = has_room(), ready;
	uint32_t n = 0, bytes = 0, causes = room ? ENABLE_RX : 0;

	if (state.absent) {
		state.out_tail = state.out_head;
		return;
	}
	ports(&status, 1);
	ready = status.value & STATUS_THR_EMPTY;
	if (!room)
		state.op[n++] = enable(0);
	for (; ready && bytes < FIFO && bytes < out_used(); bytes++)
		state.op[n++] = (struct port_op){
			.port = COM1 + DATA, .width = 1, .write = 1,
			.value = state.out[(state.out_tail + bytes) % OUT_SIZE],
		};
	state.op[n++] = enable(causes | (out_used() > bytes ? ENABLE_TX : 0u));
	state.op[n++] = (struct port_op){ .port = COM1 + ENABLE, .width = 1 };
	exchange(n, 0, bytes);
}

static err_t configure(const struct serial_configure_request *req)
{
	uint32_t control = (uint32_t)req->data_bits - 5;

	if (req->baud < 50 || req->baud > CLOCK_BAUD || req->data_bits < 5 || req->data_bits > 8 ||
	    req->stop_bits < 1 || req->stop_bits > 2 || req->parity > 2)
		return -EINVAL;
	if (req->stop_bits == 2)
		control |= CONTROL_STOP2;
	if (req->parity)
		control |= CONTROL_PARITY | (req->parity == 2 ? CONTROL_EVEN : 0u);
	if (!state.absent)
		chip_configure(CLOCK_BAUD / req->baud, control);
	return 0;
}

/* ---- the log's lines ---- */

/* As long as there is room; log notifies when there are more. */
static void show_log(void)
{
	static uint8_t text[1024];
	struct log_read_request req = { .seq = UINT64_MAX };    /* from where we ended */
	struct log_read_reply reply;

	while (shows_log && OUT_SIZE - out_used() > 2 * sizeof(text)) {
		if (log_read(&log, &req, text, sizeof(text), &reply) != 0 || reply.done == 0)
			return;
		for (uint32_t i = 0; i < reply.done && i < sizeof(text); i++) {
			if (text[i] == '\n')
				put('\r');
			put(text[i]);
			if (undo_used() > UNDO_ENTRIES / 2)
				undo_commit();
		}
	}
}

/* ---- what goes on when ---- */

/* Whatever can go on goes on: requests, input, output. */
static void work(void)
{
	settle();
	serial_work();
	show_log();
	while (receive())
		serial_work();
	transmit();
}

static void on_irq(uint64_t lines)
{
	struct irq_ack_request ack = { .line = COM1_LINE };

	/* The line is edge-triggered: open it first, then take all there is. No edge is lost. */
	assert(sys_irq_ack(&ack) == 0);
	work();
}

static void on_notify(uint64_t services)
{
	serial_notified(services);
	work();
}

/* An interrupt may have been lost, or what it is for not have been asked. */
static void audit(void)
{
	on_irq(0);
	serial_audit();
}

/* After a recovery. */
static void on_alarm(void)
{
	work();
}

/* ---- start ---- */

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

static void open_line(void)
{
	struct irq_claim_request claim = { .line = COM1_LINE, .bit = IRQ_BIT };
	struct irq_ack_request ack = { .line = COM1_LINE };
	struct irq_claim_reply reply;

	assert(sys_irq_claim(&claim, &reply) == 0);
	assert(sys_irq_ack(&ack) == 0);
}

static void init(enum start_kind kind)
{
	static const struct serial_driver driver = {
		.put = put, .get = get, .configure = configure,
	};

	read_cmdline();
	if (kind == START_FRESH)
		chip_init();
	open_line();
	serial_server_init(&state.line, &driver, kind);
	if (kind == START_FRESH)
		work();
}

/* U1, U2. What was going on goes on when stores are logged again: at once, by the alarm. */
static err_t check(void)
{
	struct alarm_set_request now = { .deadline_ns = 1 };

	if (in_used() > IN_SIZE || out_used() > OUT_SIZE || state.exchanging > OPS ||
	    state.taking > state.exchanging || state.taking > IN_SIZE - in_used() ||
	    state.giving > out_used() || !serial_line_fits(&state.line))
		return -EINVAL;
	return sys_alarm_set(&now);
}

int main(void)
{
	static const struct server uart = {
		.name = "uart", .init = init, .check = check, .on_irq = on_irq,
		.on_notify = on_notify, .on_alarm = on_alarm, .audit = audit,
	};

	server_run(&uart);
}
