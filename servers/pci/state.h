/* SPDX-License-Identifier: BSD-2-Clause
 * state.h - all that pci remembers: the functions found, and who has them.
 *
 * P1  Functions are in the order of bus, device, function.
 * P2  A function has at most one owner; without one (0) its bus mastering and MSI-X are as the
 *     firmware or the last owner's release left them: off.
 */
#ifndef PCI_STATE_H
#define PCI_STATE_H

#include <abi/types.h>
#include <contract/pci.h>
#include <lib/undo.h>

enum { NR_FUNCTIONS = 128 };

struct bar {
	uint64_t address, size;         /* size 0: none */
	uint32_t flags;                 /* PCI_BAR_ */
};

struct function {
	uint32_t fn;                    /* bus << 8 | device << 3 | function */
	uint32_t class;
	uint16_t vendor, device, subvendor, subdevice;
	uint8_t revision, pin, line;
	uint8_t header;                 /* layout of the configuration header */
	uint8_t msi, msix;              /* offsets of the capabilities; 0: none */
	uint16_t vectors;               /* MSI-X */
	uint32_t msix_table;            /* BAR and offset, as in the capability */
	struct bar bar[PCI_BARS];
	endpoint_t owner;
};

struct state {
	uint32_t count;
	struct function function[NR_FUNCTIONS];
};

extern struct state state;

#endif
