/* SPDX-License-Identifier: BSD-2-Clause
 * proc_create.c - SYS_PROC_CREATE: make a slot a process, stopped.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

err_t do_proc_create(struct proc *caller, const struct proc_create_request *req)
{
	uint32_t slot = endpoint_slot(req->proc);
	struct proc *p = slot < NR_PROCS ? &procs[slot] : NULL, *like = NULL;
	struct user_regs regs = { .rdi = req->arg, .rip = req->entry, .rsp = req->stack,
				  .fs_base = req->fs_base, .orig_rax = UINT64_MAX };
	const struct priv_desc *d;
	struct sched sched;
	err_t err = 0;

	if (!p || slot == PRIV_PROGRAM || !space_find(req->space) ||
	    req->priv != (unsigned)(p->priv - privs) || req->priv != spaces[req->space].priv)
		return -EINVAL;
	if (!(caller->priv->desc.rights & right_over(p)))
		return -EPERM;
	if (!regs_sanitize(&regs) || req->stack >= USER_END)
		return -EINVAL;
	if (endpoint_eq(p->ep, req->proc))
		return 0;               /* done before */
	if (!endpoint_eq(p->ep, ENDPOINT_NONE))
		return -EEXIST;
	if (req->like.v)
		err = controlled(caller, req->like, MANAGED, &like);
	if (err)
		return err;

	d = &p->priv->desc;
	sched = like ? like->sched : p->sched;          /* fork; exec: what was in the slot */
	if (!p->program || sched.quantum == 0)
		sched = (struct sched){ d->priority, d->priority, d->quantum,
					.ticks_left = -d->quantum };
	*p = (struct proc){
		.regs = regs, .flags = PROC_FULL, .state = STATE_NEW,
		.ep = req->proc, .serial = p->serial, .owner = req->owner,
		.slot = p->slot, .program = p->program, .rank = d->rank, .sched = sched,
		.space = &spaces[req->space], .priv = p->priv,
	};
	p->space->users++;
	if (like) {
		memcpy(ext_state(p), ext_state(like), ext_size);
		p->sched.ticks_left = (int16_t)-__builtin_abs(sched.ticks_left / 2);
		like->sched.ticks_left -= sched.ticks_left / 2;
	}
	return 0;
}
