/* SPDX-License-Identifier: BSD-2-Clause
 * queue.c - a split virtqueue, driver's side.
 *
 * Job:      descriptors, available and used ring (queue.h, invariants Q1..Q3).
 * Speaks:   nothing; the driver tells the device.
 * Touches:  the queue's memory, which the device reads and writes.
 * Trusts:   the caller's segments; nothing that the device writes.
 * On crash: begun anew with the device's reset.
 * Spec:     Virtual I/O Device (VIRTIO) 1.0, 2.4 (split virtqueues), 3.2 (operation).
 */
#include <lib/string.h>
#include <lib/virtio/queue.h>

void virtq_init(struct virtq *q, volatile struct virtq_memory *m, const uint64_t *physical,
		uint16_t size, bool indirect)
{
	memset((void *)(uintptr_t)m, 0, sizeof(*m));
	memset(q, 0, sizeof(*q));
	memset(q->head, VIRTQ_FREE, sizeof(q->head));
	q->m = m;
	q->size = size;
	q->indirect = indirect;
	q->nr_free = size;
	for (unsigned i = 0; i < size; i++)
		q->next[i] = (uint16_t)(i + 1);
	for (unsigned t = 0; t < VIRTQ_TOKENS; t++) {
		size_t at = offsetof(struct virtq_memory, table[t]);

		q->table[t] = physical[at / PAGE_SIZE] + at % PAGE_SIZE;
	}
}

static void put(volatile struct virtq_desc *d, const struct virtq_segment *s, unsigned flags,
		unsigned next)
{
	d->addr = s->physical;
	d->len = s->len;
	d->flags = (uint16_t)flags;
	d->next = (uint16_t)next;
}

static unsigned flags_of(unsigned i, unsigned readable, unsigned n)
{
	return (i >= readable ? VIRTQ_DESC_WRITE : 0u) | (i + 1 < n ? VIRTQ_DESC_NEXT : 0u);
}

static uint16_t take_free(struct virtq *q)
{
	uint16_t d = q->free;

	q->free = q->next[d];
	q->nr_free--;
	return d;
}

/* 2.4.5.3: one descriptor that points to a table. */
static void add_indirect(struct virtq *q, unsigned token, const struct virtq_segment *s,
			 unsigned readable, unsigned n)
{
	volatile struct virtq_desc *table = q->m->table[token];
	struct virtq_segment whole = {
		.physical = q->table[token], .len = n * (uint32_t)sizeof(table[0]),
	};
	uint16_t d = take_free(q);

	for (unsigned i = 0; i < n; i++)
		put(&table[i], &s[i], flags_of(i, readable, n), i + 1);
	put(&q->m->desc[d], &whole, VIRTQ_DESC_INDIRECT, 0);
	q->next[d] = 0;
	q->chain[token] = 1;
	q->head[d] = (uint8_t)token;
	q->m->avail.ring[q->added % q->size] = d;
}

static void add_chain(struct virtq *q, unsigned token, const struct virtq_segment *s,
		      unsigned readable, unsigned n)
{
	uint16_t first = q->free, d = first;

	for (unsigned i = 0; i < n; i++) {
		d = take_free(q);
		put(&q->m->desc[d], &s[i], flags_of(i, readable, n), i + 1 < n ? q->next[d] : 0u);
	}
	q->chain[token] = (uint16_t)n;
	q->head[first] = (uint8_t)token;
	q->m->avail.ring[q->added % q->size] = first;
}

err_t virtq_add(struct virtq *q, unsigned token, const struct virtq_segment *s, unsigned readable,
		unsigned writable)
{
	unsigned n = readable + writable;

	if (token >= VIRTQ_TOKENS || q->in_flight & BIT(token) || n == 0 || n > VIRTQ_SEGMENTS)
		return -EINVAL;
	if (q->nr_free < (q->indirect ? 1 : n))
		return -EAGAIN;

	q->writable[token] = 0;
	for (unsigned i = readable; i < n; i++)
		q->writable[token] += s[i].len;
	if (q->indirect)
		add_indirect(q, token, s, readable, n);
	else
		add_chain(q, token, s, readable, n);
	q->in_flight |= BIT(token);                     /* Q3 */
	q->added++;
	return 0;
}

/* 3.2.1.3 and 3.2.1.4: the index after the entries, the device's wish after the index. */
bool virtq_publish(struct virtq *q)
{
	if (q->added == q->published)
		return false;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	q->m->avail.idx = q->added;
	q->published = q->added;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return !(q->m->used.flags & VIRTQ_USED_NO_NOTIFY);
}

/* The chain of a request goes back to the free list. */
static void give_back(struct virtq *q, uint16_t head, unsigned n)
{
	uint16_t last = head;

	for (unsigned i = 1; i < n; i++)
		last = q->next[last];
	q->next[last] = q->free;
	q->free = head;
	q->nr_free = (uint16_t)(q->nr_free + n);
}

bool virtq_next(struct virtq *q, unsigned *token, uint32_t *written)
{
	while (!virtq_broken(q)) {
		uint16_t ready = (uint16_t)(q->m->used.idx - q->taken);
		uint32_t id, len;

		if (ready == 0)
			return false;
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		id = q->m->used.ring[q->taken % q->size].id;
		len = q->m->used.ring[q->taken % q->size].len;
		if (ready > q->size) {                  /* more than there ever were */
			q->refused = VIRTQ_REFUSED_MAX;
			return false;
		}
		q->taken++;
		if (id >= q->size || q->head[id] == VIRTQ_FREE) {
			q->refused++;                   /* Q1: nothing of ours */
			continue;
		}
		*token = q->head[id];
		*written = len < q->writable[*token] ? len : q->writable[*token];
		q->head[id] = VIRTQ_FREE;
		q->in_flight &= ~BIT(*token);
		give_back(q, (uint16_t)id, q->chain[*token]);
		return true;
	}
	return false;
}

bool virtq_broken(const struct virtq *q)
{
	return q->refused >= VIRTQ_REFUSED_MAX;
}

unsigned virtq_in_flight(const struct virtq *q)
{
	unsigned n = 0;

	for (uint64_t bits = q->in_flight; bits != 0; bits &= bits - 1)
		n++;
	return n;
}
