/* SPDX-License-Identifier: BSD-2-Clause
 * ptyall.c - ptyall: takes all the pseudo-terminals that it can have, holds them for a moment, and
 * says how many they were and what the errno was then.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { HOLD_S = 5 };

int main(void)
{
	int n = 0;

	while (open("/dev/ptmx", O_RDWR | O_NOCTTY) >= 0)
		n++;
	printf("%d then %d\n", n, errno);
	fflush(stdout);
	sleep(HOLD_S);
	return 0;
}
