/* SPDX-License-Identifier: BSD-2-Clause
 * archive.h - the layout of the boot archive, which is at RS_ARCHIVE_VA (abi/boot.h).
 */
#ifndef ABI_ARCHIVE_H
#define ABI_ARCHIVE_H

#include <abi/types.h>

/* Header, entries, page-aligned contents. Little-endian. */
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

#endif
