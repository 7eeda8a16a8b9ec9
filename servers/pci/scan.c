/* SPDX-License-Identifier: BSD-2-Clause
 * scan.c - which functions there are.
 *
 * Job:      looks at every bus, device and function, and fills the table.
 * Speaks:   nothing.
 * Touches:  state; configuration space through config.c. The firmware's bus numbers and addresses
 *           are kept.
 * Trusts:   no device: offsets and sizes are checked, chains of capabilities are bounded.
 * On crash: done at a fresh start only.
 * Spec:     PCI Local Bus Specification 3.0, 6.1, 6.2.5.1, 6.7 (capabilities), 6.8.2 (MSI-X).
 */
#include "pci.h"
#include "pci_hw.h"

#include <lib/print.h>

enum { BUSES = 256, DEVICES = 32, FUNCTIONS = 8, CAPABILITIES_MAX = 48 };

static uint64_t bar_size(uint64_t answer, uint64_t mask)
{
	uint64_t bits = answer & mask;

	return bits & (~bits + 1);      /* the lowest bit that could be set */
}

/* BAR i, from its value and what it answered to ones. Returns how many registers it takes. */
static unsigned take_bar(struct bar *b, const uint32_t *value, const uint32_t *answer, bool last)
{
	if (value[0] & BAR_IO) {
		*b = (struct bar){
			.address = value[0] & 0xfffc, .flags = PCI_BAR_IO,
			.size = bar_size(answer[0], 0xfffc),
		};
		return 1;
	}
	b->flags = value[0] & BAR_PREFETCH ? PCI_BAR_PREFETCH : 0;
	b->address = value[0] & ~15u;
	if ((value[0] & BAR_TYPE) != BAR_TYPE_64 || last) {
		b->size = bar_size(answer[0], ~15u);
		return 1;
	}
	b->flags |= PCI_BAR_64;
	b->address |= (uint64_t)value[1] << 32;
	b->size = bar_size(answer[0] | (uint64_t)answer[1] << 32, ~15ull);
	return 2;
}

static void take_bars(struct function *f)
{
	unsigned n = f->header == HEADER_DEVICE ? PCI_BARS : f->header == HEADER_BRIDGE ? 2 : 0;
	uint32_t value[PCI_BARS], answer[PCI_BARS];

	if (n == 0)
		return;
	for (unsigned i = 0; i < n; i++)
		value[i] = config_read(f->fn, CONFIG_BAR + 4 * i);
	config_size_bars(f->fn, n, answer);
	for (unsigned i = 0; i < n;)
		i += take_bar(&f->bar[i], &value[i], &answer[i], i + 1 == n);
}

static void take_capabilities(struct function *f)
{
	unsigned at = config_read(f->fn, CONFIG_CAPABILITIES) & 0xfc;

	if (!(config_read(f->fn, CONFIG_COMMAND) >> 16 & STATUS_CAPABILITIES))
		return;
	for (unsigned n = 0; at >= CONFIG_OWN && n < CAPABILITIES_MAX; n++) {
		uint32_t word = config_read(f->fn, at);

		if ((word & 0xff) == CAPABILITY_MSI)
			f->msi = (uint8_t)at;
		if ((word & 0xff) == CAPABILITY_MSIX && at <= CONFIG_SIZE - MSIX_BYTES) {
			f->msix = (uint8_t)at;
			f->vectors = (uint16_t)((word >> 16 & MSIX_SIZE) + 1);
			f->msix_table = config_read(f->fn, at + 4);
		}
		at = word >> 8 & 0xfc;
	}
}

static void take_function(uint32_t fn, uint32_t id)
{
	uint32_t kind = config_read(fn, CONFIG_CLASS);
	uint32_t sub = config_read(fn, CONFIG_SUBSYSTEM);
	uint32_t interrupt = config_read(fn, CONFIG_INTERRUPT);
	struct function *f = &state.function[state.count];

	if (state.count == NR_FUNCTIONS) {
		print("more than %d functions: %x:%x is left out\n", NR_FUNCTIONS, id & 0xffff,
		      id >> 16);
		return;
	}
	*f = (struct function){
		.fn = fn, .vendor = (uint16_t)id, .device = (uint16_t)(id >> 16),
		.class = kind >> 8, .revision = (uint8_t)kind,
		.line = (uint8_t)interrupt, .pin = (uint8_t)(interrupt >> 8),
	};
	f->header = config_read(fn, CONFIG_HEADER) >> 16 & HEADER_TYPE;
	if (f->header == HEADER_DEVICE) {
		f->subvendor = (uint16_t)sub;
		f->subdevice = (uint16_t)(sub >> 16);
	}
	take_bars(f);
	take_capabilities(f);
	state.count++;
	print("%02x:%02x.%x %04x:%04x class %06x%s\n", fn >> 8, fn >> 3 & 31, fn & 7, f->vendor,
	      f->device, f->class, f->msix ? " msix" : "");
}

static bool is_there(uint32_t id)
{
	return (id & 0xffff) != 0xffff && (id & 0xffff) != 0;
}

static void scan_bus(unsigned bus)
{
	uint32_t fn[DEVICES], id[DEVICES];
	uint16_t zero[DEVICES] = { 0 };

	for (unsigned i = 0; i < DEVICES; i++)
		fn[i] = bus << 8 | i << 3;
	config_read_many(fn, zero, id, DEVICES);
	for (unsigned i = 0; i < DEVICES; i++) {
		unsigned functions = FUNCTIONS;

		if (!is_there(id[i]))
			continue;
		if (!(config_read(fn[i], CONFIG_HEADER) >> 16 & HEADER_MULTI))
			functions = 1;
		take_function(fn[i], id[i]);
		for (unsigned k = 1; k < functions; k++) {
			uint32_t other = config_read(fn[i] | k, CONFIG_ID);

			if (is_there(other))
				take_function(fn[i] | k, other);
		}
	}
}

void scan(void)
{
	state.count = 0;
	for (unsigned bus = 0; bus < BUSES; bus++)
		scan_bus(bus);
	print("%u functions\n", state.count);
}
