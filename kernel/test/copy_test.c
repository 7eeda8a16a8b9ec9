/* SPDX-License-Identifier: BSD-2-Clause
 * copy_test.c - call_copy and proc_copy: who may copy what, and how far a copy comes.
 */
#include <string.h>
#include <tests/unit.h>

#include "host/fake.h"

static char *at(const struct proc *p, vaddr_t va)
{
	return fake_at(p, va);
}

/* prog is in a read() that vfs holds. */
static void in_linux_call(void)
{
	fake_cast();
	fake_linux(prog, CALL_READ, 0);
	fake_receive(vfs, ENDPOINT_ANY);
}

static void t_linux(void)
{
	in_linux_call();
	strcpy(at(prog, RAM_VA + 4000), "user data");
	GIVES(0, vfs, call_copy, .client = prog->ep, .serial = prog->serial, .dir = COPY_IN,
	      .remote = RAM_VA + 4000, .local = RAM_VA + 8190, .len = 10);
	CHECK_EQ(REPLY(call_copy)->done, 10);
	CHECK(memcmp(at(vfs, RAM_VA + 8190), "us", 2) == 0);
	CHECK(strcmp(at(vfs, RAM_VA + 8192), "er data") == 0);
	strcpy(at(vfs, RAM_VA), "back");
	GIVES(0, vfs, call_copy, .client = prog->ep, .serial = prog->serial, .dir = COPY_OUT,
	      .remote = RAM_VA, .local = RAM_VA, .len = 5);
	CHECK(strcmp(at(prog, RAM_VA), "back") == 0);
	GIVES(0, vfs, call_copy, .client = prog->ep, .serial = prog->serial, .dir = COPY_IN,
	      .remote = TEXT_VA, .local = RAM_VA, .len = 0);
}

static void t_stops(void)
{
	in_linux_call();
	GIVES(EFAULT, vfs, call_copy, .client = prog->ep, .serial = prog->serial, .dir = COPY_IN,
	      .remote = RAM_VA + PAGE_SIZE, .local = RAM_VA, .len = 4 * PAGE_SIZE);
	CHECK_EQ(REPLY(call_copy)->done, 3 * PAGE_SIZE);
	CHECK_EQ(REPLY(call_copy)->fault, RAM_VA + 4 * PAGE_SIZE);
	GIVES(EFAULT, vfs, call_copy, .client = prog->ep, .serial = prog->serial, .dir = COPY_OUT,
	      .remote = TEXT_VA, .local = RAM_VA, .len = 1);         /* read-only */
	GIVES(EFAULT, vfs, call_copy, .client = prog->ep, .serial = prog->serial, .dir = COPY_OUT,
	      .remote = USER_END, .local = RAM_VA, .len = 1);
	GIVES(EFAULT, vfs, call_copy, .client = prog->ep, .serial = prog->serial, .dir = COPY_OUT,
	      .remote = UINT64_MAX, .local = RAM_VA, .len = 2);
}

static void t_refused(void)
{
	in_linux_call();
	GIVES(EDEADPEER, vfs, call_copy, .client = prog->ep, .serial = prog->serial + 1);
	GIVES(EDEADPEER, driver, call_copy, .client = prog->ep, .serial = prog->serial);
	GIVES(EDEADPEER, vfs, call_copy, .client = prog2->ep, .serial = prog2->serial);
	GIVES(EINVAL, vfs, call_copy, .client = prog->ep, .serial = prog->serial,
	      .remote = RAM_VA, .local = RAM_VA, .len = COPY_MAX + 1);
	GIVES(EINVAL, vfs, call_copy, .client = prog->ep, .serial = prog->serial, .dir = 2,
	      .remote = RAM_VA, .local = RAM_VA, .len = 1);
	GIVES(EINVAL, vfs, call_copy, .client = prog->ep, .serial = prog->serial,
	      .remote = RAM_VA, .local = TEXT_VA, .len = 1);
	GIVES(EINVAL, vfs, call_copy, .client = prog->ep, .serial = prog->serial,
	      .remote = RAM_VA, .local = UINT64_MAX, .len = 1);
	fake_answer(vfs, prog, 0);
	GIVES(EDEADPEER, vfs, call_copy, .client = prog->ep, .serial = prog->serial,
	      .remote = RAM_VA, .local = RAM_VA, .len = 1);
	fake_fault(prog, 5, 4);
	fake_receive(vm, ENDPOINT_ANY);
	GIVES(EPERM, vm, call_copy, .client = prog->ep, .serial = prog->serial, .remote = RAM_VA,
	      .local = RAM_VA, .len = 1);
}

static void t_lent(void)
{
	struct message m;

	fake_cast();
	m = (struct message){ .peer = pm->ep, .type = TYPE_TEST };
	fake_ipc(vfs, IPC_SENDREC, m, RAM_VA + 100, 50 | CALL_LEND_WRITE);
	fake_receive(pm, ENDPOINT_ANY);
	strcpy(at(pm, RAM_VA), "to the lent range");
	GIVES(0, pm, call_copy, .client = vfs->ep, .serial = vfs->serial, .dir = COPY_OUT,
	      .remote = 10, .local = RAM_VA, .len = 18);
	CHECK(strcmp(at(vfs, RAM_VA + 110), "to the lent range") == 0);
	GIVES(EPERM, pm, call_copy, .client = vfs->ep, .serial = vfs->serial, .dir = COPY_IN,
	      .remote = 10, .local = RAM_VA, .len = 18);
	GIVES(EPERM, pm, call_copy, .client = vfs->ep, .serial = vfs->serial, .dir = COPY_OUT,
	      .remote = 33, .local = RAM_VA, .len = 18);
	GIVES(EPERM, pm, call_copy, .client = vfs->ep, .serial = vfs->serial, .dir = COPY_OUT,
	      .remote = UINT64_MAX, .local = RAM_VA, .len = 2);
	GIVES(EPERM, pm, call_copy, .client = vfs->ep, .serial = vfs->serial, .dir = COPY_OUT,
	      .remote = 0, .local = RAM_VA, .len = UINT64_MAX);
	fake_answer(pm, vfs, 0);
	fake_ipc(vfs, IPC_SENDREC, m, RAM_VA, 0);
	fake_receive(pm, ENDPOINT_ANY);
	GIVES(EPERM, pm, call_copy, .client = vfs->ep, .serial = vfs->serial, .dir = COPY_IN,
	      .remote = 0, .local = RAM_VA, .len = 1);
}

static void t_proc_copy(void)
{
	fake_cast();
	strcpy(at(prog, RAM_VA), "traced");
	GIVES(0, pm, proc_copy, .proc = prog->ep, .dir = COPY_IN, .remote = RAM_VA, .local = RAM_VA,
	      .len = 7);
	CHECK(strcmp(at(pm, RAM_VA), "traced") == 0);
	GIVES(EFAULT, pm, proc_copy, .proc = prog->ep, .dir = COPY_OUT, .remote = TEXT_VA,
	      .local = RAM_VA, .len = 7);
	CHECK_EQ(REPLY(proc_copy)->fault, TEXT_VA);
	GIVES(EPERM, vfs, proc_copy, .proc = prog->ep, .remote = RAM_VA, .local = RAM_VA, .len = 1);
	GIVES(EPERM, pm, proc_copy, .proc = vfs->ep, .remote = RAM_VA, .local = RAM_VA, .len = 1);
	GIVES(EDEADPEER, pm, proc_copy, .proc = ENDPOINT(2, 64), .remote = RAM_VA, .len = 1);
	GIVES(EINVAL, pm, proc_copy, .proc = prog->ep, .dir = 9, .remote = RAM_VA, .local = RAM_VA);
	GIVES(EINVAL, pm, proc_copy, .proc = prog->ep, .remote = RAM_VA, .local = RAM_VA,
	      .len = COPY_MAX + 1);
}

static void t_rewrite_text(void)
{
	fake_cast();
	strcpy(at(rs, RAM_VA), "new text");
	GIVES(EFAULT, rs, proc_copy, .proc = vfs->ep, .dir = COPY_OUT, .remote = TEXT_VA,
	      .local = RAM_VA, .len = 9);
	GIVES(0, rs, proc_freeze, .proc = vfs->ep);
	GIVES(0, rs, proc_copy, .proc = vfs->ep, .dir = COPY_OUT, .remote = TEXT_VA,
	      .local = RAM_VA, .len = 9);
	CHECK(strcmp(at(vfs, TEXT_VA), "new text") == 0);
	GIVES(EFAULT, rs, proc_copy, .proc = vfs->ep, .dir = COPY_IN, .remote = TEXT_VA - 1,
	      .local = RAM_VA, .len = 9);
	GIVES(EINVAL, rs, proc_copy, .proc = vfs->ep, .dir = COPY_IN, .remote = TEXT_VA,
	      .local = TEXT_VA, .len = 9);
}

int main(void)
{
	TEST("a server copies to and from the caller of a Linux call", t_linux);
	TEST("a copy stops at an absent or protected page and says where", t_stops);
	TEST("a copy needs the very call, a known direction and a bounded length", t_refused);
	TEST("a contract call lends one range, in the directions it says", t_lent);
	TEST("pm copies to and from programs, and nobody else's", t_proc_copy);
	TEST("a guardian rewrites the text of a frozen service only", t_rewrite_text);
	return test_result();
}
