/* SPDX-License-Identifier: BSD-2-Clause
 * copy.c - checked copies between address spaces.
 *
 * Job:      walks page tables in software and copies through the direct map.
 * Speaks:   nothing; ipc.c and the kernel calls use it.
 * Touches:  user memory, here and nowhere else in the kernel. No user address is ever
 *           dereferenced, so no copy can fault or needs SMAP opened.
 * Trusts:   the page tables, which only the kernel writes.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/arch.h>
#include <kernel/core/copy.h>

bool user_range(vaddr_t va, uint64_t len)
{
	return va < USER_END && len <= USER_END - va;
}

/* The page of va in p through the direct map; NULL if absent, MMIO, or not writable and that is
 * needed. */
static uint8_t *page_of(const struct proc *p, vaddr_t va, bool write)
{
	pte_t *e = table_leaf(p->space->root, va);
	unsigned flags;

	if (!e || !pte_present(*e))
		return NULL;
	flags = pte_flags(*e);
	if (flags & MAP_MMIO || (write && !(flags & MAP_WRITE)))
		return NULL;
	return frame_ptr(pte_pfn(*e));
}

static uint64_t page_left(vaddr_t va)
{
	return PAGE_SIZE - (va & (PAGE_SIZE - 1));
}

static uint64_t min64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t copy_from_proc(struct proc *p, void *to, vaddr_t from, uint64_t len)
{
	uint64_t done = 0;

	if (!user_range(from, len))
		return 0;
	while (done < len) {
		uint64_t n = min64(len - done, page_left(from + done));
		uint8_t *page = page_of(p, from + done, false);

		if (!page)
			break;
		bytes_copy((uint8_t *)to + done, page + (from + done) % PAGE_SIZE, n);
		done += n;
	}
	return done;
}

uint64_t copy_to_proc(struct proc *p, vaddr_t to, const void *from, uint64_t len)
{
	uint64_t done = 0;

	if (!user_range(to, len))
		return 0;
	while (done < len) {
		uint64_t n = min64(len - done, page_left(to + done));
		uint8_t *page = page_of(p, to + done, true);

		if (!page)
			break;
		bytes_copy(page + (to + done) % PAGE_SIZE, (const uint8_t *)from + done, n);
		done += n;
	}
	return done;
}

err_t copy_procs(struct proc *local_proc, vaddr_t local, struct proc *remote_proc, vaddr_t remote,
		 uint32_t dir, uint64_t len, bool force, struct copied *r)
{
	bool in = dir == COPY_IN;

	*r = (struct copied){ 0, remote };
	if (len > COPY_MAX || dir > COPY_OUT)
		return -EINVAL;
	if (!user_range(local, len))
		return -EINVAL;
	if (!user_range(remote, len))
		return -EFAULT;
	while (r->done < len) {
		vaddr_t l = local + r->done, m = remote + r->done;
		uint64_t n = min64(min64(len - r->done, page_left(l)), page_left(m));
		uint8_t *here = page_of(local_proc, l, in);
		uint8_t *there = page_of(remote_proc, m, !in && !force);

		r->fault = m;
		if (!here)
			return -EINVAL;
		if (!there)
			return -EFAULT;
		here += l % PAGE_SIZE;
		there += m % PAGE_SIZE;
		if (in)
			bytes_copy(here, there, n);
		else
			bytes_copy(there, here, n);
		r->done += n;
	}
	return 0;
}

err_t call_copy(struct proc *caller, struct proc *c, uint32_t dir, uint64_t remote, uint64_t local,
		uint64_t len, struct copied *r)
{
	uint64_t lent = c->regs.r15 & CALL_LEND_LENGTH;
	uint64_t need = dir == COPY_IN ? CALL_LEND_READ : CALL_LEND_WRITE;

	*r = (struct copied){ 0, remote };
	if (c->kind == CALL_FAULT)
		return -EPERM;
	if (c->kind == CALL_CONTRACT) {
		if (!(c->regs.r15 & need) || remote > lent || len > lent - remote)
			return -EPERM;
		remote += c->regs.r14;
	}
	return copy_procs(caller, local, c, remote, dir, len, false, r);
}

void window_init(struct window *w, struct proc *p, bool write)
{
	*w = (struct window){ .proc = p, .write = write, .page = 1 };
}

void *window_at(struct window *w, vaddr_t va, unsigned size)
{
	vaddr_t page = va & ~(vaddr_t)(PAGE_SIZE - 1);

	if (va % size || !user_range(va, size))
		return NULL;
	if (page != w->page) {
		w->ptr = page_of(w->proc, page, w->write);
		w->page = w->ptr ? page : 1;
		if (!w->ptr)
			return NULL;
	}
	return w->ptr + va % PAGE_SIZE;
}
