/* SPDX-License-Identifier: BSD-2-Clause
 * device.c - what drivers need: device memory in their space, and where their own memory is.
 *
 * Job:      maps device memory for the service that may have it; tells physical addresses.
 * Speaks:   contracts/vm, device_map and dma_address; the kernel calls on spaces.
 * Touches:  page tables of services, between DEVICE_VA and DEVICE_VA + DEVICE_END only.
 * Trusts:   the kernel, which knows from rs whose device memory is whose and refuses the rest.
 * On crash: nothing to remember: the place follows from the physical address, mapping again changes
 *           nothing.
 *
 * Without an I/O MMU a driver with a device that does DMA reaches all memory; knowing an address
 * adds nothing to that, and without such a device an address is only a number.
 */
#include "vm.h"

enum { BATCH_PAGES = 256 };

err_t do_vm_device_map(const struct call *c, const struct vm_device_map_request *req,
		       struct vm_device_map_reply *reply)
{
	unsigned space = endpoint_slot(c->client);
	uint64_t pages = req->len / PAGE_SIZE;

	if (space >= PRIV_PROGRAM || req->physical % PAGE_SIZE != 0 || req->len % PAGE_SIZE != 0 ||
	    pages == 0 || req->len > DEVICE_MAX || req->physical >= DEVICE_END ||
	    req->len > DEVICE_END - req->physical)
		return -EINVAL;
	for (uint64_t done = 0; done < pages; done += BATCH_PAGES) {
		uint64_t at = req->physical + done * PAGE_SIZE;
		struct map_run run = {
			.va = (DEVICE_VA + at) | MAP_WRITE | MAP_MMIO,
			.pfn = (pfn_t)(at / PAGE_SIZE),
		};
		err_t err;

		run.count = (uint32_t)(pages - done);
		if (run.count > BATCH_PAGES)
			run.count = BATCH_PAGES;
		err = pages_map(space, &run, 1, 0);
		if (err != 0)
			return err == -ENOMEM ? err : -EPERM;
	}
	reply->address = DEVICE_VA + req->physical;
	return 0;
}

static bool own_page(unsigned space, uint64_t address, struct space_query_reply *page)
{
	return page_query(space, address, page) && page->prot & MAP_WRITE &&
	       !(page->prot & MAP_MMIO);
}

err_t do_vm_dma_address(const struct call *c, const struct vm_dma_address_request *req,
			struct vm_dma_address_reply *reply)
{
	unsigned space = endpoint_slot(c->client);
	uint64_t len = req->len < SHARE_MAX ? req->len : SHARE_MAX;
	struct space_query_reply page, next;

	if (space >= PRIV_PROGRAM || req->address >= SHARE_VA ||
	    req->len > SHARE_VA - req->address || !own_page(space, req->address, &page))
		return -EINVAL;
	reply->physical = (uint64_t)page.pfn * PAGE_SIZE + req->address % PAGE_SIZE;
	reply->run = PAGE_SIZE - req->address % PAGE_SIZE;
	while (reply->run < len && own_page(space, req->address + reply->run, &next) &&
	       next.pfn == page.pfn + 1) {
		reply->run += PAGE_SIZE;
		page = next;
	}
	if (reply->run > req->len)
		reply->run = req->len;
	return 0;
}
