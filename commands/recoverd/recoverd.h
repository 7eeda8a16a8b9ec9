/* SPDX-License-Identifier: BSD-2-Clause
 * recoverd.h - what the files of recoverd share.
 */
#ifndef RECOVERD_H
#define RECOVERD_H

#include <stdbool.h>

#include <contract/rs.h>
#include <lib/peer.h>

#define SCRIPTS "/etc/skink/recover.d"

/* What is kept open of the world outside the tree. */
struct outside { int root, scripts, console, null; };

/* stage.c: makes a tree in memory with a shell, its tools and the scripts, and moves into it; or
 * says why not. */
bool stage_enter(const char *folder, struct outside *o);

/* The scripts once more, as they are now; says what cannot be had. */
void stage_scripts(const struct outside *o);

/* run.c: runs a script, tells rs how it ended, and keeps what it printed. A process of its own. */
void run_script(const struct rs_script_next_reply *q, const struct outside *o);

void complain(const char *what);

extern struct peer rs;

#endif
