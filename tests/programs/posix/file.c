/* SPDX-License-Identifier: BSD-2-Clause
 * file.c - what a program may expect: descriptors, pipes, poll.
 */
#include "posix.h"

static void t_a_pipe_carries_bytes_in_order(void)
{
	static char out[200000], in[200000];
	size_t got = 0;
	int p[2];

	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (char)(i * 7);
	CHECK(pipe(p) == 0);
	if (fork() == 0) {
		CHECK(write(p[1], out, sizeof(out)) == (ssize_t)sizeof(out));
		_exit(0);
	}
	close(p[1]);
	for (;;) {
		ssize_t n = read(p[0], in + got, sizeof(in) - got);

		CHECK(n >= 0);
		if (n == 0)
			break;
		got += (size_t)n;
	}
	CHECK(got == sizeof(out) && memcmp(in, out, got) == 0);
	CHECK(wait(NULL) > 0);
}

static void t_dup_shares_the_offset(void)
{
	char c;
	int fd = open("/bin/busybox", O_RDONLY), copy = dup(fd);

	CHECK(copy > fd && read(fd, &c, 1) == 1 && c == 0x7f);
	CHECK(read(copy, &c, 1) == 1 && c == 'E');
	CHECK(lseek(fd, 0, SEEK_CUR) == 2);
	CHECK(dup2(fd, 100) == 100 && fcntl(100, F_GETFD) == 0);
	CHECK(fcntl(fd, F_DUPFD_CLOEXEC, 50) == 50 && fcntl(50, F_GETFD) == FD_CLOEXEC);
	CHECK(close(fd) == 0 && close(fd) == -1 && errno == EBADF);
}

static void t_poll_tells_readiness(void)
{
	struct pollfd p[2];
	int fd[2];

	CHECK(pipe(fd) == 0);
	p[0] = (struct pollfd){ .fd = fd[0], .events = POLLIN };
	p[1] = (struct pollfd){ .fd = fd[1], .events = POLLOUT };
	CHECK(poll(p, 2, 0) == 1 && p[0].revents == 0 && p[1].revents == POLLOUT);
	CHECK(write(fd[1], "x", 1) == 1);
	CHECK(poll(p, 2, -1) == 2 && p[0].revents == POLLIN);
	close(fd[1]);
	CHECK(poll(p, 1, -1) == 1 && p[0].revents == (POLLIN | POLLHUP));
	p[0].fd = 77;
	CHECK(poll(p, 1, 0) == 1 && p[0].revents == POLLNVAL);
	p[0].fd = -1;
	CHECK(poll(p, 1, 20) == 0);
}

/* A hundred programs wait in poll, each for its own pipe and one that all share. */
static void t_poll_wakes_whom_it_concerns(void)
{
	enum { POLLERS = 100 };
	int all[2], own[POLLERS][2], done[2];
	char who;

	CHECK(pipe(all) == 0 && pipe(done) == 0);
	for (int i = 0; i < POLLERS; i++) {
		CHECK(pipe(own[i]) == 0);
		if (fork() == 0) {
			struct pollfd p[2] = { { .fd = own[i][0], .events = POLLIN },
					       { .fd = all[0], .events = POLLIN } };
			char c = (char)i;

			if (poll(p, 2, -1) != 1 || p[0].revents != POLLIN ||
			    write(done[1], &c, 1) != 1 || poll(p + 1, 1, -1) != 1)
				_exit(1);
			_exit(p[1].revents != POLLIN);
		}
	}
	for (int i = POLLERS - 1; i >= 0; i--)
		CHECK(write(own[i][1], "x", 1) == 1 && read(done[0], &who, 1) == 1 && who == i);
	CHECK(write(all[1], "x", 1) == 1);
	for (int i = 0; i < POLLERS; i++) {
		int status = -1;

		CHECK(wait(&status) > 0 && status == 0);
		close(own[i][0]);
		close(own[i][1]);
	}
}

static void t_select_times_out_and_wakes(void)
{
	struct timeval tv = { 0, 20000 };
	fd_set set;
	int fd[2];

	CHECK(pipe(fd) == 0);
	FD_ZERO(&set);
	FD_SET(fd[0], &set);
	CHECK(select(fd[0] + 1, &set, NULL, NULL, &tv) == 0);
	if (fork() == 0) {
		usleep(20000);
		_exit(write(fd[1], "x", 1) != 1);
	}
	FD_SET(fd[0], &set);
	CHECK(select(fd[0] + 1, &set, NULL, NULL, NULL) == 1 && FD_ISSET(fd[0], &set));
	CHECK(wait(NULL) > 0);
}

static void t_nonblocking_reads_are_EAGAIN(void)
{
	int fd[2];
	char c;

	CHECK(pipe2(fd, O_NONBLOCK) == 0);
	CHECK(read(fd[0], &c, 1) == -1 && errno == EAGAIN);
	while (write(fd[1], &c, 1) == 1)
		;
	CHECK(errno == EAGAIN);
}

static void t_files_are_made_written_read_and_removed(void)
{
	char text[16] = "";
	struct stat st;
	int fd = open("/tmp/posix-file", O_RDWR | O_CREAT | O_TRUNC, 0640);

	CHECK(fd >= 0 && write(fd, "hello", 5) == 5);
	CHECK(pwrite(fd, "world", 5, 4096) == 5);
	CHECK(fstat(fd, &st) == 0 && st.st_size == 4101 && (st.st_mode & 0777) == 0640);
	CHECK(pread(fd, text, 5, 4096) == 5 && strcmp(text, "world") == 0);
	CHECK(pread(fd, text, 5, 2000) == 5 && text[0] == 0);
	CHECK(ftruncate(fd, 3) == 0 && fstat(fd, &st) == 0 && st.st_size == 3);
	CHECK(lseek(fd, 0, SEEK_SET) == 0 && read(fd, text, 16) == 3);
	CHECK(rename("/tmp/posix-file", "/tmp/posix-other") == 0);
	CHECK(stat("/tmp/posix-file", &st) == -1 && errno == ENOENT);
	CHECK(unlink("/tmp/posix-other") == 0 && fstat(fd, &st) == 0 && st.st_nlink == 0);
	CHECK(read(fd, text, 1) == 0 && close(fd) == 0);
}

static void t_vectors_scatter_and_gather(void)
{
	char a[3] = "", b[8] = "";
	struct iovec out[2] = { { "ab", 2 }, { "cdef", 4 } }, in[2] = { { a, 3 }, { b, 8 } };
	int fd[2];

	CHECK(pipe(fd) == 0 && writev(fd[1], out, 2) == 6 && readv(fd[0], in, 2) == 6);
	CHECK(memcmp(a, "abc", 3) == 0 && memcmp(b, "def", 3) == 0);
}

/* Some of whose parts are in memory, and some are not yet. */
static void t_vectors_of_a_file_lose_no_part(void)
{
	enum { PARTS = 16, PART = 4096 };
	static char there[PARTS * PART], here[PARTS * PART];
	struct iovec in[PARTS];
	ssize_t got;
	off_t at = 0;
	int fd = open("/proc/self/exe", O_RDONLY);

	for (int k = 0; k < PARTS; k++)
		in[k] = (struct iovec){ here + k * PART, PART };
	CHECK(fd >= 0);
	do {
		memset(here, 0x55, sizeof(here));
		got = readv(fd, in, PARTS);
		CHECK(got >= 0 && pread(fd, there, (size_t)got, at) == got);
		CHECK(memcmp(here, there, (size_t)got) == 0);
		at += got;
	} while (got > 0);
	CHECK(at > PARTS * PART && close(fd) == 0);
}

static void t_a_listing_ends_at_its_last_position(void)
{
	char entries[1024];
	int fd = open("/proc", O_RDONLY | O_DIRECTORY);

	CHECK(fd >= 0 && lseek(fd, 1ll << 33, SEEK_SET) == 1ll << 33);
	CHECK(syscall(SYS_getdents64, fd, entries, sizeof(entries)) == 0);
	CHECK(lseek(fd, 0, SEEK_SET) == 0);
	CHECK(syscall(SYS_getdents64, fd, entries, sizeof(entries)) > 0 && close(fd) == 0);
}

static void t_record_locks_exclude(void)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 10 };
	int status, fd = open("/tmp/posix-lock", O_RDWR | O_CREAT, 0600);
	pid_t pid;

	CHECK(fd >= 0 && fcntl(fd, F_SETLK, &l) == 0);
	pid = fork();
	if (pid == 0) {
		CHECK(fcntl(fd, F_SETLK, &l) == -1 && (errno == EAGAIN || errno == EACCES));
		CHECK(fcntl(fd, F_GETLK, &l) == 0 && l.l_type == F_WRLCK && l.l_pid == getppid());
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(unlink("/tmp/posix-lock") == 0);
}

/* As far as one call moves it: a short count is right, wrong bytes or an error are not. */
static void t_a_megabyte_is_written_and_read_at_once(void)
{
	enum { LEN = 1 << 20 };
	static unsigned char out[LEN], in[LEN];
	int fd = open("/tmp/posix-large", O_RDWR | O_CREAT | O_TRUNC, 0600);
	ssize_t n;

	for (unsigned i = 0; i < LEN; i++)
		out[i] = (unsigned char)(i * 7 + (i >> 8));
	CHECK(fd >= 0);
	for (size_t done = 0; done < LEN; done += (size_t)n)
		CHECK((n = write(fd, out + done, LEN - done)) > 0);
	for (unsigned round = 0; round < 3; round++) {
		memset(in, 0, LEN);
		for (size_t done = 0; done < LEN; done += (size_t)n)
			CHECK((n = pread(fd, in + done, LEN - done, (off_t)done)) > 0);
		CHECK(memcmp(in, out, LEN) == 0);
	}
	CHECK(close(fd) == 0 && unlink("/tmp/posix-large") == 0);
}

static void t_permissions_are_checked(void)
{
	int fd = open("/tmp/posix-perm", O_RDWR | O_CREAT, 0600), status;
	pid_t pid;

	CHECK(fd >= 0);
	pid = fork();
	if (pid == 0) {
		CHECK(setgid(65534) == 0 && setuid(65534) == 0);
		CHECK(open("/tmp/posix-perm", O_RDONLY) == -1 && errno == EACCES);
		CHECK(access("/tmp/posix-perm", R_OK) == -1 && errno == EACCES);
		CHECK(unlink("/tmp/posix-perm") == -1 && (errno == EPERM || errno == EACCES));
		CHECK(chmod("/tmp/posix-perm", 0777) == -1 && errno == EPERM);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(unlink("/tmp/posix-perm") == 0);
}

const struct test file_tests[] = {
	T(a_pipe_carries_bytes_in_order), T(dup_shares_the_offset), T(poll_tells_readiness),
	T(poll_wakes_whom_it_concerns),
	T(select_times_out_and_wakes), T(nonblocking_reads_are_EAGAIN),
	T(files_are_made_written_read_and_removed), T(vectors_scatter_and_gather),
	T(vectors_of_a_file_lose_no_part), T(a_listing_ends_at_its_last_position),
	T(a_megabyte_is_written_and_read_at_once), T(record_locks_exclude),
	T(permissions_are_checked),
	{ 0 },
};
