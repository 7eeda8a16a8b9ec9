/* SPDX-License-Identifier: BSD-2-Clause
 * linux.h - the Linux system calls that a service makes itself (docs/notes/0003).
 */
#ifndef LIB_LINUX_H
#define LIB_LINUX_H

#include <stdint.h>

enum { LINUX_WRITE = 1, LINUX_EXIT = 60, LINUX_EXIT_GROUP = 231 };

static inline int64_t linux_syscall(long number, uint64_t a, uint64_t b, uint64_t c)
{
	int64_t result;

	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return result;
}

#endif
