/* SPDX-License-Identifier: BSD-2-Clause
 * frames_test.c - free frames: each is given out once, and the stock keeps its order.
 *
 * Links: servers/vm/frames.c
 */
#include <stdlib.h>
#include <string.h>

#include <servers/vm/vm.h>
#include <tests/unit.h>

enum { FRAMES = 40000 };

static struct frame table[FRAMES];
static uint8_t ours[FRAMES];            /* 1: free, 2: taken */

err_t sys_frame_info(const struct frame_info_request *req, struct frame_info_reply *reply)
{
	uint32_t n = FRAMES - req->first < req->count ? FRAMES - req->first : req->count;

	if (req->first >= FRAMES)
		return -EINVAL;
	memcpy((void *)(uintptr_t)req->address, &table[req->first], n * sizeof(table[0]));
	reply->done = n;
	return 0;
}

static unsigned printed;

void print(const char *text, ...)
{
	(void)text;
	printed++;
}

static unsigned setup(void)
{
	unsigned free = 0;

	for (unsigned i = 0; i < FRAMES; i++) {
		table[i].type = rand() % 4 ? FRAME_FREE : rand() % 2 ? FRAME_KERNEL : FRAME_USER;
		ours[i] = table[i].type == FRAME_FREE && i != 0;
		free += ours[i];
	}
	frames_init();
	return free;
}

static void t_scan(void)
{
	unsigned free = setup(), have;

	CHECK_EQ(frames_free(), free);
	frames_peek(10, &have);
	CHECK_EQ(have, 10);
	CHECK_EQ(frames_free(), free);          /* looking is not taking */
}

static void take(pfn_t f)
{
	CHECK(f < FRAMES && ours[f] == 1);
	ours[f] = 2;
}

static void t_random(void)
{
	static pfn_t held[FRAMES];
	unsigned n = 0, free = setup();

	for (unsigned round = 0; round < 100000; round++) {
		unsigned have, own = (unsigned)rand() % 65, spares = (unsigned)rand() % 5;

		if (rand() % 5 < 3) {
			const pfn_t *next = frames_peek(own + spares, &have);
			unsigned used = own ? (unsigned)rand() % (own + 1) : 0;

			if (have < own + spares)
				continue;
			for (unsigned i = 0; i < used; i++)
				take(held[n++] = next[i]);
			for (unsigned i = 0; i < spares; i++)
				take(held[n++] = next[own + i]);
			frames_taken(own, used, spares);
		} else {
			unsigned back = n < own ? n : own;

			for (unsigned i = n - back; i < n; i++)
				ours[held[i]] = 1;
			frames_put(held + n - back, back);
			n -= back;
		}
		if (frames_free() != free - n) {
			CHECK_EQ(frames_free(), free - n);
			break;
		}
	}
	while (true) {
		unsigned have;
		const pfn_t *next = frames_peek(1, &have);

		if (have == 0)
			break;
		take(*next);
		frames_taken(1, 1, 0);
		n++;
	}
	CHECK_EQ(n, free);
	CHECK_EQ(frames_free(), 0);
}

static void t_find(void)
{
	unsigned free = setup(), have;

	printed = 0;
	frames_find();
	CHECK(frames_free() == free && printed == 0);
	frames_peek(40, &have);
	frames_taken(40, 40, 0);        /* the kernel knows nothing of it */
	frames_find();
	CHECK(frames_free() == free && printed == 1);
}

static void t_low(void)
{
	unsigned have, told = 0;

	setup();
	for (;;) {
		frames_peek(1, &have);
		if (have == 0)
			break;
		frames_taken(1, 1, 0);
		told += frames_low();
	}
	CHECK(told >= 2 && told < 20);
	CHECK(frames_wanted() > 0 && !frames_plenty(1));
}

int main(void)
{
	TEST("what the kernel says is free is vm's", t_scan);
	TEST("no frame is given out twice, none is lost", t_random);
	TEST("what vm has forgotten is found where the kernel says so", t_find);
	TEST("want of memory is told at the mark and at halves of it", t_low);
	return test_result();
}
