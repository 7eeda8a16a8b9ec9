/* SPDX-License-Identifier: BSD-2-Clause
 * call.c - what the handlers of the kernel calls share.
 *
 * Job:      the checks that several handlers make, and frame vectors in the caller's memory.
 * Speaks:   nothing of its own.
 * Touches:  the caller's vectors, through copy.c.
 * Trusts:   nothing in a request.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

err_t managed(struct proc *caller, endpoint_t e, struct proc **p)
{
	*p = proc_find(e);
	if (!*p)
		return -EDEADPEER;
	return proc_manages(caller, *p) ? 0 : -EPERM;
}

err_t managed_held(struct proc *caller, endpoint_t e, struct proc **p)
{
	err_t err = managed(caller, e, p);

	if (err)
		return err;
	return proc_is_held(caller, *p) ? 0 : -EBUSY;
}

struct space *space_find(unsigned n)
{
	return n < NR_SPACES && spaces[n].root ? &spaces[n] : NULL;
}

bool page_range(vaddr_t va, uint64_t pages)
{
	return va % PAGE_SIZE == 0 && va < USER_END && pages <= (USER_END - va) / PAGE_SIZE;
}

bool prot_allowed(const struct space *s, unsigned flags)
{
	return s->priv == PRIV_PROGRAM || !(flags & MAP_WRITE) || !(flags & MAP_EXEC);
}

void spares_init(struct spares *s, struct proc *caller, vaddr_t address, uint32_t count)
{
	*s = (struct spares){ .address = address, .count = count };
	window_init(&s->window, caller, false);
}

bool spares_take(void *arg, pfn_t *pfn)
{
	struct spares *s = arg;
	const volatile pfn_t *next;     /* read once: a device may write there */

	s->err = -ENOMEM;
	if (s->used == s->count)
		return false;
	next = window_at(&s->window, s->address + s->used * sizeof(pfn_t), sizeof(pfn_t));
	if (!next) {
		s->err = -EFAULT;
		return false;
	}
	*pfn = *next;
	if (!frame_is_free(*pfn))
		return false;
	s->used++;
	return true;
}

void freed_init(struct freed *f, struct proc *caller, vaddr_t address, uint32_t max)
{
	*f = (struct freed){ .address = address, .max = max };
	window_init(&f->window, caller, true);
}

static pfn_t *freed_at(struct freed *f)
{
	return window_at(&f->window, f->address + f->count * sizeof(pfn_t), sizeof(pfn_t));
}

bool freed_room(struct freed *f)
{
	return f->count < f->max && freed_at(f) != NULL;
}

void freed_put(struct freed *f, pfn_t pfn)
{
	*freed_at(f) = pfn;
	f->count++;
}
