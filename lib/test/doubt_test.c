/* SPDX-License-Identifier: BSD-2-Clause
 * doubt_test.c - what is doubted, and how often. A death is a longjmp.
 *
 * Links: lib/doubt.c
 */
#include <setjmp.h>
#include <stdlib.h>

#include <lib/assert.h>
#include <lib/linux.h>
#include <lib/server.h>
#include <lib/service_ids.h>
#include <tests/unit.h>

#define SECOND 1000000000ull

static jmp_buf dies;
static uint64_t now = 100 * SECOND;
static unsigned attempt;
static uint32_t serial;

void die_of_doubt(void)
{
	longjmp(dies, 1);
}

void assert_failed(const char *what, const char *file, int line)
{
	(void)file, (void)line;
	CHECK(what == NULL);
	abort();
}

uint64_t clock_monotonic_ns(void)
{
	return now;
}

unsigned server_attempt(void)
{
	return attempt;
}

void print(const char *text, ...)
{
	(void)text;
}

/* Does the service die of this answer to the latest call? */
static bool dies_of(uint32_t type, int64_t result)
{
	if (setjmp(dies) != 0)
		return true;
	server_doubt(FIRST_ENDPOINT(70), serial, type, result,
		     linux_failure_is_unusual(type, result));
	return false;
}

/* Of a new call, which then comes out as `second`. */
static bool is_doubted(uint32_t type, int64_t first, int64_t second)
{
	serial++;
	attempt = 0;
	if (!dies_of(type, first))
		return false;
	attempt = 1;
	CHECK(!dies_of(type, second));
	attempt = 0;
	return true;
}

static void t_usual(void)
{
	CHECK(!is_doubted(2, -ENOENT, 0));
	CHECK(!is_doubted(2, 3, 0));
	CHECK(!is_doubted(3, -EBADF, 0));
	CHECK(!is_doubted(LINUX_EXECVE, -ENOENT, 0));
	CHECK(!is_doubted(0, -ERESTARTSYS, 0));
	CHECK(!is_doubted(2, -EACCES, 0));
}

static void t_founded(void)
{
	CHECK(is_doubted(0, -EFAULT, 5));
	CHECK(!is_doubted(0, -EFAULT, 5));      /* in the same second */
	now += SECOND;
	CHECK(is_doubted(0, -EFAULT, 5));
	now += SECOND;
	CHECK(is_doubted(56, -EAGAIN, 5));
	now += SECOND;
	CHECK(is_doubted(0, -EDEADPEER, 5));
	now += SECOND;
	CHECK(is_doubted(0, -EISDIR, 5));
	now += SECOND;
	CHECK(is_doubted(LINUX_EXECVE, -ECHILD, 0));
	now += SECOND;
	CHECK(is_doubted(LINUX_EXECVE, -EDEADPEER, 0));
	now += SECOND;
}

static void t_in_recovery(void)
{
	serial++;
	attempt = 1;                            /* it has died of something else */
	CHECK(!dies_of(0, -EFAULT));
	attempt = 0;
}

static void t_unfounded(void)
{
	CHECK(is_doubted(1, -EIO, -EIO));
	now += 7 * SECOND;
	CHECK(!is_doubted(1, -EFAULT, -EFAULT));
	now += 2 * SECOND;
	CHECK(!is_doubted(1, -EIO, -EIO));      /* it stands */
	CHECK(is_doubted(1, -EFAULT, -EFAULT));
	now += 15 * SECOND;
	CHECK(!is_doubted(2, -EFAULT, 0));
	now += 2 * SECOND;
	CHECK(is_doubted(2, -EFAULT, 0));
	for (int type = 100; type < 120; type++) {
		now += 4097 * SECOND;
		CHECK(is_doubted((uint32_t)type, -EFAULT, -EFAULT));
	}
	now += 4095 * SECOND;
	CHECK(!is_doubted(99, -EFAULT, -EFAULT));
}

static bool dies_of_finding(uint32_t kind)
{
	if (setjmp(dies) != 0)
		return true;
	server_doubt_found(kind, "it is so");
	return false;
}

static void t_found(void)
{
	now += 10 * SECOND;
	CHECK(dies_of_finding(1));
	now += 7 * SECOND;
	CHECK(!dies_of_finding(1));
	CHECK(!dies_of_finding(1));             /* of another one */
	CHECK(dies_of_finding(2));
	now += 9 * SECOND;
	CHECK(dies_of_finding(2));              /* the life between has not found it */
	attempt = 1;
	CHECK(!dies_of_finding(1));
	attempt = 0;
}

int main(void)
{
	TEST("what is a day's work is not doubted", t_usual);
	TEST("a doubt that was right costs the next one a second", t_founded);
	TEST("a recovery from something else is not ended by a doubt", t_in_recovery);
	TEST("a failure that comes again stands, others are not doubted for a while", t_unfounded);
	TEST("damage that was found is found by two lives before it is acted on", t_found);
	return test_result();
}
