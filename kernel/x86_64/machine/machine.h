/* SPDX-License-Identifier: BSD-2-Clause
 * machine.h - the core that runs this code, and where it sees memory.
 */
#ifndef MACHINE_H
#define MACHINE_H

#include <kernel/core/proc.h>

/* One for each core; GS points to it in the kernel. One core boots today. */
extern struct core boot_core;

static inline struct core *this_core(void)
{
	return &boot_core;
}

#define DIRECT_BASE 0xffff800000000000ull       /* all RAM: virtual = physical + this */

/* A frame through the direct map. Only for frames below nr_frames. */
static inline void *frame_ptr(pfn_t pfn)
{
	return (void *)(DIRECT_BASE + ((uint64_t)pfn << PAGE_SHIFT));
}

#endif
