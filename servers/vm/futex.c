/* SPDX-License-Identifier: BSD-2-Clause
 * futex.c - who waits on which word.
 *
 * Job:      a queue for each hash of a key, first come, first served (V6).
 * Speaks:   nothing: no kernel calls here, so all of it is tested on the host.
 * Touches:  rows of state.wait, state.futex_bucket.
 * Trusts:   its callers: a slot that is enqueued is in no queue.
 * On crash: the undo log; futex_rebuild() makes the queues from the rows.
 */
#include "vm.h"

static struct queue *bucket_of(struct futex_key key)
{
	uint64_t h = (key.object * 0x9e3779b97f4a7c15ull) ^ (key.offset * 0xc2b2ae3d27d4eb4full);

	return &state.futex_bucket[(h >> 32) % NR_FUTEX_BUCKETS];
}

static bool same(struct futex_key a, struct futex_key b)
{
	return a.object == b.object && a.offset == b.offset;
}

static void append(unsigned slot)
{
	struct wait *w = &state.wait[slot];
	struct queue *q = bucket_of(w->key);

	w->next = 0;
	w->prev = q->tail;
	if (q->tail != 0)
		state.wait[q->tail].next = (uint16_t)slot;
	else
		q->head = (uint16_t)slot;
	q->tail = (uint16_t)slot;
}

void futex_enqueue(unsigned slot, struct futex_key key, uint32_t bitset)
{
	struct wait *w = &state.wait[slot];

	w->kind = WAIT_FUTEX;
	w->key = key;
	w->bitset = bitset;
	w->order = ++state.arrivals;
	append(slot);
}

void futex_dequeue(unsigned slot)
{
	struct wait *w = &state.wait[slot];
	struct queue *q = bucket_of(w->key);

	if (w->prev != 0)
		state.wait[w->prev].next = w->next;
	else
		q->head = w->next;
	if (w->next != 0)
		state.wait[w->next].prev = w->prev;
	else
		q->tail = w->prev;
}

unsigned futex_next(struct futex_key key, uint32_t bits, unsigned after)
{
	unsigned n = after != 0 ? state.wait[after].next : bucket_of(key)->head;

	while (n != 0 && !(same(state.wait[n].key, key) && state.wait[n].bitset & bits))
		n = state.wait[n].next;
	return n;
}

void futex_move(unsigned slot, struct futex_key key)
{
	futex_dequeue(slot);
	state.wait[slot].key = key;
	state.wait[slot].order = ++state.arrivals;
	append(slot);
}

/* The queues again, by order of arrival. */
/* Has a come before b? 0 is before all. Of two that say the same the slot decides. */
static bool is_earlier(unsigned a, unsigned b)
{
	uint64_t of_a = state.wait[a].order, of_b = state.wait[b].order;

	return b != 0 && (a == 0 || of_a < of_b || (of_a == of_b && a < b));
}

void futex_rebuild(void)
{
	unsigned done = 0, first;

	memset(state.futex_bucket, 0, sizeof(state.futex_bucket));
	do {
		first = 0;
		for (unsigned n = 1; n < NR_PROCS; n++)
			if (state.wait[n].kind == WAIT_FUTEX && is_earlier(done, n) &&
			    (first == 0 || is_earlier(n, first)))
				first = n;
		if (first != 0)
			append(first);
		done = first;
	} while (first != 0);
}
