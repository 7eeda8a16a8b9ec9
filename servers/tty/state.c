/* SPDX-License-Identifier: BSD-2-Clause
 * state.c - all that tty remembers, kept over a recovery.
 *
 * Job:      the state, and beside it the ring that the serial driver borrows.
 * On crash: rs keeps both; tty.c's check() looks the lines over.
 */
#include "state.h"

struct state state SECTION_STATE;
struct ring_memory uart_memory SECTION_STATE;
