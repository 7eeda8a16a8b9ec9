/* SPDX-License-Identifier: BSD-2-Clause
 * state.c - all that pm remembers, kept over a recovery.
 *
 * Job:      the one object of the state section.
 * On crash: rs keeps it; pm.c's check() looks it over.
 */
#include "state.h"

struct state state SECTION_STATE;
