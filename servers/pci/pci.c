/* SPDX-License-Identifier: BSD-2-Clause
 * pci.c - the PCI bus: which functions there are, and which driver has which.
 *
 * Job:      finds functions; gives them to drivers, one owner each; guards configuration space.
 * Speaks:   contracts/pci, to drivers and programs (list); rs.pci_grant.
 * Touches:  I/O ports 0xcf8-0xcff. No device memory.
 * Trusts:   rs for what a driver's manifest lists; nothing in a request.
 * On crash: recovers in place; owners stay. After a fresh start a driver claims again.
 * Spec:     PCI Local Bus Specification 3.0, chapter 6.
 */
#include "pci.h"
#include "pci_hw.h"

#include <contract/rs.h>
#include <lib/complain.h>
#include <lib/peer.h>
#include <lib/server.h>
#include <lib/service_ids.h>

static struct peer rs = PEER("rs");

/* The function, if the caller has it. */
static struct function *owned(const struct call *c, uint32_t fn)
{
	for (unsigned i = 0; i < state.count; i++)
		if (state.function[i].fn == fn && endpoint_eq(state.function[i].owner, c->client))
			return &state.function[i];
	return NULL;
}

static struct function *find(uint16_t vendor, uint16_t device, uint32_t index)
{
	for (unsigned i = 0; i < state.count; i++) {
		struct function *f = &state.function[i];

		if (f->vendor == vendor && f->device == device && index-- == 0)
			return f;
	}
	return NULL;
}

static void msix_put(const struct function *f, bool on)
{
	uint32_t control = config_read(f->fn, f->msix) >> 16;

	control &= ~(uint32_t)(MSIX_ENABLE | MSIX_MASK_ALL);
	config_write(f->fn, f->msix + 2u, 2, control | (on ? MSIX_ENABLE : 0u));
}

static void command_put(const struct function *f, uint32_t clear, uint32_t set)
{
	uint32_t command = config_read(f->fn, CONFIG_COMMAND) & 0xffff;

	config_write(f->fn, CONFIG_COMMAND, 2, (command & ~clear) | set);
}

/* No DMA, no interrupts. */
static void silence(const struct function *f)
{
	command_put(f, COMMAND_MASTER, COMMAND_NO_INTX);
	if (f->msix != 0)
		msix_put(f, false);
	if (f->msi != 0)
		config_write(f->fn, f->msi + 2u, 2,
			     config_read(f->fn, f->msi) >> 16 & ~(uint32_t)MSI_ENABLE);
}

/* A device that lies about a BAR's size gets none of it: BARs are aligned to their size (6.2.5.1),
 * and none is where the interrupt controllers are. */
static bool mappable(const struct bar *b)
{
	return b->size != 0 && b->address != 0 && !(b->flags & PCI_BAR_IO) &&
	       b->address % b->size == 0 &&
	       (b->address >= APIC_END || b->address + b->size <= APIC_START);
}

/* Ask rs to let the driver have the function's device memory, in whole pages. */
static err_t grant_memory(const struct call *c, struct function *f)
{
	struct rs_pci_grant_request req = {
		.driver = c->client, .vendor = f->vendor, .device = f->device,
	};

	_Static_assert(COUNT(req.range) == 2 * PCI_BARS, "a range for each BAR");
	for (unsigned i = 0; i < PCI_BARS; i++) {
		const struct bar *b = &f->bar[i];
		uint64_t first = b->address / PAGE_SIZE;
		uint64_t end = (b->address + b->size + PAGE_SIZE - 1) / PAGE_SIZE;

		if (!mappable(b) || end < first || end > UINT32_MAX)
			continue;
		req.range[2 * i] = (uint32_t)first;
		req.range[2 * i + 1] = (uint32_t)(end - first);
	}
	return rs_pci_grant(&rs, &req);
}

/* ---- calls ---- */

static err_t do_pci_list(const struct call *c, const struct pci_list_request *req,
			 struct pci_list_reply *reply)
{
	const struct function *f = &state.function[req->index % NR_FUNCTIONS];

	if (req->index >= state.count)
		return -ENOENT;
	*reply = (struct pci_list_reply){
		.fn = f->fn, .vendor = f->vendor, .device = f->device, .class = f->class,
		.subvendor = f->subvendor, .subdevice = f->subdevice, .revision = f->revision,
		.pin = f->pin, .line = f->line, .msix = f->msix != 0, .owner = f->owner,
	};
	return 0;
}

static err_t do_pci_claim(const struct call *c, const struct pci_claim_request *req,
			  struct pci_claim_reply *reply)
{
	struct function *f = find(req->vendor, req->device, req->index);
	err_t err;

	if (f == NULL)
		return -ENOENT;
	if (f->owner.v != 0 && endpoint_slot(f->owner) != endpoint_slot(c->client))
		return -EBUSY;
	err = grant_memory(c, f);
	if (err != 0)
		return err == -ENOSPC ? err : -EPERM;
	if (!endpoint_eq(f->owner, c->client)) {
		silence(f);
		command_put(f, 0, COMMAND_MEMORY);
		for (unsigned i = 0; i < PCI_BARS; i++)
			if (mappable(&f->bar[i]))
				f->bar[i].flags |= PCI_BAR_GRANTED;
		f->owner = c->client;
	}
	*reply = (struct pci_claim_reply){
		.fn = f->fn, .class = f->class, .vectors = f->vectors, .pin = f->pin,
		.line = f->line,
	};
	return 0;
}

static err_t do_pci_bar(const struct call *c, const struct pci_bar_request *req,
			struct pci_bar_reply *reply)
{
	const struct function *f = owned(c, req->fn);
	const struct bar *b;

	if (f == NULL)
		return -EPERM;
	b = &f->bar[req->bar];
	*reply = (struct pci_bar_reply){
		.address = b->address, .size = b->size, .flags = b->flags,
	};
	return 0;
}

static err_t do_pci_config_read(const struct call *c, const struct pci_config_read_request *req,
				struct pci_config_read_reply *reply)
{
	uint32_t fn[PCI_WORDS], word[PCI_WORDS];
	uint16_t offset[PCI_WORDS];

	if (owned(c, req->fn) == NULL)
		return -EPERM;
	for (unsigned i = 0; i < req->count; i++) {
		fn[i] = req->fn;
		offset[i] = (uint16_t)(req->offset + 4 * i);
	}
	config_read_many(fn, offset, word, req->count);
	memcpy(reply->word, word, req->count * sizeof(word[0]));
	return 0;
}

static bool overlaps(const struct pci_config_write_request *req, unsigned at, unsigned size)
{
	return at != 0 && req->offset < at + size && at < req->offset + req->width;
}

static err_t do_pci_config_write(const struct call *c, const struct pci_config_write_request *req)
{
	const struct function *f = owned(c, req->fn);

	if (f == NULL || req->offset < CONFIG_OWN || overlaps(req, f->msi, MSI_BYTES) ||
	    overlaps(req, f->msix, MSIX_BYTES))
		return -EPERM;
	if (req->offset % req->width != 0)
		return -EINVAL;
	config_write(req->fn, req->offset, req->width, req->value);
	return 0;
}

static err_t do_pci_bus_master(const struct call *c, const struct pci_bus_master_request *req)
{
	const struct function *f = owned(c, req->fn);

	if (f == NULL)
		return -EPERM;
	command_put(f, COMMAND_MASTER, req->on ? COMMAND_MASTER : 0u);
	return 0;
}

static err_t do_pci_msix_set(const struct call *c, const struct pci_msix_set_request *req,
			     struct pci_msix_set_reply *reply)
{
	const struct function *f = owned(c, req->fn);

	if (f == NULL)
		return -EPERM;
	if (f->msix == 0)
		return -ENODEV;
	msix_put(f, req->on != 0);
	*reply = (struct pci_msix_set_reply){
		.vectors = f->vectors, .table_bar = f->msix_table & 7,
		.table_offset = f->msix_table & ~7u,
	};
	return 0;
}

static err_t do_pci_release(const struct call *c, const struct pci_release_request *req)
{
	struct function *f = owned(c, req->fn);

	if (f == NULL)
		return -EPERM;
	silence(f);
	f->owner.v = 0;
	return 0;
}

/* First without the bit whose rising edge resets. */
static err_t do_pci_reset(const struct call *c, const struct pci_reset_request *req)
{
	if (endpoint_slot(c->client) != ID_ACPI)
		return -EPERM;
	reset_control(req->value & ~RESET_CPU);
	reset_control(req->value | RESET_CPU);
	return 0;
}

/* ---- start ---- */

static void init(enum start_kind kind)
{
	if (kind == START_FRESH)
		scan();
}

/* P1, P2. */
static err_t check(void)
{
	if (state.count > NR_FUNCTIONS)
		return -EINVAL;
	for (unsigned i = 1; i < state.count; i++)
		if (state.function[i].fn <= state.function[i - 1].fn)
			return -EINVAL;
	return 0;
}

int main(void)
{
	static const struct pci_ops ops = {
		.list = do_pci_list, .claim = do_pci_claim, .bar = do_pci_bar,
		.config_read = do_pci_config_read, .config_write = do_pci_config_write,
		.bus_master = do_pci_bus_master, .msix_set = do_pci_msix_set,
		.release = do_pci_release, .reset = do_pci_reset,
	};
	static const struct server pci = {
		.name = "pci", .serves = { { .contract = &pci_contract, .ops = &ops } },
		.init = init, .check = check, .offended = complain_of_request,
	};

	server_run(&pci);
}
