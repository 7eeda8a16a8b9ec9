/* SPDX-License-Identifier: BSD-2-Clause
 * proc_create.c - SYS_PROC_CREATE: make a slot a process, stopped.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

/* A slot that holds exactly this process already is left alone: the call is idempotent. */
static bool slot_is_busy(const struct proc *p, endpoint_t e)
{
	return !endpoint_eq(p->ep, ENDPOINT_NONE) && !endpoint_eq(p->ep, e);
}

static void fill(struct proc *p, const struct proc_create_request *req)
{
	const struct priv_desc *d = &privs[req->priv].desc;

	*p = (struct proc){
		.regs = { .rdi = req->arg, .rip = req->entry, .rsp = req->stack,
			  .fs_base = req->fs_base, .orig_rax = UINT64_MAX },
		.flags = PROC_FULL,
		.state = STATE_NEW,
		.ep = req->proc,
		.serial = p->serial,
		.owner = req->owner,
		.slot = p->slot,
		.program = p->program,
		.rank = d->rank,
		.priority = d->priority,
		.base_priority = d->priority,
		.quantum = d->quantum,
		.ticks_left = d->quantum,
		.space = &spaces[req->space],
		.priv = &privs[req->priv],
	};
	regs_sanitize(&p->regs);
	ext_reset(p);
	spaces[req->space].users++;
}

err_t do_proc_create(struct proc *caller, const struct proc_create_request *req)
{
	uint32_t slot = endpoint_slot(req->proc);
	bool program = slot >= FIRST_PROGRAM;
	unsigned right = program ? RIGHT_MANAGE_PROGRAMS : RIGHT_MANAGE_SERVICES;

	if (slot >= NR_PROCS || slot == PRIV_PROGRAM || !space_find(req->space))
		return -EINVAL;
	if (req->priv != (program ? (unsigned)PRIV_PROGRAM : slot) ||
	    req->priv != spaces[req->space].priv)
		return -EINVAL;
	if (!(caller->priv->desc.rights & right))
		return -EPERM;
	if (req->entry >= USER_END || req->stack >= USER_END || req->fs_base >= USER_END)
		return -EINVAL;
	if (slot_is_busy(&procs[slot], req->proc))
		return -EEXIST;
	if (endpoint_eq(procs[slot].ep, req->proc))
		return 0;

	fill(&procs[slot], req);
	return 0;
}
