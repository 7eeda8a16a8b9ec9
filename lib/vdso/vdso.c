/* SPDX-License-Identifier: BSD-2-Clause
 * vdso.c - the shared object that every program finds mapped: the time without a system call.
 *
 * Job:      clock_gettime, gettimeofday, time, clock_getres, getcpu, from the clock page.
 * Speaks:   Linux's vDSO interface: versioned symbols LINUX_2.6 (vdso(7)); other clocks go to the
 *           system call.
 * Touches:  the clock page below it, read-only; what the program points at.
 * Trusts:   the kernel, which writes the page. Runs in the program, with no more rights than it.
 * On crash: it is the program that crashes.
 */
#include <abi/boot.h>

enum {
	CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS, CLOCK_THREAD, CLOCK_MONOTONIC_RAW,
	CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME,
};
enum { SYS_CLOCK_GETTIME = 228, SYS_CLOCK_GETRES = 229 };
#define NS_PER_S 1000000000u

/* Which clocks the page can tell, and which of them count from 1970. */
#define KNOWN (BIT(CLOCK_REALTIME) | BIT(CLOCK_MONOTONIC) | BIT(CLOCK_MONOTONIC_RAW) | \
	       BIT(CLOCK_REALTIME_COARSE) | BIT(CLOCK_MONOTONIC_COARSE) | BIT(CLOCK_BOOTTIME))
#define REAL (BIT(CLOCK_REALTIME) | BIT(CLOCK_REALTIME_COARSE))

struct timespec { int64_t sec, nsec; };
struct timeval { int64_t sec, usec; };
struct timezone { int32_t minuteswest, dsttime; };

extern const volatile struct clock_page clock_page __attribute__((visibility("hidden")));

#define EXPORT __attribute__((visibility("default")))
#define ALIAS(name) __attribute__((visibility("default"), weak, alias(name)))

static inline uint64_t cycles(void)
{
	uint32_t lo, hi;

	__asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return lo | (uint64_t)hi << 32;
}

static inline uint64_t read_clock(bool real)
{
	uint64_t ns;
	uint32_t seq;

	do {
		seq = clock_page.seq;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		ns = clock_page.base_ns +
		     (uint64_t)((unsigned __int128)(cycles() - clock_page.base_tsc) *
				clock_page.mult >> 30);
		if (real)
			ns += clock_page.realtime_ns;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (seq & 1 || seq != clock_page.seq);
	return ns;
}

static inline long system_call(long number, long a, void *b)
{
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "0"(number), "D"(a), "S"(b)
			 : "rcx", "r11", "memory");
	return result;
}

static bool known(int clock)
{
	return (unsigned)clock < 64 && KNOWN & BIT(clock);
}

EXPORT int __vdso_clock_gettime(int clock, struct timespec *to);
int __vdso_clock_gettime(int clock, struct timespec *to)
{
	uint64_t ns;

	if (!known(clock))
		return (int)system_call(SYS_CLOCK_GETTIME, clock, to);
	ns = read_clock(REAL & BIT(clock));
	to->sec = (int64_t)(ns / NS_PER_S);
	to->nsec = (int64_t)(ns % NS_PER_S);
	return 0;
}

EXPORT int __vdso_clock_getres(int clock, struct timespec *to);
int __vdso_clock_getres(int clock, struct timespec *to)
{
	if (!known(clock))
		return (int)system_call(SYS_CLOCK_GETRES, clock, to);
	if (to != NULL)
		*to = (struct timespec){ 0, 1 };
	return 0;
}

EXPORT int __vdso_gettimeofday(struct timeval *to, struct timezone *zone);
int __vdso_gettimeofday(struct timeval *to, struct timezone *zone)
{
	if (to != NULL) {
		uint64_t ns = read_clock(true);

		to->sec = (int64_t)(ns / NS_PER_S);
		to->usec = (int64_t)(ns % NS_PER_S / 1000);
	}
	if (zone != NULL)
		*zone = (struct timezone){ 0, 0 };
	return 0;
}

EXPORT long __vdso_time(long *to);
long __vdso_time(long *to)
{
	long now = (long)(read_clock(true) / NS_PER_S);

	if (to != NULL)
		*to = now;
	return now;
}

/* One core so far. */
EXPORT int __vdso_getcpu(uint32_t *cpu, uint32_t *node, void *unused);
int __vdso_getcpu(uint32_t *cpu, uint32_t *node, void *unused)
{
	(void)unused;
	if (cpu != NULL)
		*cpu = 0;
	if (node != NULL)
		*node = 0;
	return 0;
}

/* The names that Linux's vDSO has as well. */
ALIAS("__vdso_clock_gettime") int clock_gettime(int clock, struct timespec *to);
ALIAS("__vdso_clock_getres") int clock_getres(int clock, struct timespec *to);
ALIAS("__vdso_gettimeofday") int gettimeofday(struct timeval *to, struct timezone *zone);
ALIAS("__vdso_time") long time(long *to);
ALIAS("__vdso_getcpu") int getcpu(uint32_t *cpu, uint32_t *node, void *unused);
