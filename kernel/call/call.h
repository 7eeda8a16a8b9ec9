/* SPDX-License-Identifier: BSD-2-Clause
 * call.h - what the handlers of the kernel calls share.
 *
 * A handler checks everything first, then commits; from the first change on nothing may fail,
 * except that a vectored call may stop early and say how far it came.
 */
#ifndef KERNEL_CALL_H
#define KERNEL_CALL_H

#include <kernel/arch.h>
#include <kernel/core/copy.h>
#include <kernel/core/frame.h>
#include <contract/kernel_calls.h>

/* Find a process that the caller manages or guards (either will do if both are given); HELD: its
 * registers stand still as well. EDEADPEER, EPERM, EBUSY. */
enum { MANAGED = 1, GUARDED = 2, HELD = 4 };
err_t controlled(struct proc *caller, endpoint_t e, unsigned how, struct proc **p) MUST_CHECK;

/* What copy_procs() tells is the reply of the calls that copy. */
_Static_assert(sizeof(struct copied) == sizeof(struct call_copy_reply) &&
	       sizeof(struct copied) == sizeof(struct grant_copy_reply) &&
	       sizeof(struct copied) == sizeof(struct proc_copy_reply), "done, fault");

/* A grant's row, NULL if there is none or, with an owner, if it is not the owner's. */
struct grant *grant_row(grant_t g, const struct priv *owner);

/* The live space with this number, or NULL. */
struct space *space_find(unsigned n);
/* Is [va, va + pages) page aligned and in the user half? */
bool page_range(vaddr_t va, uint64_t pages);
/* May this protection stand in this space? (W^X for services.) */
bool prot_allowed(const struct space *s, unsigned flags);

/* Absent table entries that one call skips at most (see table_next). */
enum { SPACE_LOOKS = 1024 };

/* A walk over the mapped pages of a range, as many as one call may handle. */
struct walk {
	struct space *space;
	vaddr_t va, end;
	pte_t *entry;                   /* found before: often the next one is beside it */
	unsigned steps, looks;
};
/* False: no such space or range. */
bool walk_begin(struct walk *w, unsigned space, vaddr_t va, uint64_t pages);
/* The entry of the first one from w->va on, which is moved there; NULL: no more, or no more now.
 * The caller moves w->va to the next page in between. */
pte_t *walk_find(struct walk *w);

/* Frames in the caller's memory, pfn_t[]: spares that may become tables; those that became free. */
struct frame_list {
	uint32_t count, max;            /* used of it; its length, SPACE_STEP at most */
	vaddr_t va;                     /* the page mapped last, and its entry; NULL: none yet */
	pte_t *entry;
	pfn_t pfn[SPACE_STEP];
};
err_t spares_read(struct frame_list *l, struct proc *caller, vaddr_t at, uint32_t max) MUST_CHECK;
bool spares_take(void *list, pfn_t *pfn);
/* Map this frame there, with tables made of spares. ENOMEM, EPERM, EEXIST. */
err_t page_map(struct space *s, vaddr_t va, pfn_t pfn, unsigned flags, struct frame_list *spares);
/* Can all of it be written, and is it not empty? */
err_t freed_begin(struct frame_list *l, struct proc *caller, vaddr_t at, uint32_t max) MUST_CHECK;

#endif
