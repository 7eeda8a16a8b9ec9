/* SPDX-License-Identifier: BSD-2-Clause
 * session.c - whose controlling terminal a line is.
 *
 * Job:      gives a line to a session, once it is free.
 * Speaks:   pm.set_tty, pm.info; the kernel's public words of a process.
 * Touches:  session and pgrp of a line.
 * Trusts:   pm.
 * On crash: both are state.
 * Spec:     POSIX.1-2017 11.1.3 (The Controlling Terminal).
 */
#include "tty.h"

#include <contract/pm.h>
#include <lib/peer.h>

static struct peer pm = PEER("pm");

uint32_t device_of(const struct line *l)
{
	return l == &state.line[LINE_SERIAL] ? CHARDEV_DEVICE(MAJOR_TTYS, MINOR_TTYS0)
					     : CHARDEV_DEVICE(MAJOR_TTYS, 1);
}

/* Nobody tells us when a session ends: we ask when somebody wants its terminal. */
static bool is_taken(const struct line *l)
{
	struct pm_info_request req = { .pid = l->session };
	struct pm_info_reply leader;

	if (l->session == 0)
		return false;
	return pm_info(&pm, &req, &leader) == 0 && leader.sid == l->session &&
	       leader.state != 'Z' && leader.state != 'X';
}

err_t become_controlling(struct line *l, endpoint_t proc, bool steal)
{
	uint32_t sid = public_word(proc, PUBLIC_SID);
	struct pm_set_tty_request req = { .proc = proc, .tty = device_of(l) };

	if (sid == l->session)
		return 0;
	if (sid == 0 || sid != public_word(proc, PUBLIC_PID))
		return -EPERM;
	if (controlling(proc) != NULL)
		return -EPERM;
	if (is_taken(l) && !(steal && public_word(proc, PUBLIC_EUID) == 0))
		return -EPERM;
	if (pm_set_tty(&pm, &req) != 0)
		return -EPERM;
	l->session = sid;
	l->pgrp = public_word(proc, PUBLIC_PGID);
	return 0;
}

struct line *controlling(endpoint_t proc)
{
	uint32_t sid = public_word(proc, PUBLIC_SID);

	for (unsigned i = 0; i < NR_LINES_; i++)
		if (sid != 0 && state.line[i].session == sid)
			return &state.line[i];
	return NULL;
}
