/* SPDX-License-Identifier: BSD-2-Clause
 * exhaust.c - programs that take all there is: they get an error or die, and it is free again.
 * HOSTILE_ONLY=N in the environment: attack N only.
 */
#include "hostile.h"

#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <sys/statvfs.h>

enum { SECONDS = 150, MANY = 100000 };

static int processes(void)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	int n = 0;

	while (d && (e = readdir(d)))
		n += e->d_name[0] >= '1' && e->d_name[0] <= '9';
	if (d)
		closedir(d);
	return n;
}

static int wait_for_child(pid_t pid)
{
	int status;

	if (pid == 0)
		_exit(0);
	return waitpid(pid, &status, 0) > 0 ? status : -1;
}

/* Each child stays until the group is killed. What the end of the children leaves is nothing. */
static void bomb(unsigned limit)
{
	struct rlimit l = { limit, limit };
	int n = 0;

	if (limit)
		CHECK(setrlimit(RLIMIT_NPROC, &l) == 0);
	for (;;) {
		pid_t pid = fork();

		if (pid == 0)
			for (;;)
				pause();
		if (pid < 0)
			break;
		CHECK(++n < MANY);
	}
	CHECK(errno == EAGAIN || errno == ENOMEM);
	CHECK(n > 20 && (!limit || n < (int)limit));
	signal(SIGTERM, SIG_IGN);
	kill(0, SIGTERM);
	while (n-- > 0)
		CHECK(wait(NULL) > 0);
	if (fork() == 0)
		_exit(0);
	CHECK(wait(NULL) > 0);
}

static void fork_limited(long a) { (void)a; bomb(64); }
static void fork_unlimited(long a) { (void)a; bomb(0); }

static void bomb_of_bombs(long a)
{
	(void)a;
	for (;;)
		if (fork() < 0 && errno != EAGAIN && errno != ENOMEM)
			_exit(1);
}

static void eat_memory(long step)
{
	for (;;) {
		char *at = mmap(NULL, (size_t)step, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (at == MAP_FAILED)
			_exit(errno == ENOMEM ? 0 : 1);
		for (long i = 0; i < step; i += PAGE)
			at[i] = 1;
	}
}

/* The eaters are killed or refused; who does not eat, like us, lives. */
static void eat_together(long a)
{
	(void)a;
	for (int i = 0; i < 8; i++)
		if (fork() == 0)
			eat_memory(1 << 20);
	while (wait(NULL) > 0)
		;
	CHECK(errno == ECHILD);
}

static pid_t start(void (*f)(long), long argument)
{
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0) {
		f(argument);
		_exit(0);
	}
	return pid;
}

/* Nothing of it is mapped for long. */
static void eat_shared(long step)
{
	for (;;) {
		char *at = mmap(NULL, (size_t)step, PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);

		if (at == MAP_FAILED)
			_exit(errno == ENOMEM ? 0 : 1);
		for (long i = 0; i < step; i += PAGE)
			at[i] = 1;
		madvise(at, (size_t)step, MADV_DONTNEED);
	}
}

/* Whoever is not the biggest goes on, also in calls that need a new page. */
static void small_beside_big(long a)
{
	int fd = open("/bin/busybox", O_RDONLY);

	CHECK(fd >= 0);
	while (a-- > 0) {
		pid_t pid = start(a % 2 ? eat_memory : eat_shared, 1 << 20);

		while (waitpid(pid, NULL, WNOHANG) == 0) {
			char *at = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE,
					MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

			CHECK(at != MAP_FAILED && pread(fd, at, 8 * PAGE, 0) == 8 * PAGE);
			CHECK(syscall(SYS_clock_gettime, 0, at + 9 * PAGE) == 0);
			CHECK(munmap(at, 16 * PAGE) == 0);
		}
	}
}

/* One page for each page table, and then not even that. */
static void eat_tables(long a)
{
	char *at = (char *)(1ul << 32);

	(void)a;
	for (; at < (char *)(120ul << 40); at += 2ul << 20) {
		if (mmap(at, PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
			return;
		*at = 1;
		munmap(at, PAGE);
	}
}

static void map_limit(long a)
{
	char *first = NULL, *at = NULL, *last = NULL;
	int n = 0;

	(void)a;
	for (; n < MANY && at != MAP_FAILED; n++) {
		last = at;
		at = mmap(NULL, PAGE, n % 2 ? PROT_READ : PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
		first = first ? first : at;
	}
	CHECK(errno == ENOMEM && n > 500 && last < first);
	CHECK(munmap(last, PAGE) == 0 && munmap(last, (size_t)(first - last)) == 0);
	for (n = 0; n < 3000; n++)
		CHECK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
	CHECK(mmap(NULL, 1ull << 62, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
}

static int (*volatile deeper)(int);

static int recurse(int n)
{
	volatile char block[512];

	block[0] = (char)n;
	return deeper(n + 1) + block[0];
}

static void deep_recursion(long a) { deeper = recurse; _exit(recurse((int)a)); }

static void all_descriptors(long a)
{
	int n = 0, fd;

	(void)a;
	while ((fd = open("/dev/null", O_RDONLY)) >= 0)
		CHECK(fd == n + 3 && ++n < MANY);
	CHECK(errno == EMFILE && n >= 1000);
	CHECK(dup(0) < 0 && errno == EMFILE);
	CHECK(pipe((int[2]){ 0, 0 }) < 0 && errno == EMFILE);
	for (fd = 3; fd < n + 3; fd++)
		CHECK(close(fd) == 0);
}

/* So many processes with so many files that the system's table is full. */
static void all_files(long a)
{
	int n = 0, full = 0, status;

	(void)a;
	for (; n < 16; n++) {
		pid_t pid = fork();

		if (pid == 0) {
			while (open("/dev/null", O_RDONLY) >= 0)
				;
			status = errno;
			kill(getpid(), SIGSTOP);
			_exit(status == ENFILE ? 1 : status == EMFILE ? 0 : 2);
		}
		CHECK(pid > 0 && waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
	}
	signal(SIGCONT, SIG_IGN);
	kill(0, SIGCONT);
	while (wait(&status) > 0) {
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) < 2);
		full += WEXITSTATUS(status);
	}
	n = open("/dev/null", O_RDONLY);
	CHECK(n == 3 && full < 16);
}

static void all_pipes(long a)
{
	int p[2], n = 0;

	(void)a;
	while (pipe(p) == 0)
		CHECK(++n < MANY);
	CHECK((errno == EMFILE || errno == ENFILE) && n > 400);
}

static void all_locks(long a)
{
	struct flock l = { .l_type = F_WRLCK, .l_len = 1 };
	int fd = open("/tmp/hostile.lock", O_RDWR | O_CREAT, 0666), n = 0;

	(void)a;
	CHECK(fd >= 0);
	unlink("/tmp/hostile.lock");
	for (; n < 5000 && fcntl(fd, F_SETLK, &l) == 0; n++)
		l.l_start += 2;
	CHECK(n == 5000 || (errno == ENOLCK && n > 100));
}

static void *wait_for_ever(void *unused)
{
	for (;;)
		pause();
	return unused;
}

static void all_threads(long a)
{
	pthread_attr_t small;
	pthread_t t;
	int n = 0, err = 0;

	(void)a;
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 16384);
	while (n < 5000 && (err = pthread_create(&t, &small, wait_for_ever, NULL)) == 0)
		n++;
	CHECK((err == EAGAIN || err == ENOMEM || n == 5000) && n > 100);
	_exit(0);
}

static void allow(rlim_t tasks)
{
	CHECK(setrlimit(RLIMIT_NPROC, &(struct rlimit){ tasks, tasks }) == 0);
}

static void become_user(void)
{
	CHECK(setgid(PLAIN_USER) == 0 && setuid(PLAIN_USER) == 0);
}

/* A user takes all that there is; root can still fork. */
static void threads_of_user(long a)
{
	int done[2], n;
	char byte;

	(void)a;
	CHECK(pipe(done) == 0);
	allow(900);
	for (int k = 0; k < 4; k++) {
		pid_t pid = fork();
		pthread_t t;

		CHECK(pid >= 0);
		if (pid > 0) {
			CHECK(read(done[0], &byte, 1) == 1);
			continue;
		}
		become_user();
		for (n = 0; n < 5000; n++)
			if (pthread_create(&t, NULL, wait_for_ever, NULL) != 0)
				break;
		CHECK(write(done[1], "", 1) == 1);
		pause();
	}
	CHECK(wait_for_child(fork()) == 0);
	signal(SIGTERM, SIG_IGN);
	kill(0, SIGTERM);
	while (wait(NULL) > 0)
		;
}

/* They all wake at once. */
static void lock_waiters(long count)
{
	struct flock l = { .l_type = F_WRLCK, .l_len = 1 };
	int fd = open("/tmp/hostile.wait", O_RDWR | O_CREAT, 0666);

	CHECK(fd >= 0 && unlink("/tmp/hostile.wait") == 0 && fcntl(fd, F_SETLKW, &l) == 0);
	for (long n = 0; n < count; n++) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (pid == 0)
			_exit(fcntl(fd, F_SETLKW, &l) != 0);
	}
	usleep(500000);
	l.l_type = F_UNLCK;
	CHECK(fcntl(fd, F_SETLKW, &l) == 0);
	while (count-- > 0)
		CHECK(wait_for_child(-1) == 0);
}

static void all_signals(long a)
{
	sigset_t s;
	int n = 0;

	(void)a;
	sigemptyset(&s);
	sigaddset(&s, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &s, NULL);
	while (n < MANY && sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = n }) == 0)
		n++;
	CHECK(n == MANY || (errno == EAGAIN && n > 50));
	kill(getpid(), SIGUSR1);        /* one without a queue always gets there */
}

static void link_loops(long a)
{
	char name[40], to[40];

	(void)a;
	CHECK(mkdir("/tmp/h.links", 0755) == 0 && chdir("/tmp/h.links") == 0);
	CHECK(symlink("b", "a") == 0 && symlink("a", "b") == 0 && symlink("c", "c") == 0);
	CHECK(open("a", O_RDONLY) < 0 && errno == ELOOP && open("c/x", O_RDONLY) < 0);
	CHECK(errno == ELOOP && rename("a", "d") == 0 && unlink("d") == 0 && unlink("b") == 0);
	for (int i = 0; i < 42; i++) {
		snprintf(name, sizeof(name), "l%d", i);
		snprintf(to, sizeof(to), i ? "l%d" : "/dev/null", i - 1);
		CHECK(symlink(to, name) == 0);
	}
	CHECK(open("l39", O_RDONLY) >= 0 && open("l40", O_RDONLY) < 0 && errno == ELOOP);
	for (int i = 0; i < 42; i++) {
		snprintf(name, sizeof(name), "l%d", i);
		CHECK(unlink(name) == 0);
	}
	CHECK(unlink("c") == 0 && chdir("/") == 0 && rmdir("/tmp/h.links") == 0);
}

static void long_names(long a)
{
	static char name[5000];

	(void)a;
	CHECK(mkdir("/tmp/h.names", 0755) == 0 && chdir("/tmp/h.names") == 0);
	memset(name, 'n', 255);
	CHECK(mkdir(name, 0755) == 0 && rmdir(name) == 0);
	memset(name, 'n', 256);
	CHECK(mkdir(name, 0755) < 0 && errno == ENAMETOOLONG);
	CHECK(open(name, O_RDONLY) < 0 && errno == ENAMETOOLONG);
	for (int i = 0; i < 4095; i++)
		name[i] = i % 2 ? '/' : '.';
	CHECK(access(name, F_OK) == 0);
	name[4095] = '/';
	CHECK(access(name, F_OK) < 0 && errno == ENAMETOOLONG);
	memset(name, '/', 4096);
	CHECK(access(name, F_OK) < 0 && errno == ENAMETOOLONG);
	CHECK(chdir("/") == 0 && rmdir("/tmp/h.names") == 0);
}

static void deep_folders(long a)
{
	static char buffer[64 * 1024];
	int n = 0;

	(void)a;
	CHECK(mkdir("/tmp/h.deep", 0755) == 0 && chdir("/tmp/h.deep") == 0);
	for (; n < 1000; n++)
		CHECK(mkdir("deeper", 0755) == 0 && chdir("deeper") == 0);
	CHECK(syscall(SYS_getcwd, buffer, sizeof(buffer)) > 0 || errno == ENAMETOOLONG ||
	      errno == ERANGE);
	for (; n > 0; n--)
		CHECK(chdir("..") == 0 && rmdir("deeper") == 0);
	CHECK(chdir("/") == 0 && rmdir("/tmp/h.deep") == 0);
}

/* As many as there is room for; each that was made can be removed. */
static void many_files(long a)
{
	char name[40];
	int n = 0, fd, seen = 0, why = 0;
	struct dirent *e;
	DIR *d;

	CHECK(mkdir("/tmp/h.many", 0755) == 0 && chdir("/tmp/h.many") == 0);
	for (; n < a; n++) {
		snprintf(name, sizeof(name), "file-with-a-name-%d", n);
		fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0644);
		why = errno;
		if (fd < 0)
			break;
		close(fd);
	}
	CHECK(n == a || why == ENOSPC || why == ENFILE || why == ENOMEM);
	d = opendir(".");
	while ((e = readdir(d)))
		seen += e->d_name[0] == 'f';
	closedir(d);
	CHECK(seen == n && n > 1000);
	while (n-- > 0) {
		snprintf(name, sizeof(name), "file-with-a-name-%d", n);
		CHECK(unlink(name) == 0);
	}
	CHECK(chdir("/") == 0 && rmdir("/tmp/h.many") == 0);
}

/* What is closed at once when it ends: their file server has to hear of each. */
static void unlinked_files(long a)
{
	char name[40];

	for (long n = 0; n < a; n++) {
		int fd;

		snprintf(name, sizeof(name), "/tmp/h.gone-%ld", n);
		fd = open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
		CHECK(fd >= 0 && write(fd, "some bytes", 10) == 10 && unlink(name) == 0);
	}
}

/* All that they hold goes at once, with a sync behind it. */
static void files_until_exec(long a)
{
	char name[40];

	for (long n = 0; n < a; n++) {
		int fd;

		snprintf(name, sizeof(name), "/root/h.gone-%ld", n);
		fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		CHECK(fd >= 0 && write(fd, "some bytes", 10) == 10 && unlink(name) == 0);
	}
	execl("/bin/busybox", "sync", NULL);
}

static void full_pipes(long a)
{
	static char block[65536];
	int p[2];

	while (a-- > 0)
		CHECK(pipe(p) == 0 && write(p[1], block, sizeof(block)) == sizeof(block));
}

static void *read_for_ever(void *pipe)
{
	char byte;

	return read(*(int *)pipe, &byte, 1) < 0 ? pipe : NULL;
}

/* They end together, while they wait; or what they wait for ends. */
static void readers(long killed)
{
	pthread_t t[400];
	pthread_attr_t small;
	int p[2];

	allow(600);
	CHECK(pipe(p) == 0);
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 16384);
	for (unsigned n = 0; n < 400; n++)
		CHECK(pthread_create(&t[n], &small, read_for_ever, &p[0]) == 0);
	usleep(300000);
	if (killed)
		kill(getpid(), SIGKILL);
	close(p[1]);
	for (unsigned n = 0; n < 400; n++)
		pthread_join(t[n], NULL);
}

static void *poll_a_while(void *unused)
{
	poll(NULL, 0, 1000);
	return unused;
}

static void sleepers(long a)
{
	pthread_t t[400];
	pthread_attr_t small;

	(void)a;
	allow(600);
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 16384);
	for (unsigned n = 0; n < 400; n++)
		CHECK(pthread_create(&t[n], &small, poll_a_while, NULL) == 0);
	for (unsigned n = 0; n < 400; n++)
		pthread_join(t[n], NULL);
}

static void long_arguments(long a)
{
	static char *argv[40000];
	size_t big = 64 << 20;
	char *text = malloc(big);

	(void)a;
	memset(text, 'a', big - 1);
	text[big - 1] = 0;
	CHECK(execve("/bin/busybox", (char *[]){ "true", text, NULL }, NULL) < 0 && errno == E2BIG);
	text[100000] = 0;
	for (int i = 0; i < 39999; i++)
		argv[i] = text;
	CHECK(execve("/bin/busybox", argv, NULL) < 0 && errno == E2BIG);
	CHECK(execve("/bin/busybox", (char *[]){ "x", NULL }, argv) < 0 && errno == E2BIG);
	CHECK(poll((void *)text, 1ul << 31, 0) < 0 && errno == EINVAL);
}

struct attack {
	const char *what;
	void (*run)(long);
	long argument;
	unsigned user;
	int signal;                     /* it ends by this; 0: with status 0; -1: in any way */
};

static const struct attack all[] = {
	{ "forks up to RLIMIT_NPROC", fork_limited, 0, PLAIN_USER, 0 },
	{ "forks up to the default limit", fork_unlimited, 0, PLAIN_USER, 0 },
	{ "forks of root up to the table's size", fork_unlimited, 0, 0, 0 },
	{ "anonymous memory until there is no more", eat_memory, 1 << 20, PLAIN_USER, -1 },
	{ "anonymous memory in one large piece", eat_memory, 1 << 28, PLAIN_USER, -1 },
	{ "eight processes that take memory", eat_together, 0, 0, 0 },
	{ "a small program beside one that takes all memory", small_beside_big, 4, PLAIN_USER, 0 },
	{ "page tables until there is no more memory", eat_tables, 0, PLAIN_USER, SIGKILL },
	{ "mappings until there is no more room for them", map_limit, 0, PLAIN_USER, 0 },
	{ "recursion without end", deep_recursion, 0, PLAIN_USER, SIGSEGV },
	{ "descriptors up to the limit", all_descriptors, 0, PLAIN_USER, 0 },
	{ "open files up to the table's size", all_files, 0, PLAIN_USER, 0 },
	{ "pipes up to the table's size", all_pipes, 0, PLAIN_USER, 0 },
	{ "record locks", all_locks, 0, PLAIN_USER, 0 },
	{ "threads", all_threads, 0, PLAIN_USER, 0 },
	{ "threads of a user, and root forks", threads_of_user, 0, 0, 0 },
	{ "250 programs that wait for a record lock", lock_waiters, 250, PLAIN_USER, 0 },
	{ "queued signals", all_signals, 0, PLAIN_USER, SIGUSR1 },
	{ "loops of symbolic links", link_loops, 0, PLAIN_USER, 0 },
	{ "long names", long_names, 0, PLAIN_USER, 0 },
	{ "folders a thousand deep", deep_folders, 0, PLAIN_USER, 0 },
	{ "20000 files in a folder", many_files, 20000, PLAIN_USER, 0 },
	{ "900 open files without a name", unlinked_files, 900, PLAIN_USER, 0 },
	{ "900 open files without a name, closed by exec", files_until_exec, 900, 0, 0 },
	{ "400 full pipes", full_pipes, 400, PLAIN_USER, 0 },
	{ "sockets up to the table's size, full", full_sockets, 0, PLAIN_USER, 0 },
	{ "400 connections that nobody accepts", waiting_connections, 400, PLAIN_USER, 0 },
	{ "400 sockets, each in flight in the next", chain_of_sockets, 400, PLAIN_USER, 0 },
	{ "files in flight up to the limit", files_in_flight, 0, PLAIN_USER, 0 },
	{ "253 files in one message that nobody takes", files_that_nobody_takes, 0, PLAIN_USER, 0 },
	{ "253 files in a long message that 60 wait for", crowded_receiver, 60, PLAIN_USER, 0 },
	{ "400 threads that read a pipe, killed", readers, 1, PLAIN_USER, SIGKILL },
	{ "400 threads that read a pipe, closed", readers, 0, PLAIN_USER, 0 },
	{ "400 threads whose time is up", sleepers, 0, PLAIN_USER, 0 },
	{ "arguments without end", long_arguments, 0, PLAIN_USER, 0 },
};

static int as_expected(const struct attack *a, int status)
{
	if (a->signal < 0)
		return status >= 0 && status < 0x10000;
	if (a->signal == 0)
		return status == 0;
	return status < 0x10000 && WIFSIGNALED(status) && WTERMSIG(status) == a->signal;
}

static unsigned long free_files(void)
{
	struct statvfs v = { 0 };

	return statvfs("/tmp", &v) == 0 ? v.f_ffree : 0;
}

/* What was removed is free again, soon. */
static int are_free(unsigned long files)
{
	for (int tries = 0; tries < 100 && free_files() < files; tries++) {
		if (fork() == 0)
			_exit(0);
		wait(NULL);
		usleep(20000);
	}
	return free_files() >= files;
}

static void kill_all_of_user(long unused)
{
	(void)unused;
	kill(-1, SIGKILL);
}

/* Once it is over nothing of a bomb of bombs is left. */
static void fork_bomb(void)
{
	pid_t pid = fork();
	int killed, n = 0;

	if (pid == 0) {
		setsid();
		if (setgid(PLAIN_USER) != 0 || setuid(PLAIN_USER) != 0)
			_exit(1);
		bomb_of_bombs(0);
	}
	sleep(2);
	report(run_child(kill_all_of_user, 0, PLAIN_USER, 20, &killed) >= 0 && !killed,
	       "while a fork bomb goes off, root's programs run", "the killer did not end");
	for (int tries = 0; tries < 20; tries++) {
		run_child(kill_all_of_user, 0, PLAIN_USER, 20, &killed);
		usleep(50000);
	}
	waitpid(pid, &killed, 0);
	n = processes();
	report(n < 20, "kill(-1) of the bomb's user ends it", "processes are left");
}

void exhaust(void)
{
	char what[100], why[120];
	const char *only = getenv("HOSTILE_ONLY");
	int killed;

	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		const struct attack *a = &all[i];
		int before = processes(), after, status;
		unsigned long files = free_files();

		if (only && (unsigned)atoi(only) != i)
			continue;
		fflush(stdout);
		status = run_child(a->run, a->argument, a->user, SECONDS, &killed);
		usleep(100000);
		status |= are_free(files) ? 0 : 0x10000;
		after = processes();
		snprintf(what, sizeof(what), "%s: an error or a signal, and it is free again",
			 a->what);
		snprintf(why, sizeof(why), "status 0x%x%s, %d processes, then %d%s", status,
			 killed ? ", it hung" : "", before, after,
			 status > 0 && status & 0x10000 ? ", files are left" : "");
		report(as_expected(a, status) && !killed && after <= before, what, why);
	}
	fork_bomb();
}
