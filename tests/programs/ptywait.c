/* SPDX-License-Identifier: BSD-2-Clause
 * ptywait.c - ptywait: waits at the ends of pseudo-terminals in each way there is, for something
 * that does not come; prints what it was that ended each of the waits.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NEVER = -1, BEGUN_US = 300000 };

static int m, s;

static void waits_read_master(void)
{
	char c;
	long n = read(m, &c, 1);

	printf("read master: %ld errno %d\n", n, n < 0 ? errno : 0);
}

static void waits_read_line(void)
{
	char c;
	long n = read(s, &c, 1);

	printf("read line: %ld errno %d\n", n, n < 0 ? errno : 0);
}

static void waits_write(void)
{
	static char much[100000];
	long n = write(s, much, sizeof(much));

	printf("write: %s\n", n < (long)sizeof(much) ? "ended" : "done");
}

static void waits_poll(void)
{
	struct pollfd p[2] = { { .fd = m, .events = POLLIN }, { .fd = s, .events = POLLIN } };
	int n = poll(p, 2, NEVER), want = POLLERR | POLLHUP;

	printf("poll: %d%s\n", n, p[0].revents & p[1].revents & want ? " hung up" : "");
}

static void waits_select(void)
{
	fd_set r;

	FD_ZERO(&r);
	FD_SET(s, &r);
	printf("select: %d\n", select(s + 1, &r, NULL, NULL, NULL));
}

int main(void)
{
	static void (*const waits[])(void) = {
		waits_read_master, waits_read_line, waits_write, waits_poll, waits_select,
	};

	for (unsigned i = 0; i < sizeof(waits) / sizeof(waits[0]); i++)
		if (fork() == 0) {
			m = posix_openpt(O_RDWR | O_NOCTTY);
			if (m < 0 || unlockpt(m) != 0)
				return 1;
			s = open(ptsname(m), O_RDWR | O_NOCTTY);
			waits[i]();
			return 0;
		}
	usleep(BEGUN_US);
	printf("all wait\n");
	fflush(stdout);
	while (wait(NULL) > 0)
		;
	return 0;
}
