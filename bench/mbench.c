/* SPDX-License-Identifier: BSD-2-Clause
 * mbench.c - small portable micro-benchmark set for comparing two systems
 * that run the same static binary.  POSIX C + BSD sockets + pthreads only.
 *
 * Output: one line per result,  "name value unit"   (unit: ns, us, MB/s)
 *         lines starting with '#' are comments (skips, settings).
 * Every timing uses clock_gettime(CLOCK_MONOTONIC); every benchmark finds its
 * own iteration count so that the measured part takes about -t milliseconds.
 *
 * usage: mbench [-t ms] [-d dir] [-f files] [-x prog] [-r runs] [-l] [name-prefix ...]
 *   -t ms     target time of one measurement            (default 300)
 *   -d dir    directory for the file benchmarks          (default .)
 *   -f files  number of files for create/readdir/unlink  (default 10000)
 *   -x prog   program for the exec benchmarks            (default: this one, "--true")
 *   -r runs   measure each value this often, print the median (default 1)
 *   -l        list the group names and stop
 *   name-prefix: run only groups whose name starts with one of these
 *
 * build: musl-gcc -O2 -static -o mbench mbench.c   or   gcc -O2 -static -pthread ...
 */
#define _DEFAULT_SOURCE
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef MAP_ANONYMOUS
#define MAP_ANONYMOUS MAP_ANON
#endif

static double target = 0.3;             /* seconds per measurement */
static const char *dir = ".";
static const char *prog;                /* exec target */
static const char *progarg;
static long nfiles = 10000;
static int runs = 1;
static char big[1 << 20];
static volatile unsigned long sink;

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void skip(const char *name, const char *why)
{
	printf("# skip %s: %s: %s\n", name, why, strerror(errno));
	fflush(stdout);
}

static void out(const char *name, double v, const char *unit)
{
	printf("%s %.*f %s\n", name, v < 100 ? 3 : 1, v, unit);
	fflush(stdout);
}

/* fn runs n iterations and returns seconds, or a negative number on failure */
typedef double (*fn_t)(long n, void *arg);

static int cmpd(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

/* seconds per iteration, < 0 on failure */
static double measure(fn_t fn, void *arg, long maxn)
{
	long n = 1;
	double t, r[16];
	int i;

	for (;;) {
		t = fn(n, arg);
		if (t < 0)
			return -1;
		if (t >= target * 0.1 || n >= maxn)
			break;
		if (t < target * 0.001)
			n *= 16;
		else
			n = (long)((double)n * target * 0.15 / t) + 1;
		if (n > maxn)
			n = maxn;
	}
	n = (long)((double)n * target / (t > 1e-9 ? t : 1e-9));
	if (n > maxn)
		n = maxn;
	if (n < 1)
		n = 1;
	for (i = 0; i < runs; i++) {
		t = fn(n, arg);
		if (t < 0)
			return -1;
		r[i] = t / (double)n;
	}
	qsort(r, (size_t)runs, sizeof r[0], cmpd);
	return r[runs / 2];
}

static void bench_ns(const char *name, fn_t fn, void *arg, double per)
{
	double s = measure(fn, arg, 1L << 40);
	if (s < 0)
		skip(name, "failed");
	else
		out(name, s * 1e9 / per, "ns");
}

static void bench_bw(const char *name, fn_t fn, void *arg, double bytes)
{
	double s = measure(fn, arg, 1L << 40);
	if (s < 0)
		skip(name, "failed");
	else
		out(name, bytes / s / 1e6, "MB/s");
}

static const char *path(char *buf, const char *leaf)
{
	snprintf(buf, 256, "%s/%s", dir, leaf);
	return buf;
}

/* ---------- cpu ---------- */
static double f_cpu(long n, void *a)
{
	uint64_t x = 88172645463325252ull;
	double t = now();
	long i;
	(void)a;
	for (i = 0; i < n * 1000; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
	}
	sink += x;
	return now() - t;
}

/* odd page distance, whichever array comes first: an emulator's direct-mapped
   TLB must not see both streams in one slot */
#define OFF2 (37 * 4096)
static char big2[(1 << 20) + OFF2 + 23 * 4096];
static double f_memcpy(long n, void *a)
{
	double t = now();
	(void)a;
	while (n-- > 0) {
		memcpy(big2 + OFF2, big, sizeof big);
		sink += (unsigned char)big2[OFF2 + (n & 0xffff)];
	}
	return now() - t;
}

static void g_cpu(void)
{
	bench_ns("cpu_xorshift64", f_cpu, 0, 1000);
	bench_bw("cpu_memcpy_1M", f_memcpy, 0, sizeof big);
}

/* ---------- system calls ---------- */
static double f_getppid(long n, void *a)
{
	double t = now();
	(void)a;
	while (n-- > 0)
		sink += (unsigned long)getppid();
	return now() - t;
}

static double f_clock(long n, void *a)
{
	struct timespec ts;
	double t = now();
	(void)a;
	while (n-- > 0)
		clock_gettime(CLOCK_MONOTONIC, &ts);
	return now() - t;
}

static double f_read1(long n, void *a)
{
	int fd = *(int *)a;
	char c;
	double t = now();
	while (n-- > 0)
		if (read(fd, &c, 1) != 1)
			return -1;
	return now() - t;
}

static double f_write1(long n, void *a)
{
	int fd = *(int *)a;
	char c = 0;
	double t = now();
	while (n-- > 0)
		if (write(fd, &c, 1) != 1)
			return -1;
	return now() - t;
}

static double f_yield(long n, void *a)
{
	double t = now();
	(void)a;
	while (n-- > 0)
		sched_yield();
	return now() - t;
}

static void g_syscall(void)
{
	int fd;

	bench_ns("syscall_getppid", f_getppid, 0, 1);
	bench_ns("clock_gettime", f_clock, 0, 1);
	bench_ns("sched_yield_alone", f_yield, 0, 1);
	fd = open("/dev/zero", O_RDONLY);
	if (fd < 0)
		skip("read1_zero", "open");
	else {
		bench_ns("read1_zero", f_read1, &fd, 1);
		close(fd);
	}
	fd = open("/dev/null", O_WRONLY);
	if (fd < 0)
		skip("write1_null", "open");
	else {
		bench_ns("write1_null", f_write1, &fd, 1);
		close(fd);
	}
}

/* ---------- signals ---------- */
static volatile sig_atomic_t gotsig;
static void onsig(int s)
{
	(void)s;
	gotsig++;
}

static double f_sig(long n, void *a)
{
	pid_t me = getpid();
	double t = now();
	(void)a;
	while (n-- > 0)
		if (kill(me, SIGUSR1) < 0)
			return -1;
	return now() - t;
}

static double f_sigmask(long n, void *a)
{
	sigset_t s, o;
	double t;
	(void)a;
	sigemptyset(&s);
	sigaddset(&s, SIGUSR2);
	t = now();
	while (n-- > 0) {
		sigprocmask(SIG_BLOCK, &s, &o);
		sigprocmask(SIG_SETMASK, &o, 0);
	}
	return now() - t;
}

static void g_signal(void)
{
	struct sigaction sa;

	memset(&sa, 0, sizeof sa);
	sa.sa_handler = onsig;
	sigaction(SIGUSR1, &sa, 0);
	bench_ns("signal_self", f_sig, 0, 1);
	bench_ns("sigprocmask_pair", f_sigmask, 0, 1);
}

/* ---------- ping-pong over two descriptors with a child process ---------- */
struct pp { int in, out; size_t len; pid_t pid; };

static int xfer(int fd, int wr, char *b, size_t len)
{
	size_t k = 0;
	while (k < len) {
		ssize_t r = wr ? write(fd, b + k, len - k) : read(fd, b + k, len - k);
		if (r <= 0) {
			if (r < 0 && errno == EINTR)
				continue;
			return -1;
		}
		k += (size_t)r;
	}
	return 0;
}

static double f_pp(long n, void *a)
{
	struct pp *p = a;
	double t = now();
	while (n-- > 0)
		if (xfer(p->out, 1, big, p->len) || xfer(p->in, 0, big, p->len))
			return -1;
	return now() - t;
}

static void echo_child(int in, int o, size_t len)
{
	for (;;)
		if (xfer(in, 0, big2, len) || xfer(o, 1, big2, len))
			_exit(0);
}

static double f_send(long n, void *a)     /* n blocks to a draining child, then 1 byte back */
{
	struct pp *p = a;
	uint64_t want = (uint64_t)n * p->len;
	char c;
	double t = now();
	if (xfer(p->out, 1, (char *)&want, sizeof want))
		return -1;
	while (n-- > 0)
		if (xfer(p->out, 1, big, p->len))
			return -1;
	if (xfer(p->in, 0, &c, 1))
		return -1;
	return now() - t;
}

static void drain_child(int in, int o)
{
	uint64_t want;
	char c = 0;
	for (;;) {
		if (xfer(in, 0, (char *)&want, sizeof want))
			_exit(0);
		while (want > 0) {
			ssize_t r = read(in, big2, want < 65536 ? (size_t)want : 65536);
			if (r <= 0)
				_exit(0);
			want -= (uint64_t)r;
		}
		if (xfer(o, 1, &c, 1))
			_exit(0);
	}
}

static void endchild(pid_t pid)
{
	int st;
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, &st, 0);
	}
}

static void g_pipe(void)
{
	int a[2], b[2], bw;
	struct pp p;

	for (bw = 0; bw < 2; bw++) {
		const char *nm = bw ? "pipe_bw_64K" : "pipe_pingpong";
		if (pipe(a) < 0 || pipe(b) < 0) {
			skip(nm, "pipe");
			return;
		}
		p.pid = fork();
		if (p.pid < 0) {
			skip(nm, "fork");
			return;
		}
		if (p.pid == 0) {
			close(a[1]);
			close(b[0]);
			if (bw)
				drain_child(a[0], b[1]);
			echo_child(a[0], b[1], 1);
		}
		close(a[0]);
		close(b[1]);
		p.out = a[1];
		p.in = b[0];
		p.len = bw ? 65536 : 1;
		if (bw)
			bench_bw(nm, f_send, &p, 65536);
		else
			bench_ns(nm, f_pp, &p, 1);
		close(p.in);
		close(p.out);
		endchild(p.pid);
	}
	if (pipe(a) == 0) {             /* one process: write 1 + read 1, no switch */
		p.out = a[1];
		p.in = a[0];
		p.len = 1;
		bench_ns("pipe_self_wr_rd", f_pp, &p, 1);
		close(a[0]);
		close(a[1]);
	}
}

/* ---------- sockets ---------- */
static void sock_pair_bench(const char *lat, const char *bwname, int kind)
{
	int bw;

	for (bw = 0; bw < 2; bw++) {
		const char *nm = bw ? bwname : lat;
		int sv[2] = { -1, -1 }, one = 1;
		struct pp p;

		if (!nm)
			continue;
		if (kind == 0) {
			if (socketpair(AF_UNIX, SOCK_STREAM, 0, sv) < 0) {
				skip(nm, "socketpair");
				return;
			}
		} else {
			struct sockaddr_in sa;
			socklen_t sl = sizeof sa;
			int ls = socket(AF_INET, SOCK_STREAM, 0);
			memset(&sa, 0, sizeof sa);
			sa.sin_family = AF_INET;
			sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
			if (ls < 0 || bind(ls, (struct sockaddr *)&sa, sizeof sa) < 0 ||
			    listen(ls, 1) < 0 || getsockname(ls, (struct sockaddr *)&sa, &sl) < 0 ||
			    (sv[0] = socket(AF_INET, SOCK_STREAM, 0)) < 0 ||
			    connect(sv[0], (struct sockaddr *)&sa, sizeof sa) < 0 ||
			    (sv[1] = accept(ls, 0, 0)) < 0) {
				skip(nm, "tcp setup");
				return;
			}
			close(ls);
			setsockopt(sv[0], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
			setsockopt(sv[1], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		}
		p.pid = fork();
		if (p.pid < 0) {
			skip(nm, "fork");
			return;
		}
		if (p.pid == 0) {
			close(sv[0]);
			if (bw)
				drain_child(sv[1], sv[1]);
			echo_child(sv[1], sv[1], 1);
		}
		close(sv[1]);
		p.in = p.out = sv[0];
		p.len = bw ? 65536 : 1;
		if (bw)
			bench_bw(nm, f_send, &p, 65536);
		else
			bench_ns(nm, f_pp, &p, 1);
		close(sv[0]);
		endchild(p.pid);
	}
}

static double f_udp(long n, void *a)
{
	int fd = *(int *)a;
	char c = 0;
	struct pollfd pf;
	double t = now();
	while (n-- > 0) {
		if (send(fd, &c, 1, 0) != 1)
			return -1;
		pf.fd = fd;
		pf.events = POLLIN;
		if (poll(&pf, 1, 2000) != 1 || recv(fd, &c, 1, 0) != 1)
			return -1;
	}
	return now() - t;
}

static double f_tcpconn(long n, void *a)
{
	struct sockaddr_in *sa = a;
	struct linger lg = { 1, 0 };
	char c;
	double t = now();
	while (n-- > 0) {
		int s = socket(AF_INET, SOCK_STREAM, 0);
		if (s < 0 || connect(s, (struct sockaddr *)sa, sizeof *sa) < 0)
			return -1;
		if (read(s, &c, 1) != 1)        /* server sends one byte */
			return -1;
		setsockopt(s, SOL_SOCKET, SO_LINGER, &lg, sizeof lg);
		close(s);
	}
	return now() - t;
}

static void g_unix(void)
{
	sock_pair_bench("unix_pingpong", "unix_bw_64K", 0);
}

static void g_tcp(void)
{
	struct sockaddr_in sa, sb;
	socklen_t sl = sizeof sa;
	int ls, a, b;
	pid_t pid;

	sock_pair_bench("tcp_lo_pingpong", "tcp_lo_bw_64K", 1);

	memset(&sa, 0, sizeof sa);
	sa.sin_family = AF_INET;
	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sb = sa;
	ls = socket(AF_INET, SOCK_STREAM, 0);
	if (ls < 0 || bind(ls, (struct sockaddr *)&sa, sizeof sa) < 0 || listen(ls, 64) < 0 ||
	    getsockname(ls, (struct sockaddr *)&sa, &sl) < 0)
		skip("tcp_lo_connect", "setup");
	else {
		pid = fork();
		if (pid == 0) {
			signal(SIGPIPE, SIG_IGN);
			for (;;) {
				int s = accept(ls, 0, 0);
				if (s < 0)
					_exit(0);
				if (write(s, "x", 1) < 0) {}
				close(s);
			}
		}
		bench_ns("tcp_lo_connect", f_tcpconn, &sa, 1);
		endchild(pid);
	}
	if (ls >= 0)
		close(ls);

	sa = sb;
	sl = sizeof sa;
	a = socket(AF_INET, SOCK_DGRAM, 0);
	b = socket(AF_INET, SOCK_DGRAM, 0);
	if (a < 0 || b < 0 || bind(a, (struct sockaddr *)&sa, sizeof sa) < 0 ||
	    bind(b, (struct sockaddr *)&sb, sizeof sb) < 0 ||
	    getsockname(a, (struct sockaddr *)&sa, &sl) < 0 || (sl = sizeof sb, 0) ||
	    getsockname(b, (struct sockaddr *)&sb, &sl) < 0 ||
	    connect(a, (struct sockaddr *)&sb, sizeof sb) < 0 ||
	    connect(b, (struct sockaddr *)&sa, sizeof sa) < 0)
		skip("udp_lo_pingpong", "setup");
	else {
		pid = fork();
		if (pid == 0) {
			char c;
			for (;;)
				if (recv(b, &c, 1, 0) != 1 || send(b, &c, 1, 0) != 1)
					_exit(0);
		}
		bench_ns("udp_lo_pingpong", f_udp, &a, 1);
		endchild(pid);
	}
	if (a >= 0)
		close(a);
	if (b >= 0)
		close(b);
}

/* ---------- poll ---------- */
static double f_poll(long n, void *a)
{
	struct pollfd *pf = a;
	double t = now();
	while (n-- > 0)
		if (poll(pf, 64, 0) < 0)
			return -1;
	return now() - t;
}

static void g_poll(void)
{
	struct pollfd pf[64];
	int a[2], i, k = 0;

	for (i = 0; i < 32; i++) {
		if (pipe(a) < 0) {
			skip("poll_64_pipes", "pipe");
			break;
		}
		pf[k].fd = a[0];
		pf[k++].events = POLLIN;
		pf[k].fd = a[1];
		pf[k++].events = POLLIN;
	}
	if (k == 64)
		bench_ns("poll_64_pipes", f_poll, pf, 1);
	while (k > 0)
		close(pf[--k].fd);
}

/* ---------- threads ---------- */
static sem_t s1, s2;
static volatile int stop;

static void *sem_thread(void *a)
{
	(void)a;
	for (;;) {
		while (sem_wait(&s1)) {}
		if (stop)
			return 0;
		sem_post(&s2);
	}
}

static double f_sem(long n, void *a)
{
	double t = now();
	(void)a;
	while (n-- > 0) {
		sem_post(&s1);
		while (sem_wait(&s2)) {}
	}
	return now() - t;
}

static pthread_mutex_t mx = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cv = PTHREAD_COND_INITIALIZER;
static int turn;

static void *cond_thread(void *a)
{
	(void)a;
	pthread_mutex_lock(&mx);
	for (;;) {
		while (turn == 0)
			pthread_cond_wait(&cv, &mx);
		if (turn == 2)
			break;
		turn = 0;
		pthread_cond_signal(&cv);
	}
	pthread_mutex_unlock(&mx);
	return 0;
}

static double f_cond(long n, void *a)
{
	double t = now();
	(void)a;
	pthread_mutex_lock(&mx);
	while (n-- > 0) {
		turn = 1;
		pthread_cond_signal(&cv);
		while (turn == 1)
			pthread_cond_wait(&cv, &mx);
	}
	pthread_mutex_unlock(&mx);
	return now() - t;
}

static void *nul_thread(void *a)
{
	return a;
}

static double f_thr(long n, void *a)
{
	double t = now();
	(void)a;
	while (n-- > 0) {
		pthread_t th;
		if (pthread_create(&th, 0, nul_thread, 0))
			return -1;
		pthread_join(th, 0);
	}
	return now() - t;
}

static double f_mutex(long n, void *a)
{
	double t = now();
	(void)a;
	while (n-- > 0) {
		pthread_mutex_lock(&mx);
		pthread_mutex_unlock(&mx);
	}
	return now() - t;
}

static void g_thread(void)
{
	pthread_t th;

	sem_init(&s1, 0, 0);
	sem_init(&s2, 0, 0);
	stop = 0;
	if (pthread_create(&th, 0, sem_thread, 0)) {
		skip("futex_sem_pingpong", "pthread_create");
		return;
	}
	bench_ns("futex_sem_pingpong", f_sem, 0, 1);
	stop = 1;
	sem_post(&s1);
	pthread_join(th, 0);
	turn = 0;
	if (pthread_create(&th, 0, cond_thread, 0) == 0) {
		bench_ns("futex_cond_pingpong", f_cond, 0, 1);
		pthread_mutex_lock(&mx);
		turn = 2;
		pthread_cond_signal(&cv);
		pthread_mutex_unlock(&mx);
		pthread_join(th, 0);
	}
	bench_ns("thread_create_join", f_thr, 0, 1);
	bench_ns("mutex_uncontended", f_mutex, 0, 1);
}

/* ---------- processes ---------- */
static double f_fork(long n, void *a)
{
	double t = now();
	(void)a;
	while (n-- > 0) {
		int st;
		pid_t p = fork();
		if (p < 0)
			return -1;
		if (p == 0)
			_exit(0);
		if (waitpid(p, &st, 0) != p)
			return -1;
	}
	return now() - t;
}

static pid_t spawn(int usevfork)          /* own function: keeps vfork away from live locals */
{
	char *av[3], *ev[1];
	pid_t p;
	av[0] = (char *)prog;
	av[1] = (char *)progarg;
	av[2] = 0;
	ev[0] = 0;
	p = usevfork ? vfork() : fork();
	if (p == 0) {
		execve(prog, av, ev);
		_exit(127);
	}
	return p;
}

static pid_t (*volatile spawn_fn)(int) = spawn;

static double f_exec(long n, void *a)
{
	double t = now();
	while (n-- > 0) {
		int st;
		pid_t p = spawn_fn(a != 0);
		if (p < 0 || waitpid(p, &st, 0) != p || st != 0) {
			if (p >= 0)
				errno = ENOEXEC;
			return -1;
		}
	}
	return now() - t;
}

static void g_proc(void)
{
	size_t len = 16u << 20, i;
	char *m;

	bench_ns("fork_exit_wait", f_fork, 0, 1);
	bench_ns("fork_exec_wait", f_exec, 0, 1);
	bench_ns("vfork_exec_wait", f_exec, "v", 1);
	m = mmap(0, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (m == MAP_FAILED) {
		skip("fork_exit_wait_16M", "mmap");
		return;
	}
#ifdef MADV_NOHUGEPAGE
	madvise(m, len, MADV_NOHUGEPAGE);
#endif
	for (i = 0; i < len; i += 4096)
		m[i] = 1;
	bench_ns("fork_exit_wait_16M", f_fork, 0, 1);
	munmap(m, len);
}

/* ---------- memory ---------- */
#define NPG 256                           /* 1 MiB: below any large-page size */
static double f_touch(long n, void *a)
{
	double t = now();
	(void)a;
	while (n-- > 0) {
		int i;
		volatile char *m = mmap(0, NPG * 4096, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (m == MAP_FAILED)
			return -1;
		for (i = 0; i < NPG; i++)
			m[i * 4096] = 1;
		munmap((void *)m, NPG * 4096);
	}
	return now() - t;
}

static double f_map(long n, void *a)
{
	double t = now();
	(void)a;
	while (n-- > 0) {
		void *m = mmap(0, 65536, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (m == MAP_FAILED)
			return -1;
		munmap(m, 65536);
	}
	return now() - t;
}

static double f_prot(long n, void *a)
{
	double t = now();
	while (n-- > 0)
		if (mprotect(a, 4096, PROT_READ) || mprotect(a, 4096, PROT_READ | PROT_WRITE))
			return -1;
	return now() - t;
}

static double f_filemap(long n, void *a)
{
	int fd = *(int *)a;
	double t = now();
	while (n-- > 0) {
		int i;
		volatile char *m = mmap(0, NPG * 4096, PROT_READ, MAP_SHARED, fd, 0);
		if (m == MAP_FAILED)
			return -1;
		for (i = 0; i < NPG; i++)
			sink += (unsigned char)m[i * 4096];
		munmap((void *)m, NPG * 4096);
	}
	return now() - t;
}

/* copy-on-write: the child writes NPG pages shared with the parent; only the writes are timed */
static double f_cow(long n, void *a)
{
	volatile char *m = a;
	double total = 0;
	while (n-- > 0) {
		int pf[2], st;
		double d = -1;
		pid_t p;
		if (pipe(pf) < 0)
			return -1;
		p = fork();
		if (p < 0)
			return -1;
		if (p == 0) {
			int i;
			double t = now();
			for (i = 0; i < NPG; i++)
				m[i * 4096] = 2;
			t = now() - t;
			if (write(pf[1], &t, sizeof t) < 0) {}
			_exit(0);
		}
		close(pf[1]);
		if (read(pf[0], &d, sizeof d) != sizeof d)
			d = -1;
		close(pf[0]);
		waitpid(p, &st, 0);
		if (d < 0)
			return -1;
		total += d;
	}
	return total;
}

static void g_mem(void)
{
	char *m, nm[256];
	int fd;

	bench_ns("page_fault_anon", f_touch, 0, NPG);
	bench_ns("mmap_munmap_64K", f_map, 0, 1);
	m = mmap(0, NPG * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (m != MAP_FAILED) {
		memset(m, 1, NPG * 4096);
		bench_ns("mprotect_pair", f_prot, m, 1);
		bench_ns("page_fault_cow", f_cow, m, NPG);
		munmap(m, NPG * 4096);
	}
	fd = open(path(nm, "mb_map"), O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write(fd, big, sizeof big) != (ssize_t)sizeof big)
		skip("page_fault_file", "setup");
	else
		bench_ns("page_fault_file", f_filemap, &fd, NPG);
	if (fd >= 0)
		close(fd);
	unlink(nm);
}

/* ---------- files ---------- */
#define FSIZE (8L << 20)
struct fio { int fd; size_t len; long pos; int wr; };

static double f_fio(long n, void *a)
{
	struct fio *f = a;
	double t = now();
	while (n-- > 0) {
		ssize_t r = f->wr ? pwrite(f->fd, big, f->len, f->pos)
				  : pread(f->fd, big, f->len, f->pos);
		if (r != (ssize_t)f->len)
			return -1;
		f->pos += (long)f->len;
		if (f->pos >= FSIZE)
			f->pos = 0;
	}
	return now() - t;
}

static double f_fsync(long n, void *a)
{
	struct fio *f = a;
	double t = now();
	while (n-- > 0)
		if (pwrite(f->fd, big, 4096, 0) != 4096 || fsync(f->fd))
			return -1;
	return now() - t;
}

static double f_append(long n, void *a)
{
	char nm[256];
	double t = now();
	(void)a;
	path(nm, "mb_app");
	while (n-- > 0) {               /* new 1 MiB file in 4 KiB pieces, then remove it */
		int i, fd = open(nm, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		if (fd < 0)
			return -1;
		for (i = 0; i < 256; i++)
			if (write(fd, big, 4096) != 4096)
				return -1;
		close(fd);
		unlink(nm);
	}
	return now() - t;
}

static void g_file(void)
{
	static const struct { const char *rd, *wr; size_t len; } sz[] = {
		{ "file_read_4K", "file_write_4K", 4096 },
		{ "file_read_64K", "file_write_64K", 65536 },
		{ "file_read_1M", "file_write_1M", 1 << 20 },
	};
	char nm[256];
	struct fio f;
	long i;

	memset(&f, 0, sizeof f);
	f.fd = open(path(nm, "mb_file"), O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (f.fd < 0) {
		skip("file", "open");
		return;
	}
	for (i = 0; i < FSIZE; i += (long)sizeof big)
		if (write(f.fd, big, sizeof big) != (ssize_t)sizeof big) {
			skip("file", "write");
			goto done;
		}
	f.len = 1;
	bench_ns("file_pread_1B", f_fio, &f, 1);
	for (i = 0; i < 3; i++) {
		f.len = sz[i].len;
		f.pos = 0;
		f.wr = 0;
		bench_bw(sz[i].rd, f_fio, &f, (double)f.len);
	}
	for (i = 0; i < 3; i++) {
		f.len = sz[i].len;
		f.pos = 0;
		f.wr = 1;
		bench_bw(sz[i].wr, f_fio, &f, (double)f.len);
	}
	bench_bw("file_create_1M_by_4K", f_append, 0, 1 << 20);
	bench_ns("file_write4K_fsync", f_fsync, &f, 1);
done:
	close(f.fd);
	unlink(nm);
}

/* ---------- names ---------- */
static double f_stat(long n, void *a)
{
	struct stat st;
	double t = now();
	while (n-- > 0)
		if (stat(a, &st) < 0)
			return -1;
	return now() - t;
}

static double f_fstat(long n, void *a)
{
	struct stat st;
	double t = now();
	while (n-- > 0)
		if (fstat(*(int *)a, &st) < 0)
			return -1;
	return now() - t;
}

static double f_stat_miss(long n, void *a)
{
	struct stat st;
	double t = now();
	while (n-- > 0)
		if (stat(a, &st) == 0)
			return -1;
	return now() - t;
}

static double f_open(long n, void *a)
{
	double t = now();
	while (n-- > 0) {
		int fd = open(a, O_RDONLY);
		if (fd < 0)
			return -1;
		close(fd);
	}
	return now() - t;
}

static double f_creat(long n, void *a)
{
	double t = now();
	while (n-- > 0) {
		int fd = open(a, O_WRONLY | O_CREAT | O_EXCL, 0600);
		if (fd < 0)
			return -1;
		close(fd);
		if (unlink(a) < 0)
			return -1;
	}
	return now() - t;
}

static double f_rename(long n, void *a)
{
	char b[256];
	double t;
	path(b, "mb_name2");
	t = now();
	while (n-- > 0)
		if (rename(a, b) || rename(b, a))
			return -1;
	return now() - t;
}

static double f_mkdir(long n, void *a)
{
	double t = now();
	while (n-- > 0)
		if (mkdir(a, 0700) || rmdir(a))
			return -1;
	return now() - t;
}

static double f_scan(long n, void *a)
{
	double t = now();
	while (n-- > 0) {
		struct dirent *e;
		long k = 0;
		DIR *d = opendir(a);
		if (!d)
			return -1;
		while ((e = readdir(d)))
			k++;
		closedir(d);
		if (k < nfiles)
			return -1;
	}
	return now() - t;
}

static void g_name(void)
{
	char nm[256], miss[256], deep[300], d1[256];
	int fd;

	fd = open(path(nm, "mb_name"), O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0) {
		skip("name", "open");
		return;
	}
	bench_ns("fstat", f_fstat, &fd, 1);
	bench_ns("stat", f_stat, nm, 1);
	bench_ns("stat_missing", f_stat_miss, (void *)path(miss, "mb_missing"), 1);
	bench_ns("open_close", f_open, nm, 1);
	bench_ns("rename_pair", f_rename, nm, 1);
	bench_ns("create_unlink_one", f_creat, (void *)path(miss, "mb_new"), 1);
	bench_ns("mkdir_rmdir", f_mkdir, (void *)path(miss, "mb_dir"), 1);
	close(fd);
	unlink(nm);
	/* 4 directories deep */
	path(d1, "mb_d");
	snprintf(deep, sizeof deep, "%s", d1);
	mkdir(deep, 0700);
	for (fd = 0; fd < 3; fd++) {
		strcat(deep, "/d");
		mkdir(deep, 0700);
	}
	bench_ns("stat_4_deep", f_stat, deep, 1);
	while (strlen(deep) >= strlen(d1)) {
		rmdir(deep);
		if (strlen(deep) == strlen(d1))
			break;
		deep[strlen(deep) - 2] = 0;
	}
}

static void g_many(void)
{
	char d[256], f[300];
	long i;
	int fd;
	double t;

	mkdir(path(d, "mb_many"), 0700);
	t = now();
	for (i = 0; i < nfiles; i++) {
		snprintf(f, sizeof f, "%s/f%06ld", d, i);
		fd = open(f, O_WRONLY | O_CREAT | O_EXCL, 0600);
		if (fd < 0 || write(fd, f, 16) != 16) {
			skip("many_create", "open/write");
			return;
		}
		close(fd);
	}
	out("many_create", (now() - t) * 1e9 / (double)nfiles, "ns");
	bench_ns("readdir_entry", f_scan, d, (double)nfiles);
	t = now();
	for (i = 0; i < nfiles; i++) {
		struct stat st;
		snprintf(f, sizeof f, "%s/f%06ld", d, i);
		if (stat(f, &st)) {
			skip("many_stat", "stat");
			return;
		}
	}
	out("many_stat", (now() - t) * 1e9 / (double)nfiles, "ns");
	t = now();
	for (i = 0; i < nfiles; i++) {
		snprintf(f, sizeof f, "%s/f%06ld", d, i);
		if (unlink(f)) {
			skip("many_unlink", "unlink");
			return;
		}
	}
	out("many_unlink", (now() - t) * 1e9 / (double)nfiles, "ns");
	rmdir(d);
}

static const struct { const char *name; void (*fn)(void); } groups[] = {
	{ "cpu", g_cpu }, { "syscall", g_syscall }, { "signal", g_signal },
	{ "pipe", g_pipe }, { "unix", g_unix }, { "tcp", g_tcp }, { "poll", g_poll },
	{ "thread", g_thread }, { "proc", g_proc }, { "mem", g_mem },
	{ "file", g_file }, { "name", g_name }, { "many", g_many },
};

int main(int argc, char **argv)
{
	size_t g, ng = sizeof groups / sizeof groups[0];
	int c, i;

	if (argc > 1 && strcmp(argv[1], "--true") == 0)
		return 0;
	prog = argv[0];
	progarg = "--true";
	while ((c = getopt(argc, argv, "t:d:f:x:r:l")) != -1) {
		switch (c) {
		case 't': target = atof(optarg) / 1000; break;
		case 'd': dir = optarg; break;
		case 'f': nfiles = atol(optarg); break;
		case 'x': prog = optarg; progarg = 0; break;
		case 'r': runs = atoi(optarg); break;
		case 'l':
			for (g = 0; g < ng; g++)
				puts(groups[g].name);
			return 0;
		default: return 2;
		}
	}
	if (!strchr(prog, '/')) {       /* started through PATH: exec needs a real path */
		static char self[256];
		ssize_t k = readlink("/proc/self/exe", self, sizeof self - 1);
		if (k > 0)
			prog = self;
	}
	if (runs < 1)
		runs = 1;
	if (runs > 16)
		runs = 16;
	memset(big, 1, sizeof big);
	signal(SIGPIPE, SIG_IGN);
	printf("# mbench target %.0f ms files %ld runs %d\n", target * 1000, nfiles, runs);
	fflush(stdout);
	for (g = 0; g < ng; g++) {
		int want = optind == argc;
		for (i = optind; i < argc; i++)
			if (strncmp(argv[i], groups[g].name, strlen(argv[i])) == 0)
				want = 1;
		if (want)
			groups[g].fn();
	}
	printf("# mbench done\n");
	return 0;
}
