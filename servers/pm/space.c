/* SPDX-License-Identifier: BSD-2-Clause
 * space.c - what a request that failed or was rolled back had made.
 *
 * Job:      frees the space of an execve that does not come to its end; after a recovery the
 *           processes and spaces that a rolled back fork or execve had made; after a fresh start
 *           all that there are.
 * Speaks:   vm.space_free, vm.detach; kernel calls proc_info, proc_destroy.
 * Touches:  thread.exec_space.
 * Trusts:   vm not to free a space that a process uses.
 * On crash: done again; a space that is gone is no error.
 */
#include "pm.h"

enum { GENERATION_SHIFT = 26 };            /* of ns: no slot is used so often */

static err_t space_free(unsigned space)
{
	struct vm_space_free_request req = { .space = (uint16_t)space };

	return vm_space_free(&vm, &req);
}

void exec_space_drop(struct thread *t)
{
	if (t->exec_space != 0 && space_free(t->exec_space) == -EBUSY)
		print("space %u of an execve is in use\n", t->exec_space);
	t->exec_space = 0;
}

/* Else the next child in that slot would find a process, with another space than it is given. */
static void processes_sweep(void)
{
	for (unsigned i = 0; i < NR_THREADS; i++) {
		struct proc_info_request req = { .slot = FIRST_PROGRAM + i };
		struct proc_info_reply reply;

		if (!state.thread[i].alive && sys_proc_info(&req, &reply) == 0 &&
		    reply.proc.v != ENDPOINT_NONE.v)
			proc_end(reply.proc);
	}
}

/* At a fresh start that is not the first one: programs of which this life knows nothing. Who held
 * one's endpoint shall not take a new one for it. */
void programs_sweep(void)
{
	struct proc_info_request req = { .slot = ID_PM };
	struct proc_info_reply us;

	if (sys_proc_info(&req, &us) != 0 || endpoint_gen(us.proc) == FIRST_GENERATION)
		return;
	spaces_sweep();
	for (unsigned i = 0; i < NR_THREADS; i++)
		state.thread[i].generation = (uint32_t)(clock_monotonic_ns() >> GENERATION_SHIFT);
}

/* Nobody else makes spaces, and nothing is under way now: what we do not know of and no process
 * uses was made for a request that has been rolled back. */
void spaces_sweep(void)
{
	static bool known[NR_SPACES];

	processes_sweep();

	for (unsigned i = 0; i < NR_THREADS; i++)
		known[state.thread[i].exec_space % NR_SPACES] = true;
	for (unsigned i = 0; i < NR_PROCESSES; i++)
		if (state.process[i].state != PROCESS_FREE)
			known[state.process[i].space % NR_SPACES] = true;
	for (unsigned space = FIRST_PROGRAM; space < NR_SPACES; space++)
		if (!known[space] && space_free(space) == -EBUSY)
			continue;       /* attached already: goes with the process */
}
