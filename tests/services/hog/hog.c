/* SPDX-License-Identifier: BSD-2-Clause
 * hog.c - a service that wants more than its share, and answers its heartbeats all the same.
 *
 * Job:      computes all the time; or, with the argument `stack`, uses more stack than it has.
 * Speaks:   nothing.
 * Touches:  nothing.
 * Trusts:   nothing.
 * On crash: as its manifest says; it begins again.
 */
#include <contract/kernel.h>
#include <lib/args.h>
#include <lib/assert.h>
#include <lib/clock.h>
#include <lib/server.h>

#define AT_ONCE_NS 5000000ull
enum { FRAME = 1024 };

static void set_alarm(void)
{
	struct alarm_set_request req = { .deadline_ns = clock_monotonic_ns() + 1 };

	assert(sys_alarm_set(&req) == 0);
}

static void on_alarm(void)
{
	uint64_t end = clock_monotonic_ns() + AT_ONCE_NS;

	while (clock_monotonic_ns() < end)
		;
	set_alarm();
}

static unsigned __attribute__((noinline)) deeper(unsigned depth)
{
	volatile char frame[FRAME];

	frame[depth % FRAME] = 1;
	return depth == UINT32_MAX ? 0 : deeper(depth + 1) + (unsigned)frame[depth % FRAME];
}

static void init(enum start_kind kind)
{
	const char *what = service_arg(0);

	if (what != NULL && strcmp(what, "stack") == 0)
		assert(deeper(0) != 0);
	set_alarm();
}

static const struct server server = { .name = "hog", .init = init, .on_alarm = on_alarm };

int main(void)
{
	server_run(&server);
}
