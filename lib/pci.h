/* SPDX-License-Identifier: BSD-2-Clause
 * pci.h - a driver's side of PCI: claim the device, map its memory, find capabilities, set up
 * MSI-X.
 *
 * The manifest: `pci VENDOR:DEVICE...`, `lines msi:N...`, `talks pci vm ds log`, `calls irq_claim`,
 * `needs pci vm`. Order: pci_open, pci_map, then interrupts: a later claim of device memory would
 * take claimed lines away.
 */
#ifndef LIB_PCI_H
#define LIB_PCI_H

#include <abi/errors.h>
#include <abi/types.h>
#include <contract/pci.h>

struct pci_device {
	uint32_t fn;
	uint32_t vectors;               /* MSI-X */
	uint8_t *bar[PCI_BARS];         /* mapped; NULL: not */
	uint64_t bar_size[PCI_BARS];
};

/* Claim function `index` of a kind. -ENOENT: there is none; other errors as pci.claim. */
err_t pci_open(struct pci_device *d, uint16_t vendor, uint16_t device, uint32_t index) MUST_CHECK;
/* Map a memory BAR; again: nothing happens. -ENODEV: there is none, or it cannot be mapped. */
err_t pci_map(struct pci_device *d, unsigned bar) MUST_CHECK;
/* len bytes at an offset of a BAR, mapped if need be; NULL: they are not all there. */
volatile void *pci_at(struct pci_device *d, unsigned bar, uint64_t offset, uint64_t len);
/* Bytes of configuration space; offset and size in whole words. */
err_t pci_read(const struct pci_device *d, unsigned offset, uint32_t *word, unsigned n) MUST_CHECK;
/* The next capability of this id behind offset `after` (0: the first). 0: no more. */
unsigned pci_capability(const struct pci_device *d, uint8_t id, unsigned after);
/* Let the device do DMA. */
err_t pci_dma(const struct pci_device *d, bool on) MUST_CHECK;
/* Bind MSI-X vector n to our line LINE_MSI + msi, which is told in on_irq as bit `bit`. */
err_t pci_msix_vector(struct pci_device *d, unsigned n, unsigned msi, unsigned bit) MUST_CHECK;

#endif
