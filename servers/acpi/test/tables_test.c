/* SPDX-License-Identifier: BSD-2-Clause
 * tables_test.c - firmware tables made here: right ones, wrong ones, and thousands that are broken
 * at random, in memory whose ends the sanitizers watch.
 *
 * Links: servers/acpi/tables.c
 */
#include <stdlib.h>
#include <string.h>

#include <servers/acpi/acpi.h>
#include <tests/unit.h>

enum { BASE = 0x7fe0000, SIZE = 4096, RSDP = 0x40, RSDT = 0x80, FADT = 0x100, DSDT = 0x200,
       XSDT = 0xc00, FADT_LEN = 148, DSDT_LEN = 0x80, S5 = 0x30 };

static uint8_t *memory;
static struct area area[AREAS];

static void put32(unsigned at, uint32_t v)
{
	memcpy(memory + at, &v, 4);
}

static void sum_up(unsigned at, unsigned len, unsigned where)
{
	uint8_t sum = 0;

	memory[at + where] = 0;
	for (unsigned i = 0; i < len; i++)
		sum = (uint8_t)(sum + memory[at + i]);
	memory[at + where] = (uint8_t)-sum;
}

static void header(unsigned at, const char *name, uint32_t len)
{
	memcpy(memory + at, name, 4);
	put32(at + 4, len);
}

/* A sane set, as QEMU's. */
static void make(void)
{
	static const uint8_t s5[] = { 8, '_', 'S', '5', '_', 0x12, 6, 4, 0x0a, 5, 0, 0, 0 };

	memset(memory, 0, SIZE);
	memcpy(memory + RSDP, "RSD PTR ", 8);
	put32(RSDP + 16, BASE + RSDT);
	sum_up(RSDP, 20, 8);
	header(RSDT, "RSDT", 36 + 8);
	put32(RSDT + 36, BASE + DSDT);          /* not the one that is wanted */
	put32(RSDT + 40, BASE + FADT);
	sum_up(RSDT, 36 + 8, 9);
	header(FADT, "FACP", FADT_LEN);
	put32(FADT + 40, BASE + DSDT);
	put32(FADT + 48, 0xb2);
	memory[FADT + 52] = 2;
	put32(FADT + 64, 0x604);
	put32(FADT + 112, 1 << 10);
	memory[FADT + 116] = 1;
	put32(FADT + 120, 0xcf9);
	memory[FADT + 128] = 15;
	sum_up(FADT, FADT_LEN, 9);
	header(DSDT, "DSDT", DSDT_LEN);
	memcpy(memory + DSDT + S5, s5, sizeof(s5));
	sum_up(DSDT, DSDT_LEN, 9);
	area[0] = (struct area){ BASE, SIZE, memory };
	area[1] = (struct area){ 0xe0000, 0, NULL };
}

static void t_right(void)
{
	struct power p;

	make();
	CHECK(tables_read(area, BASE + RSDP, &p));
	CHECK(p.can_sleep && p.can_reset);
	CHECK_EQ(p.pm1a, 0x604);
	CHECK_EQ(p.pm1b, 0);
	CHECK_EQ(p.s5a, 5);
	CHECK_EQ(p.s5b, 0);
	CHECK_EQ(p.smi_port, 0xb2);
	CHECK_EQ(p.smi_enable, 2);
	CHECK_EQ(p.reset_port, 0xcf9);
	CHECK_EQ(p.reset_value, 15);
}

static void t_looked_for(void)
{
	struct power p;

	make();
	CHECK(tables_read(area, 0, &p) && p.can_sleep);
	memory[RSDP + 12]++;
	CHECK(!tables_read(area, 0, &p));
}

static void t_xsdt(void)
{
	struct power p;
	uint64_t at = BASE + XSDT, fadt = BASE + FADT;

	make();
	memory[RSDP + 15] = 2;
	memcpy(memory + RSDP + 24, &at, 8);
	put32(RSDP + 16, 0);
	sum_up(RSDP, 20, 8);
	header(XSDT, "XSDT", 36 + 8);
	memcpy(memory + XSDT + 36, &fadt, 8);
	sum_up(XSDT, 36 + 8, 9);
	CHECK(tables_read(area, BASE + RSDP, &p) && p.can_sleep && p.s5a == 5);
}

static void t_sums(void)
{
	static const unsigned at[] = { RSDP + 10, RSDT + 20, FADT + 20 };
	struct power p;

	for (unsigned i = 0; i < 3; i++) {
		make();
		memory[at[i]]++;
		CHECK(!tables_read(area, BASE + RSDP, &p));
	}
	make();
	memory[DSDT + 20]++;
	CHECK(tables_read(area, BASE + RSDP, &p) && !p.can_sleep && p.can_reset);
}

static void t_lengths(void)
{
	struct power p;

	make();
	put32(RSDT + 4, SIZE);                  /* beyond the area */
	CHECK(!tables_read(area, BASE + RSDP, &p));
	make();
	put32(RSDT + 4, 8);
	CHECK(!tables_read(area, BASE + RSDP, &p));
	make();
	put32(FADT + 4, 80);                    /* too short for what is wanted */
	sum_up(FADT, 80, 9);
	CHECK(!tables_read(area, BASE + RSDP, &p));
	make();
	CHECK(!tables_read(area, BASE - 8, &p));
	CHECK(!tables_read(area, BASE + SIZE - 8, &p));
	CHECK(!tables_read(area, UINT64_MAX - 4, &p));
}

static void t_s5(void)
{
	static const uint8_t odd[][8] = {
		{ 0x12, 6, 4, 0x0a, 9 },        /* no such sleep type */
		{ 0x11, 6, 4, 0x0a, 5 },        /* not a package */
		{ 0x12, 6, 0, 0x0a, 5 },        /* an empty one */
		{ 0x12, 6, 4, 0x70, 5 },        /* not a constant */
	};
	struct power p;

	for (unsigned i = 0; i < 4; i++) {
		make();
		memcpy(memory + DSDT + S5 + 5, odd[i], 8);
		sum_up(DSDT, DSDT_LEN, 9);
		CHECK(tables_read(area, BASE + RSDP, &p) && !p.can_sleep);
	}
	make();
	memory[DSDT + S5] = 0x14;               /* a method of that name */
	sum_up(DSDT, DSDT_LEN, 9);
	CHECK(tables_read(area, BASE + RSDP, &p) && !p.can_sleep);
}

static void t_broken(void)
{
	struct power p;
	unsigned read = 0;

	srand(1);
	for (unsigned round = 0; round < 200000; round++) {
		make();
		for (unsigned n = (unsigned)rand() % 4; n > 0; n--)
			memory[(unsigned)rand() % (DSDT + DSDT_LEN)] = (uint8_t)rand();
		sum_up(RSDP, 20, 8);
		sum_up(RSDT, 36 + 8, 9);
		sum_up(FADT, FADT_LEN, 9);
		sum_up(DSDT, DSDT_LEN, 9);
		read += tables_read(area, round % 2 ? BASE + RSDP : 0, &p);
	}
	CHECK(read > 1000);
}

int main(void)
{
	memory = malloc(SIZE);
	TEST("registers and sleep type are found", t_right);
	TEST("the root pointer is looked for if the loader does not name it", t_looked_for);
	TEST("a 64-bit root table is used", t_xsdt);
	TEST("a wrong sum refuses a table", t_sums);
	TEST("lengths and addresses that lie are refused", t_lengths);
	TEST("a sleep type that makes no sense is refused", t_s5);
	TEST("tables broken at random do no harm", t_broken);
	free(memory);
	return test_result();
}
