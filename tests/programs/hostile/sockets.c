/* SPDX-License-Identifier: BSD-2-Clause
 * sockets.c - programs that take all sockets, fill them, and send them to each other.
 */
#include "hostile.h"

#include <poll.h>

enum { FILES = 253, LONGEST = 212992 - 32 };

static char block[LONGEST];
static union { char bytes[CMSG_SPACE(FILES * sizeof(int))]; struct cmsghdr align; } control;

static struct msghdr header_for(struct iovec *part, size_t files)
{
	return (struct msghdr){
		.msg_iov = part, .msg_iovlen = 1, .msg_control = control.bytes,
		.msg_controllen = CMSG_SPACE(files * sizeof(int)),
	};
}

static ssize_t send_files(int s, const int *fds, size_t n, size_t len)
{
	struct iovec part = { block, len };
	struct msghdr m = header_for(&part, n);
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	return syscall(SYS_sendmsg, s, &m, MSG_DONTWAIT);       /* musl has limits of its own */
}

static ssize_t send_fd(int s, int fd)
{
	return send_files(s, &fd, 1, 1);
}

/* As many as there are, and as much in them as goes in. */
void full_sockets(long a)
{
	unsigned n = 0;
	int s[2];

	(void)a;
	for (; socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0; n++) {
		while (send(s[0], block, 60000, MSG_DONTWAIT) > 0)
			continue;
		CHECK(errno == EAGAIN || errno == ENOBUFS);
		while (send(s[1], block, 60000, MSG_DONTWAIT) > 0)
			continue;
	}
	CHECK((errno == EMFILE || errno == ENFILE) && n > 400);
}

/* A listener whose connections nobody accepts. */
void waiting_connections(long a)
{
	struct sockaddr_un name = { AF_UNIX, "/tmp/hostile.socket" };
	int l = socket(AF_UNIX, SOCK_STREAM, 0), c;

	unlink(name.sun_path);
	CHECK(bind(l, (struct sockaddr *)&name, sizeof(name)) == 0 && listen(l, 5000) == 0);
	unlink("/tmp/hostile.socket.2");
	CHECK(rename(name.sun_path, "/tmp/hostile.socket.2") == 0);
	strcpy(name.sun_path, "/tmp/hostile.socket.2");
	while (a-- > 0) {
		c = socket(AF_UNIX, SOCK_STREAM, 0);
		if (c < 0 || connect(c, (struct sockaddr *)&name, sizeof(name)) != 0)
			break;
		CHECK(send(c, block, 5000, MSG_DONTWAIT) == 5000);
	}
	CHECK(a < 0 || errno == ENFILE || errno == EMFILE);
	unlink(name.sun_path);
}

/* Each in flight in the next one: the end of the last is the end of all. */
void chain_of_sockets(long a)
{
	int s[2], before[2] = { -1, -1 };

	while (a-- > 0) {
		CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
		if (before[0] >= 0) {
			CHECK(send_fd(s[0], before[1]) == 1);
			close(before[0]);
			close(before[1]);
		}
		memcpy(before, s, sizeof(before));
	}
}

/* One file, in flight as often as may be. */
void files_in_flight(long a)
{
	int s[2], n = 0;

	(void)a;
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	for (;; n++) {
		if (send_fd(s[0], 0) == 1)
			continue;
		if (errno == ETOOMANYREFS)
			break;
		CHECK(errno == EAGAIN && socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	}
	CHECK(n > 500);
}

/* All of them are closed when the message is read. */
void files_that_nobody_takes(long a)
{
	int s[2], p[2], fds[FILES];

	(void)a;
	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s) == 0);
	for (unsigned k = 0; k < FILES; k++)
		CHECK((fds[k] = open("/etc/passwd", O_RDONLY)) >= 0);
	for (unsigned k = 0; k + 1 < FILES; k += 8) {   /* every fourth pair is a full pipe */
		CHECK(pipe(p) == 0 && write(p[1], block, 60000) == 60000);
		CHECK(dup2(p[0], fds[k]) >= 0 && dup2(p[1], fds[k + 1]) >= 0);
		close(p[0]);
		close(p[1]);
	}
	CHECK(send_files(s[0], fds, FILES, 1) == 1 && send_fd(s[0], 0) == 1);
	for (unsigned k = 0; k < FILES; k++)
		close(fds[k]);
	CHECK(read(s[1], block, 10) == 1 && read(s[1], block, 10) == 1);
	CHECK(recv(s[1], block, 10, MSG_DONTWAIT) < 0 && errno == EAGAIN);
}

/* Memory is scarce, so that each page of the message is given back at once. */
void crowded_receiver(long a)
{
	struct iovec part = { block, sizeof(block) };
	struct msghdr m = header_for(&part, FILES);
	struct pollfd f = { .events = POLLPRI };
	int s[2], last[2], fds[FILES];

	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s) == 0);
	do
		CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, last) == 0);
	while (send(last[0], block, LONGEST, MSG_DONTWAIT) == LONGEST &&
	       send(last[1], block, LONGEST, MSG_DONTWAIT) == LONGEST && last[1] < 400);
	for (int fd = last[1]; fd > last[1] - 4; fd--)
		close(fd);
	f.fd = s[1];
	for (long k = 0; k < a; k++)
		if (fork() == 0)
			_exit(poll(&f, 1, -1));
	usleep(300000);
	for (unsigned k = 0; k < FILES; k++)
		CHECK((fds[k] = dup(0)) >= 0);
	CHECK(send_files(s[0], fds, FILES, LONGEST) == LONGEST);
	for (unsigned k = 0; k < FILES; k++)
		close(fds[k]);
	CHECK(recvmsg(s[1], &m, 0) == LONGEST && m.msg_controllen == sizeof(control.bytes) &&
	      m.msg_flags == 0);
	signal(SIGTERM, SIG_IGN);
	kill(0, SIGTERM);
}
