/* SPDX-License-Identifier: BSD-2-Clause
 * sums.c - checksums of a disk's blocks, in memory.
 *
 * Job:      sums a block; remembers one sum for each block, of as many as there is room for.
 * Speaks:   nothing.
 * Touches:  the caller's struct sums.
 * Trusts:   its caller.
 * On crash: the struct is kept as it is (S2). No undo log: files of lib/ have none.
 *
 * S1  A row is in the set that its number names, once.
 * S2  row[n] names the neighbours whose sums are in sum[n], or is 0: so while they change hands.
 */
#include <lib/string.h>
#include <lib/sums.h>

#define SUM_FACTOR 0x9e3779b97f4a7c15ull        /* odd, so that a product loses nothing */
enum { SUM_TURN = 29, LANES = 4, SETS = SUMS_ROWS / SUMS_WAYS };

typedef uint64_t __attribute__((may_alias)) sum_word_t;

/* ---- one block ---- */

/* For each `h` another result for each `w`, and the other way round: so what differs in one word
 * only is always seen, and anything else but once in 2^32 times. */
static uint64_t mix(uint64_t h, uint64_t w)
{
	h = (h ^ w) * SUM_FACTOR;
	return h << SUM_TURN | h >> (64 - SUM_TURN);
}

/* Four lanes, since a multiplication takes three cycles and can begin in each. */
uint32_t sum_of(const void *bytes, size_t len)
{
	const sum_word_t *w = bytes;
	uint64_t a = 1, b = 2, c = 3, d = 4;
	size_t n = len / sizeof(*w);

	for (; n >= LANES; n -= LANES, w += LANES) {
		a = mix(a, w[0]);
		b = mix(b, w[1]);
		c = mix(c, w[2]);
		d = mix(d, w[3]);
	}
	for (; n != 0; n--)
		a = mix(a, *w++);
	a = mix(mix(mix(mix(a, b), c), d), len);
	a = (a ^ a >> 32) * SUM_FACTOR;
	return (uint32_t)(a >> 32) != 0 ? (uint32_t)(a >> 32) : 1;
}

/* ---- all ---- */

static void order(void)
{
	__asm__ volatile("" : : : "memory");
}

static uint32_t find(const struct sums *s, uint32_t block)
{
	uint32_t name = block / SUMS_ROW + 1, first = block / SUMS_ROW % SETS * SUMS_WAYS;

	for (uint32_t n = first; n < first + SUMS_WAYS; n++)
		if (s->row[n] == name)
			return n;
	return SUMS_ROWS;
}

/* The one of its set that was not used for the longest time, emptied. */
static uint32_t take(struct sums *s, uint32_t block)
{
	uint32_t first = block / SUMS_ROW % SETS * SUMS_WAYS, oldest = first, lost = 0;

	for (uint32_t n = first; n < first + SUMS_WAYS && s->row[oldest] != 0; n++)
		if (s->row[n] == 0 || s->clock - s->used[n] > s->clock - s->used[oldest])
			oldest = n;
	for (uint32_t k = 0; s->row[oldest] != 0 && k < SUMS_ROW; k++)
		lost += s->sum[oldest][k] != 0;
	s->row[oldest] = 0;                                     /* S2 */
	s->given_up += lost;
	s->known -= lost < s->known ? lost : s->known;
	order();
	memset(s->sum[oldest], 0, sizeof(s->sum[oldest]));
	order();
	s->row[oldest] = block / SUMS_ROW + 1;
	return oldest;
}

uint32_t sums_get(struct sums *s, uint32_t block)
{
	uint32_t n = find(s, block);

	if (n == SUMS_ROWS)
		return 0;
	s->used[n] = ++s->clock;
	return s->sum[n][block % SUMS_ROW];
}

void sums_set(struct sums *s, uint32_t block, uint32_t sum)
{
	uint32_t n = find(s, block), *at;

	if (n == SUMS_ROWS && sum == 0)
		return;
	if (n == SUMS_ROWS)
		n = take(s, block);
	s->used[n] = ++s->clock;
	at = &s->sum[n][block % SUMS_ROW];
	s->known += (sum != 0) - (*at != 0);
	*at = sum;
}

void sums_clear(struct sums *s)
{
	for (uint32_t n = 0; n < SUMS_ROWS; n++)
		s->row[n] = 0;
	order();
	s->known = s->given_up = 0;
}

void sums_put_row(struct sums *s, uint32_t n, const uint32_t *row)
{
	uint32_t at = find(s, n * SUMS_ROW);

	if (at == SUMS_ROWS)
		at = take(s, n * SUMS_ROW);
	for (uint32_t k = 0; k < SUMS_ROW; k++) {
		s->known += (row[k] != 0) - (s->sum[at][k] != 0);
		s->sum[at][k] = row[k];
	}
	s->used[at] = ++s->clock;
}

void sums_get_row(const struct sums *s, uint32_t n, uint32_t *row)
{
	uint32_t at = find(s, n * SUMS_ROW);

	if (at != SUMS_ROWS)
		memcpy(row, s->sum[at], sizeof(s->sum[at]));
	else
		memset(row, 0, sizeof(s->sum[0]));
}
