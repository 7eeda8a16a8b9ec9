/* SPDX-License-Identifier: BSD-2-Clause
 * asks.c - what vm's clients ask that makes sense, more often than chance would have it.
 *
 * Job:      fills calls of pm, vfs, rs, drivers and programs with spaces, processes, addresses and
 *           tickets that there are; the rest is what the fuzz tables bring.
 * Speaks:   contracts/vm and Linux calls, to vm.
 * Touches:  vfs's index of pages; words of programs.
 * Trusts:   nothing.
 * On crash: it is a host test: it fails.
 */
#include "clients.h"

enum { FILES = 9 };
enum { LINUX_MMAP = 9, LINUX_MPROTECT = 10, LINUX_BRK = 12, LINUX_MREMAP = 25,
       LINUX_MSYNC = 26, LINUX_MADVISE = 28, LINUX_FUTEX = 202 };
enum { WRITTEN_MOST = 0x700 };          /* in a page; marks lie behind that (checks.c) */

unsigned fresh;
bool heapless;
uint32_t ticket[TICKETS];
uint64_t serial;

bool is_dry(void)
{
	return serial % 16384 > 12000;
}

/* ---- what is worth asking for ---- */

endpoint_t somebody(void)
{
	unsigned slot = FIRST_PROGRAM + (unsigned)below(PROGRAMS);

	for (unsigned n = 0; n < PROGRAMS; n++, slot++) {
		if (slot == FIRST_PROGRAM + PROGRAMS)
			slot = FIRST_PROGRAM;
		if (!endpoint_eq(memory_who(slot), ENDPOINT_NONE))
			return memory_who(slot);
	}
	return ENDPOINT(1, slot % PROGRAMS + FIRST_PROGRAM);
}

unsigned some_space(bool unused)
{
	unsigned first = (unsigned)below(NR_SPACES - FIRST_SPACE);

	for (unsigned n = 0; n < NR_SPACES - FIRST_SPACE; n++) {
		unsigned s = FIRST_SPACE + (first + n) % (NR_SPACES - FIRST_SPACE);

		if (space_is_live(s) && (!unused || state.space[s].processes == 0))
			return s;
	}
	return fresh;
}

uint64_t some_address(unsigned space)
{
	unsigned n = state.space[space % NR_SPACES].first, steps = (unsigned)below(12);
	const struct region *r;
	uint64_t pages;

	while (n != 0 && steps-- != 0 && region(n)->next != 0)
		n = region(n)->next;
	r = region(n);
	pages = (r->end - r->start) / PAGE_SIZE;
	if (n == 0 || pages == 0 || one_in(12))
		return one_in(2) ? some_number() : PIE_BASE + below(64) * PAGE_SIZE;
	switch (below(8)) {
	case 0:
		return r->end - below(2) * PAGE_SIZE;
	case 1:
		return r->start - below(30) * PAGE_SIZE;
	case 2:
		return r->start + below(r->end - r->start);
	default:
		return r->start + below(pages < 24 ? pages : 24) * PAGE_SIZE;
	}
}

static uint64_t some_length(void)
{
	if (one_in(20))
		return any();
	if (one_in(12))
		return below(4000) * PAGE_SIZE;
	return one_in(3) ? below(20 * PAGE_SIZE) : below(20) * PAGE_SIZE;
}

/* ---- what pm asks ---- */

/* A process begins in a new space, or changes to it; or there is one more thread. */
static void attach(struct vm_attach_request *req)
{
	unsigned slot = FIRST_PROGRAM + (unsigned)below(PROGRAMS);
	endpoint_t who = memory_who(slot);

	req->space = (uint16_t)some_space(one_in(2));
	if (!one_in(3))
		req->space = (uint16_t)fresh;
	if (endpoint_eq(who, ENDPOINT_NONE))
		who = ENDPOINT(1 + below(1000), slot);
	req->proc = who;
}

static void pm_map(struct vm_map_request *req)
{
	static const uint32_t flags[] = {
		VM_MAP_PRIVATE, VM_MAP_PRIVATE, VM_MAP_SHARED, VM_MAP_PRIVATE | VM_MAP_FIXED,
		VM_MAP_SHARED | VM_MAP_READ_ONLY, VM_MAP_PRIVATE | VM_MAP_GROWSDOWN,
		VM_MAP_FIXED_NOREPLACE | VM_MAP_PRIVATE,
	};

	req->space = (uint16_t)(one_in(3) ? 0 : some_space(one_in(2)));
	req->proc = somebody();
	req->prot = (uint16_t)below(8);
	req->flags = flags[below(COUNT(flags))];
	req->address = one_in(3) ? some_address(req->space) : 0;
	req->len = some_length();
	req->file = below(FILES);
	req->offset = below(20) * PAGE_SIZE;
	req->tail = one_in(3) ? (uint32_t)below(PAGE_SIZE) : 0;
	if (req->flags & VM_MAP_GROWSDOWN && one_in(2)) {
		req->address = STACK_TOP - 4 * PAGE_SIZE;
		req->len = 4 * PAGE_SIZE;
		req->flags |= VM_MAP_FIXED;
		req->file = req->offset = 0;
	}
}

static void pm_asks(struct message *m)
{
	union {
		struct vm_space_fork_request fork;
		struct vm_attach_request attach;
		struct vm_detach_request detach;
		struct vm_space_free_request free;
		struct vm_map_request map;
		struct vm_brk_set_request brk;
		struct vm_write_request write;
		struct vm_limit_request limit;
		struct vm_futex_wake_request wake;
	} *req = (void *)m->w;

	switch (m->type) {
	case VM_SPACE_FORK:
		req->fork.parent = somebody();
		break;
	case VM_ATTACH:
		attach(&req->attach);
		break;
	case VM_DETACH:
		req->detach.proc = one_in(2) ? somebody()
			: state.user[FIRST_PROGRAM + below(PROGRAMS)].proc;
		break;
	case VM_SPACE_FREE:
		req->free.space = (uint16_t)some_space(true);
		break;
	case VM_MAP:
		pm_map(&req->map);
		break;
	case VM_BRK_SET:
		req->brk.space = (uint16_t)(heapless ? fresh : some_space(one_in(2)));
		req->brk.start = PIE_BASE + below(100) * 1000;
		break;
	case VM_WRITE:
		req->write.space = (uint16_t)some_space(one_in(2));
		req->write.address = some_address(req->write.space);
		break;
	case VM_LIMIT:
		req->limit.space = (uint16_t)some_space(false);
		req->limit.total = below(4) << 24;
		req->limit.data = one_in(3) ? below(4) << 20 : UINT64_MAX;
		break;
	case VM_FUTEX_WAKE:
		req->wake.proc = somebody();
		req->wake.address = some_address(space_of(req->wake.proc));
		break;
	}
}

/* ---- what vfs asks ---- */

static struct page_index *index_of_vfs(void)
{
	unsigned flags;
	pfn_t pfn;

	return memory_page(ID_VFS, INDEX_OF_VFS, &pfn, &flags) ? memory_at(pfn) : NULL;
}

void index_write(uint32_t slot)
{
	struct page_index *x = index_of_vfs();
	struct page *p = &x->page[slot];
	uint32_t *bucket;

	p->inode = (uint16_t)(1 + below(FILES - 1));
	p->index = (uint32_t)below(24);
	p->flags = one_in(8) ? (uint8_t)any() : PAGE_VALID;
	bucket = &x->bucket[page_bucket(p->inode, p->index)];
	p->next = *bucket;
	*bucket = slot + 1;
	if (one_in(100))
		fill(p, sizeof(*p));
}

uint32_t slot_with_frame(void)
{
	uint32_t slot = (uint32_t)below(SLOTS), n = 0;
	pfn_t pfn;

	while (n++ < SLOTS && !cache_frame(slot, &pfn))
		slot = (slot + 1) % SLOTS;
	return slot;
}

static void vfs_asks(struct message *m)
{
	static const int32_t errors[] = { 0, 0, 0, 0, 0, -EIO, -ENXIO };
	union {
		struct vm_cache_take_request take;
		struct vm_cache_give_request give;
		struct vm_wait_supply_request supply;
		struct vm_file_drop_request drop;
		struct vm_cache_index_request index;
		struct vm_file_mapped_request mapped;
	} *req = (void *)m->w;

	switch (m->type) {
	case VM_CACHE_TAKE:
	case VM_CACHE_GIVE:
		req->take.first = (uint32_t)below(SLOTS);
		req->take.count = (uint32_t)below(one_in(9) ? 300 : 20);
		break;
	case VM_WAIT_SUPPLY:
		req->supply.ticket = ticket[below(TICKETS)];
		req->supply.slot = slot_with_frame();
		req->supply.error = errors[below(COUNT(errors))];
		break;
	case VM_FILE_DROP:
	case VM_FILE_CLEAN:             /* alike, but for the last */
		req->drop.file = below(FILES);
		req->drop.offset = below(40) * PAGE_SIZE;
		req->drop.len = some_length();
		req->drop.copies = one_in(2);
		break;
	case VM_CACHE_INDEX:
		req->index.address = INDEX_OF_VFS;
		req->index.len = sizeof(struct page_index);
		break;
	case VM_FILE_MAPPED:
		req->mapped.file = below(FILES);
		break;
	}
}

/* ---- what others ask ---- */

static endpoint_t some_service(void)
{
	static const uint8_t slot[] = { ID_VFS, ID_IS, ID_TTY, ID_DRIVER, ID_DRIVER, COMING };

	return ENDPOINT(1, slot[below(COUNT(slot))]);
}

static void others_ask(struct message *m)
{
	union {
		struct vm_populate_request populate;
		struct vm_lend_request lend;
		struct vm_borrow_request borrow;
		struct vm_device_map_request device;
		struct vm_dma_address_request dma;
		struct vm_service_map_request service;
		struct vm_region_request region;
	} *req = (void *)m->w;
	uint64_t own = 0x400000 + below(9) * PAGE_SIZE;

	switch (m->type) {
	case VM_POPULATE:
		req->populate.proc = somebody();
		req->populate.write = one_in(2);
		req->populate.address = some_address(space_of(req->populate.proc));
		req->populate.slot = one_in(4) ? slot_with_frame() : VM_NO_SLOT;
		break;
	case VM_LEND:
		req->lend.to = some_service();
		req->lend.key = (uint32_t)below(3);
		req->lend.address = own;
		req->lend.len = (1 + below(4)) * PAGE_SIZE;
		break;
	case VM_BORROW:
		req->borrow.from = some_service();
		req->borrow.key = (uint32_t)below(3);
		break;
	case VM_DEVICE_MAP:
		req->device.physical = (0xfe000 + below(1030)) * PAGE_SIZE;
		req->device.len = below(600) * PAGE_SIZE;
		break;
	case VM_DMA_ADDRESS:
		req->dma.address = own + below(2) * 100;
		req->dma.len = 1 + below(40000);
		break;
	case VM_SERVICE_MAP:            /* or _UNMAP, or _END */
	case VM_SERVICE_UNMAP:
		req->service.flags = (uint16_t)below(3);
		req->service.pages = (uint32_t)below(100);
		req->service.address = 0x400000 + below(64) * PAGE_SIZE;
		if (one_in(4)) {
			req->service.address = RS_WINDOW_VA + below(64) * PAGE_SIZE;
			req->service.space = ID_RS;
			break;
		}
		/* fall through */
	case VM_SERVICE_END:
		req->service.space = (uint16_t)(COMING + below(3));
		break;
	case VM_REGION:
	case VM_USAGE:
		req->region.proc = somebody();
		req->region.from = some_address(space_of(req->region.proc));
		break;
	}
}

/* ---- who asks for what, and how often ---- */

enum { BRK_SET };
static const struct { uint16_t type; uint8_t by, weight; } acts[] = {
	[BRK_SET] = { VM_BRK_SET, ID_PM, 3 },
	{ VM_SPACE_NEW, ID_PM, 5 }, { VM_SPACE_FORK, ID_PM, 4 }, { VM_ATTACH, ID_PM, 9 },
	{ VM_DETACH, ID_PM, 4 }, { VM_SPACE_FREE, ID_PM, 2 }, { VM_MAP, ID_PM, 8 },
	{ VM_MAP, ID_VFS, 14 }, { VM_WRITE, ID_PM, 4 },
	{ VM_LIMIT, ID_PM, 1 }, { VM_FUTEX_WAKE, ID_PM, 3 }, { VM_LOST_NEXT, ID_PM, 1 },
	{ VM_VICTIM_NEXT, ID_PM, 3 }, { VM_POPULATE, ID_PM, 4 }, { VM_POPULATE, ID_VFS, 6 },
	{ VM_POPULATE, ID_TTY, 3 }, { VM_CACHE_TAKE, ID_VFS, 6 }, { VM_CACHE_GIVE, ID_VFS, 3 },
	{ VM_WAIT_NEXT, ID_VFS, 14 }, { VM_WAIT_SUPPLY, ID_VFS, 14 }, { VM_FILE_DROP, ID_VFS, 3 },
	{ VM_FILE_CLEAN, ID_VFS, 3 }, { VM_CACHE_INDEX, ID_VFS, 1 }, { VM_FILE_CHECK, ID_VFS, 1 },
	{ VM_FILE_MAPPED, ID_VFS, 1 }, { VM_LEND, ID_DRIVER, 4 }, { VM_LEND, ID_TTY, 2 },
	{ VM_BORROW, ID_TTY, 3 }, { VM_BORROW, ID_VFS, 3 }, { VM_DEVICE_MAP, ID_DRIVER, 2 },
	{ VM_DMA_ADDRESS, ID_DRIVER, 2 }, { VM_SERVICE_MAP, ID_RS, 4 },
	{ VM_SERVICE_UNMAP, ID_RS, 2 }, { VM_SERVICE_END, ID_RS, 2 }, { VM_TOTALS, ID_IS, 1 },
	{ VM_USAGE, ID_IS, 1 }, { VM_REGION, ID_IS, 3 },
};

static unsigned some_act(void)
{
	unsigned sum = 0, n = 0, at;

	for (n = 0; n < COUNT(acts); n++)
		sum += acts[n].weight;
	at = (unsigned)below(sum);
	for (n = 0; at >= acts[n].weight; n++)
		at -= acts[n].weight;
	return n;
}

void service_asks(struct delivery *d)
{
	unsigned n = heapless ? BRK_SET : some_act(), k = 0;

	while (is_dry() && (acts[n].type == VM_DETACH || acts[n].type == VM_SPACE_FREE ||
			    acts[n].type == VM_CACHE_GIVE || acts[n].type == VM_FILE_DROP))
		n = some_act();
	d->m.type = acts[n].type;
	d->m.peer = d->owner = memory_who(acts[n].by);
	while (k < vm_fuzz_count && vm_fuzz[k].type != d->m.type)
		k++;
	memset(d->m.w, 0, sizeof(d->m.w));
	if (k < vm_fuzz_count)
		fuzz_fields(d, &vm_fuzz[k]);
	if (one_in(12))
		return;
	pm_asks(&d->m);
	vfs_asks(&d->m);
	others_ask(&d->m);
}

/* ---- programs ---- */

static uint64_t linux_flags(uint32_t type)
{
	static const uint64_t map[] = { 0x22, 0x22, 0x21, 2, 0x32, 0x31, 0x8022, 0x100022, 0x122 };
	static const uint64_t advice[] = { 4, 4, 8, 10, 11, 18, 19, 22, 23, 3, 9 };

	switch (type) {
	case LINUX_MMAP:
		return map[below(COUNT(map))];
	case LINUX_MADVISE:
		return advice[below(COUNT(advice))];
	default:
		return below(8);
	}
}

/* A program puts a time, or small numbers, where a call will find it. */
static uint64_t written(unsigned space, uint64_t address)
{
	uint64_t *to, va = address & ~7ull;
	unsigned flags;
	pfn_t pfn;

	if (!memory_page(space, va, &pfn, &flags) || !(flags & MAP_WRITE) ||
	    va % PAGE_SIZE > WRITTEN_MOST)
		return address;
	to = (uint64_t *)((uint8_t *)memory_at(pfn) + va % PAGE_SIZE);
	to[0] = below(3);
	to[1] = below(1100000000);
	return va;
}

void program_asks(struct delivery *d)
{
	static const uint32_t calls[] = {
		9, 9, 9, 10, 10, 11, 11, 12, 25, 25, 26, 27, 28, 28, 149, 150, 151, 152, 202, 202,
		202, 202, 325,
	};
	static const uint32_t ops[] = { 0, 1, 3, 4, 5, 9, 10, 128, 129, 128 + 9, 256 + 9 };
	unsigned space = space_of(d->m.peer);
	uint64_t *w = d->m.w;

	d->m.type = calls[below(COUNT(calls))];
	w[0] = some_address(space);
	w[1] = some_length();
	w[2] = linux_flags(d->m.type);
	w[3] = linux_flags(d->m.type);
	w[4] = some_address(space);
	w[5] = some_number();
	if (d->m.type == LINUX_MMAP) {
		w[0] = one_in(2) ? 0 : w[0];
		w[2] = below(8);
	} else if (d->m.type == LINUX_BRK) {
		w[0] = state.space[space].brk + below(40000) - 10000;
	} else if (d->m.type == LINUX_MREMAP) {
		w[2] = some_length();
		w[3] = below(4);
	} else if (d->m.type == LINUX_MSYNC) {
		w[2] = one_in(2) ? 4 : w[2];
	} else if (d->m.type == LINUX_FUTEX) {
		w[0] = one_in(2) ? page_down(w[0])
			: region(state.space[space].first)->start;
		w[1] = ops[below(COUNT(ops))];
		w[2] = one_in(3) ? below(3) : 0;
		w[3] = one_in(2) ? 0 : written(space, some_address(space));
		w[4] &= ~3ull;
		if (w[1] == 3 || w[1] == 4) {
			w[3] = below(3);
			w[5] = below(2);
			return;
		}
		w[5] = one_in(2) ? UINT32_MAX : below(4) << 28 | below(6) << 24 | below(1 << 24);
	} else if (d->m.type != LINUX_MADVISE && d->m.type != LINUX_MPROTECT) {
		w[2] = one_in(2) ? some_address(space) : below(2);
	}
}
