/* SPDX-License-Identifier: BSD-2-Clause
 * page.c - the bytes of files.
 *
 * Job:      finds, makes and frees pages of files by a hash of (node, index); turns a file of the
 *           boot archive into pages when it is written to.
 * Speaks:   nothing.
 * Touches:  state.page, state.bucket, data.
 * Trusts:   its callers for node and index.
 * On crash: rows are state; bytes are as the interrupted write left them, and it is repeated.
 */
#include "tmpfs.h"

#include <abi/boot.h>
#include <lib/assert.h>

uint32_t *page_bucket(uint32_t node, uint32_t index)
{
	return &state.bucket[(node * 2654435761u + index) % NR_BUCKETS];
}

uint8_t *page_find(const struct node *n, uint32_t index)
{
	uint32_t node = node_number(n);

	for (uint32_t i = *page_bucket(node, index); i; i = state.page[i].next)
		if (state.page[i].node == node && state.page[i].index == index)
			return data[i];
	return NULL;
}

uint8_t *page_make(struct node *n, uint32_t index)
{
	uint8_t *there = page_find(n, index);
	uint32_t node = node_number(n), i = state.free_page;
	uint32_t *bucket = page_bucket(node, index);

	if (there)
		return there;
	if (i == 0) {
		assert(state.pages == NR_DATA_PAGES - 1);       /* or the free list is torn */
		return NULL;
	}
	assert(i < NR_DATA_PAGES && state.page[i].node == 0);
	state.free_page = state.page[i].next;
	state.page[i] = (struct page){ .node = node, .index = index, .next = *bucket };
	*bucket = i;
	n->pages++;
	state.pages++;
	memset(data[i], 0, PAGE_SIZE);
	return data[i];
}

static void cut_bucket(struct node *n, uint32_t *link, uint32_t first_gone)
{
	uint32_t node = node_number(n);

	while (*link) {
		uint32_t i = *link;
		struct page *p = &state.page[i];

		if (p->node != node || p->index < first_gone) {
			link = &p->next;
			continue;
		}
		*link = p->next;
		*p = (struct page){ .next = state.free_page };
		state.free_page = i;
		n->pages--;
		state.pages--;
	}
}

void pages_cut(struct node *n, uint64_t size)
{
	uint32_t first_gone = (uint32_t)((size + PAGE_SIZE - 1) / PAGE_SIZE);
	uint8_t *last = size % PAGE_SIZE ? page_find(n, (uint32_t)(size / PAGE_SIZE)) : NULL;

	if (last)
		memset(last + size % PAGE_SIZE, 0, PAGE_SIZE - size % PAGE_SIZE);
	/* All buckets are looked at only if the file has pages in many. Each step frees one. */
	for (uint32_t b = 0; b < NR_BUCKETS && n->pages; b++) {
		cut_bucket(n, &state.bucket[b], first_gone);
		if (undo_used() > UNDO_ENTRIES / 2)
			undo_commit();  /* cutting the rest again after a crash is harmless */
	}
}

err_t source_copy(struct node *n)
{
	const uint8_t *from = (const uint8_t *)RS_ARCHIVE_VA + n->source;

	if (n->source == 0)
		return 0;
	for (uint64_t at = 0; at < n->size; at += PAGE_SIZE) {
		uint64_t len = n->size - at < PAGE_SIZE ? n->size - at : PAGE_SIZE;
		uint8_t *to = page_make(n, (uint32_t)(at / PAGE_SIZE));

		if (!to)
			return -ENOSPC; /* its pages stay, to be found by the next attempt */
		memcpy(to, from + at, len);
		if (undo_used() > UNDO_ENTRIES / 2)
			undo_commit();
	}
	n->source = 0;
	return 0;
}
