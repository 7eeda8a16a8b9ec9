/* SPDX-License-Identifier: BSD-2-Clause
 * main.c - hostile [PART...]: programs that do everything wrong; the rest of the system goes on.
 *
 * Parts: faults, calls, rootcalls, exhaust, crowd, together. It also runs on Linux as root, where
 * all of it passes (all but `faults` and `calls` are rude to the machine).
 */
#include "hostile.h"

static int failed;

void report(int good, const char *what, const char *why)
{
	if (good)
		printf("ok %s\n", what);
	else
		printf("FAIL %s: %s\n", what, why);
	fflush(stdout);
	failed += !good;
}

static void nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
}

static time_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* -1: still there. By the clock: beside hundreds of others a nap is long. */
static int wait_for(pid_t pid, int seconds)
{
	time_t end = now() + seconds;
	int status;

	for (int n = 0; n < 10 || now() <= end; n++) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status;
		if (n > 10)
			nap();
	}
	return -1;
}

int run_child(void (*f)(long), long argument, unsigned user, int seconds, int *killed)
{
	pid_t pid = fork();
	int status;

	*killed = 0;
	if (pid < 0)
		return -1;
	if (pid == 0) {
		setsid();
		if (user != 0 && (setgid(user) != 0 || setuid(user) != 0))
			_exit(99);
		f(argument);
		_exit(0);
	}
	status = wait_for(pid, seconds);
	if (status >= 0)
		return status;
	*killed = 1;
	kill(pid, SIGKILL);
	return wait_for(pid, 20);
}

static int wants(int argc, char **argv, const char *part)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], part) == 0)
			return 1;
	return argc < 2;
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	if (wants(argc, argv, "faults"))
		faults();
	if (wants(argc, argv, "calls"))
		calls(PLAIN_USER);
	if (wants(argc, argv, "rootcalls"))
		calls(0);
	if (wants(argc, argv, "exhaust"))
		exhaust();
	if (wants(argc, argv, "crowd"))
		crowd();
	if (wants(argc, argv, "together"))
		together();
	return failed != 0;
}
