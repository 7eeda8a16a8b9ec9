/* SPDX-License-Identifier: BSD-2-Clause
 * space_map.c - SYS_SPACE_MAP: map a vector of runs.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

static bool mmio_listed(const struct space *s, const struct map_run *run)
{
	const struct pfn_range *r = privs[s->priv].desc.mmio, *end = r + PRIV_MMIO;

	for (; r < end; r++)
		if (run->pfn >= r->first && run->count <= r->count &&
		    run->pfn - r->first <= r->count - run->count)
			return true;
	return false;
}

static err_t run_check(const struct space *s, const struct map_run *run, unsigned flags)
{
	if (flags & ~(unsigned)MAP_FLAGS || !page_range(run->va, run->count) ||
	    (flags & MAP_COPY && (flags & (MAP_WRITE | MAP_NEW)) != MAP_WRITE) ||
	    !prot_allowed(s, flags))
		return -EINVAL;
	if (flags & MAP_MMIO && (flags & (MAP_ZERO | MAP_COPY) || !mmio_listed(s, run)))
		return -EPERM;
	return frames_mappable(run->pfn, run->count, flags) ? 0 : -EPERM;
}

/* A copy-on-write page: alone, it becomes writable; shared, the new frame takes its contents. */
static err_t page_unshare(struct space *s, vaddr_t va, pfn_t pfn, unsigned flags, uint32_t *kept)
{
	pte_t *e = table_leaf(s->root, va);
	pfn_t old = e ? pte_pfn(*e) : 0;

	if (!e)
		return -ENOENT;
	if (old == pfn)
		return 0;               /* done before */
	if (old >= nr_frames || frames[old].type != FRAME_USER)
		return -EPERM;
	if (frames[old].maps == 1 && frames[old].pins == 0) {
		pfn = old;
		++*kept;
	} else {
		memcpy(frame_ptr(pfn), frame_ptr(old), PAGE_SIZE);
		frame_mapped(pfn);
		frame_unmapped(old);
	}
	*e = pte_make(pfn, flags);
	tlb_drop(s, va);
	return 0;
}

static err_t run_map(struct space *s, const struct map_run *run, unsigned flags,
		     struct frame_list *spares, struct space_map_reply *rep)
{
	err_t err = 0;

	for (uint32_t i = 0; i < run->count && !err; i++) {
		vaddr_t va = run->va + (uint64_t)i * PAGE_SIZE;

		err = flags & MAP_COPY ? page_unshare(s, va, run->pfn + i, flags, &rep->kept)
				       : page_map(s, va, run->pfn + i, flags, spares);
		/* What stands is kept, and done. */
		if (flags & MAP_NEW && err == -EEXIST && ++rep->kept)
			err = 0;
		rep->done += !err;
	}
	return err;
}

err_t do_space_map(struct proc *caller, const struct space_map_request *req,
		   struct space_map_reply *rep)
{
	struct space *s = space_find(req->space);
	struct frame_list spares;
	uint32_t count = req->count < SPACE_STEP ? req->count : SPACE_STEP;
	struct map_run run;
	err_t err = s ? spares_read(&spares, caller, req->spares, req->nr_spares) : -EINVAL;

	if (err)
		return err;
	/* What takes time is bounded: pages, and tables made for pages that lie apart. */
	for (uint32_t i = 0; i < count && !err && rep->done + spares.count < SPACE_STEP; i++) {
		unsigned flags;

		err = copy_from_proc(caller, &run, req->runs + i * sizeof(run), sizeof(run));
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
	rep->used = spares.count;
	return err;
}
