/* SPDX-License-Identifier: BSD-2-Clause
 * logd.c - appends the log to a file.
 *
 * Job:      waits for lines in syslog(2), as klogd does on Linux, and appends them to a file
 *           (default /var/log/skink.log) with the date; brings them to the disk when it gets quiet;
 *           keeps OLD old files when one has become too long.
 * Speaks:   Linux calls.
 * Touches:  the file, FILE.1 .. FILE.3.
 * Trusts:   nothing: a line it does not understand is copied as it is.
 * On crash: init starts it again; it goes on with the first line that it has not taken.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { SYSLOG_READ = 2, CHUNK = 8192, OLD = 3, QUIET_SECONDS = 2 };

static const char *path = "/var/log/skink.log";
static long limit = 256 * 1024;         /* bytes of one file */
static int file = -1;
static off_t size;
static bool unsafe;                     /* written since the last fsync */

static void on_alarm(int signal)
{
	(void)signal;                   /* it interrupts the read */
}

static void complain(const char *what)
{
	fprintf(stderr, "logd: %s: %s: %s\n", path, what, strerror(errno));
}

static bool open_file(void)
{
	struct stat s;

	file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	if (file < 0 || fstat(file, &s) != 0)
		return false;
	size = s.st_size;
	return true;
}

/* FILE.2 becomes FILE.3, FILE.1 FILE.2, FILE FILE.1. */
static void rotate(void)
{
	char from[256], to[256];

	for (int n = OLD; n > 0; n--) {
		snprintf(to, sizeof(to), "%s.%d", path, n);
		snprintf(from, sizeof(from), n > 1 ? "%s.%d" : "%s", path, n - 1);
		if (rename(from, to) != 0 && errno != ENOENT)
			complain("cannot be put aside");
	}
	close(file);
	if (!open_file())
		complain("cannot be opened");
}

static void append(const char *text, size_t len)
{
	if (size > 0 && size + (off_t)len > limit)
		rotate();
	while (len > 0) {
		ssize_t n = write(file, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;         /* the disk is full: these lines are lost */
		text += n;
		len -= (size_t)n;
		size += n;
		unsafe = true;
	}
}

/* <6>[    1.234567] rs: text  becomes  2026-01-31T12:00:00.234567 rs: text */
static void append_line(const char *line, size_t len)
{
	struct timespec now, up;
	unsigned level;
	unsigned long s, us;
	int head = 0, n;
	char text[512];
	time_t when;
	struct tm tm;

	if (sscanf(line, "<%u>[%lu.%6lu] %n", &level, &s, &us, &head) != 3 || head == 0 ||
	    (size_t)head > len) {
		append(line, len);
		return;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	clock_gettime(CLOCK_MONOTONIC, &up);
	when = now.tv_sec - up.tv_sec + (now.tv_nsec < up.tv_nsec ? -1 : 0) + (time_t)s;
	gmtime_r(&when, &tm);
	n = (int)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	n += snprintf(text + n, sizeof(text) - (size_t)n, ".%06lu %.*s\n", us,
		      (int)(len - (size_t)head - 1), line + head);
	append(text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
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

		set_timer(unsafe ? QUIET_SECONDS : 0);
		n = klogctl(SYSLOG_READ, text, CHUNK);
		if (n > 0) {
			text[n] = '\0';
			append_lines(text, (size_t)n);
		} else if (n < 0 && errno == EINTR && unsafe) {
			fsync(file);
			unsafe = false;
		} else if (n < 0 && errno != EINTR) {
			complain("the log cannot be read");
			exit(1);
		}
	}
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_alarm };

	if (argc > 3 || (argc == 3 && (limit = atol(argv[2])) <= 0)) {
		fputs("usage: logd [FILE [BYTES]]\n", stderr);
		return 2;
	}
	if (argc > 1)
		path = argv[1];
	sigaction(SIGALRM, &action, NULL);
	if (!open_file()) {
		complain("cannot be opened");
		sleep(5);               /* init would start us again at once */
		return 1;
	}
	follow();
	return 0;
}
