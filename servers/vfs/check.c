/* SPDX-License-Identifier: BSD-2-Clause
 * check.c - after a crash: do the rows of the page cache agree with each other?
 *
 * Job:      F3, W1 to W3: counts pages anew, and repairs what differs from what is remembered.
 * Speaks:   nothing; prints what it repaired.
 * Touches:  state.index, the counts.
 * Trusts:   the page rows' links, which the undo log keeps.
 * On crash: is done anew.
 */
#include "vfs.h"

static struct { uint32_t dirty; uint16_t writes; } of_inode[NR_INODES];
static uint8_t named[NR_PAGES];         /* 1: a request reads it, 2: one writes it */
static uint32_t mount_pages[NR_MOUNTS];
static unsigned repaired;

static struct page *page(uint32_t slot)
{
	return &state.index.page[slot];
}

#define REPAIR(have, want) do {                                                         \
	if ((have) != (want)) {                                                         \
		print("recovery: %s was %lu, is %lu\n", #have, (unsigned long)(have),     \
		      (unsigned long)(want));                                           \
		(have) = (__typeof__(have))(want);                                      \
		repaired++;                                                             \
	}                                                                               \
} while (0)

/* W3: which pages requests name. One whose answer has been taken names none. */
static uint32_t count_named(void)
{
	uint32_t busy = 0;

	for (unsigned n = 0; n < NR_SERVERS * BOARD_ENTRIES; n++) {
		const struct request *q = &state.request[0][0] + n;

		if (q->type == 0 || q->taken || q->pages == 0)
			continue;
		busy += q->pages;
		of_inode[q->inode % NR_INODES].writes += q->type == FILE_WRITE;
		for (uint32_t k = 0; k < q->pages; k++)
			named[(q->slot - 1 + k) % NR_PAGES] = q->type == FILE_WRITE ? 2 : 1;
	}
	return busy;
}

static bool bit(const uint64_t *bits, uint32_t slot)
{
	return bits[slot / 64] >> slot % 64 & 1;
}

static void check_busy(uint32_t slot)
{
	const struct page *p = page(slot);
	bool busy = p->flags & PAGE_BUSY;

	if (named[slot] != 0 || (!busy && p->flags & PAGE_VALID))
		return;
	repaired += busy;               /* not: we died while pages of a file went */
	page_settle(slot, busy ? "recovery" : NULL);
}

/* F3: a slot is one of free, absent, a file's, a pipe's, or named by a request. */
static void check_slot(uint32_t slot, uint32_t *dirty, uint32_t *memory)
{
	const struct page *p = page(slot);
	struct inode *i;
	bool used, free;

	if (p->inode != 0)
		check_busy(slot);
	used = p->inode != 0 || p->flags & PAGE_PIPE || named[slot] != 0;
	free = bit(state.page_free, slot) || bit(state.page_absent, slot);
	if (used == free) {
		print("recovery: slot %u was %s\n", slot, used ? "free and in use" : "nobody's");
		repaired++;
		state.page_free[slot / 64] ^= BIT(slot % 64);
	}
	if (!(p->flags & PAGE_DIRTY))
		return;
	i = &state.inode[p->inode];
	of_inode[p->inode].dirty++;
	mount_pages[i->mount]++;
	if (p->index < i->dirty_first)
		i->dirty_first = p->index;
	if (p->index >= i->dirty_end)
		i->dirty_end = p->index + 1;
	if (mount_flags(i) & FILE_MOUNT_MEMORY)
		(*memory)++;
	else
		(*dirty)++;
}

static uint32_t count_bits(const uint64_t *bits)
{
	uint32_t n = 0;

	for (uint32_t w = 0; w < NR_PAGES / 64; w++)
		for (uint64_t b = bits[w]; b != 0; b &= b - 1)
			n++;
	return n;
}

void pages_check(void)
{
	uint32_t busy = count_named(), dirty = 0, memory = 0;

	for (uint32_t slot = 0; slot < state.pages_taken; slot++)
		check_slot(slot, &dirty, &memory);
	REPAIR(state.pages_busy, busy);
	REPAIR(state.pages_dirty, dirty);
	REPAIR(state.pages_memory, memory);
	REPAIR(state.pages_free, count_bits(state.page_free));
	REPAIR(state.pages_absent, count_bits(state.page_absent));
	for (unsigned n = 1; n < NR_MOUNTS; n++)
		REPAIR(state.mount[n].pages, mount_pages[n]);
	for (unsigned n = 1; n < state.inode_top; n++) {
		struct inode *i = &state.inode[n];

		if (!(i->flags & INODE_USED))
			continue;
		REPAIR(i->dirty_pages, of_inode[n].dirty);
		REPAIR(i->writes, of_inode[n].writes);
	}
	if (repaired != 0)
		print("recovery: %u repairs of the page cache\n", repaired);
}
