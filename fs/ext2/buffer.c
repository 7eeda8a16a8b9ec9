/* SPDX-License-Identifier: BSD-2-Clause
 * buffer.c - blocks of the disk in memory, and transactions on them.
 *
 * Job:      finds, reads, changes, takes back, writes back and evicts blocks.
 * Speaks:   nothing; io.c moves the bytes.
 * Touches:  cache, bytes, image, kept.
 * Trusts:   its callers for block numbers that lie on the disk.
 * On crash: all is kept (E1..E3). buffers_recover takes the open transaction back, and makes the
 *           chains anew; what was under way and is so no more is dirty or unknown.
 */
#include "ext2.h"

#include <lib/assert.h>

enum { CHANGED_MOST = 16 };
enum { DIRTY_MANY = NR_BUFFERS / 2, WANTED_READS = 56, AHEAD_READS = 40, AHEAD_AGAIN = 16 };

static uint32_t *bucket_of(uint32_t block)
{
	return &cache.bucket[block * 2654435761u >> 8 & (NR_BUCKETS - 1)];
}

static struct buffer *find(uint32_t block)
{
	uint32_t n = *bucket_of(block);

	while (n != 0 && cache.buffer[n - 1].block != block)
		n = cache.buffer[n - 1].next;
	return n == 0 ? NULL : &cache.buffer[n - 1];
}

static unsigned number(const struct buffer *b)
{
	return (unsigned)(b - cache.buffer);
}

static struct buffer *buffer_of(const void *at)
{
	size_t offset = (size_t)((const uint8_t *)at - bytes[0]);

	assert(offset < sizeof(bytes));
	return &cache.buffer[offset / BUFFER_SIZE];
}

static void chain(struct buffer *b)
{
	uint32_t *bucket = bucket_of(b->block);

	b->next = *bucket;
	*bucket = number(b) + 1;
}

static void drop(struct buffer *b)
{
	uint32_t *link = bucket_of(b->block);

	while (*link != number(b) + 1)
		link = &cache.buffer[*link - 1].next;
	*link = b->next;
	kept.of[number(b)] = 0;
	*b = (struct buffer){ .flags = 0 };
}

static void make_dirty(struct buffer *b)
{
	if (b->flags & B_DIRTY)
		return;
	b->flags |= B_DIRTY;
	b->dirty_since = ++cache.changes;
	cache.dirty++;
}

/* Used by the operation that goes on, or by its step. */
static bool is_pinned(const struct buffer *b)
{
	return b->op == cache.op || (cache.looking != 0 && b->op == cache.looking);
}

static void pin(struct buffer *b)
{
	if (b->op != cache.op)
		b->op = cache.looking != 0 ? cache.looking : cache.op;
}

/* No buffer can be had now. If nothing is under way either, none will ever be: the disk takes
 * nothing any more, or one operation wants all there are. */
static err_t lack(void)
{
	return cache.reading == 0 && cache.writing == 0 ? -EIO : WAIT;
}

/* A buffer without a block: the next that is clean, and not used for a round of the hand. */
static struct buffer *take(void)
{
	for (unsigned step = 0; step < 2 * NR_BUFFERS; step++) {
		struct buffer *b = &cache.buffer[cache.hand];

		cache.hand = (cache.hand + 1) % NR_BUFFERS;
		if (b->flags == 0)
			return b;
		if (b->flags & (B_DIRTY | B_READING | B_WRITING) || is_pinned(b))
			continue;
		if (b->flags & B_RECENT) {
			b->flags &= ~(uint32_t)B_RECENT;
			continue;
		}
		drop(b);
		return b;
	}
	write_some();
	return NULL;
}

static struct buffer *take_for(uint32_t block, uint32_t flags)
{
	struct buffer *b = take();

	if (b == NULL)
		return NULL;
	b->block = block;
	b->flags = flags;
	chain(b);
	return b;
}

static err_t begin_read(uint32_t block, uint32_t ahead)
{
	struct buffer *b = take_for(block, B_READING | ahead);

	if (b == NULL)
		return lack();
	if (!io_read(number(b)))
		drop(b);
	else
		cache.reading++;
	return WAIT;
}

err_t block_get(uint32_t block, void *at)
{
	struct buffer *b = find(block);

	if (b == NULL)
		return begin_read(block, 0);
	if (b->flags & B_READING) {
		b->flags &= ~(uint32_t)B_AHEAD;         /* somebody is to hear of an error */
		return WAIT;
	}
	if (b->flags & B_ERROR) {
		drop(b);
		return -EIO;
	}
	b->flags |= B_RECENT;
	pin(b);
	*(uint8_t **)at = bytes[number(b)];
	return 0;
}

/* Never all of the ring: what is waited for finds room, and is not evicted by what may be. Reads
 * ahead go out in batches, a single one would cost the driver as much as many. */
void block_ahead(uint32_t block, bool wanted)
{
	static bool filling;

	if (cache.reading <= AHEAD_AGAIN)
		filling = true;
	if (cache.reading >= AHEAD_READS)
		filling = false;
	if ((wanted ? cache.reading < WANTED_READS : filling) && find(block) == NULL)
		(void)begin_read(block, B_AHEAD);
}

/* ---- transactions ---- */

static void journal_add(const struct buffer *b, bool fresh)
{
	unsigned n = kept.journal_used;

	assert(n < JOURNAL_MAX);
	kept.journal[n].buffer = number(b);
	kept.journal[n].fresh = fresh;
	kept.journal[n].was = fresh ? 0 : kept.of[number(b)];
	if (!fresh)
		memcpy(image[n], bytes[number(b)], BUFFER_SIZE);
	__asm__ volatile("" : : : "memory");
	kept.journal_used = n + 1;                             /* E3 */
}

static bool in_journal(const struct buffer *b)
{
	for (unsigned n = 0; n < kept.journal_used; n++)
		if (kept.journal[n].buffer == number(b))
			return true;
	return false;
}

unsigned journal_room(void)
{
	return JOURNAL_MAX - kept.journal_used;
}

/* A block that was free: what it held before need not come back. So no transaction frees a block
 * and takes it again. */
err_t block_zero(uint32_t block, void *at)
{
	struct buffer *b = find(block);

	if (b != NULL && b->flags & B_READING)
		return WAIT;
	if (b == NULL)
		b = take_for(block, B_VALID);
	if (b == NULL)
		return lack();
	if (!in_journal(b))
		journal_add(b, true);
	kept.of[number(b)] = 0;
	b->flags = (b->flags | B_VALID | B_RECENT) & ~(uint32_t)B_ERROR;
	pin(b);
	memset(bytes[number(b)], 0, BUFFER_SIZE);
	make_dirty(b);
	*(uint8_t **)at = bytes[number(b)];
	return 0;
}

/* A block of which every byte will be written before anybody looks. */
err_t block_over(uint32_t block, void *at)
{
	struct buffer *b = find(block);

	if (b == NULL)
		b = take_for(block, B_VALID);
	if (b == NULL)
		return lack();
	if (b->flags & B_READING)
		return WAIT;
	b->flags = (b->flags | B_VALID | B_RECENT) & ~(uint32_t)B_ERROR;
	pin(b);
	*(uint8_t **)at = bytes[number(b)];
	return 0;
}

void edit(const void *at)
{
	struct buffer *b = buffer_of(at);

	if (!in_journal(b))
		journal_add(b, false);
	make_dirty(b);
}

/* Changed without a pre-image, to be summed when the operation ends: a few, or at once. */
static uint16_t changed[CHANGED_MOST];
static unsigned nr_changed;

static void keep_changed(void)
{
	while (nr_changed != 0)
		keep_block(changed[--nr_changed]);
}

/* Until then nobody would miss it: whoever writes it would write it again. */
void edit_data(const void *at)
{
	struct buffer *b = buffer_of(at);

	if (nr_changed == CHANGED_MOST)
		keep_changed();
	kept.of[number(b)] = 0;
	changed[nr_changed++] = (uint16_t)number(b);
	make_dirty(b);
}

void edit_unsummed(const void *at)
{
	buffer_of(at)->flags |= B_UNSUMMED;
	edit_data(at);
}

void op_begin(void)
{
	journal_settle();
	kept.ends = 0;                  /* of one that was taken back */
	assert(kept.journal_used == 0 && cache.looking == 0);
	cache.op = ++cache.serial;
}

void look_begin(void)
{
	cache.looking = ++cache.serial;
}

void look_end(void)
{
	cache.looking = 0;
}

bool is_edited(const void *at)
{
	return in_journal(buffer_of(at));
}

void journal_back(void)
{
	while (kept.journal_used != 0) {
		unsigned n = kept.journal_used - 1;

		if (!kept.journal[n].fresh)
			memcpy(bytes[kept.journal[n].buffer], image[n], BUFFER_SIZE);
		kept.of[kept.journal[n].buffer] = kept.journal[n].was;
		__asm__ volatile("" : : : "memory");
		kept.journal_used = n;
	}
}

/* What has been committed is not taken back any more. */
void journal_settle(void)
{
	if (kept.ends == 0 || !io_is_committed(kept.ends))
		return;
	kept.journal_used = 0;
	__asm__ volatile("" : : : "memory");
	kept.ends = 0;
}

err_t op_finish(err_t err)
{
	look_end();
	keep_changed();
	if (err != 0)
		journal_back();
	for (unsigned n = 0; n < kept.journal_used; n++)        /* K2 */
		keep_block(kept.journal[n].buffer);
	index_settle(err != 0);
	cache.transactions += err == 0 && kept.journal_used != 0;
	kept.ends = io_next_commit();
	return err;
}

void write_if_many(void)
{
	if (cache.dirty > DIRTY_MANY)
		write_some();
}

err_t op_end(err_t err)
{
	(void)op_finish(err);
	io_commit();
	journal_settle();
	write_if_many();
	return err;
}

/* ---- writing back ---- */

void write_some(void)
{
	for (unsigned n = 0; n < NR_BUFFERS && cache.dirty != 0; n++) {
		struct buffer *b = &cache.buffer[n];

		if ((b->flags & (B_DIRTY | B_WRITING | B_FAILED)) != B_DIRTY)
			continue;
		if (!io_write(n))
			break;
		cache.writing++;
		b->writing_since = b->dirty_since;
		b->flags = (b->flags | B_WRITING) & ~(uint32_t)B_DIRTY;
		cache.dirty--;
	}
}

void write_again(void)
{
	for (unsigned n = 0; n < NR_BUFFERS; n++)
		cache.buffer[n].flags &= ~(uint32_t)B_FAILED;
	write_some();
}

bool buffers_busy(void)
{
	return cache.reading != 0 || cache.writing != 0;
}

bool dirty_before(uint64_t change)
{
	for (unsigned n = 0; n < NR_BUFFERS; n++) {
		const struct buffer *b = &cache.buffer[n];

		if ((b->flags & B_DIRTY && b->dirty_since <= change) ||
		    (b->flags & B_WRITING && b->writing_since <= change))
			return true;
	}
	return false;
}

bool buffer_waits(unsigned buffer, uint32_t block)
{
	const struct buffer *b = &cache.buffer[buffer];

	return b->flags & B_READING && b->block == block;
}

void buffer_done(unsigned buffer, bool write, err_t err)
{
	struct buffer *b = &cache.buffer[buffer];

	if (write && b->flags & B_WRITING) {
		b->flags &= ~(uint32_t)B_WRITING;
		cache.writing--;
		if (err != 0) {
			cache.write_errors++;
			sum_unknown(b->block);
			make_dirty(b);
			b->flags |= B_FAILED;
		}
		if (!(b->flags & B_DIRTY))
			kept.of[buffer] = 0;
	}
	if (!write && b->flags & B_READING) {
		cache.reading--;
		if (err != 0 && err != -EBADMSG && b->flags & B_AHEAD)
			drop(b);        /* who wants it asks, and hears of it, himself */
		else
			b->flags = err == 0 ? B_VALID | B_RECENT : B_ERROR;
	}
}

/* ---- start ---- */

void buffers_init(void)
{
	memset(&cache, 0, sizeof(cache));
	nr_changed = 0;
	sums_clear(&sums);
	index_forget();
	walks_forget();
}

/* What is dirty as well: somebody was told that it could not be written. And what the disk held:
 * while it is not mounted others may write it. */
void buffers_forget(void)
{
	sums_clear(&sums);
	buffers_drop();
}

void buffers_drop(void)
{
	index_forget();
	walks_forget();
	for (unsigned n = 0; n < NR_BUFFERS; n++) {
		struct buffer *b = &cache.buffer[n];

		if (b->flags == 0 || b->flags & (B_READING | B_WRITING))
			continue;
		cache.dirty -= (b->flags & B_DIRTY) != 0;
		drop(b);
	}
}

bool buffer_adopt(unsigned n, uint32_t block)
{
	struct buffer *b = &cache.buffer[n];

	if (find(block) != NULL)
		return false;
	b->block = block;
	b->flags = B_VALID | B_RECENT;
	chain(b);
	make_dirty(b);
	return true;
}

static uint8_t under_way[NR_BUFFERS];

void buffers_recover(void)
{
	journal_settle();
	kept.ends = 0;
	journal_back();
	cache.looking = 0;
	memset(under_way, 0, sizeof(under_way));
}

/* Another block: it was answered, and the buffer given away, before a crash took that back. */
void buffer_open(unsigned buffer, uint32_t block, bool write)
{
	if (buffer < NR_BUFFERS && cache.buffer[buffer].block == block)
		under_way[buffer] = write ? B_WRITING : B_READING;
}

void buffers_settle(void)
{
	memset(cache.bucket, 0, sizeof(cache.bucket));
	cache.dirty = cache.reading = cache.writing = 0;
	cache.hand %= NR_BUFFERS;
	for (unsigned n = 0; n < NR_BUFFERS; n++) {
		struct buffer *b = &cache.buffer[n];

		if (b->flags & B_WRITING && under_way[n] != B_WRITING)
			b->flags = (b->flags | B_DIRTY) & ~(uint32_t)B_WRITING;
		if (b->flags & B_READING && under_way[n] != B_READING)
			b->flags = 0;
		if (under_way[n] == B_WRITING)
			b->flags |= B_WRITING;
		if (b->flags & B_DIRTY) {
			b->dirty_since = ++cache.changes;
			cache.dirty++;
		}
		if (b->flags & (B_DIRTY | B_WRITING) && kept.of[n] == 0)
			keep_block(n);          /* the operation had not ended */
		cache.reading += (b->flags & B_READING) != 0;
		cache.writing += (b->flags & B_WRITING) != 0;
		if (b->flags != 0)
			chain(b);
	}
}
