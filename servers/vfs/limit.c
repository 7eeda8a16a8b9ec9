/* SPDX-License-Identifier: BSD-2-Clause
 * limit.c - limits and groups of processes that vfs goes by: RLIMIT_FSIZE, RLIMIT_NOFILE.
 *
 * Job:      keeps what pm says until one of them changes somewhere; sends SIGXFSZ.
 * Speaks:   Linux calls (setrlimit, prlimit64, setgroups), which it hands over to pm; pm.limit,
 *           pm.groups, pm.signal.
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

bool is_in_group(struct op *o, uint32_t gid)
{
	struct pm_groups_request req = { .proc = o->owner };
	struct pm_groups_reply reply;
	struct process *p = o->p;
	uint32_t group[NR_GROUPS];

	if (o->internal || p == NULL)
		return false;
	if (p->groups_seen != state.limits_changed || p->groups_seen == 0) {
		if (state.limits_changed == 0)
			state.limits_changed = 1;
		if (pm_groups(&pm, &req, group, sizeof(group), &reply) != 0 ||
		    reply.count > NR_GROUPS)
			return false;
		p->nr_groups = reply.count;
		memcpy(p->group, group, reply.count * sizeof(group[0]));
		p->groups_seen = state.limits_changed;
	}
	for (uint32_t i = 0; i < p->nr_groups; i++)
		if (p->group[i] == gid)
			return true;
	return false;
}

/* pm makes the change, once we have forgotten what was. */
int64_t linux_pm_changes(struct op *o)
{
	err_t err;

	state.limits_changed += 1 + (state.limits_changed == UINT32_MAX);
	undo_commit();
	err = ipc_forward(o->client, o->serial, pm.at);
	return err == 0 ? NO_REPLY : -EAGAIN;
}
