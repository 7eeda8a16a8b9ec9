/* SPDX-License-Identifier: BSD-2-Clause
 * logd.h - what the files of logd share.
 */
#ifndef LOGD_H
#define LOGD_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

enum { LINE_MOST = 512, QUIET_MS = 2000 };

/* logfile.c */
extern const char *path;
extern long limit;              /* bytes of one file */
extern bool unsafe;             /* written since the last file_sync() */
void complain(const char *what);
bool file_open(void);
void file_append(const char *text, size_t len);
/* 2026-01-31T12:00:00.234567 text */
void file_append_line(time_t when, unsigned long us, const char *text, size_t len);
void file_sync(void);

/* programs.c: does not return, but for an error */
int programs_follow(void);

#endif
