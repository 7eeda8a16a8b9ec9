/* SPDX-License-Identifier: BSD-2-Clause
 * cpu.c - CPU time of processes: RLIMIT_CPU, ITIMER_VIRTUAL and ITIMER_PROF.
 *
 * Job:      looks at a process's CPU time when it may have reached a limit or a timer's end; sends
 *           SIGXCPU, SIGVTALRM, SIGPROF, SIGKILL. Tells vm the limits that vm enforces.
 * Speaks:   contracts/vm (limit); the kernel's tick counts, through table.c.
 * Touches:  rows of processes.
 * Trusts:   the kernel's counts.
 * On crash: when to look is state.
 * Spec:     setrlimit(2), setitimer(2).
 *
 * A process cannot use more CPU time than time passes. So the next look is due when what is left
 * has passed; processes without limit and timer cost nothing.
 */
#include "pm.h"
#include "signals.h"

static const uint8_t timer_signal[2] = { SIG_VTALRM, SIG_PROF };

/* Not sooner than in a tick, which is what the time is counted in. */
static void earlier(uint64_t *first, uint64_t end, uint64_t used)
{
	uint64_t left = end > used + TICK_NS ? end - used : TICK_NS;

	if (*first == 0 || left < *first)
		*first = left;
}

/* What of p's CPU time counts for a timer: ITIMER_VIRTUAL is for its own code only. */
static uint64_t timer_time(struct cpu used, unsigned which)
{
	return (used.user + (which == 0 ? 0 : used.system)) * TICK_NS;
}

/* In how much CPU time the next thing may happen; 0: nothing will. */
static uint64_t next_end(const struct process *p, struct cpu used)
{
	const struct limit *l = &p->limit[RLIMIT_CPU_];
	uint64_t first = 0;

	for (unsigned i = 0; i < 2; i++)
		if (p->cpu_timer[i].at != 0)
			earlier(&first, p->cpu_timer[i].at, timer_time(used, i));
	if (l->soft < UINT64_MAX / SECOND)
		earlier(&first, l->soft * SECOND, cpu_ns(used));
	if (l->hard < UINT64_MAX / SECOND)
		earlier(&first, l->hard * SECOND, cpu_ns(used));
	return first;
}

static void plan(struct process *p, struct cpu used, uint64_t now)
{
	uint64_t left = next_end(p, used);

	p->cpu_check_ns = left == 0 ? 0 : now + left;
}

void cpu_watch(struct process *p)
{
	if (next_end(p, (struct cpu){ 0, 0 }) == 0 && p->cpu_check_ns == 0)
		return;
	plan(p, process_cpu(p), clock_monotonic_ns());
	alarm_plan();
}

static void send(struct process *p, int signal)
{
	signal_process(p, &(struct signal_info){ .signal = signal, .code = SI_KERNEL_ });
}

void cpu_look(struct process *p, uint64_t now)
{
	struct limit *l = &p->limit[RLIMIT_CPU_];
	struct cpu cpu = process_cpu(p);
	uint64_t used = cpu_ns(cpu);

	for (unsigned i = 0; i < 2; i++) {
		struct cpu_timer *t = &p->cpu_timer[i];

		if (t->at == 0 || t->at > timer_time(cpu, i))
			continue;
		t->at = t->interval ? timer_time(cpu, i) + t->interval : 0;
		send(p, timer_signal[i]);
	}
	if (l->hard < UINT64_MAX / SECOND && used >= l->hard * SECOND) {
		process_exit(p, SIG_KILL);
		return;
	}
	if (l->soft < UINT64_MAX / SECOND && used >= l->soft * SECOND) {
		l->soft = used / SECOND + 1;    /* and again each second, as Linux does */
		send(p, SIG_XCPU);
	}
	if (p->state == PROCESS_LIVE)
		plan(p, cpu, now);
}

void cpu_timer_get(const struct process *p, unsigned which, struct linux_itimer *v)
{
	const struct cpu_timer *t = &p->cpu_timer[which];
	uint64_t used = timer_time(process_cpu(p), which);
	uint64_t left = t->at > used ? t->at - used : t->at ? TICK_NS : 0;

	*v = (struct linux_itimer){
		.interval_sec = (int64_t)(t->interval / SECOND),
		.interval_usec = (int64_t)(t->interval % SECOND / 1000),
		.sec = (int64_t)(left / SECOND), .usec = (int64_t)(left % SECOND / 1000),
	};
}

void cpu_timer_set(struct process *p, unsigned which, const struct linux_itimer *v)
{
	struct cpu_timer *t = &p->cpu_timer[which];
	uint64_t ns = (uint64_t)v->sec * SECOND + (uint64_t)v->usec * 1000;

	t->at = ns ? timer_time(process_cpu(p), which) + ns : 0;
	t->interval = (uint64_t)v->interval_sec * SECOND + (uint64_t)v->interval_usec * 1000;
	cpu_watch(p);
}

/* A space that a vfork child still shares keeps the parent's limits. */
void limits_to_vm(const struct process *p, uint16_t space)
{
	struct vm_limit_request req = {
		.space = space, .total = p->limit[RLIMIT_AS_].soft,
		.data = p->limit[RLIMIT_DATA_].soft,
	};

	if (p->vfork_thread != NONE && space == p->space)
		return;
	if (vm_limit(&vm, &req) != 0)
		print("limits of space %u not set\n", space);
}
