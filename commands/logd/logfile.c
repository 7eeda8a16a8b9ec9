/* SPDX-License-Identifier: BSD-2-Clause
 * logfile.c - the file that the log is written to.
 *
 * Job:      appends lines; puts the file aside when it has become too long, and keeps OLD old ones.
 * Speaks:   Linux calls.
 * Touches:  FILE, FILE.1 .. FILE.3.
 * Trusts:   nothing.
 * On crash: nothing is to be done: each line is one write.
 *
 * Two processes append (logd.c). Who appends or puts aside holds the file's lock; who finds that
 * the name has become another file's in the meantime opens that one.
 */
#include "logd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OLD = 3 };

const char *path = "/var/log/skink.log";
long limit = 256 * 1024;
bool unsafe;
static int file = -1;

void complain(const char *what)
{
	fprintf(stderr, "logd: %s: %s: %s\n", path, what, strerror(errno));
}

bool file_open(void)
{
	file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	return file >= 0;
}

static bool file_again(void)
{
	if (file >= 0)
		close(file);
	if (file_open())
		return true;
	complain("cannot be opened");
	return false;
}

/* Hold the lock of the file that has the name now. */
static bool file_lock(off_t *size)
{
	struct stat ours, named;

	for (;;) {
		if (file < 0 && !file_again())
			return false;
		while (flock(file, LOCK_EX) != 0)
			if (errno != EINTR)
				return false;
		if (fstat(file, &ours) != 0)
			return false;
		*size = ours.st_size;
		if (stat(path, &named) == 0 && named.st_ino == ours.st_ino &&
		    named.st_dev == ours.st_dev)
			return true;
		if (!file_again())
			return false;
	}
}

/* FILE.2 becomes FILE.3, FILE.1 FILE.2, FILE FILE.1. */
static void put_aside(void)
{
	char from[256], to[256];

	for (int n = OLD; n > 0; n--) {
		snprintf(to, sizeof(to), "%s.%d", path, n);
		snprintf(from, sizeof(from), n > 1 ? "%s.%d" : "%s", path, n - 1);
		if (rename(from, to) != 0 && errno != ENOENT)
			complain("cannot be put aside");
	}
	close(file);
	file = -1;
}

void file_append(const char *text, size_t len)
{
	off_t size;

	if (!file_lock(&size))
		return;
	if (size > 0 && size + (off_t)len > limit) {
		put_aside();
		if (!file_lock(&size))
			return;
	}
	while (len > 0) {
		ssize_t n = write(file, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;          /* the disk is full: this line is lost */
		text += n;
		len -= (size_t)n;
		unsafe = true;
	}
	flock(file, LOCK_UN);
}

void file_append_line(time_t when, unsigned long us, const char *text, size_t len)
{
	char line[LINE_MOST];
	struct tm tm;
	int n;

	gmtime_r(&when, &tm);
	n = (int)strftime(line, sizeof(line), "%Y-%m-%dT%H:%M:%S", &tm);
	n += snprintf(line + n, sizeof(line) - (size_t)n, ".%06lu %.*s", us, (int)len, text);
	if ((size_t)n > sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n] = '\n';
	file_append(line, (size_t)n + 1);
}

void file_sync(void)
{
	fsync(file);
	unsafe = false;
}
