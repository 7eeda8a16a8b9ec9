/* SPDX-License-Identifier: BSD-2-Clause
 * format_test.c - the formatter says what the C library's says.
 *
 * Links: lib/format.c
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <lib/print.h>

static int failures;

#define SAME(...) \
	do { \
		char a[128], b[128]; \
		size_t n = format(a, sizeof(a), __VA_ARGS__); \
		size_t m = (size_t)snprintf(b, sizeof(b), __VA_ARGS__); \
		bool good = n == m && strcmp(a, b) == 0; \
		printf("%s format %s gives '%s'", good ? "ok" : "FAIL", #__VA_ARGS__, b); \
		printf(good ? "\n" : ": got '%s'\n", a); \
		failures += !good; \
	} while (0)

int main(void)
{
	char small[6];
	size_t n;

	SAME("plain");
	SAME("%d", 0);
	SAME("%d|%i", -2147483647 - 1, 2147483647);
	SAME("%u", 4294967295u);
	SAME("%x|%X|%o", 0xbeefu, 0xbeefu, 8u);
	SAME("%lx", 0xfedcba9876543210ul);
	SAME("%ld|%lld|%zu", -1l, -5000000000ll, (size_t)77);
	SAME("%5d|%-5d|%05d|%+d", 42, 42, 42, 42);
	SAME("%5d|%-5d|%05d", -42, -42, -42);
	SAME("%8.3d|%-8.3d|%.0d", 7, 7, 0);
	SAME("%*d|%.*s", 6, 1, 2, "abc");
	SAME("%s|%8s|%-8s|%.2s", "abc", "abc", "abc", "abc");
	SAME("%c%c|%3c", 'a', 'b', 'c');
	SAME("%p", (void *)0x1234);
	SAME("100%%");
	SAME("%hu|%hhx", (unsigned short)65535, (unsigned char)255);
	n = format(small, sizeof(small), "%s", "too long");
	failures += !(n == 8 && strcmp(small, "too l") == 0);
	printf("%s what does not fit is cut off%s\n", failures ? "FAIL" : "ok",
	       failures ? ": or something above" : "");
	return failures != 0;
}
