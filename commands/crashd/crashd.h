/* SPDX-License-Identifier: BSD-2-Clause
 * crashd.h - what the files of crashd share.
 */
#ifndef CRASHD_H
#define CRASHD_H

#include <stdio.h>

#include <lib/crash.h>

/* core.c: a core file that gdb opens along with the service's program. 0, or -1 and errno. */
int core_write(FILE *to, const struct crash *c, const unsigned char *bytes);

/* report.c: the crash in words. 0, or -1 and errno. */
int report_write(FILE *to, const struct crash *c);

#endif
