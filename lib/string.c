/* SPDX-License-Identifier: BSD-2-Clause
 * string.c - memory and texts, for programs without a C library.
 *
 * Job:      the mem* and str* functions, eight bytes at a time.
 * Speaks:   nothing.
 * Touches:  what it is given; the undo log, if that lies in `.state`.
 * Trusts:   its caller, as C's own do.
 * On crash: holds no state.
 *
 * Bulk moves use `rep movsq`, never `rep movsb`: an emulator runs the latter byte by byte. The
 * empty asm statements keep the compiler from turning a loop into a call of the very function.
 */
#include <stdint.h>

#include <lib/string.h>
#include <lib/undo.h>

enum { BULK = 128 };

typedef uint64_t __attribute__((may_alias, aligned(1))) word_t;

#define KEEP_LOOP() __asm__ volatile("" : : : "memory")

static void copy_up(unsigned char *to, const unsigned char *from, size_t n)
{
	if (n >= BULK) {
		size_t words = n / 8;

		__asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
		n %= 8;
	}
	for (; n >= 8; n -= 8, to += 8, from += 8) {
		*(word_t *)to = *(const word_t *)from;
		KEEP_LOOP();
	}
	for (; n > 0; n--) {
		*to++ = *from++;
		KEEP_LOOP();
	}
}

static void copy_down(unsigned char *to, const unsigned char *from, size_t n)
{
	for (; n >= 8; n -= 8) {
		*(word_t *)(to + n - 8) = *(const word_t *)(from + n - 8);
		KEEP_LOOP();
	}
	for (; n > 0; n--) {
		to[n - 1] = from[n - 1];
		KEEP_LOOP();
	}
}

static void *copy(void *to, const void *from, size_t n)
{
	if ((uintptr_t)to - (uintptr_t)from >= n)
		copy_up(to, from, n);
	else
		copy_down(to, from, n);
	return to;
}

static void *fill(void *to, int byte, size_t n)
{
	unsigned char *p = to;
	uint64_t pattern = 0x0101010101010101ull * (unsigned char)byte;

	if (n >= BULK) {
		size_t words = n / 8;

		__asm__ volatile("rep stosq" : "+D"(p), "+c"(words) : "a"(pattern) : "memory");
		n %= 8;
	}
	for (; n >= 8; n -= 8, p += 8) {
		*(word_t *)p = pattern;
		KEEP_LOOP();
	}
	for (; n > 0; n--) {
		*p++ = (unsigned char)byte;
		KEEP_LOOP();
	}
	return to;
}

/* Functions of their own, so that the others save no registers. */
static void *__attribute__((noinline)) logged_copy(void *to, const void *from, size_t n)
{
	undo_log(to, n);
	return copy(to, from, n);
}

static void *__attribute__((noinline)) logged_fill(void *to, int byte, size_t n)
{
	undo_log(to, n);
	return fill(to, byte, n);
}

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	if (undo_is_state(to))
		return logged_copy(to, from, n);
	copy_up(to, from, n);
	return to;
}

void *memmove(void *to, const void *from, size_t n)
{
	return undo_is_state(to) ? logged_copy(to, from, n) : copy(to, from, n);
}

void *memset(void *to, int byte, size_t n)
{
	return undo_is_state(to) ? logged_fill(to, byte, n) : fill(to, byte, n);
}

int memcmp(const void *a, const void *b, size_t n)
{
	const unsigned char *p = a, *q = b;

	while (n >= 8 && *(const word_t *)p == *(const word_t *)q) {
		p += 8;
		q += 8;
		n -= 8;
	}
	for (; n > 0; n--, p++, q++)
		if (*p != *q)
			return *p - *q;
	return 0;
}

void *memchr(const void *s, int byte, size_t n)
{
	const unsigned char *p = s;

	for (; n > 0; n--, p++)
		if (*p == (unsigned char)byte)
			return (void *)(uintptr_t)p;
	return NULL;
}

size_t strnlen(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n] != '\0')
		n++;
	return n;
}

size_t strlen(const char *s)
{
	const char *end = s;

	while (*end != '\0') {
		end++;
		KEEP_LOOP();
	}
	return (size_t)(end - s);
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n > 0; n--, a++, b++) {
		if (*a != *b)
			return (unsigned char)*a - (unsigned char)*b;
		if (*a == '\0')
			break;
	}
	return 0;
}

int strcmp(const char *a, const char *b)
{
	return strncmp(a, b, SIZE_MAX);
}

char *strchr(const char *s, int c)
{
	for (; *s != (char)c; s++)
		if (*s == '\0')
			return NULL;
	return (char *)(uintptr_t)s;
}

char *strrchr(const char *s, int c)
{
	const char *last = NULL;

	do {
		if (*s == (char)c)
			last = s;
	} while (*s++ != '\0');
	return (char *)(uintptr_t)last;
}

size_t strlcpy(char *to, const char *from, size_t size)
{
	size_t len = strlen(from);

	if (len < size) {
		memcpy(to, from, len + 1);
	} else if (size > 0) {
		memcpy(to, from, size - 1);
		memset(to + size - 1, 0, 1);
	}
	return len;
}

size_t strlcat(char *to, const char *from, size_t size)
{
	size_t used = strnlen(to, size);

	return used + strlcpy(to + used, from, size - used);
}
