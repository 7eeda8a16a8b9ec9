/* SPDX-License-Identifier: BSD-2-Clause
 * keep.c - what is not on the disk yet outlives also a fresh start (docs/notes/0028).
 *
 * Job:      keeps beside each dirty buffer which block it is and the sum of its bytes; at a fresh
 *           start finds what an earlier life had not written, and which volume that was of.
 * Speaks:   nothing.
 * Touches:  kept, bytes, image: every start keeps them.
 * Trusts:   of an earlier life only what agrees with its sum.
 * On crash: a start that dies begins anew; after eight in a row, with nothing.
 *
 * K1  Between operations of[n] is the block of buffer n and the sum of its bytes, if it is dirty or
 *     being written; else, or if nobody would miss those bytes, 0.
 * K2  An operation sets of[n] of what it has changed before journal_used becomes 0, and the journal
 *     has what it was: taking back brings both (E3).
 * K3  One that may be done only once ends with the commit that says that its request is done: from
 *     then on journal_used counts for nothing, and becomes 0 (op_finish, journal_settle), before
 *     anybody is told. A fresh start does not know of commits: it takes back, of what nobody has
 *     heard.
 */
#include "ext2.h"

#define MAGIC 0x7470656b32747865ull     /* "ext2kept" */
enum { STARTS_MOST = 8, BLOCK_SHIFT = 32 };
_Static_assert(sizeof(struct volume) % 8 == 0, "sums are of whole words");

static uint32_t mixed(uint32_t block, uint32_t sum)
{
	return sum ^ block * 2654435761u;
}

void keep_block(unsigned n)
{
	uint32_t block = cache.buffer[n].block, sum = sum_of(bytes[n], state.volume.size);

	kept.of[n] = (uint64_t)block << BLOCK_SHIFT | mixed(block, sum);
}

/* The sum of a buffer that is kept; 0: it is not. */
uint32_t kept_sum(unsigned n)
{
	uint32_t block = cache.buffer[n].block;

	return kept.of[n] >> BLOCK_SHIFT == block && kept.of[n] != 0 ?
	       mixed(block, (uint32_t)kept.of[n]) : 0;
}

/* What the volume is from now on. */
void keep_volume(void)
{
	kept.magic = 0;
	__asm__ volatile("" : : : "memory");
	kept.volume = state.volume;
	kept.volume_sum = sum_of(&kept.volume, sizeof(kept.volume));
	kept.starts = 0;
	__asm__ volatile("" : : : "memory");
	kept.magic = MAGIC;
}

/* There is none any more. */
void keep_nothing(void)
{
	kept.magic = 0;
	__asm__ volatile("" : : : "memory");
	memset(&kept, 0, sizeof(kept));
}

static bool has_volume(void)
{
	return kept.magic == MAGIC && kept.volume.mounted &&
	       kept.volume_sum == sum_of(&kept.volume, sizeof(kept.volume));
}

static bool has_journal(void)
{
	for (unsigned n = 0; n < kept.journal_used; n++)
		if (kept.journal_used > JOURNAL_MAX || kept.journal[n].buffer >= NR_BUFFERS)
			return false;
	return true;
}

static bool take(unsigned n)
{
	uint32_t block = (uint32_t)(kept.of[n] >> BLOCK_SHIFT), size = state.volume.size;

	return block < state.volume.blocks &&
	       (uint32_t)kept.of[n] == mixed(block, sum_of(bytes[n], size)) &&
	       buffer_adopt(n, block);
}

void keep_start(void)
{
	unsigned lost = 0, found = 0;

	if (!has_volume() || kept.starts++ >= STARTS_MOST) {
		keep_nothing();
		return;
	}
	state.volume = kept.volume;
	state.volume.abandoned = 1;
	if (has_journal())
		journal_back();
	else
		lost++;
	kept.journal_used = 0;
	kept.ends = 0;
	for (unsigned n = 0; n < NR_BUFFERS; n++) {
		if (kept.of[n] == 0)
			continue;
		if (take(n)) {
			found++;
			continue;
		}
		kept.of[n] = 0;
		lost++;
	}
	io_say("%lu blocks that were not on the disk yet are kept", found);
	if (lost != 0) {
		io_say("<3>%lu blocks that were not on the disk yet are damaged, and lost", lost);
		state.volume.lost = 1;
	}
}
