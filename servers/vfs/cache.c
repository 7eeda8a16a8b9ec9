/* SPDX-License-Identifier: BSD-2-Clause
 * cache.c - the page cache: which slot of the window holds which page of which file.
 *
 * Job:      finds, makes, reads and evicts pages (docs/notes/0006, 0010). writeback.c writes them.
 * Speaks:   contracts/vm (cache_take, cache_give, file_drop); contracts/file (read).
 * Touches:  the window at CACHE_VA; state.index.
 * Trusts:   vm for frames; file servers for contents.
 * On crash: recovers in place; a page that was being read is asked again by the board. Programs may
 *           have mapped what is rolled back: vm is told to compare (cache_recovered).
 *
 * A slot of the first pages_taken is one of: free (with a frame), absent (without), a page of a
 * file, a page of a pipe. The pages of a tree in memory are always dirty: they are kept here.
 */
#include "vfs.h"

enum {
	TAKE = 64,                      /* frames asked of vm at a time */
	READ_AHEAD = 8, READ_SEQUENTIAL = 32,
	EVICT_RUN = 32, REFUSALS = 16,
	COMMIT = 256,                   /* changes of the clock's hand between commits */
	MEMORY_PART = 2,                /* of what the services leave: for trees in memory */
};

static struct page *page(uint32_t slot)
{
	return &state.index.page[slot];
}

/* To its end, however long programs have made a chain: a page that is not found is lost. */
uint32_t page_find(unsigned inode, uint32_t index)
{
	uint32_t s = state.index.bucket[page_bucket(inode, index)];

	while (s != 0 && (page(s - 1)->inode != inode || page(s - 1)->index != index))
		s = page(s - 1)->next;
	return s != 0 ? s - 1 : NO_SLOT;
}

/* vm sees the row's flags before, or after, what else changes in it. */
static void published(void)
{
	__asm__ volatile("" : : : "memory");
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

void page_put(uint32_t slot)
{
	state.page_free[slot / 64] |= BIT(slot % 64);
	state.pages_free++;
}

static bool take_frames(uint32_t first, uint32_t count)
{
	struct vm_cache_take_request req = { .first = first, .count = count };
	struct vm_cache_take_reply reply;

	if (vm_cache_take(&vm, &req, &reply) != 0 || reply.done == 0)
		return false;
	for (uint32_t slot = first; slot < first + reply.done; slot++) {
		if (slot < state.pages_taken) {
			state.page_absent[slot / 64] &= ~BIT(slot % 64);
			state.pages_absent--;
		} else {
			state.pages_taken++;
		}
		page_put(slot);
	}
	return true;
}

/* Frames for slots that have none: those that were given back first. */
static bool more_slots(void)
{
	uint32_t count = 0, first = 0;

	for (uint32_t w = 0; state.pages_absent != 0 && w < (state.pages_taken + 63) / 64; w++) {
		if (state.page_absent[w] == 0)
			continue;
		first = w * 64 + (uint32_t)__builtin_ctzll(state.page_absent[w]);
		while (count < 64 - first % 64 &&
		       state.page_absent[w] & BIT((first + count) % 64))
			count++;
		return take_frames(first, count);
	}
	return state.pages_taken + TAKE <= NR_PAGES && take_frames(state.pages_taken, TAKE);
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
	struct page *p = page(slot);
	uint32_t *at = &state.index.bucket[page_bucket(p->inode, p->index)];

	while (*at != slot + 1)
		at = &page(*at - 1)->next;
	*at = p->next;
	if (p->before != 0)
		page(p->before - 1)->sibling = p->sibling;
	else
		state.inode[p->inode].page = p->sibling;
	if (p->sibling != 0)
		page(p->sibling - 1)->before = p->before;
}

void page_free(uint32_t slot)
{
	struct page *p = page(slot);

	if (p->flags & PAGE_DIRTY)
		page_set_clean(slot);
	p->flags = 0;
	published();
	if (p->inode != 0)
		unlink_page(slot);
	memset(p, 0, sizeof(*p));
	page_put(slot);
	if (state.short_queue != 0)
		queue_wake(state.short_queue);
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

static bool evictable(uint32_t slot)
{
	const struct page *p = page(slot);

	return p->inode != 0 && !(p->flags & (PAGE_BUSY | PAGE_DIRTY | PAGE_PIPE)) &&
	       !page_in_reply(slot);
}

/* Let the page go that the clock's hand finds unused: its slot, free, or NO_SLOT. */
static uint32_t evict_one(void)
{
	uint32_t hand = state.page_hand, changed = 0;

	for (uint32_t step = 0; step < 2 * state.pages_taken; step++) {
		uint32_t slot = hand;
		struct page *p = page(slot);

		hand = slot + 1 < state.pages_taken ? slot + 1 : 0;
		if (!evictable(slot))
			continue;
		if (p->flags & PAGE_TOUCHED) {
			p->flags &= (uint8_t)~PAGE_TOUCHED;
			if (++changed % COMMIT == 0)
				undo_commit();
			continue;
		}
		p->flags = 0;           /* vm maps it no more */
		published();
		unmap(p->inode, p->index, 1, false);
		page_free(slot);
		state.page_hand = hand;
		return slot;
	}
	return NO_SLOT;
}

/* Pages that writing back makes evictable. */
bool page_may_come(void)
{
	return state.pages_dirty != 0 || state.pages_busy != 0;
}

/* Room for a while: many slots at once, side by side if they are of one age, so that a read of a
 * run of pages finds room in one piece. vm, when it has refused frames, is not asked again soon,
 * unless nothing else gives room. */
static bool make_room(void)
{
	unsigned n = 0;

	if (state.refusals == 0 && more_slots())
		return true;
	state.refusals = state.refusals == 0 ? REFUSALS : state.refusals - 1;
	while (n < EVICT_RUN && evict_one() != NO_SLOT) {
		n++;
		undo_commit();          /* the slot's bytes do not come back */
	}
	if (n == 0)
		state.refusals = 0;
	return n != 0;
}

static uint32_t page_alloc(void)
{
	uint32_t slot;

	if (state.pages_free == 0 && !make_room()) {
		write_some();
		return NO_SLOT;
	}
	slot = find_free();
	if (slot != NO_SLOT)
		slot_take(slot);
	return slot;
}

uint32_t page_of_pipe(void)
{
	uint32_t slot = page_alloc();

	if (slot != NO_SLOT)
		page(slot)->flags = PAGE_PIPE;
	return slot;
}

static void link_page(uint32_t slot, unsigned inode, uint32_t index, unsigned flags)
{
	struct page *p = page(slot);
	unsigned b = page_bucket(inode, index);

	p->inode = (uint16_t)inode;
	p->index = index;
	p->next = state.index.bucket[b];
	p->before = 0;
	p->sibling = state.inode[inode].page;
	if (p->sibling != 0)
		page(p->sibling - 1)->before = slot + 1;
	state.inode[inode].page = slot + 1;
	state.index.bucket[b] = slot + 1;
	published();
	p->flags = (uint8_t)(flags | PAGE_TOUCHED);
}

/* Do trees in memory have all they may have? vm is asked once, before there are any, what is left
 * besides the services: more than half would leave programs too little to run in. */
static bool memory_full(void)
{
	struct vm_totals_reply t;

	if (state.memory_limit == 0 && vm_totals(&vm, &t) == 0)
		state.memory_limit = (uint32_t)((t.free + t.cache) / MEMORY_PART);
	return state.pages_memory >= state.memory_limit;
}

uint32_t memory_limit(void)
{
	memory_full();
	return state.memory_limit;
}

int64_t page_new(struct op *o, unsigned inode, uint32_t index, uint32_t *slot)
{
	if (mount_flags(&state.inode[inode]) & FILE_MOUNT_MEMORY && memory_full())
		return -ENOSPC;
	*slot = page_alloc();
	if (*slot == NO_SLOT)
		return page_may_come() ? row_wait(o, QUEUE_SHORT, 0, 0) : -ENOSPC;
	memset(page_data(*slot), 0, PAGE_SIZE);
	link_page(*slot, inode, index, PAGE_VALID);
	return 0;
}

/* A page that no request names, and that is not valid or said to be busy: what was to be written is
 * there, what was to be read is not. Who waits for it would do so for ever. when: how a line about
 * it begins; NULL: none. */
void page_settle(uint32_t slot, const char *when)
{
	struct page *p = page(slot);

	if (when != NULL)
		print("%s: page %u of inode %u was %s\n", when, p->index, p->inode,
		      p->flags & PAGE_BUSY ? "busy for nobody" : "not valid, and nobody reads it");
	p->flags &= (uint8_t)~PAGE_BUSY;
	if (p->flags & (PAGE_VALID | PAGE_DIRTY)) {
		p->flags |= PAGE_VALID;
		page_set_dirty(slot);
		return;
	}
	unmap(p->inode, p->index, 1, false);
	page_free(slot);
}

/* ---- reading ---- */

/* How many pages from index on to read at once into slots that lie side by side. */
static unsigned read_run(unsigned inode, uint32_t index, uint32_t slot)
{
	const struct inode *i = &state.inode[inode];
	uint64_t last = (i->attr.size + PAGE_SIZE - 1) / PAGE_SIZE;
	unsigned n = 1, most = READ_AHEAD;

	if (is_link(i))
		return 1;
	if (index != 0 && page_find(inode, index - 1) != NO_SLOT)
		most = READ_SEQUENTIAL;
	while (n < most && index + n < last && slot_is_free(slot + n) &&
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
	if (slot == NO_SLOT) {
		if (page_may_come())
			return ask_full(o, q);
		ask_full(NULL, q);
		return -ENOMEM;
	}
	n = read_run(inode, index, slot);
	if (!ask_data(q, slot, n, n * PAGE_SIZE, GRANT_WRITE)) {
		page_put(slot);
		return ask_full(o, q);
	}
	for (unsigned k = 0; k < n; k++) {
		if (k > 0)
			slot_take(slot + k);
		link_page(slot + k, inode, index + k, PAGE_BUSY);
	}
	state.pages_busy += n;
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

	if (i->flags & INODE_DEAD)
		return -EIO;
	*slot = page_find(inode, index);
	if (*slot != NO_SLOT) {
		struct page *p = page(*slot);

		if (p->flags & PAGE_VALID) {
			if (!(p->flags & PAGE_TOUCHED))
				p->flags |= PAGE_TOUCHED;
			return 0;
		}
		if (p->flags & PAGE_BUSY)
			return row_wait(o, QUEUE_INODE, inode, 0);
		page_settle(*slot, "repaired");
		return page_want(o, inode, index, slot);
	}
	if (!is_link(i) && (uint64_t)index * PAGE_SIZE >= i->attr.size)
		return -ENXIO;
	return ask_read(o, inode, index);
}

void pages_read(struct request *q, err_t err)
{
	for (unsigned k = 0; k < q->pages; k++) {
		uint32_t slot = q->slot - 1 + k;
		struct page *p = page(slot);

		state.pages_busy--;
		if (!(p->flags & PAGE_BUSY) || p->inode != q->inode)
			page_put(slot); /* cut off meanwhile */
		else if (err != 0)
			page_free(slot);
		else
			p->flags = (uint8_t)((p->flags & ~PAGE_BUSY) | PAGE_VALID);
	}
	queue_wake(state.inode[q->inode].queue);
	if (state.short_queue != 0)
		queue_wake(state.short_queue);
}

/* ---- shrinking ---- */

/* Its number and its bytes mean nothing any more. One that a server works on is free after that. */
static void discard(uint32_t slot)
{
	struct page *p = page(slot);

	if (!(p->flags & PAGE_BUSY)) {
		page_free(slot);
		return;
	}
	if (p->flags & PAGE_DIRTY)
		page_set_clean(slot);
	unlink_page(slot);
	memset(p, 0, sizeof(*p));
}

/* First no program can map it anew, then it goes from those that have, then it is free. */
static void drop_from(unsigned inode, uint32_t first, bool copies)
{
	struct inode *i = &state.inode[inode];
	unsigned count = 0;
	uint32_t next;

	for (uint32_t s = i->page; s != 0 && i->flags & INODE_MAPPED; s = page(s - 1)->sibling)
		if (page(s - 1)->index >= first) {
			page(s - 1)->flags &= (uint8_t)~PAGE_VALID;
			if (++count % COMMIT == 0)
				undo_commit();
		}
	published();
	unmap(inode, first, UINT32_MAX, copies);
	for (uint32_t s = i->page; s != 0; s = next) {
		next = page(s - 1)->sibling;
		if (page(s - 1)->index < first)
			continue;
		discard(s - 1);
		undo_commit();
	}
}

/* Zero what lies behind the new end, and let whole pages go. */
void pages_truncate(unsigned inode, uint64_t size)
{
	uint32_t slot;

	drop_from(inode, (uint32_t)((size + PAGE_SIZE - 1) / PAGE_SIZE), true);
	if (size % PAGE_SIZE == 0)
		return;
	slot = page_find(inode, (uint32_t)(size / PAGE_SIZE));
	if (slot != NO_SLOT)
		memset(page_data(slot) + size % PAGE_SIZE, 0, PAGE_SIZE - size % PAGE_SIZE);
}

void pages_of_inode_drop(unsigned inode)
{
	if (state.inode[inode].page != 0)
		drop_from(inode, 0, false);
}

/* What is dirty is ours; the rest is as it was on the server's side once. */
void pages_of_inode_refresh(unsigned inode)
{
	uint32_t next;

	for (uint32_t s = state.inode[inode].page; s != 0; s = page(s - 1)->sibling)
		if (evictable(s - 1)) {
			page(s - 1)->flags &= (uint8_t)~PAGE_VALID;
			undo_commit();
		}
	published();
	unmap(inode, 0, UINT32_MAX, false);
	for (uint32_t s = state.inode[inode].page; s != 0; s = next) {
		next = page(s - 1)->sibling;
		if (!evictable(s - 1))
			continue;
		page_free(s - 1);
		undo_commit();
	}
	queue_wake(state.inode[inode].queue);   /* who came in between found a page that was none */
}

/* ---- giving back ---- */

static bool give_one(void)
{
	uint32_t slot = state.pages_free != 0 ? find_free() : evict_one();
	struct vm_cache_give_request req = { .first = slot, .count = 1 };

	if (slot == NO_SLOT)
		return false;
	slot_take(slot);
	state.page_absent[slot / 64] |= BIT(slot % 64);
	state.pages_absent++;
	undo_commit();
	if (vm_cache_give(&vm, &req) != 0)
		print("frame not taken back\n");
	return true;
}

/* Give back what vm is short of; what is dirty first has to be written. */
void cache_pressure(void)
{
	struct vm_totals_reply t;

	state.pressed = 0;
	if (vm_totals(&vm, &t) != 0)
		return;
	while (t.wanted > 0 && state.pages_taken - state.pages_absent >
			       CACHE_FLOOR + state.pages_memory && give_one())
		t.wanted--;
	if (t.wanted > 0 && page_may_come()) {
		state.pressed = 1;
		write_some();
	}
}

/* ---- start and recovery ---- */

/* vm looks pages up itself from now on. */
void cache_init(void)
{
	struct vm_cache_index_request req = {
		.address = (uint64_t)(uintptr_t)&state.index, .len = sizeof(state.index),
	};
	struct vm_cache_give_request left = { .first = 0, .count = NR_PAGES };

	if (vm_cache_give(&vm, &left) != 0)     /* by an earlier life */
		print("page cache not taken back\n");
	(void)memory_limit();
	if (vm_cache_index(&vm, &req) != 0)
		print("page index not taken by vm\n");
}

/* What was rolled back may have been mapped before that. */
void cache_recovered(void)
{
	if (vm_file_check(&vm) != 0)
		print("mapped pages not checked\n");
}
