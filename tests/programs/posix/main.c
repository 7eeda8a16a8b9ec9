/* SPDX-License-Identifier: BSD-2-Clause
 * main.c - posix [NAME-PREFIX]: what a program may expect of processes, signals, memory, files.
 *
 * Each test runs in a child of its own, with an alarm, and is right if the child exits with 0. The
 * same binary runs on Linux, where all of it passes.
 */
#include "posix.h"

volatile sig_atomic_t caught, caught_code;
void *volatile caught_address;

void on_signal(int n)
{
	caught = n;
}

void on_info(int n, siginfo_t *info, void *context)
{
	(void)context;
	caught = n;
	caught_code = info->si_code;
	caught_address = info->si_addr;
}

void handle(int n, void (*f)(int), int flags)
{
	struct sigaction a = { .sa_handler = f, .sa_flags = flags };

	CHECK(sigaction(n, &a, NULL) == 0);
}

void handle_info(int n, void (*f)(int, siginfo_t *, void *), int flags)
{
	struct sigaction a = { .sa_sigaction = f, .sa_flags = flags | SA_SIGINFO };

	CHECK(sigaction(n, &a, NULL) == 0);
}

void hold(int n)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, n);
	handle(n, on_signal, 0);
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
}

void await(int n)
{
	sigset_t set;

	CHECK(sigprocmask(SIG_BLOCK, NULL, &set) == 0 && sigdelset(&set, n) == 0);
	while (caught != n)
		sigsuspend(&set);
}

void skip_store(int n, siginfo_t *info, void *context)
{
	ucontext_t *c = context;

	on_info(n, info, context);
	c->uc_mcontext.gregs[REG_RIP] = c->uc_mcontext.gregs[REG_RBX];
}

static int run(const struct test *t)
{
	char name[80];
	int status;
	pid_t pid;

	snprintf(name, sizeof(name), "%s", t->name);
	for (char *c = name; *c; c++)
		if (*c == '_')
			*c = ' ';
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		alarm(60);
		t->run();
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
	static const struct test *const groups[] = {
		process_tests, signal_tests, memory_tests, file_tests, thread_tests, start_tests,
		family_tests, carry_tests, socket_tests, packet_tests,
		rights_tests, pty_tests, session_tests, line_tests,
	};
	int failed = 0;

	for (unsigned g = 0; g < sizeof(groups) / sizeof(groups[0]); g++)
		for (const struct test *t = groups[g]; t->name; t++)
			if (argc < 2 || strncmp(t->name, argv[1], strlen(argv[1])) == 0)
				failed += run(t);
	return failed > 0;
}
