/* SPDX-License-Identifier: BSD-2-Clause
 * linux.h - numbers of Linux system calls that services make themselves (docs/notes/0003), or
 * tell apart.
 */
#ifndef LIB_LINUX_H
#define LIB_LINUX_H

#include <stdint.h>

/* Source: asm/unistd_64.h. */
enum {
	LINUX_READ = 0, LINUX_WRITE = 1, LINUX_OPEN = 2, LINUX_CLOSE = 3, LINUX_STAT = 4,
	LINUX_LSTAT = 6, LINUX_PREAD64 = 17, LINUX_PWRITE64 = 18, LINUX_ACCESS = 21,
	LINUX_DUP = 32, LINUX_DUP2 = 33, LINUX_SENDFILE = 40, LINUX_CLONE = 56, LINUX_FORK = 57,
	LINUX_VFORK = 58, LINUX_EXECVE = 59, LINUX_EXIT = 60, LINUX_FCNTL = 72, LINUX_TRUNCATE = 76,
	LINUX_CHDIR = 80, LINUX_RENAME = 82, LINUX_MKDIR = 83, LINUX_RMDIR = 84,
	LINUX_CREAT = 85, LINUX_LINK = 86, LINUX_UNLINK = 87, LINUX_SYMLINK = 88,
	LINUX_READLINK = 89, LINUX_CHMOD = 90, LINUX_CHOWN = 92, LINUX_LCHOWN = 94,
	LINUX_MKNOD = 133, LINUX_STATFS = 137, LINUX_GETDENTS64 = 217, LINUX_EXIT_GROUP = 231,
	LINUX_OPENAT = 257, LINUX_MKDIRAT = 258, LINUX_MKNODAT = 259, LINUX_FCHOWNAT = 260,
	LINUX_NEWFSTATAT = 262, LINUX_UNLINKAT = 263, LINUX_RENAMEAT = 264, LINUX_LINKAT = 265,
	LINUX_SYMLINKAT = 266, LINUX_READLINKAT = 267, LINUX_FCHMODAT = 268,
	LINUX_FACCESSAT = 269, LINUX_UTIMENSAT = 280, LINUX_DUP3 = 292, LINUX_EXECVEAT = 322,
	LINUX_STATX = 332, LINUX_CLONE3 = 435,
};

static inline int64_t linux_syscall(long number, uint64_t a, uint64_t b, uint64_t c)
{
	int64_t result;

	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return result;
}

#endif
