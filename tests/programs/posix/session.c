/* SPDX-License-Identifier: BSD-2-Clause
 * session.c - sessions on a pseudo-terminal: whose it is, who is signalled, how it ends.
 */
#include "pty.h"

static void t_a_pty_becomes_the_terminal_of_a_session(void)
{
	int m, s;
	pid_t pid;

	pair(&m, &s);
	pid = fork();
	if (pid == 0) {
		int fd, sid = 0, pgrp = 0;
		char line[64];

		CHECK(setsid() == getpid());
		CHECK(open("/dev/tty", O_RDWR) == -1 && errno == ENXIO);
		CHECK(tcgetpgrp(s) == -1 && errno == ENOTTY);
		strcpy(line, name_of(m));
		fd = open(line, O_RDWR);                /* without O_NOCTTY */
		CHECK(fd >= 0 && tcgetpgrp(s) == getpid() && tcgetsid(s) == getpid());
		CHECK(ioctl(m, TIOCGSID, &sid) == 0 && sid == getpid());
		CHECK(ioctl(m, TIOCGPGRP, &pgrp) == 0 && pgrp == getpid());
		CHECK(ioctl(s, TIOCSCTTY, 0) == 0);
		fd = open("/dev/tty", O_RDWR);
		give(fd, "hello\n");
		expect(m, "hello\r\n");
		CHECK(tcsetpgrp(s, 0) == -1 && errno == ESRCH);
		CHECK(tcsetpgrp(s, -1) == -1 && errno == EINVAL);
		CHECK(tcsetpgrp(s, getppid()) == -1 && (errno == EPERM || errno == ESRCH));
		signal(SIGHUP, SIG_IGN);
		CHECK(ioctl(m, TIOCNOTTY, 0) == -1 && errno == ENOTTY);
		CHECK(ioctl(s, TIOCNOTTY, 0) == 0 && ioctl(s, TIOCNOTTY, 0) == -1);
		CHECK(errno == ENOTTY && open("/dev/tty", O_RDWR) == -1 && errno == ENXIO);
		_exit(0);
	}
	CHECK(ended(pid) == 0);
}

static void t_a_pty_is_one_sessions_terminal_only(void)
{
	int m, s;
	pid_t first, second;

	pair(&m, &s);
	first = session(m, s);
	if (first == 0) {
		give(s, "ready\n");
		pause();
	}
	expect(m, "ready\r\n");
	second = fork();
	if (second == 0) {
		CHECK(ioctl(s, TIOCSCTTY, 0) == -1 && errno == EPERM);  /* leads nothing */
		CHECK(setsid() == getpid());
		CHECK(ioctl(s, TIOCSCTTY, 0) == -1 && errno == EPERM);
		CHECK(ioctl(s, TIOCSCTTY, 1) == (geteuid() == 0 ? 0 : -1));
		CHECK(geteuid() != 0 || tcgetsid(s) == getpid());
		_exit(0);
	}
	CHECK(ended(second) == 0);
	kill(first, SIGKILL);
	CHECK(WTERMSIG(ended(first)) == SIGKILL);
}

static volatile sig_atomic_t counts[65];

static void count(int n)
{
	counts[n]++;
}

static const struct {
	const char *key;
	int signal;
	const char *echo;
} keys[] = {
	{ "\003", SIGINT, "^C" }, { "\034", SIGQUIT, "^\\" }, { "\032", SIGTSTP, "^Z" },
};

static void t_a_ptys_keys_signal_the_foreground(void)
{
	struct winsize w = { 5, 6, 0, 0 };
	int m, s;
	pid_t pid;

	pair(&m, &s);
	pid = session(m, s);
	if (pid == 0) {
		sigset_t none, all;

		sigemptyset(&none);
		sigfillset(&all);
		sigprocmask(SIG_BLOCK, &all, NULL);
		for (int n = 1; n < 32; n++)
			if (n != SIGKILL && n != SIGSTOP)
				handle(n, count, 0);
		give(s, "r");
		for (int i = 0; i < 5; i++) {
			int want = i < 3 ? keys[i].signal : i == 3 ? SIGWINCH : SIGINT;

			while (counts[want] == 0)
				sigsuspend(&none);
			CHECK(counts[want] == 1);
			counts[want] = 0;
			give(s, "r");
		}
		_exit(0);
	}
	expect(m, "r");
	for (int i = 0; i < 3; i++) {
		give(m, keys[i].key);
		expect(m, keys[i].echo);
		expect(m, "r");
	}
	CHECK(ioctl(m, TIOCSWINSZ, &w) == 0 && ioctl(m, TIOCSWINSZ, &w) == 0);
	expect(m, "r");
	CHECK(ioctl(m, (int)_IOW('T', 0x36, int), SIGINT) == 0);        /* TIOCSIG */
	expect(m, "r");
	CHECK(ioctl(m, (int)_IOW('T', 0x36, int), SIGKILL) == -1 && errno == EINVAL);
	CHECK(ended(pid) == 0);
}

static void t_the_background_of_a_pty_is_stopped(void)
{
	int m, s;
	pid_t pid;

	pair(&m, &s);
	pid = session(m, s);
	if (pid == 0) {
		struct termios t;
		int status;
		pid_t job = fork();
		char c;

		if (job == 0) {
			setpgid(0, 0);
			CHECK(write(s, "shown", 5) == 5);       /* TOSTOP is not set */
			CHECK(read(s, &c, 1) == 1 && c == 'q');
			_exit(7);
		}
		setpgid(job, job);
		CHECK(waitpid(job, &status, WUNTRACED) == job && WIFSTOPPED(status));
		CHECK(WSTOPSIG(status) == SIGTTIN);
		CHECK(tcsetpgrp(s, job) == 0 && tcgetpgrp(s) == job && kill(-job, SIGCONT) == 0);
		CHECK(waitpid(job, &status, WUNTRACED) == job && WEXITSTATUS(status) == 7);
		/* now we are in the background ourselves */
		signal(SIGTTOU, SIG_IGN);
		CHECK(tcsetpgrp(s, getpid()) == 0);
		signal(SIGTTOU, SIG_DFL);
		CHECK(tcgetattr(s, &t) == 0);
		t.c_lflag |= TOSTOP;
		CHECK(tcsetattr(s, TCSANOW, &t) == 0);
		job = fork();
		if (job == 0) {
			setpgid(0, 0);
			write(s, "not shown", 9);
			_exit(0);
		}
		CHECK(waitpid(job, &status, WUNTRACED) == job && WSTOPSIG(status) == SIGTTOU);
		kill(job, SIGKILL);
		_exit(0);
	}
	expect(m, "shown");
	give(m, "q\n");
	CHECK(ended(pid) == 0);
}

static void t_a_closed_master_hangs_its_session_up(void)
{
	int m, s, told[2];
	pid_t pid;
	char c;

	pair(&m, &s);
	CHECK(pipe(told) == 0);
	pid = session(m, s);
	if (pid == 0) {
		pid_t job = fork();

		close(told[0]);
		if (job == 0) {                         /* in the foreground */
			setpgid(0, 0);
			signal(SIGTTOU, SIG_IGN);
			tcsetpgrp(s, getpid());
			hold(SIGHUP);
			give(told[1], "j");
			await(SIGHUP);
			CHECK(open("/dev/tty", O_RDWR) == -1 && errno == ENXIO);
			give(told[1], "J");
			_exit(0);
		}
		hold(SIGHUP);
		give(told[1], "l");
		await(SIGHUP);
		CHECK(read(s, &c, 1) == 0 && write(s, "x", 1) == -1 && errno == EIO);
		CHECK(open("/dev/tty", O_RDWR) == -1 && errno == ENXIO);
		give(told[1], "L");
		_exit(0);
	}
	close(told[1]);
	CHECK(read(told[0], &c, 1) == 1 && read(told[0], &c, 1) == 1);
	close(m);
	CHECK(read(told[0], &c, 1) == 1 && c == 'L');   /* the leader first; its end: */
	CHECK(read(told[0], &c, 1) == 1 && c == 'J');
	CHECK(ended(pid) == 0);
}

static void t_what_is_behind_a_ptys_session_lives_on(void)
{
	int m, s, told[2];
	pid_t pid;
	char c;

	pair(&m, &s);
	CHECK(pipe(told) == 0);
	pid = session(m, s);
	if (pid == 0) {
		pid_t job = fork();

		if (job == 0) {                         /* in the background */
			setpgid(0, 0);
			give(told[1], "j");
			usleep(200000);
			give(told[1], "J");
			_exit(0);
		}
		CHECK(read(told[0], &c, 1) == 1 && c == 'j');
		_exit(0);
	}
	CHECK(ended(pid) == 0);
	close(told[1]);
	CHECK(read(told[0], &c, 1) == 1 && c == 'J');
}

const struct test session_tests[] = {
	T(a_pty_becomes_the_terminal_of_a_session), T(a_pty_is_one_sessions_terminal_only),
	T(a_ptys_keys_signal_the_foreground), T(the_background_of_a_pty_is_stopped),
	T(a_closed_master_hangs_its_session_up), T(what_is_behind_a_ptys_session_lives_on),
	{ NULL, NULL },
};
