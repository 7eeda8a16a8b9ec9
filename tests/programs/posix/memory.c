/* SPDX-License-Identifier: BSD-2-Clause
 * memory.c - what a program may expect: memory and bad arguments.
 */
#include "posix.h"

#include <sys/auxv.h>

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

static void t_a_read_into_copy_on_write_separates(void)
{
	size_t len = 4 * 4096;
	char *m = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = open("/tmp/posix-copied", O_RDWR | O_CREAT | O_TRUNC, 0600), status;
	pid_t pid;

	memset(m, 2, len);
	CHECK(write(fd, m, len) == (ssize_t)len);
	memset(m, 1, len);
	pid = fork();
	if (pid == 0) {
		for (size_t i = 0; i < len; i += 4096)
			CHECK(pread(fd, m + i, 4096, (off_t)i) == 4096);
		for (size_t i = 0; i < len; i++)
			CHECK(m[i] == 2);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	for (size_t i = 0; i < len; i++)
		CHECK(m[i] == 1);
	CHECK(close(fd) == 0 && unlink("/tmp/posix-copied") == 0);
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
	__asm__ volatile("lea 1f(%%rip), %%rbx; movb $1, (%0); 1:"
			 ::"r"(m + 4096) : "rbx", "memory");
	CHECK(caught_code == SEGV_ACCERR);
	__asm__ volatile("lea 1f(%%rip), %%rbx; movb $1, (%0); 1:"
			 ::"r"(m + 8192) : "rbx", "memory");
	CHECK(caught_code == SEGV_MAPERR);
	m[1] = 2;
}

/* A page that was touched keeps its content while nobody may look, the kernel neither. */
static void t_a_page_without_access_is_kept_and_not_read(void)
{
	char *m = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int p[2], status;

	m[0] = m[4096] = 7;
	CHECK(pipe(p) == 0 && mprotect(m, 4096, PROT_NONE) == 0);
	CHECK(write(p[1], m, 1) == -1 && errno == EFAULT);
	CHECK(write(p[1], m + 4096, 1) == 1);
	handle_info(SIGSEGV, skip_store, 0);
	caught_code = 0;
	__asm__ volatile("lea 1f(%%rip), %%rbx; movb (%0), %%al; 1:"
			 ::"r"(m) : "rax", "rbx", "memory");
	CHECK(caught_code == SEGV_ACCERR);
	if (fork() == 0)
		_exit(write(p[1], m, 1) == -1 && mprotect(m, 4096, PROT_READ) == 0 && m[0] == 7 ?
		      0 : 1);
	CHECK(wait(&status) > 0 && status == 0);
	CHECK(write(p[1], m, 1) == -1 && mprotect(m, 4096, PROT_READ | PROT_WRITE) == 0);
	CHECK(m[0] == 7 && (m[0] = 8) == 8);
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
	void *m = mmap(NULL, 1ull << 46, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0);

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
		CHECK(syscall(SYS_rt_sigaction, SIGUSR1, bad[i] ? bad[i] : (char *)8, NULL, 8) ==
		      -1 && errno == EFAULT);
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

static long resident(void)
{
	char text[100] = { 0 };
	int fd = open("/proc/self/statm", O_RDONLY);

	CHECK(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0 && close(fd) == 0);
	return strtol(strchr(text, ' '), NULL, 10);
}

static void t_what_is_unmapped_is_not_resident(void)
{
	int fd = open("/bin/busybox", O_RDONLY);
	const size_t len = 64 * 4096;
	long before = resident(), most = 0;

	for (int i = 0; i < 100; i++) {
		int kind = i % 3 == 0 ? MAP_SHARED | MAP_ANONYMOUS : i % 3 == 1 ? MAP_PRIVATE :
			MAP_PRIVATE | MAP_ANONYMOUS;
		char *at = mmap(NULL, len, PROT_READ | PROT_WRITE, kind, i % 3 == 1 ? fd : -1, 0);

		CHECK(at != MAP_FAILED);
		for (size_t k = 0; k < len; k += 4096)
			at[k] = 1;
		most = resident() > most ? resident() : most;
		if (i % 3 == 2)
			at = mremap(at, len, 2 * len, MREMAP_MAYMOVE);
		CHECK(at != MAP_FAILED && munmap(at, i % 3 == 2 ? 2 * len : len) == 0);
	}
	CHECK(most >= before + 64 && most < before + 200 && resident() < before + 32);
}

/* The vDSO's place taken by a page of one's own: never is the shared one put there again. */
static void t_what_all_programs_share_stays_theirs(void)
{
	unsigned char *vdso = (unsigned char *)getauxval(AT_SYSINFO_EHDR);
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		if (mmap(vdso, 4096, PROT_READ, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
		    vdso)
			_exit(2);
		madvise(vdso - 4096, 4096, 22);         /* MADV_POPULATE_READ: what comes before */
		_exit(vdso[0] != 0 || vdso[1] != 0);
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
}

const struct test memory_tests[] = {
	T(what_all_programs_share_stays_theirs),
	T(what_is_unmapped_is_not_resident),
	T(anonymous_memory_is_zero_and_writable), T(copy_on_write_separates_after_fork),
	T(a_read_into_copy_on_write_separates),
	T(shared_memory_is_shared), T(mprotect_and_munmap_take_effect),
	T(a_page_without_access_is_kept_and_not_read), T(mremap_moves_contents),
	T(brk_grows_the_heap), T(a_file_mapping_shows_the_file), T(too_much_memory_is_ENOMEM),
	T(bad_addresses_are_EFAULT), T(every_call_survives_nonsense), T(an_unknown_call_is_ENOSYS),
	{ 0 },
};
