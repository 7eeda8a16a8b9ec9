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

/* Are its mappings counted? Those of devices and of the clock page are not. */
static bool frame_counts(pfn_t pfn)
{
	return pfn < nr_frames && frames[pfn].type != FRAME_DEVICE &&
	       frames[pfn].type != FRAME_CLOCK;
}

static bool mappable(pfn_t pfn, unsigned flags)
{
	unsigned type = pfn < nr_frames ? frames[pfn].type : FRAME_DEVICE;

	if (flags & MAP_MMIO)
		return type == FRAME_DEVICE;
	return type == FRAME_FREE || type == FRAME_USER ||
	       (type == FRAME_CLOCK && !(flags & (MAP_WRITE | MAP_ZERO)));
}

bool frames_mappable(pfn_t first, uint32_t count, unsigned flags)
{
	for (pfn_t f = first; f - first < count; f++)
		if (f < first || !mappable(f, flags))
			return false;
	return true;
}

bool frame_is_free(pfn_t pfn)
{
	return pfn < nr_frames && frames[pfn].type == FRAME_FREE;
}

void frame_mapped(pfn_t pfn)
{
	if (!frame_counts(pfn))
		return;
	kassert(frames[pfn].type == FRAME_FREE || frames[pfn].type == FRAME_USER);
	frames[pfn].type = FRAME_USER;
	frames[pfn].maps++;
}

bool frame_unmapped(pfn_t pfn)
{
	struct frame *f = &frames[pfn];

	if (!frame_counts(pfn))
		return false;
	kassert(f->type == FRAME_USER && f->maps > 0);
	if (--f->maps > 0 || f->pins > 0)
		return false;
	f->type = FRAME_FREE;
	return true;
}

void frame_retype(pfn_t pfn, enum frame_type from, enum frame_type to)
{
	kassert(pfn < nr_frames && frames[pfn].type == from);
	frames[pfn].type = (uint8_t)to;
}
