/* SPDX-License-Identifier: BSD-2-Clause
 * limit.c - limits of processes that vfs enforces: RLIMIT_FSIZE and RLIMIT_NOFILE.
 *
 * Job:      keeps what pm says until a limit changes somewhere; sends SIGXFSZ.
 * Speaks:   Linux calls (setrlimit, prlimit64), which it hands over to pm; pm.limit, pm.signal.
 * Touches:  state.process, state.limits_changed.
 * Trusts:   pm.
 * On crash: recovers in place; what was kept is asked again.
 * Spec:     setrlimit(2).
 */
#include "vfs.h"

enum { RLIMIT_FSIZE_ = 1, RLIMIT_NOFILE_ = 7 };

static uint64_t ask(struct op *o, uint32_t resource)
{
	struct pm_limit_request req = { .proc = o->owner, .resource = resource };
	struct pm_limit_reply reply;

	return pm_limit(&pm, &req, &reply) == 0 ? reply.soft : UINT64_MAX;
}

static void refresh(struct op *o)
{
	struct process *p = o->p;
	uint64_t files;

	if (p->limits_seen == state.limits_changed && p->limits_seen != 0)
		return;
	if (state.limits_changed == 0)
		state.limits_changed = 1;
	files = ask(o, RLIMIT_NOFILE_);
	p->max_fds = files > NR_FDS ? NR_FDS : (uint16_t)files;
	p->max_size = ask(o, RLIMIT_FSIZE_);
	p->limits_seen = state.limits_changed;
}

int limit_fds(struct op *o)
{
	if (o->internal || o->p == NULL)
		return NR_FDS;
	refresh(o);
	return o->p->max_fds;
}

/* A write of *len bytes at pos: what of it is allowed, or SIGXFSZ and -EFBIG. */
int64_t limit_size(struct op *o, uint64_t pos, size_t *len)
{
	struct pm_signal_request req = {
		.proc = o->client, .signal = SIGXFSZ_, .code = SI_KERNEL_,
	};

	if (o->internal || *len == 0)
		return 0;
	refresh(o);
	if (pos < o->p->max_size) {
		if (*len > o->p->max_size - pos)
			*len = o->p->max_size - pos;
		return 0;
	}
	return pm_signal(&pm, &req) == 0 ? -EFBIG : -ESRCH;
}

/* pm changes the limit, once we have forgotten what was. */
int64_t linux_setrlimit(struct op *o)
{
	err_t err;

	state.limits_changed += 1 + (state.limits_changed == UINT32_MAX);
	undo_commit();
	err = ipc_forward(o->client, o->serial, pm.at);
	return err == 0 ? NO_REPLY : -EAGAIN;
}
