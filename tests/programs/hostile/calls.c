/* SPDX-License-Identifier: BSD-2-Clause
 * calls.c - every system call with arguments that make no sense, many times over.
 */
#include "hostile.h"

enum { LAST_LINUX = 460, FIRST_OWN = 0x1000, LAST_OWN = 0x1080, SECONDS = 8 };
enum { SPARE = 64 * 1024 };

static char spare[SPARE];               /* memory that it may use */
enum { FDS = 9 };
static int some_fd[FDS];
static uint64_t seed, first_seed;
static unsigned rounds;
static unsigned as_user;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static uint64_t bad_value(void)
{
	static const uint64_t fixed[] = {
		0, 1, 2, 3, 7, 16, 64, 511, 4095, 4096, 65536, 0x7fffffff, 0x80000000, 0xffffffff,
		UINT64_MAX, UINT64_MAX - 1, UINT64_MAX - 4095, INT64_MAX, (uint64_t)INT64_MIN,
		0xffff800000000000, 0xffff800000100000, 0xffffffff80000000, 0xffffffff80100000,
		0x7ffffffff000, 0x7fffffffffff, 0x800000000000, 0x7ffffffeffff, 0x10000, 0x400000,
		(uint64_t)-100, 0x1000, 0xdeadbeefcafe, 1ull << 40, 1ull << 32,
	};
	uint64_t r = rnd();

	switch (r % 8) {
	case 0:
	case 1:
	case 2:
		return fixed[(r >> 8) % (sizeof(fixed) / sizeof(fixed[0]))];
	case 3:
		return (uint64_t)(uintptr_t)spare + (r >> 8) % SPARE;
	case 4:
		return (uint64_t)(uintptr_t)&bad_value + (r >> 8) % 256;
	case 5:
		return (uint64_t)some_fd[(r >> 8) % FDS];
	case 6:
		return (r >> 8) % 64;
	default:
		return rnd() >> rnd() % 64;
	}
}

static long call6(long n, const uint64_t a[6])
{
	register uint64_t r10 __asm__("r10") = a[3];
	register uint64_t r8 __asm__("r8") = a[4];
	register uint64_t r9 __asm__("r9") = a[5];
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "a"(n), "D"(a[0]), "S"(a[1]), "d"(a[2]),
			 "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
	return result;
}

static void nothing(int n)
{
	(void)n;
}

/* What only root may do to the machine, and whose children nobody would end. */
static const short not_as_root[] = {
	SYS_fork, SYS_vfork, SYS_clone, SYS_clone3, SYS_tkill, SYS_tgkill, SYS_rt_tgsigqueueinfo,
	SYS_kill, SYS_rt_sigqueueinfo, SYS_rename, SYS_rmdir, SYS_unlink, SYS_mount, SYS_umount2,
	SYS_chroot, SYS_pivot_root, SYS_sethostname, SYS_setdomainname, SYS_clock_settime,
	SYS_settimeofday, SYS_prlimit64, SYS_setpriority, SYS_swapon, SYS_swapoff, SYS_syslog,
	SYS_fchmod, SYS_fchown, SYS_fchownat, SYS_fchmodat, SYS_chmod, SYS_chown, SYS_lchown,
};

/* What would harm the test itself, by doing what it is there for. */
static int is_left_out(long n, const uint64_t a[6])
{
	if (n == SYS_reboot || ((n == SYS_kill || n == SYS_rt_sigqueueinfo) && (int)a[0] == -1))
		return 1;
	for (unsigned i = 0; as_user == 0 && i < sizeof(not_as_root) / sizeof(not_as_root[0]); i++)
		if (not_as_root[i] == n)
			return 1;
	return 0;
}

static void try_signal_frame(void)
{
	uint64_t *words = (uint64_t *)spare;

	for (unsigned i = 0; i < 1024; i++)
		words[i] = bad_value();
	__asm__ volatile("mov %0, %%rsp; mov $15, %%eax; syscall; ud2"
			 ::"r"(spare + 16 * (rnd() % 64)) : "memory");
}

static void interrupt_soon(void)
{
	struct sigaction a = { .sa_handler = nothing };
	struct itimerval often = { { 0, 10000 }, { 0, 10000 } };

	sigaction(SIGALRM, &a, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
}

static void prepare(long n)
{
	int p[2];

	seed = 0x9e3779b97f4a7c15 * ((uint64_t)n + first_seed);
	memset(spare, 'x', SPARE);
	strcpy(spare, "/tmp/hostile");
	if (chdir("/tmp") != 0 || pipe(p) != 0)
		_exit(0);
	some_fd[0] = p[0];
	some_fd[1] = p[1];
	some_fd[2] = open("/dev/null", O_RDWR);
	some_fd[3] = open("/tmp/hostile.text", O_RDONLY);
	some_fd[4] = open("/tmp", O_RDONLY | O_DIRECTORY);
	some_fd[5] = open("/tmp/hostile", O_RDWR | O_CREAT, 0666);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, &some_fd[6]) == 0 &&
	    write(some_fd[6], spare, 4000) != 4000)
		_exit(0);
	some_fd[8] = socket(AF_UNIX, n % 2 != 0 ? SOCK_DGRAM : SOCK_SEQPACKET, 0);
	close(0);
	close(1);
	close(2);
	interrupt_soon();
}

/* exhaust.c has the fork bombs. A small one here: the calls are what matters. */
static void attack(long n)
{
	prepare(n);
	setrlimit(RLIMIT_NPROC, &(struct rlimit){ 64, 64 });
	for (unsigned round = 0; round < rounds; round++) {
		uint64_t a[6];

		for (unsigned i = 0; i < 6; i++)
			a[i] = bad_value();
		if (n == SYS_rt_sigreturn)
			try_signal_frame();
		if (!is_left_out(n, a))
			call6(n, a);
		if (round % 16 == 0)
			interrupt_soon();
	}
}

/* A frame of rubbish mostly ends the child: so many children. */
static void attack_sigreturn(unsigned user)
{
	int killed, bad = 0;

	for (int i = 0; i < 60; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			if (user && (setgid(user) || setuid(user)))
				_exit(1);
			prepare(1000 + i);
			try_signal_frame();
		}
		bad += pid < 0 || waitpid(pid, &killed, 0) != pid;
	}
	report(!bad, "signal frames full of rubbish end their process only", "no child, or no end");
}

/* What fork and clone have left behind. */
static void end_all_of_user(long unused)
{
	(void)unused;
	kill(-1, SIGKILL);
}

void calls(unsigned user)
{
	int killed, never = 0, last_never = 0;
	char what[100], why[100];

	as_user = user;
	rounds = getenv("HOSTILE_ROUNDS") ? (unsigned)atoi(getenv("HOSTILE_ROUNDS")) : 200;
	first_seed = getenv("HOSTILE_SEED") ? (uint64_t)atoi(getenv("HOSTILE_SEED")) : 7;
	close(open("/tmp/hostile.text", O_WRONLY | O_CREAT, 0755));
	attack_sigreturn(user);
	for (long n = 0; n < LAST_OWN; n = n == LAST_LINUX ? FIRST_OWN : n + 1) {
		if (n == SYS_rt_sigreturn)
			continue;
		if (run_child(attack, n, user, SECONDS, &killed) == -1) {
			never++;
			last_never = (int)n;
		}
		if (killed && n != SYS_pause && n != SYS_rt_sigsuspend)
			printf("call %ld had to be ended\n", n);
		if (n == SYS_clone || n == SYS_fork || n == SYS_vfork || n == SYS_clone3)
			run_child(end_all_of_user, 0, PLAIN_USER, SECONDS, &killed);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
	run_child(end_all_of_user, 0, PLAIN_USER, SECONDS, &killed);
	unlink("/tmp/hostile.text");
	snprintf(what, sizeof(what), "user %u: all calls with senseless arguments come back, or "
		 "end their process", user);
	snprintf(why, sizeof(why), "%d processes could not be killed, last by call %d", never,
		 last_never);
	report(never == 0, what, why);
}
