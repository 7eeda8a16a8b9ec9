/* SPDX-License-Identifier: BSD-2-Clause
 * core_local.h - the one core of the fake machine.
 */
#ifndef MACHINE_CORE_LOCAL_H
#define MACHINE_CORE_LOCAL_H

#include <kernel/core/proc.h>

extern struct core fake_core;

static inline struct core *this_core(void)
{
	return &fake_core;
}

#endif
