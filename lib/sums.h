/* SPDX-License-Identifier: BSD-2-Clause
 * sums.h - what the blocks of a disk were when they were last seen, as a checksum of each.
 *
 * A struct sums is kept memory that needs no log (SECTION_UNDO): each change of it is whole at any
 * instruction, and one that is made twice is made once. It is zero at first: nothing is known.
 */
#ifndef LIB_SUMS_H
#define LIB_SUMS_H

#include <stddef.h>
#include <stdint.h>

/* Rows of 1,024 neighbours: 256 of them hold 1 GiB in blocks of 4 KiB. A larger disk has the rows
 * that were used last; what is given up for room is not known any more. */
enum { SUMS_ROW = 1024, SUMS_ROWS = 256, SUMS_WAYS = 8 };

struct sums {
	uint32_t row[SUMS_ROWS];        /* 1 + which neighbours they are; 0: unused */
	uint32_t used[SUMS_ROWS];       /* when last */
	uint32_t clock;
	uint32_t known, given_up;       /* sums; about, after a crash */
	uint32_t sum[SUMS_ROWS][SUMS_ROW];      /* 0: not known */
};

/* Of whole words of eight bytes; never 0. */
uint32_t sum_of(const void *bytes, size_t len);

uint32_t sums_get(struct sums *s, uint32_t block);              /* 0: not known */
void sums_set(struct sums *s, uint32_t block, uint32_t sum);    /* 0: forget it */
void sums_clear(struct sums *s);
/* All of a row at once: `row` has SUMS_ROW sums. */
void sums_put_row(struct sums *s, uint32_t n, const uint32_t *row);
void sums_get_row(const struct sums *s, uint32_t n, uint32_t *row);

#endif
