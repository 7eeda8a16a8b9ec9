/* SPDX-License-Identifier: BSD-2-Clause
 * sums_test.c - sums differ where bytes do, and a table of them knows what it was told last.
 *
 * Links: lib/sums.c
 */
#include <stdlib.h>
#include <string.h>

#include <lib/sums.h>
#include <tests/unit.h>

enum { SIZE = 4096, STEPS = 200000, BLOCKS = 700 * SUMS_ROW };

static struct sums s;
static uint32_t expected[BLOCKS];
static uint64_t words[SIZE / 8];
static uint8_t *bytes = (uint8_t *)words;

static void fill(void)
{
	for (unsigned n = 0; n < SIZE; n++)
		bytes[n] = (uint8_t)rand();
}

static void t_bits(void)
{
	uint32_t sum;

	fill();
	sum = sum_of(bytes, SIZE);
	for (unsigned bit = 0; bit < 8 * SIZE; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		CHECK(sum_of(bytes, SIZE) != sum);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	CHECK_EQ(sum_of(bytes, SIZE), sum);
}

/* Bits that a multiplication alone would lose sight of, in two words each. */
static void t_pairs(void)
{
	uint32_t sum;

	memset(bytes, 0, SIZE);
	sum = sum_of(bytes, SIZE);
	for (unsigned first = 0; first < SIZE / 8; first += 7)
		for (unsigned second = first + 1; second < SIZE / 8; second++) {
			words[first] ^= 1ull << 63;
			words[second] ^= 1ull << 63;
			CHECK(sum_of(bytes, SIZE) != sum);
			words[first] = words[second] = 0;
		}
}

static void t_moved(void)
{
	uint64_t first;
	uint32_t sum;

	fill();
	sum = sum_of(bytes, SIZE);
	CHECK(sum_of(bytes, SIZE / 2) != sum && sum != 0);
	for (unsigned n = 1; n < SIZE / 8; n++) {
		first = words[0];
		memmove(words, words + 1, SIZE - 8);
		words[SIZE / 8 - 1] = first;
		CHECK(sum_of(bytes, SIZE) != sum);
	}
	memset(bytes, 0, SIZE);
	CHECK(sum_of(bytes, SIZE) != sum_of(bytes, SIZE - 8) && sum_of(bytes, 0) != 0);
}

static void t_known(void)
{
	memset(&s, 0, sizeof(s));
	for (unsigned step = 0; step < STEPS; step++) {
		uint32_t block = (uint32_t)rand() % (SUMS_ROWS * SUMS_ROW);

		if (rand() % 4 != 0)
			sums_set(&s, block, expected[block] = (uint32_t)rand() % 5);
		CHECK_EQ(sums_get(&s, block), expected[block]);
	}
	CHECK_EQ(s.given_up, 0);
	CHECK(s.known > 0);
	sums_clear(&s);
	CHECK(sums_get(&s, 5) == 0 && s.known == 0);
}

/* A disk larger than the table: what is known is right, and most of what is near is known. */
static void t_given_up(void)
{
	uint32_t known = 0, near = 0;

	memset(&s, 0, sizeof(s));
	memset(expected, 0, sizeof(expected));
	for (unsigned step = 0; step < 4 * STEPS; step++) {
		uint32_t block = (uint32_t)rand() % BLOCKS, sum;

		if (rand() % 4 != 0)
			block %= 20 * SUMS_ROW;
		sum = sums_get(&s, block);
		CHECK(sum == 0 || sum == expected[block]);
		if (block < 20 * SUMS_ROW && expected[block] != 0) {
			near++;
			known += sum != 0;
		}
		sums_set(&s, block, expected[block] = 1 + (uint32_t)rand() % 1000);
	}
	CHECK(s.given_up > 0 && s.known <= SUMS_ROWS * SUMS_ROW);
	CHECK(known > near / 10 * 9);
	sums_set(&s, UINT32_MAX, 7);
	CHECK_EQ(sums_get(&s, UINT32_MAX), 7);
}

int main(void)
{
	TEST("each bit of a block changes its sum", t_bits);
	TEST("two changes do not make up for each other", t_pairs);
	TEST("words that have moved change it, and so does the length", t_moved);
	TEST("a table knows the sum it was told last", t_known);
	TEST("a disk larger than the table loses sums that were not used, and gets no wrong one",
	     t_given_up);
	return test_result();
}
