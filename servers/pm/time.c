/* SPDX-License-Identifier: BSD-2-Clause
 * time.c - sleeping, interval timers, clocks, and CPU times.
 *
 * Job:      waits with a deadline, on the one alarm that a service has.
 * Speaks:   kernel calls alarm_set, call_cancelled and clock_set.
 * Touches:  rows that wait.
 * Trusts:   the clock page.
 * On crash: deadlines are state; the alarm is set again after every request that changes one.
 * Spec:     nanosleep(2), clock_nanosleep(2), setitimer(2), restart_syscall(2), getrusage(2),
 *           clock_settime(2), settimeofday(2).
 */
#include "pm.h"
#include "signals.h"

enum { CLOCK_REALTIME_, CLOCK_MONOTONIC_, CLOCK_PROCESS_, CLOCK_THREAD_, CLOCK_RAW_,
       CLOCK_REALTIME_COARSE_, CLOCK_MONOTONIC_COARSE_, CLOCK_BOOTTIME_ };
enum { TIMER_ABSTIME_ = 1, ITIMER_REAL_ = 0, ITIMER_PROF_ = 2 };
enum { SLEEP_REALTIME = 0x100 };        /* in wait_options: the end is a time of the wall clock */

struct linux_timespec { int64_t sec, nsec; };

/* ---- the alarm ---- */

static void earlier(uint64_t *first, uint64_t when)
{
	if (when && (*first == 0 || when < *first))
		*first = when;
}

/* A sleep that was interrupted leaves its deadline behind, for call_restart. */
static bool is_timed(const struct thread *t)
{
	return t->alive && t->wake_ns && (t->wait == WAIT_SLEEP || t->wait == WAIT_SIGTIMED);
}

void alarm_plan(void)
{
	struct alarm_set_request req = { 0 };

	for (unsigned i = 0; i < NR_THREADS; i++)
		if (is_timed(&state.thread[i]))
			earlier(&req.deadline_ns, state.thread[i].wake_ns);
	for (unsigned i = 0; i < NR_PROCESSES; i++) {
		if (state.process[i].state != PROCESS_LIVE)
			continue;
		earlier(&req.deadline_ns, state.process[i].itimer_ns);
		earlier(&req.deadline_ns, state.process[i].cpu_check_ns);
	}
	if (sys_alarm_set(&req) != 0)
		print("the alarm cannot be set\n");
}

static void wake(struct thread *t)
{
	int64_t result = t->wait == WAIT_SIGTIMED ? -EAGAIN : 0;

	t->wait = WAIT_NOT;
	t->wake_ns = 0;
	call_reply_linux(endpoint_of(t), t->serial, finish(t, result));
}

static void itimer_fire(struct process *p, uint64_t now)
{
	struct signal_info info = { .signal = SIG_ALRM, .code = SI_KERNEL_ };

	if (p->itimer_interval_ns)
		p->itimer_ns += ((now - p->itimer_ns) / p->itimer_interval_ns + 1) *
				p->itimer_interval_ns;
	else
		p->itimer_ns = 0;
	signal_process(p, &info);
}

void on_alarm(void)
{
	uint64_t now = clock_monotonic_ns();

	for (unsigned i = 0; i < NR_THREADS; i++) {
		struct thread *t = &state.thread[i];

		if (is_timed(t) && t->wake_ns <= now)
			wake(t);
	}
	for (unsigned i = 0; i < NR_PROCESSES; i++) {
		struct process *p = &state.process[i];

		if (p->state == PROCESS_LIVE && p->itimer_ns && p->itimer_ns <= now)
			itimer_fire(p, now);
		if (p->state == PROCESS_LIVE && p->cpu_check_ns && p->cpu_check_ns <= now)
			cpu_look(p, now);
		undo_commit();          /* a deadline that is past is gone from the row */
	}
	alarm_plan();
}

/* ---- interrupted waits ---- */

static int64_t sleep_left(struct thread *t)
{
	uint64_t now = clock_monotonic_ns();
	uint64_t left = t->wake_ns > now ? t->wake_ns - now : 0;
	struct linux_timespec ts = { (int64_t)(left / SECOND), (int64_t)(left % SECOND) };

	if (t->wait_options & TIMER_ABSTIME_)
		return -ERESTARTNOHAND;
	if (t->wait_arg[0] && user_write(t, t->wait_arg[0], &ts, sizeof(ts)) != 0)
		return -EFAULT;
	return -ERESTART_BLOCK;
}

static void interrupt(struct thread *t)
{
	int64_t result;

	switch (t->wait) {
	case WAIT_CHILD:
	case WAIT_LOG:
		result = -ERESTARTSYS;
		break;
	case WAIT_SLEEP:
		result = sleep_left(t);
		break;
	case WAIT_SIGNAL:
		result = -ERESTARTNOHAND;
		break;
	case WAIT_SIGTIMED:             /* what it waits for, or another signal */
		result = take_waited(t, t->wait_arg[0], t->wait_arg[1]);
		if (result == 0)
			result = -EINTR;
		break;
	default:                        /* vfork waits for its child, whatever comes */
		return;
	}
	t->wait = WAIT_NOT;
	/* The stop flag parks it with this answer; unpark() does the rest. */
	call_reply_linux(endpoint_of(t), t->serial, result);
}

void cancel_waits(void)
{
	struct call_cancelled_reply e;

	while (sys_call_cancelled(&e) == 0) {
		struct thread *t = thread_of(e.client);

		if (t && t->wait != WAIT_NOT && t->serial == e.serial)
			interrupt(t);
		else if (t && t->wait == WAIT_NOT)      /* lost: see audit.c */
			call_lost(e.client, e.serial);
	}
}

/* ---- sleep ---- */

static err_t read_time(struct thread *t, uint64_t at, uint64_t *ns)
{
	struct linux_timespec ts;

	if (user_read(t, at, &ts, sizeof(ts)) != 0)
		return -EFAULT;
	if (ts.sec < 0 || ts.nsec < 0 || ts.nsec >= (int64_t)SECOND)
		return -EINVAL;
	*ns = ts.sec > INT64_MAX / (int64_t)SECOND - 1 ? INT64_MAX
		: (uint64_t)ts.sec * SECOND + (uint64_t)ts.nsec;
	return 0;
}

static int64_t sleep_until(struct thread *t, const struct delivery *d, uint64_t when)
{
	if (when <= clock_monotonic_ns())
		return 0;
	t->wait = WAIT_SLEEP;
	t->serial = d->serial;
	t->wake_ns = when;
	alarm_plan();
	return NO_REPLY;
}

static int64_t sleep_for(struct thread *t, const struct delivery *d, uint64_t from,
			 uint64_t left_at, int clock, unsigned flags)
{
	uint64_t ns, base = clock_monotonic_ns();
	err_t err = read_time(t, from, &ns);

	if (err != 0)
		return err;
	if (flags & TIMER_ABSTIME_) {
		base = 0;
		if (clock == CLOCK_REALTIME_) {
			uint64_t offset = clock_realtime_ns() - clock_monotonic_ns();

			ns = ns > offset ? ns - offset : 0;
			flags |= SLEEP_REALTIME;
		}
	}
	t->wait_arg[0] = left_at;
	t->wait_options = flags;
	return sleep_until(t, d, ns > UINT64_MAX - base ? UINT64_MAX : base + ns);
}

int64_t call_nanosleep(struct thread *t, const struct delivery *d)
{
	return sleep_for(t, d, d->m.w[0], d->m.w[1], CLOCK_MONOTONIC_, 0);
}

int64_t call_clock_nanosleep(struct thread *t, const struct delivery *d)
{
	int clock = (int)d->m.w[0];

	if (clock != CLOCK_REALTIME_ && clock != CLOCK_MONOTONIC_ && clock != CLOCK_BOOTTIME_)
		return clock == CLOCK_PROCESS_ ? -EOPNOTSUPP : -EINVAL;
	if (d->m.w[1] & ~(uint64_t)TIMER_ABSTIME_)
		return -EINVAL;
	return sleep_for(t, d, d->m.w[2], d->m.w[3], clock, (unsigned)d->m.w[1]);
}

/* Only sleeps restart this way; their deadline still stands in the row. */
int64_t call_restart(struct thread *t, const struct delivery *d)
{
	return t->wake_ns ? sleep_until(t, d, t->wake_ns) : -EINTR;
}

/* ---- interval timers ---- */

static void itimer_get(const struct process *p, struct linux_itimer *v)
{
	uint64_t now = clock_monotonic_ns();
	uint64_t left = p->itimer_ns > now ? p->itimer_ns - now : 0, each = p->itimer_interval_ns;

	*v = (struct linux_itimer){
		.interval_sec = (int64_t)(each / SECOND),
		.interval_usec = (int64_t)(each % SECOND / 1000),
		.sec = (int64_t)(left / SECOND), .usec = (int64_t)(left % SECOND / 1000),
	};
}

static bool itimer_valid(const struct linux_itimer *v)
{
	return v->sec >= 0 && v->usec >= 0 && v->usec < 1000000 && v->interval_sec >= 0 &&
	       v->interval_usec >= 0 && v->interval_usec < 1000000 &&
	       v->sec < INT64_MAX / (int64_t)SECOND / 2 &&
	       v->interval_sec < INT64_MAX / (int64_t)SECOND / 2;
}

static void itimer_set(struct process *p, const struct linux_itimer *v)
{
	uint64_t ns = (uint64_t)v->sec * SECOND + (uint64_t)v->usec * 1000;

	p->itimer_ns = ns ? clock_monotonic_ns() + ns : 0;
	p->itimer_interval_ns = (uint64_t)v->interval_sec * SECOND +
				(uint64_t)v->interval_usec * 1000;
	alarm_plan();
}

static void timer_get(const struct process *p, uint64_t which, struct linux_itimer *v)
{
	if (which == ITIMER_REAL_)
		itimer_get(p, v);
	else
		cpu_timer_get(p, (unsigned)which - 1, v);
}

int64_t call_setitimer(struct thread *t, const struct delivery *d)
{
	struct process *p = process_of(t);
	struct linux_itimer new = { 0 }, old;

	if (d->m.w[0] > ITIMER_PROF_)
		return -EINVAL;
	if (d->m.w[1] && user_read(t, d->m.w[1], &new, sizeof(new)) != 0)
		return -EFAULT;
	if (!itimer_valid(&new))
		return -EINVAL;
	timer_get(p, d->m.w[0], &old);
	if (d->m.w[2] && user_write(t, d->m.w[2], &old, sizeof(old)) != 0)
		return -EFAULT;
	if (d->m.w[0] == ITIMER_REAL_)
		itimer_set(p, &new);
	else
		cpu_timer_set(p, (unsigned)d->m.w[0] - 1, &new);
	return 0;
}

int64_t call_getitimer(struct thread *t, const struct delivery *d)
{
	struct linux_itimer v = { 0 };

	if (d->m.w[0] > ITIMER_PROF_)
		return -EINVAL;
	timer_get(process_of(t), d->m.w[0], &v);
	return user_write(t, d->m.w[1], &v, sizeof(v));
}

int64_t call_alarm(struct thread *t, const struct delivery *d)
{
	struct process *p = process_of(t);
	struct linux_itimer v, old;

	itimer_get(p, &old);
	v = (struct linux_itimer){ .sec = (int64_t)(d->m.w[0] & 0xffffffff) };
	itimer_set(p, &v);
	return old.sec + (old.usec > 0);
}

/* ---- clocks: what the vDSO does not answer ---- */

static err_t clock_read(const struct thread *t, int clock, uint64_t *ns)
{
	switch (clock) {
	case CLOCK_REALTIME_:
	case CLOCK_REALTIME_COARSE_:
		*ns = clock_realtime_ns();
		return 0;
	case CLOCK_MONOTONIC_:
	case CLOCK_RAW_:
	case CLOCK_MONOTONIC_COARSE_:
	case CLOCK_BOOTTIME_:
		*ns = clock_monotonic_ns();
		return 0;
	case CLOCK_PROCESS_:
		*ns = cpu_ns(process_cpu(process_of(t)));
		return 0;
	case CLOCK_THREAD_:
		*ns = cpu_ns(thread_cpu(t));
		return 0;
	default:
		return -EINVAL;
	}
}

static int64_t write_timespec(struct thread *t, uint64_t at, uint64_t ns)
{
	struct linux_timespec ts = { (int64_t)(ns / SECOND), (int64_t)(ns % SECOND) };

	return user_write(t, at, &ts, sizeof(ts));
}

int64_t call_clock_gettime(struct thread *t, const struct delivery *d)
{
	uint64_t ns;
	err_t err = clock_read(t, (int)d->m.w[0], &ns);

	return err != 0 ? err : write_timespec(t, d->m.w[1], ns);
}

int64_t call_clock_getres(struct thread *t, const struct delivery *d)
{
	int clock = (int)d->m.w[0];
	uint64_t ns;
	err_t err = clock_read(t, clock, &ns);

	if (err != 0 || !d->m.w[1])
		return err;
	return write_timespec(t, d->m.w[1], clock == CLOCK_PROCESS_ || clock == CLOCK_THREAD_ ?
			      TICK_NS : 1);
}

int64_t call_gettimeofday(struct thread *t, const struct delivery *d)
{
	uint64_t ns = clock_realtime_ns();
	struct {
		int64_t sec, usec;
	} tv = { (int64_t)(ns / SECOND), (int64_t)(ns % SECOND / 1000) };
	struct {
		int32_t west, dst;
	} tz = { 0, 0 };

	if (d->m.w[0] && user_write(t, d->m.w[0], &tv, sizeof(tv)) != 0)
		return -EFAULT;
	return d->m.w[1] ? user_write(t, d->m.w[1], &tz, sizeof(tz)) : 0;
}

int64_t call_time(struct thread *t, const struct delivery *d)
{
	int64_t now = (int64_t)(clock_realtime_ns() / SECOND);

	if (d->m.w[0] && user_write(t, d->m.w[0], &now, sizeof(now)) != 0)
		return -EFAULT;
	return now;
}

/* ---- setting the wall clock ---- */

/* Thirty years before a signed number of nanoseconds overflows, as on Linux. */
#define LAST_SECOND (INT64_MAX / (int64_t)SECOND - 30 * 365 * 24 * 3600)

/* Sleeps that end at a time of the wall clock end at another moment now. */
static void sleeps_move(uint64_t old_offset, uint64_t offset)
{
	for (unsigned i = 0; i < NR_THREADS; i++) {
		struct thread *t = &state.thread[i];
		uint64_t end = t->wake_ns + old_offset;

		if (t->alive && t->wait == WAIT_SLEEP && t->wait_options & SLEEP_REALTIME)
			t->wake_ns = end > offset ? end - offset : 1;
	}
	alarm_plan();
}

static int64_t clock_change(const struct thread *t, int64_t sec, int64_t nsec)
{
	uint64_t now = clock_monotonic_ns(), old = clock_realtime_ns() - now;
	uint64_t ns = (uint64_t)sec * SECOND + (uint64_t)nsec;
	struct clock_set_request req = { .realtime_ns = ns - now };

	if (sec < 0 || sec > LAST_SECOND || nsec < 0 || nsec >= (int64_t)SECOND)
		return -EINVAL;
	if (process_of(t)->euid != 0)
		return -EPERM;
	if (ns < now)                   /* it was booted after 1970 */
		return -EINVAL;
	sleeps_move(old, req.realtime_ns);
	return sys_clock_set(&req);
}

int64_t call_clock_settime(struct thread *t, const struct delivery *d)
{
	struct linux_timespec ts;

	if ((int)d->m.w[0] != CLOCK_REALTIME_)
		return -EINVAL;
	if (user_read(t, d->m.w[1], &ts, sizeof(ts)) != 0)
		return -EFAULT;
	return clock_change(t, ts.sec, ts.nsec);
}

/* The time zone is nobody's business here: it is checked, and forgotten. */
int64_t call_settimeofday(struct thread *t, const struct delivery *d)
{
	enum { WEST_MAX = 15 * 60 };
	struct {
		int64_t sec, usec;
	} tv;
	struct {
		int32_t west, dst;
	} tz = { 0, 0 };

	if (d->m.w[0] && user_read(t, d->m.w[0], &tv, sizeof(tv)) != 0)
		return -EFAULT;
	if (d->m.w[1] && user_read(t, d->m.w[1], &tz, sizeof(tz)) != 0)
		return -EFAULT;
	if (tz.west > WEST_MAX || tz.west < -WEST_MAX ||
	    (d->m.w[0] && (tv.usec < 0 || tv.usec >= 1000000)))
		return -EINVAL;
	if (d->m.w[0])
		return clock_change(t, tv.sec, tv.usec * 1000);
	return process_of(t)->euid != 0 ? -EPERM : 0;
}

/* ---- CPU times ---- */

int64_t call_times(struct thread *t, const struct delivery *d)
{
	const struct process *p = process_of(t);
	struct cpu v[2] = { process_cpu(p), p->child_cpu };

	if (d->m.w[0] && user_write(t, d->m.w[0], v, sizeof(v)) != 0)
		return -EFAULT;
	return (int64_t)(clock_monotonic_ns() / TICK_NS);
}

err_t rusage_write(struct thread *t, uint64_t address, struct cpu cpu)
{
	uint64_t usage[18] = {
		cpu.user / 100, cpu.user % 100 * 10000, cpu.system / 100, cpu.system % 100 * 10000,
	};

	return user_write(t, address, usage, sizeof(usage));
}

int64_t call_getrusage(struct thread *t, const struct delivery *d)
{
	const struct process *p = process_of(t);

	switch ((int)d->m.w[0]) {
	case 0:
		return rusage_write(t, d->m.w[1], process_cpu(p));
	case 1:
		return rusage_write(t, d->m.w[1], thread_cpu(t));
	case -1:
		return rusage_write(t, d->m.w[1], p->child_cpu);
	default:
		return -EINVAL;
	}
}
