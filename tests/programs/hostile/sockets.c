/* SPDX-License-Identifier: BSD-2-Clause
 * sockets.c - programs that take all sockets, fill them, and send them to each other.
 */
#include "hostile.h"

static char block[60000];

union control { char bytes[CMSG_SPACE(sizeof(int))]; struct cmsghdr align; };

static ssize_t send_fd(int s, int fd)
{
	union control control = { { 0 } };
	struct iovec part = { block, 1 };
	struct msghdr m = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	return sendmsg(s, &m, MSG_DONTWAIT);
}

/* As many as there are, and as much in them as goes in. */
void full_sockets(long a)
{
	unsigned n = 0;
	int s[2];

	(void)a;
	for (; socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0; n++) {
		while (send(s[0], block, sizeof(block), MSG_DONTWAIT) > 0)
			continue;
		CHECK(errno == EAGAIN || errno == ENOBUFS);
		while (send(s[1], block, sizeof(block), MSG_DONTWAIT) > 0)
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
