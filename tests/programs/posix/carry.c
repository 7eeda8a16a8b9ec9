/* SPDX-License-Identifier: BSD-2-Clause
 * carry.c - sendfile and copy_file_range, texts that are busy,
 * groups, requests that are not for this kind of file.
 */
#include "posix.h"

#include <grp.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <termios.h>

enum { BYTES = 300000 };

static int file_with(const char *name, size_t len)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);

	CHECK(fd >= 0);
	for (size_t i = 0; i < len; i += 1000) {
		char part[1000];

		memset(part, (int)(i / 1000 % 251), sizeof(part));
		CHECK(write(fd, part, sizeof(part)) == sizeof(part));
	}
	CHECK(lseek(fd, 0, SEEK_SET) == 0);
	return fd;
}

static void check_bytes(int fd, size_t from, size_t len)
{
	for (size_t done = 0; done < len;) {
		unsigned char part[4096];
		ssize_t n = read(fd, part, sizeof(part) < len - done ? sizeof(part) : len - done);

		CHECK(n > 0);
		for (ssize_t i = 0; i < n; i++)
			CHECK(part[i] == (from + done + (size_t)i) / 1000 % 251);
		done += (size_t)n;
	}
}

static void t_sendfile_fills_files_and_pipes(void)
{
	int in = file_with("/tmp/sf.in", BYTES), out = open("/tmp/sf.out", O_RDWR | O_CREAT, 0644);
	int p[2], status;
	off_t at = 1500;

	CHECK(sendfile(out, in, NULL, BYTES + 5) == BYTES && lseek(in, 0, SEEK_CUR) == BYTES);
	CHECK(sendfile(out, in, NULL, 10) == 0 && lseek(out, 0, SEEK_SET) == 0);
	check_bytes(out, 0, BYTES);
	CHECK(pipe(p) == 0);
	if (fork() == 0) {
		while (at < 201500)     /* a pipe may take less than all */
			CHECK(sendfile(p[1], in, &at, (size_t)(201500 - at)) > 0);
		_exit(lseek(in, 0, SEEK_CUR) == BYTES ? 0 : 1);
	}
	close(p[1]);
	check_bytes(p[0], 1500, 200000);
	CHECK(wait(&status) > 0 && status == 0);
	CHECK(sendfile(out, p[0], NULL, 10) < 0 && errno == EINVAL);
	CHECK(sendfile(out, 99, NULL, 10) < 0 && errno == EBADF);
	CHECK(sendfile(open("/dev/null", O_WRONLY), in, &at, 5000) == 5000);
	at = -1;
	CHECK(sendfile(out, in, &at, 10) < 0 && errno == EINVAL);
	unlink("/tmp/sf.in");
	unlink("/tmp/sf.out");
}

static void t_copy_file_range_copies_between_files(void)
{
	int in = file_with("/tmp/cf.in", BYTES), out = open("/tmp/cf.out", O_RDWR | O_CREAT, 0644);
	int64_t from = 5000, to = 0;

	CHECK(syscall(SYS_copy_file_range, in, &from, out, &to, 100000ul, 0) == 100000);
	CHECK(from == 105000 && to == 100000 && lseek(out, 0, SEEK_CUR) == 0);
	check_bytes(out, 5000, 100000);
	CHECK(syscall(SYS_copy_file_range, in, NULL, out, NULL, 10ul, 1) < 0 && errno == EINVAL);
	from = to = 0;
	CHECK(syscall(SYS_copy_file_range, in, &from, in, &to, 10ul, 0) < 0 && errno == EINVAL);
	unlink("/tmp/cf.in");
	unlink("/tmp/cf.out");
}

static void t_the_file_of_a_running_program_is_busy(void)
{
	char exe[100] = "", buffer[4096];
	int in = open("/bin/busybox", O_RDONLY), out, status, begun[2];
	ssize_t n;
	pid_t pid;

	CHECK(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
	CHECK(open(exe, O_WRONLY) < 0 && errno == ETXTBSY);
	CHECK(truncate(exe, 0) < 0 && errno == ETXTBSY);
	out = open("/tmp/busy", O_WRONLY | O_CREAT | O_TRUNC, 0755);
	CHECK(in >= 0 && out >= 0);
	while ((n = read(in, buffer, sizeof(buffer))) > 0)
		CHECK(write(out, buffer, (size_t)n) == n);
	CHECK(execl("/tmp/busy", "true", NULL) < 0 && errno == ETXTBSY);
	close(out);
	CHECK(pipe2(begun, O_CLOEXEC) == 0);
	pid = fork();
	if (pid == 0) {
		execl("/tmp/busy", "sleep", "100", NULL);
		_exit(1);
	}
	close(begun[1]);
	CHECK(read(begun[0], buffer, 1) == 0);  /* closed by the execve */
	CHECK(open("/tmp/busy", O_RDWR) < 0 && errno == ETXTBSY);
	kill(pid, SIGKILL);
	CHECK(waitpid(pid, &status, 0) == pid);
	out = open("/tmp/busy", O_RDWR);
	CHECK(out >= 0 && unlink("/tmp/busy") == 0);
}

static void t_supplementary_groups_open_files(void)
{
	gid_t groups[3] = { 2001, 2002, 2003 }, got[3];
	int fd = open("/tmp/grouped", O_RDWR | O_CREAT | O_TRUNC, 0640);

	CHECK(fd >= 0 && fchown(fd, 4000, 2002) == 0 && fchmod(fd, 0640) == 0);
	CHECK(setgroups(3, groups) == 0 && getgroups(3, got) == 3 && got[1] == 2002);
	CHECK(setgid(1000) == 0 && setuid(1000) == 0);
	CHECK(open("/tmp/grouped", O_RDONLY) >= 0);
	CHECK(open("/tmp/grouped", O_WRONLY) < 0 && errno == EACCES);
	CHECK(setgroups(0, NULL) < 0 && errno == EPERM);
	fd = open("/tmp/mine", O_RDWR | O_CREAT | O_TRUNC, 0640);
	CHECK(fchown(fd, (uid_t)-1, 2003) == 0 && fchown(fd, (uid_t)-1, 2004) < 0);
	unlink("/tmp/mine");
}

static void t_files_and_pipes_are_no_terminals(void)
{
	int p[2], fd[3] = { open("/dev/null", O_RDWR), open("/bin/busybox", O_RDONLY) };
	struct winsize w;
	struct termios t;
	pid_t group;

	CHECK(pipe(p) == 0);
	fd[2] = p[0];
	for (int i = 0; i < 3; i++) {
		CHECK(ioctl(fd[i], TCGETS, &t) < 0 && errno == ENOTTY);
		CHECK(ioctl(fd[i], TIOCGWINSZ, &w) < 0 && errno == ENOTTY);
		CHECK(ioctl(fd[i], TIOCGPGRP, &group) < 0 && errno == ENOTTY);
	}
	CHECK(fcntl(p[0], F_GETPIPE_SZ) == 65536);
	CHECK(setsid() > 0 || errno == EPERM);
	CHECK(open("/dev/tty", O_RDWR) < 0 && errno == ENXIO);
}

/* A short count first; then the signal and the error. */
static void t_sendfile_heeds_the_limit_of_file_sizes(void)
{
	int in = file_with("/tmp/sl.in", BYTES), out = open("/tmp/sl.out", O_RDWR | O_CREAT, 0644);
	struct rlimit limit = { 50500, RLIM_INFINITY };
	off_t at = 0;

	signal(SIGXFSZ, SIG_IGN);
	CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	CHECK(sendfile(out, in, NULL, BYTES) == 50500 && lseek(in, 0, SEEK_CUR) == 50500);
	CHECK(sendfile(out, in, NULL, BYTES) < 0 && errno == EFBIG);
	CHECK(copy_file_range(in, &at, out, NULL, BYTES, 0) < 0 && errno == EFBIG);
	CHECK(ftruncate(out, 0) == 0 && lseek(out, 0, SEEK_SET) == 0);
	CHECK(copy_file_range(in, &at, out, NULL, BYTES, 0) == 50500 && at == 50500);
	CHECK(lseek(out, 0, SEEK_SET) == 0);
	check_bytes(out, 0, 50500);
	unlink("/tmp/sl.in");
	unlink("/tmp/sl.out");
}

const struct test carry_tests[] = {
	T(sendfile_fills_files_and_pipes), T(sendfile_heeds_the_limit_of_file_sizes),
	T(copy_file_range_copies_between_files),
	T(the_file_of_a_running_program_is_busy),
	T(supplementary_groups_open_files), T(files_and_pipes_are_no_terminals), { NULL, NULL },
};
