/* SPDX-License-Identifier: BSD-2-Clause
 * cache.c - the page cache: which slot of the window holds which page of which file.
 *
 * Job:      finds, makes, reads, writes back and evicts pages (docs/notes/0006).
 * Speaks:   contracts/vm (cache_take, cache_give, file_drop); contracts/file (read, write).
 * Touches:  the window at CACHE_VA; state.page.
 * Trusts:   vm for frames; file servers for contents.
 * On crash: recovers in place; a page that was being read is asked again by the board.
 */
#include "vfs.h"

enum {
	TAKE = 64,                      /* frames asked of vm at a time */
	READ_AHEAD = 8,
	WRITE_RUN = 16,
	EVICT_STEPS = 8192,
	TICK_S = 5,
	PRESSURE_PART = 32,             /* of all frames */
};

static unsigned bucket(unsigned inode, uint32_t index)
{
	return (unsigned)((inode * 0x9e3779b1u + index * 0x85ebca6bu) >> 7) % PAGE_BUCKETS;
}

uint32_t page_find(unsigned inode, uint32_t index)
{
	uint32_t s = state.page_bucket[bucket(inode, index)];

	while (s != 0 && (state.page[s - 1].inode != inode || state.page[s - 1].index != index))
		s = state.page[s - 1].next;
	return s == 0 ? NO_SLOT : s - 1;
}

/* ---- slots ---- */

static bool slot_is_free(uint32_t slot)
{
	return slot < state.pages_taken && state.page_free[slot / 64] & BIT(slot % 64);
}

static void slot_take(uint32_t slot)
{
	state.page_free[slot / 64] &= ~BIT(slot % 64);
	state.pages_free--;
	state.page_hint = slot;
}

static bool more_slots(void)
{
	struct vm_cache_take_request req = { .first = state.pages_taken, .count = TAKE };
	struct vm_cache_take_reply reply;

	if (state.pages_taken + TAKE > NR_PAGES || vm_cache_take(&vm, &req, &reply) != 0)
		return false;
	for (uint32_t i = 0; i < reply.done; i++) {
		uint32_t slot = state.pages_taken + i;

		state.page_free[slot / 64] |= BIT(slot % 64);
	}
	state.pages_taken += reply.done;
	state.pages_free += reply.done;
	return reply.done != 0;
}

static uint32_t find_free(void)
{
	uint32_t words = (state.pages_taken + 63) / 64, first = state.page_hint / 64;

	for (uint32_t i = 0; i <= words && words != 0; i++) {
		uint32_t w = (first + i) % words;

		if (state.page_free[w] != 0)
			return w * 64 + (uint32_t)__builtin_ctzll(state.page_free[w]);
	}
	return NO_SLOT;
}

static void unlink_page(uint32_t slot)
{
	struct page *p = &state.page[slot];
	uint32_t *at = &state.page_bucket[bucket(p->inode, p->index)];

	while (*at != slot + 1)
		at = &state.page[*at - 1].next;
	*at = p->next;
	if (p->before != 0)
		state.page[p->before - 1].sibling = p->sibling;
	else
		state.inode[p->inode].page = p->sibling;
	if (p->sibling != 0)
		state.page[p->sibling - 1].before = p->before;
}

void page_free(uint32_t slot)
{
	struct page *p = &state.page[slot];

	if (p->flags & PAGE_DIRTY) {
		state.inode[p->inode].dirty_pages--;
		state.pages_dirty--;
	}
	if (p->inode != 0)
		unlink_page(slot);
	memset(p, 0, sizeof(*p));
	state.page_free[slot / 64] |= BIT(slot % 64);
	state.pages_free++;
}

/* A frame that a program has mapped as a file page goes from it first. */
static void unmap(unsigned inode, uint32_t index, uint32_t pages, bool copies)
{
	struct vm_file_drop_request req = {
		.file = inode_file(inode), .offset = (uint64_t)index * PAGE_SIZE,
		.len = (uint64_t)pages * PAGE_SIZE, .copies = copies,
	};

	if (state.inode[inode].flags & INODE_MAPPED && vm_file_drop(&vm, &req) != 0)
		print("file_drop refused\n");
}

static bool evict_one(void)
{
	for (uint32_t step = 0; step < EVICT_STEPS && state.pages_taken != 0; step++) {
		uint32_t slot = state.page_hand;
		struct page *p = &state.page[slot];

		state.page_hand = (slot + 1) % state.pages_taken;
		if (p->inode == 0 || p->flags & (PAGE_BUSY | PAGE_DIRTY | PAGE_PIPE) ||
		    page_in_reply(slot))
			continue;
		if (p->flags & PAGE_TOUCHED) {
			p->flags &= (uint8_t)~PAGE_TOUCHED;
			if (step % 512 == 511)
				undo_commit();
			continue;
		}
		unmap(p->inode, p->index, 1, false);
		page_free(slot);
		return true;
	}
	return false;
}

uint32_t page_alloc(void)
{
	uint32_t slot;

	if (state.pages_free == 0 && !more_slots() && !evict_one()) {
		write_back(NULL, 0);
		return NO_SLOT;
	}
	slot = find_free();
	if (slot == NO_SLOT)
		return slot;
	slot_take(slot);
	state.page[slot].flags = PAGE_PIPE;
	return slot;
}

static void link_page(uint32_t slot, unsigned inode, uint32_t index, unsigned flags)
{
	struct page *p = &state.page[slot];
	unsigned b = bucket(inode, index);

	p->inode = (uint16_t)inode;
	p->index = index;
	p->flags = (uint8_t)(flags | PAGE_TOUCHED);
	p->next = state.page_bucket[b];
	state.page_bucket[b] = slot + 1;
	p->before = 0;
	p->sibling = state.inode[inode].page;
	if (p->sibling != 0)
		state.page[p->sibling - 1].before = slot + 1;
	state.inode[inode].page = slot + 1;
}

uint32_t page_new(unsigned inode, uint32_t index)
{
	uint32_t slot = page_alloc();

	if (slot == NO_SLOT)
		return slot;
	memset(page_data(slot), 0, PAGE_SIZE);
	link_page(slot, inode, index, PAGE_VALID);
	return slot;
}

void page_set_dirty(uint32_t slot)
{
	struct page *p = &state.page[slot];

	if (p->flags & PAGE_DIRTY)
		return;
	p->flags |= PAGE_DIRTY;
	state.inode[p->inode].dirty_pages++;
	state.pages_dirty++;
	if (!(mount_flags(&state.inode[p->inode]) & FILE_MOUNT_MEMORY) &&
	    state.write_back_ns == 0) {
		state.write_back_ns = clock_monotonic_ns() + TICK_S * 1000000000ull;
		alarm_plan();
	}
}

/* ---- reading ---- */

/* How many pages from index on to read at once into slots that lie side by side. */
static unsigned read_run(unsigned inode, uint32_t index, uint32_t slot)
{
	const struct inode *i = &state.inode[inode];
	uint64_t last = (i->attr.size + PAGE_SIZE - 1) / PAGE_SIZE;
	unsigned n = 1;

	if (is_link(i))
		return 1;
	while (n < READ_AHEAD && index + n < last && slot_is_free(slot + n) &&
	       page_find(inode, index + n) == NO_SLOT)
		n++;
	return n;
}

static int64_t ask_read(struct op *o, unsigned inode, uint32_t index)
{
	struct inode *i = &state.inode[inode];
	struct file_read_request *req;
	struct request *q;
	struct file_entry *e = ask_file(o, i->mount, is_link(i) ? FILE_READLINK : FILE_READ, &q);
	uint32_t slot;
	unsigned n;

	if (e == NULL)
		return -PARKED;
	slot = page_alloc();
	if (slot == NO_SLOT)
		return ask_full(o, q);
	n = read_run(inode, index, slot);
	if (!ask_data(q, slot, n, n * PAGE_SIZE, GRANT_WRITE)) {
		page_free(slot);
		return ask_full(o, q);
	}
	for (unsigned k = 0; k < n; k++) {
		if (k > 0)
			slot_take(slot + k);
		link_page(slot + k, inode, index + k, PAGE_BUSY);
	}
	q->inode = (uint16_t)inode;
	req = (struct file_read_request *)e->w;
	req->file = i->attr.file;
	req->pos = (uint64_t)index * PAGE_SIZE;
	if (is_link(i))
		memset(page_data(slot), 0, PAGE_SIZE);
	return ask_send(o, q);
}

int64_t page_want(struct op *o, unsigned inode, uint32_t index, uint32_t *slot)
{
	struct inode *i = &state.inode[inode];

	*slot = page_find(inode, index);
	if (*slot != NO_SLOT) {
		struct page *p = &state.page[*slot];

		if (p->flags & PAGE_VALID) {
			if (!(p->flags & PAGE_TOUCHED))
				p->flags |= PAGE_TOUCHED;
			return 0;
		}
		return row_wait(o, QUEUE_INODE, inode, 0);
	}
	if (!is_link(i) && (uint64_t)index * PAGE_SIZE >= i->attr.size)
		return -ENXIO;
	return ask_read(o, inode, index);
}

void pages_read(struct request *q, err_t err)
{
	for (unsigned k = 0; k < q->pages; k++) {
		uint32_t slot = q->slot - 1 + k;
		struct page *p = &state.page[slot];

		if (!(p->flags & PAGE_BUSY) || p->inode != q->inode)
			continue;
		p->flags &= (uint8_t)~PAGE_BUSY;
		if (err == 0)
			p->flags |= PAGE_VALID;
		else
			page_free(slot);
	}
	queue_wake(state.inode[q->inode].queue);
}

/* ---- writing back ---- */

static bool ask_write(unsigned inode, uint32_t slot)
{
	struct inode *i = &state.inode[inode];
	uint32_t index = state.page[slot].index;
	uint64_t left = i->attr.size - (uint64_t)index * PAGE_SIZE;
	struct file_write_request *req;
	struct request *q;
	struct file_entry *e;
	unsigned n = 1;

	if (index * (uint64_t)PAGE_SIZE >= i->attr.size)
		left = 0;
	while (n < WRITE_RUN && (uint64_t)n * PAGE_SIZE < left && slot + n < state.pages_taken &&
	       state.page[slot + n].inode == inode && state.page[slot + n].index == index + n &&
	       (state.page[slot + n].flags & (PAGE_DIRTY | PAGE_BUSY)) == PAGE_DIRTY)
		n++;
	if (left > (uint64_t)n * PAGE_SIZE)
		left = (uint64_t)n * PAGE_SIZE;
	e = left != 0 ? ask_file(NULL, i->mount, FILE_WRITE, &q) : NULL;
	if (e == NULL)
		return false;
	if (!ask_data(q, slot, n, (unsigned)left, GRANT_READ)) {
		ask_full(NULL, q);
		return false;
	}
	for (unsigned k = 0; k < n; k++) {
		struct page *p = &state.page[slot + k];

		p->flags = (uint8_t)((p->flags | PAGE_BUSY) & ~PAGE_DIRTY);
		i->dirty_pages--;
		state.pages_dirty--;
	}
	q->inode = (uint16_t)inode;
	req = (struct file_write_request *)e->w;
	req->file = i->attr.file;
	req->pos = (uint64_t)index * PAGE_SIZE;
	req->size = i->attr.size;
	ask_send(NULL, q);
	return true;
}

void pages_written(struct request *q, err_t err)
{
	for (unsigned k = 0; k < q->pages; k++) {
		struct page *p = &state.page[q->slot - 1 + k];

		if (p->inode != q->inode)
			continue;
		p->flags &= (uint8_t)~PAGE_BUSY;
		if (err != 0)
			page_set_dirty(q->slot - 1 + k);
	}
	queue_wake(state.inode[q->inode].queue);
}

/* Is a page of it under way to the server? */
static bool is_busy(unsigned inode)
{
	for (uint32_t s = state.inode[inode].page; s != 0; s = state.page[s - 1].sibling)
		if (state.page[s - 1].flags & PAGE_BUSY)
			return true;
	return false;
}

static bool write_inode(unsigned inode)
{
	bool room = true;

	for (uint32_t s = state.inode[inode].page; s != 0 && room; s = state.page[s - 1].sibling)
		if ((state.page[s - 1].flags & (PAGE_DIRTY | PAGE_BUSY)) == PAGE_DIRTY)
			room = ask_write(inode, s - 1);
	return room;
}

int64_t write_back(struct op *o, unsigned inode)
{
	if (inode != 0) {
		if (state.inode[inode].dirty_pages != 0)
			write_inode(inode);
		if (state.inode[inode].dirty_pages == 0 && !is_busy(inode))
			return 0;
		return row_wait(o, QUEUE_INODE, inode, 0);
	}
	for (unsigned n = 1; n < state.inode_top && state.pages_dirty != 0; n++)
		if (state.inode[n].dirty_pages != 0 && !write_inode(n))
			break;
	return 0;
}

/* Dirty pages of trees with a device are written back by age. */
void cache_tick(void)
{
	state.write_back_ns = 0;
	for (unsigned n = 1; n < state.inode_top && state.pages_dirty != 0; n++) {
		struct inode *i = &state.inode[n];

		if (i->dirty_pages == 0 || mount_flags(i) & FILE_MOUNT_MEMORY)
			continue;
		if (state.write_back_ns == 0)
			state.write_back_ns = clock_monotonic_ns() + TICK_S * 1000000000ull;
		if (!write_inode(n))
			break;
	}
}

/* ---- shrinking ---- */

/* Zero what lies behind the new end, and let whole pages go. */
void pages_truncate(unsigned inode, uint64_t size)
{
	struct inode *i = &state.inode[inode];
	uint32_t first = (uint32_t)((size + PAGE_SIZE - 1) / PAGE_SIZE), slot;
	uint32_t s = i->page;

	unmap(inode, first, UINT32_MAX, true);
	while (s != 0) {
		uint32_t next = state.page[s - 1].sibling;

		if (state.page[s - 1].index >= first) {
			page_free(s - 1);
			undo_commit();
		}
		s = next;
	}
	if (size % PAGE_SIZE == 0)
		return;
	slot = page_find(inode, (uint32_t)(size / PAGE_SIZE));
	if (slot != NO_SLOT)
		memset(page_data(slot) + size % PAGE_SIZE, 0, PAGE_SIZE - size % PAGE_SIZE);
}

void pages_of_inode_drop(unsigned inode)
{
	struct inode *i = &state.inode[inode];

	if (i->page != 0)
		unmap(inode, 0, UINT32_MAX, false);
	while (i->page != 0) {
		page_free(i->page - 1);
		undo_commit();
	}
}

/* Give frames back to vm: evicted pages at the end of the window only, since it has no holes. */
void cache_drop_some(unsigned count)
{
	while (count > 0 && state.pages_taken > 0) {
		uint32_t slot = state.pages_taken - 1;
		struct page *p = &state.page[slot];
		struct vm_cache_give_request req = { .first = slot, .count = 1 };

		if (p->flags & (PAGE_BUSY | PAGE_DIRTY | PAGE_PIPE))
			break;
		if (p->inode != 0) {
			unmap(p->inode, p->index, 1, false);
			page_free(slot);
		}
		slot_take(slot);
		state.pages_taken--;
		undo_commit();
		if (vm_cache_give(&vm, &req) != 0)
			break;
		count--;
	}
}

/* vm has notified us, and not for a fault: is it short of frames? */
void cache_pressure(void)
{
	struct vm_totals_reply t;

	if (vm_totals(&vm, &t) == 0 && t.free < t.frames / PRESSURE_PART)
		cache_drop_some(4 * TAKE);
}
