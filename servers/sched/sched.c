/* SPDX-License-Identifier: BSD-2-Clause
 * sched.c - scheduling policy.
 *
 * Job:      gives each process its base priority and quantum; raises those that have sunk for too
 *           long; keeps the load averages; complains of services that compute all the time.
 * Speaks:   contracts/sched; contracts/rs (complain); kernel calls proc_sched, proc_info.
 * Touches:  priorities and quanta.
 * Trusts:   pm and rs for who there is.
 * On crash: recovers in place. Without it everything goes on with the priorities it has.
 *
 * The kernel runs the highest priority that is ready. A process that uses its quantum up sinks by
 * one, four at most, and is raised when it has blocked and nothing of that kind happened for a
 * while. One that never blocks would stay down, behind everybody of its old priority: every two
 * seconds it is raised here, so that nobody starves, whatever his priority. Those with a priority
 * above the usual take turns, and no more than half of the time with it.
 *
 * Each process has its turn, so many of them together get much of the CPU, each for hardly using
 * any. A process group of which many are ready at the same time is a crowd, and has a lower base
 * priority until it has thinned out: a fork bomb does not stand in the way of the shell that
 * ends it.
 *
 * A service that uses three quarters of all that is used, and half of the time, for
 * ten seconds, computes for nobody: rs is told. Not of those that serve others, who decide how much
 * that is.
 */
#include "state.h"

#include <contract/kernel.h>
#include <lib/assert.h>
#include <lib/clock.h>
#include <lib/complain.h>
#include <lib/print.h>
#include <lib/server.h>
#include <lib/service_ids.h>
#include <lib/string.h>

#define LOOK_NS 1000000000ull
#define RETRY_NS 10000000ull
/* Not a whole number of seconds: others' heartbeats are not to fall on every sample. */
#define SAMPLE_NS 5010000000ull
enum { SUNK_FOR = 2, SUNK_MOST = 255 }; /* looks */
enum { HOG_TICKS = 1000, TICK_NS = 10000000 };
enum { LIFT_TICKS = 50 };               /* in all above the usual priority, from look to look */

/* Decay of the averages for each sample: e^(-5/60), e^(-5/300), e^(-5/900) in LOAD_ONE. */
enum { LOAD_SHIFT = 11, LOAD_ONE = 1 << LOAD_SHIFT, LOAD_OUT = 16 };
static const uint64_t decay[3] = { 1884, 2014, 2037 };

/* ---- policy ---- */

enum { PROGRAM_PRIORITY = 8, PROGRAM_QUANTUM = 5 };
/* More than 8 are ready: one level down; more than 16: two; and so on. */
enum { CROWD = 8, CROWD_LEVELS = 4, READY_GROUPS = 1024 };

/* Five nice values to a level upwards, ten downwards: above programs there are services. */
static uint8_t priority_of(int nice)
{
	return (uint8_t)(PROGRAM_PRIORITY + (nice < 0 ? nice / 10 : (nice + 4) / 5));
}

/* Levels down for a group of which so many are ready. */
static unsigned crowd_levels(unsigned ready)
{
	unsigned levels = 0;

	while (levels < CROWD_LEVELS && ready > (unsigned)CROWD << levels)
		levels++;
	return levels;
}

/* Between levels the quantum tells them apart: 20 ticks for -20, 5 for 0, 3 for 19. Beside one that
 * is never nice, 19 gets about its quantum each time it is raised: 1.5 %, as on Linux. */
static uint8_t quantum_of(int nice)
{
	return (uint8_t)(nice < 0 ? PROGRAM_QUANTUM - nice * 3 / 4 : PROGRAM_QUANTUM - nice / 8);
}

static err_t apply(const struct row *r)
{
	struct proc_sched_request req = {
		.proc = r->proc, .priority = r->priority, .quantum = r->quantum,
	};

	return sys_proc_sched(&req);
}

/* ---- contracts/sched ---- */

static err_t do_sched_program(const struct call *c, const struct sched_program_request *req)
{
	unsigned slot = endpoint_slot(req->proc);
	struct row *r = &state.row[slot % NR_PROCS];
	int nice = (int)req->nice - SCHED_NICE_ZERO;
	struct row new = {
		.proc = req->proc, .nice = (int8_t)nice, .priority = priority_of(nice),
		.quantum = quantum_of(nice), .group = req->group,
	};

	if (endpoint_slot(c->client) != ID_PM)
		return -EPERM;
	if (slot < FIRST_PROGRAM || slot >= NR_PROCS)
		return -ESRCH;
	if (endpoint_eq(r->proc, req->proc)) {
		new.raised = r->raised;
		new.ticks = r->ticks;
	}
	*r = new;
	return !req->reniced || apply(r) == 0 ? 0 : -ESRCH;
}

static err_t do_sched_service(const struct call *c, const struct sched_service_request *req)
{
	unsigned slot = endpoint_slot(req->proc);

	if (endpoint_slot(c->client) != ID_RS || slot >= FIRST_PROGRAM)
		return -EPERM;
	state.row[slot] = (struct row){
		.proc = req->proc, .priority = req->priority, .quantum = req->quantum,
	};
	state.use[slot] = (struct use){ .called = req->called };
	return 0;                       /* the kernel has it from the privilege structure */
}

static err_t do_sched_info(const struct call *c, const struct sched_info_request *req,
			   struct sched_info_reply *reply)
{
	const struct row *r = &state.row[req->slot];

	if (r->proc.v == 0)
		return -ENOENT;
	*reply = (struct sched_info_reply){
		.proc = r->proc, .nice = r->nice, .priority = r->priority, .quantum = r->quantum,
		.raised = r->raised,
	};
	return 0;
}

static err_t do_sched_load(const struct call *c, struct sched_load_reply *reply)
{
	for (unsigned i = 0; i < COUNT(reply->average); i++)
		reply->average[i] = state.load[i] << (LOAD_OUT - LOAD_SHIFT);
	return 0;
}

/* ---- balance ---- */

/* Ticks that r, raised, has above the usual priority, before it sinks to that. */
static unsigned lift_of(const struct row *r)
{
	if (r->priority >= PROGRAM_PRIORITY)
		return 0;
	return (PROGRAM_PRIORITY - (unsigned)r->priority) * r->quantum;
}

/* `lift`: what may still be given of LIFT_TICKS. False: r is due, and it does not suffice. */
static bool look_at(struct row *r, unsigned priority, unsigned *lift)
{
	if (priority <= r->priority) {
		if (r->sunk != 0)
			r->sunk = 0;
		return true;
	}
	r->sunk += r->sunk < SUNK_MOST;
	if (r->sunk < SUNK_FOR)
		return true;
	if (lift_of(r) > *lift)
		return false;
	*lift -= lift_of(r);
	if (apply(r) == 0)
		r->raised++;
	r->sunk = 0;
	return true;
}

/* How many of a process group are ready. Two groups far apart may share a number: then they count
 * as one, which takes more than four of each to matter. */
static uint16_t *ready_of(uint32_t group)
{
	static uint16_t ready[READY_GROUPS];

	return &ready[group % READY_GROUPS];
}

static void crowd(struct row *r)
{
	unsigned priority = priority_of(r->nice) + crowd_levels(*ready_of(r->group));

	if (priority >= NR_PRIORITIES)
		priority = NR_PRIORITIES - 1;
	if (r->group == 0 || r->priority == priority)
		return;
	r->priority = (uint8_t)priority;
	if (apply(r) == 0)
		r->sunk = 0;
}

/* Services that are ready work for a program that waits in a call: they count as one, however many
 * answer their heartbeats just now. rs, log and we work for nobody. */
static bool serves(uint32_t slot)
{
	return slot < FIRST_PROGRAM && slot != ID_RS && slot != ID_LOG && slot != ID_SCHED;
}

static void sample(unsigned ready)
{
	for (unsigned i = 0; i < COUNT(state.load); i++)
		state.load[i] = (state.load[i] * decay[i] +
				 (uint64_t)ready * LOAD_ONE * (LOAD_ONE - decay[i])) >> LOAD_SHIFT;
}

static uint64_t next_look;
static endpoint_t accused;              /* rs has not been told of it; slot 0, rs: nobody */

/* If rs is busy, soon again: its alarms may come when ours do, each second. */
static void tell(void)
{
	if (accused.v != 0 && complain_without_waiting(accused, RS_COMPLAINT_CPU,
						       "computes all the time") != -ENOTREADY)
		accused.v = 0;
}

/* Does it compute all the time? Half of the time that has passed suffices: in a virtual machine not
 * all of it comes to us. */
static void watch(struct use *u, const struct proc_info_reply *p)
{
	uint64_t passed = (state.looked_ns - u->since_ns) / TICK_NS;
	uint64_t used = p->user_ticks - u->ticks, all = state.ticks - u->all;

	if (u->called || (u->since_ns != 0 && passed < HOG_TICKS))
		return;
	if (p->user_ticks < u->ticks)           /* another life: from here on */
		u->since_ns = 0;
	if (u->since_ns != 0 && used * 2 >= passed && used * 4 >= all * 3)
		accused = p->proc;
	u->since_ns = state.looked_ns;
	u->ticks = p->user_ticks;
	u->all = state.ticks;
}

static void count(struct row *r, const struct proc_info_reply *p)
{
	uint32_t now = (uint32_t)p->user_ticks;

	if (now == r->ticks)
		return;
	state.ticks += now > r->ticks ? now - r->ticks : now;
	r->ticks = now;
}

static void look(void)
{
	static uint8_t priority[NR_PROCS];
	unsigned programs = 0, services = 0, lift = LIFT_TICKS, next = 0;

	memset(ready_of(0), 0, READY_GROUPS * sizeof(*ready_of(0)));
	for (uint32_t slot = 0; slot < NR_PROCS; slot++) {
		struct proc_info_request req = { .slot = slot };
		struct row *r = &state.row[slot];
		struct proc_info_reply p;

		if (r->proc.v == 0 || sys_proc_info(&req, &p) != 0)
			continue;
		if (!endpoint_eq(r->proc, p.proc)) {    /* H1 */
			r->proc = (endpoint_t){ 0 };
			continue;
		}
		programs += p.state == 0 && slot >= FIRST_PROGRAM;
		services += p.state == 0 && serves(slot);
		*ready_of(r->group) += p.state == 0;
		count(r, &p);
		if (slot < FIRST_PROGRAM)
			watch(&state.use[slot], &p);
		priority[slot] = p.priority;
	}
	for (unsigned n = 0; n < NR_PROCS; n++) {
		unsigned i = (state.first + n) % NR_PROCS;

		if (state.row[i].proc.v == 0)
			continue;
		if (!look_at(&state.row[i], priority[i], &lift) && next == 0)
			next = i;
		crowd(&state.row[i]);
		undo_commit();                          /* each row stands for itself */
	}
	state.first = next;
	if (state.looked_ns - state.sampled_ns >= SAMPLE_NS) {
		state.sampled_ns = state.looked_ns;
		sample(programs + (services > 0));
	}
}

static void set_alarm(void)
{
	struct alarm_set_request req = { .deadline_ns = next_look };

	if (accused.v != 0)
		req.deadline_ns = clock_monotonic_ns() + RETRY_NS;
	if (sys_alarm_set(&req) != 0)
		assert(!"sched may set its alarm");
}

static void on_alarm(void)
{
	uint64_t now = clock_monotonic_ns();

	if (now >= next_look) {
		state.looked_ns = now;
		look();
		next_look = now + LOOK_NS;
	}
	tell();
	set_alarm();
}

/* At each heartbeat. An alarm that is lost would be the last: who has sunk would starve. */
static void audit(void)
{
	uint64_t now = clock_monotonic_ns();

	if (next_look > now && next_look - now <= LOOK_NS)
		return;
	next_look = now;
	on_alarm();
}

/* ---- start ---- */

static void init(enum start_kind kind)
{
	next_look = clock_monotonic_ns() + LOOK_NS;
	set_alarm();
}

static err_t check(void)
{
	for (unsigned i = 0; i < NR_PROCS; i++) {
		struct row *r = &state.row[i];

		if (r->proc.v == 0 || (endpoint_slot(r->proc) == i && r->quantum != 0 &&
				       r->priority < NR_PRIORITIES))
			continue;
		print("recovery: process in slot %u is forgotten, it keeps its priority\n", i);
		*r = (struct row){ .nice = 0 };
	}
	return 0;
}

static size_t summary(char *to, size_t size)
{
	unsigned known = 0, raised = 0;

	for (unsigned i = 0; i < NR_PROCS; i++) {
		known += state.row[i].proc.v != 0;
		raised += state.row[i].raised;
	}
	return format(to, size, "%u processes known, raised %u times\n", known, raised);
}

int main(void)
{
	static const struct sched_ops ops = {
		.program = do_sched_program, .service = do_sched_service, .info = do_sched_info,
		.load = do_sched_load,
	};
	static const struct server sched = {
		.name = "sched", .serves = { { .contract = &sched_contract, .ops = &ops } },
		.init = init, .check = check, .on_alarm = on_alarm, .audit = audit,
		.summary = summary, .offended = complain_of_request_from_below,
	};

	server_run(&sched);
}
