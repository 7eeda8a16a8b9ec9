/* SPDX-License-Identifier: BSD-2-Clause
 * state.c - all that the keyboard driver remembers, kept over a recovery.
 *
 * Job:      the state.
 * On crash: rs keeps it; keyboard.c's check() looks it over.
 */
#include "state.h"

struct state state SECTION_STATE;
