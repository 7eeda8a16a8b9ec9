/* SPDX-License-Identifier: BSD-2-Clause
 * undo.c - the undo log.
 *
 * Job:      keeps what `.state` held before each store since the last commit. The stores of a
 *           service's own files are logged by what tools/undo_stores puts before them, copies into
 *           state here (docs/notes/0005).
 * Speaks:   nothing.
 * Touches:  `.state`, `.undo`.
 * Trusts:   rs to keep both over a recovery and to zero `.undo` at a fresh start.
 * On crash: that is its purpose.
 *
 * U1  A record is complete before `undo_mark` counts it, and counted before the store happens.
 * U2  Rolling back is idempotent: records are absolute, and the oldest is written last.
 *     A commit is one store, too: what is stamped with its number before becomes valid with it.
 * U3  A full log is a bug of the service (its request changes too much): it dies, nothing is lost.
 *     Nothing is mapped behind `undo_bytes`, so a store need not look for its end.
 *
 * A record is what some words held, and behind them its header: how many they are, less one, in the
 * upper half, in the lower where they lie: an offset in `.state`, or an address in it. Words need
 * not be aligned. That a record holds more than was stored does no harm: all that was changed in
 * between has records of its own.
 */
#include <assert.h>
#include <string.h>

#include <lib/undo.h>

enum { HEADER = 8, WORD = 8 };

typedef uint64_t __attribute__((may_alias, aligned(1))) word_t;

_Static_assert((int)UNDO_BYTES <= (int)UNDO_USED, "they can be counted");

uint64_t undo_mark SECTION_UNDO;
uint64_t undo_bytes[UNDO_BYTES / WORD] __attribute__((section(".undo.last"), aligned(4096)));
uint64_t undo_span;

static uint32_t most;

static inline uint32_t used(void)
{
	return (uint32_t)undo_mark & UNDO_USED;
}

void undo_log(const volatile void *at, size_t n)
{
	const unsigned char *from = (const unsigned char *)at;
	size_t room = (size_t)((const unsigned char *)state_end - from), words;
	uint64_t *to = undo_bytes + used() / WORD;

	if (n == 0)
		return;
	words = ((n < room ? n : room) + WORD - 1) / WORD;
	assert(words < (UNDO_BYTES - used()) / WORD);           /* U3 */
	to[words] = (words - 1) << 32 | (uint32_t)(from - (const unsigned char *)state_start);
	for (size_t i = words & 1; i < words; i += 2) {         /* two at a time */
		to[i] = ((const word_t *)from)[i];
		to[i + 1] = ((const word_t *)from)[i + 1];
	}
	to[0] = *(const word_t *)from;
	__asm__ volatile("" : : : "memory");            /* U1 */
	undo_mark += words * WORD + HEADER;
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

/* The record that ends in the log at `end`: it is taken back. Where does it begin? */
static uint32_t take_back(uint32_t end)
{
	uint64_t header = undo_bytes[end / WORD - 1];
	size_t size = (uintptr_t)state_end - (uintptr_t)state_start;
	size_t words = (size_t)(header >> 32) + 1, offset = (uint32_t)header;

	if (offset >= size)
		offset -= (uintptr_t)state_start;
	assert(words < end / WORD && offset < size && words * WORD < size - offset + WORD);
	end -= (uint32_t)(words * WORD) + HEADER;
	memcpy(state_start + offset, undo_bytes + end / WORD, words * WORD);
	return end;
}

void undo_rollback(void)
{
	uint64_t was = undo_span;
	uint32_t end = used();

	undo_span = 0;
	assert(end <= UNDO_BYTES);
	while (end > 0)
		end = take_back(end);
	undo_mark &= ~(uint64_t)UNDO_USED;
	undo_span = was;
}

void undo_enable(bool on)
{
	undo_span = on ? (uintptr_t)state_end - (uintptr_t)state_start : 0;
}

unsigned undo_used(void)
{
	return (used() + UNDO_ONE - 1) / UNDO_ONE;
}

unsigned undo_most(void)
{
	return (most + UNDO_ONE - 1) / UNDO_ONE;
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

/* undo_log(%rdi, %r10), which leaves all registers alone but %r10 and %r11: before `rep stos`. */
__asm__(".section .text.undo_string, \"ax\", @progbits\n"
	".globl undo_string\n"
	"undo_string:\n"
	"	push %rax; push %rcx; push %rdx; push %rsi; push %rdi; push %r8; push %r9\n"
	"	mov %r10, %rsi\n"
	"	call undo_log\n"
	"	pop %r9; pop %r8; pop %rdi; pop %rsi; pop %rdx; pop %rcx; pop %rax\n"
	"	ret\n"
	".text\n");
