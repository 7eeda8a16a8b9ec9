/* SPDX-License-Identifier: BSD-2-Clause
 * timer.c - ticks and alarms.
 *
 * Job:      one 10 ms tick while something runs, one alarm for each service, none while idle.
 * Speaks:   EVENT_ALARM.
 * Touches:  the one-shot timer, through arch.h.
 * Trusts:   the clock to go forward.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/arch.h>

#define TICK_NS 10000000ull

/* Arm the timer for what comes first. A timer already armed for no later than that stays. */
void timer_plan(struct core *c, bool idle)
{
	uint64_t now = time_ns(), when = UINT64_MAX, alarm = UINT64_MAX;

	for (const struct priv *v = privs; v < privs + NR_PRIVS; v++)
		if (v->alarm_ns && v->alarm_ns < alarm)
			alarm = v->alarm_ns;
	if (!idle) {
		if (now - c->tick_ns >= TICK_NS)        /* after idling: a new tick begins */
			c->tick_ns = now;
		when = c->tick_ns + TICK_NS;
	}
	if (alarm < when)
		when = alarm > now ? alarm : now + 1;
	if (c->timer_ns > now && c->timer_ns <= when)
		return;
	c->timer_ns = when == UINT64_MAX ? 0 : when;
	timer_arm(c->timer_ns);
}

/* The timer has fired: give out the alarms that are due, and charge a tick if one is over. */
void timer_interrupt(struct core *c)
{
	struct proc *p = c->current;
	uint64_t now = time_ns();

	for (struct priv *v = privs; v < privs + NR_PRIVS; v++) {
		if (v->alarm_ns && v->alarm_ns <= now) {
			v->alarm_ns = 0;
			notify(v, &v->events, EVENT_ALARM);
		}
	}
	c->timer_ns = 0;
	if (now - c->tick_ns < TICK_NS)
		return;
	c->tick_ns = now;
	c->ticks++;
	if (p && !p->program && c->turn) {      /* services work for whose turn it is */
		c->turn->system_ticks++;
		c->turn->sched.ticks_left -= c->turn->sched.ticks_left > 0;
	}
	if (p) {
		p->user_ticks++;
		c->expired |= --p->sched.ticks_left <= 0;
	}
}
