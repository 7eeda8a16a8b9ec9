/* SPDX-License-Identifier: BSD-2-Clause
 * i8042.c - the PC's keyboard controller.
 *
 * Job:      sets controller and keyboard up; carries bytes.
 * Speaks:   the kernel call port_io.
 * Touches:  I/O ports 0x60 and 0x64.
 * Trusts:   the chip for nothing: every wait ends.
 * On crash: holds no state.
 * Spec:     IBM PS/2 Hardware Interface Technical Reference; i8042_hw.h.
 */
#include "i8042_hw.h"
#include "keyboard.h"

#include <contract/kernel.h>
#include <lib/assert.h>
#include <lib/clock.h>
#include <lib/print.h>

#define TAKE_NS 20000000ull             /* the controller takes a byte */
#define ANSWER_NS 100000000ull          /* controller or keyboard answer */
enum { DRAIN = 64 };                    /* bytes that may lie around from before */
enum { SET_2 = 2, RATE_FASTEST = 0 };   /* 30 a second after 250 ms */

static uint8_t port(uint16_t at, bool write, uint8_t value)
{
	struct port_op op = { .port = at, .width = 1, .write = write, .value = value };
	struct port_io_request req = { .address = (uint64_t)&op, .count = 1 };
	struct port_io_reply reply;

	assert(sys_port_io(&req, &reply) == 0);
	return (uint8_t)op.value;
}

static uint8_t status(void)
{
	return port(I8042_STATUS, false, 0);
}

static bool put(uint16_t at, uint8_t value)
{
	uint64_t end = clock_monotonic_ns() + TAKE_NS;

	while (status() & STATUS_INPUT)
		if (clock_monotonic_ns() > end)
			return false;
	port(at, true, value);
	return true;
}

/* The next byte of controller or keyboard. */
static bool get(uint8_t *value)
{
	uint64_t end = clock_monotonic_ns() + ANSWER_NS;
	uint8_t s;

	for (;;) {
		s = status();
		if (s & STATUS_OUTPUT)
			break;
		if (clock_monotonic_ns() > end)
			return false;
	}
	*value = port(I8042_DATA, false, 0);
	return true;
}

bool i8042_read(uint8_t *byte)
{
	uint8_t s;

	while ((s = status()) & STATUS_OUTPUT && s != STATUS_NOTHING) {
		*byte = port(I8042_DATA, false, 0);
		if (!(s & STATUS_AUX))
			return true;
	}
	return false;
}

bool i8042_send(uint8_t byte)
{
	return put(I8042_DATA, byte);
}

static void drain(void)
{
	for (unsigned i = 0; i < DRAIN && status() & STATUS_OUTPUT; i++)
		port(I8042_DATA, false, 0);
}

/* A command to the keyboard, with the controller's interrupt off. */
static bool tell(uint8_t byte)
{
	uint8_t answer;

	for (unsigned tries = 0; tries < 3; tries++) {
		if (!i8042_send(byte))
			return false;
		do {
			if (!get(&answer))
				return false;
		} while (answer != KEYBOARD_ACK && answer != KEYBOARD_AGAIN);
		if (answer == KEYBOARD_ACK)
			return true;
	}
	return false;
}

static bool read_config(uint8_t *config)
{
	return put(I8042_COMMAND, CONTROLLER_READ) && get(config);
}

static bool write_config(uint8_t config)
{
	return put(I8042_COMMAND, CONTROLLER_WRITE) && put(I8042_DATA, config);
}

static bool controller_init(uint8_t *config)
{
	uint8_t answer = 0;

	if (status() == STATUS_NOTHING)
		return false;
	if (!put(I8042_COMMAND, CONTROLLER_KEYBOARD_OFF) || !put(I8042_COMMAND, CONTROLLER_AUX_OFF))
		return false;
	drain();
	if (!read_config(config))
		return false;
	if (!put(I8042_COMMAND, CONTROLLER_TEST) || !get(&answer) || answer != TEST_PASSED) {
		print("the controller failed its test (0x%02x)\n", answer);
		return false;
	}
	/* The test may have changed the configuration. */
	*config &= (uint8_t)~(CONFIG_IRQ | CONFIG_AUX_IRQ | CONFIG_KEYBOARD_OFF);
	*config |= CONFIG_TRANSLATE | CONFIG_AUX_OFF;
	if (!write_config(*config) || !read_config(config))
		return false;
	if (put(I8042_COMMAND, CONTROLLER_KEYBOARD_TEST) && get(&answer) && answer != 0)
		print("the keyboard's line failed its test (0x%02x)\n", answer);
	return put(I8042_COMMAND, CONTROLLER_KEYBOARD_ON);
}

/* A keyboard that is not there now, or slow, is used with what it was set to. */
static void keyboard_init(void)
{
	if (!tell(KEYBOARD_OFF)) {
		print("there is no keyboard, or it does not answer\n");
		return;
	}
	if (!tell(KEYBOARD_SET) || !tell(SET_2))
		print("the keyboard does not take scan code set 2\n");
	if (!tell(KEYBOARD_RATE) || !tell(RATE_FASTEST))
		print("the keyboard's rate cannot be set\n");
	if (!tell(KEYBOARD_ON))
		print("the keyboard does not start\n");
}

bool i8042_init(bool *untranslated)
{
	uint8_t config;

	if (!controller_init(&config))
		return false;
	*untranslated = !(config & CONFIG_TRANSLATE);
	keyboard_init();
	drain();
	return write_config(config | CONFIG_IRQ);
}
