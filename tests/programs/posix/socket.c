/* SPDX-License-Identifier: BSD-2-Clause
 * socket.c - sockets of the family AF_UNIX: names, connections, bytes, errors.
 */
#include "local.h"

/* ---- kinds, options ---- */

static void t_there_are_unix_sockets_and_no_others(void)
{
	int s[2];

	FAILS(socket(AF_UNIX, 99, 0), EINVAL);
	FAILS(socket(AF_UNIX, SOCK_STREAM | 0x100000, 0), EINVAL);
	FAILS(socket(AF_UNIX, SOCK_RDM, 0), ESOCKTNOSUPPORT);
	FAILS(socket(AF_UNIX, SOCK_STREAM, 7), EPROTONOSUPPORT);
	FAILS(socket(255, SOCK_STREAM, 0), EAFNOSUPPORT);
	FAILS(socket(-1, SOCK_STREAM, 0), EAFNOSUPPORT);
	FAILS(socketpair(AF_UNIX, SOCK_STREAM, 0, nowhere), EFAULT);
	FAILS(socketpair(255, SOCK_STREAM, 0, s), EAFNOSUPPORT);
	FAILS(listen(0, 5), ENOTSOCK);
	FAILS(accept(99, NULL, NULL), EBADF);
	FAILS(send(99, "", 1, 0), EBADF);
	CHECK(fcntl(make(SOCK_STREAM | SOCK_CLOEXEC), F_GETFD) == FD_CLOEXEC);
	CHECK(fcntl(make(SOCK_DGRAM | SOCK_NONBLOCK), F_GETFL) == (O_RDWR | O_NONBLOCK));
}

static void t_options_say_what_a_socket_is(void)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };
	struct timeval t = { 3, 500000 };
	socklen_t len = sizeof(t);
	int one = 1, fd = make(SOCK_STREAM), n = 50000;

	for (unsigned k = 0; k < 3; k++)
		CHECK(option(make(types[k]), SO_TYPE) == types[k]);
	CHECK(option(fd, SO_DOMAIN) == AF_UNIX && option(fd, SO_PROTOCOL) == 0);
	CHECK(option(fd, SO_ACCEPTCONN) == 0 && option(fd, SO_ERROR) == 0);
	CHECK(option(fd, SO_SNDBUF) == 212992 && option(fd, SO_RCVBUF) == 212992);
	CHECK(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &n, sizeof(n)) == 0);
	CHECK(option(fd, SO_SNDBUF) == 100000);
	n = 1;
	CHECK(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &n, sizeof(n)) == 0);
	CHECK(option(fd, SO_SNDBUF) > 2000 && option(fd, SO_PASSCRED) == 0);
	CHECK(setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)) == 0);
	CHECK(option(fd, SO_PASSCRED) == 1 && option(fd, SO_REUSEADDR) == 0);
	CHECK(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0);
	CHECK(option(fd, SO_REUSEADDR) == 1);
	CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)) == 0);
	t.tv_sec = 0;
	CHECK(getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, &len) == 0);
	CHECK(t.tv_sec == 3 && t.tv_usec == 500000 && len == sizeof(t));
	t.tv_usec = 1000000;
	FAILS(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)), EDOM);
	FAILS(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &n, 2), EINVAL);
	FAILS(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, nowhere, 4), EFAULT);
	FAILS(setsockopt(fd, SOL_SOCKET, 9999, &n, 4), ENOPROTOOPT);
	FAILS(setsockopt(fd, 77, 1, &n, 4), EOPNOTSUPP);
	len = (socklen_t)-1;
	FAILS(getsockopt(fd, SOL_SOCKET, SO_TYPE, &n, &len), EINVAL);
	len = 4;
	FAILS(getsockopt(fd, SOL_SOCKET, 9999, &n, &len), ENOPROTOOPT);
}

static void t_a_socket_is_a_descriptor_like_others(void)
{
	char link[64] = { 0 }, want[64], path[64];
	struct stat st;
	int s[2], n = 0, copy;

	pair(SOCK_STREAM, s);
	CHECK(fstat(s[0], &st) == 0 && S_ISSOCK(st.st_mode) && st.st_ino != 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", s[0]);
	snprintf(want, sizeof(want), "socket:[%lu]", (unsigned long)st.st_ino);
	CHECK(readlink(path, link, sizeof(link) - 1) > 0 && strcmp(link, want) == 0);
	CHECK(stat(path, &st) == 0 && S_ISSOCK(st.st_mode));
	FAILS(open(path, O_RDWR), ENXIO);
	FAILS(lseek(s[0], 0, SEEK_CUR), ESPIPE);
	FAILS(pread(s[0], want, 1, 0), ESPIPE);
	CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, s[0], 0) == MAP_FAILED && errno == ENODEV);
	CHECK(write(s[1], "abcde", 5) == 5 && ioctl(s[0], FIONREAD, &n) == 0 && n == 5);
	copy = dup(s[0]);
	CHECK(close(s[0]) == 0 && read(copy, want, 2) == 2 && want[1] == 'b');
	CHECK(ioctl(copy, FIONREAD, &n) == 0 && n == 3);
	CHECK(fcntl(copy, F_SETFL, O_NONBLOCK) == 0 && read(copy, want, 9) == 3);
	CHECK(fcntl(copy, F_GETOWN) == 0 && fcntl(copy, F_SETOWN, getpid()) == 0);
	CHECK(fcntl(copy, F_GETOWN) == getpid() && fcntl(copy, F_SETOWN, -getpgrp()) == 0);
	CHECK(fcntl(copy, F_GETOWN) == -getpgrp());
	FAILS(read(copy, want, 9), EAGAIN);
	CHECK(close(copy) == 0 && read(s[1], want, 1) == 0);
}

/* ---- names ---- */

static void t_a_path_names_a_socket_until_it_is_unlinked(void)
{
	struct sockaddr_un a;
	socklen_t len = sizeof(a);
	struct stat st;
	int fd, other = make(SOCK_STREAM), probe = make(SOCK_STREAM);

	unlink("/tmp/sk.a");
	umask(027);
	fd = listener(SOCK_STREAM, "/tmp/sk.a", 1);
	umask(022);
	CHECK(stat("/tmp/sk.a", &st) == 0 && st.st_mode == (S_IFSOCK | 0750));
	CHECK(getsockname(fd, (struct sockaddr *)&a, &len) == 0);
	CHECK(len == 2 + sizeof("/tmp/sk.a") && strcmp(a.sun_path, "/tmp/sk.a") == 0);
	FAILS(open("/tmp/sk.a", O_RDWR), ENXIO);
	FAILS(bind_to(other, "/tmp/sk.a"), EADDRINUSE);
	FAILS(bind_to(fd, "/tmp/sk.b"), EINVAL);
	unlink("/tmp/sk.b");
	FAILS(bind_to(other, "/tmp/none/x"), ENOENT);
	CHECK(link("/tmp/sk.a", "/tmp/sk.b") == 0 && rename("/tmp/sk.b", "/tmp/sk.c") == 0);
	CHECK(unlink("/tmp/sk.a") == 0 && connect_to(probe, "/tmp/sk.c") == 0);
	CHECK(close(fd) == 0);
	FAILS(connect_to(other, "/tmp/sk.c"), ECONNREFUSED);
	FAILS(connect_to(other, "/tmp/sk.a"), ENOENT);
	FAILS(connect_to(other, "/dev/null"), ECONNREFUSED);
	FAILS(connect_to(other, "/dev/null/x"), ENOTDIR);
	FAILS(bind_to(other, "/tmp/sk.c"), EADDRINUSE);
	CHECK(unlink("/tmp/sk.c") == 0 && bind_to(other, "/tmp/sk.c") == 0);
	unlink("/tmp/sk.c");
	CHECK(mknod("/tmp/sk.n", S_IFSOCK | 0600, 0) == 0);
	CHECK(mknod("/tmp/sk.x", 0170000 | 0600, 0) == -1 && errno == EINVAL);
	CHECK(mknod("/tmp/sk.x", S_IFLNK | 0600, 0) == -1 && errno == EINVAL);
	FAILS(connect_to(probe = make(SOCK_STREAM), "/tmp/sk.n"), ECONNREFUSED);
	unlink("/tmp/sk.n");
}

static void t_abstract_names_live_with_their_socket(void)
{
	struct sockaddr_un a;
	socklen_t len = sizeof(a);
	int fd = listener(SOCK_SEQPACKET, "@skink-test", 1), other = make(SOCK_SEQPACKET);

	CHECK(getsockname(fd, (struct sockaddr *)&a, &len) == 0 && len == 2 + 11);
	CHECK(memcmp(a.sun_path, "\0skink-test", 11) == 0);
	FAILS(bind_to(other, "@skink-test"), EADDRINUSE);
	CHECK(bind_to(make(SOCK_DGRAM), "@skink-test") == 0);   /* each type has its own */
	FAILS(connect_to(make(SOCK_STREAM), "@skink-test"), ECONNREFUSED);
	FAILS(connect_to(other, "@skink-tes"), ECONNREFUSED);
	CHECK(connect_to(other, "@skink-test") == 0);
	len = sizeof(a);
	CHECK(getpeername(other, (struct sockaddr *)&a, &len) == 0 && len == 2 + 11);
	close(fd);
	FAILS(connect_to(make(SOCK_SEQPACKET), "@skink-test"), ECONNREFUSED);
	a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	fd = make(SOCK_DGRAM);
	CHECK(bind(fd, (struct sockaddr *)&a, 2) == 0);         /* a name is found for it */
	len = sizeof(a);
	CHECK(getsockname(fd, (struct sockaddr *)&a, &len) == 0 && len == 2 + 6);
	CHECK(a.sun_path[0] == 0 && strspn(a.sun_path + 1, "0123456789abcdef") >= 5);
}

static void t_addresses_that_are_none_are_refused(void)
{
	struct sockaddr_un a = { .sun_family = AF_INET, .sun_path = "/tmp/x" };
	int fd = make(SOCK_STREAM);
	socklen_t len = sizeof(a);

	FAILS(bind(fd, (struct sockaddr *)&a, sizeof(a)), EINVAL);
	FAILS(connect(fd, (struct sockaddr *)&a, sizeof(a)), EINVAL);
	a.sun_family = AF_UNIX;
	FAILS(bind(fd, (struct sockaddr *)&a, 1), EINVAL);
	FAILS(bind(fd, (struct sockaddr *)&a, sizeof(a) + 1), EINVAL);
	FAILS(bind(fd, (struct sockaddr *)&a, (socklen_t)-1), EINVAL);
	FAILS(connect(fd, (struct sockaddr *)&a, 2), EINVAL);
	FAILS(bind(fd, nowhere, sizeof(a)), EFAULT);
	FAILS(getpeername(fd, (struct sockaddr *)&a, &len), ENOTCONN);
	CHECK(getsockname(fd, (struct sockaddr *)&a, &len) == 0 && len == 2);
	CHECK(a.sun_family == AF_UNIX);
	len = (socklen_t)-1;
	FAILS(getsockname(fd, (struct sockaddr *)&a, &len), EINVAL);
	len = 4;
	FAILS(getsockname(fd, nowhere, &len), EFAULT);
}

/* ---- connections ---- */

static void t_accept_gives_who_connected(void)
{
	struct sockaddr_un a;
	struct ucred who;
	socklen_t len = sizeof(a);
	int l = listener(SOCK_STREAM, "/tmp/sk.a", 5), c = make(SOCK_STREAM), s;
	char text[8];

	CHECK(option(l, SO_ACCEPTCONN) == 1 && ready(l, POLLIN) == 0);
	CHECK(bind_to(c, "@client") == 0 && connect_to(c, "/tmp/sk.a") == 0);
	CHECK(write(c, "early", 5) == 5 && ready(l, POLLIN) == POLLIN);
	FAILS(connect_to(c, "/tmp/sk.a"), EISCONN);
	FAILS(connect_to(l, "/tmp/sk.a"), EINVAL);
	FAILS(listen(c, 5), EINVAL);
	FAILS(accept(c, NULL, NULL), EINVAL);
	FAILS(read(l, text, 1), EINVAL);
	FAILS(syscall(SYS_accept4, l, NULL, NULL, 0x1), EINVAL);
	s = accept4(l, (struct sockaddr *)&a, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
	CHECK(s >= 0 && len == 2 + 7 && memcmp(a.sun_path, "\0client", 7) == 0);
	CHECK(fcntl(s, F_GETFD) == FD_CLOEXEC && fcntl(s, F_GETFL) == (O_RDWR | O_NONBLOCK));
	CHECK(read(s, text, sizeof(text)) == 5 && memcmp(text, "early", 5) == 0);
	FAILS(read(s, text, 1), EAGAIN);
	len = sizeof(a);
	CHECK(getsockname(s, (struct sockaddr *)&a, &len) == 0);
	CHECK(strcmp(a.sun_path, "/tmp/sk.a") == 0);
	FAILS(bind_to(s, "@accepted"), EINVAL);
	len = sizeof(who);
	CHECK(getsockopt(s, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 && len == sizeof(who));
	CHECK(who.pid == getpid() && who.uid == geteuid() && who.gid == getegid());
	CHECK(getsockopt(l, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 && who.pid == getpid());
	CHECK(getsockopt(make(SOCK_STREAM), SOL_SOCKET, SO_PEERCRED, &who, &len) == 0);
	CHECK(who.pid == 0 && who.uid == (uid_t)-1);
	FAILS(accept(make(SOCK_DGRAM), NULL, NULL), EOPNOTSUPP);
	FAILS(accept(make(SOCK_STREAM), NULL, NULL), EINVAL);
	FAILS(listen(make(SOCK_STREAM), 5), EINVAL);
	FAILS(listen(make(SOCK_DGRAM), 5), EOPNOTSUPP);
	unlink("/tmp/sk.a");
}

static void t_a_full_backlog_makes_connect_wait(void)
{
	int l = listener(SOCK_STREAM, "/tmp/sk.a", 1), c[3];
	struct timeval t = { 0, 50000 };
	char x = 0;
	pid_t pid;

	for (unsigned k = 0; k < 3; k++)
		c[k] = make(SOCK_STREAM);
	CHECK(connect_to(c[0], "/tmp/sk.a") == 0 && connect_to(c[1], "/tmp/sk.a") == 0);
	CHECK(fcntl(c[2], F_SETFL, O_NONBLOCK) == 0);
	FAILS(connect_to(c[2], "/tmp/sk.a"), EAGAIN);
	CHECK(fcntl(c[2], F_SETFL, 0) == 0);
	CHECK(setsockopt(c[2], SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t)) == 0);
	FAILS(connect_to(c[2], "/tmp/sk.a"), EAGAIN);
	pid = fork();
	if (pid == 0) {
		int late = make(SOCK_STREAM);

		CHECK(connect_to(late, "/tmp/sk.a") == 0 && write(late, "z", 1) == 1);
		_exit(0);
	}
	usleep(100000);
	CHECK(accept(l, NULL, NULL) >= 0 && accept(l, NULL, NULL) >= 0);
	CHECK(read(accept(l, NULL, NULL), &x, 1) == 1 && x == 'z');
	end(pid);
	/* One that waits hears of the listener's end. */
	CHECK(connect_to(make(SOCK_STREAM), "/tmp/sk.a") == 0);
	CHECK(connect_to(make(SOCK_STREAM), "/tmp/sk.a") == 0);
	pid = fork();
	if (pid == 0) {
		close(l);
		FAILS(connect_to(make(SOCK_STREAM), "/tmp/sk.a"), ECONNREFUSED);
		_exit(0);
	}
	usleep(100000);
	close(l);
	end(pid);
	unlink("/tmp/sk.a");
}

static void t_connections_that_were_not_accepted_are_reset(void)
{
	int l = listener(SOCK_STREAM, "@reset", 5), c = make(SOCK_STREAM);
	char x;

	CHECK(connect_to(c, "@reset") == 0 && write(c, "abc", 3) == 3);
	CHECK(close(l) == 0 && ready(c, POLLIN) & POLLHUP);
	FAILS(read(c, &x, 1), ECONNRESET);
	CHECK(read(c, &x, 1) == 0);
	FAILS(send(c, "x", 1, MSG_NOSIGNAL), EPIPE);
}

static void t_the_mode_of_a_path_says_who_may_connect(void)
{
	int l = listener(SOCK_STREAM, "/tmp/sk.a", 5);
	pid_t pid;

	CHECK(chmod("/tmp/sk.a", 0755) == 0);
	if (getuid() != 0)
		return;
	pid = fork();
	if (pid == 0) {
		CHECK(setgid(65534) == 0 && setuid(65534) == 0);
		FAILS(connect_to(make(SOCK_STREAM), "/tmp/sk.a"), EACCES);
		FAILS(bind_to(make(SOCK_STREAM), "/etc/sk.a"), EACCES);
		_exit(0);
	}
	end(pid);
	CHECK(chmod("/tmp/sk.a", 0777) == 0);
	pid = fork();
	if (pid == 0) {
		struct ucred who;
		socklen_t len = sizeof(who);
		int c = make(SOCK_STREAM);

		CHECK(setgid(65534) == 0 && setuid(65534) == 0);
		CHECK(connect_to(c, "/tmp/sk.a") == 0);
		CHECK(getsockopt(c, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 && who.uid == 0);
		_exit(0);
	}
	end(pid);
	close(l);
	unlink("/tmp/sk.a");
}

/* ---- streams ---- */

static void t_streams_carry_bytes_however_they_are_cut(void)
{
	static unsigned char part[40000];
	size_t done = 0, step = 1;
	int s[2];
	pid_t pid;

	pair(SOCK_STREAM, s);
	pid = fork();
	if (pid == 0) {
		close(s[1]);
		for (size_t at = 0; at < 4 * MANY; at += step, step = step * 7 % 39989 + 1) {
			if (step > 4 * MANY - at)
				step = 4 * MANY - at;
			for (size_t k = 0; k < step; k++)
				part[k] = (unsigned char)((at + k) * 31 >> 3);
			CHECK(write(s[0], part, step) == (ssize_t)step);
		}
		_exit(0);
	}
	close(s[0]);
	for (;; step = step * 11 % 39983 + 1) {
		ssize_t n = read(s[1], part, step);

		CHECK(n >= 0);
		if (n == 0)
			break;
		for (ssize_t k = 0; k < n; k++)
			CHECK(part[k] == (unsigned char)((done + (size_t)k) * 31 >> 3));
		done += (size_t)n;
	}
	CHECK(done == 4 * MANY);
	end(pid);
}

static void t_sendfile_fills_a_socket(void)
{
	static unsigned char text[MANY], back[4096];
	int s[2], fd = open("/tmp/sk.file", O_RDWR | O_CREAT | O_TRUNC, 0600);
	size_t done = 0;
	ssize_t n;
	pid_t pid;

	for (size_t k = 0; k < sizeof(text); k++)
		text[k] = (unsigned char)(k * 13 >> 5);
	CHECK(write(fd, text, sizeof(text)) == sizeof(text));
	pair(SOCK_STREAM, s);
	pid = fork();
	if (pid == 0) {
		off_t at = 0;

		while (at < MANY)
			CHECK(sendfile(s[0], fd, &at, MANY) > 0);
		_exit(0);
	}
	close(s[0]);
	for (; (n = read(s[1], back, sizeof(back))) > 0; done += (size_t)n)
		CHECK(memcmp(back, text + done, (size_t)n) == 0);
	CHECK(n == 0 && done == MANY);
	end(pid);
	unlink("/tmp/sk.file");
}

static void t_vectors_of_a_stream_are_gathered_and_scattered(void)
{
	char a[3], b[5], c[100];
	struct iovec in[3] = { { a, 3 }, { NULL, 0 }, { b, 5 } };
	struct iovec out[2] = { { "01234", 5 }, { "567", 3 } };
	struct iovec bad[1] = { { nowhere, 3 } };
	int s[2];

	pair(SOCK_STREAM, s);
	CHECK(writev(s[0], out, 2) == 8 && readv(s[1], in, 3) == 8);
	CHECK(memcmp(a, "012", 3) == 0 && memcmp(b, "34567", 5) == 0);
	FAILS(writev(s[0], bad, 1), EFAULT);
	FAILS(syscall(SYS_writev, s[0], out, -1l), EINVAL);
	FAILS(writev(s[0], nowhere, 1), EFAULT);
	CHECK(write(s[0], "x", 0) == 0 && write(s[0], "abcd", 4) == 4);
	FAILS(readv(s[1], bad, 1), EFAULT);
	CHECK(read(s[1], c, 0) == 0);
	CHECK(recv(s[1], c, 2, MSG_PEEK) == 2 && recv(s[1], c, 100, MSG_PEEK) == 4);
	CHECK(read(s[1], c, 100) == 4 && memcmp(c, "abcd", 4) == 0);
	FAILS(recv(s[1], c, 1, MSG_DONTWAIT), EAGAIN);
	FAILS(recv(s[1], c, 0, MSG_DONTWAIT), EAGAIN);
}

static struct iovec shared_parts[2];

static void *write_parts(void *s)
{
	return (void *)writev(*(int *)s, shared_parts, 2);
}

/* Linux has a copy of them. Nobody may write what is beyond the parts. */
static void t_parts_that_are_shortened_while_a_call_waits_do_no_harm(void)
{
	static char big[MANY], back[MANY];
	struct iovec before[32];
	int s[2], other[2];
	ssize_t n, got = 0;
	pthread_t t;
	void *sent;

	pair(SOCK_STREAM, s);
	pair(SOCK_STREAM | SOCK_NONBLOCK, other);
	for (unsigned k = 0; k < 32; k++)       /* these are remembered where parts are */
		before[k] = (struct iovec){ big, sizeof(big) };
	FAILS(readv(other[0], before, 32), EAGAIN);
	shared_parts[0] = shared_parts[1] = (struct iovec){ big, MANY / 2 };
	CHECK(pthread_create(&t, NULL, write_parts, &s[0]) == 0);
	while (ready(s[0], POLLOUT) != 0)
		usleep(1000);
	usleep(50000);
	shared_parts[0].iov_len = shared_parts[1].iov_len = 100;
	for (unsigned k = 0; k < 20; k++) {
		while ((n = recv(s[1], back, sizeof(back), MSG_DONTWAIT)) > 0)
			got += n;
		CHECK(errno == EAGAIN && got <= MANY);
		usleep(10000);
	}
	CHECK(pthread_join(t, &sent) == 0 && (ssize_t)sent == got);
}

static void t_waitall_waits_for_all(void)
{
	char text[10] = { 0 };
	int s[2];
	pid_t pid;

	pair(SOCK_STREAM, s);
	pid = fork();
	if (pid == 0) {
		for (unsigned k = 0; k < 5; k++) {
			CHECK(send(s[0], "ab", 2, 0) == 2);
			usleep(20000);
		}
		CHECK(send(s[0], "cd", 2, 0) == 2);
		_exit(0);
	}
	close(s[0]);
	CHECK(recv(s[1], text, 10, MSG_WAITALL) == 10 && memcmp(text, "ababababab", 10) == 0);
	CHECK(recv(s[1], text, 10, MSG_WAITALL) == 2 && memcmp(text, "cd", 2) == 0);
	end(pid);
}

static void t_a_stream_whose_reader_is_gone_is_broken(void)
{
	int s[2];
	char x;

	handle(SIGPIPE, on_signal, 0);
	pair(SOCK_STREAM, s);
	CHECK(close(s[1]) == 0);
	FAILS(send(s[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	CHECK(caught == 0);
	FAILS(write(s[0], "x", 1), EPIPE);
	CHECK(caught == SIGPIPE && read(s[0], &x, 1) == 0);
	pair(SOCK_STREAM, s);
	CHECK(write(s[0], "lost", 4) == 4 && write(s[1], "y", 1) == 1 && close(s[1]) == 0);
	CHECK(ready(s[0], POLLIN) & POLLERR);
	CHECK(read(s[0], &x, 1) == 1 && x == 'y');
	CHECK(option(s[0], SO_ERROR) == ECONNRESET && read(s[0], &x, 1) == 0);
}

static void t_shutdown_ends_one_direction(void)
{
	int s[2];
	char text[8];

	handle(SIGPIPE, on_signal, 0);
	pair(SOCK_STREAM, s);
	FAILS(shutdown(s[0], 3), EINVAL);
	FAILS(shutdown(s[0], -1), EINVAL);
	CHECK(write(s[0], "abc", 3) == 3 && shutdown(s[0], SHUT_WR) == 0);
	FAILS(write(s[0], "d", 1), EPIPE);
	CHECK(caught == SIGPIPE && (ready(s[1], POLLIN | POLLRDHUP) == (POLLIN | POLLRDHUP)));
	CHECK(read(s[1], text, 8) == 3 && read(s[1], text, 8) == 0 && read(s[1], text, 8) == 0);
	CHECK(write(s[1], "back", 4) == 4 && read(s[0], text, 8) == 4);
	CHECK(shutdown(s[0], SHUT_RD) == 0 && read(s[0], text, 8) == 0);
	FAILS(send(s[1], "x", 1, MSG_NOSIGNAL), EPIPE);
	CHECK(ready(s[0], 0) == POLLHUP);
}

static void t_a_call_that_waits_ends_with_time_or_signal(void)
{
	struct timeval t = { 0, 100000 };
	struct timespec a, b;
	static char big[MANY];
	int s[2];
	char x;

	pair(SOCK_STREAM, s);
	CHECK(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)) == 0);
	CHECK(setsockopt(s[0], SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t)) == 0);
	clock_gettime(CLOCK_MONOTONIC, &a);
	FAILS(read(s[0], &x, 1), EAGAIN);
	clock_gettime(CLOCK_MONOTONIC, &b);
	CHECK((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000 >= 90);
	CHECK(write(s[0], big, sizeof(big)) > 100000);
	FAILS(write(s[0], big, sizeof(big)), EAGAIN);
	handle(SIGALRM, on_signal, SA_RESTART);
	setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 0 }, { 0, 50000 } }, NULL);
	FAILS(read(s[0], &x, 1), EINTR);                /* with a time limit never again */
	handle(SIGALRM, on_signal, 0);
	setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 0 }, { 0, 50000 } }, NULL);
	pair(SOCK_STREAM, s);
	FAILS(read(s[1], &x, 1), EINTR);
}

static void t_poll_tells_of_room_and_of_bytes(void)
{
	static char big[MANY];
	int s[2], p[2];
	pid_t pid;
	struct pollfd f;
	fd_set set;

	pair(SOCK_STREAM | SOCK_NONBLOCK, s);
	CHECK(ready(s[0], POLLIN | POLLOUT) == POLLOUT);
	CHECK(ready(make(SOCK_STREAM), POLLIN | POLLOUT) == (POLLOUT | POLLHUP));
	CHECK(ready(make(SOCK_DGRAM), POLLIN | POLLOUT) == POLLOUT);
	while (write(s[0], big, sizeof(big)) > 0)
		continue;
	CHECK(errno == EAGAIN && ready(s[0], POLLOUT) == 0);
	CHECK(ready(s[1], POLLIN) == POLLIN && pipe(p) == 0);
	pid = fork();
	if (pid == 0) {
		usleep(50000);
		while (read(s[1], big, sizeof(big)) > 0)
			continue;
		usleep(50000);
		_exit(write(s[1], "x", 1) != 1);
	}
	f = (struct pollfd){ .fd = s[0], .events = POLLOUT };
	CHECK(poll(&f, 1, 5000) == 1 && f.revents == POLLOUT);
	FD_ZERO(&set);
	FD_SET(s[0], &set);
	CHECK(select(s[0] + 1, &set, NULL, NULL, NULL) == 1 && FD_ISSET(s[0], &set));
	end(pid);
}

static void t_sockets_are_listed_in_proc(void)
{
	char text[8192], want[64];
	struct stat st;
	int l = listener(SOCK_STREAM, "@listed", 2);
	FILE *f = fopen("/proc/net/unix", "r");
	unsigned found = 0;

	CHECK(f != NULL && fstat(l, &st) == 0);
	snprintf(want, sizeof(want), " %lu @listed\n", (unsigned long)st.st_ino);
	CHECK(fgets(text, sizeof(text), f) != NULL && strncmp(text, "Num ", 4) == 0);
	while (fgets(text, sizeof(text), f) != NULL)
		found += strstr(text, want) != NULL;
	CHECK(found == 1);
}

const struct test socket_tests[] = {
	T(there_are_unix_sockets_and_no_others), T(options_say_what_a_socket_is),
	T(a_socket_is_a_descriptor_like_others), T(a_path_names_a_socket_until_it_is_unlinked),
	T(abstract_names_live_with_their_socket), T(addresses_that_are_none_are_refused),
	T(accept_gives_who_connected), T(a_full_backlog_makes_connect_wait),
	T(connections_that_were_not_accepted_are_reset),
	T(the_mode_of_a_path_says_who_may_connect), T(streams_carry_bytes_however_they_are_cut),
	T(sendfile_fills_a_socket), T(vectors_of_a_stream_are_gathered_and_scattered),
	T(parts_that_are_shortened_while_a_call_waits_do_no_harm),
	T(waitall_waits_for_all),
	T(a_stream_whose_reader_is_gone_is_broken), T(shutdown_ends_one_direction),
	T(a_call_that_waits_ends_with_time_or_signal), T(poll_tells_of_room_and_of_bytes),
	T(sockets_are_listed_in_proc), { NULL, NULL },
};
