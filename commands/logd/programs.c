/* SPDX-License-Identifier: BSD-2-Clause
 * programs.c - what programs log with syslog(3).
 *
 * Job:      is the socket /dev/log, and appends what is sent to it to the file.
 * Speaks:   RFC 3164 as syslog(3) writes it: <N>Jan 31 12:00:00 tag: text.
 * Touches:  /dev/log.
 * Trusts:   nothing: bytes that are no text are shown as such.
 * On crash: init starts it again; syslog(3) connects anew. What lay in the socket is lost.
 */
#include "logd.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { MESSAGE_MOST = 8192, DATE_LEN = 16, TEXT_MOST = 480 };

static int open_socket(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "/dev/log" };
	int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	mode_t mask = umask(0111);
	int err;

	unlink(a.sun_path);
	err = s < 0 ? -1 : bind(s, (struct sockaddr *)&a, sizeof(a));
	umask(mask);
	return err == 0 ? s : -1;
}

/* Behind <N>, and behind the sender's date: we have our own. */
static const char *text_of(const char *line)
{
	unsigned level;
	int head = 0;

	if (sscanf(line, "<%3u>%n", &level, &head) == 1)
		line += head;
	if (strlen(line) >= DATE_LEN && line[3] == ' ' && line[6] == ' ' && line[9] == ':' &&
	    line[12] == ':' && line[15] == ' ')
		line += DATE_LEN;
	return line;
}

static void append(const char *text)
{
	char clean[TEXT_MOST];
	struct timespec now;
	size_t n = 0;

	for (; *text != '\0' && n + 2 < sizeof(clean); text++) {
		unsigned char c = (unsigned char)*text;

		if (c < ' ' || c == 0x7f) {
			clean[n++] = '^';
			c ^= 0x40;
		}
		clean[n++] = (char)c;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	if (n > 0)
		file_append_line(now.tv_sec, (unsigned long)now.tv_nsec / 1000, clean, n);
}

/* One message may have several lines, and NULs where C programs have sent them. */
static void append_message(char *text, size_t len)
{
	size_t at = 0;

	text[len] = '\0';
	while (at < len) {
		size_t n = strcspn(text + at, "\n");

		text[at + n] = '\0';
		append(text_of(text + at));
		at += n + 1;
	}
}

int programs_follow(void)
{
	static char text[MESSAGE_MOST + 1];
	struct pollfd p = { .fd = open_socket(), .events = POLLIN };

	if (p.fd < 0) {
		fprintf(stderr, "logd: /dev/log: %s\n", strerror(errno));
		return 1;
	}
	for (;;) {
		ssize_t n;

		if (poll(&p, 1, unsafe ? QUIET_MS : -1) == 0) {
			file_sync();
			continue;
		}
		n = recv(p.fd, text, MESSAGE_MOST, 0);
		if (n > 0)
			append_message(text, (size_t)n);
	}
}
