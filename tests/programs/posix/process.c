/* SPDX-License-Identifier: BSD-2-Clause
 * process.c - what a program may expect: processes.
 */
#include "posix.h"

static void t_fork_gives_the_child_its_own_memory(void)
{
	static int value = 1;
	int status;
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0) {
		value = 2;
		_exit(value == 2 && getppid() > 0 ? 7 : 1);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	CHECK(value == 1);
}

static void t_wait_reports_a_killing_signal(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	CHECK(kill(pid, SIGTERM) == 0);
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

static void t_wait_without_children_is_ECHILD(void)
{
	CHECK(wait(NULL) == -1 && errno == ECHILD);
	CHECK(waitpid(1, NULL, 0) == -1 && errno == ECHILD);
}

static void t_wnohang_returns_0_while_the_child_lives(void)
{
	int p[2], status;
	pid_t pid;
	char c;

	CHECK(pipe(p) == 0);
	pid = fork();
	if (pid == 0) {
		close(p[1]);
		_exit(read(p[0], &c, 1) == 0 ? 0 : 1);
	}
	CHECK(waitpid(pid, &status, WNOHANG) == 0);
	close(p[0]);
	close(p[1]);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

static void t_waitid_fills_siginfo(void)
{
	siginfo_t info = { 0 };
	pid_t pid = fork();

	if (pid == 0)
		_exit(42);
	CHECK(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) == 0);
	CHECK(info.si_pid == pid && info.si_code == CLD_EXITED && info.si_status == 42);
	CHECK(waitid(P_PID, (id_t)pid, &info, WEXITED) == 0);
	CHECK(waitid(P_PID, (id_t)pid, &info, WEXITED) == -1 && errno == ECHILD);
}

static void t_vfork_suspends_the_parent(void)
{
	static volatile int order;
	int status;
	pid_t pid = vfork();

	if (pid == 0) {
		order = 1;
		_exit(3);
	}
	CHECK(order == 1);
	CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 3);
}

static void t_exec_replaces_the_program(void)
{
	int p[2], status;
	char text[32] = "";
	pid_t pid;

	CHECK(pipe(p) == 0);
	pid = fork();
	if (pid == 0) {
		dup2(p[1], 1);
		close(p[0]);
		close(p[1]);
		execl("/bin/busybox", "echo", "one", "two", NULL);
		_exit(127);
	}
	close(p[1]);
	CHECK(read(p[0], text, sizeof(text) - 1) == 8);
	CHECK(strcmp(text, "one two\n") == 0);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

static void t_exec_of_nothing_is_ENOENT(void)
{
	CHECK(execl("/nonexistent", "x", NULL) == -1 && errno == ENOENT);
	CHECK(execl("/tmp", "x", NULL) == -1 && errno == EACCES);
}

static void t_close_on_exec_is_kept(void)
{
	int status, fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	pid_t pid;
	char text[64];

	CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC);
	snprintf(text, sizeof(text), "[ ! -e /proc/self/fd/%d ]", fd);
	pid = fork();
	if (pid == 0) {
		execl("/bin/busybox", "sh", "-c", text, NULL);
		_exit(127);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status));
}

static void t_orphans_belong_to_process_1(void)
{
	int p[2];
	pid_t parent = 0;

	CHECK(pipe(p) == 0);
	if (fork() == 0) {
		if (fork() == 0) {
			while (getppid() != 1)
				usleep(1000);
			parent = getppid();
			CHECK(write(p[1], &parent, sizeof(parent)) == sizeof(parent));
			_exit(0);
		}
		_exit(0);
	}
	CHECK(read(p[0], &parent, sizeof(parent)) == sizeof(parent));
	CHECK(parent == 1);
}

static void t_groups_and_sessions(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		CHECK(setpgid(0, 0) == 0 && getpgrp() == getpid());
		CHECK(setsid() == -1 && errno == EPERM);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	pid = fork();
	if (pid == 0) {
		CHECK(setsid() == getpid() && getsid(0) == getpid());
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(getpgid(999999) == -1 && errno == ESRCH);
}

static void t_stop_and_continue(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			usleep(1000);
	CHECK(kill(pid, SIGSTOP) == 0);
	CHECK(waitpid(pid, &status, WUNTRACED) == pid);
	CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	CHECK(kill(pid, SIGCONT) == 0);
	CHECK(waitpid(pid, &status, WCONTINUED) == pid && WIFCONTINUED(status));
	CHECK(kill(pid, SIGKILL) == 0);
	CHECK(waitpid(pid, &status, 0) == pid && WTERMSIG(status) == SIGKILL);
}

static void t_too_many_processes_is_EAGAIN(void)
{
	struct rlimit l = { 20, 20 };
	pid_t pids[64];
	int n = 0;

	CHECK(setrlimit(RLIMIT_NPROC, &l) == 0);
	CHECK(setgid(65534) == 0 && setuid(65534) == 0);
	while (n < 64) {
		pid_t pid = fork();

		if (pid == 0)
			for (;;)
				pause();
		if (pid < 0)
			break;
		pids[n++] = pid;
	}
	CHECK(n < 64 && errno == EAGAIN);
	while (n > 0) {
		CHECK(kill(pids[--n], SIGKILL) == 0);
		CHECK(waitpid(pids[n], NULL, 0) == pids[n]);
	}
}

static void t_ids_change_as_root_and_not_back(void)
{
	CHECK(setgid(100) == 0 && setuid(1000) == 0);
	CHECK(getuid() == 1000 && geteuid() == 1000 && getgid() == 100);
	CHECK(setuid(0) == -1 && errno == EPERM);
}

const struct test process_tests[] = {
	T(fork_gives_the_child_its_own_memory), T(wait_reports_a_killing_signal),
	T(wait_without_children_is_ECHILD), T(wnohang_returns_0_while_the_child_lives),
	T(waitid_fills_siginfo), T(vfork_suspends_the_parent), T(exec_replaces_the_program),
	T(exec_of_nothing_is_ENOENT), T(close_on_exec_is_kept), T(orphans_belong_to_process_1),
	T(groups_and_sessions), T(stop_and_continue), T(too_many_processes_is_EAGAIN),
	T(ids_change_as_root_and_not_back),
	{ 0 },
};
