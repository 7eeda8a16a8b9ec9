/* SPDX-License-Identifier: BSD-2-Clause
 * machine.h - the one core of the fake machine, and its memory.
 */
#ifndef MACHINE_H
#define MACHINE_H

#include <kernel/core/proc.h>

extern struct core fake_core;

static inline struct core *this_core(void)
{
	return &fake_core;
}

void *frame_ptr(pfn_t pfn);

#endif
