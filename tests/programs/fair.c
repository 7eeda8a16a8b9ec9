/* SPDX-License-Identifier: BSD-2-Clause
 * fair.c - how late a program wakes beside others that want all of the CPU.
 *
 *	fair KIND COUNT         COUNT processes of that kind, in a process group of their own
 *
 * Naps of 10 ms for two seconds, prints how many they were and by how much the worst was late,
 * and kills the group.
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { NAP_NS = 10000000, MEASURE_MS = 2000 };

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void nap(void)
{
	struct timespec t = { .tv_nsec = NAP_NS };

	nanosleep(&t, NULL);
}

/* ---- the others ---- */

static void compute(void)
{
	for (;;)
		;
}

static void call(void)
{
	for (;;)
		access("/nowhere", F_OK);
}

/* Each is gone before anybody could charge it. */
static void chain(void)
{
	for (;;)
		if (fork() != 0)
			_exit(0);
}

static void commands(void)
{
	for (;;) {
		pid_t child = vfork();

		if (child == 0) {
			execl("/proc/self/exe", "fair", "nothing", NULL);
			_exit(1);
		}
		if (child > 0)
			waitpid(child, NULL, 0);
	}
}

static void exec_again(void)
{
	execl("/proc/self/exe", "fair", "again", NULL);
	_exit(1);
}

static void bomb(void)
{
	for (;;)
		fork();
}

static void nothing(void)
{
}

static const struct kind {
	const char *name;
	void (*run)(void);
} kinds[] = {
	{ "compute", compute }, { "call", call }, { "chain", chain }, { "commands", commands },
	{ "again", exec_again }, { "bomb", bomb }, { "nothing", nothing },
};

static const struct kind *find(const char *name)
{
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}

/* ---- the measurement ---- */

static pid_t start(const struct kind *kind, int count)
{
	pid_t group = 0;

	for (int i = 0; i < count; i++) {
		pid_t child = fork();

		if (child == 0) {
			setpgid(0, group);
			kind->run();
			_exit(0);
		}
		if (child < 0)
			break;
		setpgid(child, group);
		group = group ? group : child;
	}
	return group;
}

/* Some may be in a fork and have a child in a moment: until nobody is left. */
static void end(pid_t group)
{
	while (kill(-group, SIGKILL) == 0) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		nap();
	}
}

int main(int argc, char **argv)
{
	const struct kind *kind = argc > 1 ? find(argv[1]) : NULL;
	int64_t begun = now_ns(), at = begun, worst = 0;
	unsigned naps = 0;
	pid_t group;

	if (!kind || argc > 3)
		return 2;
	if (argc == 2) {
		kind->run();
		return 0;
	}
	group = start(kind, atoi(argv[2]));
	if (group <= 0)
		return 1;
	while (at - begun < MEASURE_MS * INT64_C(1000000)) {
		int64_t slept = at;

		nap();
		at = now_ns();
		if (at - slept - NAP_NS > worst)
			worst = at - slept - NAP_NS;
		naps++;
	}
	end(group);
	printf("%u naps, the worst %d ms late\n", naps, (int)(worst / 1000000));
	return 0;
}
