/* SPDX-License-Identifier: BSD-2-Clause
 * acpi.c - switches the machine off, and resets it.
 *
 * Job:      does what the firmware's tables say; without tables, what the chip set is known for.
 * Speaks:   contracts/power, to vfs; rs.firmware_grant, vm.device_map, pci.
 * Touches:  memory with firmware tables, which it only reads; PM1 registers, the SMI command.
 * Trusts:   nothing in a table (tables.c). A register must be among the ports of the manifest.
 * On crash: started afresh: it reads the tables again.
 * Spec:     ACPI Specification 6.4, 4.8.3 (PM1), 7.4.2.6 (S5), 4.8.3.6 (reset); Intel ICH9 data
 *           sheet, 13.1.13 (PMBASE).
 */
#include "acpi.h"

#include <abi/boot.h>
#include <contract/kernel.h>
#include <contract/pci.h>
#include <contract/power.h>
#include <contract/rs.h>
#include <contract/vm.h>
#include <lib/clock.h>
#include <lib/peer.h>
#include <lib/print.h>
#include <lib/server.h>
#include <lib/service_ids.h>

enum { PM1_SCI_ENABLE = 1, PM1_TYPE_SHIFT = 10, PM1_SLEEP = 1 << 13 };
enum { RESET_CONTROL = 0xcf9, RESET_HARD = 6 };
enum { INTEL = 0x8086, ICH9_LPC = 0x2918, PIIX4_PM = 0x7113, PM_BASE = 0x40, PM1_CONTROL = 4,
       PM_BASE_MASK = 0xff80, S5_QEMU = 0, S5_ICH = 7 };
#define PATIENCE_NS 200000000ull        /* for the machine to do it */
#define LAST_WORDS_NS 50000000ull       /* for the console to show what was said */

static struct peer rs = PEER("rs"), vm = PEER("vm"), pci = PEER("pci");
static struct power power;

/* ---- ports ---- */

static err_t port(uint16_t number, unsigned width, bool write, uint32_t *value)
{
	struct port_op op = { .port = number, .width = (uint8_t)width, .write = write,
			      .value = *value };
	struct port_io_request req = { .address = (uint64_t)&op, .count = 1 };
	struct port_io_reply reply;
	err_t err = sys_port_io(&req, &reply);

	*value = op.value;
	return err;
}

static err_t port_write(uint16_t number, unsigned width, uint32_t value)
{
	return port(number, width, true, &value);
}

static bool acpi_is_on(void)
{
	uint32_t value = 0;

	return port(power.pm1a, 2, false, &value) == 0 && value & PM1_SCI_ENABLE;
}

/* Drivers have a better priority: they run meanwhile. */
static void linger(uint64_t ns)
{
	uint64_t end = clock_monotonic_ns() + ns;

	while (clock_monotonic_ns() < end)
		__asm__ volatile("pause");
}

static void turn_on(void)
{
	uint64_t end = clock_monotonic_ns() + PATIENCE_NS;

	if (power.smi_port == 0 || power.smi_enable == 0 || acpi_is_on() ||
	    port_write(power.smi_port, 1, power.smi_enable) != 0)
		return;
	while (!acpi_is_on() && clock_monotonic_ns() < end)
		__asm__ volatile("pause");
}

/* The other bits of the register stay as they are. */
static err_t sleep_by(uint16_t control, unsigned type)
{
	uint32_t value = 0;
	err_t err = port(control, 2, false, &value);

	value = (value & ~(uint32_t)(7 << PM1_TYPE_SHIFT | PM1_SLEEP)) | type << PM1_TYPE_SHIFT;
	if (err == 0)
		err = port_write(control, 2, value);
	return err == 0 ? port_write(control, 2, value | PM1_SLEEP) : err;
}

/* ---- without tables ---- */

static err_t chip_base(uint16_t device, uint16_t *base)
{
	struct pci_claim_request claim = { .vendor = INTEL, .device = device };
	struct pci_claim_reply f;
	struct pci_config_read_request read = { .offset = PM_BASE, .count = 1 };
	struct pci_config_read_reply r;
	err_t err = pci_claim(&pci, &claim, &f);

	if (err != 0)
		return err;
	read.fn = f.fn;
	err = pci_config_read(&pci, &read, &r);
	*base = (uint16_t)(r.word[0] & PM_BASE_MASK);
	return err;
}

static err_t off_by_chip(void)
{
	uint16_t base = 0;
	err_t err = chip_base(ICH9_LPC, &base);

	if (err != 0)
		err = chip_base(PIIX4_PM, &base);
	if (err != 0 || base == 0)
		return -ENODEV;
	err = sleep_by((uint16_t)(base + PM1_CONTROL), S5_QEMU);
	linger(PATIENCE_NS);
	if (err == 0)
		err = sleep_by((uint16_t)(base + PM1_CONTROL), S5_ICH);
	return err;
}

/* ---- contracts/power ---- */

static err_t off_by_tables(void)
{
	err_t err;

	turn_on();
	err = power.pm1b != 0 ? sleep_by(power.pm1b, power.s5b) : 0;
	return err == 0 ? sleep_by(power.pm1a, power.s5a) : err;
}

static bool may_end(const struct call *c, endpoint_t proc)
{
	return endpoint_slot(c->client) == ID_VFS && call_is_for(c, proc, LINUX_REBOOT);
}

static err_t do_power_off(const struct call *c, const struct power_off_request *req)
{
	err_t err = -ENODEV;

	if (!may_end(c, req->proc))
		return -EPERM;
	linger(LAST_WORDS_NS);
	if (power.can_sleep)
		err = off_by_tables();
	if (err != 0)
		err = off_by_chip();
	if (err != 0)
		return -ENODEV;
	linger(PATIENCE_NS);
	return -EIO;
}

/* The usual register lies among the ports of pci. */
static err_t do_power_reset(const struct call *c, const struct power_reset_request *asked)
{
	struct pci_reset_request req = { .value = RESET_HARD };

	if (!may_end(c, asked->proc))
		return -EPERM;
	linger(LAST_WORDS_NS);
	if (power.can_reset && power.reset_port == RESET_CONTROL)
		req.value = power.reset_value;
	else if (power.can_reset && port_write(power.reset_port, 1, power.reset_value) == 0)
		linger(PATIENCE_NS);
	if (pci_reset(&pci, &req) == 0)
		linger(PATIENCE_NS);
	return -EIO;
}

/* ---- start ---- */

static void map_areas(struct area *area)
{
	struct rs_firmware_grant_reply r;

	if (rs_firmware_grant(&rs, &r) != 0)
		return;
	for (unsigned i = 0; i < AREAS; i++) {
		struct vm_device_map_request req = {
			.physical = (uint64_t)r.range[2 * i] * PAGE_SIZE,
			.len = (uint64_t)r.range[2 * i + 1] * PAGE_SIZE,
		};
		struct vm_device_map_reply mapped;

		if (req.len == 0 || vm_device_map(&vm, &req, &mapped) != 0)
			continue;
		area[i] = (struct area){ req.physical, req.len,
					 (const uint8_t *)mapped.address };
	}
}

static void init(enum start_kind kind)
{
	static struct boot_info boot;
	struct boot_info_request req = { .address = (uint64_t)&boot };
	struct area area[AREAS] = { { 0, 0, NULL } };

	map_areas(area);
	if (sys_boot_info(&req) != 0)
		boot.rsdp = 0;
	if (!tables_read(area, boot.rsdp, &power))
		print("no firmware tables\n");
	else if (power.can_sleep)
		print("off by port 0x%x, type %u; reset by port 0x%x\n", power.pm1a, power.s5a,
		      power.reset_port);
	else
		print("the firmware tables do not say how to switch off\n");
}

int main(void)
{
	static const struct power_ops ops = { .off = do_power_off, .reset = do_power_reset };
	static const struct server acpi = {
		.name = "acpi", .serves = { { .contract = &power_contract, .ops = &ops } },
		.init = init,
	};

	server_run(&acpi);
}
