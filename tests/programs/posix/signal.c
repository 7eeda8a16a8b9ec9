/* SPDX-License-Identifier: BSD-2-Clause
 * signal.c - what a program may expect: signals and time.
 */
#include "posix.h"

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

/* What comes now most likely finds it waiting; what depends on that is not right. */
static void until_asleep(pid_t pid)
{
	char path[40], text[400], state = 'R';

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	while (state != 'S') {
		int fd = open(path, O_RDONLY);
		ssize_t n = read(fd, text, sizeof(text) - 1);

		CHECK(n > 0 && close(fd) == 0);
		text[n] = '\0';
		CHECK(strrchr(text, ')') != NULL);
		state = strrchr(text, ')')[2];
	}
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
		until_asleep(me);
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
	ualarm(20000, 20000);                   /* the first may come before the read */
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
		until_asleep(me);
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
	__asm__ volatile("lea 1f(%%rip), %%rbx; xor %%ecx, %%ecx; mov $1, %%eax; cltd; "
			 "idiv %%ecx; 1:" ::: "rax", "rbx", "rcx", "rdx");
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

static void t_sigtimedwait_gets_what_comes_while_it_waits(void)
{
	struct timespec long_time = { 100, 0 };
	sigset_t set;
	siginfo_t info;
	pid_t me = getpid();
	int over[2];

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	handle(SIGUSR2, on_signal, 0);
	CHECK(pipe(over) == 0);
	if (fork() == 0) {
		until_asleep(me);
		sigqueue(me, SIGUSR1, (union sigval){ .sival_int = 77 });
		/* One that comes before the second wait interrupts nothing. */
		while (poll(&(struct pollfd){ over[0], POLLIN, 0 }, 1, 1) == 0)
			kill(me, SIGUSR2);
		_exit(0);
	}
	while (sigtimedwait(&set, &info, &long_time) != SIGUSR1)
		CHECK(errno == EINTR);
	CHECK(info.si_value.sival_int == 77);
	CHECK(syscall(SYS_rt_sigtimedwait, &set, &info, NULL, 8ul) == -1 && errno == EINTR);
	CHECK(caught == SIGUSR2 && write(over[1], "x", 1) == 1);
	CHECK(wait(NULL) > 0);
}

static volatile sig_atomic_t how_often;

static void on_count(int n)
{
	how_often += n == SIGRTMIN;
}

static void t_a_signal_to_a_group_comes_once_to_each(void)
{
	int ready[2], over[2], status;
	pid_t pid[3] = { 0 };
	char c;

	CHECK(pipe(ready) == 0 && pipe(over) == 0);
	handle(SIGRTMIN, on_count, 0);         /* each is kept that comes */
	for (unsigned k = 0; k < 3; k++) {
		pid[k] = fork();
		CHECK(setpgid(pid[k], pid[0]) == 0);
		if (pid[k] == 0) {
			close(over[1]);
			CHECK(write(ready[1], "x", 1) == 1);
			while (read(over[0], &c, 1) == -1)
				CHECK(errno == EINTR);
			_exit(how_often);
		}
		CHECK(read(ready[0], &c, 1) == 1);
	}
	CHECK(kill(-pid[0], SIGRTMIN) == 0);
	close(over[1]);
	for (unsigned k = 0; k < 3; k++)
		CHECK(waitpid(pid[k], &status, 0) == pid[k] && status == 1 << 8);
}

static void t_ignored_children_leave_no_zombies(void)
{
	signal(SIGCHLD, SIG_IGN);
	if (fork() == 0)
		_exit(0);
	CHECK(wait(NULL) == -1 && errno == ECHILD);
}

/* ---- time ---- */

#define SECOND 1000000000ll

static int64_t now_ns(void)
{
	struct timespec now;

	CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
	return now.tv_sec * SECOND + now.tv_nsec;
}

static void t_nanosleep_sleeps(void)
{
	struct timespec ts = { 0, 50000000 };
	int64_t began = now_ns();

	CHECK(nanosleep(&ts, NULL) == 0);
	CHECK(now_ns() - began >= 50000000);
}

static void t_an_interrupted_sleep_says_what_is_left(void)
{
	struct timespec ts = { 50, 0 }, left = { 50, 0 };

	handle(SIGALRM, on_signal, 0);
	ualarm(20000, 20000);
	/* Some come before the sleep, or just when it begins. */
	for (int n = 0; n < 100 && left.tv_sec >= 50; n++) {
		int64_t began = now_ns();

		CHECK(nanosleep(&ts, &left) == -1 && errno == EINTR);
		CHECK(left.tv_sec * SECOND + left.tv_nsec >= 50 * SECOND - (now_ns() - began));
	}
	CHECK(left.tv_sec < 50);
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

/* The mask of ppoll and pselect6 counts while they wait, and only then. */
static void t_ppoll_waits_with_its_mask(void)
{
	struct timespec long_time = { 20, 0 }, no_time = { 0, 0 };
	sigset_t usr1, none, now;
	uintptr_t mask[2] = { (uintptr_t)&none, 8 };
	int p[2], status;
	pid_t pid;

	sigemptyset(&none);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	handle(SIGUSR1, on_signal, 0);
	CHECK(pipe(p) == 0 && sigprocmask(SIG_BLOCK, &usr1, NULL) == 0);
	caught = 0;
	raise(SIGUSR1);                         /* it waits */
	CHECK(syscall(SYS_ppoll, NULL, 0, &no_time, NULL, 8) == 0 && caught == 0);
	CHECK(syscall(SYS_ppoll, NULL, 0, &no_time, &usr1, 8) == 0 && caught == 0);
	CHECK(syscall(SYS_ppoll, NULL, 0, &long_time, &none, 8) == -1 && errno == EINTR);
	CHECK(caught == SIGUSR1);
	CHECK(sigprocmask(SIG_BLOCK, NULL, &now) == 0 && sigismember(&now, SIGUSR1));
	caught = 0;
	pid = fork();
	if (pid == 0) {
		until_asleep(getppid());
		kill(getppid(), SIGUSR1);
		_exit(0);
	}
	CHECK(syscall(SYS_pselect6, 0, NULL, NULL, NULL, &long_time, mask) == -1);
	CHECK(errno == EINTR && caught == SIGUSR1 && waitpid(pid, &status, 0) == pid);
	CHECK(write(p[1], "x", 1) == 1);
	CHECK(syscall(SYS_ppoll, &(struct pollfd){ p[0], POLLIN, 0 }, 1, &long_time, &none,
		      8) == 1);
	CHECK(sigprocmask(SIG_BLOCK, NULL, &now) == 0 && sigismember(&now, SIGUSR1));
	caught = 0;
	raise(SIGUSR1);
	CHECK(caught == 0 && syscall(SYS_ppoll, NULL, 0, NULL, &none, 4) == -1 && errno == EINVAL);
	CHECK(sigprocmask(SIG_UNBLOCK, &usr1, NULL) == 0 && caught == SIGUSR1);
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

static void t_root_sets_the_clock_and_sleeps_until_a_time_of_it_follow(void)
{
	struct timespec was, set, now, bad = { 0, 1000000000 };
	pid_t pid;
	int status;

	CHECK(clock_gettime(CLOCK_REALTIME, &was) == 0);
	pid = fork();
	if (pid == 0) {
		was.tv_sec += 500;
		_exit(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &was, NULL));
	}
	usleep(100000);
	set = (struct timespec){ was.tv_sec + 1000, 0 };
	CHECK(clock_settime(CLOCK_REALTIME, &set) == 0);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(clock_gettime(CLOCK_REALTIME, &now) == 0);
	CHECK(now.tv_sec >= set.tv_sec && now.tv_sec < set.tv_sec + 100);
	was.tv_sec += now.tv_sec - set.tv_sec;
	CHECK(settimeofday(&(struct timeval){ was.tv_sec, 0 }, NULL) == 0);
	CHECK(time(NULL) - was.tv_sec < 100);
	CHECK(clock_settime(CLOCK_REALTIME, &bad) == -1 && errno == EINVAL);
	CHECK(clock_settime(CLOCK_MONOTONIC, &was) == -1 && errno == EINVAL);
	CHECK(syscall(SYS_clock_settime, CLOCK_REALTIME, 8) == -1 && errno == EFAULT);
	CHECK(setuid(1000) == 0);
	CHECK(clock_settime(CLOCK_REALTIME, &was) == -1 && errno == EPERM);
	CHECK(settimeofday(&(struct timeval){ 0, 0 }, NULL) == -1 && errno == EPERM);
}

const struct test signal_tests[] = {
	T(a_handler_runs_and_returns), T(registers_survive_a_handler), T(a_blocked_signal_waits),
	T(sigsuspend_ends_with_EINTR), T(read_is_interrupted_without_SA_RESTART),
	T(read_goes_on_with_SA_RESTART), T(a_fault_says_where),
	T(a_handler_may_change_registers), T(a_protected_page_is_SEGV_ACCERR),
	T(division_by_zero_is_SIGFPE), T(an_illegal_instruction_is_SIGILL),
	T(executing_data_is_SIGSEGV), T(the_kernel_half_is_SIGSEGV),
	T(a_privileged_instruction_is_SIGSEGV), T(the_alternate_stack_is_used),
	T(stack_overflow_is_caught_on_the_alternate_stack), T(real_time_signals_queue),
	T(sigtimedwait_times_out), T(sigpipe_kills_or_is_EPIPE), T(a_dead_child_sends_SIGCHLD),
	T(sigtimedwait_gets_what_comes_while_it_waits), T(ignored_children_leave_no_zombies),
	T(a_signal_to_a_group_comes_once_to_each),
	T(root_sets_the_clock_and_sleeps_until_a_time_of_it_follow),
	T(nanosleep_sleeps), T(an_interrupted_sleep_says_what_is_left),
	T(an_interval_timer_repeats), T(clocks_go_forward),
	T(ppoll_waits_with_its_mask), { NULL, NULL },
};
