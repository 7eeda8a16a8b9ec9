/* SPDX-License-Identifier: BSD-2-Clause
 * scan_test.c - finding functions in a configuration space that is played here, also by devices
 * that lie.
 *
 * Links: servers/pci/scan.c
 */
#include <stdlib.h>
#include <string.h>

#include <servers/pci/pci.h>
#include <servers/pci/pci_hw.h>
#include <tests/unit.h>

enum { SPACES = 8 };

struct state state;
static struct { bool there; uint32_t fn, word[64], answer[PCI_BARS]; } space[SPACES];
static bool silent = true;

void print(const char *text, ...)
{
	if (!silent)
		puts(text);
}

uint32_t config_read(uint32_t fn, unsigned offset)
{
	for (unsigned i = 0; i < SPACES; i++)
		if (space[i].there && space[i].fn == fn && offset < 256)
			return space[i].word[offset / 4];
	CHECK(offset < 256);
	return UINT32_MAX;
}

void config_read_many(const uint32_t *fn, const uint16_t *offset, uint32_t *word, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		word[i] = config_read(fn[i], offset[i]);
}

void config_size_bars(uint32_t fn, unsigned bars, uint32_t *answer)
{
	for (unsigned i = 0; i < SPACES; i++)
		if (space[i].there && space[i].fn == fn)
			memcpy(answer, space[i].answer, bars * sizeof(answer[0]));
}

static uint32_t *device(unsigned n, uint32_t fn, uint32_t id, uint32_t header)
{
	memset(&space[n], 0, sizeof(space[n]));
	space[n].there = true;
	space[n].fn = fn;
	space[n].word[CONFIG_ID / 4] = id;
	space[n].word[CONFIG_HEADER / 4] = header << 16;
	return space[n].word;
}

static void setup(void)
{
	memset(space, 0, sizeof(space));
	memset(&state, 0, sizeof(state));
}

static void t_order(void)
{
	setup();
	device(0, 0x0310, 0x00018086, 0);
	device(1, 0x00fa, 0x00028086, 0);               /* 31.2 */
	device(2, 0x00f8, 0x00038086, HEADER_MULTI);    /* 31.0 */
	device(3, 0x0009, 0x00048086, 0);               /* function 1 of a device without 0 */
	device(4, 0x0319, 0x00058086, 0);               /* ... and of one of a single function */
	device(5, 0x0318, 0x00068086, HEADER_BRIDGE);
	scan();
	CHECK_EQ(state.count, 4);
	CHECK(state.function[0].fn == 0xf8 && state.function[1].fn == 0xfa &&
	      state.function[2].fn == 0x310 && state.function[3].fn == 0x318);
	CHECK(state.function[1].vendor == 0x8086 && state.function[1].device == 2);
}

static void t_bars(void)
{
	uint32_t *word;
	const struct bar *bar = state.function[0].bar;

	setup();
	word = device(0, 8, 0x10421af4, 0);
	word[4] = 0xc001;                               /* ports c000, 64 of them */
	space[0].answer[0] = 0xffffffc1;
	word[5] = 0xfebd1000;                           /* 4 KiB */
	space[0].answer[1] = 0xfffff000;
	word[7] = 0x0000400c;                           /* 64 bits, prefetchable, 16 KiB */
	word[8] = 0x00000080;
	space[0].answer[3] = 0xffffc00c;
	space[0].answer[4] = 0xffffffff;
	word[9] = 0x00000004;                           /* 64 bits, but there is no other half */
	space[0].answer[5] = 0xfffff004;
	scan();
	CHECK(bar[0].flags == PCI_BAR_IO && bar[0].address == 0xc000 && bar[0].size == 64);
	CHECK(bar[1].flags == 0 && bar[1].address == 0xfebd1000 && bar[1].size == 4096);
	CHECK_EQ(bar[2].size, 0);
	CHECK(bar[3].flags == (PCI_BAR_64 | PCI_BAR_PREFETCH) &&
	      bar[3].address == 0x8000004000 && bar[3].size == 16384);
	CHECK_EQ(bar[4].size, 0);
	CHECK(!(bar[5].flags & PCI_BAR_64) && bar[5].size == 4096);
}

static void t_capabilities(void)
{
	uint32_t *word;

	setup();
	word = device(0, 8, 0x10421af4, 0);
	word[CONFIG_COMMAND / 4] = STATUS_CAPABILITIES << 16;
	word[CONFIG_CAPABILITIES / 4] = 0x98;
	word[0x98 / 4] = 0x80020000 | 0x4000 | CAPABILITY_MSIX; /* three vectors, next at 0x40 */
	word[0x9c / 4] = 0x2001;
	word[0x40 / 4] = 0x5009;
	word[0x50 / 4] = CAPABILITY_MSI;
	scan();
	CHECK(state.function[0].msix == 0x98 && state.function[0].vectors == 3);
	CHECK_EQ(state.function[0].msix_table, 0x2001);
	CHECK_EQ(state.function[0].msi, 0x50);
}

static void t_lies(void)
{
	uint32_t *word;

	setup();
	word = device(0, 8, 0x10421af4, 0);
	word[CONFIG_COMMAND / 4] = STATUS_CAPABILITIES << 16;
	word[CONFIG_CAPABILITIES / 4] = 0x40;
	word[0x40 / 4] = 0x4009;                        /* a chain that bites its tail */
	scan();
	CHECK_EQ(state.count, 1);
	word[0x40 / 4] = 0xfc09;                        /* MSI-X beyond the end */
	word[0xfc / 4] = CAPABILITY_MSIX;
	scan();
	CHECK_EQ(state.function[0].msix, 0);
	for (unsigned round = 0; round < 2000; round++) {
		setup();
		for (unsigned n = 0; n < SPACES; n++) {
			device(n, (unsigned)rand() % 64, 0, 0);
			for (unsigned i = 0; i < 64; i++)
				space[n].word[i] = (uint32_t)rand() << 16 ^ (uint32_t)rand();
			for (unsigned i = 0; i < PCI_BARS; i++)
				space[n].answer[i] = (uint32_t)rand() << (rand() % 32);
		}
		scan();
		CHECK(state.count <= SPACES);
		for (unsigned i = 0; i < state.count; i++)
			for (unsigned b = 0; b < PCI_BARS; b++) {
				uint64_t size = state.function[i].bar[b].size;

				CHECK((size & (size - 1)) == 0);
			}
	}
}

int main(void)
{
	srand(1);
	TEST("functions are found in order, behind bridges too", t_order);
	TEST("base address registers have their sizes", t_bars);
	TEST("MSI and MSI-X are found", t_capabilities);
	TEST("endless chains and random headers do no harm", t_lies);
	return test_result();
}
