/* SPDX-License-Identifier: BSD-2-Clause
 * family.c - parents and children: what one learns of the other, and what is done for both.
 */
#include "posix.h"

#include <sys/prctl.h>

static volatile sig_atomic_t count, codes[8], statuses[8];

static void note(int n, siginfo_t *info, void *context)
{
	(void)n, (void)context;
	if (count < 8) {
		codes[count] = info->si_code;
		statuses[count] = info->si_status;
	}
	count++;
}

static void wait_for(int n)
{
	for (int i = 0; i < 500 && count < n; i++)
		usleep(10000);
	CHECK(count == n);
}

static pid_t sleeper(void)
{
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0)
		for (;;)
			pause();
	return pid;
}

static void t_stops_and_continues_send_SIGCHLD(void)
{
	pid_t pid;

	handle_info(SIGCHLD, note, SA_RESTART);
	pid = sleeper();
	CHECK(kill(pid, SIGSTOP) == 0);
	wait_for(1);
	CHECK(codes[0] == CLD_STOPPED && statuses[0] == SIGSTOP);
	CHECK(kill(pid, SIGCONT) == 0);
	wait_for(2);
	CHECK(codes[1] == CLD_CONTINUED && statuses[1] == SIGCONT);
	handle_info(SIGCHLD, note, SA_RESTART | SA_NOCLDSTOP);
	CHECK(kill(pid, SIGSTOP) == 0 && kill(pid, SIGCONT) == 0 && kill(pid, SIGTERM) == 0);
	wait_for(3);
	CHECK(codes[2] == CLD_KILLED && waitpid(pid, NULL, 0) == pid);
}

static void t_waitid_says_that_there_is_nothing_to_say(void)
{
	siginfo_t info;
	pid_t pid = sleeper();

	memset(&info, 0x55, sizeof(info));
	CHECK(waitid(P_PID, pid, &info, WEXITED | WNOHANG) == 0);
	CHECK(info.si_signo == 0 && info.si_pid == 0);
	CHECK(waitid(P_PID, pid, &info, WEXITED | 0x1000) == -1 && errno == EINVAL);
	CHECK(kill(pid, SIGSTOP) == 0);
	CHECK(waitid(P_PID, pid, &info, WSTOPPED | WNOWAIT) == 0 && info.si_pid == pid);
	CHECK(waitid(P_PID, pid, &info, WSTOPPED) == 0 && info.si_code == CLD_STOPPED);
	CHECK(waitid(P_PID, pid, &info, WSTOPPED | WNOHANG) == 0 && info.si_pid == 0);
	CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
}

static void t_a_child_without_SIGCHLD_is_waited_for_on_request(void)
{
	enum { CLONE_CHILDREN = (int)0x80000000 };
	pid_t pid = (pid_t)syscall(SYS_clone, 0, 0, 0, 0, 0);
	int status;

	if (pid == 0)
		_exit(3);
	CHECK(pid > 0 && waitpid(pid, &status, 0) == -1 && errno == ECHILD);
	CHECK(waitpid(pid, &status, CLONE_CHILDREN) == pid && WEXITSTATUS(status) == 3);
}

static void work_for_300_ms(void)
{
	struct timespec t;

	do
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	while (t.tv_sec == 0 && t.tv_nsec < 300000000);
}

static void t_times_of_a_child_hold_those_of_its_children(void)
{
	struct rusage u;
	pid_t pid = fork();

	if (pid == 0) {
		if (fork() == 0) {
			work_for_300_ms();
			_exit(0);
		}
		wait(NULL);
		_exit(0);
	}
	CHECK(wait4(pid, NULL, 0, &u) == pid);
	CHECK(u.ru_utime.tv_sec + u.ru_stime.tv_sec > 0 ||
	      u.ru_utime.tv_usec + u.ru_stime.tv_usec >= 290000);
}

/* A stopped process in a group of its own, whose parent then ends. */
static void t_a_stopped_group_without_parents_is_hung_up(void)
{
	char got[3] = "";
	int fd[2];
	pid_t pid;

	CHECK(pipe(fd) == 0);
	pid = fork();
	if (pid == 0) {
		pid_t child = fork();

		if (child == 0) {
			sigset_t set;
			siginfo_t info;

			CHECK(setpgid(0, 0) == 0);
			sigemptyset(&set);
			sigaddset(&set, SIGHUP);
			CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
			CHECK(raise(SIGSTOP) == 0);     /* and SIGCONT */
			CHECK(sigwaitinfo(&set, &info) == SIGHUP);
			CHECK(write(fd[1], "ok", 2) == 2);
			_exit(0);
		}
		CHECK(waitpid(child, NULL, WUNTRACED) == child);
		_exit(0);
	}
	CHECK(close(fd[1]) == 0 && waitpid(pid, NULL, 0) == pid);
	CHECK(read(fd[0], got, 2) == 2 && strcmp(got, "ok") == 0);
}

static void t_orphans_go_to_a_subreaper(void)
{
	pid_t me = getpid(), pid;
	int status, fd[2];
	char go;

	CHECK(pipe(fd) == 0 && prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	pid = fork();
	if (pid == 0) {
		if (fork() == 0) {
			CHECK(close(fd[1]) == 0 && read(fd[0], &go, 1) == 0);
			_exit(getppid() == me ? 11 : 12);
		}
		_exit(0);
	}
	CHECK(waitpid(pid, NULL, 0) == pid && close(fd[1]) == 0);
	CHECK(wait(&status) > 0 && WEXITSTATUS(status) == 11);
}

static void *nothing(void *unused)
{
	return unused;
}

static void t_threads_count_for_RLIMIT_NPROC(void)
{
	struct rlimit l = { 2, 2 };
	pthread_t t;

	CHECK(setrlimit(RLIMIT_NPROC, &l) == 0 && setgid(65533) == 0 && setuid(65533) == 0);
	CHECK(sleeper() > 0);
	CHECK(pthread_create(&t, NULL, nothing, NULL) == EAGAIN);
	CHECK(kill(-1, SIGKILL) == 0);
}

/* An ignored signal that was pending is forgotten, with what was queued of it. */
static void t_an_ignored_signal_is_forgotten(void)
{
	union sigval v = { .sival_int = 7 };
	sigset_t set, none;

	sigemptyset(&none);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0 && kill(getpid(), SIGUSR1) == 0);
	signal(SIGUSR1, SIG_IGN);
	handle_info(SIGUSR1, note, 0);
	CHECK(sigqueue(getpid(), SIGUSR1, v) == 0);
	CHECK(sigprocmask(SIG_SETMASK, &none, NULL) == 0);
	CHECK(count == 1 && codes[0] == SI_QUEUE);
}

/* Here a page of a file that nobody has read yet. */
static void t_a_call_waits_for_a_page_of_a_file(void)
{
	enum { SIZE = 1 << 20 };
	char path[] = "/tmp/holeXXXXXX", *p;
	int fd = mkstemp(path);

	CHECK(fd >= 0 && unlink(path) == 0 && ftruncate(fd, SIZE) == 0);
	p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CHECK(p != MAP_FAILED);
	CHECK(nanosleep((struct timespec *)(p + SIZE / 2), NULL) == 0);
	CHECK(sigprocmask(SIG_BLOCK, (sigset_t *)(p + SIZE / 4), NULL) == 0);
	CHECK(uname((struct utsname *)(p + SIZE / 8 * 7)) == 0 && p[SIZE / 8 * 7] == 'L');
	CHECK(ftruncate(fd, SIZE / 2) == 0);
	CHECK(nanosleep((struct timespec *)(p + SIZE / 4 * 3), NULL) == -1 && errno == EFAULT);
}

static void t_a_file_open_for_reading_is_not_written_through_a_mapping(void)
{
	char path[] = "/tmp/readXXXXXX", *p;
	int fd = mkstemp(path);

	CHECK(fd >= 0 && ftruncate(fd, 4096) == 0 && close(fd) == 0);
	fd = open(path, O_RDONLY);
	CHECK(fd >= 0 && unlink(path) == 0);
	p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	CHECK(mprotect(p, 4096, PROT_READ | PROT_WRITE) == -1 && errno == EACCES);
	p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK(p != MAP_FAILED && mprotect(p, 4096, PROT_READ | PROT_WRITE) == 0);
}

const struct test family_tests[] = {
	T(stops_and_continues_send_SIGCHLD), T(waitid_says_that_there_is_nothing_to_say),
	T(a_child_without_SIGCHLD_is_waited_for_on_request),
	T(times_of_a_child_hold_those_of_its_children),
	T(a_stopped_group_without_parents_is_hung_up), T(orphans_go_to_a_subreaper),
	T(threads_count_for_RLIMIT_NPROC), T(an_ignored_signal_is_forgotten),
	T(a_call_waits_for_a_page_of_a_file),
	T(a_file_open_for_reading_is_not_written_through_a_mapping),
	{ 0 },
};
