/* SPDX-License-Identifier: BSD-2-Clause
 * sched_test.c - who runs next: priorities, preemption, quanta, decay, alarms and the timer.
 */
#include <tests/unit.h>

#include "host/fake.h"

enum { TICK = 10000000 };

static struct core *core(void)
{
	return &fake_core;
}

static void check(void)
{
	const char *why = check_procs();

	if (why)
		printf("    broken: %s\n", why);
	CHECK(why == NULL);
}

/* The cast, of which only some remain runnable. */
static void cast(void)
{
	fake_cast();
	for (unsigned i = VM; i <= LOG; i++)
		fake_receive(&procs[i], ENDPOINT_ANY);
	fake_run(rs);
}

static void set(struct proc *p, unsigned priority, unsigned quantum)
{
	GIVES(0, rs, proc_sched, .proc = p->ep, .priority = (uint8_t)priority,
	      .quantum = (uint8_t)quantum);
}

static void t_highest_runs(void)
{
	cast();
	set(prog, 8, 5);
	set(prog2, 7, 5);
	fake_receive(pm, ENDPOINT_ANY);
	fake_receive(rs, ENDPOINT_ANY);
	CHECK(core()->current == prog2);
	fake_linux(prog2, CALL_READ, 0);                /* vfs, at 4, takes it */
	CHECK(core()->current == vfs);
	fake_receive(vfs, ENDPOINT_ANY);
	CHECK(core()->current == prog);
	fake_linux(prog, CALL_KILL, 0);
	fake_receive(pm, ENDPOINT_ANY);
	CHECK(core()->current == NULL);
	check();
}

static void t_interrupt_preempts(void)
{
	cast();
	fake_receive(pm, ENDPOINT_ANY);
	set(prog, 8, 5);
	set(prog2, 8, 5);
	fake_notify(rs, driver);
	GIVES(0, driver, irq_claim, .line = DRIVER_LINE, .bit = 2);
	GIVES(0, driver, irq_ack, .line = DRIVER_LINE);
	fake_receive(driver, ENDPOINT_ANY);
	fake_receive(rs, ENDPOINT_ANY);
	CHECK(core()->current == prog || core()->current == prog2);
	fake_interrupt(DRIVER_LINE);
	CHECK(core()->current == driver);
	CHECK_EQ(driver->msg.w[1], BIT(2));
	check();
}

static void t_lower_does_not_preempt(void)
{
	cast();
	set(vfs, 9, 5);
	fake_notify(rs, vfs);
	CHECK(core()->current == rs);
	CHECK_EQ(vfs->state, 0);
	check();
}

/* Two programs with a quantum of 2, and nobody else; the one that runs. */
static struct proc *two(void)
{
	cast();
	fake_receive(pm, ENDPOINT_ANY);
	set(prog, 8, 2);
	set(prog2, 8, 2);
	fake_receive(rs, ENDPOINT_ANY);
	return core()->current;
}

static void t_quantum_and_decay(void)
{
	struct proc *first = two(), *second = first == prog ? prog2 : prog;

	fake_tick();
	CHECK(core()->current == first);
	fake_tick();
	CHECK(core()->current == second);               /* the quantum is over */
	CHECK_EQ(first->sched.priority, 9);
	fake_tick();
	fake_tick();
	CHECK(core()->current == first);
	for (unsigned i = 0; i < 40; i++)
		fake_tick();
	CHECK_EQ(first->sched.priority, 12);            /* four below its own, no more */
	CHECK_EQ(second->sched.priority, 12);
	CHECK(first->user_ticks + second->user_ticks == 44);
	check();
}

static void t_decay_is_forgotten(void)
{
	cast();
	set(prog, 8, 1);
	fake_run(prog);
	fake_tick();
	CHECK_EQ(prog->sched.priority, 9);
	fake_linux(prog, CALL_READ, 0);
	core()->ticks += 60;
	fake_answer(vfs, prog, 0);
	CHECK_EQ(prog->sched.priority, 8);
	check();
}

/* Ticks in a quantum of 2 that hit vfs while it works for prog. */
static void t_services_are_paid_for(void)
{
	struct proc *first = two(), *second = first == prog ? prog2 : prog;

	fake_linux(first, CALL_READ, 0);
	CHECK(core()->current == vfs);
	fake_tick();
	fake_answer(vfs, first, 0);
	fake_receive(vfs, ENDPOINT_ANY);
	CHECK(core()->current == first);                /* still its turn */
	fake_linux(first, CALL_READ, 0);
	fake_tick();
	fake_answer(vfs, first, 0);
	fake_receive(vfs, ENDPOINT_ANY);
	CHECK(core()->current == second);
	CHECK_EQ(first->sched.priority, 9);
	CHECK_EQ(first->system_ticks, 2);
	CHECK_EQ(first->user_ticks, 0);
	CHECK_EQ(second->system_ticks, 0);
	check();
}

static void t_waiting_is_not_sleeping(void)
{
	cast();
	fake_receive(pm, ENDPOINT_ANY);
	set(prog, 8, 1);
	set(prog2, 8, 100);
	fake_receive(rs, ENDPOINT_ANY);
	fake_linux(prog2, CALL_READ, 0);        /* vfs keeps it a while */
	fake_receive(vfs, ENDPOINT_ANY);
	CHECK(core()->current == prog);
	fake_tick();
	CHECK_EQ(prog->sched.priority, 9);
	fake_linux(prog, CALL_READ, 0);
	fake_answer(vfs, prog2, 0);
	fake_answer(vfs, prog, 0);
	fake_receive(vfs, ENDPOINT_ANY);
	CHECK(core()->current == prog2);
	for (unsigned i = 0; i < 60; i++)
		fake_tick();
	CHECK(core()->current == prog2);                /* prog is ready and waits */
	fake_linux(prog2, CALL_READ, 0);
	fake_receive(vfs, ENDPOINT_ANY);
	CHECK(core()->current == prog);
	fake_linux(prog, CALL_READ, 0);
	fake_answer(vfs, prog, 0);
	CHECK_EQ(prog->sched.priority, 9);
	check();
}

static void create(endpoint_t e, endpoint_t like, const struct space *s)
{
	GIVES(0, pm, proc_create, .proc = e, .owner = e, .like = like, .priv = PRIV_PROGRAM,
	      .space = (uint16_t)(s - spaces), .entry = TEXT_VA, .stack = RAM_VA);
}

static void t_fork_shares_the_quantum(void)
{
	enum { CHILD = FIRST_PROGRAM + 9 };
	struct proc *child = &procs[CHILD];

	cast();
	set(prog, 7, 9);
	fake_linux(prog, CALL_KILL, 0);                 /* pm is to fork it */
	prog->sched.priority = 10;
	prog->sched.renewed_at = 77;
	prog->sched.ticks_left = 5;
	create(ENDPOINT(3, CHILD), prog->ep, prog->space);
	CHECK_EQ(child->sched.priority, 10);
	CHECK_EQ(child->sched.base_priority, 7);
	CHECK_EQ(child->sched.quantum, 9);
	CHECK_EQ(child->sched.renewed_at, 77);
	CHECK_EQ(child->sched.ticks_left, -2);
	CHECK_EQ(prog->sched.ticks_left, 3);
	prog->sched.ticks_left = -3;                    /* the same if it waits for its turn */
	proc_end(child);
	create(ENDPOINT(4, CHILD), prog->ep, prog->space);
	CHECK_EQ(child->sched.ticks_left, -1);
	CHECK_EQ(prog->sched.ticks_left, -2);
	check();
}

static void t_exec_changes_nothing(void)
{
	struct space *space;

	cast();
	set(prog, 7, 9);
	fake_linux(prog, CALL_KILL, 0);                 /* pm is to end and make it */
	prog->sched.priority = 9;
	prog->sched.ticks_left = -1;
	space = prog->space;
	proc_end(prog);
	create(ENDPOINT(6, prog->slot), (endpoint_t){ 0 }, space);
	CHECK_EQ(prog->sched.priority, 9);
	CHECK_EQ(prog->sched.base_priority, 7);
	CHECK_EQ(prog->sched.ticks_left, -1);
	check();
}

static void t_sched_refused(void)
{
	cast();
	GIVES(0, rs, proc_sched, .proc = prog->ep, .priority = 3, .quantum = 4);
	CHECK_EQ(prog->sched.priority, 3);
	CHECK_EQ(prog->sched.quantum, 4);
	GIVES(EPERM, pm, proc_sched, .proc = vfs->ep, .priority = 3, .quantum = 4);
	GIVES(EDEADPEER, pm, proc_sched, .proc = ENDPOINT(9, VFS), .priority = 3, .quantum = 4);
	GIVES(EINVAL, pm, proc_sched, .proc = prog->ep, .priority = NR_PRIORITIES, .quantum = 4);
	GIVES(EINVAL, pm, proc_sched, .proc = prog->ep, .priority = 3, .quantum = 0);
	GIVES(EINVAL, pm, proc_sched, .proc = prog->ep, .priority = 3, .quantum = QUANTUM_MAX + 1);
	privs[PM].desc.rights = RIGHT_SCHEDULE;
	GIVES(0, pm, proc_sched, .proc = rs->ep, .priority = 9, .quantum = 4);
	GIVES(0, pm, proc_sched, .proc = pm->ep, .priority = 2, .quantum = 4);
	check();
}

static void t_alarm(void)
{
	cast();
	fake_notify(rs, driver);
	GIVES(0, driver, alarm_set, .deadline_ns = fake_now + 3000);
	CHECK_EQ(fake_timer, fake_now + 3000);
	fake_receive(driver, ENDPOINT_ANY);
	fake_now += 2999;
	fake_timer_fires();
	CHECK_EQ(driver->state, STATE_RECEIVING);
	fake_now++;
	fake_timer_fires();
	CHECK_EQ(driver->state, 0);
	CHECK_EQ(driver->msg.w[2], EVENT_ALARM);
	CHECK_EQ(privs[DRIVER].alarm_ns, 0);
	GIVES(0, driver, alarm_set, .deadline_ns = 1);          /* long past: at once */
	CHECK(fake_timer > 0 && fake_timer <= fake_now + 1);
	GIVES(0, driver, alarm_set, .deadline_ns = 0);
	fake_now += 5;
	fake_timer_fires();
	CHECK_EQ(privs[DRIVER].events, 0);
	check();
}

static void t_idle_timer(void)
{
	cast();
	fake_receive(pm, ENDPOINT_ANY);
	fake_linux(prog, CALL_NOBODY, 0);
	CHECK(fake_timer > fake_now && fake_timer <= fake_now + TICK);
	fake_linux(prog, CALL_KILL, 0);
	fake_receive(pm, ENDPOINT_ANY);
	fake_linux(prog2, CALL_KILL, 0);
	fake_receive(pm, ENDPOINT_ANY);
	fake_receive(rs, ENDPOINT_ANY);
	CHECK(core()->current == NULL);
	fake_now += TICK;
	fake_timer_fires();
	CHECK_EQ(fake_timer, 0);                        /* idle and no alarm: no timer */
	check();
}

int main(void)
{
	TEST("the highest priority that is runnable runs", t_highest_runs);
	TEST("an interrupt makes its driver run at once", t_interrupt_preempts);
	TEST("waking somebody lower does not interrupt", t_lower_does_not_preempt);
	TEST("a quantum used up goes to the next, and lowers the priority, by four at most",
	     t_quantum_and_decay);
	TEST("a lowered priority is forgotten after a while", t_decay_is_forgotten);
	TEST("services work in the turn of the program that ran last, which pays",
	     t_services_are_paid_for);
	TEST("who waits for the CPU is not forgiven for that", t_waiting_is_not_sleeping);
	TEST("a program forked has its parent's priority and half of its quantum",
	     t_fork_shares_the_quantum);
	TEST("exec gives neither priority nor quantum back", t_exec_changes_nothing);
	TEST("proc_sched is refused without right, to the dead, out of range", t_sched_refused);
	TEST("an alarm goes off when it is due, once", t_alarm);
	TEST("the timer is off while nothing runs and no alarm is set", t_idle_timer);
	return test_result();
}
