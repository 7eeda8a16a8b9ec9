/* SPDX-License-Identifier: BSD-2-Clause
 * priv_test.c - privileges, routes, the manifest's list of calls, clock, boot info, trace.
 */
#include <string.h>
#include <tests/unit.h>

#include "host/fake.h"

static void t_calls_by_manifest(void)
{
	fake_cast();
	for (unsigned n = 0; n < NR_KERNEL_CALLS; n++) {
		if (!kernel_call_name[n])
			continue;
		privs[VFS].desc.calls = ~BIT(n);
		CHECK_EQ(fake_call(vfs, kernel_call_name[n], NULL, 0), -EPERM);
		CHECK_EQ(fake_call(prog, kernel_call_name[n], NULL, 0), -EPERM);
	}
	privs[VFS].desc.calls = UINT64_MAX;
	for (unsigned n = NR_IPC; n < NR_KERNEL_CALLS; n++)
		if (!kernel_call_name[n])
			CHECK_EQ(fake_syscall(vfs, SYS_FIRST + n), -ENOSYS);
}

static struct priv_desc *desc(void)
{
	return fake_at(rs, RAM_VA);
}

static void t_priv_set(void)
{
	fake_cast();
	*desc() = privs[VFS].desc;
	desc()->rank = 4;
	desc()->calls = 5;
	GIVES(0, rs, priv_set, .priv = 20, .address = RAM_VA);
	CHECK_EQ(privs[20].desc.rank, 4);
	CHECK_EQ(privs[20].desc.calls, 5);
	*desc() = (struct priv_desc){ 0 };
	GIVES(0, rs, priv_get, .priv = 20, .address = RAM_VA);
	CHECK_EQ(desc()->calls, 5);
	GIVES(EINVAL, rs, priv_get, .priv = NR_PRIVS, .address = RAM_VA);
	GIVES(EFAULT, rs, priv_get, .priv = 20, .address = 0);
	GIVES(EINVAL, rs, priv_set, .priv = NR_PRIVS, .address = RAM_VA);
	GIVES(EFAULT, rs, priv_set, .priv = 20, .address = 0);
	GIVES(EFAULT, rs, priv_set, .priv = 20, .address = RAM_VA + RAM_PAGES * PAGE_SIZE - 8);
}

static void t_priv_set_of_its_own(void)
{
	uint64_t this = BIT(SYS_PRIV_SET - IPC_SENDREC);

	fake_cast();
	*desc() = privs[RS].desc;
	desc()->calls = ~this;
	GIVES(EINVAL, rs, priv_set, .priv = RS, .address = RAM_VA);
	CHECK_EQ(privs[RS].desc.calls & this, this);
	desc()->calls = this;
	GIVES(0, rs, priv_set, .priv = RS, .address = RAM_VA);
	CHECK_EQ(privs[RS].desc.calls, this);
	desc()->guardian = LOG;
	GIVES(0, rs, priv_set, .priv = RS, .address = RAM_VA);
	desc()->guardian = VFS;
	GIVES(EINVAL, rs, priv_set, .priv = RS, .address = RAM_VA);
	CHECK_EQ(privs[RS].desc.guardian, LOG);
	GIVES(EINVAL, rs, priv_set, .priv = LOG, .address = RAM_VA);
	proc_end(&procs[LOG]);
	GIVES(0, rs, priv_set, .priv = LOG, .address = RAM_VA);
	GIVES(0, rs, priv_set, .priv = RS, .address = RAM_VA);
	CHECK_EQ(privs[RS].desc.guardian, VFS);
}

static void t_priv_set_fields(void)
{
	struct priv_desc good;

	fake_cast();
	good = privs[VFS].desc;
	*desc() = good;
	desc()->rank = 16;
	GIVES(EINVAL, rs, priv_set, .priv = 20, .address = RAM_VA);
	*desc() = good;
	desc()->personality = NR_PERSONALITIES;
	GIVES(EINVAL, rs, priv_set, .priv = 20, .address = RAM_VA);
	*desc() = good;
	desc()->guardian = NR_PRIVS;
	GIVES(EINVAL, rs, priv_set, .priv = 20, .address = RAM_VA);
	*desc() = good;
	desc()->priority = NR_PRIORITIES;
	GIVES(EINVAL, rs, priv_set, .priv = 20, .address = RAM_VA);
	*desc() = good;
	desc()->quantum = 0;
	GIVES(EINVAL, rs, priv_set, .priv = 20, .address = RAM_VA);
	*desc() = good;
	desc()->quantum = QUANTUM_MAX + 1;
	GIVES(EINVAL, rs, priv_set, .priv = 20, .address = RAM_VA);
	*desc() = good;                         /* I7: programs only call */
	GIVES(EINVAL, rs, priv_set, .priv = PRIV_PROGRAM, .address = RAM_VA);
	desc()->primitives = 1;
	GIVES(0, rs, priv_set, .priv = PRIV_PROGRAM, .address = RAM_VA);
	CHECK_EQ(privs[20].desc.quantum, 0);
}

static void t_route_set(void)
{
	uint16_t *r;

	fake_cast();
	r = fake_at(rs, RAM_VA);
	r[0] = ROUTE_SERVER | DRIVER;
	r[1] = ROUTE_PUBLIC | (NR_PUBLIC - 1);
	r[2] = ROUTE_ENOSYS;
	GIVES(0, rs, route_set, .personality = 0, .first = NR_ROUTES - 3, .count = 3,
	      .address = RAM_VA);
	CHECK_EQ(routes[0][NR_ROUTES - 3], ROUTE_SERVER | DRIVER);
	CHECK_EQ(routes[0][NR_ROUTES - 2], ROUTE_PUBLIC | (NR_PUBLIC - 1));
	CHECK_EQ(routes[0][NR_ROUTES - 1], ROUTE_ENOSYS);
	GIVES(EINVAL, rs, route_set, .personality = 2, .first = 0, .count = 1, .address = RAM_VA);
	GIVES(EINVAL, rs, route_set, .first = NR_ROUTES - 2, .count = 3, .address = RAM_VA);
	GIVES(EINVAL, rs, route_set, .first = UINT16_MAX, .count = 1, .address = RAM_VA);
	GIVES(EINVAL, rs, route_set, .first = 0, .count = UINT16_MAX, .address = RAM_VA);
	r[1] = NR_PRIVS;
	GIVES(EINVAL, rs, route_set, .first = 5, .count = 2, .address = RAM_VA);
	r[1] = ROUTE_PUBLIC | NR_PUBLIC;
	GIVES(EINVAL, rs, route_set, .first = 5, .count = 2, .address = RAM_VA);
	CHECK_EQ(routes[0][5], ROUTE_ENOSYS);
	GIVES(EFAULT, rs, route_set, .first = 5, .count = 2, .address = 0x1000);
}

static void t_clock_and_boot(void)
{
	fake_cast();
	GIVES(0, rs, clock_set, .realtime_ns = 1234);
	CHECK_EQ(fake_realtime, 1234);
	strcpy(boot_info.cmdline, "name=value");
	GIVES(0, rs, boot_info, .address = RAM_VA);
	CHECK(strcmp(((struct boot_info *)fake_at(rs, RAM_VA))->cmdline, "name=value") == 0);
	GIVES(EFAULT, rs, boot_info, .address = TEXT_VA);
	GIVES(EFAULT, rs, boot_info, .address = RAM_VA + RAM_PAGES * PAGE_SIZE - 8);
}

static void t_trace(void)
{
	struct trace_record *r;
	uint64_t first;

	fake_cast();
	first = trace_next;
	fake_notify(pm, vfs);
	r = fake_at(rs, RAM_VA);
	GIVES(0, rs, trace_read, .first = first, .count = 10, .address = RAM_VA);
	CHECK_EQ(REPLY(trace_read)->first, first);
	CHECK(REPLY(trace_read)->count >= 1);
	CHECK_EQ(r[0].event, TRACE_NOTIFY);
	CHECK_EQ(r[0].from, PM);
	CHECK_EQ(r[0].to, VFS);
	for (unsigned i = 0; i < NR_TRACE + 5; i++)
		trace(TRACE_IRQ, SLOT_MASK, SLOT_MASK, 0, i);
	GIVES(0, rs, trace_read, .first = 0, .count = 2, .address = RAM_VA);
	CHECK_EQ(REPLY(trace_read)->count, 2);
	CHECK(REPLY(trace_read)->first > 0);
	GIVES(0, rs, trace_read, .first = UINT64_MAX, .count = 2, .address = RAM_VA);
	CHECK_EQ(REPLY(trace_read)->count, 0);
	GIVES(EFAULT, rs, trace_read, .first = 0, .count = UINT32_MAX,
	      .address = RAM_VA + 3 * PAGE_SIZE);
	GIVES(EFAULT, rs, trace_read, .first = 0, .count = 1, .address = TEXT_VA);
}

int main(void)
{
	TEST("a kernel call that the manifest does not list is refused, to programs every one",
	     t_calls_by_manifest);
	TEST("a privilege structure is filled from the caller's memory, and read", t_priv_set);
	TEST("a privilege structure with a field out of range is refused", t_priv_set_fields);
	TEST("who gives rights cannot take that one from itself", t_priv_set_of_its_own);
	TEST("routes are set all or none, within bounds", t_route_set);
	TEST("the clock is set and boot information told", t_clock_and_boot);
	TEST("the trace ring is read, oldest first", t_trace);
	return test_result();
}
