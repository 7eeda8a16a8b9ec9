/* SPDX-License-Identifier: BSD-2-Clause
 * pci.c - a driver's side of PCI.
 *
 * Job:      claims a function, maps its device memory, walks capabilities, fills the MSI-X table.
 * Speaks:   contracts/pci, contracts/vm (device_map); the kernel call irq_claim.
 * Touches:  the device's MSI-X table, in its own memory.
 * Trusts:   pci for what it says of addresses; the device for nothing: offsets are checked.
 * On crash: holds no state; the successor claims again.
 * Spec:     PCI Local Bus Specification 3.0, 6.7 (capabilities), 6.8.2 (MSI-X).
 */
#include <contract/kernel.h>
#include <contract/vm.h>
#include <lib/pci.h>
#include <lib/peer.h>

enum { CONFIG_STATUS = 0x04, CONFIG_CAPABILITIES = 0x34, CONFIG_OWN = 0x40 };
enum { STATUS_CAPABILITIES = 0x10, CAPABILITIES_MAX = 48 };
enum { MSIX_ENTRY = 16, MSIX_MASKED = 1 };              /* 6.8.2.6 to 6.8.2.9 */

static struct peer pci = PEER("pci"), vm = PEER("vm");

err_t pci_open(struct pci_device *d, uint16_t vendor, uint16_t device, uint32_t index)
{
	struct pci_claim_request req = { .vendor = vendor, .device = device, .index = index };
	struct pci_claim_reply reply;
	err_t err = pci_claim(&pci, &req, &reply);

	*d = (struct pci_device){ .fn = reply.fn, .vectors = reply.vectors };
	return err;
}

err_t pci_map(struct pci_device *d, unsigned bar)
{
	struct pci_bar_request req = { .fn = d->fn, .bar = bar };
	struct pci_bar_reply b;
	struct vm_device_map_request map;
	struct vm_device_map_reply mapped;
	err_t err;

	if (bar >= PCI_BARS)
		return -ENODEV;
	if (d->bar[bar] != NULL)
		return 0;
	err = pci_bar(&pci, &req, &b);
	if (err != 0)
		return err;
	if (b.size == 0 || !(b.flags & PCI_BAR_GRANTED))
		return -ENODEV;
	map.physical = b.address & ~(uint64_t)(PAGE_SIZE - 1);
	map.len = (b.address + b.size - map.physical + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
	err = vm_device_map(&vm, &map, &mapped);
	if (err != 0)
		return err;
	d->bar[bar] = (uint8_t *)mapped.address + b.address % PAGE_SIZE;
	d->bar_size[bar] = b.size;
	return 0;
}

volatile void *pci_at(struct pci_device *d, unsigned bar, uint64_t offset, uint64_t len)
{
	if (pci_map(d, bar) != 0 || offset > d->bar_size[bar] || len > d->bar_size[bar] - offset)
		return NULL;
	return d->bar[bar] + offset;
}

err_t pci_read(const struct pci_device *d, unsigned offset, uint32_t *word, unsigned n)
{
	struct pci_config_read_request req = { .fn = d->fn, .offset = offset, .count = n };
	struct pci_config_read_reply reply;
	err_t err = pci_config_read(&pci, &req, &reply);

	for (unsigned i = 0; i < n && err == 0; i++)
		word[i] = reply.word[i];
	return err;
}

unsigned pci_capability(const struct pci_device *d, uint8_t id, unsigned after)
{
	uint32_t word;
	unsigned at;

	if (pci_read(d, CONFIG_STATUS, &word, 1) != 0 || !(word >> 16 & STATUS_CAPABILITIES) ||
	    pci_read(d, CONFIG_CAPABILITIES, &word, 1) != 0)
		return 0;
	at = word & 0xfc;
	for (unsigned n = 0; at >= CONFIG_OWN && n < CAPABILITIES_MAX; n++) {
		if (pci_read(d, at, &word, 1) != 0)
			return 0;
		if (after == 0 && (word & 0xff) == id)
			return at;
		if (at == after)
			after = 0;
		at = word >> 8 & 0xfc;
	}
	return 0;
}

err_t pci_dma(const struct pci_device *d, bool on)
{
	struct pci_bus_master_request req = { .fn = d->fn, .on = on };

	return pci_bus_master(&pci, &req);
}

err_t pci_msix_vector(struct pci_device *d, unsigned n, unsigned msi, unsigned bit)
{
	struct pci_msix_set_request req = { .fn = d->fn, .on = 1 };
	struct irq_claim_request claim = { .line = LINE_MSI + msi, .bit = bit };
	struct pci_msix_set_reply at;
	struct irq_claim_reply line;
	volatile uint32_t *entry;
	err_t err;

	if (n >= d->vectors)
		return -ENODEV;
	err = sys_irq_claim(&claim, &line);
	if (err == 0)
		err = pci_msix_set(&pci, &req, &at);
	if (err != 0)
		return err;
	entry = pci_at(d, at.table_bar, at.table_offset + (uint64_t)n * MSIX_ENTRY, MSIX_ENTRY);
	if (entry == NULL)
		return -ENODEV;
	entry[3] = MSIX_MASKED;
	entry[0] = (uint32_t)line.msi_address;
	entry[1] = (uint32_t)(line.msi_address >> 32);
	entry[2] = line.msi_data;
	entry[3] = 0;
	return 0;
}
