/* SPDX-License-Identifier: BSD-2-Clause
 * recoverd.c - runs recovery scripts.
 *
 *	recoverd [FOLDER]               /etc/skink/recover.d
 *
 * Job:      waits for defects that a script is to decide about, and runs it, from memory: disk and
 *           file system may be what is dead. SIGHUP: reads the scripts anew.
 * Speaks:   contracts/rs (script_next, script_done), as root.
 * Touches:  a tree of its own in memory, /var/run/recover; /var/log/recover.log.
 * Trusts:   rs; no script.
 * On crash: init starts it again; what it was told of is decided by rs when its time is over.
 */
#include "recoverd.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct peer rs = PEER("rs");

static volatile sig_atomic_t anew;

void complain(const char *what)
{
	fprintf(stderr, "recoverd: %s: %s\n", what, strerror(errno));
}

static void on_hangup(int signal)
{
	anew = signal;
}

/* Each script has a process that waits for it: we are free for the next defect. */
static void begin(const struct rs_script_next_reply *q, const struct outside *o)
{
	switch (fork()) {
	case -1:
		complain("fork");       /* rs decides when the time is over */
		break;
	case 0:
		signal(SIGCHLD, SIG_DFL);
		signal(SIGHUP, SIG_DFL);
		run_script(q, o);
		_exit(0);
	}
}

int main(int argc, char **argv)
{
	struct sigaction hangup = { .sa_handler = on_hangup };
	struct rs_script_next_reply next;
	struct outside o;
	err_t err;

	if (argc > 2) {
		fprintf(stderr, "usage: recoverd [FOLDER]\n");
		return 2;
	}
	signal(SIGCHLD, SIG_IGN);       /* nobody waits for them */
	sigaction(SIGHUP, &hangup, NULL);
	if (!stage_enter(argc > 1 ? argv[1] : SCRIPTS, &o))
		return 1;
	for (;;) {
		if (anew) {
			anew = 0;
			stage_scripts(&o);
		}
		err = rs_script_next(&rs, &next);
		if (err == 0) {
			begin(&next, &o);
		} else if (err != -EINTR && err != -ERECOVERED) {
			errno = -err;
			complain("rs");
			return 1;
		}
	}
}
