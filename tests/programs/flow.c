/* SPDX-License-Identifier: BSD-2-Clause
 * flow.c - data that flows through sockets, and is checked where it comes out.
 *
 *	flow SECONDS
 *	flow name PATH          be a socket of that name, and answer who asks
 *	flow ask PATH           ask it
 *	flow cycle              sockets are refused that would never end (not on Linux)
 *
 * Pairs of processes, one for each way: a stream, datagrams, connections, open files in flight;
 * and one that waits all the time for a single byte. Says how much each has moved; 1 if anything
 * was lost, doubled or changed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHECK(cond) \
	do { \
		if (!(cond)) { \
			dprintf(2, "flow.c:%d: %s (errno %d)\n", __LINE__, #cond, errno); \
			_exit(1); \
		} \
	} while (0)

enum { MOST = 30000 };

static time_t end;
static unsigned char bytes[MOST];

static int go_on(void)
{
	return time(NULL) < end;
}

static unsigned char byte_at(uint64_t n)
{
	return (unsigned char)(n * 37 >> 4);
}

/* ---- a stream: every byte says where it is ---- */

static void stream_out(int s)
{
	size_t step = 1;

	for (uint64_t at = 0; go_on(); at += step, step = step * 17 % (MOST - 1) + 1) {
		for (size_t k = 0; k < step; k++)
			bytes[k] = byte_at(at + k);
		CHECK(write(s, bytes, step) == (ssize_t)step);
	}
}

static uint64_t stream_in(int s)
{
	uint64_t at = 0;
	ssize_t n;

	while ((n = read(s, bytes, 1 + at % (MOST - 1))) > 0) {
		for (ssize_t k = 0; k < n; k++)
			CHECK(bytes[k] == byte_at(at + (uint64_t)k));
		at += (uint64_t)n;
	}
	CHECK(n == 0);
	return at;
}

/* The same from a file, as long as the bytes repeat themselves often. */
static void carry_out(int s)
{
	FILE *file = tmpfile();
	off_t at;

	for (uint64_t k = 0; k < 16 * 4096; k++)
		fputc(byte_at(k), file);
	CHECK(fflush(file) == 0);
	while (go_on())
		for (at = 0; at < 16 * 4096;)
			CHECK(sendfile(s, fileno(file), &at, (size_t)(16 * 4096 - at)) > 0);
}

/* ---- packets: each has its number, and a length by it ---- */

static size_t length_of(uint64_t n)
{
	return sizeof(n) + n * 7919 % (MOST - sizeof(n));
}

static void packets_out(int s)
{
	for (uint64_t n = 0; go_on(); n++) {
		memcpy(bytes, &n, sizeof(n));
		CHECK(send(s, bytes, length_of(n), 0) == (ssize_t)length_of(n));
	}
}

static uint64_t packets_in(int s)
{
	uint64_t n = 0, got;
	ssize_t len;

	for (; (len = recv(s, bytes, MOST, 0)) > 0; n++) {
		memcpy(&got, bytes, sizeof(got));
		CHECK(got == n && (size_t)len == length_of(n));
	}
	CHECK(len == 0);
	return n;
}

/* ---- connections: each carries a number there and back ---- */

static struct sockaddr_un name = { AF_UNIX, "/tmp/flow.socket" };

static void connect_all(int s)
{
	(void)s;
	for (uint64_t n = 1; go_on(); n++) {
		int c = socket(AF_UNIX, SOCK_STREAM, 0);
		uint64_t back = 0;

		CHECK(c >= 0 && connect(c, (struct sockaddr *)&name, sizeof(name)) == 0);
		CHECK(write(c, &n, sizeof(n)) == sizeof(n));
		CHECK(recv(c, &back, sizeof(back), MSG_WAITALL) == sizeof(back) && back == ~n);
		CHECK(close(c) == 0);
	}
}

/* One after the other, so that none comes twice. */
static uint64_t accept_all(int l)
{
	uint64_t n = 0, got;

	while (go_on()) {
		int c = accept(l, NULL, NULL);

		if (c < 0 && errno == EAGAIN)
			continue;
		CHECK(c >= 0 && recv(c, &got, sizeof(got), MSG_WAITALL) == sizeof(got));
		CHECK(got == ++n);
		got = ~got;
		CHECK(write(c, &got, sizeof(got)) == sizeof(got) && close(c) == 0);
	}
	return n;
}

/* ---- open files: a pipe for each number, which comes through it ---- */

static union { char bytes[CMSG_SPACE(sizeof(int))]; struct cmsghdr align; } control;

static struct msghdr header_for(struct iovec *part)
{
	return (struct msghdr){
		.msg_iov = part, .msg_iovlen = 1, .msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
}

static void files_out(int s)
{
	for (uint64_t n = 0; go_on(); n++) {
		struct iovec part = { &n, sizeof(n) };
		struct msghdr m = header_for(&part);
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		int p[2];

		CHECK(pipe(p) == 0 && write(p[1], &n, sizeof(n)) == sizeof(n));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &p[0], sizeof(int));
		CHECK(sendmsg(s, &m, 0) == sizeof(n) && close(p[0]) == 0 && close(p[1]) == 0);
	}
}

static uint64_t files_in(int s)
{
	uint64_t n = 0, got, number;
	struct iovec part = { &number, sizeof(number) };
	int fd;

	for (;; n++) {
		struct msghdr m = header_for(&part);
		ssize_t len = recvmsg(s, &m, 0);

		if (len == 0)
			return n;
		CHECK(len == sizeof(number) && number == n && m.msg_flags == 0);
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
		CHECK(read(fd, &got, sizeof(got)) == sizeof(got) && got == n);
		CHECK(read(fd, &got, sizeof(got)) == 0 && close(fd) == 0);
		CHECK(fd < 10);         /* none is left over */
	}
}

/* ---- one byte, at the end ---- */

static void wait_out(int s)
{
	while (go_on())
		sleep(1);
	CHECK(write(s, "w", 1) == 1);
}

static uint64_t wait_in(int s)
{
	char text[2];

	CHECK(recv(s, text, 2, MSG_WAITALL) == 1 && text[0] == 'w');
	return 1;
}

static const struct way {
	const char *name;
	int type;
	void (*out)(int);
	uint64_t (*in)(int);
} ways[] = {
	{ "bytes", SOCK_STREAM, stream_out, stream_in },
	{ "carried", SOCK_STREAM, carry_out, stream_in },
	{ "packets", SOCK_SEQPACKET, packets_out, packets_in },
	{ "connections", 0, connect_all, accept_all },
	{ "files", SOCK_SEQPACKET, files_out, files_in },
	{ "waits", SOCK_STREAM, wait_out, wait_in },
};

static void run(const struct way *w)
{
	struct timeval limit = { 1, 0 };
	int s[2], status, failed = 0, few = 0;
	uint64_t n;

	if (w->type != 0) {
		CHECK(socketpair(AF_UNIX, w->type, 0, s) == 0);
		if (w->in == files_in)  /* each is a pipe, and there are not that many */
			setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &few, sizeof(few));
	} else {
		unlink(name.sun_path);
		s[0] = s[1] = socket(AF_UNIX, SOCK_STREAM, 0);
		CHECK(bind(s[0], (struct sockaddr *)&name, sizeof(name)) == 0);
		CHECK(listen(s[0], 5) == 0);
		CHECK(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0);
	}
	if (fork() == 0) {
		if (w->type != 0)
			close(s[1]);
		w->out(s[0]);
		_exit(0);
	}
	if (w->type != 0) {
		close(s[0]);
	} else {
		end += 2;               /* who accepts ends after who connects */
	}
	n = w->in(s[1]);
	CHECK(wait(&status) > 0);
	failed = status != 0;
	printf("%s %lu%s\n", w->name, (unsigned long)n, failed ? " BAD" : "");
	fflush(stdout);
	_exit(failed);
}

/* ---- a name ---- */

static void answer(void)
{
	int l = socket(AF_UNIX, SOCK_STREAM, 0);

	CHECK(bind(l, (struct sockaddr *)&name, sizeof(name)) == 0 && listen(l, 5) == 0);
	for (;;) {
		int c = accept(l, NULL, NULL);

		CHECK(c >= 0 && write(c, "here", 4) == 4 && close(c) == 0);
	}
}

static void ask(void)
{
	char text[5] = "";
	int c = socket(AF_UNIX, SOCK_STREAM, 0);

	CHECK(connect(c, (struct sockaddr *)&name, sizeof(name)) == 0);
	CHECK(read(c, text, 4) == 4 && puts(text) >= 0);
}

/* ---- what would hold itself ---- */

static void send_fd(int s, int fd, int error)
{
	struct iovec part = { "x", 1 };
	struct msghdr m = header_for(&part);
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	ssize_t n;

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	n = sendmsg(s, &m, MSG_DONTWAIT);
	CHECK(error == 0 ? n == 1 : n < 0 && errno == error);
}

static void cycle(void)
{
	int a[2], b[2], l = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0);

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, a) == 0);
	CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, b) == 0);
	send_fd(a[0], a[1], ETOOMANYREFS);              /* into itself */
	send_fd(a[0], a[0], 0);                         /* that is the other end */
	send_fd(a[0], b[1], 0);
	send_fd(b[0], a[1], ETOOMANYREFS);              /* which holds b[1] */
	unlink(name.sun_path);
	CHECK(bind(l, (struct sockaddr *)&name, sizeof(name)) == 0 && listen(l, 5) == 0);
	CHECK(connect(c, (struct sockaddr *)&name, sizeof(name)) == 0);
	send_fd(c, l, ETOOMANYREFS);                    /* which holds what will be accepted */
	CHECK(accept(l, NULL, NULL) >= 0);
	send_fd(c, l, 0);
	unlink(name.sun_path);
}

int main(int argc, char **argv)
{
	int status, failed = 0;

	if (argc == 2 && strcmp(argv[1], "cycle") == 0) {
		cycle();
		return 0;
	}
	if (argc == 3) {
		snprintf(name.sun_path, sizeof(name.sun_path), "%s", argv[2]);
		(strcmp(argv[1], "name") == 0 ? answer : ask)();
		return 0;
	}

	end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 5);
	for (unsigned k = 0; k < sizeof(ways) / sizeof(ways[0]); k++)
		if (fork() == 0)
			run(&ways[k]);
	while (wait(&status) > 0)
		failed |= status != 0;
	return failed;
}
