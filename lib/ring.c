/* SPDX-License-Identifier: BSD-2-Clause
 * ring.c - an asynchronous request ring between two services that do not trust each other.
 *
 * Job:      requests one way, answers the other, in shared memory (lib/ring.h).
 * Speaks:   nothing: the caller notifies.
 * Touches:  struct ring_memory, entry by entry; the caller's struct in its state.
 * Trusts:   nothing it reads from the memory: it copies first and looks at the copy.
 * On crash: the caller's struct goes with its state. R3 makes what was not published invisible.
 *
 * R1  Of each word in the memory one side is the only writer.
 * R2  Requests open (submitted, not answered) <= RING_ENTRIES, kept by the client for its own sake
 *     and checked by the server; so an entry is not written again before it was read.
 * R3  The peer sees an entry when the count that covers it is published: after the commit.
 * R4  An answer counts if its id is that of an open request of this epoch, once.
 * R5  Epoch and count change in this order: epoch 0, count 0, new epoch.
 * R6  Counts that do not fit one's own end the epoch, whosever are wrong: taken as they are, they
 *     would make both sides wait for ever.
 *
 * Stores to the caller's state are made in files of lib/, which are not compiled with the logging
 * of stores: hence undo_before() in front of each.
 */
#include <abi/errors.h>
#include <lib/ring.h>
#include <lib/string.h>
#include <lib/undo.h>

enum { ID_SLOT_BITS = 8 };

static void publish32(volatile uint32_t *at, uint32_t value)
{
	__atomic_store_n(at, value, __ATOMIC_RELEASE);
}

static void publish64(volatile uint64_t *at, uint64_t value)
{
	__atomic_store_n(at, value, __ATOMIC_RELEASE);
}

static uint32_t look32(const volatile uint32_t *at)
{
	return __atomic_load_n(at, __ATOMIC_ACQUIRE);
}

static uint64_t look64(const volatile uint64_t *at)
{
	return __atomic_load_n(at, __ATOMIC_ACQUIRE);
}

/* Each word is read once. */
static void copy_out(struct ring_entry *to, const volatile struct ring_entry *from)
{
	to->id = from->id;
	to->type = from->type;
	for (unsigned i = 0; i < MESSAGE_WORDS; i++)
		to->w[i] = from->w[i];
}

static void copy_in(volatile struct ring_entry *to, const struct ring_entry *from)
{
	to->id = from->id;
	to->type = from->type;
	for (unsigned i = 0; i < MESSAGE_WORDS; i++)
		to->w[i] = from->w[i];
}

static bool fill(struct ring_entry *e, const void *payload, size_t size)
{
	if (size > PAYLOAD_BYTES)
		return false;
	memset(e->w, 0, sizeof(e->w));
	if (size != 0)
		memcpy(e->w, payload, size);
	return true;
}

/* ---- client ---- */

void ring_client_reset(struct ring_client *c, volatile struct ring_memory *m, uint64_t now)
{
	undo_before(c, offsetof(struct ring_client, pending));
	if (now == 0 || now == c->epoch)
		now = c->epoch + 1;
	c->epoch = now;
	c->submitted = c->taken = c->seen = 0;
	c->returned |= c->used;
	c->used = 0;
	publish64(&m->client_epoch, 0);                 /* R5 */
	publish32(&m->submitted, 0);
	undo_commit();
	publish64(&m->client_epoch, now);
}

err_t ring_submit(struct ring_client *c, volatile struct ring_memory *m, uint32_t type,
		  const void *payload, size_t size, uint32_t *id)
{
	uint64_t taken = c->used | c->returned;
	unsigned slot = taken != UINT64_MAX ? (unsigned)__builtin_ctzll(~taken) : RING_ENTRIES;
	struct ring_entry *e = &c->pending[slot % RING_ENTRIES];

	if (slot >= RING_ENTRIES)
		return -EAGAIN;                         /* R2 */
	if (size > PAYLOAD_BYTES)
		return -EINVAL;
	undo_before(&c->submitted, sizeof(c->submitted));
	undo_before(&c->uses[slot], sizeof(c->uses[slot]));
	undo_before(&c->used, sizeof(c->used));
	undo_before(e, sizeof(*e));
	fill(e, payload, size);
	e->id = ++c->uses[slot] << ID_SLOT_BITS | slot;
	e->type = type;
	copy_in(&m->request[c->submitted % RING_ENTRIES], e);
	c->submitted++;
	c->used |= BIT(slot);
	*id = e->id;
	return 0;
}

void ring_client_publish(const struct ring_client *c, volatile struct ring_memory *m)
{
	undo_commit();                                  /* R3 */
	publish32(&m->submitted, c->submitted);
}

/* Is the server in our epoch? */
static err_t server_state(struct ring_client *c, const volatile struct ring_memory *m)
{
	uint64_t epoch = look64(&m->server_epoch);

	if (epoch == ~c->epoch || look64(&m->client_epoch) != c->epoch)
		return -EDEADPEER;                      /* it refuses ours, or lost the memory */
	if (epoch == c->epoch) {
		if (!c->seen) {
			undo_before(&c->seen, sizeof(c->seen));
			c->seen = 1;
		}
		return 0;
	}
	return c->seen ? -EDEADPEER : -ENOENT;
}

err_t ring_client_next(struct ring_client *c, const volatile struct ring_memory *m,
		       struct ring_entry *answer)
{
	for (;;) {
		err_t err = server_state(c, m);
		uint32_t open = c->submitted - c->taken;
		uint32_t ready = look32(&m->completed) - c->taken;
		unsigned slot;

		if (err != 0)
			return err;
		if (open != ring_client_pending(c) || ready > open) {   /* R6 */
			undo_before(&c->refused, sizeof(c->refused));
			c->refused++;
			return -EDEADPEER;
		}
		if (ready == 0)
			return -ENOENT;
		copy_out(answer, &m->answer[c->taken % RING_ENTRIES]);
		undo_before(c, offsetof(struct ring_client, uses));
		undo_before(&c->used, sizeof(c->used));
		c->taken++;
		slot = answer->id % BIT(ID_SLOT_BITS);
		if (slot < RING_ENTRIES && c->used & BIT(slot) &&
		    c->pending[slot].id == answer->id) {
			c->used &= ~BIT(slot);          /* R4 */
			return 0;
		}
		c->refused++;
	}
}

bool ring_client_returned(struct ring_client *c, struct ring_entry *request)
{
	unsigned slot;

	if (c->returned == 0)
		return false;
	slot = (unsigned)__builtin_ctzll(c->returned);
	*request = c->pending[slot];
	undo_before(&c->returned, sizeof(c->returned));
	c->returned &= c->returned - 1;
	return true;
}

unsigned ring_client_pending(const struct ring_client *c)
{
	unsigned n = 0;

	for (uint64_t used = c->used; used != 0; used &= used - 1)
		n++;
	return n;
}

bool ring_client_late(const struct ring_client *c, struct ring_ages *ages, uint32_t most)
{
	bool late = false;

	for (unsigned slot = 0; slot < RING_ENTRIES; slot++) {
		uint32_t id = c->used & BIT(slot) ? c->pending[slot].id : 0;

		if (id == 0 && ages->of[slot].id == 0)
			continue;
		undo_before(&ages->of[slot], sizeof(ages->of[slot]));
		ages->of[slot].looks = id == ages->of[slot].id ? ages->of[slot].looks + 1 : 0;
		ages->of[slot].id = id;
		late |= id != 0 && ages->of[slot].looks > most;
	}
	return late;
}

/* ---- server ---- */

void ring_server_reset(struct ring_server *s, volatile struct ring_memory *m)
{
	undo_before(s, sizeof(*s));
	*s = (struct ring_server){ .epoch = look64(&m->client_epoch), .fresh = 1 };
	publish64(&m->server_epoch, ~s->epoch);         /* "not this one" */
	publish32(&m->completed, 0);
}

static void begin_epoch(struct ring_server *s, volatile struct ring_memory *m, uint64_t epoch)
{
	undo_before(s, sizeof(*s));
	*s = (struct ring_server){ .epoch = epoch, .refused = s->refused };
	publish64(&m->server_epoch, 0);
	publish32(&m->completed, 0);
	undo_commit();
	publish64(&m->server_epoch, epoch);
}

static void refuse_epoch(struct ring_server *s, volatile struct ring_memory *m)
{
	uint32_t refused = s->refused + 1;

	ring_server_reset(s, m);
	s->refused = refused;
}

err_t ring_accept(struct ring_server *s, volatile struct ring_memory *m,
		  struct ring_entry *request)
{
	uint64_t epoch = look64(&m->client_epoch);
	uint32_t submitted = look32(&m->submitted), open = submitted - s->completed;

	if (epoch == 0 || look64(&m->client_epoch) != epoch)
		return -ENOENT;                         /* the client is at it */
	if (epoch != s->epoch) {
		begin_epoch(s, m, epoch);
		return -ECONNRESET;
	}
	if (s->fresh)
		return -ENOENT;
	if (open > RING_ENTRIES || submitted - s->accepted > open) {    /* R2, R6 */
		refuse_epoch(s, m);
		return -ECONNRESET;
	}
	if (submitted == s->accepted)
		return -ENOENT;
	copy_out(request, &m->request[s->accepted % RING_ENTRIES]);
	undo_before(&s->accepted, sizeof(s->accepted));
	s->accepted++;
	return 0;
}

err_t ring_complete(struct ring_server *s, volatile struct ring_memory *m, uint32_t id, err_t err,
		    const void *payload, size_t size)
{
	struct ring_entry e = { .id = id, .type = (uint32_t)err };

	if (s->accepted == s->completed || !fill(&e, payload, size))
		return -EINVAL;
	copy_in(&m->answer[s->completed % RING_ENTRIES], &e);
	undo_before(&s->completed, sizeof(s->completed));
	s->completed++;
	return 0;
}

void ring_server_publish(const struct ring_server *s, volatile struct ring_memory *m)
{
	undo_commit();                                  /* R3 */
	if (!s->fresh)
		publish32(&m->completed, s->completed);
}
