/* SPDX-License-Identifier: BSD-2-Clause
 * unit.h - what a host test needs: sentences, checks, and a result for tools/test.py.
 *
 *	static void t_overlap(void)
 *	{
 *		CHECK(parse("ports 60-64\nports 64") == -EEXIST);
 *	}
 *
 *	int main(void)
 *	{
 *		TEST("two items that overlap are refused", t_overlap);
 *		return test_result();
 *	}
 */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <stdio.h>

static int test_failures;
static int test_bad;                    /* failed checks in the running test */

#define CHECK(cond) \
	do { \
		if (!(cond)) { \
			printf("    %s:%d: not true: %s\n", __FILE__, __LINE__, #cond); \
			test_bad++; \
		} \
	} while (0)

#define CHECK_EQ(a, b) \
	do { \
		long long check_a = (long long)(a), check_b = (long long)(b); \
		if (check_a != check_b) { \
			printf("    %s:%d: %s is %lld, not %s = %lld\n", __FILE__, __LINE__, #a, \
			       check_a, #b, check_b); \
			test_bad++; \
		} \
	} while (0)

static inline void test_run(const char *sentence, void (*body)(void))
{
	test_bad = 0;
	body();
	if (test_bad == 0)
		printf("ok %s\n", sentence);
	else
		printf("FAIL %s: %d checks\n", sentence, test_bad);
	test_failures += test_bad != 0;
	fflush(stdout);
}

#define TEST(sentence, body) test_run(sentence, body)

static inline int test_result(void)
{
	return test_failures != 0;
}

#endif
