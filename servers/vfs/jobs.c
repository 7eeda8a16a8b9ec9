/* SPDX-License-Identifier: BSD-2-Clause
 * jobs.c - what pm has for vfs to do: ends of processes, and the first one.
 *
 * Job:      pulls jobs; closes what a dead process had open; starts the first process when there is
 *           a root and a console.
 * Speaks:   contracts/pm (job_next).
 * Touches:  state.process.
 * Trusts:   pm.
 * On crash: a job is finished by asking for the next one; until then pm gives it again. After a
 *           fresh start of ours pm ends all programs; after one of pm's we close all they had open.
 */
#include "vfs.h"

#define INIT_PATIENCE_NS 3000000000ull  /* for services that come later than the root */

static void init_begin(endpoint_t proc, uint32_t pid)
{
	state.init_proc = proc;
	state.init_pid = pid;
	state.init_job = 1;
	init_look();
}

/* pm has begun afresh, and all that it knew of has ended. */
static void another_pm(void)
{
	for (unsigned i = FIRST_PROGRAM; i < NR_PROCS; i++)
		if (state.process[i].who.v != 0) {
			process_gone(&state.process[i]);
			undo_commit();
		}
	orphans_look();
	table_unplan();
	state.pm = pm.at;
}

static bool next_job(struct pm_job_next_request *req, struct pm_job_next_reply *job)
{
	err_t err = pm_job_next(&pm, req, job);

	if ((err == 0 || err == -ENOENT) && !endpoint_eq(pm.at, state.pm))
		another_pm();
	return err == 0;
}

/* pm ends what programs there are when it sees another vfs. The job that it has is taken later: who
 * dies before he is ready begins afresh as the same, and is to find it. */
void jobs_announce(void)
{
	struct pm_job_next_request req = { .done = 0 };
	struct pm_job_next_reply job;

	next_job(&req, &job);
}

void jobs_pull(void)
{
	struct pm_job_next_request req = { .done = state.job_done };
	struct pm_job_next_reply job;

	while (next_job(&req, &job)) {
		struct process *p = process_of(job.proc);

		if (job.kind == PM_JOB_EXIT && p != NULL) {
			process_gone(p);
			orphans_look();
		} else if (job.kind == PM_JOB_INIT) {
			init_begin(job.proc, job.pid);
		}
		state.job_done = job.job;
		req.done = job.job;
		undo_commit();
	}
	rows_run();
}

/* Can the first process begin? Called when a mount or a service has come, and by the alarm. */
void init_look(void)
{
	unsigned root = state.mount[state.root_mount].root;
	uint64_t now = clock_monotonic_ns();
	struct process *p;
	struct row *r;

	if (!state.init_job || root == 0)
		return;
	if (state.init_wait_ns == 0)
		state.init_wait_ns = now + INIT_PATIENCE_NS;
	if (now < state.init_wait_ns && (mounts_pending() || !char_server(CHARDEV_DEVICE(5, 1)))) {
		alarm_plan();
		return;
	}
	state.init_job = 0;
	state.init_wait_ns = 0;
	p = &state.process[endpoint_slot(state.init_proc) % NR_PROCS];
	memset(p, 0, sizeof(*p));
	p->who = state.init_proc;
	p->pid = state.init_pid;
	p->umask = 022;
	p->table = (uint16_t)table_new();
	p->cwd = p->root = (uint16_t)root;
	inode_hold(root);
	inode_hold(root);
	r = row_internal(ROW_INIT, TYPE_EXEC_INIT);
	r->owner = state.init_proc;
	row_ready(r);
}
