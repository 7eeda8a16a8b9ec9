/* SPDX-License-Identifier: BSD-2-Clause
 * frames.c - which physical frames are free, and which hold pages of files.
 *
 * Job:      two bitmaps and a stock: a small array of free frames in the order of their use, so
 *           that a kernel call can be handed the frames and spares it may take as they stand.
 * Speaks:   the kernel call frame_info.
 * Touches:  no frame itself. All it keeps lies outside the state: the kernel's frame table is the
 *           truth, and is read again at every start.
 * Trusts:   the kernel's word on what is free.
 * On crash: a frame taken but not mapped is free again, because the kernel says so.
 */
#include "vm.h"
#include <lib/print.h>

#include <lib/page_index.h>

enum {
	MAX_FRAMES = 4 << 20,           /* 16 GiB */
	STOCK = 1024, REFILL = 64,
	RESERVE = 96,                   /* kept for page tables */
	SCAN = 512,
};

static uint64_t free_map[MAX_FRAMES / 64], cache_map[MAX_FRAMES / 64];
static uint32_t next_word, nr_words;    /* where to look next; words in use */
static uint32_t nr_total, nr_free, nr_cache;
static uint32_t told_at;                /* frames_low is true below this */

/* stock[stock_top..STOCK) are free frames that free_map does not name. */
static pfn_t stock[STOCK];
static unsigned stock_top = STOCK;

static uint32_t low_mark(void)
{
	return nr_total / 64 + 2 * RESERVE;
}

static void scan_part(uint32_t first, uint32_t count, const struct frame *f)
{
	for (uint32_t i = 0; i < count; i++) {
		uint32_t n = first + i;

		if (f[i].type == FRAME_FREE && n != 0) {
			free_map[n / 64] |= BIT(n % 64);
			nr_free++;
		}
		nr_total += f[i].type == FRAME_FREE || f[i].type == FRAME_USER ||
			    f[i].type == FRAME_TABLE;
	}
}

static void scan(void)
{
	static struct frame part[SCAN];
	struct frame_info_request req = { .count = SCAN, .address = (uint64_t)(uintptr_t)part };
	struct frame_info_reply reply;

	stock_top = STOCK;
	nr_total = nr_free = 0;
	memset(free_map, 0, sizeof(free_map));
	while (req.first < MAX_FRAMES && sys_frame_info(&req, &reply) == 0 && reply.done != 0) {
		scan_part(req.first, reply.done, part);
		req.first += reply.done;
	}
	nr_words = (req.first + 63) / 64;
	next_word = 0;
}

void frames_init(void)
{
	nr_cache = 0;
	memset(cache_map, 0, sizeof(cache_map));
	scan();
	told_at = low_mark();
}

void frames_find(void)
{
	uint32_t known = nr_free;

	scan();
	if (nr_free != known)
		print("repaired: %u frames are free, not %u\n", nr_free, known);
}

uint32_t frames_total(void)
{
	return nr_total;
}

uint32_t frames_free(void)
{
	return nr_free;
}

bool frames_plenty(unsigned n)
{
	return nr_free >= n + RESERVE;
}

/* For who cannot wait: half of the reserve as well. */
bool frames_left(unsigned n)
{
	return nr_free >= n + RESERVE / 2;
}

/* Some more than what is lacking, so that not each page asks. */
uint32_t frames_wanted(void)
{
	return nr_free < low_mark() ? low_mark() + REFILL - nr_free : 0;
}

bool frames_for_cache(unsigned n)
{
	return frames_wanted() == 0 || (nr_cache < CACHE_FLOOR && frames_plenty(n));
}

/* True once at the mark, and again at each half of what was left. */
bool frames_low(void)
{
	if (nr_free >= told_at)
		return false;
	told_at = nr_free / 2;
	return true;
}

/* ---- the stock ---- */

static bool map_take(pfn_t *f)
{
	for (uint32_t i = 0; i < nr_words; i++) {
		if (next_word >= nr_words)
			next_word = 0;
		if (free_map[next_word] != 0) {
			unsigned bit = (unsigned)__builtin_ctzll(free_map[next_word]);

			free_map[next_word] &= free_map[next_word] - 1;
			*f = next_word * 64 + bit;
			return true;
		}
		next_word++;
	}
	return false;
}

/* Put what the bitmap has behind the stock: which frames come first must not change. */
static bool refill(unsigned want)
{
	unsigned old = STOCK - stock_top, goal = want + REFILL < STOCK ? want + REFILL : STOCK;
	pfn_t more[2 * REFILL];
	unsigned n = 0;

	while (n < COUNT(more) && old + n < goal && map_take(&more[n]))
		n++;
	memmove(&stock[stock_top - n], &stock[stock_top], old * sizeof(stock[0]));
	memcpy(&stock[STOCK - n], more, n * sizeof(stock[0]));
	stock_top -= n;
	return n != 0;
}

const pfn_t *frames_peek(unsigned want, unsigned *have)
{
	while (STOCK - stock_top < want && refill(want))
		;
	*have = STOCK - stock_top < want ? STOCK - stock_top : want;
	return &stock[stock_top];
}

/* What is left of `own` moves up to what is left of the stock. */
void frames_taken(unsigned own, unsigned used, unsigned spares)
{
	unsigned left = own - used, top = stock_top + used + spares;

	if (spares != 0)
		for (unsigned i = left; i > 0; i--)
			stock[top + i - 1] = stock[stock_top + used + i - 1];
	stock_top = top;
	nr_free -= used + spares;
}

void frames_put(const pfn_t *f, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (stock_top > STOCK / 2)
			stock[--stock_top] = f[i];
		else
			free_map[f[i] / 64] |= BIT(f[i] % 64);
		if (frame_is_cache(f[i]))
			frame_set_cache(f[i], false);
	}
	nr_free += n;
	if (nr_free >= low_mark())
		told_at = low_mark();
}

/* ---- the page cache ---- */

bool frame_is_cache(pfn_t f)
{
	return f < MAX_FRAMES && cache_map[f / 64] & BIT(f % 64);
}

void frame_set_cache(pfn_t f, bool cache)
{
	if (f >= MAX_FRAMES || frame_is_cache(f) == cache)
		return;
	cache_map[f / 64] ^= BIT(f % 64);
	nr_cache += cache ? 1 : -1u;
}

uint32_t frames_cache(void)
{
	return nr_cache;
}
