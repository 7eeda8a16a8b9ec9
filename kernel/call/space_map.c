/* SPDX-License-Identifier: BSD-2-Clause
 * space_map.c - SYS_SPACE_MAP: map a vector of runs.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

/* One run of the caller's vector. */
static err_t run_read(struct window *w, vaddr_t at, struct map_run *run)
{
	const uint64_t *a = window_at(w, at, 8), *b;

	if (!a)
		return -EFAULT;
	run->va = *a;
	b = window_at(w, at + 8, 8);
	if (!b)
		return -EFAULT;
	run->pfn = (uint32_t)*b;
	run->count = (uint32_t)(*b >> 32);
	return 0;
}

static bool mmio_allowed(const struct space *s, const struct map_run *run)
{
	for (unsigned i = 0; i < PRIV_MMIO; i++) {
		const struct pfn_range *r = &privs[s->priv].desc.mmio[i];

		if (run->pfn >= r->first && run->count <= r->count &&
		    run->pfn - r->first <= r->count - run->count)
			return frames_are_device(run->pfn, run->count);
	}
	return false;
}

static err_t run_check(const struct space *s, const struct map_run *run, unsigned flags)
{
	if (flags & ~(unsigned)MAP_FLAGS || !page_range(run->va, run->count) ||
	    !prot_allowed(s, flags))
		return -EINVAL;
	if (flags & MAP_MMIO)
		return !(flags & (MAP_ZERO | MAP_COPY)) && mmio_allowed(s, run) ? 0 : -EPERM;
	if (flags & MAP_COPY && !(flags & MAP_WRITE))
		return -EINVAL;
	return frames_mappable(run->pfn, run->count) ? 0 : -EPERM;
}

/* A copy-on-write page: alone, it becomes writable; shared, the new frame takes its contents. */
static err_t page_unshare(struct space *s, vaddr_t va, pte_t *e, pfn_t pfn, unsigned flags,
			  uint32_t *kept)
{
	pfn_t old;

	if (!pte_present(*e))
		return -ENOENT;
	old = pte_pfn(*e);
	if (old == pfn)
		return 0;               /* done before */
	if (old >= nr_frames || frames[old].type != FRAME_USER)
		return -EPERM;
	if (frames[old].maps == 1 && frames[old].pins == 0) {
		*e = pte_make(old, flags);
		++*kept;
	} else {
		page_copy(frame_ptr(pfn), frame_ptr(old));
		frame_mapped(pfn);
		*e = pte_make(pfn, flags);
		frame_unmapped(old);
	}
	tlb_drop(s, va);
	return 0;
}

static err_t page_map(struct space *s, vaddr_t va, pte_t *e, pfn_t pfn, unsigned flags)
{
	if (pte_present(*e)) {
		if (pte_pfn(*e) != pfn)
			return -EEXIST;
		*e = pte_make(pfn, flags);
		tlb_drop(s, va);
		return 0;
	}
	if (flags & MAP_ZERO)
		page_zero(frame_ptr(pfn));
	frame_mapped(pfn);
	*e = pte_make(pfn, flags);
	return 0;
}

static err_t run_map(struct space *s, const struct map_run *run, unsigned flags,
		     struct spares *spares, struct space_map_reply *rep)
{
	for (uint32_t i = 0; i < run->count; i++) {
		vaddr_t va = run->va + (uint64_t)i * PAGE_SIZE;
		pte_t *e = table_leaf_make(s->root, va, spares_take, spares);
		err_t err;

		if (!e)
			return spares->err;
		if (!(flags & MAP_MMIO) && !frames_mappable(run->pfn + i, 1))
			return -EPERM;          /* a spare just became a table */
		if (flags & MAP_COPY)
			err = page_unshare(s, va, e, run->pfn + i, flags, &rep->kept);
		else
			err = page_map(s, va, e, run->pfn + i, flags);
		if (err)
			return err;
		rep->done++;
	}
	return 0;
}

err_t do_space_map(struct proc *caller, const struct space_map_request *req,
		   struct space_map_reply *rep)
{
	struct space *s = space_find(req->space);
	struct spares spares;
	struct window runs;
	uint32_t i, count = req->count < SPACE_STEP ? req->count : SPACE_STEP;
	err_t err = 0;

	if (!s)
		return -EINVAL;
	window_init(&runs, caller, false);
	spares_init(&spares, caller, req->spares, req->nr_spares);
	for (i = 0; i < count && !err && rep->done < SPACE_STEP; i++) {
		struct map_run run;
		unsigned flags;

		err = run_read(&runs, req->runs + i * sizeof(run), &run);
		if (err)
			break;
		flags = (unsigned)(run.va % PAGE_SIZE);
		run.va -= flags;
		if (run.count > SPACE_STEP - rep->done)
			run.count = SPACE_STEP - rep->done;
		err = run_check(s, &run, flags);
		if (!err)
			err = run_map(s, &run, flags, &spares, rep);
	}
	rep->used = spares.used;
	return err;
}
