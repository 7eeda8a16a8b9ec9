/* SPDX-License-Identifier: BSD-2-Clause
 * irq_ack.c - SYS_IRQ_ACK: done with an interrupt.
 *
 * Job:      the handler of one kernel call; contracts/kernel.contract says what it does.
 * On crash: the kernel does not crash; kassert stops the machine.
 */
#include <kernel/call/call.h>

err_t do_irq_ack(struct proc *caller, const struct irq_ack_request *req)
{
	return line_ack(caller->priv, req->line);
}
