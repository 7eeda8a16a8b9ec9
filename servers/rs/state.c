/* SPDX-License-Identifier: BSD-2-Clause
 * state.c - all that rs remembers, kept over a recovery.
 *
 * Job:      the one object of the state section.
 * On crash: rsguard keeps it; guard.c's check() looks it over.
 */
#include "state.h"

struct state state SECTION_STATE;
