/* SPDX-License-Identifier: BSD-2-Clause
 * script.c - script COMMAND [ARG...]: runs a command on a pseudo-terminal, as script(1) does.
 *
 * What is typed goes to it, what it shows comes out; the window's size is passed on. The status is
 * the command's, 128 + its signal, or 125 if there was no pseudo-terminal.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { NO_PTY = 125, CANNOT_RUN = 127, BY_SIGNAL = 128 };

static struct termios before;
static volatile sig_atomic_t resized;

static void on_resize(int n)
{
	(void)n;
	resized = 1;
}

static int fail(const char *what)
{
	perror(what);
	return NO_PTY;
}

static void copy_size(int to)
{
	struct winsize w;

	resized = 0;
	if (ioctl(0, TIOCGWINSZ, &w) == 0)
		ioctl(to, TIOCSWINSZ, &w);
}

/* The child: leader of a session of its own, with the line as its terminal. */
static void run(int master, char **argv)
{
	int line = open(ptsname(master), O_RDWR | O_NOCTTY);

	close(master);
	if (line < 0 || setsid() < 0 || ioctl(line, TIOCSCTTY, 0) != 0)
		_exit(fail("script: terminal"));
	for (int fd = 0; fd < 3; fd++)
		dup2(line, fd);
	if (line > 2)
		close(line);
	execvp(argv[0], argv);
	perror(argv[0]);
	_exit(CANNOT_RUN);
}

static ssize_t pass(int from, int to)
{
	char bytes[4096];
	ssize_t n = read(from, bytes, sizeof(bytes)), done = 0;

	while (done < n) {
		ssize_t k = write(to, bytes + done, (size_t)(n - done));

		if (k < 0 && errno != EINTR)
			return -1;
		done += k > 0 ? k : 0;
	}
	return n;
}

/* Until the line is closed, which is EIO here. */
static void relay(int master)
{
	struct pollfd p[2] = { { .fd = master, .events = POLLIN }, { .fd = 0, .events = POLLIN } };

	for (;;) {
		if (resized)
			copy_size(master);
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return;
		if (p[0].revents && pass(master, 1) <= 0 && errno != EINTR)
			return;
		if (p[1].revents && pass(0, master) <= 0 && errno != EINTR) {
			p[1].fd = -1;           /* nothing more is typed */
			if (write(master, "\004", 1) != 1)
				return;
		}
		p[0].revents = p[1].revents = 0;
	}
}

int main(int argc, char **argv)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), status;
	struct sigaction resize = { .sa_handler = on_resize };
	int terminal = tcgetattr(0, &before) == 0;
	pid_t pid;

	if (argc < 2)
		return fprintf(stderr, "usage: script COMMAND [ARG...]\n"), NO_PTY;
	if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0)
		return fail("script: /dev/ptmx");
	copy_size(master);
	pid = fork();
	if (pid < 0)
		return fail("script: fork");
	if (pid == 0)
		run(master, argv + 1);
	sigaction(SIGWINCH, &resize, NULL);
	if (terminal) {
		struct termios raw = before;

		cfmakeraw(&raw);
		tcsetattr(0, TCSADRAIN, &raw);
	}
	relay(master);
	if (terminal)
		tcsetattr(0, TCSADRAIN, &before);
	close(master);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : BY_SIGNAL + WTERMSIG(status);
}
