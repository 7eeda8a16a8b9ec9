/* SPDX-License-Identifier: BSD-2-Clause
 * acpi.h - what the files of acpi share.
 */
#ifndef ACPI_ACPI_H
#define ACPI_ACPI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { AREAS = 2 };

/* Memory with firmware tables, mapped. */
struct area {
	uint64_t physical;
	uint64_t len;
	const uint8_t *at;              /* NULL: not there */
};

/* What the tables say of switching off and resetting. */
struct power {
	bool can_sleep, can_reset;
	uint16_t pm1a, pm1b;            /* control registers; 0: none */
	uint8_t s5a, s5b;               /* sleep types of S5 */
	uint16_t smi_port;              /* turning ACPI on; 0: it is on always */
	uint8_t smi_enable;
	uint16_t reset_port;
	uint8_t reset_value;
};

/* tables.c: rsdp 0: looked for in the areas. False: no tables, or none that are right. */
bool tables_read(const struct area *area, uint64_t rsdp, struct power *p);

#endif
