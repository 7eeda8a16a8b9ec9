/* SPDX-License-Identifier: BSD-2-Clause
 * ptyload.c - ptyload SECONDS: work on pseudo-terminals, each byte of which is checked.
 *
 * Four at a time, each on a pair of its own: numbers from the line to the master, numbers the other
 * way, lines with their echo, and sessions that come and go; meant to go on while services are
 * killed. Prints what was done; the status is 0 if all of it was right.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define CHECK(cond) \
	do { \
		if (!(cond)) { \
			dprintf(2, "ptyload.c:%d: %s (errno %d)\n", __LINE__, #cond, errno); \
			_exit(1); \
		} \
	} while (0)

enum { PART = 60, PATIENCE_S = 30 };

static time_t end;

static int going(void)
{
	alarm(PATIENCE_S);              /* nobody hangs */
	return time(NULL) < end;
}

static void pair(int *m, int *s, int raw)
{
	struct termios t;

	*m = posix_openpt(O_RDWR | O_NOCTTY);
	CHECK(*m >= 0 && unlockpt(*m) == 0);
	*s = open(ptsname(*m), O_RDWR | O_NOCTTY);
	CHECK(*s >= 0 && tcgetattr(*s, &t) == 0);
	if (raw)
		cfmakeraw(&t);
	CHECK(tcsetattr(*s, TCSANOW, &t) == 0);
}

static void read_all(int fd, void *to, size_t len)
{
	for (size_t n = 0; n < len;) {
		ssize_t k = read(fd, (char *)to + n, len - n);

		CHECK(k > 0);
		n += (size_t)k;
	}
}

/* One process writes numbers in parts that grow and shrink, the other expects them. The last part
 * begins with a number that no part has. */
static void numbers(int from, int to)
{
	uint32_t part[PART], next = 0, size;
	pid_t writer = fork();
	int status;

	CHECK(writer >= 0);
	if (writer == 0) {
		for (uint32_t i = 0; going(); i += size) {
			size = 1 + i % PART;
			for (uint32_t k = 0; k < size; k++)
				part[k] = i + k;
			CHECK(write(to, part, size * 4) == (ssize_t)size * 4);
		}
		part[0] = UINT32_MAX;
		CHECK(write(to, part, 4) == 4);
		_exit(0);
	}
	for (;; next++) {
		going();
		read_all(from, part, 4);
		if (part[0] == UINT32_MAX)
			break;
		CHECK(part[0] == next);
	}
	CHECK(waitpid(writer, &status, 0) == writer && status == 0);
	printf("%u numbers\n", next);
}

static void from_line(void)
{
	int m, s;

	pair(&m, &s, 1);
	numbers(m, s);
}

static void to_line(void)
{
	int m, s;

	pair(&m, &s, 1);
	numbers(s, m);
}

/* Typed, corrected, shown and read: the master sees exactly that echo. */
static void lines(void)
{
	char typed[64], shown[96], got[96];
	unsigned n = 0;
	int m, s;

	pair(&m, &s, 0);
	for (; going(); n++) {
		size_t len = (size_t)snprintf(typed, sizeof(typed), "line %u of xx", n);
		size_t echo = (size_t)snprintf(shown, sizeof(shown), "%s\b \b\b \bthem\r\n", typed);

		strcpy(typed + len, "\177\177them\n");
		len = strlen(typed);
		CHECK(write(m, typed, len) == (ssize_t)len);
		read_all(m, got, echo);
		CHECK(memcmp(got, shown, echo) == 0);
		len = (size_t)snprintf(typed, sizeof(typed), "line %u of them\n", n);
		CHECK(read(s, got, sizeof(got)) == (ssize_t)len && memcmp(got, typed, len) == 0);
	}
	printf("%u lines\n", n);
}

static void sessions(void)
{
	unsigned n = 0;
	char got[16], c;
	int m, s, status;
	pid_t pid;

	for (; going(); n++) {
		pair(&m, &s, 0);
		pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			CHECK(setsid() == getpid() && ioctl(s, TIOCSCTTY, 0) == 0);
			close(s);
			s = open("/dev/tty", O_RDWR);
			CHECK(s >= 0 && tcgetpgrp(s) == getpid());
			CHECK(write(s, "here\n", 5) == 5);
			for (;;)
				pause();
		}
		read_all(m, got, 6);
		CHECK(memcmp(got, "here\r\n", 6) == 0);
		CHECK(write(m, "\003", 1) == 1);
		CHECK(waitpid(pid, &status, 0) == pid && WTERMSIG(status) == SIGINT);
		CHECK(close(s) == 0);
		while (read(m, &c, 1) == 1)
			CHECK(c == '^' || c == 'C');    /* Linux may lose it */
		CHECK(errno == EIO);
		CHECK(close(m) == 0);
	}
	printf("%u sessions\n", n);
}

int main(int argc, char **argv)
{
	static void (*const work[])(void) = { from_line, to_line, lines, sessions };
	int status, bad = 0;

	end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 1);
	for (unsigned i = 0; i < sizeof(work) / sizeof(work[0]); i++)
		if (fork() == 0) {
			work[i]();
			exit(0);
		}
	while (wait(&status) > 0)
		bad |= status;
	return bad != 0;
}
