/* SPDX-License-Identifier: BSD-2-Clause
 * linux.c - the Linux calls about memory: mmap, munmap, mprotect, brk.
 *
 * Job:      checks what a program asks and changes its regions; pages follow by faults.
 * Speaks:   Linux's calls; hands an mmap of a file to vfs, which comes back with vm.map.
 * Touches:  the caller's space.
 * Trusts:   nothing.
 * On crash: a call that was committed in part is done again, or answered from state.done.
 */
#include "vm.h"

#include <lib/service_ids.h>

enum {
	LINUX_MMAP = 9, LINUX_MPROTECT = 10, LINUX_MUNMAP = 11, LINUX_BRK = 12, LINUX_MREMAP = 25,
	LINUX_MSYNC = 26, LINUX_MINCORE = 27, LINUX_MADVISE = 28, LINUX_MLOCK = 149,
	LINUX_MUNLOCK = 150, LINUX_MLOCKALL = 151, LINUX_MUNLOCKALL = 152, LINUX_FUTEX = 202,
	LINUX_MLOCK2 = 325,
};
enum {
	MAP_SHARED = 1, MAP_PRIVATE = 2, MAP_TYPE = 15, MAP_FIXED = 16, MAP_ANONYMOUS = 32,
	MAP_32BIT = 64, MAP_GROWSDOWN = 256, MAP_LOCKED = 0x2000, MAP_NORESERVE = 0x4000,
	MAP_POPULATE = 0x8000, MAP_HUGETLB = 0x40000, MAP_FIXED_NOREPLACE = 0x100000,
	SHARED_VALIDATE = 3,
	PROT_GROWS = 0x3000000,
};
#define LOW_2G 0x80000000ull

/* ---- answers given twice are the same ---- */

bool done_before(endpoint_t client, uint32_t serial, int64_t *result)
{
	if (server_attempt() == 0 || serial == 0 || state.done.serial != serial ||
	    !endpoint_eq(state.done.client, client))
		return false;
	*result = state.done.result;
	return true;
}

void done_now(endpoint_t client, uint32_t serial, int64_t result)
{
	state.done = (struct done){ client, serial, result };
	undo_commit();
}

/* ---- mmap ---- */

static uint64_t choose(const struct region *r, uint64_t hint, uint64_t len, uint32_t flags)
{
	if (flags & MAP_32BIT)
		return region_gap(r->space, len, LOW_2G);
	hint = page_down(hint);
	if (hint >= USER_LOW && hint < MMAP_TOP && len <= MMAP_TOP - hint &&
	    region_is_empty(r->space, hint, hint + len))
		return hint;
	return region_gap(r->space, len, MMAP_TOP);
}

/* Where a mapping goes; what was there is gone. */
static int64_t place(const struct region *r, uint64_t address, uint64_t len, uint32_t flags)
{
	bool replace = flags & MAP_FIXED;
	uint64_t gone = replace && address <= USER_END && len <= USER_END ? address + len : address;

	/* As Linux's default: memory that could never be had is refused at once. */
	if (r->prot & VM_PROT_WRITE && !(flags & MAP_NORESERVE) &&
	    len / PAGE_SIZE > frames_total())
		return -ENOMEM;
	if (!limit_allows(r, len, address, gone))
		return -ENOMEM;
	if (!(flags & (MAP_FIXED | MAP_FIXED_NOREPLACE))) {
		address = choose(r, address, len, flags);
		return address != 0 ? (int64_t)address : -ENOMEM;
	}
	if (address % PAGE_SIZE != 0)
		return -EINVAL;
	if (address < USER_LOW)
		return -EPERM;
	if (address > USER_END || len > USER_END - address)
		return -ENOMEM;
	if (region_is_empty(r->space, address, address + len))
		return (int64_t)address;
	if (!replace || flags & MAP_FIXED_NOREPLACE)
		return -EEXIST;
	if (!region_room(r->space, 3) || range_unmap(r->space, address, address + len) != 0)
		return -ENOMEM;
	return (int64_t)address;
}

int64_t map_insert(struct region *r, uint64_t address, uint64_t len, uint32_t flags)
{
	bool object = r->kind == REGION_OBJECT;
	int64_t at;
	unsigned n;

	if (len == 0)
		return -EINVAL;
	if (len > USER_END || page_up(len) == 0)
		return -ENOMEM;
	len = page_up(len);
	if (!region_room(r->space, 1) || (object && !region_room(HOLDER, 1)))
		return -ENOMEM;
	at = place(r, address, len, flags);
	if (at < 0)
		return at;
	if (object) {
		r->file = object_new(len);
		if (r->file == 0)
			return -ENOMEM;
	}
	r->start = (uint64_t)at;
	r->end = r->start + len;
	n = region_insert(r);
	if (n == 0)
		return -ENOMEM;
	region_join(n);
	return at;
}

static int64_t linux_mmap(unsigned space, const struct delivery *d)
{
	uint64_t address = d->m.w[0], len = d->m.w[1], prot = d->m.w[2];
	uint32_t flags = (uint32_t)d->m.w[3];
	struct region r = { .space = (uint16_t)space, .prot = prot & PROT_ALL };
	int64_t at;

	if (!(flags & MAP_ANONYMOUS)) {
		err_t err = ipc_forward(d->m.peer, d->serial, service_now(ID_VFS));

		return err == 0 ? NO_REPLY : -ENODEV;
	}
	if (flags & MAP_HUGETLB)
		return -ENOMEM;
	if ((flags & MAP_TYPE) == MAP_PRIVATE)
		r.kind = REGION_ANON;
	else if ((flags & MAP_TYPE) == MAP_SHARED || (flags & MAP_TYPE) == SHARED_VALIDATE)
		r.kind = REGION_OBJECT;
	else
		return -EINVAL;
	if (flags & MAP_GROWSDOWN && r.kind == REGION_ANON) {
		r.flags = REGION_GROWS;
		r.limit = STACK_LIMIT_DEFAULT / PAGE_SIZE;
	}
	at = map_insert(&r, address, len, flags);
	if (at > 0 && flags & (MAP_POPULATE | MAP_LOCKED)) {
		done_now(d->m.peer, d->serial, at);
		range_populate(space, (uint64_t)at, (uint64_t)at + page_up(len), prot & WRITE);
	}
	return at;
}

/* ---- munmap, mprotect ---- */

static int64_t linux_munmap(unsigned space, const struct delivery *d)
{
	uint64_t start = d->m.w[0], len = page_up(d->m.w[1]);

	if (start % PAGE_SIZE != 0 || d->m.w[1] == 0 || start > USER_END || len == 0 ||
	    len > USER_END - start)
		return -EINVAL;
	return range_unmap(space, start, start + len);
}

/* A private page that nobody shares may become writable at once; else by its next fault. */
static void protect(unsigned n, uint64_t prot)
{
	struct region *r = region(n);
	uint8_t old = r->prot;
	unsigned flags;

	if (old == prot)
		return;
	r->prot = (uint8_t)prot;
	flags = map_flags(r);
	if (r->kind != REGION_OBJECT && (r->kind != REGION_ANON || r->flags & REGION_FORKED))
		flags &= ~(unsigned)MAP_WRITE;
	if (flags == 0 && old == READ)
		return;                 /* not writable, not executable as it is */
	pages_protect(r->space, r->start, r->end, flags);
}

static int64_t linux_mprotect(unsigned space, const struct delivery *d)
{
	uint64_t start = d->m.w[0], len = page_up(d->m.w[1]), prot = d->m.w[2], end = start + len;
	unsigned count = 0;

	if (start % PAGE_SIZE != 0 || prot & ~(uint64_t)(PROT_ALL | PROT_GROWS))
		return -EINVAL;
	if (prot & PROT_GROWS)
		return -EINVAL;
	if (d->m.w[1] == 0)
		return 0;
	if (len == 0 || end < start || end > USER_END || !region_covers(space, start, end))
		return -ENOMEM;
	if (!region_room(space, 2) || region_cut(space, start) != 0 ||
	    region_cut(space, end) != 0)
		return -ENOMEM;
	for (unsigned n = region_find(space, start); n != 0 && region(n)->start < end;) {
		uint64_t next = region(n)->end;

		if (region(n)->kind == REGION_FIXED ||
		    (region(n)->flags & REGION_READ_ONLY && prot & WRITE))
			return -EACCES;
		protect(n, prot);
		region_join(n);
		if (++count % 32 == 0)
			undo_commit();
		n = region_above(space, next);
	}
	region_join(region_find(space, end - 1));
	return 0;
}

/* ---- brk ---- */

static int64_t linux_brk(unsigned space, const struct delivery *d)
{
	struct space *s = &state.space[space];
	uint64_t to = d->m.w[0], old_end = page_up(s->brk), new_end = page_up(to);
	struct region r = {
		.space = (uint16_t)space, .kind = REGION_ANON, .prot = READ | WRITE,
		.start = old_end, .end = new_end,
	};
	unsigned n;

	if (to < s->brk_start || to >= MMAP_TOP)
		return (int64_t)s->brk;
	if (new_end > old_end) {
		if (!region_is_empty(space, old_end, new_end + PAGE_SIZE))
			return (int64_t)s->brk;
		if (!region_room(space, 1) || !limit_allows(&r, new_end - old_end, 0, 0))
			return (int64_t)s->brk;
		n = region_insert(&r);
		if (n == 0)
			return (int64_t)s->brk;
		region_join(n);
	} else if (new_end < old_end && range_unmap(space, new_end, old_end) != 0) {
		return (int64_t)s->brk;
	}
	s->brk = to;
	return (int64_t)to;
}

/* ---- which call ---- */

int64_t vm_linux(const struct delivery *d)
{
	unsigned space = space_of(d->m.peer);
	int64_t result;

	if (space == 0)
		return -ESRCH;
	if (done_before(d->m.peer, d->serial, &result))
		return result;
	switch (d->m.type) {
	case LINUX_MMAP:
		return linux_mmap(space, d);
	case LINUX_MPROTECT:
		return linux_mprotect(space, d);
	case LINUX_MUNMAP:
		return linux_munmap(space, d);
	case LINUX_BRK:
		return linux_brk(space, d);
	case LINUX_MREMAP:
		return linux_mremap(space, d);
	case LINUX_MSYNC:
		return linux_msync(space, d);
	case LINUX_MINCORE:
		return linux_mincore(space, d);
	case LINUX_MADVISE:
		return linux_madvise(space, d);
	case LINUX_MLOCK:
	case LINUX_MLOCK2:
	case LINUX_MUNLOCK:
		return linux_mlock(space, d);
	case LINUX_MLOCKALL:
		return d->m.w[0] == 0 || d->m.w[0] > 7 || d->m.w[0] == 4 ? -EINVAL : 0;
	case LINUX_MUNLOCKALL:
		return 0;
	case LINUX_FUTEX:
		return linux_futex(d);
	default:
		return -ENOSYS;
	}
}
