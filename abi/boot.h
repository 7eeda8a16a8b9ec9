/* SPDX-License-Identifier: BSD-2-Clause
 * boot.h - what the kernel tells rs at start, the boot image, and the clock page.
 */
#ifndef ABI_BOOT_H
#define ABI_BOOT_H

#include <abi/kernel.h>

enum { BOOT_REGIONS = 32, BOOT_CMDLINE = 1024 };

struct boot_region { uint64_t base, length; };  /* bytes; usable RAM */

struct boot_framebuffer {               /* as in Multiboot2's tag 8 */
	uint64_t base;                  /* 0: none */
	uint32_t pitch, width, height;
	uint8_t bpp, type;              /* type 1: direct colour */
};

struct boot_info {
	uint32_t nr_regions;
	uint32_t nr_frames;             /* frame table entries: frames below the end of RAM */
	struct boot_region region[BOOT_REGIONS];
	uint64_t archive;               /* physical address, page aligned */
	uint64_t archive_size;
	uint64_t rsdp;                  /* ACPI root pointer, 0: look for it */
	struct boot_framebuffer fb;
	uint32_t clock_pfn;             /* the clock page */
	uint64_t tsc_hz;
	char cmdline[BOOT_CMDLINE];     /* name=value pairs, blank separated, NUL-terminated */
};

/* The loader's module begins with rs as it lies in memory when it starts, whole pages with zeros
 * and stack and all; the kernel maps them in place. The boot archive (abi/archive.h) follows. */
#define BOOT_MAGIC 0x31676d696b6b73ull          /* "skkimg1" */

struct boot_image {
	uint64_t magic;
	uint64_t entry, stack;          /* instruction and stack pointer */
	uint32_t pages;                 /* of the image, this header's first one included */
	uint32_t count;                 /* runs */
	struct map_run run[];           /* as for space_map; pfn counts from this header */
};

/* The clock page: one frame, written by the kernel, read-only everywhere (see lib/vdso). A reader
 * takes seq before and after; odd or changed: again.
 * monotonic_ns = base_ns + ((tsc - base_tsc) * mult >> 30), in 128 bits. */
struct clock_page {
	uint32_t seq;
	uint32_t mult;                  /* nanoseconds for each TSC tick, times 2^30 */
	uint64_t base_tsc;
	uint64_t base_ns;
	uint64_t realtime_ns;           /* CLOCK_REALTIME minus CLOCK_MONOTONIC */
};

/* Fixed addresses: the boot archive in rs (and rsguard), read-only; the clock page in services. */
#define RS_ARCHIVE_VA 0x0000110000000000ull    /* above a sanitizer's shadow, for tests/messages */
#define CLOCK_VA 0x000000007ffe0000ull

#endif
