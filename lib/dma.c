/* SPDX-License-Identifier: BSD-2-Clause
 * dma.c - memory of a driver as its device sees it.
 *
 * Job:      asks vm where pages are.
 * Speaks:   contracts/vm, dma_address.
 * Touches:  nothing.
 * Trusts:   vm.
 * On crash: holds no state.
 */
#include <contract/vm.h>
#include <lib/dma.h>
#include <lib/peer.h>

err_t dma_pages(const volatile void *at, unsigned pages, uint64_t *physical)
{
	static struct peer vm = PEER("vm");
	unsigned done = 0;

	while (done < pages) {
		struct vm_dma_address_request req = {
			.address = (uint64_t)at + (uint64_t)done * PAGE_SIZE,
			.len = (uint64_t)(pages - done) * PAGE_SIZE,
		};
		struct vm_dma_address_reply reply;
		err_t err = vm_dma_address(&vm, &req, &reply);

		if (err != 0)
			return err;
		for (uint64_t n = 0; n < reply.run && done < pages; n += PAGE_SIZE)
			physical[done++] = reply.physical + n;
	}
	return 0;
}
