/* SPDX-License-Identifier: BSD-2-Clause
 * service.c - memory of services that were not in the boot set.
 *
 * Job:      maps zeroed frames into the space of a service, or into rs's window, takes them back,
 *           takes the space down; notifies rs, which looks at what has become of it.
 * Speaks:   contracts/vm, service_map, service_unmap, service_end; kernel calls, through space.c.
 * Touches:  page tables of services; rs's window at RS_WINDOW_VA.
 * Trusts:   rs for whose memory may change; not for its ranges.
 * On crash: nothing to remember: the page tables say what is there, and rs asks again.
 */
#include "vm.h"

#include <abi/boot.h>
#include <lib/service_ids.h>

enum { BATCH = 64 };

static err_t may_change(const struct call *c, unsigned space, uint64_t address, uint64_t pages)
{
	uint64_t first = space == ID_RS ? RS_WINDOW_VA : PAGE_SIZE;
	uint64_t end = space == ID_RS ? RS_WINDOW_END : SHARE_VA;

	if (!is_a_service(c->client, ID_RS))
		return -EPERM;
	if (space >= HOLDER || space == ID_VM || address % PAGE_SIZE != 0 || address < first ||
	    address >= end || pages > (end - address) / PAGE_SIZE)
		return -EINVAL;
	return 0;
}

static err_t make_space(unsigned space)
{
	struct space_create_request req = { .space = (uint16_t)space, .priv = (uint16_t)space };
	struct map_run clock = { CLOCK_VA, clock_page(), 1 };
	unsigned have;
	err_t err;

	if (!space_exists(space)) {
		req.root = *frames_peek(1, &have);
		if (have == 0 || !frames_plenty(1 + SPARES))
			return -ENOMEM;
		err = sys_space_create(&req);
		if (err != 0)
			return err;
		frames_taken(1, 1, 0);
	}
	return pages_map(space, &clock, 1, 0);
}

/* How many pages from va on, `most` at the most, are alike: there, or missing? */
static unsigned count_alike(unsigned space, uint64_t va, unsigned most, bool *there)
{
	struct space_query_reply page;
	unsigned n = 1;

	*there = page_query(space, va, &page);
	while (n < most && page_query(space, va + n * (uint64_t)PAGE_SIZE, &page) == *there)
		n++;
	return n;
}

static err_t map_missing(unsigned space, uint64_t va, unsigned n, unsigned flags)
{
	struct map_run run[BATCH];
	unsigned have;
	const pfn_t *next = frames_peek(n, &have);
	err_t err;

	if (have < n || !frames_plenty(n + SPARES)) {
		pressure();
		return -ENOMEM;
	}
	for (unsigned i = 0; i < n; i++)
		run[i] = (struct map_run){
			(va + i * (uint64_t)PAGE_SIZE) | flags | MAP_ZERO, next[i], 1,
		};
	err = pages_map(space, run, n, n);
	if (frames_low())
		pressure();
	return err;
}

static err_t map_range(unsigned space, uint64_t va, uint32_t pages, unsigned flags)
{
	while (pages > 0) {
		bool there;
		unsigned n = count_alike(space, va, pages < BATCH ? pages : BATCH, &there);
		err_t err = there ? 0 : map_missing(space, va, n, flags);

		if (err != 0)
			return err;
		va += n * (uint64_t)PAGE_SIZE;
		pages -= n;
	}
	return 0;
}

err_t do_vm_service_map(const struct call *c, const struct vm_service_map_request *req)
{
	err_t err = may_change(c, req->space, req->address, req->pages);

	if (err == 0 && req->flags & ~(unsigned)(MAP_WRITE | MAP_EXEC))
		err = -EINVAL;
	if (err == 0 && req->space != ID_RS)
		err = make_space(req->space);
	if (err == 0)
		err = map_range(req->space, req->address, req->pages, req->flags);
	if (err != -EPERM)
		ipc_notify(c->client);
	return err;
}

err_t do_vm_service_unmap(const struct call *c, const struct vm_service_unmap_request *req)
{
	err_t err = may_change(c, req->space, req->address, req->pages);

	if (err == 0 && !space_exists(req->space))
		err = -EINVAL;
	if (err == 0)
		pages_unmap(req->space, req->address,
			    req->address + req->pages * (uint64_t)PAGE_SIZE);
	if (err != -EPERM)
		ipc_notify(c->client);
	return err;
}

err_t do_vm_service_end(const struct call *c, const struct vm_service_end_request *req)
{
	err_t err = may_change(c, req->space, PAGE_SIZE, 0);

	if (err == 0 && !space_destroy(req->space))
		err = -EBUSY;
	if (err == 0) {
		shares_forget(req->space);
		state.space[req->space] = (struct space){ .phase = SPACE_NONE };
	}
	if (err != -EPERM)
		ipc_notify(c->client);
	return err;
}
