/* SPDX-License-Identifier: BSD-2-Clause
 * state.c - all that the screen remembers, kept over a recovery.
 *
 * Job:      the state.
 * On crash: rs keeps it; screen.c's check() looks it over, and everything is drawn again.
 */
#include "state.h"

struct state state SECTION_STATE;
