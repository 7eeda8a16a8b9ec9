/* SPDX-License-Identifier: BSD-2-Clause
 * pty.c - pseudo-terminals: a pair's two ends, and the line between them.
 */
#include "pty.h"

enum { PAIRS_AT_ONCE = 10, EVERY_PAIR = 5000, PKT = 9, MANY = 200000 };

int ptmx(int flags)
{
	int m = open("/dev/ptmx", O_RDWR | O_NOCTTY | flags);

	CHECK(m >= 0);
	return m;
}

char *name_of(int master)
{
	static char name[32];
	int n;

	CHECK(ioctl(master, TIOCGPTN, &n) == 0);
	snprintf(name, sizeof(name), "/dev/pts/%d", n);
	return name;
}

int slave_of(int master, int flags)
{
	int s, no = 0;

	CHECK(ioctl(master, TIOCSPTLCK, &no) == 0);
	s = open(name_of(master), O_RDWR | O_NOCTTY | flags);
	CHECK(s >= 0);
	return s;
}

void pair(int *m, int *s)
{
	*m = ptmx(0);
	*s = slave_of(*m, 0);
}

void set_raw(int fd)
{
	struct termios t;

	CHECK(tcgetattr(fd, &t) == 0);
	cfmakeraw(&t);
	CHECK(tcsetattr(fd, TCSANOW, &t) == 0);
}

void set_echo(int fd, int on)
{
	struct termios t;

	CHECK(tcgetattr(fd, &t) == 0);
	t.c_lflag = on ? t.c_lflag | ECHO : t.c_lflag & ~(unsigned)ECHO;
	CHECK(tcsetattr(fd, TCSANOW, &t) == 0);
}

int wait_for(int fd, int events, int ms)
{
	struct pollfd p = { .fd = fd, .events = (short)events };

	return poll(&p, 1, ms) == 1 ? p.revents : 0;
}

void expect(int fd, const char *text)
{
	char got[256] = "";
	size_t want = strlen(text), n = 0;

	while (n < want) {
		ssize_t k = (wait_for(fd, POLLIN, 5000), read(fd, got + n, want - n));

		CHECK(k > 0);
		n += (size_t)k;
	}
	if (memcmp(got, text, want) != 0)
		dprintf(2, "expected [%s], got [%s]\n", text, got);
	CHECK(memcmp(got, text, want) == 0);
}

void give(int fd, const char *text)
{
	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

int ended(pid_t pid)
{
	int status;

	CHECK(waitpid(pid, &status, 0) == pid);
	return status;
}

pid_t session(int m, int s)
{
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0) {
		close(m);
		CHECK(setsid() == getpid() && ioctl(s, TIOCSCTTY, 0) == 0);
	}
	return pid;
}

/* As Debian mounts it, or as Linux does without being asked for more. */
static int is_fresh(const struct stat *st)
{
	mode_t mode = st->st_mode & 07777;

	return (mode == 0620 && st->st_gid == 5) || (mode == 0600 && st->st_gid != 5);
}

static void t_a_pty_has_a_name_an_owner_and_a_lock(void)
{
	int m = posix_openpt(O_RDWR | O_NOCTTY), locked = 0, s;
	struct stat st;
	char *name;

	CHECK(m >= 0 && grantpt(m) == 0);
	name = name_of(m);
	CHECK(strcmp(ptsname(m), name) == 0);
	CHECK(stat(name, &st) == 0 && S_ISCHR(st.st_mode) && is_fresh(&st));
	CHECK(st.st_uid == geteuid() && st.st_nlink == 1);
	CHECK(st.st_rdev >> 8 == 136 && (int)(st.st_rdev & 255) == atoi(name + 9));
	CHECK(ioctl(m, (int)TIOCGPTLCK, &locked) == 0 && locked == 1);
	CHECK(open(name, O_RDWR | O_NOCTTY) == -1 && errno == EIO);
	CHECK(unlockpt(m) == 0 && ioctl(m, (int)TIOCGPTLCK, &locked) == 0 && locked == 0);
	s = open(name, O_RDWR | O_NOCTTY);
	CHECK(s >= 0 && isatty(s) && isatty(m) && strcmp(ttyname(s), name) == 0);
	CHECK(ioctl(s, TIOCGPTN, &locked) == -1 && errno == ENOTTY);
	CHECK(ioctl(s, TIOCSPTLCK, &locked) == -1 && errno == ENOTTY);
	CHECK(ioctl(s, TIOCGPTPEER, O_RDWR) == -1 && errno == EIO);
	CHECK(ioctl(m, TIOCGPTN, 8) == -1 && errno == EFAULT);
	CHECK(ioctl(m, 0x54ff, 0) == -1 && errno == ENOTTY);
}

static void t_a_pty_goes_with_its_master(void)
{
	int m, s;
	struct stat st;
	char name[32];

	pair(&m, &s);
	strcpy(name, name_of(m));
	CHECK(close(m) == 0);
	CHECK(stat(name, &st) == -1 && errno == ENOENT);
	CHECK(fstat(s, &st) == 0 && S_ISCHR(st.st_mode));
	CHECK(open("/dev/pts/99999", O_RDWR) == -1 && errno == ENOENT);
	CHECK(unlink("/dev/pts/ptmx") == -1 && (errno == EPERM || errno == EACCES));
	CHECK(mkdir("/dev/pts/x", 0755) == -1 && (errno == EPERM || errno == EACCES));
}

static void t_the_peer_of_a_pty_opens_without_a_path(void)
{
	int m = ptmx(0), no = 0, s;

	CHECK(ioctl(m, TIOCGPTPEER, O_RDWR | O_NOCTTY) == -1 && errno == EIO);
	CHECK(ioctl(m, TIOCSPTLCK, &no) == 0);
	s = ioctl(m, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	CHECK(s >= 0 && fcntl(s, F_GETFD) == FD_CLOEXEC);
	CHECK(strcmp(ttyname(s), name_of(m)) == 0);
	give(s, "x\n");
	expect(m, "x\r\n");
}

static void t_bytes_pass_a_pty_both_ways(void)
{
	int m, s;

	pair(&m, &s);
	give(m, "one\ntwo\n");
	expect(s, "one\n");
	expect(s, "two\n");
	expect(m, "one\r\ntwo\r\n");            /* the echo */
	give(s, "out\n");
	expect(m, "out\r\n");
	set_echo(s, 0);
	give(m, "abc\177\177d\025second\004");
	expect(s, "second");
	give(m, "\004");
	CHECK(read(s, &m, 1) == 0);             /* end of file */
}

static void t_a_pty_in_raw_mode_passes_everything(void)
{
	unsigned char all[256], got[256];
	int m, s;

	pair(&m, &s);
	set_raw(s);
	for (int i = 0; i < 256; i++)
		all[i] = (unsigned char)i;
	CHECK(write(m, all, 256) == 256);
	for (size_t n = 0; n < 256;) {
		ssize_t k = read(s, got + n, 256 - n);

		CHECK(k > 0);
		n += (size_t)k;
	}
	CHECK(memcmp(all, got, 256) == 0);
	CHECK(write(s, all, 256) == 256);
	for (size_t n = 0; n < 256;) {
		ssize_t k = read(m, got + n, 256 - n);

		CHECK(k > 0);
		n += (size_t)k;
	}
	CHECK(memcmp(all, got, 256) == 0);
}

static void t_the_master_tells_when_the_slave_is_closed(void)
{
	int m = ptmx(O_NONBLOCK), s;
	char c;

	CHECK(read(m, &c, 1) == -1 && errno == EAGAIN);         /* nobody has opened it yet */
	CHECK(wait_for(m, POLLIN, 0) == 0);
	s = slave_of(m, 0);
	give(s, "bye");
	CHECK(close(s) == 0);
	CHECK(wait_for(m, POLLIN, 5000) & POLLHUP);
	expect(m, "bye");
	CHECK(read(m, &c, 1) == -1 && errno == EIO);
	CHECK(wait_for(m, 0, 0) == POLLHUP);
	s = slave_of(m, 0);                                     /* and comes back */
	CHECK(wait_for(m, POLLIN, 0) == 0);
	CHECK(read(m, &c, 1) == -1 && errno == EAGAIN);
	give(s, "x");
	expect(m, "x");
}

static void t_what_a_pty_knows_stays_while_the_master_is_open(void)
{
	int m = ptmx(0), s = slave_of(m, 0);
	struct winsize w = { 7, 8, 0, 0 };
	struct stat st;

	set_echo(s, 0);
	CHECK(ioctl(s, TIOCSWINSZ, &w) == 0);
	CHECK(close(s) == 0);
	CHECK(chmod(name_of(m), 0600) == 0);
	CHECK(geteuid() != 0 || chown(name_of(m), 12, 34) == 0);
	give(m, "typed ahead\n");
	s = slave_of(m, 0);
	w.ws_row = 0;
	CHECK(ioctl(s, TIOCGWINSZ, &w) == 0 && w.ws_row == 7 && w.ws_col == 8);
	expect(s, "typed ahead\n");
	CHECK(fstat(s, &st) == 0 && (st.st_mode & 07777) == 0600);
	CHECK(geteuid() != 0 || (st.st_uid == 12 && st.st_gid == 34));
	close(s);
	close(m);
	pair(&m, &s);                                           /* but not longer */
	CHECK(ioctl(s, TIOCGWINSZ, &w) == 0 && w.ws_row == 0 && w.ws_col == 0);
	CHECK(fstat(s, &st) == 0 && is_fresh(&st) && st.st_uid == geteuid());
	give(m, "e\n");
	expect(m, "e\r\n");
}

static void t_a_pty_without_its_master_is_hung_up(void)
{
	struct termios t;
	int m, s, all = POLLIN | POLLOUT | POLLERR | POLLHUP;
	char c;

	pair(&m, &s);
	give(m, "never read\n");
	CHECK(close(m) == 0);
	CHECK(read(s, &c, 1) == 0);
	CHECK(write(s, "x", 1) == -1 && errno == EIO);
	CHECK(tcgetattr(s, &t) == -1 && errno == EIO);
	CHECK(wait_for(s, POLLIN | POLLOUT, 0) == all);
}

static void t_who_waits_at_a_pty_hears_of_its_end(void)
{
	int m, s, ready[2];
	pid_t reader;
	char c;

	pair(&m, &s);
	CHECK(pipe(ready) == 0);
	reader = fork();
	if (reader == 0) {
		close(m);
		give(ready[1], "x");
		_exit(read(s, &c, 1) <= 0 ? 0 : 1);     /* Linux: EIO, if it waits already */
	}
	CHECK(read(ready[0], &c, 1) == 1);
	usleep(50000);
	close(m);
	CHECK(ended(reader) == 0);
	close(s);
	pair(&m, &s);
	reader = fork();
	if (reader == 0) {
		close(s);
		give(ready[1], "x");
		_exit(read(m, &c, 1) == -1 && errno == EIO ? 0 : 1);
	}
	CHECK(read(ready[0], &c, 1) == 1);
	usleep(50000);
	close(s);
	CHECK(ended(reader) == 0);
}

static void t_a_full_pty_makes_its_writers_wait(void)
{
	int m = ptmx(O_NONBLOCK), s = slave_of(m, O_NONBLOCK);
	char page[1000], c;
	long in = 0, out = 0;
	ssize_t n;

	memset(page, 'x', sizeof(page));
	set_raw(s);
	CHECK(read(s, &c, 1) == -1 && errno == EAGAIN);
	while ((n = write(m, page, sizeof(page))) > 0 || wait_for(m, POLLOUT, 100))
		in += n > 0 ? n : 0;
	CHECK(n == -1 && errno == EAGAIN && wait_for(m, POLLOUT, 0) == 0 && in >= 4000);
	while ((n = write(s, page, sizeof(page))) > 0 || wait_for(s, POLLOUT, 100))
		out += n > 0 ? n : 0;
	CHECK(n == -1 && errno == EAGAIN && wait_for(s, POLLOUT, 0) == 0 && out >= 4000);
	while ((n = read(s, page, sizeof(page))) > 0 || wait_for(s, POLLIN, 100))
		in -= n > 0 ? n : 0;
	while ((n = read(m, page, sizeof(page))) > 0 || wait_for(m, POLLIN, 100))
		out -= n > 0 ? n : 0;
	CHECK(in == 0 && out == 0);
	CHECK(wait_for(m, POLLOUT, 0) == POLLOUT && wait_for(s, POLLOUT, 0) == POLLOUT);
}

static void t_much_passes_a_pty_in_order(void)
{
	int m, s;
	pid_t writer;
	uint32_t next = 0, got[256];
	size_t held = 0;

	pair(&m, &s);
	set_raw(s);
	writer = fork();
	if (writer == 0) {
		for (uint32_t i = 0; i < MANY / 4; i += 100) {
			uint32_t part[100];

			for (uint32_t k = 0; k < 100; k++)
				part[k] = i + k;
			CHECK(write(s, part, sizeof(part)) == sizeof(part));
		}
		_exit(0);
	}
	close(s);
	for (ssize_t n; (n = read(m, (char *)got + held, sizeof(got) - held)) > 0;) {
		held += (size_t)n;
		for (size_t k = 0; k < held / 4; k++)
			CHECK(got[k] == next++);
		memmove(got, (char *)got + held / 4 * 4, held % 4);
		held %= 4;
	}
	CHECK(errno == EIO && next == MANY / 4 && ended(writer) == 0);
}

static void t_select_sees_a_pty(void)
{
	struct timeval none = { 0, 0 };
	fd_set r, w;
	int m, s;

	pair(&m, &s);
	FD_ZERO(&r);
	FD_ZERO(&w);
	FD_SET(m, &r);
	FD_SET(s, &r);
	FD_SET(m, &w);
	FD_SET(s, &w);
	CHECK(select(s + 1, &r, &w, NULL, &none) == 2 && FD_ISSET(m, &w) && FD_ISSET(s, &w));
	give(m, "line\n");
	CHECK(wait_for(s, POLLIN, 5000) == POLLIN && wait_for(m, POLLRDNORM, 5000) == POLLRDNORM);
	FD_SET(m, &r);
	FD_SET(s, &r);
	CHECK(select(s + 1, &r, NULL, NULL, &none) == 2);
}

static void t_a_pty_counts_its_bytes(void)
{
	int m, s, n = -1;

	pair(&m, &s);
	set_echo(s, 0);
	CHECK(ioctl(m, TIOCOUTQ, &n) == 0 && n == 0);
	give(m, "ab\ncd\nnot yet");
	wait_for(s, POLLIN, 5000);
	CHECK(ioctl(s, FIONREAD, &n) == 0 && n == 6);
	give(s, "12345");
	wait_for(m, POLLIN, 5000);
	CHECK(ioctl(m, FIONREAD, &n) == 0 && n == 5);
	CHECK(ioctl(s, TIOCOUTQ, &n) == 0 && n == 0);
	CHECK(tcdrain(s) == 0);                         /* nobody need read for that */
	CHECK(tcflush(s, TCIFLUSH) == 0 && ioctl(s, FIONREAD, &n) == 0 && n == 0);
	CHECK(tcflush(s, TCOFLUSH) == 0 && ioctl(m, FIONREAD, &n) == 0 && n == 5);
	CHECK(tcflush(m, TCIFLUSH) == 0 && ioctl(m, FIONREAD, &n) == 0 && n == 0);
	CHECK(ioctl(s, TCFLSH, 3) == -1 && errno == EINVAL);
	CHECK(ioctl(m, TCFLSH, 3) == -1 && errno == EINVAL);
	CHECK(tcsendbreak(s, 0) == 0);
}

static void t_a_stopped_pty_shows_nothing_more(void)
{
	int m = ptmx(0), s = slave_of(m, O_NONBLOCK);

	give(s, "before");
	wait_for(m, POLLIN, 5000);
	give(m, "\023");
	while (wait_for(s, POLLOUT, 0))
		usleep(1000);
	CHECK(write(s, "after", 5) == -1 && errno == EAGAIN);
	expect(m, "before");
	CHECK(wait_for(m, POLLIN, 0) == 0);
	give(m, "\021");
	CHECK(wait_for(s, POLLOUT, 5000) == POLLOUT);
	give(s, "after");
	expect(m, "after");
	CHECK(tcflow(s, TCOOFF) == 0 && write(s, "x", 1) == -1 && errno == EAGAIN);
	CHECK(tcflow(s, TCOON) == 0 && write(s, "x", 1) == 1);
	expect(m, "x");
	CHECK(tcflow(s, TCIOFF) == 0 && tcflow(s, TCION) == 0);
	expect(m, "\023\021");
	CHECK(ioctl(s, TCXONC, 9) == -1 && errno == EINVAL);
}

static void t_both_ends_of_a_pty_see_its_termios_and_window(void)
{
	struct winsize w = { 11, 22, 33, 44 }, got = { 0 };
	struct termios t, u;
	int m, s;

	pair(&m, &s);
	CHECK(ioctl(s, TIOCGWINSZ, &got) == 0 && got.ws_row == 0 && got.ws_col == 0);
	CHECK(ioctl(m, TIOCSWINSZ, &w) == 0 && ioctl(s, TIOCGWINSZ, &got) == 0);
	CHECK(memcmp(&w, &got, sizeof(w)) == 0);
	CHECK(tcgetattr(m, &t) == 0 && tcgetattr(s, &u) == 0);
	CHECK(t.c_lflag == u.c_lflag && t.c_lflag & ICANON && t.c_iflag == (ICRNL | IXON));
	CHECK(cfgetospeed(&t) == B38400 && (t.c_cflag & CSIZE) == CS8);
	t.c_lflag &= ~(unsigned)ECHO;
	CHECK(tcsetattr(m, TCSANOW, &t) == 0);
	CHECK(tcgetattr(s, &u) == 0 && !(u.c_lflag & ECHO));
	u.c_cflag = (u.c_cflag & ~(unsigned)CSIZE) | CS7 | PARENB;
	CHECK(ioctl(s, TCSETS, &u) == 0 && tcgetattr(s, &u) == 0);
	CHECK((u.c_cflag & CSIZE) == CS8 && !(u.c_cflag & PARENB));
	CHECK(tcsetattr(s, TCSADRAIN, &t) == 0 && tcsetattr(s, TCSAFLUSH, &t) == 0);
}

static void t_a_pty_in_packet_mode_tells_what_happens(void)
{
	int m = ptmx(O_NONBLOCK), s = slave_of(m, 0), on = 1, mode = 0;
	struct termios t;
	char got[PKT];

	CHECK(ioctl(m, TIOCPKT, &on) == 0 && ioctl(m, (int)TIOCGPKT, &mode) == 0 && mode == 1);
	CHECK(ioctl(s, TIOCPKT, &on) == -1 && errno == ENOTTY);
	give(s, "data");
	wait_for(m, POLLIN, 5000);
	CHECK(read(m, got, PKT) == 5 && memcmp(got, "\0data", 5) == 0);
	give(m, "\023");
	CHECK(wait_for(m, POLLPRI, 5000) & POLLPRI);
	CHECK(read(m, got, PKT) == 1 && got[0] == TIOCPKT_STOP);
	give(m, "\021");
	CHECK(wait_for(m, POLLPRI, 5000) & POLLPRI);
	CHECK(read(m, got, PKT) == 1 && got[0] == TIOCPKT_START);
	CHECK(tcflush(s, TCIOFLUSH) == 0);
	CHECK(read(m, got, PKT) == 1 && got[0] == (TIOCPKT_FLUSHREAD | TIOCPKT_FLUSHWRITE));
	CHECK(tcgetattr(s, &t) == 0);
	t.c_iflag &= ~(unsigned)IXON;
	CHECK(tcsetattr(s, TCSANOW, &t) == 0);
	CHECK(read(m, got, PKT) == 1 && got[0] == TIOCPKT_NOSTOP);
	t.c_iflag |= IXON;
	CHECK(tcsetattr(s, TCSANOW, &t) == 0);
	CHECK(read(m, got, PKT) == 1 && got[0] == TIOCPKT_DOSTOP);
	CHECK(read(m, got, PKT) == -1 && errno == EAGAIN);
	on = 0;
	CHECK(ioctl(m, TIOCPKT, &on) == 0);
	give(s, "plain");
	wait_for(m, POLLIN, 5000);
	CHECK(read(m, got, PKT) == 5 && memcmp(got, "plain", 5) == 0);
}

static void t_a_pty_can_be_had_for_oneself(void)
{
	int m, s, fd, no = 0;
	char name[32];
	pid_t pid;

	pair(&m, &s);
	strcpy(name, name_of(m));
	CHECK(chmod(name, 0666) == 0 && ioctl(s, TIOCEXCL, 0) == 0);
	pid = fork();
	if (pid == 0) {
		CHECK(geteuid() != 0 || setuid(65534) == 0);
		CHECK(open(name, O_RDWR | O_NOCTTY) == -1 && errno == EBUSY);
		_exit(0);
	}
	CHECK(ended(pid) == 0);
	CHECK(ioctl(s, (int)TIOCGEXCL, &no) == 0 && no == 1);
	CHECK(ioctl(s, TIOCNXCL, 0) == 0);
	fd = open(name, O_RDWR | O_NOCTTY);
	CHECK(fd >= 0);
}

static void t_a_pty_is_its_owners(void)
{
	int m, s;
	pid_t pid;

	if (geteuid() != 0)
		return;
	pair(&m, &s);
	pid = fork();
	if (pid == 0) {
		int mine, no = 0;
		struct stat st;

		CHECK(setgid(65534) == 0 && setuid(65534) == 0);
		CHECK(open(name_of(m), O_RDWR | O_NOCTTY) == -1 && errno == EACCES);
		CHECK(chmod(name_of(m), 0666) == -1 && errno == EPERM);
		mine = ptmx(0);
		CHECK(stat(name_of(mine), &st) == 0 && st.st_uid == 65534);
		CHECK(ioctl(mine, TIOCSPTLCK, &no) == 0);
		CHECK(open(name_of(mine), O_RDWR | O_NOCTTY) >= 0);
		_exit(0);
	}
	CHECK(ended(pid) == 0);
}

static void t_several_ptys_do_not_mix(void)
{
	int m[PAIRS_AT_ONCE], s[PAIRS_AT_ONCE];
	char text[16];

	for (int i = 0; i < PAIRS_AT_ONCE; i++) {
		pair(&m[i], &s[i]);
		set_echo(s[i], 0);
	}
	for (int i = 0; i < PAIRS_AT_ONCE; i++) {
		snprintf(text, sizeof(text), "to %d\n", i);
		give(m[i], text);
		snprintf(text, sizeof(text), "from %d", i);
		give(s[i], text);
	}
	for (int i = 0; i < PAIRS_AT_ONCE; i++) {
		snprintf(text, sizeof(text), "to %d\n", i);
		expect(s[i], text);
		snprintf(text, sizeof(text), "from %d", i);
		expect(m[i], text);
	}
}

/* POSIX's EAGAIN is what musl makes of the kernel's ENOSPC. All of them come back at once. */
static void t_there_is_an_end_to_ptys(void)
{
	struct rlimit files;
	int first = -1, last = -1, n = 0, fd, again;

	CHECK(getrlimit(RLIMIT_NOFILE, &files) == 0);
	while (n < EVERY_PAIR && (fd = posix_openpt(O_RDWR | O_NOCTTY)) >= 0) {
		first = first < 0 ? fd : first;
		last = fd;
		n++;
	}
	CHECK(n >= 20 && (errno == EAGAIN || errno == ENOSPC || errno == EMFILE));
	for (fd = first; fd <= last; fd++)
		close(fd);
	for (again = 0; again < n && (fd = posix_openpt(O_RDWR | O_NOCTTY)) >= 0;)
		again++;
	CHECK(again == n);
}

/* Who holds both ends of all there are ends: each of them is closed. */
static void t_many_ends_of_ptys_close_at_once(void)
{
	int first = 0, n = 0;
	pid_t pid;

	for (int round = 0; round < 3; round++) {
		int count[2];

		CHECK(pipe(count) == 0);
		pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			int m;

			for (n = 0; n < 100 && (m = posix_openpt(O_RDWR | O_NOCTTY)) >= 0; n++)
				slave_of(m, 0);
			CHECK(write(count[1], &n, sizeof(n)) == sizeof(n));
			_exit(0);
		}
		CHECK(ended(pid) == 0 && read(count[0], &n, sizeof(n)) == sizeof(n) && n > 20);
		first = round == 0 ? n : first;
		CHECK(n == first);
		close(count[0]);
		close(count[1]);
	}
}

const struct test pty_tests[] = {
	T(a_pty_has_a_name_an_owner_and_a_lock), T(a_pty_goes_with_its_master),
	T(the_peer_of_a_pty_opens_without_a_path), T(bytes_pass_a_pty_both_ways),
	T(a_pty_in_raw_mode_passes_everything), T(the_master_tells_when_the_slave_is_closed),
	T(what_a_pty_knows_stays_while_the_master_is_open),
	T(a_pty_without_its_master_is_hung_up), T(who_waits_at_a_pty_hears_of_its_end),
	T(a_full_pty_makes_its_writers_wait), T(much_passes_a_pty_in_order),
	T(select_sees_a_pty), T(a_pty_counts_its_bytes), T(a_stopped_pty_shows_nothing_more),
	T(both_ends_of_a_pty_see_its_termios_and_window),
	T(a_pty_in_packet_mode_tells_what_happens),
	T(a_pty_can_be_had_for_oneself), T(a_pty_is_its_owners), T(several_ptys_do_not_mix),
	T(there_is_an_end_to_ptys), T(many_ends_of_ptys_close_at_once), { NULL, NULL },
};
