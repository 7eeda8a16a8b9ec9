/* SPDX-License-Identifier: BSD-2-Clause
 * pagetable.c - four-level page tables.
 *
 * Job:      reads and writes table entries through the direct map.
 * Speaks:   nothing; copy.c and the space calls use it through arch.h.
 * Touches:  frames typed TABLE. Compiled on the host as well, for the unit tests.
 * Trusts:   the tree: only this file writes it.
 * On crash: the kernel does not crash; kassert stops the machine.
 * Spec:     AMD64 APM vol. 2, 5.3 (long-mode page translation).
 */
#include <kernel/core/frame.h>
#include <kernel/x86_64/cpu.h>

#define PTE_FRAME 0x000ffffffffff000ull

enum { USER_ROOT_ENTRIES = 256 };

static unsigned index_at(vaddr_t va, unsigned level)
{
	return (va >> (PAGE_SHIFT + 9 * level)) & (PTE_ENTRIES - 1);
}

pfn_t pte_pfn(pte_t e)
{
	return (pfn_t)((e & PTE_FRAME) >> PAGE_SHIFT);
}

pte_t *table_entry(pfn_t root, vaddr_t va, unsigned at, take_t *take, void *arg)
{
	pte_t *t = frame_ptr(root);

	for (unsigned level = PTE_LEVELS - 1; level > at; level--) {
		pte_t *e = &t[index_at(va, level)];
		pfn_t f;

		if (!(*e & PTE_PRESENT)) {
			if (!take || !take(arg, &f))
				return NULL;
			frame_retype(f, FRAME_FREE, FRAME_TABLE);
			memset(frame_ptr(f), 0, PAGE_SIZE);
			*e = (pte_t)f << PAGE_SHIFT | PTE_PRESENT | PTE_WRITE | PTE_USER;
		}
		t = frame_ptr(pte_pfn(*e));
	}
	return &t[index_at(va, at)];
}

pte_t *table_leaf(pfn_t root, vaddr_t va)
{
	pte_t *e = table_entry(root, va, 0, NULL, NULL);

	return e && *e & PTE_PRESENT ? e : NULL;
}

pte_t *table_next(pfn_t root, vaddr_t va, vaddr_t end, vaddr_t *at, unsigned *looks)
{
	while (va < end && *looks) {
		pte_t *t = frame_ptr(root);
		unsigned level = PTE_LEVELS - 1;

		while (t[index_at(va, level)] & PTE_PRESENT) {
			if (level == 0) {
				*at = va;
				return &t[index_at(va, 0)];
			}
			t = frame_ptr(pte_pfn(t[index_at(va, level)]));
			level--;
		}
		/* Skip what the absent entry covers, staying in this table if it can. */
		do {
			va = ((va >> (PAGE_SHIFT + 9 * level)) + 1) << (PAGE_SHIFT + 9 * level);
		} while (--*looks && va < end && index_at(va, level) &&
			 !(t[index_at(va, level)] & PTE_PRESENT));
	}
	*at = va < end ? va : end;
	return NULL;
}

bool table_take(pfn_t root, vaddr_t *at, pfn_t *taken, pte_t **leaf)
{
	bool beside = *leaf && index_at(*at + PAGE_SIZE, 0) && (*leaf)[1];
	pte_t *t = frame_ptr(root), *up = beside ? *leaf + 1 : NULL;
	unsigned count = USER_ROOT_ENTRIES;

	*at += beside ? PAGE_SIZE : 0;
	*leaf = up;
	for (unsigned level = PTE_LEVELS - 1; !beside; level--) {
		unsigned shift = PAGE_SHIFT + 9 * level, first = index_at(*at, level), i = first;

		while (i < count && !(t[i] & PTE_PRESENT))
			i++;
		*leaf = level == 0 && i < count ? &t[i] : NULL;
		if (i == count)
			break;
		if (i > first)
			*at = ((*at >> shift) + (i - first)) << shift;
		up = &t[i];
		if (*leaf)
			break;
		t = frame_ptr(pte_pfn(*up));
		count = PTE_ENTRIES;
	}
	if (!up)
		return false;
	*taken = pte_pfn(*up);
	*up = 0;
	if (!*leaf)
		frame_retype(*taken, FRAME_TABLE, FRAME_FREE);
	return true;
}

pte_t pte_make(pfn_t pfn, unsigned flags)
{
	pte_t user = flags & MAP_NONE ? 0 : PTE_USER;
	pte_t e = (pte_t)pfn << PAGE_SHIFT | PTE_PRESENT | PTE_ACCESSED | user;

	if (flags & MAP_WRITE)
		e |= PTE_WRITE | PTE_DIRTY;
	if (!(flags & MAP_EXEC))
		e |= PTE_NX;
	if (flags & MAP_MMIO)
		e |= PTE_MMIO | PTE_CACHE_OFF;
	return e;
}

unsigned pte_flags(pte_t e)
{
	return (e & PTE_WRITE ? MAP_WRITE : 0u) | (e & PTE_NX ? 0u : MAP_EXEC) |
	       (e & PTE_MMIO ? MAP_MMIO : 0u) | (e & PTE_USER ? 0u : MAP_NONE);
}
