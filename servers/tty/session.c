/* SPDX-License-Identifier: BSD-2-Clause
 * session.c - whose controlling terminal a line is.
 *
 * Job:      gives a line to a session, once it is free.
 * Speaks:   pm.set_tty, pm.info, pm.times; the kernel's public words of a process.
 * Touches:  session and pgrp of a line.
 * Trusts:   pm.
 * On crash: both are state; if that is lost, pm knows them (is_terminal_of).
 * Spec:     POSIX.1-2017 11.1.3 (The Controlling Terminal).
 */
#include "tty.h"

#include <contract/pm.h>
#include <lib/peer.h>
#include <lib/print.h>

static struct peer pm = PEER("pm");

uint32_t device_of(const struct line *l)
{
	unsigned n = (unsigned)(l - state.line);

	return n >= LINE_PTY ? CHARDEV_DEVICE(MAJOR_PTS, n - LINE_PTY) :
	       n == LINE_SERIAL ? CHARDEV_DEVICE(MAJOR_TTYS, MINOR_TTYS0) :
				  CHARDEV_DEVICE(MAJOR_TTYS, 1);
}

bool is_root(endpoint_t proc)
{
	return public_word(proc, PUBLIC_EUID) == 0;
}

/* Nobody tells us when a session ends: we ask when it matters. Its number may be another's then,
 * whose terminal this is not. */
bool leader_of(const struct line *l, endpoint_t *proc)
{
	struct pm_info_request req = { .pid = l->session };
	struct pm_times_request its = { .pid = l->session };
	struct pm_info_reply leader;
	struct pm_times_reply more;

	if (l->session == 0 || pm_info(&pm, &req, &leader) != 0 || pm_times(&pm, &its, &more) != 0)
		return false;
	*proc = leader.proc;
	return leader.sid == l->session && leader.state != 'Z' && leader.state != 'X' &&
	       more.tty == device_of(l);
}

err_t tell_session(const struct line *l, endpoint_t proc)
{
	struct pm_set_tty_request req = { .proc = proc, .tty = device_of(l), .group = l->pgrp };

	return pm_set_tty(&pm, &req) == 0 ? 0 : -EPERM;
}

void drop_session(struct line *l)
{
	struct pm_set_tty_request req = { .tty = 0 };

	if (leader_of(l, &req.proc) && pm_set_tty(&pm, &req) != 0)
		print("session %u keeps its terminal\n", l->session);
	l->session = l->pgrp = 0;
}

err_t become_controlling(struct line *l, endpoint_t proc, bool steal)
{
	uint32_t sid = public_word(proc, PUBLIC_SID);
	const struct line *has;
	endpoint_t leader;

	if (sid == 0 || sid != public_word(proc, PUBLIC_PID))
		return -EPERM;
	if (sid == l->session)
		return 0;
	has = controlling(sid);
	if (has != NULL && has != l)    /* l: we have told pm, and died */
		return -EPERM;
	if (leader_of(l, &leader)) {
		if (!steal || !is_root(proc))
			return -EPERM;
		drop_session(l);
	}
	l->session = sid;
	l->pgrp = public_word(proc, PUBLIC_PGID);
	if (tell_session(l, proc) == 0)
		return 0;
	l->session = l->pgrp = 0;       /* it has just ended */
	return -EPERM;
}

bool is_terminal_of(struct line *l, endpoint_t proc)
{
	struct pm_times_request req = { .pid = public_word(proc, PUBLIC_PID) };
	uint32_t sid = public_word(proc, PUBLIC_SID);
	struct pm_times_reply reply;

	if (l->session != 0 && sid != l->session)
		return false;
	if (pm_times(&pm, &req, &reply) != 0 || reply.tty != device_of(l))
		return false;
	if (l->session == 0) {
		l->session = sid;
		l->pgrp = reply.group;
	}
	return true;
}

struct line *controlling(uint32_t pid)
{
	struct pm_times_request req = { .pid = pid };
	struct pm_times_reply reply;

	if (pm_times(&pm, &req, &reply) != 0 || reply.tty == 0)
		return NULL;
	for (unsigned i = 0; i < NR_LINES_; i++)
		if (line_of(i) != NULL && device_of(line_of(i)) == reply.tty)
			return line_of(i);
	return NULL;
}
