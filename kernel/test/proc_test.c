/* SPDX-License-Identifier: BSD-2-Clause
 * proc_test.c - processes come and go; registers, extended state, public words, information.
 */
#include <string.h>
#include <tests/unit.h>

#include "host/fake.h"

static void check(void)
{
	const char *why = check_procs();

	if (!why)
		why = check_memory();
	if (why)
		printf("    broken: %s\n", why);
	CHECK(why == NULL);
}

static void t_create(void)
{
	struct proc *p = &procs[70];
	unsigned space;

	fake_cast();
	space = fake_space(PRIV_PROGRAM);
	GIVES(0, pm, proc_create, .proc = ENDPOINT(3, 70), .owner = prog->ep, .priv = PRIV_PROGRAM,
	      .space = (uint16_t)space, .entry = 0x1000, .stack = 0x2000, .arg = 5,
	      .fs_base = 0x3000);
	CHECK_EQ(p->state, STATE_NEW);
	CHECK_EQ(p->rank, PROGRAM_RANK);
	CHECK_EQ(p->regs.rip, 0x1000);
	CHECK_EQ(p->regs.rsp, 0x2000);
	CHECK_EQ(p->regs.rdi, 5);
	CHECK_EQ(p->regs.fs_base, 0x3000);
	CHECK(p->regs.rflags & 1 << 9);
	CHECK_EQ(spaces[space].users, 1);
	GIVES(0, pm, proc_create, .proc = ENDPOINT(3, 70), .owner = prog->ep, .priv = PRIV_PROGRAM,
	      .space = (uint16_t)space);
	CHECK_EQ(p->regs.rip, 0x1000);
	CHECK_EQ(spaces[space].users, 1);
	check();
	GIVES(0, pm, proc_resume, .proc = p->ep);
	CHECK_EQ(p->state, 0);
	check();
}

static void t_create_refused(void)
{
	unsigned space, service_space;

	fake_cast();
	space = fake_space(PRIV_PROGRAM);
	service_space = fake_space(9);
	GIVES(EINVAL, pm, proc_create, .proc = ENDPOINT(1, NR_PROCS), .priv = PRIV_PROGRAM,
	      .space = (uint16_t)space);
	GIVES(EINVAL, pm, proc_create, .proc = ENDPOINT_NONE, .priv = PRIV_PROGRAM,
	      .space = (uint16_t)space);
	GIVES(EINVAL, pm, proc_create, .proc = ENDPOINT(1, 70), .priv = PRIV_PROGRAM,
	      .space = NR_SPACES);
	GIVES(EINVAL, pm, proc_create, .proc = ENDPOINT(1, 70), .priv = PRIV_PROGRAM, .space = 99);
	GIVES(EINVAL, pm, proc_create, .proc = ENDPOINT(1, 70), .priv = VFS, .space = VFS);
	GIVES(EINVAL, rs, proc_create, .proc = ENDPOINT(1, 9), .priv = 10,
	      .space = (uint16_t)service_space);
	GIVES(EINVAL, rs, proc_create, .proc = ENDPOINT(1, PRIV_PROGRAM), .priv = PRIV_PROGRAM,
	      .space = (uint16_t)space);
	/* Nobody gets into the space of another kind: it would have another's rights in memory. */
	GIVES(EINVAL, pm, proc_create, .proc = ENDPOINT(1, 70), .priv = PRIV_PROGRAM, .space = RS);
	GIVES(EINVAL, rs, proc_create, .proc = ENDPOINT(1, 9), .priv = 9, .space = (uint16_t)space);
	GIVES(EPERM, pm, proc_create, .proc = ENDPOINT(1, 9), .priv = 9,
	      .space = (uint16_t)service_space);
	GIVES(EPERM, vfs, proc_create, .proc = ENDPOINT(1, 70), .priv = PRIV_PROGRAM,
	      .space = (uint16_t)space);
	GIVES(EINVAL, pm, proc_create, .proc = ENDPOINT(1, 70), .priv = PRIV_PROGRAM,
	      .space = (uint16_t)space, .entry = USER_END);
	GIVES(EINVAL, pm, proc_create, .proc = ENDPOINT(1, 70), .priv = PRIV_PROGRAM,
	      .space = (uint16_t)space, .stack = UINT64_MAX);
	GIVES(EINVAL, pm, proc_create, .proc = ENDPOINT(1, 70), .priv = PRIV_PROGRAM,
	      .space = (uint16_t)space, .fs_base = BIT(63));
	GIVES(EEXIST, pm, proc_create, .proc = ENDPOINT(2, FIRST_PROGRAM), .priv = PRIV_PROGRAM,
	      .space = (uint16_t)space);
	CHECK_EQ(spaces[space].users, 0);
	check();
}

static void t_destroy(void)
{
	endpoint_t e;

	fake_cast();
	e = prog->ep;
	GIVES(EPERM, pm, proc_destroy, .proc = vfs->ep);
	GIVES(EPERM, vfs, proc_destroy, .proc = e);
	GIVES(EPERM, rs, proc_destroy, .proc = rs->ep);
	GIVES(0, pm, proc_destroy, .proc = e);
	GIVES(EDEADPEER, pm, proc_destroy, .proc = e);
	GIVES(EDEADPEER, pm, proc_destroy, .proc = ENDPOINT_NONE);
	CHECK(proc_find(e) == NULL);
	CHECK_EQ(fake_notify(vfs, driver), 0);
	check();
}

static void t_destroy_everywhere(void)
{
	fake_cast();
	fake_receive(vfs, ENDPOINT_ANY);
	fake_fault(prog, 1, 4);
	GIVES(0, driver, alarm_set, .deadline_ns = fake_now + 5);
	GIVES(0, driver, irq_claim, .line = DRIVER_LINE, .bit = 1);
	GIVES(0, driver, grant_create, .grant = GRANT(1, DRIVER, 0), .borrower = vfs->ep,
	      .base = RAM_VA, .len = 10, .dir = GRANT_READ, .client = ENDPOINT_NONE);
	fake_notify(pm, driver);
	for (unsigned i = PM; i <= LOG; i++)
		GIVES(0, rs, proc_destroy, .proc = procs[i].ep);
	GIVES(0, rs, proc_destroy, .proc = prog->ep);
	GIVES(0, rs, proc_destroy, .proc = prog2->ep);
	CHECK(fake_core.current == rs);
	CHECK(fake_lines[DRIVER_LINE].masked);
	check();
}

static void t_regs(void)
{
	struct user_regs *r;

	fake_cast();
	r = fake_at(pm, RAM_VA);
	GIVES(EBUSY, pm, proc_regs_get, .proc = prog->ep, .address = RAM_VA);
	GIVES(EBUSY, pm, proc_regs_set, .proc = prog->ep, .address = RAM_VA);
	GIVES(0, pm, proc_stop, .proc = prog->ep, .flags = STOP_SIGNAL);
	prog->regs.rbx = 1234;
	GIVES(0, pm, proc_regs_get, .proc = prog->ep, .address = RAM_VA);
	CHECK_EQ(r->rbx, 1234);
	r->rbx = 4321;
	r->rflags = 1 << 8 | 1 << 14;
	GIVES(0, pm, proc_regs_set, .proc = prog->ep, .address = RAM_VA);
	CHECK_EQ(prog->regs.rbx, 4321);
	CHECK_EQ(prog->regs.rflags, 1 << 8 | 1 << 9 | 2);
	CHECK(prog->flags & PROC_FULL);
	check();
}

static void t_regs_refused(void)
{
	struct user_regs *r, good;

	fake_cast();
	r = fake_at(pm, RAM_VA);
	GIVES(0, pm, proc_stop, .proc = prog->ep, .flags = STOP_SIGNAL);
	GIVES(EPERM, vfs, proc_regs_get, .proc = prog->ep, .address = RAM_VA);
	GIVES(EPERM, pm, proc_regs_get, .proc = vfs->ep, .address = RAM_VA);
	GIVES(EDEADPEER, pm, proc_regs_get, .proc = ENDPOINT(2, FIRST_PROGRAM), .address = RAM_VA);
	GIVES(EFAULT, pm, proc_regs_get, .proc = prog->ep, .address = TEXT_VA);
	GIVES(EFAULT, pm, proc_regs_get, .proc = prog->ep, .address = UINT64_MAX - 7);
	GIVES(EPERM, pm, proc_regs_set, .proc = vfs->ep, .address = RAM_VA);
	GIVES(EDEADPEER, pm, proc_regs_set, .proc = ENDPOINT(2, FIRST_PROGRAM), .address = RAM_VA);
	GIVES(EFAULT, pm, proc_regs_set, .proc = prog->ep,
	      .address = RAM_VA + RAM_PAGES * PAGE_SIZE - 8);
	GIVES(0, pm, proc_regs_get, .proc = prog->ep, .address = RAM_VA);
	good = *r;
	r->rip = USER_END;
	GIVES(EINVAL, pm, proc_regs_set, .proc = prog->ep, .address = RAM_VA);
	*r = good;
	r->rflags |= 3 << 12;
	GIVES(EINVAL, pm, proc_regs_set, .proc = prog->ep, .address = RAM_VA);
	*r = good;
	r->fs_base = BIT(47);
	GIVES(EINVAL, pm, proc_regs_set, .proc = prog->ep, .address = RAM_VA);
	check();
}

static void t_regs_of_a_caller(void)
{
	fake_cast();
	fake_linux(prog, CALL_KILL, 0);
	GIVES(0, pm, proc_regs_get, .proc = prog->ep, .address = RAM_VA);
	GIVES(EBUSY, pm, proc_regs_set, .proc = prog->ep, .address = RAM_VA);
	fake_receive(pm, ENDPOINT_ANY);
	GIVES(0, pm, proc_regs_get, .proc = prog->ep, .address = RAM_VA);
	GIVES(0, pm, proc_regs_set, .proc = prog->ep, .address = RAM_VA);
	fake_sendrec(prog2, pm, 0);
	fake_receive(pm, ENDPOINT_ANY);
	GIVES(EBUSY, pm, proc_regs_set, .proc = prog2->ep, .address = RAM_VA);
	check();
}

static void t_ext(void)
{
	uint8_t *area;

	fake_cast();
	area = fake_at(prog, RAM_VA);
	GIVES(EBUSY, pm, proc_ext_get, .proc = prog->ep, .address = RAM_VA, .size = 4096);
	GIVES(EBUSY, pm, proc_ext_set, .proc = prog->ep, .address = RAM_VA, .size = 4096);
	GIVES(0, pm, proc_stop, .proc = prog->ep, .flags = STOP_SIGNAL);
	fake_ext[FIRST_PROGRAM][7] = 77;
	GIVES(0, pm, proc_ext_get, .proc = prog->ep, .address = RAM_VA, .size = 4096);
	CHECK_EQ(REPLY(proc_ext_get)->size, FAKE_EXT_SIZE);
	CHECK_EQ(REPLY(proc_ext_get)->mask, 7);
	CHECK_EQ(area[7], 77);
	area[7] = 78;
	GIVES(0, pm, proc_ext_set, .proc = prog->ep, .address = RAM_VA, .size = FAKE_EXT_SIZE);
	CHECK_EQ(fake_ext[FIRST_PROGRAM][7], 78);
	area[0] = 0xff;
	GIVES(EINVAL, pm, proc_ext_set, .proc = prog->ep, .address = RAM_VA, .size = FAKE_EXT_SIZE);
	CHECK_EQ(fake_ext[FIRST_PROGRAM][7], 78);
	GIVES(0, pm, proc_ext_set, .proc = prog->ep);
	CHECK_EQ(fake_ext[FIRST_PROGRAM][7], 0);
	check();
}

static void t_ext_refused(void)
{
	endpoint_t dead = ENDPOINT(2, FIRST_PROGRAM);

	fake_cast();
	GIVES(EDEADPEER, pm, proc_ext_get, .proc = dead, .address = RAM_VA, .size = 4096);
	GIVES(EDEADPEER, pm, proc_ext_set, .proc = dead, .address = RAM_VA, .size = 4096);
	GIVES(EPERM, pm, proc_ext_get, .proc = vfs->ep, .address = RAM_VA, .size = 4096);
	GIVES(EPERM, pm, proc_ext_set, .proc = vfs->ep, .address = RAM_VA, .size = 4096);
	GIVES(0, pm, proc_stop, .proc = prog->ep, .flags = STOP_SIGNAL);
	GIVES(EINVAL, pm, proc_ext_get, .proc = prog->ep, .address = RAM_VA + 8, .size = 4096);
	GIVES(EINVAL, pm, proc_ext_get, .proc = prog->ep, .address = RAM_VA, .size = 511);
	GIVES(EINVAL, pm, proc_ext_set, .proc = prog->ep, .address = RAM_VA, .size = 511);
	GIVES(EFAULT, pm, proc_ext_get, .proc = prog->ep, .address = TEXT_VA, .size = 4096);
	GIVES(EFAULT, pm, proc_ext_set, .proc = prog->ep, .address = 64, .size = 4096);
	check();
}

/* A child begins with its parent's extended state. */
static void t_ext_of_child(void)
{
	unsigned space;
	endpoint_t child = ENDPOINT(1, FIRST_PROGRAM + 9);

	fake_cast();
	space = fake_space(PRIV_PROGRAM);
	fake_ext[FIRST_PROGRAM][3] = 33;
	GIVES(EDEADPEER, pm, proc_create, .proc = child, .owner = child, .space = (uint16_t)space,
	      .priv = PRIV_PROGRAM, .like = ENDPOINT(2, FIRST_PROGRAM), .entry = TEXT_VA);
	GIVES(EPERM, pm, proc_create, .proc = child, .owner = child, .space = (uint16_t)space,
	      .priv = PRIV_PROGRAM, .like = vfs->ep, .entry = TEXT_VA);
	CHECK_EQ(spaces[space].users, 0);
	GIVES(0, pm, proc_create, .proc = child, .owner = child, .space = (uint16_t)space,
	      .priv = PRIV_PROGRAM, .like = prog->ep, .entry = TEXT_VA);
	CHECK_EQ(fake_ext[FIRST_PROGRAM + 9][3], 33);
	GIVES(0, pm, proc_destroy, .proc = child);
	CHECK_EQ(fake_ext[FIRST_PROGRAM + 9][3], 0);
	check();
}

/* What a crash report needs. */
static void t_regs_of_the_frozen(void)
{
	fake_cast();
	vfs->regs.r12 = 1234;
	GIVES(EBUSY, rs, proc_regs_get, .proc = vfs->ep, .address = RAM_VA);
	fake_exception(vfs, 6, 0);
	GIVES(0, rs, proc_regs_get, .proc = vfs->ep, .address = RAM_VA);
	CHECK_EQ(((struct user_regs *)fake_at(rs, RAM_VA))->r12, 1234);
	privs[VFS].desc.guardian = LOG;
	GIVES(EBUSY, rs, proc_regs_get, .proc = vfs->ep, .address = RAM_VA);
	GIVES(0, logger, proc_regs_get, .proc = vfs->ep, .address = RAM_VA);
	privs[VFS].desc.guardian = RS;
	check();
}

static void t_public(void)
{
	fake_cast();
	GIVES(0, pm, proc_public_set, .proc = prog->ep, .first = 10, .count = 2, .word = { 5, 6 });
	GIVES(0, vfs, proc_public_get, .proc = prog->ep);
	CHECK_EQ(REPLY(proc_public_get)->word[10], 5);
	CHECK_EQ(REPLY(proc_public_get)->word[11], 6);
	GIVES(EINVAL, pm, proc_public_set, .proc = prog->ep, .first = 11, .count = 2);
	GIVES(EINVAL, pm, proc_public_set, .proc = prog->ep, .first = 0, .count = 9);
	GIVES(EINVAL, pm, proc_public_set, .proc = prog->ep, .first = UINT32_MAX, .count = 1);
	GIVES(EINVAL, pm, proc_public_set, .proc = prog->ep, .first = 1, .count = UINT32_MAX);
	GIVES(EPERM, vfs, proc_public_set, .proc = prog->ep, .count = 1);
	GIVES(EDEADPEER, pm, proc_public_set, .proc = ENDPOINT(2, 64), .count = 1);
	GIVES(EDEADPEER, pm, proc_public_get, .proc = ENDPOINT(2, 64));
	check();
}

static void t_info(void)
{
	fake_cast();
	fake_linux(prog, CALL_READ, 0);
	GIVES(0, rs, proc_info, .slot = FIRST_PROGRAM);
	CHECK(endpoint_eq(REPLY(proc_info)->proc, prog->ep));
	CHECK(endpoint_eq(REPLY(proc_info)->partner, vfs->ep));
	CHECK_EQ(REPLY(proc_info)->state, STATE_SENDING);
	CHECK_EQ(REPLY(proc_info)->type, CALL_READ);
	CHECK_EQ(REPLY(proc_info)->serial, prog->serial);
	CHECK(prog->serial != 0);
	CHECK_EQ(REPLY(proc_info)->priv, PRIV_PROGRAM);
	fake_fault(prog2, 5, 4);
	GIVES(0, rs, proc_info, .slot = FIRST_PROGRAM + 1);
	CHECK_EQ(REPLY(proc_info)->type, TYPE_FAULT);
	GIVES(0, rs, proc_info, .slot = VFS);
	CHECK_EQ(REPLY(proc_info)->type, 0xffff);
	CHECK(endpoint_eq(REPLY(proc_info)->partner, ENDPOINT_NONE));
	CHECK_EQ(REPLY(proc_info)->unheard, 0);
	fake_notify(rs, vfs);
	GIVES(0, rs, proc_info, .slot = VFS);
	CHECK_EQ(REPLY(proc_info)->unheard, 1);
	GIVES(0, pm, proc_info, .slot = VFS);
	CHECK_EQ(REPLY(proc_info)->unheard, 0);         /* to who has not notified it */
	GIVES(0, rs, proc_info, .slot = 999);
	CHECK(endpoint_eq(REPLY(proc_info)->proc, ENDPOINT_NONE));
	GIVES(EINVAL, rs, proc_info, .slot = NR_PROCS);
	GIVES(EINVAL, rs, proc_info, .slot = UINT32_MAX);
}

static void t_next(void)
{
	fake_cast();
	GIVES0(ENOENT, pm, proc_next);
	prog2->regs.rip = 7;
	fake_exception(prog2, 3, 0);
	prog->regs.rip = 9;
	fake_exception(prog, 0, 0);
	driver->regs.rip = 11;
	fake_exception(driver, 1, 0);
	GIVES0(ENOENT, vfs, proc_next);
	GIVES0(0, pm, proc_next);
	CHECK(endpoint_eq(REPLY(proc_next)->proc, prog->ep));
	CHECK_EQ(REPLY(proc_next)->address, 9);
	GIVES0(0, pm, proc_next);
	CHECK(endpoint_eq(REPLY(proc_next)->proc, prog2->ep));
	GIVES0(ENOENT, pm, proc_next);
	GIVES0(0, rs, proc_next);
	CHECK(endpoint_eq(REPLY(proc_next)->proc, driver->ep));
	check();
}

int main(void)
{
	TEST("a process is created stopped, once", t_create);
	TEST("no process comes into a bad slot, space, privilege or address", t_create_refused);
	TEST("a process is destroyed by who manages it, once", t_destroy);
	TEST("nothing is left of processes destroyed in any state", t_destroy_everywhere);
	TEST("registers of a parked process are read and set", t_regs);
	TEST("registers are refused without right, to the dead, of bad values and addresses",
	     t_regs_refused);
	TEST("a server may set its Linux caller's registers, not those of a contract call",
	     t_regs_of_a_caller);
	TEST("extended state goes to and from the process's memory", t_ext);
	TEST("a forked process begins with the extended state of its parent", t_ext_of_child);
	TEST("the guardian of a frozen service reads its registers", t_regs_of_the_frozen);
	TEST("extended state is refused without right, alignment, size, memory", t_ext_refused);
	TEST("public words are set by pm and read by all", t_public);
	TEST("proc_info says what a slot holds", t_info);
	TEST("proc_next tells each stop once, to who decides", t_next);
	return test_result();
}
