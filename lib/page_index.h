/* SPDX-License-Identifier: BSD-2-Clause
 * page_index.h - which slot of the page cache holds which page of which file (docs/notes/0010).
 *
 * vfs alone writes it, as part of its state; vm has it mapped read-only, and looks a page up that a
 * program has touched. vm may look at any moment, also between two stores of vfs: so a row's flags
 * say last that it is valid, and first that it is not; a walk ends after INDEX_WALK steps; and no
 * number that is read here is used unchecked. vfs itself looks at the whole chain.
 */
#ifndef LIB_PAGE_INDEX_H
#define LIB_PAGE_INDEX_H

#include <abi/layout.h>
#include <abi/types.h>

enum {
	NR_PAGES = 65536,               /* slots of the cache window that are used: 256 MiB */
	PAGE_BUCKETS = 32768,
	INDEX_WALK = 64,
	NO_PAGE = 0x7fffffff,
	CACHE_FLOOR = 512,              /* pages it keeps when memory is short: running programs */
};

enum {
	PAGE_VALID = 1,                 /* its content is the file's */
	PAGE_DIRTY = 2,                 /* the device does not have it; or it is kept here only */
	PAGE_BUSY = 4,                  /* a server works on it */
	PAGE_TOUCHED = 8,
	PAGE_PIPE = 16,                 /* it belongs to no file */
	PAGE_FAILED = 32,               /* it was written once in vain */
};

struct page {
	uint32_t index;                 /* page of the file */
	uint32_t next;                  /* hash chain; slot + 1 */
	uint32_t sibling, before;       /* pages of the inode; slot + 1; vfs's own */
	uint16_t inode;                 /* 0: free */
	uint8_t flags;                  /* PAGE_ */
	uint8_t unused;
};

struct page_index {
	struct page page[NR_PAGES];
	uint32_t bucket[PAGE_BUCKETS];
} __attribute__((aligned(PAGE_SIZE)));

static inline unsigned page_bucket(unsigned inode, uint32_t index)
{
	return (unsigned)((inode * 0x9e3779b1u + index * 0x85ebca6bu) >> 7) % PAGE_BUCKETS;
}

/* The slot of a page, or NO_PAGE; that too if its chain is too long for vm. */
static inline uint32_t page_index_find(const struct page_index *x, unsigned inode, uint32_t index)
{
	uint32_t s = x->bucket[page_bucket(inode, index)];

	for (unsigned step = 0; step < INDEX_WALK && s != 0 && s <= NR_PAGES; step++) {
		const struct page *p = &x->page[s - 1];

		if (p->inode == inode && p->index == index)
			return s - 1;
		s = p->next;
	}
	return NO_PAGE;
}

#endif
