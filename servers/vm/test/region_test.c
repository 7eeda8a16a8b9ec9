/* SPDX-License-Identifier: BSD-2-Clause
 * region_test.c - the regions of a space, against a plain array that says what each page is.
 *
 * Links: servers/vm/region.c servers/vm/state.c
 */
#include <stdlib.h>
#include <string.h>

#include <servers/vm/vm.h>
#include <tests/unit.h>

enum { SPACE = 70, PAGES = 400 };
#define BASE 0x100000ull

static uint8_t model[PAGES];            /* protection of each page, 0: nothing there */

static uint64_t at(unsigned page)
{
	return BASE + page * (uint64_t)PAGE_SIZE;
}

static void reset(void)
{
	memset(&state, 0, sizeof(state));
	memset(model, 0, sizeof(model));
	state.space[SPACE].search = MMAP_TOP;
}

static unsigned add(unsigned first, unsigned pages, unsigned prot, unsigned kind)
{
	struct region r = {
		.space = SPACE, .start = at(first), .end = at(first + pages), .prot = (uint8_t)prot,
		.kind = (uint8_t)kind, .file = kind == REGION_FILE ? 5 : 0,
		.offset = kind == REGION_FILE ? at(first) : 0,
	};

	return region_insert(&r);
}

static void check_all(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < PAGES; i++) {
		unsigned n = region_find(SPACE, at(i) + 7);

		CHECK_EQ(n != 0 ? region(n)->prot : 0, model[i]);
		n = region_above(SPACE, at(i));
		CHECK(n == 0 || region(n)->end > at(i));
	}
	for (unsigned n = state.space[SPACE].first; n != 0; n = region(n)->next) {
		CHECK(region(n)->next == 0 || region(region(n)->next)->start >= region(n)->end);
		count++;
	}
	CHECK_EQ(count, state.space[SPACE].regions);
}

static void clear(unsigned first, unsigned last)
{
	unsigned n;

	CHECK_EQ(region_cut(SPACE, at(first)), 0);
	CHECK_EQ(region_cut(SPACE, at(last)), 0);
	while ((n = region_above(SPACE, at(first))) != 0 && region(n)->start < at(last))
		region_remove(n);
	memset(model + first, 0, last - first);
}

static void random_changes(unsigned kind)
{
	reset();
	for (unsigned round = 0; round < 20000; round++) {
		unsigned first = (unsigned)rand() % PAGES, pages = 1 + (unsigned)rand() % 20;
		unsigned prot = 1 + (unsigned)rand() % 3;

		if (first + pages > PAGES)
			continue;
		clear(first, first + pages);
		if (rand() % 3) {
			region_join(add(first, pages, prot, kind));
			memset(model + first, (int)prot, pages);
		}
		if (round % 50 == 0)
			check_all();
		if (round % 1000 == 0)
			CHECK_EQ(regions_rebuild(), 0);
	}
	check_all();
}

static void t_anonymous(void)
{
	random_changes(REGION_ANON);
}

static void t_file(void)
{
	unsigned in_bucket = 0;

	random_changes(REGION_FILE);
	for (unsigned n = state.space[SPACE].first; n != 0; n = region(n)->next)
		CHECK_EQ(region(n)->offset, region(n)->start);
	for (unsigned n = state.file_bucket[file_bucket(5)]; n != 0; n = region(n)->file_next)
		in_bucket++;
	CHECK_EQ(in_bucket, state.space[SPACE].regions);
}

static void t_join(void)
{
	unsigned n;

	reset();
	add(0, 2, 3, REGION_ANON);
	add(4, 2, 3, REGION_ANON);
	n = region_join(add(2, 2, 3, REGION_ANON));
	CHECK_EQ(state.space[SPACE].regions, 1);
	CHECK(region(n)->start == at(0) && region(n)->end == at(6));
	CHECK(region_covers(SPACE, at(0), at(6)));
	CHECK(!region_covers(SPACE, at(0), at(7)));
	CHECK(!region_is_empty(SPACE, at(5), at(7)) && region_is_empty(SPACE, at(6), at(7)));
	n = add(6, 1, 1, REGION_ANON);
	CHECK_EQ(region_join(n), n);
}

static void t_tail(void)
{
	unsigned n;

	reset();
	n = add(0, 4, 3, REGION_FILE);
	region(n)->tail = 100;
	CHECK_EQ(region_cut(SPACE, at(2)), 0);
	CHECK_EQ(region(n)->tail, 0);
	CHECK_EQ(region(region(n)->next)->tail, 100);
	n = region_join(n);
	CHECK(region(n)->end == at(4) && region(n)->tail == 100);
}

static void t_gap(void)
{
	uint64_t a, b;

	reset();
	a = region_gap(SPACE, 4 * PAGE_SIZE, MMAP_TOP);
	CHECK_EQ(a, MMAP_TOP - 4 * PAGE_SIZE);
	state.space[SPACE].search = MMAP_TOP;
	for (unsigned i = 0; i < 3; i++) {
		struct region r = { .space = SPACE, .kind = REGION_ANON, .prot = i + 1u };

		r.start = region_gap(SPACE, 4 * PAGE_SIZE, MMAP_TOP);
		r.end = r.start + 4 * PAGE_SIZE;
		region_insert(&r);
		CHECK_EQ(r.start, MMAP_TOP - (i + 1) * 4 * PAGE_SIZE);
	}
	b = MMAP_TOP - 8 * PAGE_SIZE;
	region_remove(region_find(SPACE, b));
	CHECK_EQ(region_gap(SPACE, 4 * PAGE_SIZE, MMAP_TOP), b);
	CHECK_EQ(region_gap(SPACE, 5 * PAGE_SIZE, MMAP_TOP), MMAP_TOP - 17 * PAGE_SIZE);
	CHECK_EQ(region_gap(SPACE, MMAP_TOP, MMAP_TOP), 0);
	CHECK_EQ(region_gap(SPACE, PAGE_SIZE, 0x80000000), 0x80000000 - PAGE_SIZE);
}

static void t_full(void)
{
	unsigned i;

	reset();
	for (i = 0; i < REGIONS_PER_SPACE && region_room(SPACE, 1); i++)
		CHECK(add(i * 2, 1, 1, REGION_ANON) != 0);
	CHECK_EQ(i, REGIONS_PER_SPACE);
	CHECK(!region_room(SPACE, 1));
	CHECK(region_room(SPACE + 1, 1));
	CHECK_EQ(regions_rebuild(), 0);
}

static void t_damage(void)
{
	unsigned n;

	reset();
	n = add(0, 2, 3, REGION_ANON);
	add(4, 2, 3, REGION_ANON);
	state.space[SPACE].root = 0;
	CHECK_EQ(regions_rebuild(), 0);
	CHECK_EQ(region_find(SPACE, at(1)), n);
	region(n)->end = at(5);
	CHECK_EQ(regions_rebuild(), 1);         /* one of two that overlap is given up */
	CHECK_EQ(region_find(SPACE, at(1)), n);
	CHECK_EQ(state.space[SPACE].regions, 1);
	CHECK_EQ(regions_rebuild(), 0);
}

static void t_damaged_links(void)
{
	unsigned row[8], free = 0;

	reset();
	for (unsigned i = 0; i < COUNT(row); i++)
		row[i] = add(i * 4, 2, 3, REGION_ANON);
	for (unsigned i = 0; i < COUNT(row); i++) {
		region(row[i])->next = (uint16_t)(0x1234 * i + row[0]);
		region(row[i])->prev ^= 0x4001;
		CHECK_EQ(regions_rebuild(), 1);
		for (unsigned k = 0; k < COUNT(row); k++)
			CHECK_EQ(region_find(SPACE, at(k * 4 + 1)), row[k]);
	}
	state.space[SPACE].first = 0xfff0;
	CHECK_EQ(regions_rebuild(), 1);
	CHECK_EQ(state.space[SPACE].regions, COUNT(row));
	region(row[3])->space = 0x5555;         /* lost: its row is free again */
	region(row[5])->start++;
	CHECK_EQ(regions_rebuild(), 1);
	CHECK_EQ(state.space[SPACE].regions, COUNT(row) - 2);
	CHECK_EQ(region_find(SPACE, at(13)), 0);
	for (unsigned n = state.region_free; n != 0; n = region(n)->next)
		free++;
	CHECK_EQ(free, 2);
}

static void t_objects(void)
{
	struct region o = { .space = HOLDER, .kind = REGION_ANON, .start = at(0), .end = at(8) };
	struct region r = { .space = SPACE, .kind = REGION_OBJECT, .file = at(0), .prot = 3 };
	unsigned object, n;

	reset();
	object = region_insert(&o);
	r.start = at(100);
	r.end = at(108);
	n = region_insert(&r);
	CHECK_EQ(region(object)->refs, 1);
	CHECK_EQ(region_cut(SPACE, at(104)), 0);
	CHECK_EQ(region(object)->refs, 2);
	CHECK_EQ(region(region(n)->next)->offset, 4 * PAGE_SIZE);
	n = region_join(n);
	CHECK_EQ(region(object)->refs, 1);
	CHECK_EQ(state.dead_objects, 0);
	region_remove(n);
	CHECK_EQ(state.dead_objects, 1);
}

int main(void)
{
	TEST("random changes of anonymous regions leave what an array says", t_anonymous);
	TEST("regions of a file keep their offsets and their bucket", t_file);
	TEST("regions that continue each other are one", t_join);
	TEST("the part of a page behind a file's end stays with the last piece", t_tail);
	TEST("room is found from the top, in holes first", t_gap);
	TEST("one space cannot use up all regions", t_full);
	TEST("after a crash trees are made from lists, and damaged lists are noticed", t_damage);
	TEST("a damaged list is made of the rows that are whole", t_damaged_links);
	TEST("an object knows how many regions name it", t_objects);
	return test_result();
}
