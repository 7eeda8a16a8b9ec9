/* SPDX-License-Identifier: BSD-2-Clause
 * socket_ring.c - what a socket has received: a ring of records.
 *
 * Job:      puts records in and takes them out; gets and frees the ring's pages.
 * Speaks:   nothing.
 * Touches:  socket.head, tail, page; pages of the cache window.
 * Trusts:   what it has written itself.
 * On crash: recovers in place: bytes behind head count for nothing (N2).
 */
#include "socket.h"

enum { ALIGN = 8, PART_ROOT = 2, PART_USERS = 4, PART_KEPT = 16 };

uint64_t record_size(const struct record *r)
{
	uint64_t n = sizeof(*r) + r->files * sizeof(uint16_t) + r->name_len + r->len;

	return (n + ALIGN - 1) & ~(uint64_t)(ALIGN - 1);
}

static char *ring_byte(const struct socket *s, uint64_t at)
{
	uint32_t slot = s->page[at / PAGE_SIZE % SOCKET_PAGES];

	assert(slot != 0);              /* N2 */
	return page_data(slot - 1) + at % PAGE_SIZE;
}

static size_t up_to_page(uint64_t at, uint64_t n)
{
	return n < PAGE_SIZE - at % PAGE_SIZE ? n : PAGE_SIZE - at % PAGE_SIZE;
}

static void get(const struct socket *s, uint64_t at, void *to, size_t n)
{
	for (size_t done = 0, step; done < n; done += step) {
		step = up_to_page(at + done, n - done);
		memcpy((char *)to + done, ring_byte(s, at + done), step);
	}
}

static void put(const struct socket *s, uint64_t at, const void *from, size_t n)
{
	for (size_t done = 0, step; done < n; done += step) {
		step = up_to_page(at + done, n - done);
		memcpy(ring_byte(s, at + done), (const char *)from + done, step);
	}
}

/* n bytes between ring and caller, whose parts begin `offset` bytes before. */
static int64_t move(struct op *o, const struct socket *s, uint64_t at, uint64_t offset, uint64_t n,
		    bool in)
{
	unsigned k = 0;

	while (n > 0) {
		size_t step;
		int64_t err;

		while (offset >= part[k].len)
			offset -= part[k++].len;
		step = up_to_page(at, n);
		if (step > part[k].len - offset)
			step = part[k].len - offset;
		err = in ? user_read(o, part[k].base + offset, ring_byte(s, at), step) :
			user_write(o, part[k].base + offset, ring_byte(s, at), step);
		if (err != 0)
			return err;
		at += step;
		offset += step;
		n -= step;
	}
	return 0;
}

/* ---- records ---- */

void record_at(const struct socket *s, uint64_t at, struct record *r)
{
	get(s, at, r, sizeof(*r));
	assert(record_size(r) <= s->head - at); /* N2 */
}

void record_files(const struct socket *s, uint64_t at, const struct record *r, uint16_t *files)
{
	get(s, at + sizeof(*r), files, r->files * sizeof(*files));
}

void record_name(const struct socket *s, uint64_t at, const struct record *r, char *name)
{
	get(s, at + sizeof(*r) + r->files * sizeof(uint16_t), name, r->name_len);
}

static uint64_t bytes_of(uint64_t at, const struct record *r)
{
	return at + sizeof(*r) + r->files * sizeof(uint16_t) + r->name_len;
}

int64_t record_give(struct op *o, struct socket *s, uint64_t at, const struct record *r,
		    uint64_t from, uint64_t offset, uint64_t n)
{
	return move(o, s, bytes_of(at, r) + from, offset, n, false);
}

/* So that some are left for other things: a part of what trees in memory may have. */
static bool too_many(struct op *o)
{
	if (state.socket_pages < memory_limit() / PART_USERS)
		return false;
	return !is_root(o) || state.socket_pages >= memory_limit() / PART_ROOT;
}

/* Pages for bytes [from, end). May commit: nothing that must go with them has been changed. */
static int64_t pages_for(struct op *o, struct socket *s, uint64_t from, uint64_t end)
{
	for (uint64_t at = from; at < end; at = (at | (PAGE_SIZE - 1)) + 1) {
		uint32_t *page = &s->page[at / PAGE_SIZE % SOCKET_PAGES], slot;

		if (*page != 0)
			continue;
		if (too_many(o))
			return -ENOBUFS;
		slot = page_of_pipe();
		if (slot == NO_SLOT)
			return page_may_come() ? row_wait(o, QUEUE_SHORT, 0, 0) : -ENOBUFS;
		*page = slot + 1;
		state.socket_pages++;
	}
	return 0;
}

int64_t record_put(struct op *o, struct socket *s, const struct record *r, const uint16_t *files,
		   const char *name, uint64_t offset)
{
	uint64_t at = s->head, end = at + record_size(r);
	int64_t err;

	assert(end - s->tail <= RING);
	err = pages_for(o, s, at, end);
	if (err == 0)
		err = move(o, s, bytes_of(at, r), offset, r->len, true);
	if (err != 0)
		return err;
	put(s, at, r, sizeof(*r));
	put(s, at + sizeof(*r), files, r->files * sizeof(*files));
	put(s, at + sizeof(*r) + r->files * sizeof(*files), name, r->name_len);
	files_hold(s, files, r->files);
	s->head = end;
	s->bytes += r->len;
	queue_wake(s->read_queue);
	polls_wake(watch_socket(socket_index(s)));
	return 0;
}

/* ---- room ---- */

static void free_page(struct socket *s, uint64_t number)
{
	uint32_t *page = &s->page[number % SOCKET_PAGES];

	if (*page == 0)
		return;
	page_free(*page - 1);
	*page = 0;
	state.socket_pages--;
}

/* While all rings have few pages, each keeps what it has, and an empty one begins at its start.
 * Otherwise an empty ring keeps one page at most. */
void ring_take(struct socket *s, uint64_t tail)
{
	bool few = state.socket_pages < memory_limit() / PART_KEPT;

	for (uint64_t n = s->tail / PAGE_SIZE; !few && n < tail / PAGE_SIZE; n++)
		free_page(s, n);
	s->tail = tail;
	if (s->tail != s->head)
		return;
	if (few)
		s->head = s->tail = 0;
	else if (s->tail % PAGE_SIZE >= PAGE_SIZE / 2)
		s->head = s->tail = s->tail / PAGE_SIZE * PAGE_SIZE;
}

void ring_free(struct socket *s)
{
	for (unsigned n = 0; n < SOCKET_PAGES; n++)
		free_page(s, n);
}
