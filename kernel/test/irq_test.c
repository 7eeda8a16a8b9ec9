/* SPDX-License-Identifier: BSD-2-Clause
 * irq_test.c - interrupt lines, message-signalled ones, port I/O.
 */
#include <tests/unit.h>

#include "host/fake.h"

static struct port_op *op(unsigned i)
{
	return (struct port_op *)fake_at(driver, RAM_VA) + i;
}

static void t_line(void)
{
	fake_cast();
	GIVES(0, driver, irq_claim, .line = DRIVER_LINE, .bit = 7, .flags = LINE_LEVEL | LINE_LOW);
	CHECK(fake_lines[DRIVER_LINE].masked);
	CHECK_EQ(fake_lines[DRIVER_LINE].flags, LINE_LEVEL | LINE_LOW);
	GIVES(0, driver, irq_ack, .line = DRIVER_LINE);
	CHECK(!fake_lines[DRIVER_LINE].masked);
	fake_interrupt(DRIVER_LINE);
	CHECK(fake_lines[DRIVER_LINE].masked);
	fake_receive(driver, ENDPOINT_ANY);
	CHECK_EQ(driver->msg.w[1], BIT(7));
	GIVES(0, driver, irq_ack, .line = DRIVER_LINE);
	CHECK(!fake_lines[DRIVER_LINE].masked);
}

static void t_shared(void)
{
	fake_cast();
	privs[PM].desc.lines[3] = DRIVER_LINE;
	GIVES(0, driver, irq_claim, .line = DRIVER_LINE, .bit = 0, .flags = LINE_LEVEL);
	GIVES(0, pm, irq_claim, .line = DRIVER_LINE, .bit = 63, .flags = LINE_LEVEL);
	GIVES(0, driver, irq_ack, .line = DRIVER_LINE);
	CHECK(fake_lines[DRIVER_LINE].masked);
	GIVES(0, pm, irq_ack, .line = DRIVER_LINE);
	CHECK(!fake_lines[DRIVER_LINE].masked);
	fake_interrupt(DRIVER_LINE);
	CHECK_EQ(privs[PM].lines, BIT(63));
	CHECK_EQ(privs[DRIVER].lines, BIT(0));
	GIVES(0, driver, irq_ack, .line = DRIVER_LINE);
	CHECK(fake_lines[DRIVER_LINE].masked);
	GIVES(0, rs, proc_destroy, .proc = pm->ep);     /* a claimant that dies holds nothing up */
	CHECK(!fake_lines[DRIVER_LINE].masked);
	GIVES(0, rs, proc_destroy, .proc = driver->ep);
	CHECK(fake_lines[DRIVER_LINE].masked);
	fake_interrupt(DRIVER_LINE);
	CHECK_EQ(privs[DRIVER].lines | privs[PM].lines, 0);
}

/* What comes while it is masked would be lost. */
static void t_edge(void)
{
	fake_cast();
	GIVES(0, driver, irq_claim, .line = DRIVER_LINE, .bit = 7);
	CHECK(fake_lines[DRIVER_LINE].masked);
	GIVES(0, driver, irq_ack, .line = DRIVER_LINE);
	fake_interrupt(DRIVER_LINE);
	CHECK(!fake_lines[DRIVER_LINE].masked);
	fake_receive(driver, ENDPOINT_ANY);
	CHECK_EQ(driver->msg.w[1], BIT(7));
	fake_interrupt(DRIVER_LINE);
	CHECK_EQ(privs[DRIVER].lines, BIT(7));
	GIVES(0, driver, irq_ack, .line = DRIVER_LINE);
	CHECK(!fake_lines[DRIVER_LINE].masked);
}

static void t_msi(void)
{
	fake_cast();
	GIVES(0, driver, irq_claim, .line = DRIVER_MSI, .bit = 3);
	CHECK_EQ(REPLY(irq_claim)->msi_address, 0xfee00000);
	CHECK_EQ(REPLY(irq_claim)->msi_data, DRIVER_MSI);
	fake_interrupt(DRIVER_MSI);
	fake_interrupt(DRIVER_MSI);
	CHECK_EQ(privs[DRIVER].lines, BIT(3));
	CHECK(!fake_lines[DRIVER_MSI].masked);
}

static void t_claim_refused(void)
{
	fake_cast();
	GIVES(ERANGE, driver, irq_claim, .line = LINE_MSI + NR_MSI, .bit = 0);
	GIVES(ERANGE, driver, irq_claim, .line = LINE_NONE, .bit = 0);
	GIVES(ERANGE, driver, irq_claim, .line = DRIVER_LINE, .bit = 64);
	GIVES(EPERM, driver, irq_claim, .line = DRIVER_LINE + 1, .bit = 0);
	GIVES(EPERM, pm, irq_claim, .line = DRIVER_LINE, .bit = 0);
	GIVES(0, driver, irq_claim, .line = DRIVER_LINE, .bit = 1);
	GIVES(0, driver, irq_claim, .line = DRIVER_LINE, .bit = 1);
	GIVES(EEXIST, driver, irq_claim, .line = DRIVER_LINE, .bit = 2);
	GIVES(ERANGE, driver, irq_ack, .line = LINE_MSI + NR_MSI);
	GIVES(EPERM, driver, irq_ack, .line = DRIVER_LINE + 1);
	GIVES(EPERM, pm, irq_ack, .line = DRIVER_LINE);
	CHECK(fake_lines[DRIVER_LINE].masked);
}

static void t_rights_change(void)
{
	struct priv_desc *d;

	fake_cast();
	GIVES(0, driver, irq_claim, .line = DRIVER_LINE, .bit = 1);
	GIVES(0, driver, irq_ack, .line = DRIVER_LINE);
	d = fake_at(rs, RAM_VA);
	*d = privs[DRIVER].desc;
	d->lines[0] = LINE_NONE;
	GIVES(0, rs, priv_set, .priv = DRIVER, .address = RAM_VA);
	CHECK(fake_lines[DRIVER_LINE].masked);
	fake_interrupt(DRIVER_LINE);
	CHECK_EQ(privs[DRIVER].lines, 0);
}

static void t_ports(void)
{
	fake_cast();
	*op(0) = (struct port_op){ DRIVER_PORT, 1, 1, 0x55 };
	*op(1) = (struct port_op){ DRIVER_PORT, 1, 0, 0 };
	*op(2) = (struct port_op){ DRIVER_PORT, 4, 1, 0x12345678 };
	*op(3) = (struct port_op){ DRIVER_PORT, 2, 0, 0 };
	GIVES(0, driver, port_io, .address = RAM_VA, .count = 4);
	CHECK_EQ(REPLY(port_io)->done, 4);
	CHECK_EQ(op(1)->value, 0x55);
	CHECK_EQ(op(3)->value, 0x5678);
	CHECK_EQ(fake_port_writes, 2);
	GIVES(0, driver, port_io, .address = RAM_VA, .count = 0);
}

static void t_ports_refused(void)
{
	fake_cast();
	*op(0) = (struct port_op){ DRIVER_PORT, 1, 1, 1 };
	*op(1) = (struct port_op){ DRIVER_PORT + 3, 2, 1, 1 };  /* the second byte is not listed */
	GIVES(EPERM, driver, port_io, .address = RAM_VA, .count = 2);
	CHECK_EQ(fake_port_writes, 0);
	*op(1) = (struct port_op){ 0xffff, 4, 1, 1 };
	GIVES(EPERM, driver, port_io, .address = RAM_VA, .count = 2);
	*op(1) = (struct port_op){ DRIVER_PORT, 3, 1, 1 };
	GIVES(EINVAL, driver, port_io, .address = RAM_VA, .count = 2);
	GIVES(EINVAL, driver, port_io, .address = RAM_VA, .count = PORT_OPS_MAX + 1);
	*(struct port_op *)fake_at(pm, RAM_VA) = *op(0);
	GIVES(EPERM, pm, port_io, .address = RAM_VA, .count = 1);
	GIVES(EFAULT, driver, port_io, .address = TEXT_VA, .count = 1);
	GIVES(EFAULT, driver, port_io, .address = 0, .count = 1);
	GIVES(EFAULT, driver, port_io, .address = RAM_VA + RAM_PAGES * PAGE_SIZE - 8, .count = 2);
	GIVES(EFAULT, driver, port_io, .address = UINT64_MAX - 7, .count = 2);
	CHECK_EQ(fake_port_writes, 0);
}

int main(void)
{
	TEST("a line notifies, and stays masked until it is acknowledged", t_line);
	TEST("a shared line opens when all have acknowledged or died", t_shared);
	TEST("an edge-triggered line stays open between interrupt and acknowledgement", t_edge);
	TEST("a message-signalled interrupt is never masked", t_msi);
	TEST("lines are claimed by manifest only, with one bit", t_claim_refused);
	TEST("a claim goes with the right to it", t_rights_change);
	TEST("ports are read and written in order", t_ports);
	TEST("nothing is done if one port is not listed or the vector is bad", t_ports_refused);
	return test_result();
}
