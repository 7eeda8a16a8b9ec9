/* SPDX-License-Identifier: BSD-2-Clause
 * frame.h - what each physical frame is, and who maps it.
 *
 * F1 A FREE frame has no mapping, no pin and is in no page table tree.
 * F2 maps counts the present user entries of all spaces that name the frame.
 * F3 A TABLE or KERNEL frame is never in a user entry.
 */
#ifndef KERNEL_FRAME_H
#define KERNEL_FRAME_H

#include <kernel/core/proc.h>

extern struct frame *frames;            /* frame table, nr_frames entries */
extern uint32_t nr_frames;

/* Is [first, first + count) memory that a space may map? */
bool frames_mappable(pfn_t first, uint32_t count);
bool frame_is_free(pfn_t pfn);
void frame_mapped(pfn_t pfn);
/* One mapping less. True: the frame is free now. */
bool frame_unmapped(pfn_t pfn);
/* A free frame becomes a page table; the reverse. */
void frame_to_table(pfn_t pfn);
void frame_from_table(pfn_t pfn);
/* Device memory: beyond the table, or typed so. */
bool frames_are_device(pfn_t first, uint32_t count);

#endif
