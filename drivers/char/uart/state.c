/* SPDX-License-Identifier: BSD-2-Clause
 * state.c - all that the serial port's driver remembers, kept over a recovery.
 *
 * Job:      the state.
 * On crash: rs keeps it; uart.c's check() looks it over.
 */
#include "state.h"

struct state state SECTION_STATE;
