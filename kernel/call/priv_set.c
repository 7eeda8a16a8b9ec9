/* SPDX-License-Identifier: BSD-2-Clause
 * priv_set.c - SYS_PRIV_SET: fill a privilege structure.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

/* Who gives rights keeps that one. Who its guardian is and what that may stays while that lives:
 * nobody else could mend it. */
static bool may_set(const struct proc *caller, unsigned priv, const struct priv_desc *d)
{
	unsigned guardian = caller->priv->desc.guardian;
	bool guarded = guardian != caller->slot && service_proc(guardian);

	if (caller->priv != &privs[priv])
		return !guarded || priv != guardian;
	return d->calls & BIT(SYS_PRIV_SET - IPC_SENDREC) && (!guarded || d->guardian == guardian);
}

err_t do_priv_set(struct proc *caller, const struct priv_set_request *req)
{
	static struct priv_desc d;

	if (copy_from_proc(caller, &d, req->address, sizeof(d)))
		return -EFAULT;
	/* I7: programs call, and nothing else. */
	if (req->priv >= NR_PRIVS || d.guardian >= NR_PRIVS || d.quantum - 1u >= QUANTUM_MAX ||
	    d.rank >= 16 || d.personality >= NR_PERSONALITIES || d.priority >= NR_PRIORITIES ||
	    !may_set(caller, req->priv, &d) ||
	    (req->priv == PRIV_PROGRAM && d.primitives & ~BIT(IPC_SENDREC - IPC_SENDREC)))
		return -EINVAL;

	lines_release(&privs[req->priv]);
	privs[req->priv].desc = d;
	return 0;
}
