/* SPDX-License-Identifier: BSD-2-Clause
 * packet.c - sockets of the family AF_UNIX that keep the ends of messages.
 */
#include "local.h"

static void t_datagrams_come_whole_and_say_from_whom(void)
{
	int a = make(SOCK_DGRAM), b = make(SOCK_DGRAM), c = make(SOCK_DGRAM), n;
	struct sockaddr_un from;
	socklen_t len = sizeof(from);
	static char big[MANY];
	char text[64];

	CHECK(bind_to(a, "@dg-a") == 0);
	FAILS(send(b, "x", 1, 0), ENOTCONN);
	FAILS(write(b, "x", 1), ENOTCONN);
	FAILS(send_to(b, "@dg-none", "x", 0), ECONNREFUSED);
	CHECK(send_to(c, "@dg-a", "first", 0) == 5 && send_to(c, "@dg-a", "", 0) == 0);
	CHECK(bind_to(b, "@dg-b") == 0 && send_to(b, "@dg-a", "third one", 0) == 9);
	CHECK(ioctl(a, FIONREAD, &n) == 0 && n == 5);
	CHECK(recvfrom(a, text, 3, MSG_PEEK | MSG_TRUNC, NULL, NULL) == 5);
	CHECK(recvfrom(a, text, sizeof(text), 0, (struct sockaddr *)&from, &len) == 5);
	CHECK(len == 0 && memcmp(text, "first", 5) == 0 && read(a, text, 9) == 0);
	len = sizeof(from);
	CHECK(recvfrom(a, text, 4, 0, (struct sockaddr *)&from, &len) == 4);
	CHECK(len == 2 + 5 && memcmp(from.sun_path, "\0dg-b", 5) == 0);
	FAILS(recv(a, text, 1, MSG_DONTWAIT), EAGAIN);
	CHECK(connect_to(b, "@dg-a") == 0);
	FAILS(send(b, big, sizeof(big), 0), EMSGSIZE);
	CHECK(send(b, big, 200000, 0) == 200000 && recv(a, big, sizeof(big), 0) == 200000);
	FAILS(connect_to(make(SOCK_STREAM), "@dg-a"), ECONNREFUSED);
	FAILS(send(b, nowhere, 5, 0), EFAULT);
	FAILS(sendto(b, "x", 1, 0, (struct sockaddr *)&from, 4000), EINVAL);
}

static void t_connected_datagram_sockets_hear_only_each_other(void)
{
	int a = make(SOCK_DGRAM), b = make(SOCK_DGRAM), c = make(SOCK_DGRAM);
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	char x;

	CHECK(bind_to(a, "@dc-a") == 0 && bind_to(b, "@dc-b") == 0);
	CHECK(connect_to(a, "@dc-b") == 0 && connect_to(b, "@dc-a") == 0);
	FAILS(send_to(c, "@dc-a", "x", 0), EPERM);
	FAILS(connect_to(c, "@dc-a"), EPERM);
	CHECK(send(b, "y", 1, 0) == 1 && recv(a, &x, 1, 0) == 1 && x == 'y');
	CHECK(connect(a, &none, sizeof(none)) == 0 && send_to(c, "@dc-a", "x", 0) == 1);
	CHECK(close(a) == 0);
	FAILS(send(b, "y", 1, 0), ECONNREFUSED);
	FAILS(send(b, "y", 1, 0), ENOTCONN);
	CHECK(shutdown(c, SHUT_WR) == 0);
	FAILS(send_to(c, "@dc-b", "x", MSG_NOSIGNAL), EPIPE);
	CHECK(shutdown(b, SHUT_RD) == 0);
	FAILS(send_to(make(SOCK_DGRAM), "@dc-b", "x", MSG_NOSIGNAL), EPIPE);
	CHECK(read(b, &x, 1) == 0);
}

static void t_a_full_receiver_makes_datagrams_wait(void)
{
	int s[2];
	long sent = 0, got = 0;
	char text[4096] = { 0 };
	pid_t pid;

	pair(SOCK_DGRAM, s);
	while (send(s[0], text, sizeof(text), MSG_DONTWAIT) == sizeof(text))
		sent++;
	CHECK(errno == EAGAIN && sent >= 5 && ready(s[0], POLLOUT) == 0);
	pid = fork();
	if (pid == 0) {
		for (long k = 0; k < 100; k++)
			CHECK(send(s[0], text, sizeof(text), 0) == sizeof(text));
		_exit(0);
	}
	for (; got < sent + 100; got++)
		CHECK(recv(s[1], text, sizeof(text), 0) == sizeof(text));
	end(pid);
	CHECK(ready(s[0], POLLOUT) == POLLOUT);
}

static void t_a_receiver_that_is_filled_again_and_again_gets_every_byte(void)
{
	static unsigned char text[70000], back[sizeof(text)];
	int s[2];

	pair(SOCK_SEQPACKET, s);
	for (size_t round = 0, sent, len; round < 60; round++) {
		len = 1 + round * 7919 % sizeof(text);
		memset(text, (int)round, sizeof(text));
		for (sent = 0; send(s[0], text, len, MSG_DONTWAIT) == (ssize_t)len; sent++)
			text[0]++;
		CHECK(errno == EAGAIN && sent > 1);
		memset(text, (int)round, sizeof(text));
		for (; sent > 0; sent--, text[0]++)
			CHECK(recv(s[1], back, sizeof(back), 0) == (ssize_t)len &&
			      memcmp(text, back, len) == 0);
	}
}

static void t_packets_keep_their_ends_and_end_with_the_peer(void)
{
	int l = listener(SOCK_SEQPACKET, "/tmp/sk.p", 2), c = make(SOCK_SEQPACKET), s;
	struct iovec parts[2] = { { "two", 3 }, { "parts", 5 } };
	char text[16];

	FAILS(send(c, "x", 1, 0), ENOTCONN);
	FAILS(recv(c, text, 1, 0), ENOTCONN);
	CHECK(connect_to(c, "/tmp/sk.p") == 0 && (s = accept(l, NULL, NULL)) >= 0);
	CHECK(send(c, "one", 3, MSG_EOR) == 3 && writev(c, parts, 2) == 8);
	CHECK(read(s, text, 2) == 2 && read(s, text, 16) == 8);
	CHECK(memcmp(text, "twoparts", 8) == 0);
	CHECK(read(s, text, 0) == 0);           /* waits for nothing, and takes nothing */
	CHECK(send(c, "last", 4, 0) == 4 && read(s, text, 0) == 0 && close(c) == 0);
	CHECK(read(s, text, 16) == 4 && read(s, text, 16) == 0);
	handle(SIGPIPE, on_signal, 0);
	FAILS(send(s, "x", 1, MSG_NOSIGNAL), EPIPE);
	CHECK(connect_to(c = make(SOCK_SEQPACKET), "/tmp/sk.p") == 0);
	CHECK((s = accept(l, NULL, NULL)) >= 0);
	CHECK(send(c, "kept", 4, 0) == 4 && send(s, "lost", 4, 0) == 4 && close(c) == 0);
	FAILS(recv(s, text, 16, 0), ECONNRESET);        /* the error first, then what came */
	CHECK(recv(s, text, 16, 0) == 4 && recv(s, text, 16, 0) == 0);
	unlink("/tmp/sk.p");
}

static void t_headers_with_nonsense_are_refused(void)
{
	char text[8];
	struct iovec part = { text, sizeof(text) };
	struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1 };
	struct mmsghdr many[3] = { { .msg_hdr = m }, { .msg_hdr = m }, { .msg_hdr = m } };
	int s[2];

	pair(SOCK_DGRAM, s);
	FAILS(syscall(SYS_sendmsg, s[0], nowhere, 0), EFAULT);
	FAILS(syscall(SYS_recvmsg, s[0], nowhere, MSG_DONTWAIT), EFAULT);
	m.msg_iovlen = 2000;
	FAILS(syscall(SYS_sendmsg, s[0], &m, 0), EMSGSIZE);
	m.msg_iovlen = 1;
	m.msg_name = text;
	m.msg_namelen = (socklen_t)-1;
	FAILS(syscall(SYS_sendmsg, s[0], &m, 0), EINVAL);
	FAILS(send(s[0], "x", 1, MSG_OOB), EOPNOTSUPP);
	m = (struct msghdr){ .msg_iov = &part, .msg_iovlen = 1, .msg_flags = 77 };
	CHECK(sendmmsg(s[0], many, 3, 0) == 3 && many[2].msg_len == 8);
	CHECK(recvmsg(s[1], &m, 0) == 8 && m.msg_flags == 0);
	CHECK(recvmmsg(s[1], many, 3, MSG_DONTWAIT, NULL) == 2 && many[1].msg_len == 8);
	FAILS(recvmmsg(s[1], many, 3, MSG_DONTWAIT, NULL), EAGAIN);
	CHECK(send(s[0], "0123456789", 10, 0) == 10);
	CHECK(recvmsg(s[1], &m, 0) == 8 && m.msg_flags == MSG_TRUNC);
}

const struct test packet_tests[] = {
	T(datagrams_come_whole_and_say_from_whom),
	T(connected_datagram_sockets_hear_only_each_other),
	T(a_full_receiver_makes_datagrams_wait),
	T(a_receiver_that_is_filled_again_and_again_gets_every_byte),
	T(packets_keep_their_ends_and_end_with_the_peer),
	T(headers_with_nonsense_are_refused), { NULL, NULL },
};
