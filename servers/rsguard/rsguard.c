/* SPDX-License-Identifier: BSD-2-Clause
 * rsguard.c - rs's own guardian.
 *
 * Job:      recovers rs in place when it freezes, and tells it why, without its state if it dies of
 *           that; leaves it what a core file is made of; freezes it when it does not answer, or
 *           answers without end. Nothing else, so that little in it can break.
 * Speaks:   notifications with rs, one each second both ways.
 * Touches:  rs's memory while rs is frozen.
 * Trusts:   the boot archive in memory, which nobody can write. Of what lies in rs's memory only
 *           that a crash which is there already is to stay.
 * On crash: rs restarts it; it holds nothing that matters.
 */
#include <contract/kernel.h>
#include <contract/rs.h>
#include <lib/args.h>
#include <lib/assert.h>
#include <lib/clock.h>
#include <lib/crash.h>
#include <lib/image.h>
#include <lib/ipc.h>
#include <lib/server.h>
#include <lib/service_ids.h>
#include <lib/string.h>

#define PERIOD_NS 1000000000ull
enum { MISSES = 3, RS_STACK = 64 * 1024, CODE_SHIFT = 16 };
enum { UNASKED_MOST = 64 };             /* as rs has it with others */
enum { RECOVERIES_IN_A_ROW = 8 };       /* with no answer in between: its state goes then */

static unsigned unanswered, unasked;
static unsigned deaths;                 /* of rs, since it has answered */

/* What rs reads where other services have the words of their manifests. */
static struct service_args why(const struct proc_next_reply *e)
{
	struct service_args args = {
		.id = ID_RS, .cause = RS_CAUSE_EXCEPTION, .code = (uint16_t)e->vector,
		.defect_ns = clock_monotonic_ns(),
	};

	if (e->cause == CAUSE_FROZEN) {
		args.cause = (uint16_t)(e->code >> CODE_SHIFT);
		args.code = (uint16_t)e->code;
	} else if (e->cause == CAUSE_IPC) {
		args.cause = RS_CAUSE_IPC;
	} else if (e->vector == VECTOR_DOUBT) {         /* rs doubts nothing: `service kill rs` */
		args.cause = RS_CAUSE_OPERATOR;
		args.code = 0;
	}
	return args;
}

/* ---- its core file ---- */

enum { WAITS = 1 };                     /* as a crash's number: rs has not fetched it */

static bool copy(uint32_t dir, uint64_t remote, void *local, uint64_t len)
{
	struct proc_copy_request req = {
		.proc = FIRST_ENDPOINT(ID_RS), .dir = dir, .remote = remote,
		.local = (uint64_t)(uintptr_t)local, .len = len,
	};
	struct proc_copy_reply reply;

	return sys_proc_copy(&req, &reply) == 0;
}

static bool take(const struct crash *c, uint64_t va, uint64_t at, uint64_t len)
{
	static const uint64_t bytes = CRASH_OF_RS_VA + offsetof(struct kept_crash, bytes);
	static uint8_t piece[PAGE_SIZE];

	(void)c;
	for (uint64_t done = 0, part; done < len; done += part) {
		part = len - done < sizeof(piece) ? len - done : sizeof(piece);
		if (!copy(COPY_IN, va + done, piece, part) ||
		    !copy(COPY_OUT, bytes + at + done, piece, part))
			return false;
	}
	return true;
}

/* One that rs has not fetched yet stays: it was the first. Without one rs is recovered as well. */
static void keep_crash(const struct image *i, const struct proc_next_reply *e,
		       const struct service_args *args)
{
	static struct crash c;
	struct proc_regs_get_request regs = {
		.proc = e->proc, .address = (uint64_t)(uintptr_t)&c.regs,
	};

	if (args->cause == RS_CAUSE_OPERATOR || !copy(COPY_IN, CRASH_OF_RS_VA, &c, sizeof(c)) ||
	    (c.number == WAITS && c.nr_segments <= CRASH_SEGMENTS))
		return;
	c = (struct crash){
		.number = WAITS, .cause = args->cause, .code = args->code, .repetition = deaths,
		.vector = e->vector, .error = e->code, .address = e->address,
		.time_ns = args->defect_ns,
	};
	if (sys_proc_regs_get(&regs) != 0)
		return;
	crash_take_memory(&c, i, RS_STACK, IMAGE_UNDO_VA, take);
	copy(COPY_OUT, CRASH_OF_RS_VA, &c, sizeof(c));
}

/* ---- recovering it ---- */

/* It finds out who is there. */
static err_t begin_afresh(const struct image *i, endpoint_t p, const struct service_args *args)
{
	struct proc_recover_request req = {
		.proc = p, .stack = SERVICE_ARGS_VA, .arg = START_FRESH, .entry = image_entry(i),
	};
	err_t err = image_write(i, p, RS_STACK, false);

	if (err == 0)
		err = image_write_args(p, args);
	return err != 0 ? err : sys_proc_recover(&req);
}

static void recover_rs(const struct proc_next_reply *e)
{
	struct service_args args = why(e);
	struct image image;

	assert(image_find("rs", &image) == 0 && image_check(&image) == 0);
	deaths++;
	keep_crash(&image, e, &args);
	if (deaths <= RECOVERIES_IN_A_ROW)
		assert(image_recover(&image, e->proc, RS_STACK, &args) == 0);
	else
		assert(begin_afresh(&image, e->proc, &args) == 0);
	unanswered = unasked = 0;
	ipc_notify(FIRST_ENDPOINT(ID_RS));      /* its answer says that it lives */
}

static void look_for_frozen(void)
{
	struct proc_next_reply e;

	while (sys_proc_next(&e) == 0)
		if (endpoint_eq(e.proc, FIRST_ENDPOINT(ID_RS)))
			recover_rs(&e);
}

static void set_alarm(void)
{
	struct alarm_set_request req = { .deadline_ns = clock_monotonic_ns() + PERIOD_NS };

	assert(sys_alarm_set(&req) == 0);
}

static void freeze_rs(uint32_t cause, uint32_t code)
{
	struct proc_freeze_request req = {
		.proc = FIRST_ENDPOINT(ID_RS), .code = cause << CODE_SHIFT | code,
	};

	assert(sys_proc_freeze(&req) == 0);
}

static void beat(void)
{
	if (unanswered++ >= MISSES)
		freeze_rs(RS_CAUSE_HUNG, MISSES);
	else
		ipc_notify(FIRST_ENDPOINT(ID_RS));
	unasked = 0;
	set_alarm();
}

/* Who answers what was not asked may only look alive. */
static void answered(void)
{
	if (unanswered == 0 && ++unasked == UNASKED_MOST)
		freeze_rs(RS_CAUSE_COMPLAINT, RS_COMPLAINT_PROTOCOL);
	unanswered = deaths = 0;
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
			answered();
		if (d.m.w[2] & EVENT_GUARD)
			look_for_frozen();
		if (d.m.w[2] & EVENT_ALARM)
			beat();
	}
}
