/* SPDX-License-Identifier: BSD-2-Clause
 * image.h - a service's program: its segments, and writing them into the service's memory.
 */
#ifndef LIB_IMAGE_H
#define LIB_IMAGE_H

#include <abi/boot.h>
#include <abi/errors.h>
#include <abi/kernel.h>

/* What lib/link.ld places here is kept by a recovery. */
#define IMAGE_STATE_VA 0x10000000ull
#define IMAGE_UNDO_VA 0x18000000ull
#define IMAGE_STATE_END 0x20000000ull
/* And this by every start: a device may still be at work on it (lib/dma.h), or it is what a
 * predecessor could not lose (SECTION_KEPT). */
#define IMAGE_DMA_VA IMAGE_STATE_END
#define IMAGE_DMA_END 0x30000000ull
#define IMAGE_STACK_TOP 0x7ff00000ull

struct service_args;

struct image {
	const uint8_t *elf;
	uint64_t size;
};

struct segment {
	uint64_t va, file, memory;      /* address; bytes from the file; bytes in memory */
	const uint8_t *bytes;
	unsigned flags;                 /* MAP_WRITE, MAP_EXEC */
};

/* Entry `name` of the boot archive at RS_ARCHIVE_VA. ENOENT. */
err_t image_find(const char *name, struct image *i) MUST_CHECK;
/* Is it a static ELF64 program whose segments lie in the user half? ENOEXEC. */
err_t image_check(const struct image *i) MUST_CHECK;
uint64_t image_entry(const struct image *i);
/* Segment n that is loaded, 0, 1, ...; false: no more. Only after image_check. */
bool image_segment(const struct image *i, unsigned n, struct segment *s);
/* Write it into p, which is new or frozen and under the caller's control: text and data from the
 * file, the rest and the stack zero but for its args (lib/args.h) and `.dma`; keep_state: `.state`
 * and `.undo` are left alone, too. */
err_t image_write(const struct image *i, endpoint_t p, uint64_t stack, bool keep_state) MUST_CHECK;
/* Write the args, with nothing between old and new. */
err_t image_write_args(endpoint_t p, const struct service_args *args) MUST_CHECK;
/* Recover p, which is frozen, in place; puts the registers it died with into args. Begun anew after
 * the caller's death at any moment, it has the same result. */
err_t image_recover(const struct image *i, endpoint_t p, uint64_t stack, struct service_args *args)
	MUST_CHECK;

#endif
