/* SPDX-License-Identifier: BSD-2-Clause
 * ids.c - user and group ids, process groups and sessions.
 *
 * Job:      changes ids with Linux's rules and publishes them to the kernel.
 * Speaks:   Linux's set*id, get*id, setpgid, setsid and their kin.
 * Touches:  the rows of the processes named.
 * Trusts:   nothing in an argument.
 * On crash: every call is a change of rows; public words are set again from them.
 * Spec:     credentials(7), setresuid(2), setpgid(2), setsid(2).
 */
#include "pm.h"

#define SAME UINT32_MAX

static bool privileged(const struct process *p)
{
	return p->euid == 0;
}

static bool is_one_of(uint32_t id, uint32_t a, uint32_t b, uint32_t c)
{
	return id == SAME || id == a || id == b || id == c;
}

static int64_t set_uids(struct process *p, uint32_t uid, uint32_t euid, uint32_t suid)
{
	if (!privileged(p) && !(is_one_of(uid, p->uid, p->euid, p->suid) &&
				is_one_of(euid, p->uid, p->euid, p->suid) &&
				is_one_of(suid, p->uid, p->euid, p->suid)))
		return -EPERM;
	if (uid != SAME)
		p->uid = uid;
	if (euid != SAME)
		p->euid = euid;
	if (suid != SAME)
		p->suid = suid;
	p->fsuid = p->euid;
	publish_process(p);
	return 0;
}

static int64_t set_gids(struct process *p, uint32_t gid, uint32_t egid, uint32_t sgid)
{
	if (!privileged(p) && !(is_one_of(gid, p->gid, p->egid, p->sgid) &&
				is_one_of(egid, p->gid, p->egid, p->sgid) &&
				is_one_of(sgid, p->gid, p->egid, p->sgid)))
		return -EPERM;
	if (gid != SAME)
		p->gid = gid;
	if (egid != SAME)
		p->egid = egid;
	if (sgid != SAME)
		p->sgid = sgid;
	p->fsgid = p->egid;
	publish_process(p);
	return 0;
}

int64_t call_setuid(struct thread *t, const struct delivery *d)
{
	struct process *p = process_of(t);
	uint32_t uid = (uint32_t)d->m.w[0];

	if (uid == SAME)
		return -EINVAL;
	return privileged(p) ? set_uids(p, uid, uid, uid) : set_uids(p, SAME, uid, SAME);
}

int64_t call_setgid(struct thread *t, const struct delivery *d)
{
	struct process *p = process_of(t);
	uint32_t gid = (uint32_t)d->m.w[0];

	if (gid == SAME)
		return -EINVAL;
	return privileged(p) ? set_gids(p, gid, gid, gid) : set_gids(p, SAME, gid, SAME);
}

int64_t call_setreuid(struct thread *t, const struct delivery *d)
{
	struct process *p = process_of(t);
	uint32_t uid = (uint32_t)d->m.w[0], euid = (uint32_t)d->m.w[1];
	bool keeps = uid == SAME && (euid == SAME || euid == p->uid);

	return set_uids(p, uid, euid, keeps ? SAME : (euid == SAME ? p->euid : euid));
}

int64_t call_setregid(struct thread *t, const struct delivery *d)
{
	struct process *p = process_of(t);
	uint32_t gid = (uint32_t)d->m.w[0], egid = (uint32_t)d->m.w[1];
	bool keeps = gid == SAME && (egid == SAME || egid == p->gid);

	return set_gids(p, gid, egid, keeps ? SAME : (egid == SAME ? p->egid : egid));
}

int64_t call_setresuid(struct thread *t, const struct delivery *d)
{
	return set_uids(process_of(t), (uint32_t)d->m.w[0], (uint32_t)d->m.w[1],
			(uint32_t)d->m.w[2]);
}

int64_t call_setresgid(struct thread *t, const struct delivery *d)
{
	return set_gids(process_of(t), (uint32_t)d->m.w[0], (uint32_t)d->m.w[1],
			(uint32_t)d->m.w[2]);
}

static int64_t write_three(struct thread *t, const struct delivery *d, uint32_t a, uint32_t b,
			   uint32_t c)
{
	if (user_write(t, d->m.w[0], &a, 4) != 0 || user_write(t, d->m.w[1], &b, 4) != 0 ||
	    user_write(t, d->m.w[2], &c, 4) != 0)
		return -EFAULT;
	return 0;
}

int64_t call_getresuid(struct thread *t, const struct delivery *d)
{
	const struct process *p = process_of(t);

	return write_three(t, d, p->uid, p->euid, p->suid);
}

int64_t call_getresgid(struct thread *t, const struct delivery *d)
{
	const struct process *p = process_of(t);

	return write_three(t, d, p->gid, p->egid, p->sgid);
}

/* The ids that file access goes by. Returns the old one, whatever happens. */
int64_t call_setfsuid(struct thread *t, const struct delivery *d)
{
	struct process *p = process_of(t);
	uint32_t old = p->fsuid, uid = (uint32_t)d->m.w[0];

	if (uid != SAME && (privileged(p) || is_one_of(uid, p->uid, p->euid, p->suid)))
		p->fsuid = uid;
	publish_process(p);
	return old;
}

int64_t call_setfsgid(struct thread *t, const struct delivery *d)
{
	struct process *p = process_of(t);
	uint32_t old = p->fsgid, gid = (uint32_t)d->m.w[0];

	if (gid != SAME && (privileged(p) || is_one_of(gid, p->gid, p->egid, p->sgid)))
		p->fsgid = gid;
	publish_process(p);
	return old;
}

int64_t call_getgroups(struct thread *t, const struct delivery *d)
{
	const struct process *p = process_of(t);
	int32_t size = (int32_t)d->m.w[0];

	if (size < 0)
		return -EINVAL;
	if (size == 0)
		return p->nr_groups;
	if ((uint32_t)size < p->nr_groups)
		return -EINVAL;
	if (user_write(t, d->m.w[1], p->group, p->nr_groups * sizeof(p->group[0])) != 0)
		return -EFAULT;
	return p->nr_groups;
}

int64_t call_setgroups(struct thread *t, const struct delivery *d)
{
	struct process *p = process_of(t);
	uint32_t group[NR_GROUPS];

	if (!privileged(p))
		return -EPERM;
	if (d->m.w[0] > NR_GROUPS)
		return -EINVAL;
	if (user_read(t, d->m.w[1], group, d->m.w[0] * sizeof(group[0])) != 0)
		return -EFAULT;
	p->nr_groups = (uint32_t)d->m.w[0];
	memcpy(p->group, group, p->nr_groups * sizeof(group[0]));
	return 0;
}

/* ---- groups and sessions ---- */

static void publish_group(struct process *p)
{
	publish_process(p);
	FOR_THREADS(p, t)
		sched_tell(t, false);
}

static bool group_in_session(uint32_t pgid, uint32_t sid)
{
	for (unsigned i = 0; i < NR_PROCESSES; i++)
		if (state.process[i].state != PROCESS_FREE && state.process[i].pgid == pgid &&
		    state.process[i].sid == sid)
			return true;
	return false;
}

int64_t call_setpgid(struct thread *t, const struct delivery *d)
{
	struct process *p = process_of(t), *q;
	int32_t pid = (int32_t)d->m.w[0], pgid = (int32_t)d->m.w[1];

	if (pgid < 0)
		return -EINVAL;
	q = pid == 0 ? p : process_by_pid((uint32_t)pid);
	if (!q || q->state != PROCESS_LIVE || (q != p && q->parent != process_index(p)))
		return -ESRCH;
	if (q != p && q->did_exec)
		return -EACCES;
	if (pgid == 0)
		pgid = (int32_t)q->pid;
	if (q->sid == q->pid || q->sid != p->sid ||
	    ((uint32_t)pgid != q->pid && !group_in_session((uint32_t)pgid, p->sid)))
		return -EPERM;
	q->pgid = (uint32_t)pgid;
	publish_group(q);
	return 0;
}

int64_t call_getpgid(struct thread *t, const struct delivery *d)
{
	uint32_t pid = (uint32_t)d->m.w[0];
	const struct process *q = pid == 0 ? process_of(t) : process_by_pid(pid);

	return q ? (int64_t)q->pgid : -ESRCH;
}

int64_t call_getsid(struct thread *t, const struct delivery *d)
{
	uint32_t pid = (uint32_t)d->m.w[0];
	const struct process *q = pid == 0 ? process_of(t) : process_by_pid(pid);

	return q ? (int64_t)q->sid : -ESRCH;
}

int64_t call_setsid(struct thread *t, const struct delivery *d)
{
	struct process *p = process_of(t);

	for (unsigned i = 0; i < NR_PROCESSES; i++)
		if (state.process[i].state != PROCESS_FREE && state.process[i].pgid == p->pid)
			return -EPERM;
	p->pgid = p->sid = p->pid;
	p->tty = p->tty_group = 0;
	publish_group(p);
	return p->sid;
}
