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

/* Where va in p is through the direct map; NULL if it is not in the user half, absent, MMIO,
 * made inaccessible, or not writable and that is needed. */
static uint8_t *byte_at(const struct proc *p, vaddr_t va, bool write)
{
	pte_t *e = va < USER_END ? table_leaf(p->space->root, va) : NULL;
	unsigned flags = e ? pte_flags(*e) : MAP_MMIO;

	if (flags & (MAP_MMIO | MAP_NONE) || (write && !(flags & MAP_WRITE)))
		return NULL;
	return (uint8_t *)frame_ptr(pte_pfn(*e)) + va % PAGE_SIZE;
}

/* How many of these bytes are in va's page. */
static uint64_t in_page(vaddr_t va, uint64_t len)
{
	uint64_t left = PAGE_SIZE - va % PAGE_SIZE;

	return len < left ? len : left;
}

/* Between here, NULL for nothing, and p's memory at va. */
static err_t transfer(struct proc *p, vaddr_t va, uint8_t *here, uint64_t len, bool out)
{
	for (uint64_t n, done = 0; done < len; done += n) {
		uint8_t *there = byte_at(p, va + done, out);

		if (!there)
			return -EFAULT;
		n = in_page(va + done, len - done);
		if (here)
			memcpy(out ? there : here + done, out ? here + done : there, n);
	}
	return 0;
}

err_t copy_from_proc(struct proc *p, void *to, vaddr_t from, uint64_t len)
{
	return transfer(p, from, to, len, false);
}

err_t copy_to_proc(struct proc *p, vaddr_t to, const void *from, uint64_t len)
{
	return transfer(p, to, (uint8_t *)(uintptr_t)from, len, true);
}

err_t copy_procs(struct proc *local_proc, vaddr_t local, struct proc *remote_proc, vaddr_t remote,
		 uint32_t dir, uint64_t len, bool force, struct copied *r)
{
	bool in = dir == COPY_IN;

	*r = (struct copied){ 0, remote };
	if (len > COPY_MAX || dir > COPY_OUT)
		return -EINVAL;
	for (uint64_t n; r->done < len; r->done += n) {
		vaddr_t l = local + r->done, m = remote + r->done;
		uint8_t *here = byte_at(local_proc, l, in);
		uint8_t *there = byte_at(remote_proc, m, !in && !force);

		r->fault = m;
		if (!here || !there)
			return here ? -EFAULT : -EINVAL;
		n = in_page(l, in_page(m, len - r->done));
		bytes_copy(in ? here : there, in ? there : here, n);
	}
	return 0;
}

err_t call_lends(const struct proc *c, uint32_t dirs, uint64_t *at, uint64_t len)
{
	uint64_t lent = c->regs.r15 & CALL_LEND_LENGTH;
	uint64_t need = (dirs & GRANT_READ ? CALL_LEND_READ : 0) |
			(dirs & GRANT_WRITE ? CALL_LEND_WRITE : 0);

	if (c->kind == CALL_LINUX)
		return 0;
	if (c->kind != CALL_CONTRACT || need & ~c->regs.r15 || *at > lent || len > lent - *at)
		return -EPERM;
	*at += c->regs.r14;
	return 0;
}

err_t call_copy(struct proc *caller, struct proc *c, uint32_t dir, uint64_t remote, uint64_t local,
		uint64_t len, struct copied *r)
{
	err_t err = call_lends(c, dir == COPY_IN ? GRANT_READ : GRANT_WRITE, &remote, len);

	*r = (struct copied){ 0, remote };
	return err ? err : copy_procs(caller, local, c, remote, dir, len, false, r);
}
