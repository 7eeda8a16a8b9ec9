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

static struct {
	uint32_t used;
	uint32_t zero;
	struct entry entry[UNDO_ENTRIES];
} records SECTION_UNDO;

static bool enabled;
static uint32_t most;

static void append(uintptr_t at, size_t len)
{
	struct entry *e = &records.entry[records.used];

	assert(records.used < UNDO_ENTRIES);            /* U3 */
	e->offset = (uint32_t)(at - (uintptr_t)state_start);
	e->len = (uint32_t)len;
	memcpy(&e->old, (const void *)at, len);
	__asm__ volatile("" : : : "memory");            /* U1 */
	records.used++;
	__asm__ volatile("" : : : "memory");
}

void undo_log(const volatile void *at, size_t n)
{
	uintptr_t from = (uintptr_t)at, end = (uintptr_t)state_end;

	if (!enabled)
		return;
	if (n < end - from)
		end = from + n;
	while (from < end) {
		size_t len = end - from < 8 ? end - from : 8;

		append(from, len);
		from += len;
	}
}

void undo_commit(void)
{
	if (records.used > most)
		most = records.used;
	__asm__ volatile("" : : : "memory");
	records.used = 0;
	__asm__ volatile("" : : : "memory");
}

void undo_rollback(void)
{
	bool was = enabled;

	enabled = false;
	assert(records.used <= UNDO_ENTRIES);
	for (uint32_t i = records.used; i > 0; i--) {
		const struct entry *e = &records.entry[i - 1];

		assert(e->len <= sizeof(e->old) && e->offset + e->len <=
		       (uintptr_t)state_end - (uintptr_t)state_start);
		memcpy(state_start + e->offset, &e->old, e->len);
	}
	records.used = 0;
	enabled = was;
}

void undo_enable(bool on)
{
	enabled = on;
}

unsigned undo_used(void)
{
	return records.used;
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

#define HOOK(name, size) \
	void __tsan_##name(void *at); \
	void __tsan_##name(void *at) { undo_before(at, size); }

HOOK(write1, 1)
HOOK(write2, 2)
HOOK(write4, 4)
HOOK(write8, 8)
HOOK(write16, 16)
HOOK(unaligned_write2, 2)
HOOK(unaligned_write4, 4)
HOOK(unaligned_write8, 8)
HOOK(unaligned_write16, 16)
HOOK(volatile_write1, 1)
HOOK(volatile_write2, 2)
HOOK(volatile_write4, 4)
HOOK(volatile_write8, 8)
HOOK(volatile_write16, 16)
HOOK(unaligned_volatile_write2, 2)
HOOK(unaligned_volatile_write4, 4)
HOOK(unaligned_volatile_write8, 8)
HOOK(unaligned_volatile_write16, 16)

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
