/* SPDX-License-Identifier: BSD-2-Clause
 * keyboard.c - the keyboard at the PC's keyboard controller (i8042), or what emulates it.
 *
 * Job:      carries what is typed to tty; lights the LEDs; hands dump keys to is.
 * Speaks:   contracts/serial on tty's ring (read only); is.key, without an answer.
 * Touches:  I/O ports 0x60 and 0x64, interrupt line 1. No DMA.
 * Trusts:   nothing in a request; the chip for nothing.
 * On crash: recovers in place: what was typed and not delivered is kept, and which keys are held.
 *           After a fresh start the controller is set up anew.
 * Spec:     IBM PS/2 Hardware Interface Technical Reference, "Keyboard".
 *
 * Ctrl-Alt-Del goes to tty as a flag. PrintScreen, ScrollLock and the Windows keys do nothing.
 */
#include "i8042_hw.h"
#include "keyboard.h"

#include <contract/kernel.h>
#include <contract/is.h>
#include <lib/assert.h>
#include <lib/clock.h>
#include <lib/peer.h>
#include <lib/print.h>

enum { IRQ_BIT = 0, TRIES = 3 };
#define ACK_NS 200000000ull
#define LATER_NS 20000000ull

static struct peer is = PEER("is");

/* ---- commands to the keyboard: one byte at a time, each is acknowledged ---- */

/* An alarm that is not needed any more, or comes too early, does no harm: on_alarm looks. */
static void set_alarm(uint64_t after_ns)
{
	struct alarm_set_request alarm = { .deadline_ns = clock_monotonic_ns() + after_ns };

	assert(sys_alarm_set(&alarm) == 0);
}

static void drop_commands(void)
{
	state.nr_commands = 0;
	state.awaiting = 0;
}

static void send_next(void)
{
	if (state.nr_commands == 0 || state.awaiting)
		return;
	if (!i8042_send(state.command[0])) {
		drop_commands();
		return;
	}
	state.awaiting = 1;
	state.sent_ns = clock_monotonic_ns();
	set_alarm(ACK_NS);
}

static void acknowledged(void)
{
	state.nr_commands--;
	memmove(state.command, state.command + 1, state.nr_commands);
	state.awaiting = 0;
	state.tries = 0;
	send_next();
}

static void sent_in_vain(void)
{
	state.awaiting = 0;
	if (++state.tries >= TRIES) {
		state.tries = 0;
		drop_commands();
	}
	send_next();
}

void keyboard_lights(void)
{
	if (!state.present || state.nr_commands + 2 > COMMANDS)
		return;
	state.command[state.nr_commands++] = KEYBOARD_LIGHTS;
	state.command[state.nr_commands++] = state.locks;
}

/* ---- what comes ---- */

static void take(uint8_t byte)
{
	if (state.awaiting && byte == KEYBOARD_ACK)
		acknowledged();
	else if (state.awaiting && byte == KEYBOARD_AGAIN)
		sent_in_vain();
	else
		keys_scan(byte);
}

/* is ranks above us: a message that nobody waits for. If is has no time, later. */
static bool tell_is(uint32_t key)
{
	struct message m = { .type = IS_KEY };
	struct is_key_request req = { .key = key };
	err_t err = -EDEADPEER;

	memcpy(m.w, &req, sizeof(req));
	for (unsigned tries = 0; tries < 2 && err == -EDEADPEER; tries++) {
		if (is.at.v == 0 && peer_find(&is) != 0)
			return true;            /* there is none: the key is for nobody */
		m.peer = is.at;
		err = ipc_sendnb(&m);
		if (err == -EDEADPEER)
			is.at.v = 0;
	}
	return err != -ENOTREADY;
}

static void tell_dumps(void)
{
	while (state.dumps != 0) {
		if (!tell_is((uint32_t)__builtin_ctz(state.dumps) + 1)) {
			set_alarm(LATER_NS);
			return;
		}
		state.dumps &= state.dumps - 1;
	}
}

static void take_all(void)
{
	uint8_t byte;

	while (state.present && i8042_read(&byte)) {
		take(byte);
		if (undo_used() > UNDO_ENTRIES / 2)
			undo_commit();
	}
	send_next();
}

static void on_irq(uint64_t lines)
{
	struct irq_ack_request ack = { .line = I8042_LINE };

	/* The line is edge-triggered: open it first, then take all there is. No edge is lost. */
	assert(sys_irq_ack(&ack) == 0);
	take_all();
	serial_work();
	tell_dumps();
}

/* An interrupt may have been lost, or what it is for not have been asked. */
static void audit(void)
{
	on_irq(0);
	serial_audit();
}

static uint32_t get(uint8_t *bytes, uint32_t max, uint32_t *flags)
{
	uint32_t n = 0;

	*flags = state.flags;
	state.flags = 0;
	while (n < max && state.tail != state.head)
		bytes[n++] = state.byte[state.tail++ % QUEUE];
	return n;
}

/* A command that was not acknowledged in time, or a dump key that is had no time for. */
static void on_alarm(void)
{
	if (state.awaiting && clock_monotonic_ns() >= state.sent_ns + ACK_NS)
		sent_in_vain();
	else if (state.awaiting)
		set_alarm(ACK_NS);
	tell_dumps();
}

/* ---- start ---- */

static void open_line(void)
{
	struct irq_claim_request claim = { .line = I8042_LINE, .bit = IRQ_BIT };
	struct irq_ack_request ack = { .line = I8042_LINE };
	struct irq_claim_reply reply;

	assert(sys_irq_claim(&claim, &reply) == 0);
	assert(sys_irq_ack(&ack) == 0);
}

static void begin(void)
{
	bool untranslated = false;

	state.present = i8042_init(&untranslated);
	state.untranslated = untranslated;
	if (!state.present)
		print("there is no keyboard controller\n");
	keyboard_lights();
}

static void init(enum start_kind kind)
{
	static const struct serial_driver driver = { .get = get };

	if (kind == START_FRESH)
		begin();
	open_line();
	take_all();
	serial_server_init(&state.line, &driver, kind);
	if (kind == START_FRESH)
		serial_work();
}

/* K1. Whether the last command was sent nobody knows: it is sent again. */
static err_t check(void)
{
	if (state.head - state.tail > QUEUE || state.nr_commands > COMMANDS ||
	    !serial_line_fits(&state.line))
		return -EINVAL;
	state.awaiting = 0;
	send_next();
	return 0;
}

int main(void)
{
	static const struct server keyboard = {
		.name = "keyboard", .init = init, .check = check, .on_irq = on_irq,
		.on_notify = serial_notified, .on_alarm = on_alarm, .audit = audit,
	};

	server_run(&keyboard);
}
