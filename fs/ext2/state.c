/* SPDX-License-Identifier: BSD-2-Clause
 * state.c - all that ext2 remembers, kept over a recovery.
 *
 * Job:      the objects of the state section, and beside it the buffers, the journal
 *           and the sums.
 * Speaks:   nothing.
 * Touches:  nothing.
 * Trusts:   nobody.
 * On crash: rs keeps all of it; buffers_recover looks it over. A fresh start keeps the buffers
 *           with what says what they are: keep_start.
 */
#include "state.h"

struct state state SECTION_STATE;
struct ring_memory ring SECTION_SHARED;
struct cache cache SECTION_UNDO;
struct kept kept SECTION_KEPT;
uint8_t bytes[NR_BUFFERS][BUFFER_SIZE] SECTION_KEPT;
uint8_t image[JOURNAL_MAX][BUFFER_SIZE] SECTION_KEPT;
uint8_t landing[RING_ENTRIES][BUFFER_SIZE] __attribute__((section(".undo"), aligned(PAGE_SIZE)));
struct sums sums SECTION_UNDO;
