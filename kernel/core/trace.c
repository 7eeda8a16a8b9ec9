/* SPDX-License-Identifier: BSD-2-Clause
 * trace.c - the ring of what the kernel did last.
 *
 * Job:      records events; `is` reads them, a panic prints the last of them.
 * Speaks:   struct trace_record.
 * Touches:  its ring.
 * Trusts:   its callers inside the kernel.
 * On crash: the ring is what is left to look at.
 */
#include <kernel/arch.h>
#include <kernel/core/proc.h>

struct trace_record trace_ring[NR_TRACE];
uint64_t trace_next;
