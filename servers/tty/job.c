/* SPDX-License-Identifier: BSD-2-Clause
 * job.c - job control: who may use the terminal.
 *
 * Job:      stops background groups that read from it, or change it.
 * Speaks:   pm.group, pm.signal_group; the kernel's public words of a process.
 * Touches:  nothing.
 * Trusts:   pm.
 * On crash: holds no state.
 * Spec:     POSIX.1-2017 11.1.4 (Terminal Access Control).
 */
#include "tty.h"

#include <contract/kernel.h>
#include <contract/pm.h>
#include <lib/peer.h>

static struct peer pm = PEER("pm");

uint32_t public_word(endpoint_t proc, unsigned word)
{
	struct proc_public_get_request req = { .proc = proc };
	struct proc_public_get_reply reply;

	return sys_proc_public_get(&req, &reply) == 0 ? reply.word[word] : 0;
}

err_t job_check(struct line *l, endpoint_t proc, unsigned signal)
{
	uint32_t pgid = public_word(proc, PUBLIC_PGID), sid = public_word(proc, PUBLIC_SID);
	struct pm_group_request req = { .proc = proc, .pgid = pgid, .signal = signal };
	struct pm_signal_group_request stop = { .pgid = pgid, .signal = signal };
	struct pm_group_reply group;
	enum { SIG_TTIN_ = 21 };

	if (l->session == 0 || sid != l->session || pgid == l->pgrp || !is_terminal_of(l, proc))
		return 0;
	if (pm_group(&pm, &req, &group) != 0)
		return -EIO;
	if (group.ignored)
		return signal == SIG_TTIN_ ? -EIO : 0;
	if (group.orphaned)
		return -EIO;
	return pm_signal_group(&pm, &stop) == 0 ? -ERESTARTSYS : -EIO;
}
