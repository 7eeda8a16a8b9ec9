/* SPDX-License-Identifier: BSD-2-Clause
 * misc.c - names, limits, scheduling parameters, prctl and other small calls.
 *
 * Job:      answers what is only a number or a row; refuses what is not supported with its error.
 * Speaks:   Linux's uname, prlimit64, prctl, sched_*, sysinfo and their kin.
 * Touches:  the caller's rows; its FS and GS base.
 * Trusts:   nothing in an argument.
 * On crash: every call is a change of rows.
 * Spec:     the manual page (section 2) of each call.
 */
#include "pm.h"
#include "signals.h"

#include <contract/ds.h>
#include <contract/sched.h>

#define VERSION "6.1.0-skink"

int64_t call_uname(struct thread *t, const struct delivery *d)
{
	char u[6][65] = { "Linux", "", VERSION, "#1 Skink", "x86_64", "" };

	strlcpy(u[1], state.host, sizeof(u[1]));
	strlcpy(u[5], state.domain, sizeof(u[5]));
	return user_write(t, d->m.w[0], u, sizeof(u));
}

static int64_t set_name(struct thread *t, const struct delivery *d, char *to)
{
	char name[65] = "";

	if (process_of(t)->euid != 0)
		return -EPERM;
	if (d->m.w[1] > 64)
		return -EINVAL;
	if (user_read(t, d->m.w[0], name, d->m.w[1]) != 0)
		return -EFAULT;
	memcpy(to, name, sizeof(name));
	return 0;
}

int64_t call_sethostname(struct thread *t, const struct delivery *d)
{
	return set_name(t, d, state.host);
}

int64_t call_setdomainname(struct thread *t, const struct delivery *d)
{
	return set_name(t, d, state.domain);
}

static void load_averages(uint64_t *load);

int64_t call_sysinfo(struct thread *t, const struct delivery *d)
{
	struct {
		int64_t uptime;
		uint64_t load[3], total, free, shared, buffer, swap, free_swap;
		uint16_t procs, pad;
		uint32_t pad2;
		uint64_t high, free_high;
		uint32_t unit, pad3;
	} s = { .unit = PAGE_SIZE };
	struct vm_totals_reply v;

	_Static_assert(sizeof(s) == 112, "struct sysinfo");
	if (vm_totals(&vm, &v) != 0)
		return -EIO;
	s.uptime = (int64_t)(clock_monotonic_ns() / 1000000000);
	load_averages(s.load);
	s.total = v.frames;
	s.free = v.free;
	for (unsigned i = 0; i < NR_PROCESSES; i++)
		s.procs = (uint16_t)(s.procs + (state.process[i].state == PROCESS_LIVE ?
					       state.process[i].threads : 0));
	return user_write(t, d->m.w[0], &s, sizeof(s));
}

/* ---- limits ---- */

enum { RLIMIT_NOFILE_ = 7, NR_FDS_MAX = 1024 };         /* vfs has no more for a process */

static int64_t limit_change(struct thread *t, struct process *q, uint64_t which, uint64_t new_at,
			    uint64_t old_at)
{
	struct limit new, old;

	if (which >= NR_LIMITS)
		return -EINVAL;
	old = q->limit[which];
	if (new_at && user_read(t, new_at, &new, sizeof(new)) != 0)
		return -EFAULT;
	if (new_at) {
		if (new.soft > new.hard)
			return -EINVAL;
		if (new.hard > old.hard && process_of(t)->euid != 0)
			return -EPERM;
		if (which == RLIMIT_NOFILE_ && new.hard > NR_FDS_MAX)
			return -EPERM;
	}
	if (old_at && user_write(t, old_at, &old, sizeof(old)) != 0)
		return -EFAULT;
	if (!new_at)
		return 0;
	q->limit[which] = new;
	if (which == RLIMIT_CPU_)
		cpu_watch(q);
	if (which == RLIMIT_AS_ || which == RLIMIT_DATA_)
		limits_to_vm(q, q->space);
	return 0;
}

int64_t call_prlimit64(struct thread *t, const struct delivery *d)
{
	struct process *p = process_of(t), *q;
	uint32_t pid = (uint32_t)d->m.w[0];

	q = pid == 0 ? p : process_by_pid(pid);
	if (!q)
		return -ESRCH;
	if (q != p && p->euid != 0 && p->uid != q->uid)
		return -EPERM;
	return limit_change(t, q, d->m.w[1], d->m.w[2], d->m.w[3]);
}

int64_t call_getrlimit(struct thread *t, const struct delivery *d)
{
	return limit_change(t, process_of(t), d->m.w[0], 0, d->m.w[1]);
}

int64_t call_setrlimit(struct thread *t, const struct delivery *d)
{
	return limit_change(t, process_of(t), d->m.w[0], d->m.w[1], 0);
}

/* ---- the thread itself ---- */

enum { ARCH_SET_GS_ = 0x1001, ARCH_SET_FS_, ARCH_GET_FS_, ARCH_GET_GS_ };

int64_t call_arch_prctl(struct thread *t, const struct delivery *d)
{
	struct user_regs r;
	struct proc_regs_get_request get = { .proc = endpoint_of(t), .address = (uint64_t)&r };
	struct proc_regs_set_request set = { .proc = get.proc, .address = (uint64_t)&r };

	if (sys_proc_regs_get(&get) != 0)
		return -ESRCH;
	switch (d->m.w[0]) {
	case ARCH_SET_FS_:
		r.fs_base = d->m.w[1];
		break;
	case ARCH_SET_GS_:
		r.gs_base = d->m.w[1];
		break;
	case ARCH_GET_FS_:
		return user_write(t, d->m.w[1], &r.fs_base, 8);
	case ARCH_GET_GS_:
		return user_write(t, d->m.w[1], &r.gs_base, 8);
	default:
		return -EINVAL;
	}
	return sys_proc_regs_set(&set) == 0 ? 0 : -EPERM;
}

int64_t call_set_tid_address(struct thread *t, const struct delivery *d)
{
	t->clear_tid = d->m.w[0];
	return t->tid;
}

enum { ROBUST_HEAD = 24 };

int64_t call_set_robust_list(struct thread *t, const struct delivery *d)
{
	if (d->m.w[1] != ROBUST_HEAD)
		return -EINVAL;
	t->robust_list = d->m.w[0];
	return 0;
}

int64_t call_get_robust_list(struct thread *t, const struct delivery *d)
{
	struct thread *o = d->m.w[0] ? thread_by_tid((uint32_t)d->m.w[0]) : t;
	uint64_t len = ROBUST_HEAD;

	if (!o || !o->alive)
		return -ESRCH;
	if (process_of(o)->uid != process_of(t)->uid && process_of(t)->euid != 0)
		return -EPERM;
	if (user_write(t, d->m.w[1], &o->robust_list, 8) != 0 ||
	    user_write(t, d->m.w[2], &len, 8) != 0)
		return -EFAULT;
	return 0;
}

enum { PR_SET_PDEATHSIG_ = 1, PR_GET_PDEATHSIG_ = 2, PR_GET_DUMPABLE_ = 3, PR_SET_DUMPABLE_ = 4,
       PR_SET_NAME_ = 15, PR_GET_NAME_ = 16, PR_CAPBSET_READ_ = 23, PR_GET_SECUREBITS_ = 27,
       PR_GET_KEEPCAPS_ = 7, PR_SET_KEEPCAPS_ = 8, PR_SET_TIMERSLACK_ = 29,
       PR_GET_TIMERSLACK_ = 30, PR_SET_CHILD_SUBREAPER_ = 36, PR_GET_CHILD_SUBREAPER_ = 37,
       PR_SET_NO_NEW_PRIVS_ = 38, PR_GET_NO_NEW_PRIVS_ = 39, CAP_LAST_ = 40 };
enum { TIMER_SLACK_NS = 50000 };

static int64_t name_set(struct thread *t, uint64_t at)
{
	char name[NAME] = "";

	/* Up to sixteen bytes; a shorter name may end at the end of a page. */
	for (unsigned i = 0; i < NAME - 1; i++) {
		if (user_read(t, at + i, &name[i], 1) != 0)
			return -EFAULT;
		if (!name[i])
			break;
	}
	memcpy(t->name, name, sizeof(name));
	return 0;
}

int64_t call_prctl(struct thread *t, const struct delivery *d)
{
	struct process *p = process_of(t);
	int32_t number;

	switch (d->m.w[0]) {
	case PR_SET_NAME_:
		return name_set(t, d->m.w[1]);
	case PR_GET_NAME_:
		return user_write(t, d->m.w[1], t->name, NAME);
	case PR_SET_PDEATHSIG_:
		if (d->m.w[1] > NR_SIGNALS)
			return -EINVAL;
		p->death_signal = (uint32_t)d->m.w[1];
		return 0;
	case PR_GET_PDEATHSIG_:
		number = (int32_t)p->death_signal;
		return user_write(t, d->m.w[1], &number, sizeof(number));
	case PR_GET_DUMPABLE_:
		return p->dumpable;
	case PR_SET_DUMPABLE_:
		if (d->m.w[1] > 1)
			return -EINVAL;
		p->dumpable = (uint8_t)d->m.w[1];
		return 0;
	case PR_CAPBSET_READ_:
		return d->m.w[1] > CAP_LAST_ ? -EINVAL : 1;
	case PR_GET_SECUREBITS_:
		return 0;
	case PR_GET_KEEPCAPS_:
		return p->keep_caps;
	case PR_SET_KEEPCAPS_:
		if (d->m.w[1] > 1)
			return -EINVAL;
		p->keep_caps = (uint8_t)d->m.w[1];
		return 0;
	case PR_SET_TIMERSLACK_:        /* timers are exact */
		return 0;
	case PR_GET_TIMERSLACK_:
		return TIMER_SLACK_NS;
	case PR_SET_CHILD_SUBREAPER_:
		p->subreaper = d->m.w[1] != 0;
		return 0;
	case PR_GET_CHILD_SUBREAPER_:
		number = p->subreaper;
		return user_write(t, d->m.w[1], &number, sizeof(number));
	case PR_SET_NO_NEW_PRIVS_:
		if (d->m.w[1] != 1 || d->m.w[2] || d->m.w[3] || d->m.w[4])
			return -EINVAL;
		p->no_new_privs = 1;
		return 0;
	case PR_GET_NO_NEW_PRIVS_:
		return d->m.w[1] || d->m.w[2] || d->m.w[3] || d->m.w[4] ? -EINVAL
									: p->no_new_privs;
	default:
		return -EINVAL;
	}
}

int64_t call_capget(struct thread *t, const struct delivery *d)
{
	struct {
		uint32_t version;
		int32_t pid;
	} head;
	uint64_t all = process_of(t)->euid == 0 ? BIT(CAP_LAST_ + 1) - 1 : 0;
	uint32_t lo = (uint32_t)all, hi = (uint32_t)(all >> 32);
	uint32_t data[6] = { lo, lo, 0, hi, hi, 0 };

	if (user_read(t, d->m.w[0], &head, sizeof(head)) != 0)
		return -EFAULT;
	if (head.version != 0x20080522) {
		head.version = 0x20080522;
		return user_write(t, d->m.w[0], &head, sizeof(head)) != 0 ? -EFAULT : -EINVAL;
	}
	return d->m.w[1] ? user_write(t, d->m.w[1], data, sizeof(data)) : 0;
}

int64_t call_personality(struct thread *t, const struct delivery *d)
{
	struct process *p = process_of(t);
	uint32_t old = p->persona, new = (uint32_t)d->m.w[0];

	if (new != UINT32_MAX)
		p->persona = new;
	return old;
}

/* ---- scheduling ---- */

enum { PRIO_PROCESS_, PRIO_PGRP_, PRIO_USER_ };
enum { NICE_MIN = -20, NICE_MAX = 19 };

static struct peer sched = PEER("sched");

/* sched need not be there: who is not published is not waited for. */
static bool find_sched(void)
{
	struct ds_retrieve_request req = { .name = "sched" };
	struct ds_retrieve_reply r;

	if (sched.at.v != 0 && !sched.dead)
		return true;
	if (ds_retrieve(&ds, &req, &r) != 0)
		return false;
	sched.at = r.who;
	sched.dead = false;
	return true;
}

void sched_tell(const struct thread *t, bool reniced)
{
	const struct process *p = process_of(t);
	struct sched_program_request req = {
		.proc = endpoint_of(t), .nice = (uint32_t)(SCHED_NICE_ZERO + p->nice),
		.group = p->pgid, .reniced = reniced,
	};

	if (find_sched() && sched_program(&sched, &req) == -EDEADPEER)
		sched.at.v = 0;
}

static void load_averages(uint64_t *load)
{
	struct sched_load_reply r = { { 0 } };

	if (find_sched() && sched_load(&sched, &r) != 0)
		sched.at.v = 0;
	memcpy(load, r.average, sizeof(r.average));
}

static struct process *whose(struct thread *t, uint64_t pid)
{
	struct thread *o = pid ? thread_by_tid((uint32_t)pid) : t;

	return o && o->alive ? process_of(o) : NULL;
}

/* Whom PRIO_PROCESS, PRIO_PGRP or PRIO_USER names. */
static bool is_meant(const struct thread *t, const struct process *q, uint64_t which, uint32_t who)
{
	const struct process *p = process_of(t);

	if (q->state != PROCESS_LIVE)
		return false;
	switch (which) {
	case PRIO_PROCESS_:
		return q == whose((struct thread *)t, who);
	case PRIO_PGRP_:
		return q->pgid == (who ? who : p->pgid);
	default:
		return q->uid == (who ? who : p->uid);
	}
}

static int64_t set_nice(const struct process *p, struct process *q, int32_t nice)
{
	if (p->euid != 0 && p->euid != q->uid && p->euid != q->euid)
		return -EPERM;
	if (nice < q->nice && p->euid != 0)
		return -EACCES;
	q->nice = nice;
	FOR_THREADS(q, o)
		sched_tell(o, true);
	return 0;
}

/* As Linux: the result is that of the last one that could not be changed. */
int64_t call_setpriority(struct thread *t, const struct delivery *d)
{
	int32_t nice = (int32_t)d->m.w[2];
	int64_t result = -ESRCH, err;

	if (d->m.w[0] > PRIO_USER_)
		return -EINVAL;
	nice = nice < NICE_MIN ? NICE_MIN : nice > NICE_MAX ? NICE_MAX : nice;
	for (unsigned i = 0; i < NR_PROCESSES; i++) {
		struct process *q = &state.process[i];

		if (!is_meant(t, q, d->m.w[0], (uint32_t)d->m.w[1]))
			continue;
		err = set_nice(process_of(t), q, nice);
		if (err != 0 || result == -ESRCH)
			result = err;
	}
	return result;
}

/* The best of them, as a number above 0. */
int64_t call_getpriority(struct thread *t, const struct delivery *d)
{
	int64_t best = -ESRCH;

	if (d->m.w[0] > PRIO_USER_)
		return -EINVAL;
	for (unsigned i = 0; i < NR_PROCESSES; i++) {
		const struct process *q = &state.process[i];

		if (is_meant(t, q, d->m.w[0], (uint32_t)d->m.w[1]) && 20 - q->nice > best)
			best = 20 - q->nice;
	}
	return best;
}

int64_t call_sched_yield(struct thread *t, const struct delivery *d)
{
	return 0;
}

int64_t call_sched_getaffinity(struct thread *t, const struct delivery *d)
{
	uint64_t one = 1;

	if (!whose(t, d->m.w[0]))
		return -ESRCH;
	if (d->m.w[1] < sizeof(one) || d->m.w[1] % sizeof(one))
		return -EINVAL;
	return user_write(t, d->m.w[2], &one, sizeof(one)) == 0 ? (int64_t)sizeof(one) : -EFAULT;
}

int64_t call_sched_setaffinity(struct thread *t, const struct delivery *d)
{
	uint64_t mask = 0;

	if (!whose(t, d->m.w[0]))
		return -ESRCH;
	if (user_read(t, d->m.w[2], &mask, d->m.w[1] < 8 ? d->m.w[1] : 8) != 0)
		return -EFAULT;
	return mask & 1 ? 0 : -EINVAL;
}

int64_t call_sched_getscheduler(struct thread *t, const struct delivery *d)
{
	return whose(t, d->m.w[0]) ? 0 : -ESRCH;
}

int64_t call_sched_setscheduler(struct thread *t, const struct delivery *d)
{
	int32_t priority;

	if (!whose(t, d->m.w[0]))
		return -ESRCH;
	if (user_read(t, d->m.w[2], &priority, sizeof(priority)) != 0)
		return -EFAULT;
	if (d->m.w[1] == 0 || d->m.w[1] == 3 || d->m.w[1] == 5)        /* OTHER, BATCH, IDLE */
		return priority == 0 ? 0 : -EINVAL;
	return d->m.w[1] <= 2 ? -EPERM : -EINVAL;
}

int64_t call_sched_getparam(struct thread *t, const struct delivery *d)
{
	int32_t zero = 0;

	return whose(t, d->m.w[0]) ? user_write(t, d->m.w[1], &zero, sizeof(zero)) : -ESRCH;
}

static int64_t priority_limit(uint64_t policy, int real_time)
{
	if (policy == 1 || policy == 2)
		return real_time;
	return policy == 0 || policy == 3 || policy == 5 ? 0 : -EINVAL;
}

int64_t call_sched_priority_max(struct thread *t, const struct delivery *d)
{
	return priority_limit(d->m.w[0], 99);
}

int64_t call_sched_priority_min(struct thread *t, const struct delivery *d)
{
	return priority_limit(d->m.w[0], 1);
}

enum { IOPRIO_PROCESS_ = 1, IOPRIO_USER_ = 3, IOPRIO_REAL_TIME_ = 1, IOPRIO_IDLE_ = 3,
       IOPRIO_LEVELS_ = 8, IOPRIO_CLASS_SHIFT_ = 13 };

static int64_t io_priority_who(struct thread *t, const struct delivery *d, struct process **q)
{
	if (d->m.w[0] < IOPRIO_PROCESS_ || d->m.w[0] > IOPRIO_USER_)
		return -EINVAL;
	*q = d->m.w[0] == IOPRIO_PROCESS_ ? whose(t, d->m.w[1]) : process_of(t);
	return *q ? 0 : -ESRCH;
}

int64_t call_ioprio_get(struct thread *t, const struct delivery *d)
{
	struct process *q;
	int64_t err = io_priority_who(t, d, &q);

	return err != 0 ? err : (int64_t)q->io_priority;
}

int64_t call_ioprio_set(struct thread *t, const struct delivery *d)
{
	uint32_t value = (uint32_t)d->m.w[2], class = value >> IOPRIO_CLASS_SHIFT_;
	struct process *p = process_of(t), *q;
	int64_t err = io_priority_who(t, d, &q);

	if (class > IOPRIO_IDLE_ || (value & ((1u << IOPRIO_CLASS_SHIFT_) - 1)) >= IOPRIO_LEVELS_ ||
	    (class == 0 && value != 0))
		return -EINVAL;
	if (err != 0)
		return err;
	if (p->euid != 0 && (class == IOPRIO_REAL_TIME_ || p->euid != q->uid))
		return -EPERM;
	q->io_priority = value;
	return 0;
}

int64_t call_getcpu(struct thread *t, const struct delivery *d)
{
	uint32_t zero = 0;

	for (unsigned i = 0; i < 2; i++)
		if (d->m.w[i] && user_write(t, d->m.w[i], &zero, sizeof(zero)) != 0)
			return -EFAULT;
	return 0;
}
