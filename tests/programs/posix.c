/* SPDX-License-Identifier: BSD-2-Clause
 * posix.c - what a program may expect of processes, signals, memory and descriptors.
 *
 * Each test runs in a child of its own, with an alarm, and is right if the child exits with 0. The
 * same binary runs on Linux, where all of it passes. posix [NAME-PREFIX].
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define CHECK(cond) \
	do { \
		if (!(cond)) { \
			dprintf(2, "line %d: %s (errno %d)\n", __LINE__, #cond, errno); \
			_exit(1); \
		} \
	} while (0)

static volatile sig_atomic_t caught, caught_code;
static void *volatile caught_address;

static void on_signal(int n)
{
	caught = n;
}

static void on_info(int n, siginfo_t *info, void *context)
{
	(void)context;
	caught = n;
	caught_code = info->si_code;
	caught_address = info->si_addr;
}

static void handle(int n, void (*f)(int), int flags)
{
	struct sigaction a = { .sa_handler = f, .sa_flags = flags };

	CHECK(sigaction(n, &a, NULL) == 0);
}

static void handle_info(int n, void (*f)(int, siginfo_t *, void *), int flags)
{
	struct sigaction a = { .sa_sigaction = f, .sa_flags = flags | SA_SIGINFO };

	CHECK(sigaction(n, &a, NULL) == 0);
}

/* ---- processes ---- */

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

/* ---- signals ---- */

static void t_a_handler_runs_and_returns(void)
{
	handle(SIGUSR1, on_signal, 0);
	CHECK(kill(getpid(), SIGUSR1) == 0);
	CHECK(caught == SIGUSR1);
}

static void t_registers_survive_a_handler(void)
{
	double x = 1.5, y = 0;

	handle(SIGUSR1, on_signal, 0);
	for (int i = 0; i < 100; i++) {
		y += x * i;
		raise(SIGUSR1);
	}
	CHECK(y == 1.5 * 4950);
}

static void t_a_blocked_signal_waits(void)
{
	sigset_t set, old, pending;

	handle(SIGUSR1, on_signal, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK(sigprocmask(SIG_BLOCK, &set, &old) == 0);
	CHECK(raise(SIGUSR1) == 0 && caught == 0);
	CHECK(sigpending(&pending) == 0 && sigismember(&pending, SIGUSR1));
	CHECK(sigprocmask(SIG_SETMASK, &old, NULL) == 0);
	CHECK(caught == SIGUSR1);
}

static void t_sigsuspend_ends_with_EINTR(void)
{
	sigset_t set, old;
	pid_t me = getpid();

	handle(SIGUSR1, on_signal, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, &old);
	if (fork() == 0) {
		usleep(20000);
		kill(me, SIGUSR1);
		_exit(0);
	}
	CHECK(sigsuspend(&old) == -1 && errno == EINTR && caught == SIGUSR1);
	CHECK(wait(NULL) > 0);
}

static void t_read_is_interrupted_without_SA_RESTART(void)
{
	int p[2];
	char c;

	CHECK(pipe(p) == 0);
	handle(SIGALRM, on_signal, 0);
	ualarm(20000, 0);
	CHECK(read(p[0], &c, 1) == -1 && errno == EINTR && caught == SIGALRM);
}

static void t_read_goes_on_with_SA_RESTART(void)
{
	int p[2];
	char c = 0;
	pid_t me = getpid();

	CHECK(pipe(p) == 0);
	handle(SIGUSR1, on_signal, SA_RESTART);
	if (fork() == 0) {
		usleep(20000);
		kill(me, SIGUSR1);
		usleep(20000);
		_exit(write(p[1], "x", 1) == 1 ? 0 : 1);
	}
	CHECK(read(p[0], &c, 1) == 1 && c == 'x' && caught == SIGUSR1);
	CHECK(wait(NULL) > 0);
}

static void t_a_fault_says_where(void)
{
	static volatile char *const bad = (char *)0x1234000;
	pid_t pid;
	int status;

	handle_info(SIGSEGV, on_info, SA_RESETHAND);
	pid = fork();
	if (pid == 0) {
		if (sigaction(SIGSEGV, NULL, NULL) == 0)
			*bad = 1;       /* the handler returns, the second fault kills */
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WTERMSIG(status) == SIGSEGV);
}

static void skip_store(int n, siginfo_t *info, void *context)
{
	ucontext_t *c = context;

	on_info(n, info, context);
	c->uc_mcontext.gregs[REG_RIP] = c->uc_mcontext.gregs[REG_RBX];
}

static void t_a_handler_may_change_registers(void)
{
	handle_info(SIGSEGV, skip_store, 0);
	__asm__ volatile("lea 1f(%%rip), %%rbx; movl $0, 0x5678; 1:" ::: "rbx", "memory");
	CHECK(caught == SIGSEGV && caught_code == SEGV_MAPERR);
	CHECK(caught_address == (void *)0x5678);
}

static void t_a_protected_page_is_SEGV_ACCERR(void)
{
	char *m = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(m != MAP_FAILED && m[0] == 0);
	handle_info(SIGSEGV, skip_store, 0);
	__asm__ volatile("lea 1f(%%rip), %%rbx; movb $1, (%0); 1:" ::"r"(m) : "rbx", "memory");
	CHECK(caught == SIGSEGV && caught_code == SEGV_ACCERR && caught_address == m);
}

static void t_division_by_zero_is_SIGFPE(void)
{
	handle_info(SIGFPE, skip_store, 0);
	__asm__ volatile("lea 1f(%%rip), %%rbx; xor %%ecx, %%ecx; mov $1, %%eax; cltd; idiv %%ecx; 1:"
			 ::: "rax", "rbx", "rcx", "rdx");
	CHECK(caught == SIGFPE && caught_code == FPE_INTDIV);
}

static void t_an_illegal_instruction_is_SIGILL(void)
{
	handle_info(SIGILL, skip_store, 0);
	__asm__ volatile("lea 1f(%%rip), %%rbx; ud2; 1:" ::: "rbx");
	CHECK(caught == SIGILL && caught_code == ILL_ILLOPN);
}

static void t_executing_data_is_SIGSEGV(void)
{
	static char code[] = { (char)0xc3 };
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		((void (*)(void))(uintptr_t)code)();
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WTERMSIG(status) == SIGSEGV);
}

static void t_the_kernel_half_is_SIGSEGV(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		((void (*)(void))0xffffffff80200000ull)();
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WTERMSIG(status) == SIGSEGV);
}

static void t_a_privileged_instruction_is_SIGSEGV(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		__asm__ volatile("cli");
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WTERMSIG(status) == SIGSEGV);
}

static volatile uintptr_t handler_stack;

static void note_stack(int n)
{
	char here;

	handler_stack = (uintptr_t)&here;
	caught = n;
}

static void t_the_alternate_stack_is_used(void)
{
	static char memory[65536];
	stack_t s = { .ss_sp = memory, .ss_size = sizeof(memory) }, old;

	CHECK(sigaltstack(&s, NULL) == 0);
	handle(SIGUSR1, note_stack, SA_ONSTACK);
	raise(SIGUSR1);
	CHECK(handler_stack - (uintptr_t)memory < sizeof(memory));
	CHECK(sigaltstack(NULL, &old) == 0 && old.ss_sp == memory);
}

static void deep(int n)
{
	volatile char block[4096];

	block[0] = (char)n;
	if (n >= 0)
		deep(n + 1);
	block[1] = block[0];
}

static void stack_gone(int n)
{
	(void)n;
	_exit(9);
}

static void t_stack_overflow_is_caught_on_the_alternate_stack(void)
{
	static char memory[65536];
	stack_t s = { .ss_sp = memory, .ss_size = sizeof(memory) };
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		sigaltstack(&s, NULL);
		handle(SIGSEGV, stack_gone, SA_ONSTACK);
		deep(0);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 9);
}

static void t_real_time_signals_queue(void)
{
	static volatile int sum;
	struct sigaction a = { .sa_flags = SA_SIGINFO };
	union sigval v;
	sigset_t set, old;

	a.sa_sigaction = on_info;
	sigaction(SIGRTMIN, &a, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &set, &old);
	for (int i = 1; i <= 3; i++) {
		v.sival_int = i;
		CHECK(sigqueue(getpid(), SIGRTMIN, v) == 0);
	}
	for (int i = 1; i <= 3; i++) {
		siginfo_t info;

		CHECK(sigwaitinfo(&set, &info) == SIGRTMIN);
		sum += info.si_value.sival_int;
		CHECK(info.si_value.sival_int == i && info.si_code == SI_QUEUE);
	}
	CHECK(sum == 6);
}

static void t_sigtimedwait_times_out(void)
{
	struct timespec ts = { 0, 20000000 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	CHECK(sigtimedwait(&set, NULL, &ts) == -1 && errno == EAGAIN);
}

static void t_sigpipe_kills_or_is_EPIPE(void)
{
	int p[2], status;
	pid_t pid = fork();

	if (pid == 0) {
		CHECK(pipe(p) == 0 && close(p[0]) == 0);
		CHECK(write(p[1], "x", 1) == 1);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WTERMSIG(status) == SIGPIPE);
	signal(SIGPIPE, SIG_IGN);
	CHECK(pipe(p) == 0 && close(p[0]) == 0);
	CHECK(write(p[1], "x", 1) == -1 && errno == EPIPE);
}

static void t_a_dead_child_sends_SIGCHLD(void)
{
	sigset_t set;
	siginfo_t info;
	pid_t pid;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	pid = fork();
	if (pid == 0)
		_exit(5);
	CHECK(sigwaitinfo(&set, &info) == SIGCHLD);
	CHECK(info.si_pid == pid && info.si_code == CLD_EXITED && info.si_status == 5);
}

static void t_ignored_children_leave_no_zombies(void)
{
	signal(SIGCHLD, SIG_IGN);
	if (fork() == 0)
		_exit(0);
	CHECK(wait(NULL) == -1 && errno == ECHILD);
}

/* ---- time ---- */

static void t_nanosleep_sleeps(void)
{
	struct timespec a, b, ts = { 0, 50000000 };

	clock_gettime(CLOCK_MONOTONIC, &a);
	CHECK(nanosleep(&ts, NULL) == 0);
	clock_gettime(CLOCK_MONOTONIC, &b);
	CHECK((b.tv_sec - a.tv_sec) * 1000000000ll + b.tv_nsec - a.tv_nsec >= 50000000);
}

static void t_an_interrupted_sleep_says_what_is_left(void)
{
	struct timespec ts = { 5, 0 }, left = { 0, 0 };

	handle(SIGALRM, on_signal, 0);
	ualarm(20000, 0);
	CHECK(nanosleep(&ts, &left) == -1 && errno == EINTR);
	CHECK(left.tv_sec == 4 && left.tv_nsec > 0);
}

static void t_an_interval_timer_repeats(void)
{
	struct itimerval v = { { 0, 10000 }, { 0, 10000 } };
	int n = 0;

	handle(SIGALRM, on_signal, 0);
	CHECK(setitimer(ITIMER_REAL, &v, NULL) == 0);
	while (n < 3) {
		pause();
		n += caught == SIGALRM;
		caught = 0;
	}
	v = (struct itimerval){ 0 };
	CHECK(setitimer(ITIMER_REAL, &v, NULL) == 0);
}

static void t_clocks_go_forward(void)
{
	struct timespec a, b;
	struct timeval tv;

	CHECK(clock_gettime(CLOCK_MONOTONIC, &a) == 0);
	for (int i = 0; i < 1000; i++) {
		CHECK(clock_gettime(CLOCK_MONOTONIC, &b) == 0);
		CHECK(b.tv_sec > a.tv_sec || (b.tv_sec == a.tv_sec && b.tv_nsec >= a.tv_nsec));
		a = b;
	}
	CHECK(gettimeofday(&tv, NULL) == 0);
	CHECK(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &b) == 0 && b.tv_sec >= a.tv_sec);
}

/* ---- memory ---- */

static void t_anonymous_memory_is_zero_and_writable(void)
{
	size_t len = 1 << 20;
	char *m = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(m != MAP_FAILED);
	for (size_t i = 0; i < len; i += 4096)
		CHECK(m[i] == 0);
	memset(m, 0x5a, len);
	for (size_t i = 0; i < len; i += 997)
		CHECK(m[i] == 0x5a);
	CHECK(munmap(m, len) == 0);
}

static void t_copy_on_write_separates_after_fork(void)
{
	size_t len = 256 * 4096;
	char *m = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int status;
	pid_t pid;

	memset(m, 1, len);
	pid = fork();
	if (pid == 0) {
		for (size_t i = 0; i < len; i += 4096)
			CHECK(m[i] == 1);
		memset(m, 2, len);
		_exit(0);
	}
	for (size_t i = 0; i < len; i += 8192)
		m[i] = 3;
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	for (size_t i = 0; i < len; i += 4096)
		CHECK(m[i] == (i % 8192 ? 1 : 3));
}

static void t_shared_memory_is_shared(void)
{
	int *m = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	CHECK(m != MAP_FAILED);
	if (fork() == 0) {
		m[1024] = 99;
		_exit(0);
	}
	CHECK(wait(NULL) > 0 && m[1024] == 99);
}

static void t_mprotect_and_munmap_take_effect(void)
{
	char *m = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	m[0] = m[4096] = m[8192] = 1;
	CHECK(mprotect(m + 4096, 4096, PROT_READ) == 0 && m[4096] == 1);
	CHECK(munmap(m + 8192, 4096) == 0);
	handle_info(SIGSEGV, skip_store, 0);
	__asm__ volatile("lea 1f(%%rip), %%rbx; movb $1, (%0); 1:" ::"r"(m + 4096) : "rbx", "memory");
	CHECK(caught_code == SEGV_ACCERR);
	__asm__ volatile("lea 1f(%%rip), %%rbx; movb $1, (%0); 1:" ::"r"(m + 8192) : "rbx", "memory");
	CHECK(caught_code == SEGV_MAPERR);
	m[1] = 2;
}

static void t_mremap_moves_contents(void)
{
	char *m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	strcpy(m, "contents");
	m = mremap(m, 4096, 64 * 4096, MREMAP_MAYMOVE);
	CHECK(m != MAP_FAILED && strcmp(m, "contents") == 0 && m[63 * 4096] == 0);
}

static void t_brk_grows_the_heap(void)
{
	char *before = sbrk(0);

	(void)before;
	CHECK(syscall(SYS_brk, 0) > 0);
	for (int i = 0; i < 200; i++) {
		char *p = malloc(10000);

		CHECK(p != NULL);
		memset(p, i, 10000);
	}
}

static void t_a_file_mapping_shows_the_file(void)
{
	int fd = open("/bin/busybox", O_RDONLY);
	char head[64], *m;

	CHECK(fd >= 0 && pread(fd, head, sizeof(head), 0) == sizeof(head));
	m = mmap(NULL, 65536, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK(m != MAP_FAILED && memcmp(m, head, sizeof(head)) == 0);
	CHECK(pread(fd, head, sizeof(head), 40960) == sizeof(head));
	CHECK(memcmp(m + 40960, head, sizeof(head)) == 0);
	CHECK(close(fd) == 0 && munmap(m, 65536) == 0);
}

static void t_too_much_memory_is_ENOMEM(void)
{
	void *m = mmap(NULL, 1ull << 46, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(m == MAP_FAILED && errno == ENOMEM);
}

/* ---- bad arguments ---- */

static void t_bad_addresses_are_EFAULT(void)
{
	char *const bad[] = { NULL, (char *)0x1000, (char *)0xffff800000000000ull,
			      (char *)0x7ffffffff000ull, (char *)-1ull };
	int p[2];

	CHECK(pipe(p) == 0 && write(p[1], "abc", 3) == 3);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK(write(p[1], bad[i], 4) == -1 && errno == EFAULT);
		CHECK(open(bad[i], O_RDONLY) == -1 && errno == EFAULT);
		CHECK(syscall(SYS_newfstatat, AT_FDCWD, "/", bad[i], 0) == -1 && errno == EFAULT);
		CHECK(syscall(SYS_rt_sigaction, SIGUSR1, bad[i] ? bad[i] : (char *)8, NULL, 8) == -1 &&
		      errno == EFAULT);
		CHECK(syscall(SYS_uname, bad[i]) == -1 && errno == EFAULT);
		CHECK(syscall(SYS_nanosleep, bad[i], NULL) == -1 && errno == EFAULT);
	}
	CHECK(read(p[0], (char *)0x1000, 3) == -1 && errno == EFAULT);
}

static void t_every_call_survives_nonsense(void)
{
	static const long values[] = { 0, -1, 1, 0x1000, 0x7fffffffffff, (long)0x8000000000000000,
				       (long)0xffffffff80000000 };

	for (long n = 0; n < 460; n++) {
		pid_t pid;
		int status;

		if (n == SYS_fork || n == SYS_vfork || n == SYS_clone || n == SYS_clone3 ||
		    n == SYS_pause || n == SYS_reboot || n == SYS_kill || n == SYS_tkill ||
		    n == SYS_rt_sigsuspend || n == SYS_rt_sigreturn || n == SYS_setsid)
			continue;
		pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			struct rlimit none = { 0, 0 };

			setrlimit(RLIMIT_FSIZE, &none);
			setuid(65534);
			close(0), close(1), close(2);
			alarm(1);
			for (unsigned v = 0; v < sizeof(values) / sizeof(values[0]); v++)
				syscall(n, values[v], values[v], values[v], values[v], values[v],
					values[v]);
			_exit(0);
		}
		CHECK(waitpid(pid, &status, 0) == pid);
	}
}

static void t_an_unknown_call_is_ENOSYS(void)
{
	CHECK(syscall(1000) == -1 && errno == ENOSYS);
	CHECK(syscall(0x1000, 0, 0, 0) == -1);
	CHECK(syscall(0x100000) == -1 && errno == ENOSYS);
}

/* ---- descriptors, pipes, poll ---- */

static void t_a_pipe_carries_bytes_in_order(void)
{
	static char out[200000], in[200000];
	size_t got = 0;
	int p[2];

	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (char)(i * 7);
	CHECK(pipe(p) == 0);
	if (fork() == 0) {
		CHECK(write(p[1], out, sizeof(out)) == (ssize_t)sizeof(out));
		_exit(0);
	}
	close(p[1]);
	for (;;) {
		ssize_t n = read(p[0], in + got, sizeof(in) - got);

		CHECK(n >= 0);
		if (n == 0)
			break;
		got += (size_t)n;
	}
	CHECK(got == sizeof(out) && memcmp(in, out, got) == 0);
	CHECK(wait(NULL) > 0);
}

static void t_dup_shares_the_offset(void)
{
	char c;
	int fd = open("/bin/busybox", O_RDONLY), copy = dup(fd);

	CHECK(copy > fd && read(fd, &c, 1) == 1 && c == 0x7f);
	CHECK(read(copy, &c, 1) == 1 && c == 'E');
	CHECK(lseek(fd, 0, SEEK_CUR) == 2);
	CHECK(dup2(fd, 100) == 100 && fcntl(100, F_GETFD) == 0);
	CHECK(fcntl(fd, F_DUPFD_CLOEXEC, 50) == 50 && fcntl(50, F_GETFD) == FD_CLOEXEC);
	CHECK(close(fd) == 0 && close(fd) == -1 && errno == EBADF);
}

static void t_poll_tells_readiness(void)
{
	struct pollfd p[2];
	int fd[2];

	CHECK(pipe(fd) == 0);
	p[0] = (struct pollfd){ .fd = fd[0], .events = POLLIN };
	p[1] = (struct pollfd){ .fd = fd[1], .events = POLLOUT };
	CHECK(poll(p, 2, 0) == 1 && p[0].revents == 0 && p[1].revents == POLLOUT);
	CHECK(write(fd[1], "x", 1) == 1);
	CHECK(poll(p, 2, -1) == 2 && p[0].revents == POLLIN);
	close(fd[1]);
	CHECK(poll(p, 1, -1) == 1 && p[0].revents == (POLLIN | POLLHUP));
	p[0].fd = 77;
	CHECK(poll(p, 1, 0) == 1 && p[0].revents == POLLNVAL);
	p[0].fd = -1;
	CHECK(poll(p, 1, 20) == 0);
}

static void t_select_times_out_and_wakes(void)
{
	struct timeval tv = { 0, 20000 };
	fd_set set;
	int fd[2];

	CHECK(pipe(fd) == 0);
	FD_ZERO(&set);
	FD_SET(fd[0], &set);
	CHECK(select(fd[0] + 1, &set, NULL, NULL, &tv) == 0);
	if (fork() == 0) {
		usleep(20000);
		_exit(write(fd[1], "x", 1) != 1);
	}
	FD_SET(fd[0], &set);
	CHECK(select(fd[0] + 1, &set, NULL, NULL, NULL) == 1 && FD_ISSET(fd[0], &set));
	CHECK(wait(NULL) > 0);
}

static void t_nonblocking_reads_are_EAGAIN(void)
{
	int fd[2];
	char c;

	CHECK(pipe2(fd, O_NONBLOCK) == 0);
	CHECK(read(fd[0], &c, 1) == -1 && errno == EAGAIN);
	while (write(fd[1], &c, 1) == 1)
		;
	CHECK(errno == EAGAIN);
}

static void t_files_are_made_written_read_and_removed(void)
{
	char text[16] = "";
	struct stat st;
	int fd = open("/tmp/posix-file", O_RDWR | O_CREAT | O_TRUNC, 0640);

	CHECK(fd >= 0 && write(fd, "hello", 5) == 5);
	CHECK(pwrite(fd, "world", 5, 4096) == 5);
	CHECK(fstat(fd, &st) == 0 && st.st_size == 4101 && (st.st_mode & 0777) == 0640);
	CHECK(pread(fd, text, 5, 4096) == 5 && strcmp(text, "world") == 0);
	CHECK(pread(fd, text, 5, 2000) == 5 && text[0] == 0);
	CHECK(ftruncate(fd, 3) == 0 && fstat(fd, &st) == 0 && st.st_size == 3);
	CHECK(lseek(fd, 0, SEEK_SET) == 0 && read(fd, text, 16) == 3);
	CHECK(rename("/tmp/posix-file", "/tmp/posix-other") == 0);
	CHECK(stat("/tmp/posix-file", &st) == -1 && errno == ENOENT);
	CHECK(unlink("/tmp/posix-other") == 0 && fstat(fd, &st) == 0 && st.st_nlink == 0);
	CHECK(read(fd, text, 1) == 0 && close(fd) == 0);
}

static void t_vectors_scatter_and_gather(void)
{
	char a[3] = "", b[8] = "";
	struct iovec out[2] = { { "ab", 2 }, { "cdef", 4 } }, in[2] = { { a, 3 }, { b, 8 } };
	int fd[2];

	CHECK(pipe(fd) == 0 && writev(fd[1], out, 2) == 6 && readv(fd[0], in, 2) == 6);
	CHECK(memcmp(a, "abc", 3) == 0 && memcmp(b, "def", 3) == 0);
}

static void t_record_locks_exclude(void)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 10 };
	int status, fd = open("/tmp/posix-lock", O_RDWR | O_CREAT, 0600);
	pid_t pid;

	CHECK(fd >= 0 && fcntl(fd, F_SETLK, &l) == 0);
	pid = fork();
	if (pid == 0) {
		CHECK(fcntl(fd, F_SETLK, &l) == -1 && (errno == EAGAIN || errno == EACCES));
		CHECK(fcntl(fd, F_GETLK, &l) == 0 && l.l_type == F_WRLCK && l.l_pid == getppid());
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(unlink("/tmp/posix-lock") == 0);
}

static void t_permissions_are_checked(void)
{
	int fd = open("/tmp/posix-perm", O_RDWR | O_CREAT, 0600), status;
	pid_t pid;

	CHECK(fd >= 0);
	pid = fork();
	if (pid == 0) {
		CHECK(setgid(65534) == 0 && setuid(65534) == 0);
		CHECK(open("/tmp/posix-perm", O_RDONLY) == -1 && errno == EACCES);
		CHECK(access("/tmp/posix-perm", R_OK) == -1 && errno == EACCES);
		CHECK(unlink("/tmp/posix-perm") == -1 && (errno == EPERM || errno == EACCES));
		CHECK(chmod("/tmp/posix-perm", 0777) == -1 && errno == EPERM);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(unlink("/tmp/posix-perm") == 0);
}

/* ---- threads ---- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int counter, turn;

static void *count(void *arg)
{
	for (int i = 0; i < 1000; i++) {
		pthread_mutex_lock(&mutex);
		counter++;
		pthread_mutex_unlock(&mutex);
	}
	return arg;
}

static void t_threads_share_memory_and_locks(void)
{
	pthread_t t[4];
	void *result;

	for (long i = 0; i < 4; i++)
		CHECK(pthread_create(&t[i], NULL, count, (void *)i) == 0);
	for (long i = 0; i < 4; i++)
		CHECK(pthread_join(t[i], &result) == 0 && result == (void *)i);
	CHECK(counter == 4000);
}

static void *answer(void *arg)
{
	pthread_mutex_lock(&mutex);
	for (int i = 0; i < 100; i++) {
		while (turn == 0)
			pthread_cond_wait(&cond, &mutex);
		turn = 0;
		pthread_cond_signal(&cond);
	}
	pthread_mutex_unlock(&mutex);
	return arg;
}

static void t_conditions_wake_waiters(void)
{
	pthread_t t;

	CHECK(pthread_create(&t, NULL, answer, NULL) == 0);
	pthread_mutex_lock(&mutex);
	for (int i = 0; i < 100; i++) {
		turn = 1;
		pthread_cond_signal(&cond);
		while (turn == 1)
			pthread_cond_wait(&cond, &mutex);
	}
	pthread_mutex_unlock(&mutex);
	CHECK(pthread_join(t, NULL) == 0);
}

static void *sleep_for_ever(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void t_exit_ends_all_threads(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		pthread_t t;

		pthread_create(&t, NULL, sleep_for_ever, NULL);
		exit(6);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 6);
}

static void t_a_futex_wait_times_out(void)
{
	struct timespec ts = { 0, 20000000 };
	uint32_t word = 1;

	CHECK(syscall(SYS_futex, &word, 0, 2, NULL, NULL, 0) == -1 && errno == EAGAIN);
	CHECK(syscall(SYS_futex, &word, 0, 1, &ts, NULL, 0) == -1 && errno == ETIMEDOUT);
	CHECK(syscall(SYS_futex, &word, 1, 1, NULL, NULL, 0) == 0);
}

static void t_uname_says_linux(void)
{
	struct utsname u;

	CHECK(uname(&u) == 0 && strcmp(u.sysname, "Linux") == 0 && strcmp(u.machine, "x86_64") == 0);
}

#define T(name) { #name, t_##name }
static const struct { const char *name; void (*run)(void); } tests[] = {
	T(fork_gives_the_child_its_own_memory), T(wait_reports_a_killing_signal),
	T(wait_without_children_is_ECHILD), T(wnohang_returns_0_while_the_child_lives),
	T(waitid_fills_siginfo), T(vfork_suspends_the_parent), T(exec_replaces_the_program),
	T(exec_of_nothing_is_ENOENT), T(close_on_exec_is_kept), T(orphans_belong_to_process_1),
	T(groups_and_sessions), T(stop_and_continue), T(too_many_processes_is_EAGAIN),
	T(ids_change_as_root_and_not_back), T(a_handler_runs_and_returns),
	T(registers_survive_a_handler), T(a_blocked_signal_waits), T(sigsuspend_ends_with_EINTR),
	T(read_is_interrupted_without_SA_RESTART), T(read_goes_on_with_SA_RESTART),
	T(a_fault_says_where), T(a_handler_may_change_registers),
	T(a_protected_page_is_SEGV_ACCERR), T(division_by_zero_is_SIGFPE),
	T(an_illegal_instruction_is_SIGILL), T(executing_data_is_SIGSEGV),
	T(the_kernel_half_is_SIGSEGV), T(a_privileged_instruction_is_SIGSEGV),
	T(the_alternate_stack_is_used), T(stack_overflow_is_caught_on_the_alternate_stack),
	T(real_time_signals_queue), T(sigtimedwait_times_out), T(sigpipe_kills_or_is_EPIPE),
	T(a_dead_child_sends_SIGCHLD), T(ignored_children_leave_no_zombies), T(nanosleep_sleeps),
	T(an_interrupted_sleep_says_what_is_left), T(an_interval_timer_repeats),
	T(clocks_go_forward), T(anonymous_memory_is_zero_and_writable),
	T(copy_on_write_separates_after_fork), T(shared_memory_is_shared),
	T(mprotect_and_munmap_take_effect), T(mremap_moves_contents), T(brk_grows_the_heap),
	T(a_file_mapping_shows_the_file), T(too_much_memory_is_ENOMEM),
	T(bad_addresses_are_EFAULT), T(every_call_survives_nonsense), T(an_unknown_call_is_ENOSYS),
	T(a_pipe_carries_bytes_in_order), T(dup_shares_the_offset), T(poll_tells_readiness),
	T(select_times_out_and_wakes), T(nonblocking_reads_are_EAGAIN),
	T(files_are_made_written_read_and_removed), T(vectors_scatter_and_gather),
	T(record_locks_exclude), T(permissions_are_checked), T(threads_share_memory_and_locks),
	T(conditions_wake_waiters), T(exit_ends_all_threads), T(a_futex_wait_times_out),
	T(uname_says_linux),
};

static int run(unsigned n)
{
	char name[80];
	int status;
	pid_t pid;

	snprintf(name, sizeof(name), "%s", tests[n].name);
	for (char *c = name; *c; c++)
		if (*c == '_')
			*c = ' ';
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		alarm(60);
		tests[n].run();
		_exit(0);
	}
	if (waitpid(pid, &status, 0) == pid && status == 0) {
		printf("ok %s\n", name);
		return 0;
	}
	printf("FAIL %s: status 0x%x\n", name, (unsigned)status);
	return 1;
}

int main(int argc, char **argv)
{
	int failed = 0;

	for (unsigned n = 0; n < sizeof(tests) / sizeof(tests[0]); n++)
		if (argc < 2 || strncmp(tests[n].name, argv[1], strlen(argv[1])) == 0)
			failed += run(n);
	return failed > 0;
}
