/* SPDX-License-Identifier: BSD-2-Clause
 * scratch.c - pages of programs, in vm's own space for a moment.
 *
 * Job:      lets vm write into a page that belongs to a space without a process (execve).
 * Speaks:   kernel calls, through space.c.
 * Touches:  the two pages at SCRATCH_VA.
 * Trusts:   its callers to close what they open.
 * On crash: closed at the next start.
 */
#include "vm.h"

#include <lib/service_ids.h>

err_t scratch_open(pfn_t pfn)
{
	struct map_run run = { SCRATCH_VA | MAP_WRITE, pfn, 1 };

	return pages_map(ID_VM, &run, 1, 0);
}

/* A new frame at scratch() with the first len bytes of another, and zeros. */
err_t scratch_copy(pfn_t from, unsigned len, pfn_t *to)
{
	struct map_run run[2] = {
		{ SCRATCH_VA + PAGE_SIZE, from, 1 }, { SCRATCH_VA | MAP_WRITE | MAP_ZERO, 0, 1 },
	};
	unsigned have;
	err_t err;

	run[1].pfn = *to = *frames_peek(1, &have);
	if (have == 0 || !frames_plenty(1))
		return -ENOMEM;
	err = pages_map(ID_VM, run, 2, 1);
	if (err == 0)
		memcpy(scratch(), (char *)scratch() + PAGE_SIZE, len);
	return err;
}

void scratch_close(void)
{
	pages_unmap(ID_VM, SCRATCH_VA, SCRATCH_VA + 2 * PAGE_SIZE);
}
