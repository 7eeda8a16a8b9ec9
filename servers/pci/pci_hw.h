/* SPDX-License-Identifier: BSD-2-Clause
 * pci_hw.h - configuration space (PCI Local Bus Specification 3.0, chapter 6 and appendix H).
 */
#ifndef PCI_HW_H
#define PCI_HW_H

enum { PORT_ADDRESS = 0xcf8, PORT_DATA = 0xcfc };       /* 3.2.2.3.2: mechanism #1 */
enum { PORT_RESET = 0xcf9, RESET_CPU = 4 };             /* ICH9 data sheet, 13.7.5 */
#define ADDRESS_ENABLE 0x80000000u

enum {                                                  /* 6.1: the header */
	CONFIG_ID = 0x00, CONFIG_COMMAND = 0x04, CONFIG_CLASS = 0x08, CONFIG_HEADER = 0x0c,
	CONFIG_BAR = 0x10, CONFIG_SUBSYSTEM = 0x2c, CONFIG_CAPABILITIES = 0x34,
	CONFIG_INTERRUPT = 0x3c, CONFIG_OWN = 0x40,     /* the device's own from here on */
};
enum { CONFIG_SIZE = 256 };

enum { COMMAND_IO = 1, COMMAND_MEMORY = 2, COMMAND_MASTER = 4, COMMAND_NO_INTX = 0x400 };
enum { STATUS_CAPABILITIES = 0x10 };                    /* of the word's upper half */
enum { HEADER_TYPE = 0x7f, HEADER_MULTI = 0x80, HEADER_DEVICE = 0, HEADER_BRIDGE = 1 };
enum { BAR_IO = 1, BAR_TYPE = 6, BAR_TYPE_64 = 4, BAR_PREFETCH = 8 };   /* 6.2.5.1 */

/* I/O APIC, local APICs, where message-signalled interrupts go (SDM vol. 3, 11.4.1, 11.11). */
#define APIC_START 0xfec00000ull
#define APIC_END 0xfef00000ull

enum { CAPABILITY_MSI = 0x05, CAPABILITY_MSIX = 0x11 };
enum { MSIX_ENABLE = 0x8000, MSIX_MASK_ALL = 0x4000, MSIX_SIZE = 0x7ff };       /* 6.8.2.3 */
enum { MSIX_BYTES = 12, MSI_BYTES = 24, MSI_ENABLE = 1 };

#endif
