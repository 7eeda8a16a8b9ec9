/* SPDX-License-Identifier: BSD-2-Clause
 * layout.h - where things are in address spaces: programs, vfs, services that share memory.
 */
#ifndef ABI_LAYOUT_H
#define ABI_LAYOUT_H

#include <abi/types.h>

/* ---- programs ----
 *
 *	0                               nothing below USER_LOW
 *	PIE_BASE                        position-independent programs, heap behind them
 *	... MMAP_TOP                    mmap, downwards; the interpreter of dynamic programs first
 *	STACK_TOP - limit .. STACK_TOP  stack, downwards
 *	VVAR_VA, VDSO_VA                clock page, vDSO (AT_SYSINFO_EHDR = VDSO_VA)
 *
 * Stack, vDSO and the first mappings lie in one gigabyte: one page directory serves them. */
#define USER_LOW 0x0000000000010000ull
#define PIE_BASE 0x0000555555554000ull
#define MMAP_TOP 0x00007fffef000000ull
#define STACK_TOP 0x00007fffffff0000ull
#define STACK_LIMIT_MAX (STACK_TOP - MMAP_TOP - STACK_GUARD)
#define STACK_LIMIT_DEFAULT (8ull << 20)
#define STACK_GUARD (1ull << 20)                /* kept free below a stack that grows */
#define VVAR_VA 0x00007fffffff8000ull
#define VDSO_VA 0x00007fffffff9000ull
enum { VDSO_PAGES_MAX = 4 };

/* ---- vfs: its window on the page cache; slot n is the page at CACHE_VA + n * PAGE_SIZE ---- */
#define CACHE_VA 0x0000200000000000ull

/* ---- vm: the index of the page cache, which vfs writes ---- */
#define INDEX_VA 0x0000210000000000ull

/* ---- vm: what services have lent each other ---- */
#define SHARES_VA 0x0000220000000000ull

/* ---- services: what others lend to them (vm.borrow) ---- */
#define SHARE_VA 0x0000300000000000ull
#define SHARE_MAX (16ull << 20)                 /* bytes of one share */
enum { NR_SHARES = 128 };

/* ---- drivers: device memory (vm.device_map), at DEVICE_VA + its physical address ---- */
#define DEVICE_VA 0x0000500000000000ull
#define DEVICE_END (1ull << 44)                 /* physical */
#define DEVICE_MAX (64ull << 20)                /* bytes that one call maps */

/* ---- rs: programs and manifests that were not in the boot archive. Where no sanitizer has its
 * shadow or heap, for tests/messages ---- */
#define RS_WINDOW_VA 0x0000120000000000ull
#define RS_WINDOW_AREA (16ull << 20)            /* bytes for one; each service has two */
enum { RS_WINDOW_AREAS = 2 * 64 };
#define RS_WINDOW_END (RS_WINDOW_VA + RS_WINDOW_AREAS * RS_WINDOW_AREA)

/* ---- vm: a page of somebody else that it works on ---- */
#define SCRATCH_VA 0x0000400000000000ull

#endif
