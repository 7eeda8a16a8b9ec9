/* SPDX-License-Identifier: BSD-2-Clause
 * table.c - rows of threads and processes.
 *
 * Job:      finds, makes and frees rows; tells the kernel the ids that it answers at once.
 * Speaks:   kernel call proc_public_set.
 * Touches:  state.thread, state.process.
 * Trusts:   nothing in an id that comes from outside.
 * On crash: rows are state.
 */
#include "pm.h"
#include <lib/assert.h>

unsigned process_index(const struct process *p)
{
	return (unsigned)(p - state.process);
}

struct thread *thread_of(endpoint_t e)
{
	uint32_t slot = endpoint_slot(e);
	struct thread *t;

	if (slot < FIRST_PROGRAM || slot >= NR_PROCS)
		return NULL;
	t = &state.thread[slot - FIRST_PROGRAM];
	return t->alive && t->generation == endpoint_gen(e) ? t : NULL;
}

struct thread *thread_by_tid(uint32_t tid)
{
	uint32_t i = tid % TID_STEP;

	if (tid == 0 || i >= NR_THREADS)
		return NULL;
	return state.thread[i].tid == tid ? &state.thread[i] : NULL;
}

struct process *process_of(const struct thread *t)
{
	return &state.process[t->process];
}

struct process *process_by_pid(uint32_t pid)
{
	struct thread *t = thread_by_tid(pid);
	struct process *p = t ? process_of(t) : NULL;

	return p && p->pid == pid && p->state != PROCESS_FREE ? p : NULL;
}

/* A process whose state cannot be lives if it has threads, is ending if it has its number still
 * (Q2), else it is none. */
static void state_check(struct process *p, unsigned threads, const char *when)
{
	if (p->state <= PROCESS_ZOMBIE)
		return;
	print("%s: process %u was in state %u, which cannot be\n", when, p->pid, p->state);
	p->state = threads != 0 ? PROCESS_LIVE :
		   thread_by_tid(p->pid) != NULL ? PROCESS_EXITING : PROCESS_FREE;
}

static uint32_t tid_made(unsigned i, uint32_t generation)
{
	return ((generation - 1) * TID_STEP + i) % (1u << 22);
}

void processes_count(const char *when)
{
	static uint16_t count[NR_PROCESSES];

	memset(count, 0, sizeof(count));
	for (unsigned i = 0; i < NR_THREADS; i++)
		if (state.thread[i].alive) {
			assert(state.thread[i].process < NR_PROCESSES);
			count[state.thread[i].process]++;
		}
	for (unsigned i = 0; i < NR_PROCESSES; i++) {
		struct process *p = &state.process[i];

		state_check(p, count[i], when);
		if (p->state == PROCESS_FREE || p->threads == count[i])         /* Q3 */
			continue;
		print("%s: process %u had %u threads, it has %u\n", when, p->pid, p->threads,
		      count[i]);
		p->threads = count[i];
	}
}

struct thread *next_thread(const struct process *p, struct thread *after)
{
	struct thread *leader = thread_by_tid(p->pid);
	unsigned me = process_index(p);

	if (p->threads == 0)
		return NULL;
	if (p->threads == 1 && leader && leader->alive) /* nearly always */
		return after ? NULL : leader;
	for (unsigned i = after ? thread_index(after) + 1 : 0; i < NR_THREADS; i++)
		if (state.thread[i].alive && state.thread[i].process == me)
			return &state.thread[i];
	return NULL;
}

struct thread *thread_new(struct process *p)
{
	unsigned first = state.next_thread;

	for (unsigned n = 0; n < NR_THREADS; n++) {
		unsigned i = (first + n) % NR_THREADS;
		struct thread *t = &state.thread[i];
		uint32_t generation = (t->generation + 1) & 0xfffff;
		uint32_t tid = tid_made(i, generation);

		if (t->tid != 0)
			continue;
		state.next_thread = (uint16_t)(i + 1);
		if (tid == 0) {                 /* nobody is 0: the row's first use is skipped */
			t->generation = generation;
			continue;
		}
		*t = (struct thread){ .generation = generation, .alive = 1,
				      .tid = tid, .wait = WAIT_NOT,
				      .process = (uint16_t)process_index(p) };
		p->threads++;
		return t;
	}
	return NULL;
}

struct process *process_new(void)
{
	for (unsigned i = 0; i < NR_PROCESSES; i++)
		if (state.process[i].state == PROCESS_FREE)
			return &state.process[i];
	return NULL;
}

bool process_has_pid_row(const struct thread *t)
{
	return process_of(t)->pid == t->tid;
}

void thread_free(struct thread *t)
{
	queue_flush(NULL, t);
	exec_space_drop(t);
	if (process_of(t)->threads != 0)
		process_of(t)->threads--;
	t->alive = 0;
	if (!process_has_pid_row(t))
		t->tid = 0;
}

void process_free(struct process *p)
{
	struct thread *row = thread_by_tid(p->pid);

	if (row)
		row->tid = 0;
	queue_flush(p, NULL);
	p->state = PROCESS_FREE;
}

static void publish(const struct thread *t, unsigned first, unsigned count, const uint32_t *word)
{
	struct proc_public_set_request req = { .proc = endpoint_of(t), .first = first,
					       .count = count };

	for (unsigned i = 0; i < count; i++)
		req.word[i] = word[i];
	if (sys_proc_public_set(&req) != 0)
		return;                 /* it has just died; nobody will ask */
}

void publish_ids(struct thread *t)
{
	const struct process *p = process_of(t);
	uint32_t parent = state.process[p->parent].pid;
	uint32_t word[NR_PUBLIC] = {
		[PUBLIC_PID] = p->pid, [PUBLIC_TID] = t->tid, [PUBLIC_PPID] = parent,
		[PUBLIC_UID] = p->uid, [PUBLIC_EUID] = p->euid, [PUBLIC_GID] = p->gid,
		[PUBLIC_EGID] = p->egid, [PUBLIC_PGID] = p->pgid, [PUBLIC_SID] = p->sid,
		[PUBLIC_FSUID] = p->fsuid, [PUBLIC_FSGID] = p->fsgid,
	};

	publish(t, 0, 8, word);
	publish(t, 8, NR_PUBLIC - 8, word + 8);
}

void publish_process(struct process *p)
{
	FOR_THREADS(p, t)
		publish_ids(t);
}

struct cpu thread_cpu(const struct thread *t)
{
	struct proc_info_request req = { .slot = FIRST_PROGRAM + thread_index(t) };
	struct proc_info_reply reply;

	if (sys_proc_info(&req, &reply) != 0)
		return (struct cpu){ 0, 0 };
	return (struct cpu){ reply.user_ticks, reply.system_ticks };
}

struct cpu process_cpu(const struct process *p)
{
	struct cpu sum = p->dead_cpu;

	FOR_THREADS(p, t)
		sum = cpu_sum(sum, thread_cpu(t));
	return sum;
}
