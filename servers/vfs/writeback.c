/* SPDX-License-Identifier: BSD-2-Clause
 * writeback.c - dirty pages go to their file servers: by age, for want of room, for fsync.
 *
 * Job:      marks pages dirty and clean; writes runs of them; holds writers back when too much is
 *           dirty (docs/notes/0010).
 * Speaks:   contracts/file (write); contracts/vm (file_clean).
 * Touches:  pages.
 * Trusts:   a file server that says it has written.
 * On crash: recovers in place; what was being written is on the board, and marked busy.
 *
 * W1  A page of a tree in memory is dirty as long as it is there, counted in pages_memory only.
 * W2  Other dirty pages are counted in pages_dirty; inode.dirty_pages counts both kinds. The dirty
 *     pages of an inode lie in [dirty_first, dirty_end).
 * W3  A page is busy while a request names it; pages_busy counts those, inode.writes the requests
 *     that write.
 */
#include "vfs.h"

enum {
	WRITE_RUN = 32,
	TICK_S = 5,
	DIRTY_PART = 8,                 /* of what the services leave: writers wait above it */
};

static struct page *page(uint32_t slot)
{
	return &state.index.page[slot];
}

static bool in_memory(unsigned inode)
{
	return mount_flags(&state.inode[inode]) & FILE_MOUNT_MEMORY;
}

void page_set_dirty(uint32_t slot)
{
	struct page *p = page(slot);
	struct inode *i = &state.inode[p->inode];

	if (p->flags & PAGE_DIRTY)
		return;
	p->flags |= PAGE_DIRTY;
	i->dirty_pages++;
	state.mount[i->mount].pages++;
	if (in_memory(p->inode)) {
		state.pages_memory++;
		return;
	}
	state.pages_dirty++;
	if (i->dirty_pages == 1) {
		i->dirty_first = p->index;
		i->dirty_end = p->index + 1;
	}
	if (p->index < i->dirty_first)
		i->dirty_first = p->index;
	if (p->index >= i->dirty_end)
		i->dirty_end = p->index + 1;
	if (state.write_back_ns == 0) {
		state.write_back_ns = clock_monotonic_ns() + TICK_S * 1000000000ull;
		alarm_plan();
	}
}

void page_set_clean(uint32_t slot)
{
	struct page *p = page(slot);
	struct inode *i = &state.inode[p->inode];

	p->flags &= (uint8_t)~PAGE_DIRTY;
	i->dirty_pages--;
	state.mount[i->mount].pages--;
	if (in_memory(p->inode))
		state.pages_memory--;
	else
		state.pages_dirty--;
}

/* ---- writing ---- */

static bool is_next(unsigned inode, uint32_t slot, uint32_t index)
{
	const struct page *p = page(slot);

	return slot < state.pages_taken && p->inode == inode && p->index == index &&
	       (p->flags & (PAGE_VALID | PAGE_DIRTY | PAGE_BUSY)) == (PAGE_VALID | PAGE_DIRTY);
}

/* Programs that may write to these pages by themselves ask again before they do. */
static void take_write_right(unsigned inode, uint32_t index, unsigned n)
{
	struct vm_file_clean_request req = {
		.file = inode_file(inode), .offset = (uint64_t)index * PAGE_SIZE,
		.len = n * (uint64_t)PAGE_SIZE,
	};

	if (state.inode[inode].flags & INODE_MAPPED && vm_file_clean(&vm, &req) != 0)
		print("file_clean refused\n");
}

/* A run of dirty pages from this one on; how many, 0: there is no room to ask. */
static unsigned ask_write(unsigned inode, uint32_t slot)
{
	struct inode *i = &state.inode[inode];
	uint32_t index = page(slot)->index;
	uint64_t pos = (uint64_t)index * PAGE_SIZE, left;
	struct file_write_request *req;
	struct request *q;
	struct file_entry *e;
	unsigned n = 1;

	if (pos >= i->attr.size) {              /* a truncation is coming: nothing to keep */
		page_set_clean(slot);
		return 1;
	}
	left = i->attr.size - pos;
	while (n < WRITE_RUN && (uint64_t)n * PAGE_SIZE < left &&
	       is_next(inode, slot + n, index + n))
		n++;
	if (left > (uint64_t)n * PAGE_SIZE)
		left = (uint64_t)n * PAGE_SIZE;
	e = ask_file(NULL, i->mount, FILE_WRITE, &q);
	if (e == NULL)
		return 0;
	if (!ask_data(q, slot, n, (unsigned)left, GRANT_READ)) {
		ask_full(NULL, q);
		return 0;
	}
	take_write_right(inode, index, n);
	for (unsigned k = 0; k < n; k++) {
		page_set_clean(slot + k);
		page(slot + k)->flags |= PAGE_BUSY;
	}
	state.pages_busy += n;
	i->writes++;
	state.mount[i->mount].writes++;
	q->inode = (uint16_t)inode;
	req = (struct file_write_request *)e->w;
	req->file = i->attr.file;
	req->pos = pos;
	req->size = i->attr.size;
	ask_send(NULL, q);
	return n;
}

/* It is tried once more, at the next tick. Then its bytes are lost: a dead disk must not have all
 * memory for ever. */
static void write_failed(uint32_t slot, bool failed)
{
	struct page *p = page(slot);

	if (failed && !(p->flags & PAGE_FAILED)) {
		p->flags |= PAGE_FAILED;
		page_set_dirty(slot);
	} else {
		p->flags &= (uint8_t)~PAGE_FAILED;
	}
}

void pages_written(struct request *q, err_t err)
{
	struct mount *m = &state.mount[state.inode[q->inode].mount];

	state.inode[q->inode].writes--;
	m->writes--;
	m->failed = err == -EIO;
	for (unsigned k = 0; k < q->pages; k++) {
		uint32_t slot = q->slot - 1 + k;
		struct page *p = page(slot);

		state.pages_busy--;
		if (p->inode != q->inode || !(p->flags & PAGE_BUSY)) {
			page_put(slot);
			continue;
		}
		p->flags &= (uint8_t)~PAGE_BUSY;
		write_failed(slot, err == -EIO);
	}
	if (err != 0)
		state.inode[q->inode].error = (uint8_t)-err;
	queue_wake(state.inode[q->inode].queue);
	if (state.short_queue != 0)
		queue_wake(state.short_queue);
}

/* There is room again for what could not be written or given back before. */
void written_more(void)
{
	if (state.pressed)
		cache_pressure();
	else if (state.unfinished)
		write_some();
}

static bool is_lost(uint32_t slot)
{
	return (page(slot)->flags & (PAGE_VALID | PAGE_DIRTY | PAGE_BUSY)) == PAGE_DIRTY;
}

/* All dirty pages of an inode; false: no room for more requests. */
static bool write_inode(unsigned inode)
{
	struct inode *i = &state.inode[inode];
	uint32_t at = i->dirty_first;

	while (i->dirty_pages != 0 && at < i->dirty_end) {
		uint32_t slot = page_find(inode, at);
		unsigned n = 1;

		if (slot != NO_SLOT && is_lost(slot))
			page_settle(slot, "repaired");
		if (slot != NO_SLOT && is_next(inode, slot, at)) {
			n = ask_write(inode, slot);
			if (n == 0)
				return false;
		}
		at += n;
	}
	return true;
}

/* Start writing what there is. */
void write_some(void)
{
	unsigned n = state.inode_top, hand = state.dirty_hand;

	state.unfinished = 0;
	for (; n > 1 && state.pages_dirty != 0; n--) {
		unsigned next = hand + 1 < state.inode_top ? hand + 1 : 1;

		if (state.inode[next].dirty_pages != 0 && !in_memory(next) && !write_inode(next)) {
			state.unfinished = 1;
			break;
		}
		hand = next;
	}
	state.dirty_hand = (uint16_t)hand;      /* once: there may be no commit between far ones */
}

/* Errors of earlier writes are told once, by fsync. */
int64_t write_back(struct op *o, unsigned inode)
{
	struct inode *i = &state.inode[inode];

	if (in_memory(inode))
		return 0;
	if (i->error) {
		int64_t err = -(int64_t)i->error;

		i->error = 0;
		return err;
	}
	if (i->dirty_pages != 0 && write_inode(inode))
		assert(i->dirty_pages == 0 || i->writes != 0);  /* or it waits for nothing */
	if (i->dirty_pages == 0 && i->writes == 0)
		return 0;
	if (i->writes == 0)
		return row_wait(o, QUEUE_SHORT, 0, 0);
	return row_wait(o, QUEUE_INODE, inode, 0);
}

/* May a writer make one more page dirty? 0, or -PARKED until some were written. */
int64_t write_room(struct op *o, unsigned inode)
{
	uint32_t most = memory_limit() * 2 / DIRTY_PART;

	if (in_memory(inode) || state.pages_dirty < most / 2)
		return 0;
	if (state.pages_busy < most / 2)
		write_some();
	if (state.pages_dirty < most || state.pages_busy == 0)
		return 0;
	return row_wait(o, QUEUE_SHORT, 0, 0);
}

/* ---- room on the disk ---- */

enum { ROOM_MARGIN = 32, ROOM_PART = 256 };     /* pages; and a part of all, for index blocks */

/* What the server has free, less what is on its way there: it may all need new blocks. */
void disk_room_told(struct request *q, const struct file_entry *e)
{
	const struct file_stat_fs_reply *fs = (const struct file_stat_fs_reply *)e->answer;
	struct mount *m = &state.mount[q->keep % NR_MOUNTS];
	uint64_t free = fs->free * (fs->block < PAGE_SIZE ? fs->block : PAGE_SIZE) / PAGE_SIZE;
	uint64_t used = state.pages_dirty + state.pages_busy + ROOM_MARGIN + free / ROOM_PART;

	free = free > used ? free - used : 0;
	m->room = free > UINT32_MAX ? UINT32_MAX : (uint32_t)free;
	m->room_stamp = q->stamp;
}

int64_t disk_room(struct op *o, unsigned mount)
{
	struct mount *m = &state.mount[mount];
	struct request *q;

	if (m->flags & FILE_MOUNT_MEMORY)
		return 0;
	if (m->room > 0) {
		m->room--;
		return 0;
	}
	row_get(o);
	if (m->room_stamp > o->began) {
		if (m->failed)
			return -EIO;
		if (m->pages == 0 && m->writes == 0 && !forgets_open())
			return -ENOSPC;
		m->room_stamp = 0;      /* less is on its way after this, and the disk knows more */
		write_some();
		return row_wait(o, QUEUE_SHORT, 0, 0);
	}
	if (ask_file(o, mount, FILE_STAT_FS, &q) == NULL)
		return -PARKED;
	q->keep = mount;
	return ask_send(o, q);
}

/* Dirty pages are written back when they are TICK_S to twice that old. */
void write_tick(void)
{
	state.write_back_ns = 0;
	if (state.pages_dirty == 0)
		return;
	state.write_back_ns = clock_monotonic_ns() + TICK_S * 1000000000ull;
	write_some();
}
