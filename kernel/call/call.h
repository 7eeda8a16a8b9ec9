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
#include <kernel/core/proc.h>
#include <contract/kernel.h>
#include <contract/kernel_calls.h>

/* The process that caller may control, in *p. EDEADPEER, EPERM. */
err_t managed(struct proc *caller, endpoint_t e, struct proc **p);
/* The same, and its registers must stand still. EBUSY. */
err_t managed_held(struct proc *caller, endpoint_t e, struct proc **p);

/* Absent table entries that one call skips at most (see table_next). */
enum { SPACE_LOOKS = 16384 };

/* The live space with this number, or NULL. */
struct space *space_find(unsigned n);
/* Is [va, va + pages) page aligned and in the user half? */
bool page_range(vaddr_t va, uint64_t pages);
/* May this protection stand in this space? (W^X for services.) */
bool prot_allowed(const struct space *s, unsigned flags);

/* Frames that a map call may turn into tables: pfn_t[] in the caller. */
struct spares {
	struct window window;
	vaddr_t address;
	uint32_t count, used;
	err_t err;                      /* of the take that failed */
};
void spares_init(struct spares *s, struct proc *caller, vaddr_t address, uint32_t count);
bool spares_take(void *spares, pfn_t *pfn);

/* Frames reported to the caller as free: pfn_t[] in its memory. */
struct freed {
	struct window window;
	vaddr_t address;
	uint32_t max, count;
};
void freed_init(struct freed *f, struct proc *caller, vaddr_t address, uint32_t max);
/* Room for one more? */
bool freed_room(struct freed *f);
void freed_put(struct freed *f, pfn_t pfn);

#endif
