/* SPDX-License-Identifier: BSD-2-Clause
 * futex_test.c - the queues of futexes: order, bits, moves, and the same after a rebuild.
 *
 * Links: servers/vm/futex.c servers/vm/state.c
 */
#include <stdlib.h>
#include <string.h>

#include <servers/vm/vm.h>
#include <tests/unit.h>

static const struct futex_key a = { 70, 0x1000 }, b = { 70, 0x2000 };

static void enqueue(unsigned slot, struct futex_key key, uint32_t bits)
{
	state.wait[slot] = (struct wait){ .kind = WAIT_NONE };
	futex_enqueue(slot, key, bits);
}

static void leave(unsigned slot)
{
	futex_dequeue(slot);
	state.wait[slot].kind = WAIT_NONE;
}

static void t_order(void)
{
	memset(&state, 0, sizeof(state));
	enqueue(100, a, ~0u);
	enqueue(64, b, ~0u);
	enqueue(90, a, 1);
	enqueue(80, a, 2);
	CHECK_EQ(futex_next(a, ~0u, 0), 100);
	CHECK_EQ(futex_next(a, ~0u, 100), 90);
	CHECK_EQ(futex_next(a, 2, 100), 80);
	CHECK_EQ(futex_next(b, ~0u, 0), 64);
	CHECK_EQ(futex_next(b, ~0u, 64), 0);
	leave(90);
	CHECK_EQ(futex_next(a, ~0u, 100), 80);
	leave(100);
	leave(80);
	CHECK_EQ(futex_next(a, ~0u, 0), 0);
}

static void t_move(void)
{
	memset(&state, 0, sizeof(state));
	enqueue(100, a, ~0u);
	enqueue(101, b, ~0u);
	futex_move(100, b);
	CHECK_EQ(futex_next(a, ~0u, 0), 0);
	CHECK_EQ(futex_next(b, ~0u, 0), 101);
	CHECK_EQ(futex_next(b, ~0u, 101), 100);
}

static void t_rebuild(void)
{
	static uint16_t order[NR_PROCS];
	unsigned count = 0, same = 0;

	memset(&state, 0, sizeof(state));
	for (unsigned i = 0; i < 5000; i++) {
		unsigned slot = FIRST_PROGRAM + (unsigned)rand() % 500;
		struct futex_key key = { 70, (unsigned)rand() % 40 * 4 };

		if (state.wait[slot].kind == WAIT_NONE)
			enqueue(slot, key, ~0u);
		else if (rand() % 2)
			leave(slot);
		else
			futex_move(slot, key);
	}
	for (unsigned k = 0; k < 40; k++)
		for (unsigned n = futex_next((struct futex_key){ 70, k * 4 }, ~0u, 0); n != 0;
		     n = futex_next((struct futex_key){ 70, k * 4 }, ~0u, n))
			order[count++] = (uint16_t)n;
	memset(state.futex_bucket, 0x55, sizeof(state.futex_bucket));
	futex_rebuild();
	for (unsigned k = 0; k < 40; k++)
		for (unsigned n = futex_next((struct futex_key){ 70, k * 4 }, ~0u, 0); n != 0;
		     n = futex_next((struct futex_key){ 70, k * 4 }, ~0u, n))
			CHECK_EQ(n, order[same++]);
	CHECK_EQ(same, count);
}

int main(void)
{
	TEST("waits leave in the order they came, by key and bits", t_order);
	TEST("a wait that is moved comes last at its new key", t_move);
	TEST("queues made again from the rows are the same", t_rebuild);
	return test_result();
}
