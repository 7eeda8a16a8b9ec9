/* SPDX-License-Identifier: BSD-2-Clause
 * rsguard.c - rs's own guardian.
 *
 * Job:      recovers rs in place when it freezes, and freezes it when it does not answer. Nothing
 *           else, so that there is little in it that can break.
 * Speaks:   notifications with rs, one each second both ways.
 * Touches:  rs's memory while rs is frozen.
 * Trusts:   the boot archive in memory, which nobody can write.
 * On crash: rs restarts it; it holds nothing that matters.
 */
#include <contract/kernel.h>
#include <lib/assert.h>
#include <lib/clock.h>
#include <lib/image.h>
#include <lib/ipc.h>
#include <lib/server.h>
#include <lib/service_ids.h>

#define PERIOD_NS 1000000000ull
enum { MISSES = 3, RS_STACK = 64 * 1024, CODE_HUNG = 4 << 16 };

static unsigned unanswered;

static void recover_rs(void)
{
	struct proc_recover_request req = { .proc = FIRST_ENDPOINT(ID_RS),
					    .stack = IMAGE_STACK_TOP, .arg = START_RECOVER };
	struct image image;

	assert(image_find("rs", &image) == 0 && image_check(&image) == 0);
	assert(image_write(&image, req.proc, RS_STACK, true) == 0);
	req.entry = image_entry(&image);
	assert(sys_proc_recover(&req) == 0);
	unanswered = 0;
}

static void look_for_frozen(void)
{
	struct proc_next_reply e;

	while (sys_proc_next(&e) == 0)
		if (endpoint_eq(e.proc, FIRST_ENDPOINT(ID_RS)))
			recover_rs();
}

static void set_alarm(void)
{
	struct alarm_set_request req = { .deadline_ns = clock_monotonic_ns() + PERIOD_NS };

	assert(sys_alarm_set(&req) == 0);
}

static void beat(void)
{
	struct proc_freeze_request req = { .proc = FIRST_ENDPOINT(ID_RS), .code = CODE_HUNG };

	if (unanswered++ >= MISSES)
		assert(sys_proc_freeze(&req) == 0);
	else
		ipc_notify(FIRST_ENDPOINT(ID_RS));
	set_alarm();
}

int main(void)
{
	struct delivery d;

	ipc_notify(FIRST_ENDPOINT(ID_RS));
	set_alarm();
	look_for_frozen();
	for (;;) {
		assert(ipc_receive(&d, ENDPOINT_ANY) == 0);
		if (d.m.type != TYPE_NOTIFY)
			continue;               /* nobody may call us; let him wait */
		if (d.m.w[0] & BIT(ID_RS))
			unanswered = 0;
		if (d.m.w[2] & EVENT_GUARD)
			look_for_frozen();
		if (d.m.w[2] & EVENT_ALARM)
			beat();
	}
}
