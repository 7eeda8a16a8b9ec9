/* SPDX-License-Identifier: BSD-2-Clause
 * virtio_queue_test.c - a virtqueue with a device that works, and with one that writes anything.
 *
 * Links: lib/virtio/queue.c
 */
#include <stdlib.h>
#include <string.h>

#include <lib/virtio/queue.h>
#include <tests/unit.h>

static struct virtq_memory mem;
static struct virtq q;
static uint8_t data[VIRTQ_TOKENS][64];

static void setup(uint16_t size, bool indirect)
{
	uint64_t physical[VIRTQ_PAGES];

	memset(&mem, 0, sizeof(mem));
	for (unsigned i = 0; i < VIRTQ_PAGES; i++)
		physical[i] = (uint64_t)(uintptr_t)&mem + i * (uint64_t)PAGE_SIZE;
	virtq_init(&q, &mem, physical, size, indirect);
}

/* n segments of a token: the first readable, the others writable. */
static err_t add(unsigned token, unsigned n)
{
	struct virtq_segment s[VIRTQ_SEGMENTS + 1];

	for (unsigned i = 0; i <= VIRTQ_SEGMENTS; i++)
		s[i] = (struct virtq_segment){ (uint64_t)(uintptr_t)data[token % VIRTQ_TOKENS], 8 };
	return virtq_add(&q, token, s, 1, n - 1);
}

/* ---- a device that works ---- */

static unsigned seen;           /* available entries that it has looked at */

/* Walks a chain; how many segments it has, and how many bytes are writable. */
static unsigned walk(uint16_t head, uint32_t *writable)
{
	const struct virtq_desc *table = mem.desc, *d = &table[head];
	unsigned n = 1;

	if (d->flags & VIRTQ_DESC_INDIRECT) {
		CHECK_EQ(d->flags, VIRTQ_DESC_INDIRECT);
		table = (const struct virtq_desc *)(uintptr_t)d->addr;
		CHECK(d->len % sizeof(*d) == 0);
		d = table;
	}
	for (*writable = 0;; n++) {
		CHECK_EQ((d->flags & VIRTQ_DESC_WRITE) != 0, n > 1);
		*writable += d->flags & VIRTQ_DESC_WRITE ? d->len : 0;
		if (!(d->flags & VIRTQ_DESC_NEXT))
			return n;
		d = &table[d->next];
	}
}

static void device_use(uint16_t head, uint32_t len)
{
	mem.used.ring[mem.used.idx % q.size].id = head;
	mem.used.ring[mem.used.idx % q.size].len = len;
	mem.used.idx++;
}

static bool device_take(uint16_t *head)
{
	if ((uint16_t)seen == mem.avail.idx)
		return false;
	*head = mem.avail.ring[seen++ % q.size];
	return true;
}

/* Many requests in many rounds, done in another order. */
static void rounds(uint16_t size, bool indirect, unsigned n)
{
	uint16_t head[VIRTQ_TOKENS];

	setup(size, indirect);
	seen = 0;
	for (unsigned round = 0; round < 5000; round++) {
		unsigned count = 1 + (unsigned)rand() % n, token;
		uint32_t written, writable;
		uint64_t done = 0;

		for (unsigned t = 0; t < count; t++)
			CHECK_EQ(add(t, 2 + (t + round) % 3), 0);
		CHECK_EQ(virtq_in_flight(&q), count);
		CHECK(virtq_publish(&q) && !virtq_publish(&q));
		for (unsigned t = 0; t < count; t++) {
			CHECK(device_take(&head[t]));
			CHECK_EQ(walk(head[t], &writable), 2 + (t + round) % 3);
		}
		for (unsigned t = count; t > 0; t--) {
			unsigned k = (unsigned)rand() % t;

			device_use(head[k], 8);
			head[k] = head[t - 1];
		}
		while (virtq_next(&q, &token, &written)) {
			CHECK(!(done & BIT(token)));
			CHECK_EQ(written, 8);
			done |= BIT(token);
		}
		CHECK_EQ(done, count == 64 ? UINT64_MAX : BIT(count) - 1);
		CHECK_EQ(q.nr_free, size);
	}
	CHECK_EQ(q.refused, 0);
}

static void t_indirect(void)
{
	rounds(256, true, 64);
	rounds(64, true, 64);
	rounds(8, true, 8);
}

static void t_chained(void)
{
	rounds(256, false, 64);
	rounds(16, false, 4);
}

static void t_full(void)
{
	unsigned token = 0;

	setup(16, false);
	for (unsigned t = 0; t < 4; t++)
		CHECK_EQ(add(t, 4), 0);
	CHECK_EQ(add(4, 2), -EAGAIN);
	setup(4, true);
	for (token = 0; token < 4; token++)
		CHECK_EQ(add(token, 32), 0);
	CHECK_EQ(add(token, 2), -EAGAIN);
	CHECK_EQ(add(3, 2), -EINVAL);
	CHECK_EQ(add(64, 2), -EINVAL);
	CHECK_EQ(add(9, 33), -EINVAL);
}

static void t_quiet_device(void)
{
	setup(16, true);
	CHECK(!virtq_publish(&q));
	mem.used.flags = VIRTQ_USED_NO_NOTIFY;
	CHECK_EQ(add(0, 2), 0);
	CHECK(!virtq_publish(&q));
	CHECK_EQ(mem.avail.idx, 1);
}

/* ---- a device that lies ---- */

static void t_lies(void)
{
	unsigned token;
	uint32_t written;

	setup(16, true);
	CHECK_EQ(add(5, 3), 0);
	virtq_publish(&q);
	device_use(7, 1);                       /* nothing begins there */
	device_use(60000, 1);
	CHECK(!virtq_next(&q, &token, &written));
	CHECK_EQ(q.refused, 2);
	device_use(0, 0xffffffff);              /* more than it could write */
	device_use(0, 1);                       /* twice */
	CHECK(virtq_next(&q, &token, &written) && token == 5 && written == 16);
	CHECK(!virtq_next(&q, &token, &written));
	CHECK_EQ(q.refused, 3);
	mem.used.idx = (uint16_t)(mem.used.idx + 100);
	CHECK(!virtq_next(&q, &token, &written));
	CHECK(virtq_broken(&q));
}

/* Q2: the free list has nr_free entries, none twice, none in use. */
static void check_free(void)
{
	bool in_list[VIRTQ_MAX] = { false };
	uint16_t d = q.free;

	for (unsigned i = 0; i < q.nr_free; i++) {
		CHECK(d < q.size && !in_list[d] && q.head[d] == VIRTQ_FREE);
		if (d >= q.size)
			return;
		in_list[d] = true;
		d = q.next[d];
	}
}

static void t_hostile(void)
{
	for (unsigned round = 0; round < 20000; round++) {
		unsigned steps = 0, token;
		uint32_t written;
		uint64_t open;

		if (round % 50 == 0)
			setup(round % 100 ? 16 : 64, round % 200 < 100);
		for (unsigned t = 0; t < 8; t++)
			if (!(q.in_flight & BIT(t)) && add(t, 2) == -EINVAL)
				CHECK(!"a free token is taken");
		virtq_publish(&q);
		for (unsigned k = 0; k < 64; k++)
			((uint8_t *)&mem)[(size_t)rand() % sizeof(mem)] = (uint8_t)rand();
		for (unsigned k = 0; k < 4; k++)
			device_use((uint16_t)(rand() % 20), (uint32_t)rand());
		open = q.in_flight;
		while (virtq_next(&q, &token, &written)) {
			CHECK(token < VIRTQ_TOKENS && open & BIT(token));
			CHECK(written <= 8);
			open &= ~BIT(token);
			CHECK(++steps <= VIRTQ_MAX);
		}
		CHECK_EQ(open, q.in_flight);
		check_free();
	}
}

int main(void)
{
	srand(1);
	TEST("indirect requests come back under their tokens, in any order", t_indirect);
	TEST("so do chains, and no descriptor is lost", t_chained);
	TEST("a full queue, a busy token and too many segments are refused", t_full);
	TEST("a device that wants no notification gets none", t_quiet_device);
	TEST("wrong ids, double answers and impossible lengths do no harm", t_lies);
	TEST("a device that writes anything gets no token that is not in flight", t_hostile);
	return test_result();
}
