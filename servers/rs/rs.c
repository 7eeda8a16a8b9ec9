/* SPDX-License-Identifier: BSD-2-Clause
 * rs.c - the reincarnation server: parent and guardian of all services.
 *
 * Job:      starts the boot set in the order of its needs, watches it, restarts or recovers what
 *           has a defect, and answers the `service` command.
 * Speaks:   contracts/rs; the kernel calls on processes, spaces, privileges and routes.
 * Touches:  every service's memory and rights; nothing of programs.
 * Trusts:   the image, which was checked when it was built and is checked again; nobody else. It
 *           calls no service: what it has to say it offers (outbox.c), so nobody can make it wait.
 * On crash: rsguard recovers it in place; its state says what was under way.
 */
#include "rs.h"
#include <abi/boot.h>
#include <contract/kernel.h>
#include <lib/assert.h>
#include <lib/clock.h>
#include <lib/linux.h>
#include <lib/service_ids.h>

#define RETRY_NS 1000000ull
#define LATE_NS 300000000ull

enum { LATE_MAX = 3 };

static uint64_t armed_for;              /* 0: no alarm */
static unsigned late;                   /* alarms in a row that came late */

static void set_alarm(void)
{
	struct alarm_set_request req;
	uint64_t soon = clock_monotonic_ns() + RETRY_NS, settled;

	outbox_flush();
	if (outbox_published()) {       /* somebody may have waited for the name */
		start_what_can();
		loading_step();
	}
	req.deadline_ns = guard_next_ns();
	settled = loading_next_ns();
	if (settled != 0 && (req.deadline_ns == 0 || req.deadline_ns > settled))
		req.deadline_ns = settled;
	if ((state.retry || loading_waits()) && (req.deadline_ns == 0 || req.deadline_ns > soon))
		req.deadline_ns = soon;
	armed_for = req.deadline_ns;
	if (sys_alarm_set(&req) != 0)
		assert(!"rs may set its alarm");
}

/* Who did not run itself cannot say of others that they hang: their beats may just wait to be seen.
 * Only so often in a row: a service that keeps rs from running has to be found. */
static bool stood_still(uint64_t now)
{
	late = armed_for != 0 && now - armed_for > LATE_NS && now > armed_for ? late + 1 : 0;
	return late != 0 && late <= LATE_MAX;
}

static void on_notify(uint64_t services)
{
	bool beats = services & 1ull << ID_RSGUARD;

	for (; services; services &= services - 1)
		guard_ready((unsigned)__builtin_ctzll(services));
	if (beats) {
		crash_take_own();
		audit();
	}
	loading_step();                 /* vm may have done what it was asked */
	set_alarm();
}

static void on_guard(void)
{
	guard_events();
	set_alarm();
}

static void on_alarm(void)
{
	uint64_t now = clock_monotonic_ns();
	bool any = guard_events();

	guard_due(now);
	if (stood_still(now))
		guard_postpone(now);
	else if (!any)                  /* else what was said meanwhile is heard first */
		guard_heartbeats(now);
	loading_step();
	set_alarm();
}

static void on_cancel(void)
{
	struct call_cancelled_reply who;

	while (sys_call_cancelled(&who) == 0) {
		crash_cancelled(who.client, who.serial);
		loading_cancelled(who.client, who.serial);
		waiters_cancelled(who.client, who.serial);
		script_cancelled(who.client, who.serial);
		call_reply(who.client, who.serial, -EINTR, NULL, 0);    /* or nobody knew of it */
	}
	set_alarm();
}

/* A service's exit: it is frozen as it stands, in the call, and dealt with as any defect. */
static int64_t linux_call(const struct delivery *d)
{
	struct proc_freeze_request req = {
		.proc = d->m.peer,
		.code = RS_CAUSE_EXIT << 16 | (uint32_t)(d->m.w[0] & 0xffff),
	};

	if (d->m.type != LINUX_EXIT && d->m.type != LINUX_EXIT_GROUP)
		return -ENOSYS;
	return sys_proc_freeze(&req) == 0 ? NO_REPLY : -EPERM;
}

/* Rows for the manifests of the image; rs itself is row 0 and runs. */
static void fill_table(void)
{
	for (unsigned id = 0; id < NR_SERVICES; id++) {
		struct service *s = &state.service[id];

		if (!manifest_of(id))
			continue;
		strlcpy(s->name, manifest_of(id)->name, sizeof(s->name));
		s->waiter = ENDPOINT_NONE;
	}
	state.crash_waiter = state.script_waiter = state.script_client = ENDPOINT_NONE;
	state.loading.client = ENDPOINT_NONE;
	state.service[ID_RS].generation = FIRST_GENERATION;
	state.service[ID_RS].phase = RS_STATE_RUNNING;
	state.service[ID_RS].built = true;
}

/* The kernel prints nothing while all is well; the log begins with what it has found. */
static void say_machine(void)
{
	static struct boot_info boot;
	struct boot_info_request req = { .address = (uint64_t)&boot };
	uint64_t bytes = 0;

	if (sys_boot_info(&req) != 0)
		return;
	for (uint32_t i = 0; i < boot.nr_regions && i < BOOT_REGIONS; i++)
		bytes += boot.region[i].length;
	say("<5>kernel: Skink, %lu KiB of RAM, %lu MHz, ACPI %s", (unsigned long)bytes / 1024,
	    (unsigned long)boot.tsc_hz / 1000000, boot.rsdp != 0 ? "there" : "not announced");
	say("<5>kernel: command line: %.100s", boot.cmdline);
}

static void init(enum start_kind kind)
{
	bool others = others_live();

	if (others)
		check_loaded();
	manifests_read();
	if (kind != START_FRESH)
		return;
	say_machine();
	fill_table();
	assert(rights_set(ID_RS) == 0);
	if (others)
		take_over();
	else
		start_what_can();
	set_alarm();
}

/* After a recovery: whatever the interrupted request had frozen is told of by the kernel, stands in
 * its row, or is found by guard_look(), at the next alarm. */
static err_t check(void)
{
	check_state();
	rights_again(true);
	injected_check();
	guard_self();
	set_alarm();
	return 0;
}

int main(void)
{
	static const struct server rs = {
		.name = "rs",
		.serves = { { .contract = &rs_contract, .ops = &rs_operations } },
		.init = init, .check = check, .linux_call = linux_call,
		.on_notify = on_notify, .on_alarm = on_alarm, .on_guard = on_guard,
		.on_cancel = on_cancel, .offended = request_offends,
	};

	server_run(&rs);
}
