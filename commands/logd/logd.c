/* SPDX-License-Identifier: BSD-2-Clause
 * logd.c - appends the log to a file.
 *
 *	logd [FILE [BYTES]]             the system's lines
 *	logd -p [FILE [BYTES]]          those of programs
 *
 * Job:      waits for lines in syslog(2), as klogd does on Linux, and appends them to a file
 *           (default /var/log/skink.log) with the date; brings them to the disk when it gets quiet.
 *           With -p it does so with what programs send to /dev/log (programs.c). The file, which
 *           both may share, is logfile.c's.
 * Speaks:   Linux calls.
 * Touches:  the file.
 * Trusts:   nothing: a line it does not understand is copied as it is.
 * On crash: init starts it again; it goes on with the first line that it has not taken.
 */
#include "logd.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/time.h>
#include <unistd.h>

enum { SYSLOG_READ = 2, CHUNK = 8192 };

static void on_alarm(int signal)
{
	(void)signal;                   /* it interrupts the read */
}

/* <6>[    1.234567] rs: text  becomes  2026-01-31T12:00:00.234567 rs: text */
static void append_line(const char *line, size_t len)
{
	struct timespec now, up;
	unsigned level;
	unsigned long s, us;
	int head = 0;
	time_t when;

	if (sscanf(line, "<%u>[%lu.%6lu] %n", &level, &s, &us, &head) != 3 || head == 0 ||
	    (size_t)head > len) {
		file_append(line, len);
		return;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	clock_gettime(CLOCK_MONOTONIC, &up);
	when = now.tv_sec - up.tv_sec + (now.tv_nsec < up.tv_nsec ? -1 : 0) + (time_t)s;
	file_append_line(when, us, line + head, len - (size_t)head - 1);
}

static void append_lines(const char *text, size_t len)
{
	while (len > 0) {
		const char *end = memchr(text, '\n', len);
		size_t n = end != NULL ? (size_t)(end - text) + 1 : len;

		append_line(text, n);
		text += n;
		len -= n;
	}
}

/* Again and again, in case it goes off just before the read begins. */
static void set_timer(int seconds)
{
	struct itimerval t = { { seconds, 0 }, { seconds, 0 } };

	setitimer(ITIMER_REAL, &t, NULL);
}

static void follow(void)
{
	static char text[CHUNK + 1];

	for (;;) {
		int n;

		set_timer(unsafe ? QUIET_MS / 1000 : 0);
		n = klogctl(SYSLOG_READ, text, CHUNK);
		if (n > 0) {
			text[n] = '\0';
			append_lines(text, (size_t)n);
		} else if (n < 0 && errno == EINTR && unsafe) {
			file_sync();
		} else if (n < 0 && errno != EINTR) {
			complain("the log cannot be read");
			exit(1);
		}
	}
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_alarm };
	bool programs = argc > 1 && strcmp(argv[1], "-p") == 0;

	argc -= programs;
	argv += programs;
	if (argc > 3 || (argc == 3 && (limit = atol(argv[2])) <= 0)) {
		fputs("usage: logd [-p] [FILE [BYTES]]\n", stderr);
		return 2;
	}
	if (argc > 1)
		path = argv[1];
	sigaction(SIGALRM, &action, NULL);
	if (!file_open()) {
		complain("cannot be opened");
		sleep(5);               /* init would start us again at once */
		return 1;
	}
	if (programs) {
		programs_follow();
		sleep(5);               /* likewise */
		return 1;
	}
	follow();
	return 0;
}
