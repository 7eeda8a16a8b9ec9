/* SPDX-License-Identifier: BSD-2-Clause
 * start.c - what a program finds when it starts, and registers that must not change behind it.
 */
#include "posix.h"

#include <elf.h>
#include <stddef.h>
#include <sys/auxv.h>
#include <sys/prctl.h>

extern char **environ;
static __thread int own = 7;
static __thread char own_zeros[100];

static void t_the_auxiliary_vector_is_as_linux_has_it(void)
{
	const unsigned char *vdso = (const unsigned char *)getauxval(AT_SYSINFO_EHDR);
	const Elf64_Phdr *ph = (const Elf64_Phdr *)getauxval(AT_PHDR);
	int loads = 0;

	CHECK(getauxval(AT_PAGESZ) == 4096 && getauxval(AT_CLKTCK) == 100);
	CHECK(getauxval(AT_PHENT) == sizeof(Elf64_Phdr) && getauxval(AT_PHNUM) > 0 && ph);
	for (unsigned i = 0; i < getauxval(AT_PHNUM); i++)
		loads += ph[i].p_type == PT_LOAD;
	CHECK(loads > 0 && getauxval(AT_ENTRY) != 0);
	CHECK(getauxval(AT_UID) == getuid() && getauxval(AT_EGID) == getegid());
	CHECK(getauxval(AT_SECURE) == 0 && getauxval(AT_RANDOM) != 0);
	CHECK(strcmp((char *)getauxval(AT_PLATFORM), "x86_64") == 0);
	CHECK(strstr((char *)getauxval(AT_EXECFN), "posix") != NULL);
	CHECK(vdso && memcmp(vdso, ELFMAG, SELFMAG) == 0);
	CHECK(((uintptr_t)&loads & ~0xfffffffful) != 0);
}

static void t_thread_local_variables_begin_as_written(void)
{
	CHECK(own == 7);
	for (unsigned i = 0; i < sizeof(own_zeros); i++)
		CHECK(own_zeros[i] == 0);
	own = 8;
	if (fork() == 0)
		_exit(own == 8 ? 0 : 1);
	int status;

	CHECK(wait(&status) > 0 && status == 0);
}

static void t_the_clock_of_the_vdso_goes_on_with_that_of_the_call(void)
{
	struct timespec a, b, c;

	for (int clock = 0; clock < 2; clock++) {
		CHECK(syscall(SYS_clock_gettime, clock, &a) == 0);
		CHECK(clock_gettime(clock, &b) == 0);
		CHECK(syscall(SYS_clock_gettime, clock, &c) == 0);
		CHECK(a.tv_sec < b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec <= b.tv_nsec));
		CHECK(b.tv_sec < c.tv_sec || (b.tv_sec == c.tv_sec && b.tv_nsec <= c.tv_nsec));
	}
}

struct file { Elf64_Ehdr h; Elf64_Phdr p[3]; char text[2][16]; };

/* What execve says of a program with two interpreters, of size bytes. */
static int with_interpreters(const char *first, const char *second, size_t size)
{
	const Elf64_Ehdr header = {
		.e_ident = { ELFMAG0, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(header),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 3,
	};
	struct file f = { .h = header };
	int fd = open("/tmp/odd", O_CREAT | O_TRUNC | O_WRONLY, 0755);

	f.p[0] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_flags = PF_R, .p_vaddr = 0x400000,
			       .p_filesz = sizeof(f), .p_memsz = sizeof(f) };
	for (unsigned i = 0; i < 2; i++) {
		f.p[1 + i] = (Elf64_Phdr){ .p_type = PT_INTERP, .p_filesz = size,
					   .p_offset = offsetof(struct file, text[i]) };
		snprintf(f.text[i], sizeof(f.text[i]), "%s", i == 0 ? first : second);
	}
	CHECK(write(fd, &f, sizeof(f)) == sizeof(f) && close(fd) == 0);
	execl("/tmp/odd", "odd", NULL);
	return errno;
}

static void t_a_program_has_one_interpreter_and_its_name_an_end(void)
{
	CHECK(with_interpreters("/tmp/none", "/bin/sh", 10) == ENOENT);
	CHECK(with_interpreters("/tmp", "/bin/sh", 5) == EACCES);
	CHECK(with_interpreters("/tmp/none", "/bin/sh", 9) == ENOEXEC);
	CHECK(unlink("/tmp/odd") == 0);
}

/* ---- extended state ---- */

typedef struct { unsigned char byte[32]; } __attribute__((aligned(32))) wide_t;

static int has_avx(void)
{
	return __builtin_cpu_supports("avx");
}

static void load(const wide_t *w)
{
	if (has_avx())
		__asm__ volatile("vmovdqa %0, %%ymm3; vmovdqa %0, %%ymm15" ::"m"(*w));
	else
		__asm__ volatile("movdqa %0, %%xmm3; movdqa %0, %%xmm15" ::"m"(*w));
}

static int same(const wide_t *w)
{
	wide_t a = *w, b = *w;

	if (has_avx())
		__asm__ volatile("vmovdqa %%ymm3, %0; vmovdqa %%ymm15, %1" : "=m"(a), "=m"(b));
	else
		__asm__ volatile("movdqa %%xmm3, %0; movdqa %%xmm15, %1" : "=m"(a), "=m"(b));
	return memcmp(&a, w, sizeof(a)) == 0 && memcmp(&b, w, sizeof(b)) == 0;
}

static void fill(wide_t *w, int n)
{
	for (int i = 0; i < 32; i++)
		w->byte[i] = (unsigned char)(n * 37 + i);
}

static void keep_wide(int n)
{
	wide_t w;

	fill(&w, n);
	load(&w);
	for (int i = 0; i < 300; i++) {
		syscall(SYS_sched_yield);
		for (volatile int k = 0; k < 2000; k++)
			;
		if (!same(&w))
			_exit(1);
	}
	_exit(0);
}

static void t_wide_registers_survive_switches_between_programs(void)
{
	int status;

	for (int n = 0; n < 4; n++)
		if (fork() == 0)
			keep_wide(n);
	for (int n = 0; n < 4; n++)
		CHECK(wait(&status) > 0 && status == 0);
}

static void clobber(int n)
{
	wide_t w;
	uint32_t mxcsr = 0x1f80 | 0x6000;

	fill(&w, 200 + n);
	load(&w);
	__asm__ volatile("ldmxcsr %0; fldz; fld1" ::"m"(mxcsr));
	caught = n;
}

static void t_wide_registers_survive_signal_handlers(void)
{
	struct itimerval often = { { 0, 10000 }, { 0, 10000 } };
	uint32_t mxcsr = 0x1fa0, after;
	wide_t w;

	handle(SIGUSR1, clobber, 0);
	handle(SIGALRM, clobber, 0);
	fill(&w, 1);
	__asm__ volatile("ldmxcsr %0" ::"m"(mxcsr));
	load(&w);
	syscall(SYS_kill, getpid(), SIGUSR1);
	CHECK(same(&w) && caught == SIGUSR1);
	setitimer(ITIMER_REAL, &often, NULL);
	load(&w);
	for (int n = 0; n < 5; n++) {
		caught = 0;
		while (!caught)
			;
		CHECK(same(&w));
	}
	__asm__ volatile("stmxcsr %0" : "=m"(after));
	CHECK(after == mxcsr);
}

static volatile int frame_is_right;

static void look_at_frame(int n, siginfo_t *info, void *context)
{
	ucontext_t *c = context;
	uint32_t magic = 0;

	memcpy(&magic, (char *)c->uc_mcontext.fpregs + 464, 4);
	frame_is_right = n == SIGUSR1 && info->si_pid == getpid() && info->si_code == SI_USER &&
			 ((uintptr_t)c->uc_mcontext.fpregs & 63) == 0 &&
			 (!has_avx() || (magic == 0x46505853 && c->uc_flags & 1)) &&
			 c->uc_mcontext.gregs[REG_RSP] > (greg_t)(uintptr_t)context &&
			 sigismember(&c->uc_sigmask, SIGHUP) == 1;
}

static void t_a_signal_frame_is_laid_out_as_linux_does(void)
{
	sigset_t s;

	sigemptyset(&s);
	sigaddset(&s, SIGHUP);
	sigprocmask(SIG_BLOCK, &s, NULL);
	handle_info(SIGUSR1, look_at_frame, 0);
	kill(getpid(), SIGUSR1);
	CHECK(frame_is_right);
}

static void t_names_and_limits_of_tier_0_are_answered(void)
{
	static const int limits[] = {
		RLIMIT_STACK, RLIMIT_NOFILE, RLIMIT_CORE, RLIMIT_AS, RLIMIT_RSS, RLIMIT_DATA,
		RLIMIT_NPROC, RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_LOCKS, RLIMIT_MEMLOCK, RLIMIT_RTPRIO,
		RLIMIT_SIGPENDING, RLIMIT_MSGQUEUE, RLIMIT_NICE,
	};
	char name[17] = "";
	struct rlimit l;

	for (unsigned i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		CHECK(getrlimit(limits[i], &l) == 0 && l.rlim_cur <= l.rlim_max);
	CHECK(getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur >= 1024);
	CHECK(prctl(PR_SET_NAME, "a-name-that-is-too-long") == 0);
	CHECK(prctl(PR_GET_NAME, name) == 0 && strcmp(name, "a-name-that-is-") == 0);
	CHECK(syscall(SYS_syslog, 10, NULL, 0) >= 0);
	CHECK(syscall(SYS_syslog, 3, name, 16) >= 0);
	CHECK(getpriority(PRIO_PROCESS, 0) == 0 && setpriority(PRIO_PROCESS, 0, 3) == 0);
	CHECK(getpriority(PRIO_PROCESS, 0) == 3);
	CHECK(syscall(SYS_ioprio_set, 1, 0, 3 << 13) == 0);
	CHECK(syscall(SYS_ioprio_get, 1, 0) == 3 << 13);
	CHECK(syscall(SYS_ioprio_set, 1, 0, 4 << 13) < 0 && errno == EINVAL);
}

static void t_a_timer_of_cpu_time_counts_work_and_not_sleep(void)
{
	struct itimerval v = { { 0, 0 }, { 0, 50000 } };

	handle(SIGVTALRM, on_signal, 0);
	handle(SIGPROF, on_signal, 0);
	CHECK(setitimer(ITIMER_VIRTUAL, &v, NULL) == 0);
	usleep(200000);
	CHECK(caught == 0);
	while (caught != SIGVTALRM)
		;
	CHECK(getitimer(ITIMER_VIRTUAL, &v) == 0 && v.it_value.tv_usec == 0);
	v.it_value.tv_usec = 20000;
	CHECK(setitimer(ITIMER_PROF, &v, NULL) == 0);
	while (caught != SIGPROF)
		;
}

const struct test start_tests[] = {
	T(the_auxiliary_vector_is_as_linux_has_it), T(thread_local_variables_begin_as_written),
	T(the_clock_of_the_vdso_goes_on_with_that_of_the_call),
	T(wide_registers_survive_switches_between_programs),
	T(wide_registers_survive_signal_handlers), T(a_signal_frame_is_laid_out_as_linux_does),
	T(names_and_limits_of_tier_0_are_answered),
	T(a_timer_of_cpu_time_counts_work_and_not_sleep),
	T(a_program_has_one_interpreter_and_its_name_an_end), { NULL, NULL },
};
