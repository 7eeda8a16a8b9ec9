/* SPDX-License-Identifier: BSD-2-Clause
 * core_local.h - the core that runs this code.
 */
#ifndef MACHINE_CORE_LOCAL_H
#define MACHINE_CORE_LOCAL_H

#include <kernel/core/proc.h>

/* One for each core; GS points to it in the kernel. One core boots today. */
extern struct core boot_core;

static inline struct core *this_core(void)
{
	return &boot_core;
}

#endif
