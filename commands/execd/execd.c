/* SPDX-License-Identifier: BSD-2-Clause
 * execd.c - runs one command for `./skink exec`, as process 1, over the serial line.
 *
 * Job:      takes a command and its input from the host, runs it, sends output, errors and status.
 * Speaks:   frames on /dev/ttyS0 (tools/exec.py): type, length (16 bits, low first), payload.
 *           To us: a argument bytes, s start, i input, c end of input. From us: o output, e errors,
 *           x status (exit code, or 128 + signal). The line carries nothing else.
 * Touches:  the console, in raw mode.
 * Trusts:   the host.
 * On crash: the host reports that the guest died.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { HEAD = 3, PAYLOAD = 4096, ARGUMENTS = 128 * 1024, MAX_ARGS = 4096 };

static int line;
static char arguments[ARGUMENTS];
static size_t arguments_len;
static unsigned char got[2 * (HEAD + PAYLOAD)];         /* frames being received */
static size_t got_len;
static char input[PAYLOAD];                             /* for the command, not taken yet */
static size_t input_len;
static int input_ended, started;
static int to_child = -1, child_out = -1, child_err = -1;
static pid_t child;
static int wake[2];                                     /* a byte for each SIGCHLD */

static void give_up(const char *what)
{
	dprintf(2, "execd: %s: %s\n", what, strerror(errno));
	_exit(1);
}

static void write_all(const void *bytes, size_t len)
{
	const char *at = bytes;

	while (len > 0) {
		ssize_t n = write(line, at, len);

		if (n < 0 && errno != EINTR)
			give_up("the line");
		if (n > 0) {
			at += n;
			len -= (size_t)n;
		}
	}
}

static void send(char type, const void *bytes, size_t len)
{
	unsigned char head[HEAD] = { (unsigned char)type, (unsigned char)len,
				     (unsigned char)(len >> 8) };

	write_all(head, sizeof(head));
	write_all(bytes, len);
}

static void open_line(void)
{
	struct termios t;

	line = open("/dev/ttyS0", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (line < 0 || tcgetattr(line, &t) != 0)
		give_up("/dev/ttyS0");
	cfmakeraw(&t);
	if (tcsetattr(line, TCSANOW, &t) != 0)
		give_up("tcsetattr");
}

/* ---- the command ---- */

static void run_child(int in, int out, int err)
{
	char *argv[MAX_ARGS + 1];
	int n = 0;

	for (size_t at = 0; at < arguments_len && n < MAX_ARGS; at += strlen(arguments + at) + 1)
		argv[n++] = arguments + at;
	argv[n] = NULL;
	dup2(in, 0);
	dup2(out, 1);
	dup2(err, 2);
	setsid();
	signal(SIGPIPE, SIG_DFL);
	execvp(argv[0], argv);
	dprintf(2, "execd: %s: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

static void start(void)
{
	int in[2], out[2], err[2];

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
		give_up("pipe");
	child = fork();
	if (child < 0)
		give_up("fork");
	if (child == 0)
		run_child(in[0], out[1], err[1]);
	close(in[0]);
	close(out[1]);
	close(err[1]);
	to_child = in[1];
	child_out = out[0];
	child_err = err[0];
	fcntl(to_child, F_SETFL, O_NONBLOCK);
	fcntl(child_out, F_SETFL, O_NONBLOCK);
	fcntl(child_err, F_SETFL, O_NONBLOCK);
	started = 1;
}

static void close_input(void)
{
	if (to_child >= 0)
		close(to_child);
	to_child = -1;
}

static void feed_child(void)
{
	while (input_len > 0 && to_child >= 0) {
		ssize_t n = write(to_child, input, input_len);

		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			close_input();          /* it does not want any more */
			break;
		}
		input_len -= (size_t)n;
		memmove(input, input + n, input_len);
	}
	if (to_child < 0)
		input_len = 0;
	if (input_ended && input_len == 0)
		close_input();
}

/* ---- frames from the host ---- */

/* False: it has to wait until the command has taken what came before. */
static int take(char type, const unsigned char *bytes, size_t len)
{
	switch (type) {
	case 'a':
		if (arguments_len + len > sizeof(arguments)) {
			errno = E2BIG;
			give_up("arguments");
		}
		memcpy(arguments + arguments_len, bytes, len);
		arguments_len += len;
		return 1;
	case 's':
		start();
		return 1;
	case 'i':
		if (input_len > 0)
			return 0;
		memcpy(input, bytes, len);
		input_len = len;
		return 1;
	case 'c':
		input_ended = 1;
		return 1;
	default:
		errno = EPROTO;
		give_up("a frame");
		return 0;
	}
}

/* Whether any was taken. */
static int take_frames(void)
{
	int taken = 0;

	while (got_len >= HEAD) {
		size_t len = got[1] | (size_t)got[2] << 8;

		if (len > PAYLOAD) {
			errno = EPROTO;
			give_up("a frame");
		}
		if (got_len < HEAD + len || !take((char)got[0], got + HEAD, len))
			return taken;
		got_len -= HEAD + len;
		memmove(got, got + HEAD + len, got_len);
		taken = 1;
	}
	return taken;
}

static void read_line(void)
{
	ssize_t n = read(line, got + got_len, sizeof(got) - got_len);

	if (n <= 0 && errno != EINTR)
		give_up("the line");
	if (n > 0)
		got_len += (size_t)n;
}

/* ---- the loop ---- */

/* 0: nothing there now; -1: the end. */
static int forward(int *fd, char type)
{
	char bytes[PAYLOAD];
	ssize_t n = *fd < 0 ? 0 : read(*fd, bytes, sizeof(bytes));

	if (n < 0)
		return 0;
	if (n == 0) {
		if (*fd >= 0)
			close(*fd);
		*fd = -1;
		return -1;
	}
	send(type, bytes, (size_t)n);
	return 1;
}

static void finish(int status)
{
	unsigned char code = (unsigned char)(WIFSIGNALED(status) ? 128 + WTERMSIG(status)
								 : WEXITSTATUS(status));

	while (forward(&child_out, 'o') > 0)
		;
	while (forward(&child_err, 'e') > 0)
		;
	sync();
	send('x', &code, 1);
	tcdrain(line);
	for (;;)
		pause();
}

static void reap(void)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == child)
			finish(status);
}

static void wait_and_work(void)
{
	struct pollfd p[5] = {
		{ .fd = got_len < sizeof(got) ? line : -1, .events = POLLIN },
		{ .fd = input_len ? to_child : -1, .events = POLLOUT },
		{ .fd = child_out, .events = POLLIN },
		{ .fd = child_err, .events = POLLIN }, { .fd = wake[0], .events = POLLIN },
	};
	char bytes[64];

	if (poll(p, 5, -1) < 0) {
		if (errno != EINTR)
			give_up("poll");
		return;
	}
	if (p[4].revents && read(wake[0], bytes, sizeof(bytes)) < 0)
		give_up("pipe");
	if (p[0].revents)
		read_line();
	if (p[2].revents)
		forward(&child_out, 'o');
	if (p[3].revents)
		forward(&child_err, 'e');
}

static void on_child(int number)
{
	int kept = errno;

	/* Also when it comes between reap() and poll, poll ends. */
	if (write(wake[1], &number, 1) < 0)
		errno = kept;           /* the pipe is full: there are bytes enough */
}

int main(void)
{
	struct sigaction a = { .sa_handler = on_child };

	setenv("PATH", "/bin:/sbin:/usr/bin:/usr/sbin", 1);
	setenv("HOME", "/root", 1);
	setenv("TERM", "dumb", 1);
	signal(SIGPIPE, SIG_IGN);
	if (pipe2(wake, O_CLOEXEC | O_NONBLOCK) != 0)
		give_up("pipe");
	sigaction(SIGCHLD, &a, NULL);
	open_line();
	if (chdir("/root") != 0 && chdir("/") != 0)
		give_up("/");
	send('r', "1", 1);
	for (;;) {
		do {
			feed_child();
		} while (take_frames());
		if (started)
			reap();
		wait_and_work();
	}
}
