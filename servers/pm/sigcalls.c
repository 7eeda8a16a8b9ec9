/* SPDX-License-Identifier: BSD-2-Clause
 * sigcalls.c - the system calls on signals.
 *
 * Job:      actions, masks, alternate stacks, waiting for signals, and sending them
 *           with permission.
 * Speaks:   Linux's rt_sig* calls, kill, tkill, tgkill, sigaltstack, pause.
 * Touches:  the caller's rows.
 * Trusts:   nothing in an argument.
 * On crash: every call is a change of rows, rolled back or committed.
 * Spec:     sigaction(2), sigprocmask(2), sigsuspend(2), sigtimedwait(2), sigaltstack(2), kill(2).
 */
#include "pm.h"
#include "signals.h"

#include <lib/service_ids.h>

enum { SET_BYTES = 8, HOW_BLOCK = 0, HOW_UNBLOCK = 1, HOW_SET = 2, MINSIGSTKSZ_ = 2048 };
#define NEVER_BLOCKED (SIGNAL_BIT(SIG_KILL) | SIGNAL_BIT(SIG_STOP))

static bool is_signal(uint64_t n)
{
	return n >= 1 && n <= NR_SIGNALS;
}

/* An ignored signal that is pending is thrown away. */
static void drop_ignored(struct process *p, int n)
{
	if (signal_is_ignored(p, n))
		drop_signals(p, SIGNAL_BIT(n));
}

int64_t call_rt_sigaction(struct thread *t, const struct delivery *d)
{
	struct process *p = process_of(t);
	struct action new, *a;

	if (d->m.w[3] != SET_BYTES || !is_signal(d->m.w[0]))
		return -EINVAL;
	a = &p->action[d->m.w[0] - 1];
	if (d->m.w[1] && user_read(t, d->m.w[1], &new, sizeof(new)) != 0)
		return -EFAULT;
	if (d->m.w[1] && NEVER_BLOCKED & SIGNAL_BIT(d->m.w[0]))
		return -EINVAL;
	if (d->m.w[2] && user_write(t, d->m.w[2], a, sizeof(*a)) != 0)
		return -EFAULT;
	if (d->m.w[1]) {
		new.mask &= ~NEVER_BLOCKED;
		*a = new;
		drop_ignored(p, (int)d->m.w[0]);
	}
	return 0;
}

int64_t call_rt_sigprocmask(struct thread *t, const struct delivery *d)
{
	uint64_t old = t->blocked, set;

	if (d->m.w[3] != SET_BYTES)
		return -EINVAL;
	if (d->m.w[1]) {
		if (user_read(t, d->m.w[1], &set, sizeof(set)) != 0)
			return -EFAULT;
		switch (d->m.w[0]) {
		case HOW_BLOCK:
			set = old | set;
			break;
		case HOW_UNBLOCK:
			set = old & ~set;
			break;
		case HOW_SET:
			break;
		default:
			return -EINVAL;
		}
		t->blocked = set & ~NEVER_BLOCKED;
	}
	return d->m.w[2] ? user_write(t, d->m.w[2], &old, sizeof(old)) : 0;
}

int64_t call_rt_sigpending(struct thread *t, const struct delivery *d)
{
	uint64_t set = (t->pending | process_of(t)->pending) & t->blocked;

	return d->m.w[1] > SET_BYTES ? -EINVAL : user_write(t, d->m.w[0], &set, d->m.w[1]);
}

/* vfs does the waiting, with the mask set; the thread parks with the answer, and the mask is what
 * it was when it goes on (deliver.c). */
static int64_t wait_with_mask(struct thread *t, const struct delivery *d, uint64_t at,
			      uint64_t size)
{
	struct proc_stop_request stop = { .proc = d->m.peer, .flags = STOP_EXIT };
	struct proc_stop_reply reply;
	uint64_t set;

	if (at != 0) {
		if (size != SET_BYTES)
			return -EINVAL;
		if (user_read(t, at, &set, sizeof(set)) != 0)
			return -EFAULT;
		t->saved = t->blocked;
		t->has_saved = 1;
		t->blocked = set & ~NEVER_BLOCKED;
		if (deliverable(t))
			return -ERESTARTNOHAND;
		if (sys_proc_stop(&stop, &reply) != 0)
			return NO_REPLY;                /* it is being killed */
	}
	return ipc_forward(d->m.peer, d->serial, state.vfs) == 0 ? NO_REPLY : -EIO;
}

int64_t call_ppoll(struct thread *t, const struct delivery *d)
{
	return wait_with_mask(t, d, d->m.w[3], d->m.w[4]);
}

int64_t call_pselect6(struct thread *t, const struct delivery *d)
{
	uint64_t mask[2] = { 0, 0 };            /* address, size */

	if (d->m.w[5] != 0 && user_read(t, d->m.w[5], mask, sizeof(mask)) != 0)
		return -EFAULT;
	return wait_with_mask(t, d, mask[0], mask[1]);
}

int64_t call_rt_sigsuspend(struct thread *t, const struct delivery *d)
{
	uint64_t set;

	if (d->m.w[1] != SET_BYTES)
		return -EINVAL;
	if (user_read(t, d->m.w[0], &set, sizeof(set)) != 0)
		return -EFAULT;
	t->saved = t->blocked;
	t->has_saved = 1;
	t->blocked = set & ~NEVER_BLOCKED;
	if (deliverable(t))
		return -ERESTARTNOHAND;
	t->wait = WAIT_SIGNAL;
	t->serial = d->serial;
	t->wake_ns = 0;
	return NO_REPLY;
}

int64_t call_pause(struct thread *t, const struct delivery *d)
{
	t->wait = WAIT_SIGNAL;
	t->serial = d->serial;
	t->wake_ns = 0;
	return NO_REPLY;
}

int64_t take_waited(struct thread *t, uint64_t set, uint64_t info_at)
{
	uint64_t there = (t->pending | process_of(t)->pending) & set;
	struct linux_siginfo to = { 0 };
	struct signal_info info;

	if (!there)
		return 0;
	if (!queue_take(t, __builtin_ctzll(there) + 1, &info))
		return 0;
	to.signo = info.signal;
	to.code = info.code;
	to.u.sender.pid = (int32_t)info.pid;
	to.u.sender.uid = info.uid;
	to.u.sender.value = info.value;
	if (info_at && user_write(t, info_at, &to, sizeof(to)) != 0)
		return -EFAULT;
	return info.signal;
}

int64_t call_rt_sigtimedwait(struct thread *t, const struct delivery *d)
{
	struct {
		int64_t sec, nsec;
	} ts = { 0, 0 };
	uint64_t set;
	int64_t got;

	if (d->m.w[3] != SET_BYTES)
		return -EINVAL;
	if (user_read(t, d->m.w[0], &set, sizeof(set)) != 0 ||
	    (d->m.w[2] && user_read(t, d->m.w[2], &ts, sizeof(ts)) != 0))
		return -EFAULT;
	if (ts.sec < 0 || ts.nsec < 0 || ts.nsec >= 1000000000 || ts.sec > 1ll << 33)
		return -EINVAL;
	set &= ~NEVER_BLOCKED;
	got = take_waited(t, set, d->m.w[1]);
	if (got != 0)
		return got;
	if (d->m.w[2] && ts.sec == 0 && ts.nsec == 0)
		return -EAGAIN;
	if (d->m.w[1] && user_touch(t, d->m.w[1]) != 0 && page_missing(t))
		return -EFAULT;         /* the call comes again when the page is there */
	t->wait = WAIT_SIGTIMED;
	t->serial = d->serial;
	t->wait_arg[0] = set;
	t->wait_arg[1] = d->m.w[1];
	t->wake_ns = d->m.w[2] ? clock_monotonic_ns() + (uint64_t)ts.sec * 1000000000ull +
				 (uint64_t)ts.nsec : 0;
	alarm_plan();
	return NO_REPLY;
}

int64_t call_sigaltstack(struct thread *t, const struct delivery *d)
{
	struct {
		uint64_t sp;
		uint32_t flags, pad;
		uint64_t size;
	} new, old = {
		.sp = t->alt_sp, .size = t->alt_size,
		.flags = t->alt_size ? t->alt_flags : SS_DISABLE_,
	};
	struct user_regs r;
	struct proc_regs_get_request get = { .proc = endpoint_of(t), .address = (uint64_t)&r };
	bool inside;

	if (sys_proc_regs_get(&get) != 0)
		return -ESRCH;
	inside = t->alt_size && r.rsp > t->alt_sp && r.rsp - t->alt_sp <= t->alt_size;
	if (inside)
		old.flags |= SS_ONSTACK_;
	if (d->m.w[0] && user_read(t, d->m.w[0], &new, sizeof(new)) != 0)
		return -EFAULT;
	if (d->m.w[0]) {
		uint32_t mode = new.flags & ~SS_AUTODISARM_;

		if (inside)
			return -EPERM;
		if (mode != SS_DISABLE_ && mode != SS_ONSTACK_ && mode != 0)
			return -EINVAL;
		if (mode != SS_DISABLE_ && new.size < MINSIGSTKSZ_)
			return -ENOMEM;
		t->alt_sp = mode == SS_DISABLE_ ? 0 : new.sp;
		t->alt_size = mode == SS_DISABLE_ ? 0 : new.size;
		t->alt_flags = new.flags & SS_AUTODISARM_;
	}
	return d->m.w[1] ? user_write(t, d->m.w[1], &old, sizeof(old)) : 0;
}

/* ---- sending ---- */

static bool may_signal(const struct process *from, const struct process *to, int n)
{
	if (from->euid == 0 || from->euid == to->uid || from->euid == to->suid ||
	    from->uid == to->uid || from->uid == to->suid)
		return true;
	return n == SIG_CONT && from->sid == to->sid;
}

static int64_t send_to(struct thread *t, struct process *q, const struct signal_info *info)
{
	if (!may_signal(process_of(t), q, info->signal))
		return -EPERM;
	if (info->signal)
		signal_process(q, info);
	return 0;
}

static bool in_set(const struct thread *t, const struct process *q, int32_t pid)
{
	if (q->state != PROCESS_LIVE && q->state != PROCESS_ZOMBIE)
		return false;
	if (pid == -1)
		return q->pid != 1 && q != process_of(t);
	return q->pgid == (pid == 0 ? process_of(t)->pgid : (uint32_t)-pid);
}

static int64_t send_to_many(struct thread *t, const struct delivery *d, int32_t pid,
			    const struct signal_info *info)
{
	for (unsigned i = many_begin(d->m.peer, d->serial); i < NR_PROCESSES; i++) {
		struct process *q = &state.process[i];

		if (q->state == PROCESS_FREE || !in_set(t, q, pid))
			continue;
		many_reach(q);
		many_next(q, (err_t)send_to(t, q, info));
	}
	return state.many.result;
}

int64_t call_kill(struct thread *t, const struct delivery *d)
{
	int32_t pid = (int32_t)d->m.w[0];
	struct signal_info info = info_of_sender(t, (int)d->m.w[1], SI_USER_);
	struct process *q;

	if (d->m.w[1] > NR_SIGNALS)
		return -EINVAL;
	if (pid <= 0)
		return send_to_many(t, d, pid, &info);
	q = process_by_pid((uint32_t)pid);
	return q ? send_to(t, q, &info) : -ESRCH;
}

static int64_t send_to_thread(struct thread *t, uint32_t tgid, uint32_t tid,
			      const struct signal_info *info)
{
	struct thread *to = thread_by_tid(tid);

	if (info->signal < 0 || info->signal > NR_SIGNALS || (int32_t)tid <= 0)
		return -EINVAL;
	if (!to || !to->alive || (tgid && process_of(to)->pid != tgid))
		return -ESRCH;
	if (!may_signal(process_of(t), process_of(to), info->signal))
		return -EPERM;
	if (info->signal)
		signal_thread(to, info);
	return 0;
}

int64_t call_tkill(struct thread *t, const struct delivery *d)
{
	struct signal_info info = info_of_sender(t, (int)d->m.w[1], SI_TKILL_);

	return send_to_thread(t, 0, (uint32_t)d->m.w[0], &info);
}

int64_t call_tgkill(struct thread *t, const struct delivery *d)
{
	struct signal_info info = info_of_sender(t, (int)d->m.w[2], SI_TKILL_);

	if ((int32_t)d->m.w[0] <= 0)
		return -EINVAL;
	return send_to_thread(t, (uint32_t)d->m.w[0], (uint32_t)d->m.w[1], &info);
}

int64_t call_rt_sigqueueinfo(struct thread *t, const struct delivery *d)
{
	struct process *q = process_by_pid((uint32_t)d->m.w[0]);
	struct linux_siginfo from;
	struct signal_info info;

	if (!is_signal(d->m.w[1]))
		return -EINVAL;
	if (user_read(t, d->m.w[2], &from, sizeof(from)) != 0)
		return -EFAULT;
	if (!q)
		return -ESRCH;
	if ((from.code >= 0 || from.code == SI_TKILL_) && q != process_of(t))
		return -EPERM;
	info = (struct signal_info){ (int)d->m.w[1], from.code, (uint32_t)from.u.sender.pid,
				     from.u.sender.uid, from.u.sender.value };
	if (info.signal >= SIG_RTMIN_ && from.code != SI_USER_ && queue_full(q) &&
	    may_signal(process_of(t), q, info.signal))
		return -EAGAIN;
	return send_to(t, q, &info);
}
