/* SPDX-License-Identifier: BSD-2-Clause
 * rights.c - what goes along with the bytes of a socket: who sends, and open files.
 */
#include "local.h"

enum { MOST = 300 };

static union { char bytes[CMSG_SPACE(MOST * sizeof(int))]; struct cmsghdr align; } control;

static ssize_t send_with(int s, int type, const void *data, size_t len, const char *text)
{
	struct iovec part = { (void *)text, strlen(text) };
	struct msghdr m = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes,
		.msg_controllen = CMSG_SPACE(len),
	};
	struct cmsghdr *c;

	memset(control.bytes, 0, sizeof(control.bytes));
	c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), data, len);
	return syscall(SYS_sendmsg, s, &m, MSG_DONTWAIT);       /* musl has limits of its own */
}

static ssize_t send_fds(int s, const int *fds, size_t n, const char *text)
{
	return send_with(s, SCM_RIGHTS, fds, n * sizeof(int), text);
}

static ssize_t send_fd(int s, int fd, const char *text)
{
	return send_fds(s, &fd, 1, text);
}

/* Bytes; fds[*n] are those that came, *flags as told. */
static ssize_t receive(int s, size_t len, int how, int *fds, unsigned *n, int *flags)
{
	char text[64];
	struct iovec part = { text, len };
	struct msghdr m = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes,
		.msg_controllen = CMSG_SPACE(*n * sizeof(int)),
	};
	ssize_t got = recvmsg(s, &m, how);

	*n = 0;
	if (flags != NULL)
		*flags = m.msg_flags;
	if (got < 0)
		return got;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c != NULL; c = CMSG_NXTHDR(&m, c)) {
		CHECK(c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS);
		*n = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fds, CMSG_DATA(c), *n * sizeof(int));
	}
	return got;
}

static int receive_fd(int s)
{
	int fds[4] = { -1 }, flags;
	unsigned n = 4;

	CHECK(receive(s, 10, 0, fds, &n, &flags) > 0 && n == 1 && flags == 0);
	return fds[0];
}

/* Does somebody still have the other end? */
static int is_open(int reading_end)
{
	struct pollfd p = { .fd = reading_end, .events = POLLIN };

	CHECK(poll(&p, 1, 0) >= 0);
	return !(p.revents & POLLHUP);
}

static void t_an_open_file_is_handed_to_another_process(void)
{
	int s[2], p[2], status;
	char text[8] = { 0 };
	pid_t pid;

	pair(SOCK_STREAM, s);
	pid = fork();
	if (pid == 0) {
		int fd = receive_fd(s[1]);

		CHECK(write(fd, "hello", 5) == 5);
		_exit(0);
	}
	close(s[1]);
	CHECK(pipe(p) == 0 && send_fd(s[0], p[1], "x") == 1 && close(p[1]) == 0);
	CHECK(read(p[0], text, 5) == 5 && memcmp(text, "hello", 5) == 0);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(read(p[0], text, 5) == 0);        /* nobody has it any more */
}

static void t_files_share_their_position_and_can_be_cloexec(void)
{
	int s[2], fd = open("/etc/passwd", O_RDONLY), fds[4];
	unsigned n = 4;

	pair(SOCK_DGRAM, s);
	CHECK(send_fd(s[0], fd, "x") == 1);
	CHECK(receive(s[1], 5, MSG_CMSG_CLOEXEC, fds, &n, NULL) == 1 && n == 1 && fds[0] != fd);
	CHECK(fcntl(fds[0], F_GETFD) == FD_CLOEXEC && fcntl(fd, F_GETFD) == 0);
	CHECK(lseek(fds[0], 7, SEEK_SET) == 7 && lseek(fd, 0, SEEK_CUR) == 7);
}

static void t_bytes_of_a_stream_do_not_flow_past_files(void)
{
	int s[2], p[2], fds[4];
	unsigned n = 4;

	pair(SOCK_STREAM, s);
	CHECK(pipe(p) == 0 && write(s[0], "ab", 2) == 2 && send_fd(s[0], p[1], "cd") == 2);
	CHECK(send_fd(s[0], p[0], "ef") == 2 && write(s[0], "gh", 2) == 2);
	CHECK(receive(s[1], 60, 0, fds, &n, NULL) == 4 && n == 1);
	n = 4;
	CHECK(receive(s[1], 60, MSG_PEEK, fds, &n, NULL) == 2 && n == 1);
	CHECK(write(p[1], "z", 1) == 1 && read(fds[0], control.bytes, 1) == 1);
	n = 4;
	CHECK(receive(s[1], 1, 0, fds, &n, NULL) == 1 && n == 1);
	n = 4;
	CHECK(receive(s[1], 60, 0, fds, &n, NULL) == 3 && n == 0);
}

static void t_what_is_not_received_is_closed(void)
{
	int s[2], p[2], fds[4], flags;
	unsigned n = 0;
	char x;

	pair(SOCK_STREAM, s);
	CHECK(pipe(p) == 0 && send_fd(s[0], p[1], "x") == 1 && close(p[1]) == 0);
	CHECK(is_open(p[0]) && read(s[1], &x, 1) == 1 && !is_open(p[0]));
	CHECK(pipe(p) == 0 && send_fd(s[0], p[1], "x") == 1 && close(p[1]) == 0);
	CHECK(receive(s[1], 1, 0, fds, &n, &flags) == 1 && flags == MSG_CTRUNC && !is_open(p[0]));
	CHECK(pipe(p) == 0 && send_fd(s[0], p[1], "x") == 1 && close(p[1]) == 0);
	CHECK(is_open(p[0]) && close(s[1]) == 0 && !is_open(p[0]));
	/* Of several, those that there is room for come. */
	pair(SOCK_DGRAM, s);
	CHECK(pipe(p) == 0 && send_fds(s[0], (int[]){ p[0], p[1], p[1] }, 3, "x") == 1);
	CHECK(close(p[1]) == 0);
	n = 1;
	CHECK(receive(s[1], 1, 0, fds, &n, &flags) == 1 && flags == MSG_CTRUNC && n >= 1);
	while (n-- > 1)
		close(fds[n]);
	CHECK(!is_open(p[0]));
}

static void t_a_receiver_without_free_descriptors_loses_files_only(void)
{
	struct rlimit l;
	int s[2], p[2], fds[4], flags;
	unsigned n = 4;

	pair(SOCK_STREAM, s);
	CHECK(pipe(p) == 0 && send_fd(s[0], p[1], "abc") == 3 && close(p[1]) == 0);
	CHECK(getrlimit(RLIMIT_NOFILE, &l) == 0);
	l.rlim_cur = 3;
	CHECK(setrlimit(RLIMIT_NOFILE, &l) == 0);
	CHECK(receive(s[1], 10, 0, fds, &n, &flags) == 3 && n == 0 && flags == MSG_CTRUNC);
	CHECK(!is_open(p[0]));
}

static void t_a_process_that_ends_leaves_no_file_in_flight(void)
{
	int s[2], p[2], status;
	pid_t pid;

	CHECK(pipe(p) == 0);
	pid = fork();
	if (pid == 0) {
		pair(SOCK_SEQPACKET, s);
		for (unsigned k = 0; k < 20; k++)
			CHECK(send_fds(s[0], (int[]){ p[1], p[1], p[1] }, 3, "x") == 1);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0 && close(p[1]) == 0);
	CHECK(read(p[0], control.bytes, 1) == 0);
}

static void t_a_connection_in_flight_and_what_it_holds_end_together(void)
{
	int a[2], b[2], c[2], p[2];

	pair(SOCK_STREAM, a);
	pair(SOCK_STREAM, b);
	pair(SOCK_STREAM, c);
	CHECK(pipe(p) == 0 && send_fd(a[0], p[1], "x") == 1 && close(p[1]) == 0);
	CHECK(send_fd(b[0], a[1], "x") == 1 && close(a[0]) == 0 && close(a[1]) == 0);
	CHECK(send_fd(c[0], b[1], "x") == 1 && close(b[0]) == 0 && close(b[1]) == 0);
	CHECK(is_open(p[0]) && close(c[1]) == 0 && !is_open(p[0]));
}

static void t_a_socket_in_flight_is_as_open_as_any(void)
{
	int s[2], t[2], got;
	char x;

	pair(SOCK_STREAM, s);
	pair(SOCK_STREAM, t);
	CHECK(send_fd(s[0], t[1], "x") == 1 && close(t[1]) == 0);
	CHECK(write(t[0], "q", 1) == 1);
	got = receive_fd(s[1]);
	CHECK(read(got, &x, 1) == 1 && x == 'q' && close(got) == 0 && read(t[0], &x, 1) == 0);
}

static void t_many_files_come_at_once(void)
{
	int s[2], fds[MOST] = { 0 }, p[2], flags;
	unsigned n = MOST;

	pair(SOCK_STREAM, s);
	CHECK(pipe(p) == 0);
	for (unsigned k = 0; k < 253; k++)
		fds[k] = p[1];
	CHECK(send_fds(s[0], fds, 253, "x") == 1 && send_fds(s[0], fds, 253, "y") == 1);
	CHECK(receive(s[1], 1, 0, fds, &n, &flags) == 1 && n == 253 && flags == 0);
	for (unsigned k = 0; k < n; k++)
		CHECK(write(fds[k], "z", 1) == 1 && close(fds[k]) == 0);
	CHECK(close(p[1]) == 0 && read(p[0], fds, sizeof(fds)) == 253 && is_open(p[0]));
	CHECK(close(s[1]) == 0 && !is_open(p[0]));
}

struct head { size_t len; int level, type; };

static void t_nonsense_along_with_bytes_is_refused(void)
{
	int s[2], many[MOST], zero = 0;
	struct head head = { 5, SOL_SOCKET, SCM_RIGHTS };
	struct iovec part = { "x", 1 };
	struct msghdr m = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = &head,
		.msg_controllen = sizeof(head),
	};

	pair(SOCK_STREAM, s);
	for (unsigned k = 0; k < MOST; k++)
		many[k] = 0;
	FAILS(send_fd(s[0], 99, "x"), EBADF);
	FAILS(send_fd(s[0], -1, "x"), EBADF);
	FAILS(send_fds(s[0], many, 254, "x"), EINVAL);
	FAILS(send_with(s[0], 77, &zero, sizeof(zero), "x"), EINVAL);
	FAILS(send_with(s[0], SCM_CREDENTIALS, &zero, sizeof(zero), "x"), EINVAL);
	FAILS(syscall(SYS_sendmsg, s[0], &m, 0), EINVAL);
	head.len = sizeof(head) + 1;
	FAILS(syscall(SYS_sendmsg, s[0], &m, 0), EINVAL);
	m.msg_controllen = 1 << 30;
	FAILS(syscall(SYS_sendmsg, s[0], &m, 0), ENOBUFS);
	m.msg_controllen = sizeof(head);
	m.msg_control = nowhere;
	FAILS(syscall(SYS_sendmsg, s[0], &m, 0), EFAULT);
	FAILS(recv(s[1], many, 1, MSG_DONTWAIT), EAGAIN);
	CHECK(write(s[0], "x", 1) == 1);
	part.iov_base = many;
	CHECK(recvmsg(s[1], &m, 0) == 1 && m.msg_controllen == 0);      /* nothing goes there */
}

/* ---- who sends ---- */

static int receive_cred(int s, struct ucred *who)
{
	char x;
	struct iovec part = { &x, 1 };
	struct msghdr m = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	struct cmsghdr *c;

	CHECK(recvmsg(s, &m, 0) == 1);
	c = CMSG_FIRSTHDR(&m);
	if (c == NULL)
		return 0;
	CHECK(c->cmsg_type == SCM_CREDENTIALS && c->cmsg_len == CMSG_LEN(sizeof(*who)));
	memcpy(who, CMSG_DATA(c), sizeof(*who));
	return 1;
}

static void t_who_asks_hears_who_sends(void)
{
	struct ucred who = { 0 }, claim = { getpid(), getuid(), getgid() };
	int s[2], one = 1;

	pair(SOCK_DGRAM, s);
	CHECK(send(s[0], "x", 1, 0) == 1 && receive_cred(s[1], &who) == 0);
	CHECK(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)) == 0);
	CHECK(send(s[0], "x", 1, 0) == 1 && receive_cred(s[1], &who) == 1);
	CHECK(who.pid == getpid() && who.uid == getuid() && who.gid == getgid());
	CHECK(send_with(s[0], SCM_CREDENTIALS, &claim, sizeof(claim), "x") == 1);
	CHECK(receive_cred(s[1], &who) == 1 && memcmp(&who, &claim, sizeof(who)) == 0);
}

static void t_only_root_may_claim_to_be_another(void)
{
	struct ucred claim = { getpid(), getuid(), getgid() + 1 }, who;
	int s[2], one = 1, status;
	pid_t pid;

	if (getuid() != 0)
		return;
	pair(SOCK_STREAM, s);
	CHECK(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)) == 0);
	CHECK(send_with(s[0], SCM_CREDENTIALS, &claim, sizeof(claim), "x") == 1);
	CHECK(receive_cred(s[1], &who) == 1 && who.gid == getgid() + 1);
	claim.pid = 1;
	CHECK(send_with(s[0], SCM_CREDENTIALS, &claim, sizeof(claim), "x") == 1);
	CHECK(receive_cred(s[1], &who) == 1 && who.pid == 1);
	claim.uid = (uid_t)-1;
	FAILS(send_with(s[0], SCM_CREDENTIALS, &claim, sizeof(claim), "x"), EINVAL);
	claim.uid = getuid();
	claim.pid = 99999999;
	FAILS(send_with(s[0], SCM_CREDENTIALS, &claim, sizeof(claim), "x"), ESRCH);
	pid = fork();
	if (pid == 0) {
		struct ucred own = { getpid(), 65534, 65534 };

		CHECK(setgid(65534) == 0 && setuid(65534) == 0);
		CHECK(send_with(s[0], SCM_CREDENTIALS, &own, sizeof(own), "x") == 1);
		own.uid = 0;
		FAILS(send_with(s[0], SCM_CREDENTIALS, &own, sizeof(own), "x"), EPERM);
		own.uid = 65534;
		own.pid = 1;
		FAILS(send_with(s[0], SCM_CREDENTIALS, &own, sizeof(own), "x"), EPERM);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(receive_cred(s[1], &who) == 1 && who.uid == 65534 && who.pid == pid);
}

static void t_bytes_of_two_senders_do_not_flow_together(void)
{
	int s[2], one = 1, status;
	char text[8];
	pid_t pid;

	pair(SOCK_STREAM, s);
	CHECK(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)) == 0);
	CHECK(write(s[0], "ab", 2) == 2 && write(s[0], "cd", 2) == 2);
	pid = fork();
	if (pid == 0)
		_exit(write(s[0], "ef", 2) != 2);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(read(s[1], text, 8) == 4 && read(s[1], text, 8) == 2);
}

const struct test rights_tests[] = {
	T(an_open_file_is_handed_to_another_process),
	T(files_share_their_position_and_can_be_cloexec),
	T(bytes_of_a_stream_do_not_flow_past_files), T(what_is_not_received_is_closed),
	T(a_receiver_without_free_descriptors_loses_files_only),
	T(a_process_that_ends_leaves_no_file_in_flight),
	T(a_connection_in_flight_and_what_it_holds_end_together),
	T(a_socket_in_flight_is_as_open_as_any), T(many_files_come_at_once),
	T(nonsense_along_with_bytes_is_refused),
	T(who_asks_hears_who_sends), T(only_root_may_claim_to_be_another),
	T(bytes_of_two_senders_do_not_flow_together), { NULL, NULL },
};
