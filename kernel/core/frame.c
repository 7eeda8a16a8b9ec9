/* SPDX-License-Identifier: BSD-2-Clause
 * frame.c - the frame table.
 *
 * Job:      types frames and counts their mappings (docs/notes/0002-memory.md, F1..F3).
 * Speaks:   nothing; the space calls use it.
 * Touches:  the frame table.
 * Trusts:   its callers inside the kernel.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/arch.h>
#include <kernel/core/frame.h>

struct frame *frames;
uint32_t nr_frames;

bool frames_mappable(pfn_t first, uint32_t count)
{
	if (first >= nr_frames || count > nr_frames - first)
		return false;
	for (pfn_t f = first; f < first + count; f++)
		if (frames[f].type != FRAME_FREE && frames[f].type != FRAME_USER)
			return false;
	return true;
}

bool frames_are_device(pfn_t first, uint32_t count)
{
	for (pfn_t f = first; f < first + count && f < nr_frames; f++)
		if (frames[f].type != FRAME_DEVICE)
			return false;
	return count <= UINT32_MAX - first;
}

bool frame_is_free(pfn_t pfn)
{
	return pfn < nr_frames && frames[pfn].type == FRAME_FREE;
}

void frame_mapped(pfn_t pfn)
{
	if (pfn >= nr_frames || frames[pfn].type == FRAME_DEVICE)
		return;
	kassert(frames[pfn].type == FRAME_FREE || frames[pfn].type == FRAME_USER);
	frames[pfn].type = FRAME_USER;
	frames[pfn].maps++;
}

bool frame_unmapped(pfn_t pfn)
{
	struct frame *f = &frames[pfn];

	if (pfn >= nr_frames || f->type == FRAME_DEVICE)
		return false;
	kassert(f->type == FRAME_USER && f->maps > 0);
	if (--f->maps > 0 || f->pins > 0)
		return false;
	f->type = FRAME_FREE;
	return true;
}

void frame_to_table(pfn_t pfn)
{
	kassert(frame_is_free(pfn));
	frames[pfn].type = FRAME_TABLE;
}

void frame_from_table(pfn_t pfn)
{
	kassert(frames[pfn].type == FRAME_TABLE);
	frames[pfn].type = FRAME_FREE;
}
