/* SPDX-License-Identifier: BSD-2-Clause
 * clock.c - the time, from the clock page.
 *
 * Job:      turns the time-stamp counter into nanoseconds.
 * Speaks:   nothing; rs maps the page into every service.
 * Touches:  the clock page, read-only.
 * Trusts:   the kernel, which writes it.
 * On crash: holds no state.
 */
#include <abi/boot.h>
#include <lib/clock.h>

static const volatile struct clock_page *page(void)
{
	return (const volatile struct clock_page *)CLOCK_VA;
}

static uint64_t cycles(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return lo | (uint64_t)hi << 32;
}

static uint64_t read_clock(uint64_t *realtime)
{
	const volatile struct clock_page *c = page();
	uint64_t ns;
	uint32_t seq;

	do {
		seq = c->seq;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		ns = c->base_ns +
		     (uint64_t)((unsigned __int128)(cycles() - c->base_tsc) * c->mult >> 30);
		*realtime = c->realtime_ns;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (seq & 1 || seq != c->seq);
	return ns;
}

uint64_t clock_monotonic_ns(void)
{
	uint64_t realtime;

	return read_clock(&realtime);
}

uint64_t clock_realtime_ns(void)
{
	uint64_t realtime, ns = read_clock(&realtime);

	return ns + realtime;
}
