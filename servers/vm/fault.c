/* SPDX-License-Identifier: BSD-2-Clause
 * fault.c - pages become present: by a fault, for a copy, or ahead of both.
 *
 * Job:      looks the region up, gives the page its frame in one kernel call, or says what is
 *           missing. An anonymous page and a page written after a fork need no second call.
 * Speaks:   TYPE_FAULT messages; kernel calls, through space.c.
 * Touches:  page tables of programs; state only to count.
 * Trusts:   the kernel's fault bits. An address is whatever the program used.
 * On crash: a page that was mapped without being counted is there when the fault is done again.
 */
#include "vm.h"

enum { POPULATE_MAX = 4096, BATCH = 64 };       /* pages: of one call; of one kernel call */
enum { AROUND = 16 };                           /* pages: mapped with one of a file */

static void count_page(void)
{
	state.faults++;
	if (frames_low())
		pressure();
}

static bool has_frame(const struct want *w)
{
	return w->urgent ? frames_left(1) : frames_plenty(1);
}

/* ---- private pages ---- */

static err_t page_zeroed(const struct want *w, const struct region *r)
{
	struct map_run run = { page_down(w->address) | map_flags(r) | MAP_ZERO, 0, 1 };
	unsigned have;
	err_t err;

	run.pfn = *frames_peek(1, &have);
	if (have == 0 || !has_frame(w))
		return -ENOMEM;
	err = pages_map(w->space, &run, 1, 1);
	if (err == 0)
		count_page();
	return err;
}

/* The page is there for reading: a copy of its own, or, if nobody shares it, the page itself. */
static err_t page_copied(const struct want *w, const struct region *r)
{
	struct map_run run = {
		page_down(w->address) | map_flags(r) | MAP_WRITE | MAP_COPY, 0, 1,
	};
	unsigned have;
	err_t err;

	run.pfn = *frames_peek(1, &have);
	if (have == 0 || !has_frame(w))
		return -ENOMEM;
	err = pages_map(w->space, &run, 1, 1);
	if (err == 0)
		state.faults++;
	return err;
}

/* ---- pages of files ---- */

/* The last page of a file's part: a copy, with zeros behind the file's bytes. The program sees it
 * when it is complete. */
static err_t page_with_tail(const struct want *w, const struct region *r, pfn_t cache)
{
	struct map_run run = { page_down(w->address) | map_flags(r), 0, 1 };
	err_t err = scratch_copy(cache, r->tail, &run.pfn);

	if (err != 0)
		return err;
	err = pages_map(w->space, &run, 1, 0);
	scratch_close();
	if (err == 0)
		count_page();
	return err == -EEXIST ? 0 : err;
}

static bool in_tail(const struct region *r, uint64_t address)
{
	return r->tail != 0 && r->end - page_down(address) == PAGE_SIZE;
}

/* What else of the cache lies near is mapped as well, for reading. Nothing depends on it. */
static void map_around(const struct want *w, const struct region *r)
{
	uint64_t va = page_down(w->address), at = va & ~(AROUND * PAGE_SIZE - 1);
	uint64_t end = at + AROUND * PAGE_SIZE < r->end ? at + AROUND * PAGE_SIZE : r->end;
	struct map_run run[AROUND];
	unsigned n = 0;

	if (!frames_plenty(SPARES))
		return;
	for (at = at < r->start ? r->start : at; at < end; at += PAGE_SIZE) {
		uint32_t slot = at == va || in_tail(r, at) ? NO_SLOT :
			cache_find(r->file, r->offset + (at - r->start));

		if (slot != NO_SLOT && cache_frame(slot, &run[n].pfn)) {
			run[n].va = at | MAP_NEW | (r->prot & EXEC ? MAP_EXEC : 0);
			run[n++].count = 1;
		}
	}
	if (n != 0)
		(void)pages_map(w->space, run, n, 0);
}

/* The frame of the cache becomes the page, or what the page is copied from. */
static err_t page_of_file(const struct want *w, const struct region *r, uint32_t slot)
{
	struct map_run run = { page_down(w->address), 0, 1 };
	bool shared = r->kind == REGION_FILE_SHARED;
	err_t err;

	if (!cache_frame(slot, &run.pfn))
		return -EINVAL;
	if (!shared && in_tail(r, w->address))
		return page_with_tail(w, r, run.pfn);
	run.va |= r->prot & EXEC ? MAP_EXEC : 0;
	run.va |= shared && w->access & WRITE ? MAP_WRITE : 0;
	err = pages_map(w->space, &run, 1, 0);
	if (err == -EEXIST)             /* somebody was faster */
		err = 0;
	else if (err == 0)
		count_page();
	if (err == 0 && !shared && w->access & WRITE)
		return page_copied(w, r);
	if (err == 0)
		map_around(w, r);
	return err;
}

static err_t file_page(const struct want *w, const struct region *r, struct missing *m)
{
	struct space_query_reply page;
	bool present = w->present || page_query(w->space, w->address, &page);

	if (present && r->kind == REGION_FILE)
		return w->access & WRITE ? page_copied(w, r) : 0;
	if (present && !(w->access & WRITE))
		return 0;
	if (present && !w->present && page.prot & MAP_WRITE)
		return 0;
	if (w->slot != NO_SLOT)
		return page_of_file(w, r, w->slot);
	if (r->kind == REGION_FILE || !(w->access & WRITE)) {
		uint32_t slot = cache_find(r->file, r->offset + (page_down(w->address) - r->start));

		if (slot != NO_SLOT)
			return page_of_file(w, r, slot);
	}
	*m = (struct missing){
		.file = r->file, .offset = r->offset + (page_down(w->address) - r->start),
		.write = r->kind == REGION_FILE_SHARED && w->access & WRITE,
	};
	return -ENODATA;
}

/* ---- shared anonymous pages ---- */

static err_t object_mapped(const struct want *w, const struct region *r)
{
	uint64_t va = page_down(w->address);
	struct map_run run = { va | map_flags(r), 0, 1 };
	err_t err = object_page(r->file + r->offset + (va - r->start), &run.pfn);

	if (err == 0)
		err = pages_map(w->space, &run, 1, 0);
	if (err == 0)
		count_page();
	return err;
}

/* ---- any page ---- */

/* A stack grows down to address, if it may and nothing is near. */
static unsigned grow(const struct want *w)
{
	unsigned n = region_above(w->space, w->address), prev;
	uint64_t start = page_down(w->address), low = USER_LOW;

	if (n == 0 || !(region(n)->flags & REGION_GROWS) ||
	    (region(n)->end - start) / PAGE_SIZE > region(n)->limit)
		return 0;
	prev = region(n)->prev;
	if (prev != 0 && region(prev)->prot != 0)
		low = region(prev)->end + STACK_GUARD;
	else if (prev != 0)
		low = region(prev)->end;
	if (start < low)
		return 0;
	region_resize(n, start, region(n)->end);
	return n;
}

/* Present, and allowed as it now is: a mapping made by another thread, or rights given back. */
static err_t page_again(const struct want *w, const struct region *r)
{
	uint64_t va = page_down(w->address);

	pages_protect(w->space, va, va + PAGE_SIZE, map_flags(r) & MAP_EXEC);
	return 0;
}

static err_t anon_page(const struct want *w, const struct region *r)
{
	err_t err;

	if (w->present)
		return w->access & WRITE ? page_copied(w, r) : page_again(w, r);
	err = page_zeroed(w, r);
	if (err != -EEXIST)
		return err;
	return w->access & WRITE ? page_copied(w, r) : 0;
}

err_t page_in(const struct want *w, struct missing *missing)
{
	unsigned n = region_find(w->space, w->address);
	const struct region *r;

	if (n == 0)
		n = grow(w);
	if (n == 0)
		return -EFAULT;
	r = region(n);
	if (r->prot == 0 || (w->access & (WRITE | EXEC) & ~r->prot) != 0)
		return -EACCES;
	switch (r->kind) {
	case REGION_ANON:
		return anon_page(w, r);
	case REGION_OBJECT:
		return object_mapped(w, r);
	case REGION_FILE:
	case REGION_FILE_SHARED:
		return file_page(w, r, missing);
	default:
		return w->access & WRITE ? -EACCES : space_fixed_page(w->space, w->address);
	}
}

/* ---- faults ---- */

int64_t fault_refused(err_t err)
{
	if (err == -EACCES)
		return FAULT_CODE(SIGSEGV, SEGV_ACCERR);
	if (err == -EIO || err == -ENXIO)
		return FAULT_CODE(SIGBUS, BUS_ADRERR);
	if (err == -ENOMEM)
		return FAULT_CODE(SIGKILL, 0);
	return FAULT_CODE(SIGSEGV, SEGV_MAPERR);
}

int64_t vm_fault(const struct delivery *d)
{
	uint64_t code = d->m.w[1];
	struct want w = {
		.space = space_of(d->m.peer), .address = d->m.w[0], .slot = NO_SLOT,
		.access = code & FAULT_WRITE ? WRITE : code & FAULT_EXEC ? EXEC : READ,
		.present = code & FAULT_PRESENT,
	};
	struct missing m;
	err_t err;

	audit_fault(d);
	if (w.space == 0 || w.address >= USER_END) {
		doubt_refusal(d->m.peer, w.space, w.address, w.access, -EFAULT);
		return fault_refused(-EFAULT);
	}
	/* Not the program's own access but the CPU's, which SMAP refuses however often it is tried:
	 * QEMU makes it in a far return. */
	if ((code & (FAULT_PRESENT | FAULT_USER)) == FAULT_PRESENT)
		return fault_refused(-EFAULT);
	err = page_in(&w, &m);
	if (err == -ENOENT && w.present) {      /* it was there; we dropped it since */
		w.present = false;
		err = page_in(&w, &m);
	}
	if (err == 0)
		return doubt_done(d->m.peer, &w, code, d->m.w[2]) ? 0 : fault_refused(-EFAULT);
	if (err == -ENODATA) {
		wait_for_page(d, w.space, w.address, &m);
		return NO_REPLY;
	}
	if (err == -ENOMEM) {
		wait_for_memory(d, w.space);
		return NO_REPLY;
	}
	doubt_refusal(d->m.peer, w.space, w.address, w.access, err);
	return fault_refused(err);
}

/* ---- pages that calls need ---- */

int64_t page_for_call(const struct delivery *d, uint64_t address, bool write)
{
	struct want w = {
		.space = space_of(d->m.peer), .address = address, .slot = NO_SLOT,
		.access = write ? WRITE : READ,
	};
	struct missing m;
	err_t err;

	if (w.space == 0 || address >= USER_END)
		return -EFAULT;
	err = page_in(&w, &m);
	if (err == 0)
		return 0;
	if (err == -ENODATA)
		wait_for_page(d, w.space, address, &m);
	else if (err == -ENOMEM)
		wait_for_memory(d, w.space);
	else
		doubt_refusal(d->m.peer, w.space, address, w.access, err);
	return err == -ENODATA || err == -ENOMEM ? NO_REPLY : -EFAULT;
}

static int64_t user_copy(const struct delivery *d, uint32_t dir, uint64_t remote, void *local,
			 size_t len)
{
	for (unsigned tries = 0; tries < 8; tries++) {
		struct call_copy_request req = {
			.client = d->m.peer, .serial = d->serial, .dir = dir, .remote = remote,
			.local = (uint64_t)(uintptr_t)local, .len = len,
		};
		struct call_copy_reply reply;
		err_t err = sys_call_copy(&req, &reply);
		int64_t result;

		if (err != -EFAULT)
			return err;
		result = page_for_call(d, reply.fault, dir == COPY_OUT);
		if (result != 0)
			return result;
	}
	return -EFAULT;
}

int64_t user_read(const struct delivery *d, uint64_t from, void *to, size_t len)
{
	return user_copy(d, COPY_IN, from, to, len);
}

int64_t user_write(const struct delivery *d, uint64_t to, const void *from, size_t len)
{
	return user_copy(d, COPY_OUT, to, (void *)(uintptr_t)from, len);
}

err_t vm_populate_reply(const struct delivery *d, uint64_t address, bool write)
{
	return page_for_call(d, address, write) == 0 ? 0 : -EFAULT;
}

/* ---- pages ahead of their use ---- */

/* A new anonymous range, many pages in one call. */
static uint64_t populate_batch(unsigned space, uint64_t at, uint64_t end, const struct region *r)
{
	struct map_run run[BATCH];
	unsigned n = (end - at) / PAGE_SIZE < BATCH ? (unsigned)((end - at) / PAGE_SIZE) : BATCH;
	const pfn_t *next = frames_peek(n, &n);
	err_t err;

	if (n == 0 || !frames_plenty(n))
		return end;
	for (unsigned i = 0; i < n; i++)
		run[i] = (struct map_run){
			(at + i * (uint64_t)PAGE_SIZE) | map_flags(r) | MAP_ZERO, next[i], 1,
		};
	err = pages_map(space, run, n, n);
	return err == 0 ? at + n * (uint64_t)PAGE_SIZE : at;
}

void range_populate(unsigned space, uint64_t start, uint64_t end, bool write)
{
	struct want w = { .space = space, .slot = NO_SLOT, .access = write ? WRITE : READ };
	struct missing m;

	if (end - start > POPULATE_MAX * (uint64_t)PAGE_SIZE)
		end = start + POPULATE_MAX * (uint64_t)PAGE_SIZE;
	while (start < end) {
		const struct region *r = region(region_find(space, start));
		uint64_t stop = r->end < end ? r->end : end, at = start;

		if (r == region(0))
			return;
		undo_commit();
		if (r->kind == REGION_ANON && r->prot != 0)
			at = populate_batch(space, start, stop, r);
		if (at == start) {
			w.address = start;
			if (page_in(&w, &m) == -ENOMEM)
				return;
			at += PAGE_SIZE;
		}
		start = at;
	}
}
