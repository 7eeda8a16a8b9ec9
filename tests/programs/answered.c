/* SPDX-License-Identifier: BSD-2-Clause
 * answered.c - which of these Linux calls are answered by nobody.
 *
 *	answered NUMBER...: prints those that end with ENOSYS
 *
 * Each is made by a child of its own, with arguments that no call takes. A child that waits or dies
 * has found somebody.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOBODY = 97, WAIT_S = 1 };

static int is_answered(long number)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		alarm(WAIT_S);
		errno = 0;
		_exit(syscall(number, -1L, -1L, -1L, -1L, -1L, -1L) == -1 && errno == ENOSYS
		      ? NOBODY : 0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return 0;
	return !WIFEXITED(status) || WEXITSTATUS(status) != NOBODY;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!is_answered(atol(argv[i])))
			printf("%s\n", argv[i]);
	puts("done");
	return 0;
}
