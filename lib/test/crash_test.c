/* SPDX-License-Identifier: BSD-2-Clause
 * crash_test.c - which memory of a service that crashed is kept.
 *
 * Links: lib/crash.c
 */
#include <string.h>

#include <lib/crash.h>
#include <tests/unit.h>

enum { KIB = 1024, STACK = 64 * KIB, MOST = 8 };

static struct segment segment[MOST];
static unsigned nr_segments;
static uint64_t refused;                /* the segment that cannot be read */
static uint64_t taken;                  /* bytes */
static struct crash c;

bool image_segment(const struct image *i, unsigned n, struct segment *s)
{
	(void)i;
	if (n >= nr_segments)
		return false;
	*s = segment[n];
	return true;
}

static bool take(const struct crash *of, uint64_t va, uint64_t at, uint64_t len)
{
	CHECK(of == &c);
	if (va == refused)
		return false;
	CHECK_EQ(at, taken);
	CHECK(at + len <= CRASH_BYTES);
	taken += len;
	return true;
}

static void add(uint64_t va, uint64_t memory, unsigned flags)
{
	segment[nr_segments++] = (struct segment){ .va = va, .memory = memory, .flags = flags };
}

static void none(void)
{
	nr_segments = 0;
	refused = taken = 0;
	c = (struct crash){ .regs.rsp = IMAGE_STACK_TOP - 100 };
}

static void run(uint64_t end)
{
	static const struct image image;

	crash_take_memory(&c, &image, STACK, end, take);
}

static bool has(unsigned n, uint64_t va, uint64_t len)
{
	return n < c.nr_segments && c.segment[n].va == va && c.segment[n].len == len;
}

static void t_shortest_first(void)
{
	none();
	add(0x400000, 100 * KIB, MAP_EXEC);
	add(0x500000, 20 * KIB, MAP_WRITE);
	add(IMAGE_STATE_VA, 8 * KIB, MAP_WRITE);
	add(IMAGE_UNDO_VA, KIB, MAP_WRITE);
	add(IMAGE_DMA_VA, 4 * KIB, MAP_WRITE);
	run(IMAGE_DMA_END);
	CHECK(has(0, IMAGE_STACK_TOP - 4 * KIB, 4 * KIB) && has(1, IMAGE_DMA_VA, 4 * KIB));
	CHECK(has(2, IMAGE_STATE_VA, 8 * KIB) && has(3, 0x500000, 20 * KIB));
	CHECK_EQ(c.nr_segments, 4);
}

/* rs: not where the crash itself lies. */
static void t_end(void)
{
	none();
	add(0x500000, KIB, MAP_WRITE);
	add(IMAGE_DMA_VA, KIB, MAP_WRITE);
	run(IMAGE_UNDO_VA);
	CHECK(has(1, 0x500000, KIB));
	CHECK_EQ(c.nr_segments, 2);
}

/* Of two that are too long both begin. */
static void t_cut(void)
{
	uint64_t room = CRASH_BYTES - 4 * KIB;

	none();
	add(0x500000, 3000 * KIB, MAP_WRITE);
	add(IMAGE_STATE_VA, 8000 * KIB, MAP_WRITE);
	run(IMAGE_DMA_END);
	CHECK(has(1, 0x500000, room / 2) && has(2, IMAGE_STATE_VA, room / 2));
	CHECK_EQ(taken, CRASH_BYTES);
}

static void t_alike(void)
{
	none();
	add(0x600000, KIB, MAP_WRITE);
	add(0x500000, KIB, MAP_WRITE);
	run(IMAGE_DMA_END);
	CHECK(has(1, 0x500000, KIB) && has(2, 0x600000, KIB));
}

static void t_refused(void)
{
	none();
	add(0x500000, KIB, MAP_WRITE);
	add(0x600000, 2 * KIB, MAP_WRITE);
	refused = 0x500000;
	run(IMAGE_DMA_END);
	CHECK(has(1, 0x600000, 2 * KIB));
	CHECK_EQ(c.nr_segments, 2);
}

static void t_too_many(void)
{
	none();
	for (unsigned n = 0; n < MOST; n++)
		add(0x500000 + n * 0x100000, KIB, MAP_WRITE);
	run(IMAGE_DMA_END);
	CHECK_EQ(c.nr_segments, CRASH_SEGMENTS);
}

/* A stack pointer that is none: the whole stack. */
static void t_no_stack(void)
{
	static const uint64_t rsp[] = { 0, IMAGE_STACK_TOP, IMAGE_STACK_TOP - STACK - 1, ~0ull };

	for (unsigned n = 0; n < sizeof(rsp) / sizeof(*rsp); n++) {
		none();
		c.regs.rsp = rsp[n];
		run(IMAGE_DMA_END);
		CHECK(has(0, IMAGE_STACK_TOP - STACK, STACK));
	}
}

int main(void)
{
	TEST("the stack, then what was written, the shortest first, but no undo log",
	     t_shortest_first);
	TEST("nothing from the end that is given", t_end);
	TEST("of two segments that are too long both begin", t_cut);
	TEST("of two of one length each is there once", t_alike);
	TEST("what cannot be read is left out", t_refused);
	TEST("there are no more segments than there is room for", t_too_many);
	TEST("a stack pointer that is none gives all of the stack", t_no_stack);
	return test_result();
}
