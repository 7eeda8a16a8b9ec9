/* SPDX-License-Identifier: BSD-2-Clause
 * crowd.c - a user's programs that take all rows of a table: root goes on; hundreds at once.
 */
#include "hostile.h"

#include <pthread.h>

static void take_files(long n)
{
	char name[32];
	int fd;

	for (;;) {
		snprintf(name, sizeof(name), "/tmp/crowd.%ld", n);
		fd = open(name, O_RDWR | O_CREAT, 0600);
		unlink(name);
		if (fd < 0)
			return;
	}
}

static void take_descriptors(long n)
{
	(void)n;
	while (dup(0) >= 0)
		;
}

static void take_pipes(long n)
{
	int p[2];

	(void)n;
	while (pipe(p) == 0)
		;
}

static void take_mappings(long n)
{
	(void)n;
	for (int prot = 0;; prot ^= PROT_READ)
		if (mmap(NULL, PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
			return;
}

/* What a shell needs. */
static void root_works(void)
{
	int p[2], status;
	pid_t pid;
	char byte;

	CHECK(pipe(p) == 0 && write(p[1], "x", 1) == 1 && read(p[0], &byte, 1) == 1);
	CHECK(open("/etc/passwd", O_RDONLY) >= 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		execl("/bin/busybox", "true", NULL);
		_exit(1);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

static void crowd_of(void (*take)(long), int count)
{
	int ready[2];
	char byte;

	CHECK(pipe(ready) == 0);
	for (int n = 0; n < count; n++) {
		pid_t pid = fork();

		if (pid < 0)
			break;
		if (pid == 0) {
			CHECK(setgid(PLAIN_USER) == 0 && setuid(PLAIN_USER) == 0);
			take(n);
			CHECK(write(ready[1], "", 1) == 1);
			for (;;)
				pause();
		}
		CHECK(read(ready[0], &byte, 1) == 1);
	}
	root_works();
	signal(SIGTERM, SIG_IGN);
	CHECK(kill(0, SIGTERM) == 0);
	while (wait(NULL) > 0)
		;
	root_works();
}

static void all_files(long a) { (void)a; crowd_of(take_files, 16); }
static void all_descriptors(long a) { (void)a; crowd_of(take_descriptors, 80); }
static void all_pipes(long a) { (void)a; crowd_of(take_pipes, 4); }
static void all_mappings(long a) { (void)a; crowd_of(take_mappings, 8); }

static void handle(int n) { (void)n; }

/* Each has a handler, and each runs it. */
static void signals(long count)
{
	int status;

	signal(SIGUSR1, handle);
	for (long n = 0; n < count; n++) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (pid == 0) {
			pause();
			_exit(0);
		}
	}
	usleep(500000);
	CHECK(kill(0, SIGUSR1) == 0);
	while (count-- > 0) {
		while (wait(&status) < 0)
			CHECK(errno == EINTR);
		CHECK(status == 0);
	}
}

struct scene { const char *what; void (*run)(long); long argument; };

void crowd(void)
{
	static const struct scene all[] = {
		{ "a user opens all files there can be: root goes on", all_files, 0 },
		{ "a user has all descriptors there can be: root goes on", all_descriptors, 0 },
		{ "a user has all pipes there can be: root goes on", all_pipes, 0 },
		{ "a user has all mappings there can be: root goes on", all_mappings, 0 },
		{ "400 programs get a signal at once", signals, 400 },
	};
	int killed, status;
	char why[80];

	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		status = run_child(all[i].run, all[i].argument, 0, 60, &killed);
		snprintf(why, sizeof(why), "status 0x%x%s", status, killed ? ", it hung" : "");
		report(status == 0 && !killed, all[i].what, why);
	}
}
