/* SPDX-License-Identifier: BSD-2-Clause
 * crash_name.h - the files that crashd writes: NAME.N.txt, NAME.N.core.
 */
#ifndef COMMANDS_CRASH_NAME_H
#define COMMANDS_CRASH_NAME_H

#include <stdlib.h>
#include <string.h>

#define CRASH_FOLDER "/var/crash"

/* N of NAME.N.KIND; 0: it is another file. */
static inline unsigned long crash_number(const char *file, const char *kind)
{
	const char *end = strrchr(file, '.'), *at = end;
	char *rest;
	unsigned long n;

	if (end == NULL || strcmp(end + 1, kind) != 0)
		return 0;
	while (at > file && at[-1] != '.')
		at--;
	n = strtoul(at, &rest, 10);
	return at > file && rest == end ? n : 0;
}

#endif
