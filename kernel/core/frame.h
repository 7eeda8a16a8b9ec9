/* SPDX-License-Identifier: BSD-2-Clause
 * frame.h - what each physical frame is, and who maps it.
 *
 * F1 A FREE frame has no mapping, no pin and is in no page table tree.
 * F2 A USER frame's maps counts the present user entries of all spaces that name the frame.
 * F3 A TABLE or KERNEL frame is never in a user entry, a CLOCK frame in none that may write.
 */
#ifndef KERNEL_FRAME_H
#define KERNEL_FRAME_H

#include <kernel/core/proc.h>

extern struct frame *frames;            /* frame table, nr_frames entries */
extern uint32_t nr_frames;

/* May a space map [first, first + count) with these MAP_ flags? (Of MMIO: is it device memory?) */
bool frames_mappable(pfn_t first, uint32_t count, unsigned flags);
bool frame_is_free(pfn_t pfn);
void frame_mapped(pfn_t pfn);
/* One mapping less. True: the frame is free now. */
bool frame_unmapped(pfn_t pfn);
/* A free frame becomes a page table; the reverse. */
void frame_retype(pfn_t pfn, enum frame_type from, enum frame_type to);

#endif
