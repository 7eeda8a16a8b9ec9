/* SPDX-License-Identifier: BSD-2-Clause
 * boot.h - what the kernel tells rs at start, the layout of the boot archive, and the clock page.
 */
#ifndef ABI_BOOT_H
#define ABI_BOOT_H

#include <abi/types.h>

enum { BOOT_REGIONS = 32, BOOT_CMDLINE = 1024 };

struct boot_region { uint64_t base, length; };  /* bytes; usable RAM */

struct boot_info {
	uint32_t nr_regions;
	uint32_t nr_frames;             /* frame table entries: frames below the end of RAM */
	struct boot_region region[BOOT_REGIONS];
	uint64_t archive;               /* physical address, page aligned */
	uint64_t archive_size;
	uint64_t rsdp;                  /* ACPI root pointer, 0: look for it */
	uint64_t fb_base;               /* framebuffer, 0: none */
	uint32_t fb_width, fb_height, fb_pitch, fb_bpp;
	uint32_t clock_pfn;             /* the clock page */
	uint32_t irq_path;              /* longest path with interrupts off so far, in TSC ticks */
	uint64_t tsc_hz;
	uint64_t cpu_features;          /* CPU_ bits */
	uint64_t xcr0;
	uint32_t xsave_size;
	char cmdline[BOOT_CMDLINE];     /* name=value pairs, blank separated, NUL-terminated */
};

enum { CPU_FSGSBASE = 1, CPU_XSAVE = 2, CPU_SMEP = 4, CPU_SMAP = 8, CPU_UMIP = 16, CPU_NX = 32 };

/* The boot archive: header, then entries, then page-aligned contents. Little-endian. The first
 * entry is rs, which the kernel starts; the rest is rs's business. */
#define ARCHIVE_MAGIC 0x31746f6f626b6b73ull     /* "skkboot1" */
enum { ARCHIVE_NAME = 32, ARCHIVE_MAX = 96 };

struct archive_entry {
	char name[ARCHIVE_NAME];        /* "rs", "rs.svc", ...; NUL-padded */
	uint64_t offset;                /* from the start of the archive, page aligned */
	uint64_t size;                  /* bytes */
};

struct archive_header {
	uint64_t magic;
	uint32_t count;
	uint32_t crc;                   /* CRC-32 (IEEE 802.3) of all that follows this header */
	uint64_t size;                  /* bytes, whole archive */
	uint64_t zero;
	struct archive_entry entry[];
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

/* Fixed addresses: the boot archive in rs (and rsguard), read-only; the clock page in every service. */
#define RS_ARCHIVE_VA 0x0000100000000000ull
#define CLOCK_VA 0x000000007ffe0000ull

#endif
