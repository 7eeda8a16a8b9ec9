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
#include <kernel/arch.h>
#include <kernel/core/frame.h>

enum {
	PTE_PRESENT = 1, PTE_WRITE = 2, PTE_USER = 4, PTE_CACHE_OFF = 0x18, PTE_ACCESSED = 0x20,
	PTE_DIRTY = 0x40, PTE_MMIO = 0x200,             /* bit 9 is for software */
};
#define PTE_NX (1ull << 63)
#define PTE_FRAME 0x000ffffffffff000ull

enum { ENTRIES = 512, USER_ROOT_ENTRIES = 256 };

static unsigned index_at(vaddr_t va, unsigned level)
{
	return (va >> (PAGE_SHIFT + 9 * level)) & (ENTRIES - 1);
}

static pte_t *table_at(pte_t entry)
{
	return frame_ptr((pfn_t)((entry & PTE_FRAME) >> PAGE_SHIFT));
}

pte_t *table_leaf(pfn_t root, vaddr_t va)
{
	pte_t *t = frame_ptr(root);

	for (unsigned level = PTE_LEVELS - 1; level > 0; level--) {
		pte_t e = t[index_at(va, level)];

		if (!(e & PTE_PRESENT))
			return NULL;
		t = table_at(e);
	}
	return &t[index_at(va, 0)];
}

pte_t *table_leaf_make(pfn_t root, vaddr_t va, bool (*take)(void *, pfn_t *), void *arg)
{
	pte_t *t = frame_ptr(root);

	for (unsigned level = PTE_LEVELS - 1; level > 0; level--) {
		pte_t *e = &t[index_at(va, level)];

		if (!(*e & PTE_PRESENT)) {
			pfn_t f;

			if (!take(arg, &f))
				return NULL;
			frame_to_table(f);
			page_zero(frame_ptr(f));
			*e = (pte_t)f << PAGE_SHIFT | PTE_PRESENT | PTE_WRITE | PTE_USER;
		}
		t = table_at(*e);
	}
	return &t[index_at(va, 0)];
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
			t = table_at(t[index_at(va, level)]);
			level--;
		}
		/* Skip what the absent entry covers, staying in this table if it can. */
		do {
			va = (va >> (PAGE_SHIFT + 9 * level)) + 1;
			va <<= PAGE_SHIFT + 9 * level;
		} while (--*looks && va < end && index_at(va, level) &&
			 !(t[index_at(va, level)] & PTE_PRESENT));
	}
	*at = va < end ? va : end;
	return NULL;
}

bool table_take(pfn_t root, vaddr_t *at, pfn_t *taken, bool *leaf)
{
	pte_t *t = frame_ptr(root), *up = NULL;
	unsigned count = USER_ROOT_ENTRIES;

	for (unsigned level = PTE_LEVELS - 1;; level--) {
		unsigned shift = PAGE_SHIFT + 9 * level, first = index_at(*at, level), i = first;

		while (i < count && !(t[i] & PTE_PRESENT))
			i++;
		*leaf = level == 0 && i < count;
		if (i == count)
			break;
		if (i > first)
			*at = ((*at >> shift) + (i - first)) << shift;
		up = &t[i];
		if (*leaf)
			break;
		t = table_at(*up);
		count = ENTRIES;
	}
	if (!up)
		return false;
	*taken = pte_pfn(*up);
	*up = 0;
	if (!*leaf)
		frame_from_table(*taken);
	return true;
}

pte_t pte_make(pfn_t pfn, unsigned flags)
{
	pte_t e = (pte_t)pfn << PAGE_SHIFT | PTE_PRESENT | PTE_USER | PTE_ACCESSED;

	if (flags & MAP_WRITE)
		e |= PTE_WRITE | PTE_DIRTY;
	if (!(flags & MAP_EXEC))
		e |= PTE_NX;
	if (flags & MAP_MMIO)
		e |= PTE_MMIO | PTE_CACHE_OFF;
	return e;
}

bool pte_present(pte_t e)
{
	return e & PTE_PRESENT;
}

pfn_t pte_pfn(pte_t e)
{
	return (pfn_t)((e & PTE_FRAME) >> PAGE_SHIFT);
}

unsigned pte_flags(pte_t e)
{
	return (e & PTE_WRITE ? MAP_WRITE : 0u) | (e & PTE_NX ? 0u : MAP_EXEC) |
	       (e & PTE_MMIO ? MAP_MMIO : 0u);
}
