/* SPDX-License-Identifier: BSD-2-Clause
 * stop_test.c - stops at the boundary, freezes, recovery, and who is told.
 */
#include <string.h>
#include <tests/unit.h>

#include "host/fake.h"

static void check(void)
{
	const char *why = check_procs();

	if (why)
		printf("    broken: %s\n", why);
	CHECK(why == NULL);
}

static void told(struct proc *whom, struct proc *p, unsigned cause)
{
	GIVES0(0, whom, proc_next);
	CHECK(endpoint_eq(REPLY(proc_next)->proc, p->ep));
	CHECK_EQ(REPLY(proc_next)->cause, cause);
}

static void t_stop_in_user_code(void)
{
	fake_cast();
	fake_receive(pm, ENDPOINT_ANY);
	GIVES(0, rs, proc_stop, .proc = prog->ep, .flags = STOP_SIGNAL);
	CHECK_EQ(REPLY(proc_stop)->parked, 1);
	CHECK_EQ(prog->state, STATE_PARKED);
	CHECK_EQ(pm->state, 0);
	CHECK_EQ(pm->msg.w[2], EVENT_PARKED);
	told(pm, prog, CAUSE_STOPPED);
	GIVES0(ENOENT, pm, proc_next);
	GIVES(0, pm, proc_stop, .proc = prog->ep, .flags = STOP_SIGNAL);
	CHECK_EQ(REPLY(proc_stop)->parked, 1);
	GIVES(0, pm, proc_resume, .proc = prog->ep);
	CHECK_EQ(prog->state, 0);
	check();
}

static void t_stop_queued(void)
{
	fake_cast();
	fake_linux(prog, CALL_READ, 5);
	GIVES(0, pm, proc_stop, .proc = prog->ep, .flags = STOP_SIGNAL);
	CHECK_EQ(REPLY(proc_stop)->parked, 1);
	CHECK_EQ(prog->state, STATE_PARKED);
	CHECK_EQ((int64_t)prog->regs.rax, -ERESTARTSYS);
	CHECK_EQ(prog->regs.orig_rax, CALL_READ);
	CHECK(privs[VFS].senders.head == NULL);
	told(pm, prog, CAUSE_STOPPED);
	check();
}

static void t_stop_delivered(void)
{
	fake_cast();
	fake_linux(prog, CALL_READ, 5);
	fake_receive(vfs, ENDPOINT_ANY);
	fake_receive(vfs, ENDPOINT_ANY);
	GIVES0(ENOENT, pm, proc_next);
	GIVES(0, pm, proc_stop, .proc = prog->ep, .flags = STOP_SIGNAL);
	CHECK_EQ(REPLY(proc_stop)->parked, 0);
	CHECK_EQ(prog->state, STATE_CALLING);
	CHECK_EQ(vfs->msg.w[2], EVENT_CANCEL);
	GIVES0(0, vfs, call_cancelled);
	CHECK(endpoint_eq(REPLY(call_cancelled)->client, prog->ep));
	CHECK_EQ(REPLY(call_cancelled)->serial, prog->serial);
	GIVES0(ENOENT, vfs, call_cancelled);
	fake_answer(vfs, prog, (uint64_t)-ERESTARTSYS);
	CHECK_EQ(prog->state, STATE_PARKED);
	CHECK_EQ((int64_t)prog->regs.rax, -ERESTARTSYS);
	told(pm, prog, CAUSE_STOPPED);
	check();
}

static void t_cancel_is_for_the_holder(void)
{
	fake_cast();
	fake_linux(prog, CALL_READ, 5);
	fake_receive(vfs, ENDPOINT_ANY);
	GIVES(0, pm, proc_stop, .proc = prog->ep, .flags = STOP_SIGNAL);
	GIVES0(ENOENT, driver, call_cancelled);
	CHECK_EQ(fake_forward(vfs, prog, driver), 0);           /* not taken yet: withdrawn */
	CHECK_EQ(prog->state, STATE_PARKED);
	GIVES0(ENOENT, vfs, call_cancelled);
	GIVES(0, pm, proc_resume, .proc = prog->ep);
	fake_linux(prog, CALL_READ, 5);
	fake_receive(vfs, ENDPOINT_ANY);
	if (vfs->msg.type == TYPE_NOTIFY)
		fake_receive(vfs, ENDPOINT_ANY);
	fake_receive(driver, ENDPOINT_ANY);
	GIVES(0, pm, proc_stop, .proc = prog->ep, .flags = STOP_SIGNAL);
	CHECK_EQ(fake_forward(vfs, prog, driver), 0);           /* taken: told anew */
	GIVES0(0, driver, call_cancelled);
	check();
}

static void t_stop_entry(void)
{
	fake_cast();
	GIVES(0, pm, proc_stop, .proc = prog->ep, .flags = STOP_ENTRY | STOP_EXIT);
	CHECK_EQ(prog->state, 0);
	fake_linux(prog, CALL_READ, 5);
	CHECK_EQ(prog->state, STATE_PARKED);
	told(pm, prog, CAUSE_ENTRY);
	GIVES(0, pm, proc_resume, .proc = prog->ep, .flags = STOP_EXIT);
	CHECK_EQ(prog->state, STATE_SENDING);
	fake_receive(vfs, ENDPOINT_ANY);
	CHECK_EQ(vfs->msg.w[0], 5);
	fake_answer(vfs, prog, 7);
	CHECK_EQ(prog->state, STATE_PARKED);
	CHECK_EQ(prog->regs.rax, 7);
	told(pm, prog, CAUSE_EXIT);
	GIVES(0, pm, proc_resume, .proc = prog->ep, .flags = STOP_EXIT);
	fake_linux(prog, CALL_GETPID, 0);
	CHECK_EQ(prog->state, STATE_PARKED);
	GIVES(0, pm, proc_resume, .proc = prog->ep, .flags = STOP_EXIT);
	fake_linux(prog, CALL_NOBODY, 0);
	CHECK_EQ(prog->state, STATE_PARKED);
	CHECK_EQ((int64_t)prog->regs.rax, -ENOSYS);
	check();
}

static void t_entry_changed(void)
{
	struct user_regs *r;

	fake_cast();
	r = fake_at(pm, RAM_VA);
	GIVES(0, pm, proc_stop, .proc = prog->ep, .flags = STOP_ENTRY);
	fake_linux(prog, CALL_READ, 5);
	GIVES(0, pm, proc_regs_get, .proc = prog->ep, .address = RAM_VA);
	CHECK_EQ(r->orig_rax, CALL_READ);
	r->orig_rax = UINT64_MAX;
	GIVES(0, pm, proc_regs_set, .proc = prog->ep, .address = RAM_VA);
	GIVES(0, pm, proc_resume, .proc = prog->ep);
	CHECK_EQ(prog->state, 0);               /* the call was taken away */
	check();
}

static void t_stop_during_fault(void)
{
	fake_cast();
	fake_fault(prog, 0x5000, FAULT_USER);
	GIVES(0, pm, proc_stop, .proc = prog->ep, .flags = STOP_SIGNAL);
	CHECK_EQ(REPLY(proc_stop)->parked, 0);
	CHECK_EQ(prog->state, STATE_SENDING);
	fake_receive(vm, ENDPOINT_ANY);
	GIVES0(ENOENT, vm, call_cancelled);
	fake_answer(vm, prog, 0);
	CHECK_EQ(prog->state, STATE_PARKED);
	told(pm, prog, CAUSE_STOPPED);
	check();
}

static void t_stop_refused(void)
{
	fake_cast();
	GIVES(EPERM, pm, proc_stop, .proc = vfs->ep, .flags = STOP_SIGNAL);
	GIVES(EPERM, vfs, proc_stop, .proc = prog->ep, .flags = STOP_SIGNAL);
	GIVES(EPERM, rs, proc_stop, .proc = rs->ep, .flags = STOP_SIGNAL);
	GIVES(EDEADPEER, pm, proc_stop, .proc = ENDPOINT(2, FIRST_PROGRAM));
	GIVES(EDEADPEER, pm, proc_stop, .proc = ENDPOINT(1, NR_PROCS));
	GIVES(EINVAL, pm, proc_stop, .proc = prog->ep, .flags = STOP_ALL + 1);
	GIVES(EPERM, pm, proc_resume, .proc = vfs->ep);
	GIVES(EDEADPEER, pm, proc_resume, .proc = ENDPOINT_NONE);
	GIVES(EINVAL, pm, proc_resume, .proc = prog->ep, .flags = STOP_ALL + 1);
	GIVES(0, pm, proc_resume, .proc = prog->ep);            /* it runs: nothing changes */
	CHECK_EQ(prog->state, 0);
	check();
}

static void t_exceptions(void)
{
	fake_cast();
	prog->regs.rip = 0x400000;
	fake_exception(prog, 13, 5);
	told(pm, prog, CAUSE_EXCEPTION);
	CHECK_EQ(REPLY(proc_next)->vector, 13);
	driver->regs.rip = 0x400000;
	fake_exception(driver, 6, 0);
	GIVES0(ENOENT, pm, proc_next);
	told(rs, driver, CAUSE_EXCEPTION);
	CHECK_EQ(driver->state, STATE_FROZEN);
	check();
}

/* ---- freeze and recover ---- */

static void t_freeze(void)
{
	fake_cast();
	fake_receive(rs, ENDPOINT_ANY);
	fake_sendrec(vfs, pm, 0);
	fake_interrupt(0);
	fake_run(pm);
	GIVES(EPERM, pm, proc_freeze, .proc = vfs->ep);
	fake_notify(pm, rs);
	GIVES(EPERM, rs, proc_freeze, .proc = prog->ep);
	GIVES(EPERM, rs, proc_freeze, .proc = rs->ep);
	GIVES(EDEADPEER, rs, proc_freeze, .proc = ENDPOINT(2, VFS));
	GIVES(0, rs, proc_freeze, .proc = vfs->ep, .code = 33);
	GIVES(0, rs, proc_freeze, .proc = vfs->ep, .code = 34);
	told(rs, vfs, CAUSE_FROZEN);
	CHECK_EQ(REPLY(proc_next)->code, 33);
	CHECK_EQ(vfs->state, STATE_FROZEN | STATE_SENDING);
	fake_receive(pm, ENDPOINT_ANY);
	fake_answer(pm, vfs, 0);
	CHECK_EQ(vfs->state, STATE_FROZEN);
	check();
}

static void t_recover(void)
{
	fake_cast();
	fake_linux(prog, CALL_READ, 1);
	fake_receive(vfs, ENDPOINT_ANY);
	fake_linux(prog2, CALL_READ, 2);
	fake_sendrec(vfs, pm, 0);
	fake_receive(pm, ENDPOINT_ANY);
	GIVES(EBUSY, rs, proc_recover, .proc = vfs->ep, .entry = TEXT_VA, .stack = RAM_VA);
	GIVES(0, rs, proc_freeze, .proc = vfs->ep);
	fake_notify(pm, vfs);
	GIVES(EPERM, pm, proc_recover, .proc = vfs->ep, .entry = TEXT_VA, .stack = RAM_VA);
	GIVES(EDEADPEER, rs, proc_recover, .proc = ENDPOINT(2, VFS));
	GIVES(EINVAL, rs, proc_recover, .proc = vfs->ep, .entry = USER_END);
	GIVES(EINVAL, rs, proc_recover, .proc = vfs->ep, .stack = USER_END);
	GIVES(0, rs, proc_recover, .proc = vfs->ep, .entry = TEXT_VA + 4, .stack = RAM_VA,
	      .arg = 9);
	CHECK_EQ(vfs->state, 0);
	CHECK_EQ(vfs->regs.rip, TEXT_VA + 4);
	CHECK_EQ(vfs->regs.rdi, 9);
	CHECK_EQ(prog->state, STATE_CALLING);
	CHECK_EQ(prog2->state, STATE_SENDING);
	CHECK_EQ(fake_answer(pm, vfs, 0), -EDEADPEER);          /* its own call is forgotten */
	GIVES0(ENOENT, rs, proc_next);
	CHECK_EQ(fake_answer(vfs, prog, 3), 0);
	CHECK_EQ(prog->regs.rax, 3);
	fake_receive(vfs, ENDPOINT_ANY);
	CHECK_EQ(vfs->msg.w[0], BIT(PM));
	check();
}

static void t_recover_receiving(void)
{
	fake_cast();
	fake_receive(vfs, ENDPOINT_ANY);
	GIVES(0, rs, proc_freeze, .proc = vfs->ep);
	CHECK_EQ(fake_sendnb(pm, vfs, 0), -ENOTREADY);
	fake_notify(pm, vfs);
	CHECK_EQ(vfs->state, STATE_FROZEN | STATE_RECEIVING);
	GIVES(0, rs, proc_recover, .proc = vfs->ep, .entry = TEXT_VA, .stack = RAM_VA);
	CHECK_EQ(vfs->state, 0);
	fake_receive(vfs, ENDPOINT_ANY);
	CHECK_EQ(vfs->msg.w[0], BIT(PM));
	check();
}

static void t_recover_tells_cancels_again(void)
{
	fake_cast();
	fake_linux(prog, CALL_READ, 1);
	fake_receive(vfs, ENDPOINT_ANY);
	GIVES(0, pm, proc_stop, .proc = prog->ep, .flags = STOP_SIGNAL);
	fake_receive(vfs, ENDPOINT_ANY);
	GIVES0(0, vfs, call_cancelled);
	vfs->regs.rip = 0;
	fake_exception(vfs, 6, 0);
	GIVES(0, rs, proc_recover, .proc = vfs->ep, .entry = TEXT_VA, .stack = RAM_VA);
	fake_receive(vfs, ENDPOINT_ANY);
	CHECK_EQ(vfs->msg.w[2], EVENT_CANCEL);
	GIVES0(0, vfs, call_cancelled);
	check();
}

/* vfs is given something, and frozen before it runs. */
static void t_recover_unread(void)
{
	fake_cast();
	fake_receive(vfs, ENDPOINT_ANY);
	fake_run(rs);
	fake_linux(prog, CALL_READ, 7);
	fake_run(rs);
	vfs->regs.orig_rax = IPC_RECEIVE;       /* it has not run since */
	GIVES(0, rs, proc_freeze, .proc = vfs->ep);
	GIVES(0, rs, proc_recover, .proc = vfs->ep, .entry = TEXT_VA, .stack = RAM_VA);
	CHECK_EQ(prog->state, STATE_SENDING);
	check();
	CHECK_EQ(fake_receive(vfs, ENDPOINT_ANY), 0);
	CHECK_EQ(vfs->msg.w[0], 7);
	vfs->regs.orig_rax = IPC_RECEIVE;
	GIVES(0, pm, proc_stop, .proc = prog->ep, .flags = STOP_SIGNAL);
	fake_run(rs);
	vfs->regs.orig_rax = IPC_RECEIVE;
	GIVES(0, rs, proc_freeze, .proc = vfs->ep);
	GIVES(0, rs, proc_recover, .proc = vfs->ep, .entry = TEXT_VA, .stack = RAM_VA);
	CHECK_EQ(prog->state, STATE_PARKED);    /* taken back, so it can be stopped at once */
	CHECK_EQ((int64_t)prog->regs.rax, -ERESTARTSYS);
	check();
}

static void t_recover_parked_at_entry(void)
{
	fake_cast();
	GIVES(0, rs, proc_stop, .proc = vfs->ep, .flags = STOP_ENTRY);
	fake_linux(vfs, CALL_WRITE, 1);
	CHECK_EQ(vfs->state, STATE_PARKED);
	GIVES(0, rs, proc_freeze, .proc = vfs->ep);
	GIVES(0, rs, proc_resume, .proc = vfs->ep);     /* not out of its frost */
	CHECK(vfs->state & STATE_FROZEN);
	told(rs, vfs, CAUSE_FROZEN);
	GIVES(0, rs, proc_recover, .proc = vfs->ep, .entry = TEXT_VA, .stack = RAM_VA);
	CHECK_EQ(vfs->state, 0);
	CHECK_EQ(vfs->flags & PROC_AT_ENTRY, 0);
	check();
}

int main(void)
{
	TEST("a program in user code is stopped at once, and pm told once", t_stop_in_user_code);
	TEST("a call not delivered yet is withdrawn, with what restarts it", t_stop_queued);
	TEST("the server of a delivered call is told, and the answer parks", t_stop_delivered);
	TEST("a cancel follows the call that is forwarded", t_cancel_is_for_the_holder);
	TEST("a traced program stops before and after each system call", t_stop_entry);
	TEST("a system call can be taken away at its entry", t_entry_changed);
	TEST("a fault call ends by itself, then the program parks", t_stop_during_fault);
	TEST("stop and resume are refused without right, to the dead, with unknown flags",
	     t_stop_refused);
	TEST("an exception parks a program for pm and freezes a service for its guardian",
	      t_exceptions);
	TEST("a freeze stays on top of what the service was doing", t_freeze);
	TEST("a recovered service keeps its callers and forgets its own call", t_recover);
	TEST("a service that waited is recovered with what came meanwhile", t_recover_receiving);
	TEST("a recovered service is told again of interrupted calls",
	      t_recover_tells_cancels_again);
	TEST("a recovered service is given again what it had no time to see", t_recover_unread);
	TEST("a service frozen while parked keeps neither its stop nor its call",
	     t_recover_parked_at_entry);
	return test_result();
}
