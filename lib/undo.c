/* SPDX-License-Identifier: BSD-2-Clause
 * undo.c - the undo log, and the hooks through which the compiler announces stores.
 *
 * Job:      gcc calls __tsan_writeN(address) before each store to memory that is not local; what
 *           lies in `.state` is appended to the log (docs/notes/0005).
 * Speaks:   the names of gcc's -fsanitize=thread interface (gcc/sanitizer.def).
 * Touches:  `.state`, `.undo`.
 * Trusts:   rs to keep both over a recovery and to zero `.undo` at a fresh start.
 * On crash: that is its purpose.
 *
 * U1  An entry is complete before `used` counts it, and counted before the store happens.
 * U2  Rolling back is idempotent: entries are absolute, and the oldest is written last.
 *     A commit is one store, too: what is stamped with its number before becomes valid with it.
 * U3  A full log is a bug of the service (its request changes too much): it dies, nothing is lost.
 */
#include <assert.h>
#include <string.h>

#include <lib/undo.h>

struct entry {
	uint32_t offset;                /* in .state */
	uint32_t len;                   /* 1..8 */
	uint64_t old;
};

/* undo_mark counts entries by their bytes: it is the place of the next one. */
enum { UNDO_ONE = sizeof(struct entry), UNDO_FULL = UNDO_ENTRIES * UNDO_ONE };

_Static_assert((int)UNDO_FULL <= (int)UNDO_USED, "they can be counted");
_Static_assert((UNDO_FULL & (UNDO_FULL - 1)) == 0, "one bit says that it is full");

uint64_t undo_mark SECTION_UNDO;
static struct entry entries[UNDO_ENTRIES] SECTION_UNDO;

static uintptr_t span;                  /* of `.state`, while stores to it are logged */
static uint32_t most;

static inline uint32_t used(void)
{
	return ((uint32_t)undo_mark & UNDO_USED) / UNDO_ONE;
}

static inline struct entry *entry(uint64_t place)
{
	return (struct entry *)((char *)entries + place);
}

typedef uint64_t __attribute__((may_alias, aligned(1))) word_t;
typedef uint32_t __attribute__((may_alias, aligned(1))) half_t;

/* Fewer than eight bytes, as the low ones of a word. */
static uint64_t load(const unsigned char *at, size_t len)
{
	uint64_t value = 0;

	if (len == 4)
		return *(const half_t *)at;
	for (size_t i = len; i > 0; i--)
		value = value << 8 | at[i - 1];
	return value;
}

void undo_log(const volatile void *at, size_t n)
{
	const unsigned char *from = (const unsigned char *)at;
	size_t room = (size_t)((const unsigned char *)state_end - from), count;
	struct entry *e = &entries[used()];

	if (span == 0)
		return;
	n = n < room ? n : room;
	count = (n + 7) / 8;
	assert(count <= UNDO_ENTRIES - used());                 /* U3 */
	for (; n >= 8; n -= 8, from += 8, e++) {
		e->offset = (uint32_t)(from - (const unsigned char *)state_start);
		e->len = 8;
		e->old = *(const word_t *)from;
	}
	if (n != 0) {
		e->offset = (uint32_t)(from - (const unsigned char *)state_start);
		e->len = (uint32_t)n;
		e->old = load(from, n);
	}
	__asm__ volatile("" : : : "memory");            /* U1 */
	undo_mark += count * UNDO_ONE;
	__asm__ volatile("" : : : "memory");
}

void undo_commit(void)
{
	if (used() > most)
		most = used();
	__asm__ volatile("" : : : "memory");
	undo_mark = (undo_mark | UNDO_USED) + 1;
	__asm__ volatile("" : : : "memory");
}

void undo_rollback(void)
{
	uintptr_t was = span;

	span = 0;
	assert(used() <= UNDO_ENTRIES);
	for (uint32_t i = used(); i > 0; i--) {
		const struct entry *e = &entries[i - 1];

		assert(e->len <= sizeof(e->old) && e->offset + e->len <=
		       (uintptr_t)state_end - (uintptr_t)state_start);
		memcpy(state_start + e->offset, &e->old, e->len);
	}
	undo_mark &= ~(uint64_t)UNDO_USED;
	span = was;
}

void undo_enable(bool on)
{
	span = on ? (uintptr_t)state_end - (uintptr_t)state_start : 0;
}

unsigned undo_used(void)
{
	return used();
}

unsigned undo_most(void)
{
	return most;
}

void *state_memcpy(void *to, const void *from, size_t n)
{
	undo_before(to, n);
	return memcpy(to, from, n);
}

void *state_memset(void *to, int byte, size_t n)
{
	undo_before(to, n);
	return memset(to, byte, n);
}

/* ---- what gcc calls ---- */

/* One store of at most eight bytes, most of what is ever logged: undo_log() at its shortest. */
#define HOOK(name, type) \
	void __tsan_##name(void *at); \
	void __tsan_##name(void *at) \
	{ \
		uintptr_t offset = (uintptr_t)at - (uintptr_t)state_start; \
		struct entry *e; \
		uint64_t mark; \
		\
		if (offset >= span) \
			return; \
		mark = undo_mark; \
		assert(!(mark & UNDO_FULL));                    /* U3 */ \
		e = entry(mark & UNDO_USED); \
		e->offset = (uint32_t)offset; \
		e->len = sizeof(type); \
		e->old = *(const type *)at; \
		__asm__ volatile("" : : : "memory");            /* U1 */ \
		undo_mark = mark + UNDO_ONE; \
		__asm__ volatile("" : : : "memory"); \
	}

typedef uint16_t __attribute__((may_alias, aligned(1))) quarter_t;
typedef uint8_t __attribute__((may_alias)) byte_t;

HOOK(write1, byte_t)
HOOK(write2, quarter_t)
HOOK(write4, half_t)
HOOK(write8, word_t)
HOOK(unaligned_write2, quarter_t)
HOOK(unaligned_write4, half_t)
HOOK(unaligned_write8, word_t)
HOOK(volatile_write1, byte_t)
HOOK(volatile_write2, quarter_t)
HOOK(volatile_write4, half_t)
HOOK(volatile_write8, word_t)
HOOK(unaligned_volatile_write2, quarter_t)
HOOK(unaligned_volatile_write4, half_t)
HOOK(unaligned_volatile_write8, word_t)

#define HOOK16(name) \
	void __tsan_##name(void *at); \
	void __tsan_##name(void *at) { undo_before(at, 16); }

HOOK16(write16)
HOOK16(unaligned_write16)
HOOK16(volatile_write16)
HOOK16(unaligned_volatile_write16)

void __tsan_write_range(void *at, long n);
void __tsan_write_range(void *at, long n)
{
	undo_before(at, (size_t)n);
}

/* Registration of a sanitizer at start-up: there is none. */
void __tsan_init(void);
void __tsan_init(void)
{
}
