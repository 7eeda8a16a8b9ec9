/* SPDX-License-Identifier: BSD-2-Clause
 * crash.c - which memory of a service that crashed is kept.
 *
 * Job:      walks its stack and segments. Used by rs, and by rsguard for rs.
 * Speaks:   nothing.
 * Touches:  the crash that is being made.
 * Trusts:   the image; no register.
 * On crash: holds no state.
 */
#include <lib/crash.h>

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void take_segment(struct crash *c, uint64_t *used, uint64_t va, uint64_t len,
			 crash_taker *take)
{
	if (len == 0 || c->nr_segments == CRASH_SEGMENTS || !take(c, va, *used, len))
		return;
	c->segment[c->nr_segments++] = (struct crash_segment){ va, len };
	*used += len;
}

static bool is_after(const struct segment *s, const struct segment *last)
{
	return s->memory > last->memory || (s->memory == last->memory && s->va > last->va);
}

/* The next longer one that it may have written, behind *s, which begins as zeros. The undo log is
 * none: it says what was there before. */
static bool next_segment(const struct image *i, uint64_t end, struct segment *s)
{
	struct segment other, best = { 0 };

	for (unsigned n = 0; image_segment(i, n, &other); n++)
		if (other.flags & MAP_WRITE && other.va < end && other.va != IMAGE_UNDO_VA &&
		    is_after(&other, s) &&
		    (best.memory == 0 || is_after(&best, &other)))
			best = other;
	*s = best;
	return best.memory != 0;
}

void crash_take_memory(struct crash *c, const struct image *i, uint64_t stack, uint64_t end,
		       crash_taker *take)
{
	uint64_t bottom = IMAGE_STACK_TOP - stack, used = 0;
	uint64_t sp = c->regs.rsp & ~(uint64_t)(PAGE_SIZE - 1);
	struct segment s = { 0 }, next;

	if (sp < bottom || sp >= IMAGE_STACK_TOP)
		sp = bottom;
	take_segment(c, &used, sp, least(IMAGE_STACK_TOP - sp, CRASH_BYTES), take);
	while (next_segment(i, end, &s)) {
		uint64_t room = CRASH_BYTES - used;

		next = s;
		if (next_segment(i, end, &next))
			room /= 2;
		take_segment(c, &used, s.va, least(s.memory, room), take);
	}
}
