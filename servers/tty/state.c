/* SPDX-License-Identifier: BSD-2-Clause
 * state.c - all that tty remembers, kept over a recovery.
 *
 * Job:      the state, and beside it the rings that the drivers borrow.
 * On crash: rs keeps both; tty.c's check() looks the lines over.
 */
#include "state.h"

struct state state SECTION_STATE;
struct ring_memory wire_memory[NR_WIRES] SECTION_SHARED;
