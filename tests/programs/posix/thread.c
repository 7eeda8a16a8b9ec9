/* SPDX-License-Identifier: BSD-2-Clause
 * thread.c - what a program may expect: threads, and the name of the system.
 */
#include "posix.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int counter, turn;

static void *count(void *arg)
{
	for (int i = 0; i < 1000; i++) {
		pthread_mutex_lock(&mutex);
		counter++;
		pthread_mutex_unlock(&mutex);
	}
	return arg;
}

static void t_threads_share_memory_and_locks(void)
{
	pthread_t t[4];
	void *result;

	for (long i = 0; i < 4; i++)
		CHECK(pthread_create(&t[i], NULL, count, (void *)i) == 0);
	for (long i = 0; i < 4; i++)
		CHECK(pthread_join(t[i], &result) == 0 && result == (void *)i);
	CHECK(counter == 4000);
}

static void *answer(void *arg)
{
	pthread_mutex_lock(&mutex);
	for (int i = 0; i < 100; i++) {
		while (turn == 0)
			pthread_cond_wait(&cond, &mutex);
		turn = 0;
		pthread_cond_signal(&cond);
	}
	pthread_mutex_unlock(&mutex);
	return arg;
}

static void t_conditions_wake_waiters(void)
{
	pthread_t t;

	CHECK(pthread_create(&t, NULL, answer, NULL) == 0);
	pthread_mutex_lock(&mutex);
	for (int i = 0; i < 100; i++) {
		turn = 1;
		pthread_cond_signal(&cond);
		while (turn == 1)
			pthread_cond_wait(&cond, &mutex);
	}
	pthread_mutex_unlock(&mutex);
	CHECK(pthread_join(t, NULL) == 0);
}

static void *sleep_for_ever(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void t_exit_ends_all_threads(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		pthread_t t;

		pthread_create(&t, NULL, sleep_for_ever, NULL);
		exit(6);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 6);
}

static void t_a_futex_wait_times_out(void)
{
	struct timespec ts = { 0, 20000000 };
	uint32_t word = 1;

	CHECK(syscall(SYS_futex, &word, 0, 2, NULL, NULL, 0) == -1 && errno == EAGAIN);
	CHECK(syscall(SYS_futex, &word, 0, 1, &ts, NULL, 0) == -1 && errno == ETIMEDOUT);
	CHECK(syscall(SYS_futex, &word, 1, 1, NULL, NULL, 0) == 0);
}

static void t_uname_says_linux(void)
{
	struct utsname u;

	CHECK(uname(&u) == 0);
	CHECK(strcmp(u.sysname, "Linux") == 0 && strcmp(u.machine, "x86_64") == 0);
}

const struct test thread_tests[] = {
	T(threads_share_memory_and_locks), T(conditions_wake_waiters), T(exit_ends_all_threads),
	T(a_futex_wait_times_out), T(uname_says_linux),
	{ 0 },
};
