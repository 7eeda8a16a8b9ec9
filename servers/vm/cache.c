/* SPDX-License-Identifier: BSD-2-Clause
 * cache.c - the frames of the page cache, which vfs fills and programs map.
 *
 * Job:      gives vfs frames in its window and takes them back; tells vfs which pages programs wait
 *           for; finds pages in vfs's index; unmaps and write-protects them everywhere.
 * Speaks:   contracts/vm, the calls of vfs; notifies vfs.
 * Touches:  vfs's window at CACHE_VA; programs' mappings of files.
 * Trusts:   vfs for what is in a slot. Which frame a slot is, the page tables say.
 * On crash: cache_scan() reads the window again. Each call here may be repeated.
 */
#include "vm.h"

#include <lib/page_index.h>
#include <lib/service_ids.h>

enum { BATCH = 64 };

static bool is_vfs(const struct call *c)
{
	return is_a_service(c->client, ID_VFS);
}

static uint64_t slot_va(uint32_t slot)
{
	return CACHE_VA + (uint64_t)slot * PAGE_SIZE;
}

/* The frame of each slot, 0: none; read again from the page tables at every start. */
static pfn_t frame_of[NR_PAGES];

bool cache_frame(uint32_t slot, pfn_t *pfn)
{
	*pfn = slot < NR_PAGES ? frame_of[slot] : 0;
	return *pfn != 0;
}

static void set_frame(uint32_t slot, pfn_t pfn)
{
	frame_of[slot] = pfn;
	frame_set_cache(pfn, true);
}

void cache_scan(void)
{
	struct space_query_request req = { .space = ID_VFS, .va = CACHE_VA };
	struct space_query_reply page;

	memset(frame_of, 0, sizeof(frame_of));
	while (sys_space_query(&req, &page) == 0 && page.va < slot_va(NR_PAGES)) {
		set_frame((uint32_t)((page.va - CACHE_VA) / PAGE_SIZE), page.pfn);
		req.va = page.va + PAGE_SIZE;
	}
}

/* ---- the index ---- */

static const struct page_index *const index = (const struct page_index *)INDEX_VA;

uint32_t cache_find(uint64_t file, uint64_t offset)
{
	uint32_t slot;

	if (!state.index || (uint32_t)file > UINT16_MAX || offset / PAGE_SIZE > UINT32_MAX)
		return NO_SLOT;
	slot = page_index_find(index, (uint32_t)file, (uint32_t)(offset / PAGE_SIZE));
	if (slot == NO_PAGE || !(index->page[slot].flags & PAGE_VALID) || frame_of[slot] == 0)
		return NO_SLOT;
	return slot;
}

void index_scan(void)
{
	struct space_query_reply page;

	state.index = 1;
	for (uint64_t at = 0; at < sizeof(struct page_index); at += PAGE_SIZE)
		if (!page_query(ID_VM, INDEX_VA + at, &page))
			state.index = 0;
}

err_t do_vm_cache_index(const struct call *c, const struct vm_cache_index_request *req)
{
	if (!is_vfs(c))
		return -EPERM;
	if (req->address % PAGE_SIZE != 0 || req->len != sizeof(struct page_index))
		return -EINVAL;
	state.index = 0;
	for (uint64_t at = 0; at < req->len; at += PAGE_SIZE) {
		struct map_run run = { INDEX_VA + at, 0, 1 };
		struct space_query_reply page;
		err_t err;

		if (!page_query(ID_VFS, req->address + at, &page))
			return -EINVAL;
		run.pfn = page.pfn;
		err = pages_map(ID_VM, &run, 1, 0);
		if (err == -EEXIST) {
			pages_unmap(ID_VM, INDEX_VA + at, INDEX_VA + at + PAGE_SIZE);
			err = pages_map(ID_VM, &run, 1, 0);
		}
		if (err != 0)
			return -ENOMEM;
	}
	state.index = 1;
	return 0;
}

/* Pages of the cache that r maps at addresses where the index has something else, or nothing. */
static void check_region(const struct region *r)
{
	struct space_query_request req = { .space = r->space, .va = r->start };
	struct space_query_reply page;

	while (req.va < r->end && sys_space_query(&req, &page) == 0 && page.va < r->end) {
		req.va = page.va + PAGE_SIZE;
		if (page.pfn != 0 && frame_is_cache(page.pfn)) {
			uint32_t slot = cache_find(r->file, r->offset + (page.va - r->start));

			if (slot == NO_SLOT || frame_of[slot] != page.pfn)
				pages_unmap(r->space, page.va, page.va + PAGE_SIZE);
		}
	}
}

/* Another vfs than the one that pulled tickets, or one that may have forgotten some: it has to hear
 * of them again. One that it knows is stale when it is supplied twice. */
static void tell_again(void)
{
	for (unsigned n = FIRST_PROGRAM; n < NR_PROCS; n++) {
		struct wait *w = &state.wait[n];

		if ((w->kind == WAIT_PAGE || w->kind == WAIT_POPULATE) && w->told) {
			wait_tell_again(n);
			undo_commit();
		}
	}
}

err_t do_vm_file_check(const struct call *c)
{
	if (!is_vfs(c))
		return -EPERM;
	tell_again();
	for (unsigned b = 0; b < NR_FILE_BUCKETS; b++)
		for (unsigned n = state.file_bucket[b]; n != 0; n = region(n)->file_next) {
			check_region(region(n));
			undo_commit();
		}
	return 0;
}

err_t do_vm_file_mapped(const struct call *c, const struct vm_file_mapped_request *req,
			struct vm_file_mapped_reply *reply)
{
	unsigned n = state.file_bucket[file_bucket(req->file)];

	if (!is_vfs(c))
		return -EPERM;
	while (n != 0 && region(n)->file != req->file)
		n = region(n)->file_next;
	reply->mapped = n != 0;
	return 0;
}

void pressure(void)
{
	notify(ID_VFS);
}

/* ---- frames ---- */

/* Frames for slots that have none. Returns how many pages from `first` on are there now. */
static unsigned take_batch(uint32_t first, unsigned n)
{
	struct map_run run[BATCH];
	const pfn_t *next = frames_peek(n, &n);
	struct space_query_reply page;
	err_t err;

	for (unsigned i = 0; i < n; i++)
		run[i] = (struct map_run){ slot_va(first + i) | MAP_WRITE | MAP_ZERO, next[i], 1 };
	err = n != 0 ? pages_map(ID_VFS, run, n, n) : -ENOMEM;
	if (err == -EEXIST && n == 1 && page_query(ID_VFS, slot_va(first), &page)) {
		if (frame_of[first] == 0)       /* else it is a call done again */
			set_frame(first, page.pfn);
		return 1;
	}
	if (err == -EEXIST)
		return take_batch(first, 1);
	if (err != 0)
		return 0;
	for (unsigned i = 0; i < n; i++)
		set_frame(first + i, run[i].pfn);
	return n;
}

err_t do_vm_cache_take(const struct call *c, const struct vm_cache_take_request *req,
		       struct vm_cache_take_reply *reply)
{
	uint32_t done = 0;

	if (!is_vfs(c))
		return -EPERM;
	if (req->first > NR_PAGES || req->count > NR_PAGES - req->first)
		return -EINVAL;
	while (done < req->count && frames_for_cache(BATCH)) {
		unsigned n = req->count - done < BATCH ? req->count - done : BATCH;

		n = take_batch(req->first + done, n);
		if (n == 0)
			break;
		done += n;
	}
	reply->done = done;
	return done != 0 || req->count == 0 ? 0 : -ENOMEM;
}

err_t do_vm_cache_give(const struct call *c, const struct vm_cache_give_request *req)
{
	if (!is_vfs(c))
		return -EPERM;
	if (req->first > NR_PAGES || req->count > NR_PAGES - req->first)
		return -EINVAL;
	for (uint32_t i = 0; i < req->count; i++) {
		pfn_t pfn;

		if (cache_frame(req->first + i, &pfn))
			frame_set_cache(pfn, false);
		frame_of[req->first + i] = 0;
	}
	pages_unmap(ID_VFS, slot_va(req->first), slot_va(req->first + req->count));
	waits_for_memory_again();
	return 0;
}

/* ---- pages that programs wait for ---- */

err_t do_vm_wait_next(const struct call *c, struct vm_wait_next_reply *reply)
{
	const struct wait *w;

	if (!is_vfs(c))
		return -EPERM;
	if (!endpoint_eq(c->client, state.vfs))
		tell_again();
	state.vfs = c->client;
	if (state.pages.head == 0)
		return -ENOENT;
	w = &state.wait[state.pages.head];
	*reply = (struct vm_wait_next_reply){
		.ticket = w->ticket, .write = w->write, .file = w->file, .offset = w->offset,
	};
	wait_told(state.pages.head);
	return 0;
}

err_t do_vm_wait_supply(const struct call *c, const struct vm_wait_supply_request *req)
{
	unsigned slot = req->ticket & SLOT_MASK;
	const struct wait *w = &state.wait[slot % NR_PROCS];
	pfn_t pfn;

	if (!is_vfs(c))
		return -EPERM;
	if (slot >= NR_PROCS || (w->kind != WAIT_PAGE && w->kind != WAIT_POPULATE) ||
	    w->ticket != req->ticket)
		return -ESTALE;
	if (req->error == 0 && !cache_frame(req->slot, &pfn))
		return -EINVAL;
	wait_supplied(slot, req->slot, req->error);
	return 0;
}

/* ---- pages of a file, everywhere ---- */

/* Unmap what is a frame of the cache, and leave private copies. */
static void drop_cached(unsigned space, uint64_t start, uint64_t end)
{
	struct space_query_request req = { .space = (uint16_t)space, .va = start };
	struct space_query_reply page;
	unsigned count = 0;

	while (req.va < end && sys_space_query(&req, &page) == 0 && page.va < end) {
		if (frame_is_cache(page.pfn))
			pages_unmap(space, page.va, page.va + PAGE_SIZE);
		req.va = page.va + PAGE_SIZE;
		if (++count % 64 == 0)
			undo_commit();          /* likewise: doing it again is what was asked for */
	}
}

/* The addresses at which r maps [from, to) of its file. False: none. */
static bool part_of(const struct region *r, uint64_t from, uint64_t to, uint64_t *start,
		    uint64_t *end)
{
	uint64_t first = r->offset, last = r->offset + (r->end - r->start);

	if (from < first)
		from = first;
	if (to > last)
		to = last;
	*start = r->start + (from - first);
	*end = r->start + (to - first);
	return from < to;
}

static uint64_t end_of(uint64_t offset, uint64_t len)
{
	return len > INT64_MAX - offset ? INT64_MAX & ~(uint64_t)(PAGE_SIZE - 1)
		: page_up(offset + len);
}

err_t do_vm_file_drop(const struct call *c, const struct vm_file_drop_request *req)
{
	uint64_t from = page_down(req->offset), to, start, end;
	unsigned count = 0;

	if (!is_vfs(c))
		return -EPERM;
	if (from > INT64_MAX)
		return 0;
	to = end_of(req->offset, req->len);
	for (unsigned n = state.file_bucket[file_bucket(req->file)]; n != 0;
	     n = region(n)->file_next) {
		const struct region *r = region(n);

		if (r->file != req->file || !part_of(r, from, to, &start, &end))
			continue;
		if (r->kind == REGION_FILE_SHARED || req->copies)
			pages_unmap(r->space, start, end);
		else
			drop_cached(r->space, start, end);
		if (++count % 64 == 0)
			undo_commit();
	}
	return 0;
}

err_t do_vm_file_clean(const struct call *c, const struct vm_file_clean_request *req)
{
	uint64_t from = page_down(req->offset), to, start, end;

	if (!is_vfs(c))
		return -EPERM;
	if (from > INT64_MAX)
		return 0;
	to = end_of(req->offset, req->len);
	for (unsigned n = state.file_bucket[file_bucket(req->file)]; n != 0;
	     n = region(n)->file_next) {
		const struct region *r = region(n);

		if (r->file == req->file && r->kind == REGION_FILE_SHARED &&
		    part_of(r, from, to, &start, &end))
			pages_protect(r->space, start, end, map_flags(r) & ~(unsigned)MAP_WRITE);
	}
	return 0;
}
