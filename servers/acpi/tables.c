/* SPDX-License-Identifier: BSD-2-Clause
 * tables.c - the firmware's tables.
 *
 * Job:      finds RSDP, RSDT or XSDT, FADT and DSDT; takes the power registers out of the FADT and
 *           the sleep type of S5 out of the DSDT.
 * Speaks:   nothing.
 * Touches:  nothing: it reads areas that its caller has mapped.
 * Trusts:   nothing in a table: lengths are checked against the areas, sums are checked.
 * On crash: holds no state.
 * Spec:     ACPI Specification 6.4: 5.2.5 (RSDP), 5.2.7 (RSDT), 5.2.9 (FADT), 20.2.4 (packages),
 *           7.4.2 (_Sx), 4.8.3.2 (PM1 control).
 */
#include "acpi.h"

#include <lib/string.h>

enum { HEADER = 36, RSDP_OLD = 20, RSDP_NEW = 36, RSDP_STEP = 16 };
enum { RSDP_REVISION = 15, RSDP_RSDT = 16, RSDP_XSDT = 24 };
enum { TABLE_LENGTH = 4 };
enum {
	FADT_DSDT = 40, FADT_SMI_CMD = 48, FADT_ACPI_ENABLE = 52, FADT_PM1A = 64, FADT_PM1B = 68,
	FADT_FLAGS = 112, FADT_RESET_REG = 116, FADT_RESET_VALUE = 128, FADT_X_DSDT = 140,
	FADT_MIN = 116, FADT_WITH_RESET = 129, FADT_WITH_X = 148,
};
enum { FLAG_RESET_REG = 1 << 10, SPACE_IO = 1 };
enum { GAS_SPACE = 0, GAS_ADDRESS = 4 };
enum { AML_ZERO = 0, AML_ONE = 1, AML_NAME = 8, AML_BYTE = 0x0a, AML_WORD = 0x0b, AML_ROOT = '\\',
       AML_PACKAGE = 0x12 };

static uint64_t number(const uint8_t *at, unsigned bytes)
{
	uint64_t v = 0;

	for (unsigned i = bytes; i > 0; i--)
		v = v << 8 | at[i - 1];
	return v;
}

/* [physical, + len) if it lies in an area. */
static const uint8_t *find(const struct area *area, uint64_t physical, uint64_t len)
{
	for (unsigned i = 0; i < AREAS; i++)
		if (area[i].at != NULL && physical >= area[i].physical &&
		    len <= area[i].len && physical - area[i].physical <= area[i].len - len)
			return area[i].at + (physical - area[i].physical);
	return NULL;
}

static bool sum_is_zero(const uint8_t *at, uint64_t len)
{
	uint8_t sum = 0;

	for (uint64_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + at[i]);
	return sum == 0;
}

/* A table with this signature, whole and with the right sum. */
static const uint8_t *table(const struct area *area, uint64_t physical, const char *name,
			    uint32_t *len)
{
	const uint8_t *at = find(area, physical, HEADER);

	if (at == NULL || memcmp(at, name, 4) != 0)
		return NULL;
	*len = (uint32_t)number(at + TABLE_LENGTH, 4);
	if (*len < HEADER || find(area, physical, *len) == NULL || !sum_is_zero(at, *len))
		return NULL;
	return at;
}

/* ---- RSDP, RSDT, XSDT ---- */

static const uint8_t *rsdp_at(const struct area *area, uint64_t physical)
{
	const uint8_t *at = find(area, physical, RSDP_OLD);

	return at != NULL && memcmp(at, "RSD PTR ", 8) == 0 && sum_is_zero(at, RSDP_OLD) ? at
											 : NULL;
}

static uint64_t rsdp_look(const struct area *area)
{
	for (unsigned i = 0; i < AREAS; i++)
		for (uint64_t o = 0; area[i].at != NULL && o + RSDP_OLD <= area[i].len;
		     o += RSDP_STEP)
			if (rsdp_at(area, area[i].physical + o) != NULL)
				return area[i].physical + o;
	return 0;
}

/* The first table of that name in a root table whose entries have so many bytes. */
static const uint8_t *listed(const struct area *area, const uint8_t *root, uint32_t root_len,
			     unsigned entry, const char *name, uint32_t *len)
{
	for (uint32_t o = HEADER; o + entry <= root_len; o += entry) {
		const uint8_t *at = table(area, number(root + o, entry), name, len);

		if (at != NULL)
			return at;
	}
	return NULL;
}

static const uint8_t *find_fadt(const struct area *area, uint64_t rsdp, uint32_t *len)
{
	const uint8_t *at = rsdp_at(area, rsdp), *root, *fadt = NULL;
	uint32_t root_len;

	if (at == NULL)
		return NULL;
	if (at[RSDP_REVISION] >= 2 && find(area, rsdp, RSDP_NEW) != NULL) {
		root = table(area, number(at + RSDP_XSDT, 8), "XSDT", &root_len);
		if (root != NULL)
			fadt = listed(area, root, root_len, 8, "FACP", len);
	}
	if (fadt != NULL)
		return fadt;
	root = table(area, number(at + RSDP_RSDT, 4), "RSDT", &root_len);
	return root != NULL ? listed(area, root, root_len, 4, "FACP", len) : NULL;
}

/* ---- \_S5 in the DSDT: Name (_S5, Package () { type a, type b, ... }) ---- */

/* A small constant at *at; false: something else. */
static bool constant(const uint8_t **at, const uint8_t *end, uint8_t *value)
{
	unsigned bytes = **at == AML_BYTE ? 2 : **at == AML_WORD ? 3 : 1;

	if (end - *at < (ptrdiff_t)bytes || (bytes == 1 && **at > AML_ONE))
		return false;
	*value = bytes == 1 ? **at : (*at)[1];
	*at += bytes;
	return true;
}

/* What follows the name. */
static bool package(const uint8_t *at, const uint8_t *end, struct power *p)
{
	unsigned more;

	if (end - at < 3 || *at != AML_PACKAGE)
		return false;
	more = at[1] >> 6;              /* further bytes of the length */
	if (end - at < 4 + (ptrdiff_t)more)
		return false;
	at += 2 + more;
	if (*at++ < 1 || !constant(&at, end, &p->s5a))  /* number of elements */
		return false;
	if (at >= end || !constant(&at, end, &p->s5b))
		p->s5b = p->s5a;
	return p->s5a <= 7 && p->s5b <= 7;
}

static bool find_s5(const uint8_t *dsdt, uint32_t len, struct power *p)
{
	for (uint32_t o = HEADER + 2; o + 8 <= len; o++) {
		if (memcmp(dsdt + o, "_S5_", 4) != 0)
			continue;
		if (dsdt[o - 1] != AML_NAME &&
		    !(dsdt[o - 1] == AML_ROOT && dsdt[o - 2] == AML_NAME))
			continue;
		if (package(dsdt + o + 4, dsdt + len, p))
			return true;
	}
	return false;
}

/* ---- FADT ---- */

static bool take_fadt(const struct area *area, const uint8_t *fadt, uint32_t len, struct power *p)
{
	const uint8_t *reset = fadt + FADT_RESET_REG, *dsdt;
	uint64_t where;
	uint32_t dsdt_len;

	if (len < FADT_MIN)
		return false;
	p->pm1a = (uint16_t)number(fadt + FADT_PM1A, 4);
	p->pm1b = (uint16_t)number(fadt + FADT_PM1B, 4);
	p->smi_port = (uint16_t)number(fadt + FADT_SMI_CMD, 4);
	p->smi_enable = fadt[FADT_ACPI_ENABLE];
	if (len >= FADT_WITH_RESET && number(fadt + FADT_FLAGS, 4) & FLAG_RESET_REG &&
	    reset[GAS_SPACE] == SPACE_IO && number(reset + GAS_ADDRESS, 8) <= UINT16_MAX) {
		p->reset_port = (uint16_t)number(reset + GAS_ADDRESS, 8);
		p->reset_value = fadt[FADT_RESET_VALUE];
		p->can_reset = p->reset_port != 0;
	}
	where = number(fadt + FADT_DSDT, 4);
	if (len >= FADT_WITH_X && number(fadt + FADT_X_DSDT, 8) != 0)
		where = number(fadt + FADT_X_DSDT, 8);
	dsdt = table(area, where, "DSDT", &dsdt_len);
	p->can_sleep = p->pm1a != 0 && dsdt != NULL && find_s5(dsdt, dsdt_len, p);
	return true;
}

bool tables_read(const struct area *area, uint64_t rsdp, struct power *p)
{
	const uint8_t *fadt;
	uint32_t len;

	*p = (struct power){ .can_sleep = false };
	if (rsdp == 0)
		rsdp = rsdp_look(area);
	fadt = rsdp != 0 ? find_fadt(area, rsdp, &len) : NULL;
	return fadt != NULL && take_fadt(area, fadt, len, p);
}
