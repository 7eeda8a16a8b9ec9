/* SPDX-License-Identifier: BSD-2-Clause
 * nicer.c - nice values from the command line: Debian's busybox has no nice.
 *
 *	nicer                           its own
 *	nicer N COMMAND...              run a command with N more
 *	nicer process|group|user ID N   set; ID 0: its own
 *	nicer process|group|user ID     tell
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static int which(const char *word)
{
	return strcmp(word, "process") == 0 ? PRIO_PROCESS :
	       strcmp(word, "group") == 0   ? PRIO_PGRP :
	       strcmp(word, "user") == 0    ? PRIO_USER : -1;
}

static int tell(int kind, id_t id)
{
	int nice;

	errno = 0;
	nice = getpriority((unsigned)kind, id);
	if (nice == -1 && errno != 0) {
		perror("nicer");
		return 1;
	}
	printf("%d\n", nice);
	return 0;
}

int main(int argc, char **argv)
{
	int kind = argc > 1 ? which(argv[1]) : -1;

	if (argc == 1)
		return tell(PRIO_PROCESS, 0);
	if (kind >= 0 && argc == 3)
		return tell(kind, (id_t)atoi(argv[2]));
	if (kind >= 0 && argc == 4) {
		if (setpriority((unsigned)kind, (id_t)atoi(argv[2]), atoi(argv[3])) == 0)
			return 0;
		perror("nicer");
		return 1;
	}
	errno = 0;
	if (nice(atoi(argv[1])) == -1 && errno != 0) {
		perror("nicer");
		return 1;
	}
	execvp(argv[2], argv + 2);
	perror(argv[2]);
	return 127;
}
