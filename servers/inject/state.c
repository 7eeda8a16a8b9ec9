/* SPDX-License-Identifier: BSD-2-Clause
 * state.c - where the faults are remembered.
 *
 * Job:      one object in a section of its own, kept over a recovery (docs/notes/0005).
 * Speaks:   nothing.
 * Touches:  nothing.
 * Trusts:   nothing.
 * On crash: the undo log takes the interrupted request back.
 */
#include "state.h"

struct state state SECTION_STATE;
