/* SPDX-License-Identifier: BSD-2-Clause
 * sum.c - what comes from the disk is what went there.
 *
 * Job:      keeps a sum of each block that was read or written since the mount; says of bytes that
 *           were read whether they are right.
 * Speaks:   nothing; io.c reads again.
 * Touches:  sums, cache.wrong.
 * Trusts:   nobody below: a block is what it was, or it is an error.
 * On crash: sums are kept. One that is ahead of the disk belongs to a block that is dirty.
 *
 * T1  The sum of a block without a dirty buffer is that of its bytes on the disk, or unknown.
 */
#include "ext2.h"

/* Just before the disk's driver hears of it. What is changed later makes it dirty (E2, T1). */
void sum_written(const struct buffer *b, const void *at)
{
	uint32_t sum = kept_sum((unsigned)(b - cache.buffer));

	if (b->flags & B_UNSUMMED)
		sum = 0;
	else if (sum == 0)
		sum = sum_of(at, state.volume.size);
	sums_set(&sums, b->block, sum);
}

void sum_unknown(uint32_t block)
{
	sums_set(&sums, block, 0);
}

bool sum_check(uint32_t block, const void *at, uint32_t *found, uint32_t *known)
{
	*found = sum_of(at, state.volume.size);
	*known = sums_get(&sums, block);
	if (*known == 0)
		sums_set(&sums, block, *found);
	if (*known == 0 || *known == *found)
		return true;
	cache.wrong++;
	return false;
}
