/* SPDX-License-Identifier: BSD-2-Clause
 * uart_test.c - no interrupt is missed and no byte: the driver with a 16550A whose line is
 * edge-triggered, a sender that waits while the chip is full, and tty, in every order that chance
 * makes. The chip goes on between two accesses to its ports. The driver may die at each of its
 * calls, and goes on with the state of its last commit.
 *
 * Links: lib/ring.c lib/serial_server.c gen/contract/serial_answer.c
 */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <contract/kernel.h>
#include <contract/log.h>
#include <contract/serial.h>
#include <contract/vm.h>
#include <lib/boot.h>
#include <lib/peer.h>
#include <lib/ring.h>
#include <lib/server.h>
#include <lib/service_ids.h>
#include <tests/unit.h>

#define log uart_log                    /* the C library has one */
#define main uart_main
#include "../uart.c"
#undef main
#undef log

/* ---- the driver's state, and what a death leaves of it ---- */

struct state state;
static struct state committed;
static bool mortal;                     /* the driver may die */
static unsigned deaths;
static jmp_buf dead;

void undo_commit(void)
{
	committed = state;
}

void undo_log(const volatile void *at, size_t n)
{
	(void)at, (void)n;
}

char state_start[1];
uint64_t undo_span;

unsigned undo_used(void)
{
	return 0;
}

void *state_memcpy(void *to, const void *from, size_t n)
{
	return memcpy(to, from, n);
}

static void may_die(void)
{
	if (mortal && rand() % 20 == 0)
		longjmp(dead, 1);
}

enum { TOTAL = 20000, SEEDS = 60, PENDING_NONE = 1, PENDING_TX = 2, PENDING_RX = 4,
       PENDING_TIME = 12, PENDING_LINE = 6 };

/* ---- the chip, its line, and who is at the other end ---- */

static struct {
	uint8_t rx[FIFO];
	unsigned rx_used, tx_used;
	uint8_t enable, control;
	bool overrun, timed_out, tx_pending;
	bool instant;                   /* a byte has gone as soon as it is written, as in QEMU */
	bool line, edge;                /* an edge that no interrupt has been made of yet */
} chip;
static unsigned sent, got, given;       /* bytes that the other end has sent, got, is to get */
static bool wrong, loses, forgets;      /* forgets: tty, answers, and that it has asked */
static uint32_t number;                 /* of the last answer that tty has taken */

static uint8_t nth(unsigned n)
{
	return (uint8_t)(n * 7 + n / 251);
}

static unsigned cause(void)
{
	if (chip.enable & ENABLE_LINE && chip.overrun)
		return PENDING_LINE;
	if (chip.enable & ENABLE_RX && chip.rx_used >= TRIGGER)
		return PENDING_RX;
	if (chip.enable & ENABLE_RX && chip.timed_out)
		return PENDING_TIME;
	return chip.enable & ENABLE_TX && chip.tx_pending ? PENDING_TX : PENDING_NONE;
}

static void line_follows(void)
{
	bool now = cause() != PENDING_NONE;

	chip.edge |= now && !chip.line;
	chip.line = now;
}

static void byte_comes(void)
{
	if (sent == TOTAL || chip.rx_used == FIFO)
		return;
	chip.rx[chip.rx_used++] = nth(sent++);
	line_follows();
}

static void byte_goes(void)
{
	if (chip.tx_used == 0)
		return;
	got++;
	if (--chip.tx_used == 0)
		chip.tx_pending = true;
	line_follows();
}

static void time_passes(void)
{
	chip.timed_out |= chip.rx_used != 0;
	line_follows();
}

static void chip_goes_on(void)
{
	switch (rand() % 8) {
	case 0:
	case 1:
		for (int n = rand() % 12; n >= 0; n--)
			byte_comes();
		break;
	case 2:
		for (int n = rand() % 20; n >= 0; n--)
			byte_goes();
		break;
	case 3:
		time_passes();
		break;
	}
}

static uint32_t chip_read(unsigned reg)
{
	uint32_t value = 0;

	switch (reg) {
	case DATA:
		wrong |= chip.rx_used == 0;
		value = chip.rx[0];
		chip.rx_used -= chip.rx_used > 0;
		memmove(chip.rx, chip.rx + 1, sizeof(chip.rx) - 1);
		chip.timed_out = false;
		break;
	case FIFO_CONTROL:
		value = cause();
		if (value == PENDING_TX)
			chip.tx_pending = false;
		break;
	case LINE_STATUS:
		value = (chip.rx_used ? STATUS_DATA : 0u) | (chip.overrun ? STATUS_OVERRUN : 0u) |
			(chip.tx_used == 0 ? STATUS_THR_EMPTY : 0u);
		chip.overrun = false;
		break;
	}
	return value;
}

static void chip_write(unsigned reg, uint32_t value)
{
	if (reg == LINE_CONTROL)
		chip.control = (uint8_t)value;
	if (reg == DATA && !(chip.control & CONTROL_DLAB)) {
		wrong |= chip.tx_used == FIFO || value != nth(given++);
		chip.tx_used++;
		chip.tx_pending = false;
		if (chip.instant)
			byte_goes();
	}
	if (reg == ENABLE && !(chip.control & CONTROL_DLAB)) {
		if (value & ~(uint32_t)chip.enable & ENABLE_TX)
			chip.tx_pending = chip.tx_used == 0;
		chip.enable = (uint8_t)value;
	}
}

err_t sys_port_io(const struct port_io_request *req, struct port_io_reply *reply)
{
	struct port_op *op = (struct port_op *)(uintptr_t)req->address;

	may_die();
	for (uint32_t i = 0; i < req->count; i++) {
		if (op[i].write)
			chip_write(op[i].port - COM1, op[i].value);
		else
			op[i].value = chip_read(op[i].port - COM1);
		line_follows();
		chip_goes_on();
	}
	reply->done = req->count;
	if (op == state.op)             /* the kernel's own stores are not taken back */
		memcpy(committed.op, op, req->count * sizeof(*op));
	may_die();
	return 0;
}

/* ---- the rest of the world ---- */

static struct ring_memory memory;
static struct ring_client client;
static unsigned handed_in, taken;       /* bytes that tty has written, and read */

err_t sys_irq_claim(const struct irq_claim_request *req, struct irq_claim_reply *reply)
{
	(void)req, (void)reply;
	return 0;
}

err_t sys_irq_ack(const struct irq_ack_request *req)
{
	(void)req;
	may_die();
	return 0;
}

err_t sys_alarm_set(const struct alarm_set_request *req)
{
	(void)req;
	return 0;
}

err_t sys_boot_info(const struct boot_info_request *req)
{
	(void)req;
	return 0;
}

err_t ipc_notify(endpoint_t to)
{
	(void)to;
	may_die();
	return 0;
}

err_t vm_borrow(struct peer *to, const struct vm_borrow_request *req, struct vm_borrow_reply *reply)
{
	(void)to, (void)req;
	reply->address = (uint64_t)(uintptr_t)&memory;
	reply->len = sizeof(memory);
	reply->owner = ENDPOINT(1, ID_TTY);
	return 0;
}

err_t log_read(struct peer *to, const struct log_read_request *req, void *buf, size_t len,
	       struct log_read_reply *reply)
{
	(void)to, (void)req, (void)buf, (void)len, (void)reply;
	return -EIO;
}

bool boot_option(const char *cmdline, const char *name, char *value, size_t size)
{
	(void)cmdline, (void)name;
	snprintf(value, size, "off");
	return true;
}

bool boot_console(const char *cmdline, const char *terminal)
{
	(void)cmdline, (void)terminal;
	return true;
}

void print(const char *text, ...)
{
	(void)text;
}

void assert_failed(const char *what, const char *file, int line)
{
	printf("    %s:%d: %s\n", file, line, what);
	abort();
}

void server_run(const struct server *s)
{
	(void)s;
	abort();                        /* nobody calls main */
}

/* An event, over deaths: the recovery comes first, then the event again (lib/server.c). */
static void event(void (*handler)(uint64_t), uint64_t bits)
{
	volatile bool die = deaths != 0;

	while (setjmp(dead) != 0) {
		mortal = false;
		deaths++;
		state = committed;
		init(START_RECOVER);
		CHECK_EQ(check(), 0);
		on_alarm();
		die = deaths % 3 == 0;          /* again in the same event, but not for ever */
	}
	mortal = die;
	handler(bits);
	mortal = false;
	undo_commit();
}

static void interrupt(void)
{
	if (!chip.edge)
		return;
	chip.edge = false;
	if (loses && rand() % 8 == 0) {
		chip.enable &= (uint8_t)rand();         /* or never comes again */
		return;
	}
	event(on_irq, BIT(IRQ_BIT));
}

/* tty takes the answers, hands in bytes to write and, if it wants them, asks for some. */
static void tty_asks(bool reads)
{
	struct serial_read_request read = { .line = 0 };
	bool open = false;
	struct ring_entry e;
	uint32_t id;

	while (ring_client_next(&client, &memory, &e) == 0) {
		const struct serial_read_reply *r = (const void *)e.w;

		if (client.pending[e.id & RING_ID_SLOTS].type != SERIAL_READ)
			continue;
		read = *(const struct serial_read_request *)client.pending[e.id & RING_ID_SLOTS].w;
		if (read.number != number || (forgets && rand() % 4 == 0))
			continue;
		number += r->len != 0 || r->flags != 0;
		for (uint32_t i = 0; i < r->len; i++)
			wrong |= r->byte[i] != nth(taken++);
	}
	for (unsigned i = 0; i < RING_ENTRIES; i++)
		open |= client.used >> i & 1 && client.pending[i].type == SERIAL_READ;
	while (handed_in < TOTAL) {
		struct serial_write_request write = { .len = 40 };

		for (unsigned i = 0; i < write.len; i++)
			write.byte[i] = nth(handed_in + i);
		if (ring_submit(&client, &memory, SERIAL_WRITE, &write, sizeof(write), &id) != 0)
			break;
		handed_in += write.len;
	}
	read.number = number;
	if (reads && (!open || (forgets && rand() % 4 == 0)))
		open = ring_submit(&client, &memory, SERIAL_READ, &read, sizeof(read), &id) == 0;
	ring_client_publish(&client, &memory);
}

static void tty_works(bool reads)
{
	tty_asks(reads);
	event(on_notify, BIT(ID_TTY));
}

static void begin(unsigned seed, bool dies)
{
	srand(seed);
	memset(&chip, 0, sizeof(chip));
	chip.instant = seed % 2;
	memset(&memory, 0, sizeof(memory));
	memset(&client, 0, sizeof(client));
	memset(&state, 0, sizeof(state));
	deaths = dies;
	sent = got = given = handed_in = taken = wrong = loses = forgets = 0;
	number = (uint32_t)rand();
	ring_client_reset(&client, &memory, 1);
	init(START_FRESH);
	undo_commit();
	ring_client_reset(&client, &memory, 2);         /* it knows nothing of the first epoch */
}

/* Interrupts and time only, till nothing changes any more. */
static void till_quiet(void)
{
	for (unsigned idle = 0; idle < 100; idle++) {
		unsigned before = sent + got;

		for (unsigned n = 0; n < 40; n++) {
			chip_goes_on();
			interrupt();
		}
		if (sent + got != before)
			idle = 0;
	}
}

static void heartbeat(uint64_t bits)
{
	(void)bits;
	audit();
}

static void both_ways(bool dies, bool lost, bool answers_lost)
{
	for (unsigned seed = 0; seed < SEEDS && test_bad == 0; seed++) {
		begin(seed, dies);
		loses = lost;
		forgets = answers_lost;
		while (rand() % 500) {
			chip_goes_on();
			interrupt();
			if (rand() % 4 == 0)
				tty_works(true);
		}
		for (unsigned n = 0; n < TOTAL; n++) {
			till_quiet();
			if (taken == TOTAL && got == TOTAL)
				break;
			if (!lost) {
				tty_works(true);
				continue;
			}
			tty_asks(true);
			event(heartbeat, 0);
		}
		CHECK(!wrong);
		CHECK_EQ(taken, TOTAL);
		CHECK_EQ(got, TOTAL);
	}
}

static void t_both_ways(void)
{
	both_ways(false, false, false);
}

static void t_deaths(void)
{
	both_ways(true, false, false);
	CHECK(deaths > 100);
}

/* Nobody else tells the driver anything. */
static void t_lost(void)
{
	both_ways(false, true, false);
}

static void t_lost_answers(void)
{
	both_ways(true, false, true);
}

/* An empty answer that is kept, as none ever is, is not given again and again. */
static void t_empty_answer(void)
{
	begin(1, false);
	tty_works(true);
	state.line.given = (struct serial_read_reply){ .len = 0 };
	state.line.has_given = 1;
	state.line.number = number + 1;
	for (unsigned n = 0; n < TOTAL && taken < TOTAL; n++) {
		till_quiet();
		tty_works(true);
	}
	CHECK(!wrong);
	CHECK_EQ(taken, TOTAL);
}

/* What tty has handed in goes out, though nobody takes what comes in. */
static void t_input_full(void)
{
	for (unsigned seed = 0; seed < SEEDS && test_bad == 0; seed++) {
		begin(seed, false);
		while (in_used() < IN_SIZE - 200) {        /* nearly full, nothing to send */
			chip_goes_on();
			interrupt();
		}
		while (got < TOTAL && test_bad == 0) {
			tty_works(false);
			till_quiet();
			CHECK_EQ(got, handed_in);
		}
		CHECK(!wrong);
	}
}

int main(void)
{
	TEST("all bytes go both ways in every order of interrupts and requests", t_both_ways);
	TEST("no byte is lost or doubled when the driver dies at any of its calls", t_deaths);
	TEST("an interrupt that is lost costs a heartbeat and no byte", t_lost);
	TEST("an answer that is lost costs no byte", t_lost_answers);
	TEST("an empty answer that is kept is not given again", t_empty_answer);
	TEST("output goes on while the input is full", t_input_full);
	return test_result();
}
