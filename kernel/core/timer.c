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
#include <kernel/core/proc.h>

#define TICK_NS 10000000ull

static uint64_t next_alarm(void)
{
	uint64_t first = UINT64_MAX;

	for (unsigned i = 0; i < NR_PRIVS; i++)
		if (privs[i].alarm_ns && privs[i].alarm_ns < first)
			first = privs[i].alarm_ns;
	return first;
}

/* Arm the timer for what comes first. A timer already armed for no later than that stays. */
void timer_plan(struct core *c, bool idle)
{
	uint64_t now = time_ns(), when = UINT64_MAX, alarm = next_alarm();

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
	uint64_t now = time_ns();

	for (unsigned i = 0; i < NR_PRIVS; i++) {
		if (privs[i].alarm_ns && privs[i].alarm_ns <= now) {
			privs[i].alarm_ns = 0;
			notify_events(&privs[i], EVENT_ALARM);
		}
	}
	if (now - c->tick_ns >= TICK_NS) {
		c->tick_ns = now;
		tick(c);
	}
	c->timer_ns = 0;
}
