/* SPDX-License-Identifier: BSD-2-Clause
 * state.c - all that tmpfs remembers, kept over a recovery.
 *
 * Job:      the object of the state section, and the pages, kept beside it.
 * On crash: rs keeps both; tmpfs.c's check() looks the rows over.
 */
#include "state.h"

struct state state SECTION_STATE;
uint8_t data[NR_DATA_PAGES][PAGE_SIZE] __attribute__((section(".undo"), aligned(PAGE_SIZE)));
