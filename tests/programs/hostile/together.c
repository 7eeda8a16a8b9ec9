/* SPDX-License-Identifier: BSD-2-Clause
 * together.c - hundreds of processes, threads and mappings to which the same happens at one moment:
 * no server's step is too large for its undo log.
 */
#include "hostile.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

enum { PROCESSES = 300, THREADS = 500, OBJECTS = 1500, FUTEX_WAIT = 0, FUTEX_WAKE = 1 };

static atomic_int *seen;                /* shared: how many were caught; how many are ready */
static int word;

static void on_signal(int n)
{
	(void)n;
	atomic_fetch_add(&seen[0], 1);
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void wait_for_ready(int n)
{
	while (atomic_load(&seen[1]) < n)
		usleep(1000);
}

/* Interval timers that end together, long after the last one was set. */
static void timers(long unused)
{
	uint64_t at = now_us() + 4000000, now;

	(void)unused;
	signal(SIGALRM, on_signal);
	for (int i = 0; i < PROCESSES; i++) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (pid == 0) {
			struct itimerval v = { { 0, 0 }, { 0, 0 } };

			now = now_us();
			v.it_value.tv_usec = 1;
			if (at > now) {
				v.it_value.tv_sec = (time_t)((at - now) / 1000000);
				v.it_value.tv_usec = (suseconds_t)((at - now) % 1000000);
			}
			CHECK(setitimer(ITIMER_REAL, &v, NULL) == 0);
			pause();
			_exit(0);
		}
	}
	for (int i = 0; i < PROCESSES; i++)
		CHECK(wait(NULL) > 0);
	CHECK(atomic_load(&seen[0]) == PROCESSES);
}

static void *waiter(void *a)
{
	const struct timespec limit = { 100, 0 };

	atomic_fetch_add(&seen[1], 1);
	while (atomic_load((atomic_int *)&word) == 0)
		syscall(SYS_futex, &word, FUTEX_WAIT, 0, &limit);
	return a;
}

static void threads(int n, void *(*f)(void *))
{
	pthread_attr_t small;
	pthread_t t;

	CHECK(pthread_attr_init(&small) == 0 && pthread_attr_setstacksize(&small, 16384) == 0);
	for (int i = 0; i < n; i++)
		CHECK(pthread_create(&t, &small, f, NULL) == 0);
	wait_for_ready(n);
}

/* Threads that wait with a time limit are stopped, continued and woken together. */
static void stopped_threads(long unused)
{
	int status;
	pid_t pid = fork();

	(void)unused;
	if (pid == 0) {
		threads(THREADS, waiter);
		raise(SIGSTOP);
		usleep(300000);
		atomic_store((atomic_int *)&word, 1);
		syscall(SYS_futex, &word, FUTEX_WAKE, THREADS);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
	usleep(300000);
	CHECK(kill(pid, SIGCONT) == 0 && waitpid(pid, &status, 0) == pid && status == 0);
}

/* Shared memory in pieces, given back at once. */
static void objects(long unused)
{
	char *base = mmap(NULL, OBJECTS * 2ul * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			  0);

	(void)unused;
	for (unsigned long i = 0; i < OBJECTS; i++)
		CHECK(mmap(base + i * 2 * PAGE, PAGE, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED);
	CHECK(munmap(base, OBJECTS * 2ul * PAGE) == 0);
}

static struct { void *next; long offset; void *pending; } head;
static struct node { void *next; int lock; } node[2048];

static void *robust(void *a)
{
	syscall(SYS_set_robust_list, &head, sizeof(head));
	atomic_fetch_add(&seen[1], 1);
	for (;;)
		pause();
	return a;
}

/* Each thread names the same long list of locks. */
static void robust_lists(long unused)
{
	(void)unused;
	for (unsigned i = 0; i < 2048; i++)
		node[i].next = i < 2047 ? (void *)&node[i + 1] : (void *)&head;
	head.next = node;
	head.offset = offsetof(struct node, lock);
	threads(PROCESSES, robust);
}

void together(void)
{
	static const struct {
		const char *what;
		void (*run)(long);
	} all[] = {
		{ "300 timers end at one moment", timers },
		{ "500 threads that wait are stopped, continued, woken", stopped_threads },
		{ "1500 pieces of shared memory go at once", objects },
		{ "300 threads with 2048 robust locks end", robust_lists },
	};

	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		int killed, status;

		seen = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		status = run_child(all[i].run, 0, 0, 60, &killed);
		report(status == 0 && !killed, all[i].what, killed ? "it hung" : "it failed");
		munmap(seen, PAGE);
	}
}
