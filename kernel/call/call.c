/* SPDX-License-Identifier: BSD-2-Clause
 * call.c - what the handlers of the kernel calls share.
 *
 * Job:      the checks that several handlers make, walks over ranges, vectors of frames.
 * Speaks:   nothing of its own.
 * Touches:  the caller's vectors, through copy.c.
 * Trusts:   nothing in a request.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

/* Parked, new, or in a call on the caller. */
static bool stands_still(const struct proc *caller, const struct proc *p)
{
	return p->state & (STATE_PARKED | STATE_NEW) ||
	       (p->state & STATE_CALLING && p->partner == caller);
}

err_t controlled(struct proc *caller, endpoint_t e, unsigned how, struct proc **p)
{
	*p = proc_find(e);
	if (!*p)
		return -EDEADPEER;
	if (!(how & MANAGED && proc_manages(caller, *p)) &&
	    !(how & GUARDED && proc_guards(caller, *p)))
		return -EPERM;
	return how & HELD && !stands_still(caller, *p) ? -EBUSY : 0;
}

struct grant *grant_row(grant_t g, const struct priv *owner)
{
	unsigned row = g.v & 0xff, id = g.v >> 8 & 0xff;

	if (row >= GRANT_ROWS || id >= NR_PRIVS || (owner && owner != &privs[id]))
		return NULL;
	return &privs[id].grants[row];
}

struct space *space_find(unsigned n)
{
	return n < NR_SPACES && spaces[n].root ? &spaces[n] : NULL;
}

bool page_range(vaddr_t va, uint64_t pages)
{
	return va % PAGE_SIZE == 0 && va <= USER_END && pages <= (USER_END - va) / PAGE_SIZE;
}

bool prot_allowed(const struct space *s, unsigned flags)
{
	return s->priv == PRIV_PROGRAM || !(flags & MAP_WRITE) || !(flags & MAP_EXEC);
}

bool walk_begin(struct walk *w, unsigned space, vaddr_t va, uint64_t pages)
{
	*w = (struct walk){ space_find(space), va, va + pages * PAGE_SIZE,
			    NULL, SPACE_STEP, SPACE_LOOKS };
	return w->space && page_range(va, pages);
}

pte_t *walk_find(struct walk *w)
{
	bool next = w->entry && w->va < w->end && w->va / PAGE_SIZE % PTE_ENTRIES && w->entry[1];

	if (w->steps-- == 0)
		return NULL;
	w->entry = next ? w->entry + 1
			: table_next(w->space->root, w->va, w->end, &w->va, &w->looks);
	return w->entry;
}

static uint64_t list_begin(struct frame_list *l, uint32_t max)
{
	l->count = 0;
	l->entry = NULL;
	l->max = max < SPACE_STEP ? max : SPACE_STEP;
	return l->max * sizeof(pfn_t);
}

err_t spares_read(struct frame_list *l, struct proc *caller, vaddr_t at, uint32_t max)
{
	return copy_from_proc(caller, l->pfn, at, list_begin(l, max));
}

bool spares_take(void *list, pfn_t *pfn)
{
	struct frame_list *l = list;

	if (l->count == l->max || !frame_is_free(l->pfn[l->count]))
		return false;
	*pfn = l->pfn[l->count++];
	return true;
}

err_t page_map(struct space *s, vaddr_t va, pfn_t pfn, unsigned flags, struct frame_list *spares)
{
	bool near = spares->entry && (va ^ spares->va) >> PAGE_SHIFT < PTE_ENTRIES;
	pte_t *e = near ? spares->entry + ((int64_t)(va - spares->va) >> PAGE_SHIFT)
			: table_entry(s->root, va, 0, spares_take, spares);

	if (!e)
		return -ENOMEM;
	spares->entry = e;
	spares->va = va;
	if (!frames_mappable(pfn, 1, flags))
		return -EPERM;          /* a spare just became a table */
	if (*e && (flags & MAP_NEW || pte_pfn(*e) != pfn))
		return -EEXIST;
	if (!*e) {
		if (flags & MAP_ZERO)
			memset(frame_ptr(pfn), 0, PAGE_SIZE);
		frame_mapped(pfn);
	}
	*e = pte_make(pfn, flags);
	tlb_drop(s, va);
	return 0;
}

err_t freed_begin(struct frame_list *l, struct proc *caller, vaddr_t at, uint32_t max)
{
	uint64_t len = list_begin(l, max);

	return len ? copy_to_proc(caller, at, NULL, len) : -EFAULT;
}
