/* SPDX-License-Identifier: BSD-2-Clause
 * grant_test.c - grants: lending, delegating a client's call, revoking, copying.
 */
#include <string.h>
#include <tests/unit.h>

#include "host/fake.h"

#define G GRANT(5, VFS, 3)

static void lend(uint32_t dir)
{
	fake_cast();
	GIVES(0, vfs, grant_create, .grant = G, .borrower = driver->ep, .base = RAM_VA + 100,
	      .len = 50, .dir = dir, .client = ENDPOINT_NONE);
	strcpy((char *)fake_at(vfs, RAM_VA + 100), "lent");
}

static void t_copy(void)
{
	lend(GRANT_READ | GRANT_WRITE);
	GIVES(0, driver, grant_copy, .grant = G, .dir = COPY_IN, .offset = 0, .local = RAM_VA,
	      .len = 50);
	CHECK(strcmp((char *)fake_at(driver, RAM_VA), "lent") == 0);
	GIVES(0, driver, grant_copy, .grant = G, .dir = COPY_OUT, .offset = 45, .local = RAM_VA,
	      .len = 5);
	CHECK(strcmp((char *)fake_at(vfs, RAM_VA + 145), "lent") == 0);
	CHECK_EQ(REPLY(grant_copy)->done, 5);
}

static void t_refused(void)
{
	lend(GRANT_READ);
	GIVES(EDEADPEER, driver, grant_copy, .grant = GRANT(4, VFS, 3), .len = 1);
	GIVES(EDEADPEER, driver, grant_copy, .grant = GRANT(5, VFS, 4), .len = 1);
	GIVES(EDEADPEER, driver, grant_copy, .grant = GRANT(5, NR_PRIVS, 3), .len = 1);
	GIVES(EDEADPEER, driver, grant_copy, .grant = GRANT(5, VFS, GRANT_ROWS), .len = 1);
	GIVES(EPERM, pm, grant_copy, .grant = G, .len = 1, .local = RAM_VA);
	GIVES(EPERM, driver, grant_copy, .grant = G, .dir = COPY_OUT, .local = RAM_VA, .len = 1);
	GIVES(EPERM, driver, grant_copy, .grant = G, .offset = 40, .local = RAM_VA, .len = 11);
	GIVES(EPERM, driver, grant_copy, .grant = G, .offset = UINT64_MAX, .local = RAM_VA,
	      .len = 2);
	GIVES(EPERM, driver, grant_copy, .grant = G, .local = RAM_VA, .len = UINT64_MAX);
	GIVES(EINVAL, driver, grant_copy, .grant = G, .local = TEXT_VA, .len = 1);
	lend(GRANT_WRITE);
	GIVES(EINVAL, driver, grant_copy, .grant = G, .dir = 7, .local = RAM_VA, .len = 1);
	GIVES(0, vfs, grant_create, .grant = G, .borrower = driver->ep, .base = TEXT_VA - 10,
	      .len = 20, .dir = GRANT_READ, .client = ENDPOINT_NONE);
	GIVES(EFAULT, driver, grant_copy, .grant = G, .local = RAM_VA, .len = 1);
	CHECK_EQ(REPLY(grant_copy)->fault, 0);
	GIVES(0, vfs, grant_create, .grant = G, .borrower = driver->ep,
	      .base = RAM_VA + RAM_PAGES * PAGE_SIZE - 10, .len = 20, .dir = GRANT_READ,
	      .client = ENDPOINT_NONE);
	GIVES(EFAULT, driver, grant_copy, .grant = G, .local = RAM_VA, .len = 20);
	CHECK_EQ(REPLY(grant_copy)->fault, 10);
	CHECK_EQ(REPLY(grant_copy)->done, 10);
}

static void t_create_refused(void)
{
	fake_cast();
	GIVES(EINVAL, vfs, grant_create, .grant = GRANT(1, PM, 0), .borrower = driver->ep,
	      .base = RAM_VA, .len = 1, .dir = 1, .client = ENDPOINT_NONE);
	GIVES(EINVAL, vfs, grant_create, .grant = GRANT(1, VFS, GRANT_ROWS), .borrower = driver->ep,
	      .base = RAM_VA, .len = 1, .dir = 1, .client = ENDPOINT_NONE);
	GIVES(EINVAL, vfs, grant_create, .grant = G, .borrower = driver->ep, .base = RAM_VA,
	      .len = 1, .dir = 0, .client = ENDPOINT_NONE);
	GIVES(EINVAL, vfs, grant_create, .grant = G, .borrower = driver->ep, .base = RAM_VA,
	      .len = 1, .dir = 4, .client = ENDPOINT_NONE);
	GIVES(EINVAL, vfs, grant_create, .grant = G, .borrower = driver->ep, .base = RAM_VA,
	      .len = 0, .dir = 1, .client = ENDPOINT_NONE);
	GIVES(EINVAL, vfs, grant_create, .grant = G, .borrower = driver->ep, .base = USER_END - 1,
	      .len = 2, .dir = 1, .client = ENDPOINT_NONE);
	GIVES(EINVAL, vfs, grant_create, .grant = G, .borrower = driver->ep, .base = RAM_VA,
	      .len = UINT64_MAX, .dir = 1, .client = ENDPOINT_NONE);
	GIVES(EDEADPEER, vfs, grant_create, .grant = G, .borrower = ENDPOINT(3, DRIVER),
	      .base = RAM_VA, .len = 1, .dir = 1, .client = ENDPOINT_NONE);
	GIVES(EDEADPEER, vfs, grant_create, .grant = G, .borrower = prog->ep, .base = RAM_VA,
	      .len = 1, .dir = 1, .client = ENDPOINT_NONE);
	GIVES(EDEADPEER, vfs, grant_create, .grant = G, .borrower = driver->ep, .base = RAM_VA,
	      .len = 1, .dir = 1, .client = prog->ep, .serial = 1);
	CHECK_EQ(privs[VFS].grants[3].dir, 0);
}

static void t_revoke(void)
{
	lend(GRANT_READ);
	GIVES(EINVAL, driver, grant_revoke, .grant = G);
	GIVES(EINVAL, vfs, grant_revoke, .grant = GRANT(5, VFS, GRANT_ROWS));
	GIVES(0, driver, grant_copy, .grant = G, .local = RAM_VA, .len = 1);
	GIVES(0, vfs, grant_revoke, .grant = G);
	GIVES(0, vfs, grant_revoke, .grant = G);
	GIVES(EDEADPEER, driver, grant_copy, .grant = G, .local = RAM_VA, .len = 1);
}

static void t_dies_with(void)
{
	lend(GRANT_READ);
	GIVES(0, rs, proc_destroy, .proc = vfs->ep);
	GIVES(EDEADPEER, driver, grant_copy, .grant = G, .local = RAM_VA, .len = 1);
	lend(GRANT_READ);
	GIVES(0, rs, proc_destroy, .proc = driver->ep);
	GIVES(0, rs, proc_create, .proc = ENDPOINT(2, DRIVER), .owner = ENDPOINT(2, DRIVER),
	      .space = DRIVER, .priv = DRIVER);
	GIVES(0, rs, proc_resume, .proc = driver->ep);
	GIVES(EPERM, driver, grant_copy, .grant = G, .local = RAM_VA, .len = 1);
}

static void delegate(void)
{
	fake_cast();
	fake_linux(prog, CALL_READ, 0);
	fake_receive(vfs, ENDPOINT_ANY);
	GIVES(0, vfs, grant_create, .grant = G, .borrower = driver->ep, .base = RAM_VA + 8,
	      .len = 8, .dir = GRANT_WRITE, .client = prog->ep, .serial = prog->serial);
	strcpy((char *)fake_at(driver, RAM_VA), "to prog");
}

static void t_delegate(void)
{
	delegate();
	GIVES(0, driver, grant_copy, .grant = G, .dir = COPY_OUT, .local = RAM_VA, .len = 8);
	CHECK(strcmp((char *)fake_at(prog, RAM_VA + 8), "to prog") == 0);
	fake_answer(vfs, prog, 0);
	GIVES(EDEADPEER, driver, grant_copy, .grant = G, .dir = COPY_OUT, .local = RAM_VA,
	      .len = 8);
	fake_linux(prog, CALL_READ, 0);                 /* the next call is another */
	fake_receive(vfs, ENDPOINT_ANY);
	GIVES(EDEADPEER, driver, grant_copy, .grant = G, .dir = COPY_OUT, .local = RAM_VA,
	      .len = 8);
	delegate();
	GIVES(0, pm, proc_destroy, .proc = prog->ep);
	GIVES(EDEADPEER, driver, grant_copy, .grant = G, .dir = COPY_OUT, .local = RAM_VA,
	      .len = 8);
	delegate();
	fake_forward(vfs, prog, driver);
	GIVES(EDEADPEER, driver, grant_copy, .grant = G, .dir = COPY_OUT, .local = RAM_VA,
	      .len = 8);
}

static void t_delegate_lent(void)
{
	struct message m;

	fake_cast();
	m = (struct message){ .peer = pm->ep, .type = TYPE_TEST };
	fake_ipc(vfs, IPC_SENDREC, m, RAM_VA + 100, 50 | CALL_LEND_READ);
	fake_receive(pm, ENDPOINT_ANY);
	strcpy((char *)fake_at(vfs, RAM_VA + 110), "deep");
	GIVES(EPERM, pm, grant_create, .grant = GRANT(1, PM, 0), .borrower = driver->ep, .base = 10,
	      .len = 41, .dir = GRANT_READ, .client = vfs->ep, .serial = vfs->serial);
	GIVES(EPERM, pm, grant_create, .grant = GRANT(1, PM, 0), .borrower = driver->ep, .base = 10,
	      .len = 5, .dir = GRANT_READ | GRANT_WRITE, .client = vfs->ep, .serial = vfs->serial);
	GIVES(EPERM, pm, grant_create, .grant = GRANT(1, PM, 0), .borrower = driver->ep,
	      .base = UINT64_MAX, .len = 5, .dir = GRANT_READ, .client = vfs->ep,
	      .serial = vfs->serial);
	GIVES(0, pm, grant_create, .grant = GRANT(1, PM, 0), .borrower = driver->ep, .base = 10,
	      .len = 5, .dir = GRANT_READ, .client = vfs->ep, .serial = vfs->serial);
	GIVES(0, driver, grant_copy, .grant = GRANT(1, PM, 0), .dir = COPY_IN, .local = RAM_VA,
	      .len = 5);
	CHECK(strcmp((char *)fake_at(driver, RAM_VA), "deep") == 0);
	fake_fault(prog, 5, 4);
	fake_receive(vm, ENDPOINT_ANY);
	GIVES(EPERM, vm, grant_create, .grant = GRANT(1, VM, 0), .borrower = driver->ep, .base = 10,
	      .len = 5, .dir = GRANT_READ, .client = prog->ep, .serial = prog->serial);
	fake_linux(prog2, CALL_READ, 0);
	fake_answer(pm, vfs, 0);
	fake_receive(vfs, ENDPOINT_ANY);
	GIVES(EINVAL, vfs, grant_create, .grant = G, .borrower = driver->ep, .base = USER_END,
	      .len = 5, .dir = GRANT_READ, .client = prog2->ep, .serial = prog2->serial);
}

int main(void)
{
	TEST("a borrower copies to and from what is lent", t_copy);
	TEST("a grant is refused to others, beyond its range, against its direction", t_refused);
	TEST("only memory of one's own is lent, from one's own row, to a live service",
	     t_create_refused);
	TEST("a revoked grant is gone at once", t_revoke);
	TEST("a grant dies with its owner and is not inherited by the borrower's successor",
	     t_dies_with);
	TEST("a delegated grant lasts as long as the client's very call", t_delegate);
	TEST("no more is delegated than the client lent", t_delegate_lent);
	return test_result();
}
