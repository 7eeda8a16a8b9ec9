/* SPDX-License-Identifier: BSD-2-Clause
 * line.c - the line discipline, on a pseudo-terminal: what is typed, shown and read.
 */
#include "pty.h"

enum { MUCH = 199, PATIENCE_MS = 20 };

static void set_local(int fd, tcflag_t off, tcflag_t on)
{
	struct termios t;

	CHECK(tcgetattr(fd, &t) == 0);
	t.c_lflag = (t.c_lflag & ~off) | on;
	CHECK(tcsetattr(fd, TCSANOW, &t) == 0);
}

static void set_min_time(int fd, cc_t min, cc_t time)
{
	struct termios t;

	CHECK(tcgetattr(fd, &t) == 0);
	cfmakeraw(&t);
	t.c_cc[VMIN] = min;
	t.c_cc[VTIME] = time;
	CHECK(tcsetattr(fd, TCSANOW, &t) == 0);
}

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static ssize_t read_now(int fd, void *to, size_t size)
{
	ssize_t n;

	CHECK(fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) == 0);
	n = read(fd, to, size);
	CHECK(fcntl(fd, F_SETFL, O_RDWR) == 0);
	return n;
}

/* Away with what the master has to show. */
static void drop_output(int m)
{
	char page[1000];

	while (wait_for(m, POLLIN, PATIENCE_MS))
		CHECK(read(m, page, sizeof(page)) > 0);
}

/* However long a line is and whatever is in it. */
static void t_much_is_typed_and_erased(void)
{
	static const char erasers[] = { '\025', '\027', '\022', '\177' }, fill[] = "\001\t\200a";
	char much[MUCH], key[2] = "";
	struct termios t;
	int m, s;

	pair(&m, &s);
	CHECK(tcgetattr(s, &t) == 0);
	t.c_iflag |= IUTF8;
	CHECK(tcsetattr(s, TCSANOW, &t) == 0);
	for (size_t f = 0; f < sizeof(fill) - 1; f++)
		for (size_t i = 0; i < sizeof(erasers); i++) {
			memset(much, fill[f], MUCH);
			set_local(s, ECHO, 0);
			give(m, "\303");        /* some of them continue a character only */
			for (int n = 0; n < 18; n++)
				CHECK(write(m, much, MUCH) == MUCH);
			set_local(s, 0, ECHO);
			key[0] = erasers[i];
			give(m, key);
			drop_output(m);
			give(m, "\025ok\n");
			drop_output(m);
			expect(s, "ok\n");
		}
}

static void t_what_is_erased_goes_from_the_screen(void)
{
	int m, s;

	pair(&m, &s);
	give(m, "a\001\177\177b\n");
	expect(m, "a^A\b \b\b \b\b \bb\r\n");
	give(m, "ab\t\177c\n");
	expect(m, "ab\t\b\b\b\b\b\bc\r\n");
	give(m, "\t\t\177\177x\n");
	expect(m, "\t\t\b\b\b\b\b\b\b\b\b\b\b\b\b\b\b\bx\r\n");
	give(m, "one two\027\022\025z\n");
	expect(m, "one two\b \b\b \b\b \b^R\r\none \b \b\b \b\b \b\b \bz\r\n");
	expect(s, "b\n");
	expect(s, "abc\n");
	expect(s, "x\n");
	expect(s, "z\n");
	set_local(s, ECHOE | ECHOKE | ECHOCTL, 0);
	give(m, "ab\177c\025d\n");
	expect(m, "ab\177c\025\r\nd\r\n");
	expect(s, "d\n");
}

static void t_output_is_processed(void)
{
	struct termios t;
	int m, s;

	pair(&m, &s);
	CHECK(tcgetattr(s, &t) == 0);
	t.c_oflag = OPOST | ONLCR | XTABS;
	CHECK(tcsetattr(s, TCSANOW, &t) == 0);
	give(s, "a\tb\n\tc\r");
	expect(m, "a       b\r\n        c\r");
	t.c_oflag = OPOST | ONLRET | ONOCR;
	CHECK(tcsetattr(s, TCSANOW, &t) == 0);
	give(s, "a\n\rb\r\r");
	expect(m, "a\nb\r");
	CHECK(fsync(s) == -1 && errno == EINVAL && fsync(m) == -1 && errno == EINVAL);
}

static void t_a_raw_read_ends_where_its_buffer_does(void)
{
	char got[8];
	int m, s, n = 0;

	pair(&m, &s);
	set_min_time(s, 5, 0);
	give(m, "abcd");
	while (ioctl(s, FIONREAD, &n) == 0 && n < 4)
		usleep(1000);
	CHECK(wait_for(s, POLLIN, 0) == 0);             /* too few for a read that could take 5 */
	CHECK(read(s, got, 2) == 2 && memcmp(got, "ab", 2) == 0);
	CHECK(read_now(s, got, sizeof(got)) == 2 && memcmp(got, "cd", 2) == 0);
	CHECK(read_now(s, got, sizeof(got)) == -1 && errno == EAGAIN);
	give(m, "12345");
	CHECK(wait_for(s, POLLIN, 5000) == POLLIN);
	CHECK(read(s, got, sizeof(got)) == 5);
}

/* Between bytes; before the first one a read waits as long as it takes. */
static void t_vtime_is_the_pause_that_ends_a_burst(void)
{
	char got[16];
	int m, s;
	pid_t typist;

	pair(&m, &s);
	set_min_time(s, 10, 5);
	typist = fork();
	if (typist == 0) {
		usleep(800000);
		for (int i = 0; i < 6; i++) {
			give(m, "x");
			usleep(150000);
		}
		_exit(0);
	}
	CHECK(read(s, got, sizeof(got)) == 6);
	CHECK(ended(typist) == 0);
	set_min_time(s, 0, 2);
	CHECK(read(s, got, sizeof(got)) == 0);
}

/* It comes in just the moment when the read begins. */
static void t_a_read_with_a_time_takes_what_comes(void)
{
	char got[4];
	int m, s;

	pair(&m, &s);
	set_min_time(s, 0, 200);
	for (int i = 0; i < 200; i++) {
		long began = now_ms();
		pid_t typist = fork();

		if (typist == 0) {
			give(m, "x");
			_exit(0);
		}
		CHECK(read(s, got, sizeof(got)) == 1 && now_ms() - began < 5000);
		CHECK(ended(typist) == 0);
	}
}

static void t_a_signal_key_lets_output_go_on(void)
{
	int m, s;

	pair(&m, &s);
	give(m, "\023");
	while (wait_for(s, POLLOUT, 0))
		usleep(1000);
	give(m, "\003");
	CHECK(wait_for(s, POLLOUT, 5000) == POLLOUT);
	give(s, "on");
	expect(m, "^Con");
}

/* What the group in the background may not do. */
static void in_background(int s, int (*act)(int))
{
	pid_t job = fork();
	int status;

	if (job == 0) {
		setpgid(0, 0);
		act(s);
		_exit(0);
	}
	CHECK(waitpid(job, &status, WUNTRACED) == job && WIFSTOPPED(status));
	CHECK(WSTOPSIG(status) == SIGTTOU);
	kill(job, SIGKILL);
	ended(job);
}

static int flushes(int s)
{
	return tcflush(s, TCIFLUSH);
}

static int continues(int s)
{
	return tcflow(s, TCOON);
}

static int breaks(int s)
{
	return tcsendbreak(s, 0);
}

static void t_the_background_changes_nothing(void)
{
	int m, s;
	pid_t pid;

	pair(&m, &s);
	pid = session(m, s);
	if (pid == 0) {
		in_background(s, flushes);
		in_background(s, continues);
		in_background(s, breaks);
		in_background(s, tcdrain);
		_exit(0);
	}
	CHECK(ended(pid) == 0);
}

static void t_who_gave_a_terminal_up_has_none(void)
{
	int m, s;
	pid_t pid, child;

	pair(&m, &s);
	pid = session(m, s);
	if (pid == 0) {
		child = fork();
		if (child == 0) {
			CHECK(ioctl(s, TIOCNOTTY, 0) == 0);
			CHECK(tcgetpgrp(s) == -1 && errno == ENOTTY);
			CHECK(tcgetsid(s) == -1 && errno == ENOTTY);
			CHECK(ioctl(s, TIOCSCTTY, 0) == -1 && errno == EPERM);
			_exit(0);
		}
		CHECK(ended(child) == 0 && tcgetpgrp(s) == getpid());
		_exit(0);
	}
	CHECK(ended(pid) == 0);
}

/* The line is nobody's terminal then: what is typed there reaches no one. */
static void t_a_session_that_has_ended_hears_no_keys(void)
{
	int m, s, told[2];
	pid_t pid;
	char c;

	pair(&m, &s);
	CHECK(pipe(told) == 0);
	pid = session(m, s);
	if (pid == 0) {
		pid_t job = fork();

		if (job == 0) {
			setpgid(0, 0);
			signal(SIGTTOU, SIG_IGN);
			signal(SIGHUP, SIG_IGN);
			CHECK(tcsetpgrp(s, getpid()) == 0);
			handle(SIGINT, on_signal, 0);
			handle(SIGWINCH, on_signal, 0);
			give(told[1], "j");
			CHECK(read(s, &c, 1) == 1 && c == 'x' && caught == 0);
			give(told[1], "J");
			_exit(0);
		}
		CHECK(read(told[0], &c, 1) == 1);
		_exit(0);
	}
	CHECK(ended(pid) == 0);
	CHECK(ioctl(m, TIOCGSID, &pid) == -1 && errno == ENOTTY);
	CHECK(ioctl(m, TIOCGPGRP, &pid) == 0 && pid == 0);
	give(m, "\003");
	CHECK(ioctl(m, TIOCSWINSZ, &(struct winsize){ .ws_row = 9 }) == 0);
	expect(m, "^C");
	give(m, "x\n");
	CHECK(wait_for(told[0], POLLIN, 5000) == POLLIN && read(told[0], &c, 1) == 1 && c == 'J');
}

const struct test line_tests[] = {
	T(much_is_typed_and_erased), T(what_is_erased_goes_from_the_screen),
	T(output_is_processed), T(a_raw_read_ends_where_its_buffer_does),
	T(vtime_is_the_pause_that_ends_a_burst), T(a_read_with_a_time_takes_what_comes),
	T(a_signal_key_lets_output_go_on), T(the_background_changes_nothing),
	T(who_gave_a_terminal_up_has_none), T(a_session_that_has_ended_hears_no_keys),
	{ NULL, NULL },
};
