/* SPDX-License-Identifier: BSD-2-Clause
 * string_test.c - the memory and text functions, compared with the C library's, and that they log
 * what they overwrite in state. The functions under test get other names, so both can be here.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define memcpy sk_memcpy
#define memmove sk_memmove
#define memset sk_memset
#define memcmp sk_memcmp
#define memchr sk_memchr
#define strlen sk_strlen
#define strnlen sk_strnlen
#define strcmp sk_strcmp
#define strncmp sk_strncmp
#define strchr sk_strchr
#define strrchr sk_strrchr
#define strlcpy sk_strlcpy
#define strlcat sk_strlcat
#include "../string.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef memchr
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr
#undef strrchr
#undef strlcpy
#undef strlcat

enum { SIZE = 700 };

static unsigned char one[SIZE], two[SIZE], from[SIZE];
static int failures;
static size_t logged;
static const volatile void *logged_at;

/* What undo.h wants; the state is this object. */
static unsigned char fake_state[256] __asm__("fake_state");
__asm__(".globl state_start\n.set state_start, fake_state\n");
uint64_t undo_span = sizeof(fake_state);

void undo_log(const volatile void *at, size_t n)
{
	logged_at = at;
	logged = n;
}

static void check(bool good, const char *sentence)
{
	printf(good ? "ok %s\n" : "FAIL %s: results differ\n", sentence);
	failures += !good;
}

static void randomize(void)
{
	for (size_t i = 0; i < SIZE; i++) {
		one[i] = two[i] = (unsigned char)rand();
		from[i] = (unsigned char)rand();
	}
}

static void test_copies(void)
{
	bool copy = true, move = true, set = true;

	for (unsigned i = 0; i < 3000; i++) {
		size_t a = (size_t)rand() % 64, b = (size_t)rand() % 64;
		size_t n = (size_t)rand() % (i % 2 ? 40 : 600);

		randomize();
		sk_memcpy(one + a, from + b, n);
		memcpy(two + a, from + b, n);
		copy &= memcmp(one, two, SIZE) == 0;
		sk_memmove(one + a, one + b, n);
		memmove(two + a, two + b, n);
		move &= memcmp(one, two, SIZE) == 0;
		sk_memset(one + b, (int)i, n);
		memset(two + b, (int)i, n);
		set &= memcmp(one, two, SIZE) == 0;
	}
	check(copy, "memcpy copies any length between any alignments");
	check(move, "memmove moves between overlapping ranges");
	check(set, "memset fills any length at any alignment");
}

static int sign(int n)
{
	return (n > 0) - (n < 0);
}

static void test_compare(void)
{
	bool same = true;

	for (unsigned i = 0; i < 3000; i++) {
		size_t n = (size_t)rand() % 100;

		randomize();
		if (i % 3 != 0 && n > 0)
			one[(size_t)rand() % n] ^= (unsigned char)(1 << rand() % 8);
		same &= sign(sk_memcmp(one, two, n)) == sign(memcmp(one, two, n));
		same &= sk_memchr(one, (int)i & 255, n) == memchr(one, (int)i & 255, n);
	}
	check(same, "memcmp and memchr find the first difference and the byte");
}

static void test_texts(void)
{
	static const char *const text[] = { "", "a", "ab", "abc", "abd", "b", "\xff", "aXbXc" };
	bool same = true;
	char to[4];

	for (size_t i = 0; i < 8; i++)
		for (size_t k = 0; k < 8; k++) {
			same &= sign(sk_strcmp(text[i], text[k])) == sign(strcmp(text[i], text[k]));
			same &= sign(sk_strncmp(text[i], text[k], 2)) ==
				sign(strncmp(text[i], text[k], 2));
			same &= sk_strlen(text[i]) == strlen(text[i]);
			same &= sk_strnlen(text[i], 2) == strnlen(text[i], 2);
			same &= sk_strchr(text[i], 'X') == strchr(text[i], 'X');
			same &= sk_strrchr(text[i], 'X') == strrchr(text[i], 'X');
			same &= sk_strchr(text[i], 0) == strchr(text[i], 0);
		}
	check(same, "str functions agree with the C library");
	same = sk_strlcpy(to, "abcdef", sizeof(to)) == 6 && strcmp(to, "abc") == 0;
	same &= sk_strlcpy(to, "x", sizeof(to)) == 1 && strcmp(to, "x") == 0;
	same &= sk_strlcat(to, "yz!", sizeof(to)) == 4 && strcmp(to, "xyz") == 0;
	check(same, "strlcpy and strlcat cut off and end with NUL");
}

static void test_logging(void)
{
	logged = 0;
	sk_memcpy(one, two, 100);
	check(logged == 0, "a copy elsewhere is not logged");
	sk_memcpy(fake_state + 5, two, 100);
	check(logged == 100 && logged_at == fake_state + 5, "a copy into state is logged");
	logged = 0;
	sk_memset(fake_state + 255, 0, 1);
	check(logged == 1, "a fill of state is logged");
	logged = 0;
	sk_memmove(fake_state + 8, fake_state, 9);
	check(logged == 9, "a move in state is logged");
	logged = 0;
	sk_memcpy(two, fake_state, 100);
	check(logged == 0, "a copy out of state is not logged");
}

int main(void)
{
	srand(3);
	test_copies();
	test_compare();
	test_texts();
	test_logging();
	return failures != 0;
}
