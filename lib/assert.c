/* SPDX-License-Identifier: BSD-2-Clause
 * assert.c - how a service dies by its own decision.
 *
 * Job:      prints where and why, tells rs by exit_group, or by an exception if rs has a higher
 *           rank than the service (the kernel refuses calls upwards); that its state is lost, by
 *           an exception that means nothing else.
 * Speaks:   the Linux calls write and exit_group.
 * Touches:  nothing.
 * Trusts:   nothing.
 * On crash: that is its purpose.
 */
#include <lib/assert.h>
#include <lib/linux.h>
#include <lib/print.h>

enum { STATUS_ABORTED = 134 };

void die(int status)
{
	linux_syscall(LINUX_EXIT_GROUP, (uint64_t)status, 0, 0);
	__builtin_trap();
}

void assert_failed(const char *what, const char *file, int line)
{
	print("<2>%s:%d: assertion failed: %s\n", file, line, what);
	die(STATUS_ABORTED);
}

void state_lost(void)
{
	print("<2>the state cannot be repaired\n");
	__asm__ volatile("int3");
	__builtin_trap();
}

void die_of_doubt(void)
{
	__asm__ volatile("int $4");
	__builtin_trap();
}
