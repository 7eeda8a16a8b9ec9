/* SPDX-License-Identifier: BSD-2-Clause
 * ring_test.c - requests get through the ring, over deaths on both sides, and past a hostile peer.
 *
 * Links: lib/ring.c lib/undo.c
 */
#include <stdlib.h>
#include <string.h>

#include <abi/errors.h>
#include <lib/ring.h>
#include <tests/unit.h>

char state_start[1];
extern char state_end[1] __attribute__((alias("state_start")));         /* there is no state here */

static struct ring_memory mem;
static struct ring_client c;
static struct ring_server s;
static uint64_t now = 1000;

static void setup(void)
{
	struct ring_entry e;

	memset(&mem, 0, sizeof(mem));
	memset(&c, 0, sizeof(c));
	memset(&s, 0, sizeof(s));
	ring_server_reset(&s, &mem);
	ring_client_reset(&c, &mem, ++now);
	CHECK_EQ(ring_accept(&s, &mem, &e), -ECONNRESET);
	CHECK_EQ(ring_accept(&s, &mem, &e), -ENOENT);
}

static uint32_t submit(uint64_t value)
{
	uint32_t id = 0;

	CHECK_EQ(ring_submit(&c, &mem, 0x700, &value, sizeof(value), &id), 0);
	return id;
}

/* The server answers n requests with their value plus one. */
static unsigned serve(unsigned n)
{
	struct ring_entry e;
	unsigned done = 0;

	while (done < n && ring_accept(&s, &mem, &e) == 0) {
		uint64_t value = e.w[0] + 1;

		CHECK_EQ(ring_complete(&s, &mem, e.id, 0, &value, sizeof(value)), 0);
		done++;
	}
	ring_server_publish(&s, &mem);
	return done;
}

static void t_round_trip(void)
{
	struct ring_entry e;
	uint32_t id;

	setup();
	id = submit(41);
	CHECK_EQ(serve(1), 0);                          /* not published yet */
	ring_client_publish(&c, &mem);
	CHECK_EQ(ring_client_next(&c, &mem, &e), -ENOENT);
	CHECK_EQ(serve(2), 1);
	CHECK_EQ(ring_client_next(&c, &mem, &e), 0);
	CHECK(e.id == id && e.type == 0 && e.w[0] == 42 && e.w[1] == 0);
	CHECK_EQ(ring_client_next(&c, &mem, &e), -ENOENT);
	CHECK_EQ(ring_client_pending(&c), 0);
}

static void t_full(void)
{
	struct ring_entry e;
	uint32_t id;

	setup();
	for (unsigned round = 0; round < 10; round++) {
		for (unsigned i = 0; i < RING_ENTRIES; i++)
			submit(i);
		CHECK_EQ(ring_submit(&c, &mem, 1, NULL, 0, &id), -EAGAIN);
		ring_client_publish(&c, &mem);
		CHECK_EQ(serve(100), RING_ENTRIES);
		for (unsigned i = 0; i < RING_ENTRIES; i++)
			CHECK(ring_client_next(&c, &mem, &e) == 0 && e.w[0] == i + 1);
	}
	CHECK_EQ(ring_submit(&c, &mem, 1, &e, 57, &id), -EINVAL);
	CHECK_EQ(ring_complete(&s, &mem, 1, 0, NULL, 0), -EINVAL);
}

/* Hand what was lost to the server again; how many were there? */
static unsigned again(void)
{
	struct ring_entry e;
	unsigned n = 0;

	while (ring_client_returned(&c, &e)) {
		submit(e.w[0]);
		n++;
	}
	ring_client_publish(&c, &mem);
	return n;
}

static void t_server_dies(void)
{
	struct ring_entry e;

	setup();
	for (unsigned i = 0; i < 5; i++)
		submit(i);
	ring_client_publish(&c, &mem);
	CHECK_EQ(serve(2), 2);
	CHECK_EQ(ring_accept(&s, &mem, &e), 0);         /* the third is under way */
	CHECK_EQ(ring_client_next(&c, &mem, &e), 0);
	memset(&s, 0, sizeof(s));
	ring_server_reset(&s, &mem);
	CHECK_EQ(ring_accept(&s, &mem, &e), -ENOENT);   /* it does nothing of the old epoch */
	CHECK_EQ(ring_client_next(&c, &mem, &e), -EDEADPEER);
	ring_client_reset(&c, &mem, ++now);
	CHECK_EQ(again(), 4);
	CHECK_EQ(ring_accept(&s, &mem, &e), -ECONNRESET);
	CHECK_EQ(serve(10), 4);
	for (unsigned i = 0; i < 4; i++)
		CHECK(ring_client_next(&c, &mem, &e) == 0 && e.w[0] == i + 2);
	CHECK_EQ(ring_client_pending(&c), 0);
}

/* Of one side a count is wrong: the epoch ends, and all that was open is asked again. */
static void t_miscounted(void)
{
	uint32_t *const count[] = { &s.accepted, &s.completed, &c.taken, &c.submitted };

	for (unsigned which = 0; which < 5; which++) {
		struct ring_entry e;
		unsigned got = 0, resets = 0;

		setup();
		for (unsigned i = 0; i < 5; i++)
			submit(i);
		ring_client_publish(&c, &mem);
		CHECK_EQ(serve(2), 2);
		if (which < 4)
			*count[which] += 100000;
		else
			c.used |= BIT(9);               /* one that was never asked */
		for (unsigned i = 0; i < 20; i++) {
			err_t err = ring_client_next(&c, &mem, &e);

			if (err == -EDEADPEER) {
				ring_client_reset(&c, &mem, ++now);
				again();
				resets++;
			}
			got += err == 0;
			serve(10);
			if (err == -ENOENT && which == 3)       /* it shows when it asks more */
				ring_client_publish(&c, &mem);
		}
		CHECK(resets == 1 && got == (which < 4 ? 5 : 6));
		CHECK_EQ(ring_client_pending(&c), 0);
	}
}

static void t_server_dies_unseen(void)
{
	struct ring_entry e;

	setup();
	submit(1);
	ring_client_publish(&c, &mem);
	ring_server_reset(&s, &mem);
	CHECK_EQ(ring_client_next(&c, &mem, &e), -EDEADPEER);
	memset(&mem, 0, sizeof(mem));                   /* it was the server's memory */
	ring_client_reset(&c, &mem, ++now);
	memset(&mem, 0, sizeof(mem));
	ring_server_reset(&s, &mem);
	CHECK_EQ(ring_client_next(&c, &mem, &e), -EDEADPEER);
	ring_client_reset(&c, &mem, ++now);
	CHECK_EQ(again(), 1);
	CHECK_EQ(ring_accept(&s, &mem, &e), -ECONNRESET);
	CHECK_EQ(serve(9), 1);
	CHECK_EQ(ring_client_next(&c, &mem, &e), 0);
}

static void t_client_dies(void)
{
	struct ring_entry e;

	setup();
	for (unsigned i = 0; i < 3; i++)
		submit(i);
	ring_client_publish(&c, &mem);
	CHECK_EQ(serve(1), 1);
	memset(&c, 0, sizeof(c));
	ring_client_reset(&c, &mem, ++now);
	CHECK_EQ(ring_client_next(&c, &mem, &e), -ENOENT);
	submit(7);
	ring_client_publish(&c, &mem);
	CHECK_EQ(ring_accept(&s, &mem, &e), -ECONNRESET);
	CHECK_EQ(serve(9), 1);
	CHECK_EQ(ring_client_next(&c, &mem, &e), 0);
	CHECK_EQ(e.w[0], 8);
}

static void t_recovery(void)
{
	struct ring_client c0;
	struct ring_server s0;
	struct ring_entry e;

	setup();
	submit(1);
	c0 = c;
	submit(2);                                      /* not published: rolled back */
	c = c0;
	ring_client_publish(&c, &mem);
	s0 = s;
	CHECK_EQ(ring_accept(&s, &mem, &e), 0);
	CHECK_EQ(ring_complete(&s, &mem, e.id, -EIO, NULL, 0), 0);
	s = s0;                                         /* crashed before the commit */
	CHECK_EQ(serve(9), 1);
	CHECK(ring_client_next(&c, &mem, &e) == 0 && e.type == 0 && e.w[0] == 2);
	CHECK_EQ(ring_client_next(&c, &mem, &e), -ENOENT);
}

static void scribble(void *at, size_t n)
{
	for (unsigned k = 0; k < 8; k++)
		((unsigned char *)at)[(size_t)rand() % n] = (unsigned char)rand();
}

/* A client that writes anything anywhere: the server answers no more than it accepted, never more
 * than RING_ENTRIES are open, and it ends. */
static void t_hostile_client(void)
{
	setup();
	for (unsigned round = 0; round < 200000; round++) {
		struct ring_entry e;
		unsigned steps = 0;
		err_t err;

		scribble(&mem, 64);
		scribble(mem.request, sizeof(mem.request));
		if (round % 3 == 0)
			mem.submitted = s.accepted + (unsigned)rand() % 70;
		while ((err = ring_accept(&s, &mem, &e)) == 0 || err == -ECONNRESET) {
			CHECK(s.accepted - s.completed <= RING_ENTRIES);
			CHECK(++steps < 1000);
			if (err == 0 && rand() % 2)
				CHECK_EQ(ring_complete(&s, &mem, e.id, 0, &e.w, 56), 0);
		}
		ring_server_publish(&s, &mem);
	}
}

/* A server that does: the client sees each of its requests answered once at most. */
static void t_hostile_server(void)
{
	setup();
	for (unsigned round = 0; round < 200000; round++) {
		struct ring_entry e;
		unsigned before = ring_client_pending(&c), answers = 0;
		uint32_t id;
		err_t err;

		if (ring_submit(&c, &mem, 5, &round, sizeof(round), &id) == 0)
			before++;
		ring_client_publish(&c, &mem);
		scribble(&mem.server_epoch, 64);
		if (round % 2)
			mem.server_epoch = c.epoch;
		mem.completed = c.taken + (unsigned)rand() % 66;
		for (unsigned i = 0; i < RING_ENTRIES; i++)
			mem.answer[i].id = rand() % 2 ? c.pending[rand() % 64].id
						      : (uint32_t)rand();
		while ((err = ring_client_next(&c, &mem, &e)) == 0)
			answers++;
		CHECK(answers <= before && before - answers == ring_client_pending(&c));
		if (err == -EDEADPEER) {
			ring_client_reset(&c, &mem, ++now);
			while (ring_client_returned(&c, &e))
				;
		}
	}
}

int main(void)
{
	TEST("a request and its answer cross when they are published", t_round_trip);
	TEST("the ring takes what it holds, over and over, and no more", t_full);
	TEST("requests that a server took to its grave come back to the client", t_server_dies);
	TEST("a server that dies before it was ever heard of is noticed", t_server_dies_unseen);
	TEST("a client that starts anew gets no answers of its former life", t_client_dies);
	TEST("what was not committed was not seen, on either side", t_recovery);
	TEST("a wrong count of either side costs an epoch and no request", t_miscounted);
	TEST("a client that scribbles on the memory does no harm", t_hostile_client);
	TEST("a server that scribbles on the memory does no harm", t_hostile_server);
	return test_result();
}
