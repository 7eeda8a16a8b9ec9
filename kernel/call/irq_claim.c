/* SPDX-License-Identifier: BSD-2-Clause
 * irq_claim.c - SYS_IRQ_CLAIM: bind an interrupt line to a bit of the caller.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

err_t do_irq_claim(struct proc *caller, const struct irq_claim_request *req,
		   struct irq_claim_reply *rep)
{
	err_t err = line_claim(caller->priv, req->line, req->bit, req->flags);

	if (!err && req->line >= LINE_MSI)
		line_msi(req->line, &rep->msi_address, &rep->msi_data);
	return err;
}
