/* SPDX-License-Identifier: BSD-2-Clause
 * config.c - configuration space.
 *
 * Job:      reads and writes registers of functions by configuration mechanism #1.
 * Speaks:   the kernel call port_io.
 * Touches:  I/O ports 0xcf8-0xcff.
 * Trusts:   the chip set.
 * On crash: holds no state. Address and data port are used in one kernel call, so nobody sees half.
 * Spec:     PCI Local Bus Specification 3.0, 3.2.2.3.2 (mechanism #1), 6.2.5.1 (size of a BAR).
 */
#include "pci.h"
#include "pci_hw.h"

#include <contract/kernel.h>
#include <lib/assert.h>

static void ports(struct port_op *op, uint32_t count)
{
	struct port_io_request req = { .address = (uint64_t)op, .count = count };
	struct port_io_reply reply;
	err_t err = sys_port_io(&req, &reply);

	assert(err == 0);
}

static struct port_op select(uint32_t fn, unsigned offset)
{
	return (struct port_op){
		.port = PORT_ADDRESS, .width = 4, .write = 1,
		.value = ADDRESS_ENABLE | fn << 8 | (offset & ~3u),
	};
}

static struct port_op transfer(unsigned offset, unsigned width, bool write, uint32_t value)
{
	return (struct port_op){
		.port = (uint16_t)(PORT_DATA + (offset & 3)), .width = (uint8_t)width,
		.write = write, .value = value,
	};
}

void config_read_many(const uint32_t *fn, const uint16_t *offset, uint32_t *word, unsigned n)
{
	struct port_op op[PORT_OPS_MAX];

	assert(2 * n <= COUNT(op));
	for (unsigned i = 0; i < n; i++) {
		op[2 * i] = select(fn[i], offset[i]);
		op[2 * i + 1] = transfer(0, 4, false, 0);
	}
	ports(op, 2 * n);
	for (unsigned i = 0; i < n; i++)
		word[i] = op[2 * i + 1].value;
}

uint32_t config_read(uint32_t fn, unsigned offset)
{
	struct port_op op[2] = { select(fn, offset), transfer(0, 4, false, 0) };

	ports(op, 2);
	return op[1].value;
}

void config_write(uint32_t fn, unsigned offset, unsigned width, uint32_t value)
{
	struct port_op op[2] = { select(fn, offset), transfer(offset, width, true, value) };

	ports(op, 2);
}

void reset_control(unsigned value)
{
	struct port_op op = { .port = PORT_RESET, .width = 1, .write = 1, .value = value };

	ports(&op, 1);
}

/* Decoding is off while the BARs hold ones. All of it is one kernel call, in which no driver runs:
 * the device of a running driver is itself again before the driver is. */
void config_size_bars(uint32_t fn, unsigned bars, uint32_t *answer)
{
	uint32_t command = config_read(fn, CONFIG_COMMAND) & 0xffff;
	uint32_t off = command & ~(uint32_t)(COMMAND_IO | COMMAND_MEMORY);
	struct port_op op[4 + 7 * PCI_BARS];
	unsigned n = 0;

	op[n++] = select(fn, CONFIG_COMMAND);
	op[n++] = transfer(0, 2, true, off);
	for (unsigned i = 0; i < bars; i++) {
		uint32_t value = config_read(fn, CONFIG_BAR + 4 * i);

		op[n++] = select(fn, CONFIG_BAR + 4 * i);
		op[n++] = transfer(0, 4, true, UINT32_MAX);
		op[n++] = transfer(0, 4, false, 0);
		op[n++] = transfer(0, 4, true, value);
	}
	op[n++] = select(fn, CONFIG_COMMAND);
	op[n++] = transfer(0, 2, true, command);
	ports(op, n);
	for (unsigned i = 0; i < bars; i++)
		answer[i] = op[2 + 4 * i + 2].value;
}
