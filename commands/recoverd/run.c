/* SPDX-License-Identifier: BSD-2-Clause
 * run.c - one recovery script.
 *
 * Job:      runs it with component, reason and repetition, for so long and no longer; tells rs how
 *           it ended; then writes what it has printed to /var/log/recover.log and the console.
 * Speaks:   contracts/rs (script_done).
 * Touches:  the tree in memory; the log file, last, for its disk may be what was dead.
 * Trusts:   nothing that the script does.
 * On crash: rs decides when the time is over.
 */
#include "recoverd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOG_FILE "var/log/recover.log"

enum { WORDS = 16, NUMBER = 12, PRINTED = 16 * 1024, HEAD = 160 };

static void on_alarm(int signal)
{
	(void)signal;                   /* waitpid() ends, that is all */
}

/* ---- the script ---- */

static void become_script(const struct rs_script_next_reply *q, const struct outside *o, int out)
{
	static char *const env[] = {
		"PATH=/bin:" SCRIPTS, "HOME=/", "SHELL=/bin/sh", NULL,
	};
	struct rlimit most = { PRINTED, PRINTED };
	char words[sizeof(q->script) + 1], path[sizeof(SCRIPTS) + sizeof(words)];
	char reason[NUMBER], repetition[NUMBER], component[sizeof(q->component) + 1];
	char *argv[WORDS] = { "sh", path, component, reason, repetition };
	unsigned n = 5;

	snprintf(words, sizeof(words), "%.*s", (int)sizeof(q->script), q->script);
	snprintf(component, sizeof(component), "%.*s", (int)sizeof(q->component), q->component);
	snprintf(reason, sizeof(reason), "%u", q->reason);
	snprintf(repetition, sizeof(repetition), "%u", q->repetition);
	snprintf(path, sizeof(path), SCRIPTS "/%s", strtok(words, " "));
	for (char *word; n + 1 < WORDS && (word = strtok(NULL, " ")) != NULL;)
		argv[n++] = word;
	setsid();
	setrlimit(RLIMIT_FSIZE, &most);
	if (dup2(o->null, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
	    dup2(out, STDERR_FILENO) < 0)
		_exit(127);
	execve("/bin/sh", argv, env);
	_exit(127);
}

/* Its status as rs is told it. */
static uint32_t wait_for(pid_t pid, unsigned limit_s)
{
	struct sigaction a = { .sa_handler = on_alarm };
	int status = 0;

	sigaction(SIGALRM, &a, NULL);
	alarm(limit_s + 1);             /* rs knows better when it is over */
	if (waitpid(pid, &status, 0) != pid) {
		kill(-pid, SIGKILL);
		kill(pid, SIGKILL);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		return RS_SCRIPT_OVERDUE;
	}
	alarm(0);
	kill(-pid, SIGKILL);            /* what it has left behind */
	if (WIFSIGNALED(status))
		return 128 + (uint32_t)WTERMSIG(status);
	return (uint32_t)WEXITSTATUS(status);
}

static bool is_there(const struct rs_script_next_reply *q)
{
	char path[sizeof(SCRIPTS) + sizeof(q->script) + 1];
	size_t len = strcspn(q->script, " ");

	snprintf(path, sizeof(path), SCRIPTS "/%.*s", (int)len, q->script);
	return access(path, R_OK) == 0;
}

/* ---- what it said ---- */

static void put(int fd, const char *text, size_t len)
{
	if (fd >= 0 && write(fd, text, len) != (ssize_t)len)
		complain("report");
}

static void report(const struct rs_script_next_reply *q, const struct outside *o, uint32_t status,
		   int out)
{
	const char *outcome = status == RS_SCRIPT_OVERDUE ? "was ended after seconds:" :
			      status == RS_SCRIPT_BROKEN ? "is not there:" : "ended with status";
	static char printed[PRINTED];
	char head[HEAD], date[32] = "";
	time_t now = time(NULL);
	ssize_t len = pread(out, printed, sizeof(printed), 0);
	int file = openat(o->root, LOG_FILE, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	int n;

	strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", localtime(&now));
	n = snprintf(head, sizeof(head), "%s %.16s: reason %u, repetition %u: '%.32s' %s %u\n",
		     date, q->component, q->reason, q->repetition, q->script, outcome,
		     status == RS_SCRIPT_OVERDUE ? q->limit_s : status);
	put(file, head, (size_t)n);
	if (len > 0) {
		put(file, printed, (size_t)len);
		put(o->console, printed, (size_t)len);
	}
	if (file >= 0 && fsync(file) == 0)
		close(file);
}

void run_script(const struct rs_script_next_reply *q, const struct outside *o)
{
	struct rs_script_done_request done = { .number = q->number, .status = RS_SCRIPT_BROKEN };
	char path[NUMBER + sizeof("/tmp/out.")];
	pid_t pid = -1;
	int out;

	snprintf(path, sizeof(path), "/tmp/out.%u", q->number);
	out = open(path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	unlink(path);
	if (out >= 0 && is_there(q))
		pid = fork();
	if (pid == 0)
		become_script(q, o, out);
	if (pid > 0)
		done.status = wait_for(pid, q->limit_s);
	while (rs_script_done(&rs, &done) == -EINTR)
		;
	report(q, o, done.status, out);
}
