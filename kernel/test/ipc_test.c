/* SPDX-License-Identifier: BSD-2-Clause
 * ipc_test.c - the primitives of abi/message.h, Linux calls and page faults, with every refusal.
 */
#include <string.h>
#include <tests/unit.h>

#include "host/fake.h"

static struct message none(endpoint_t to)
{
	return (struct message){ .peer = to, .type = TYPE_TEST };
}

static void check(void)
{
	const char *why = check_procs();

	if (!why)
		why = check_memory();
	if (why)
		printf("    broken: %s\n", why);
	CHECK(why == NULL);
}

/* ---- sendrec, receive, reply ---- */

static void t_rendezvous_waiting_server(void)
{
	fake_cast();
	fake_receive(pm, ENDPOINT_ANY);
	CHECK_EQ(pm->state, STATE_RECEIVING);
	fake_sendrec(vfs, pm, 77);
	CHECK_EQ(vfs->state, STATE_CALLING);
	CHECK_EQ(pm->state, 0);
	CHECK(endpoint_eq(pm->msg.peer, vfs->ep));
	CHECK_EQ(pm->msg.type, TYPE_TEST);
	CHECK_EQ(pm->msg.w[0], 77);
	CHECK_EQ((uint32_t)pm->regs.r14, vfs->serial);
	CHECK_EQ(pm->regs.r14 >> 32, vfs->owner.v);
	CHECK_EQ(fake_answer(pm, vfs, 78), 0);
	CHECK_EQ(vfs->state, 0);
	CHECK_EQ(vfs->regs.rax, 0);
	CHECK_EQ(vfs->msg.w[0], 78);
	CHECK(endpoint_eq(vfs->msg.peer, pm->ep));
	check();
}

static void t_rendezvous_waiting_client(void)
{
	fake_cast();
	fake_sendrec(vfs, pm, 1);
	CHECK_EQ(vfs->state, STATE_SENDING);
	check();
	CHECK_EQ(fake_receive(pm, ENDPOINT_ANY), 0);
	CHECK_EQ(pm->state, 0);
	CHECK_EQ(pm->msg.w[0], 1);
	CHECK_EQ(vfs->state, STATE_CALLING);
	check();
}

static void t_queue_order(void)
{
	fake_cast();
	fake_sendrec(vfs, pm, 1);
	fake_sendrec(driver, pm, 2);
	fake_linux(prog, CALL_KILL, 3);
	fake_receive(pm, driver->ep);
	CHECK_EQ(pm->msg.w[0], 2);
	fake_receive(pm, ENDPOINT_ANY);
	CHECK_EQ(pm->msg.w[0], 1);
	fake_receive(pm, ENDPOINT_ANY);
	CHECK_EQ(pm->msg.w[0], 3);
	CHECK_EQ(fake_receive(pm, ENDPOINT_ANY), 0);
	CHECK_EQ(pm->state, STATE_RECEIVING);
	check();
}

static void t_sendrec_refused(void)
{
	struct message m;

	fake_cast();
	CHECK_EQ(fake_ipc(vfs, IPC_SENDREC, none(ENDPOINT(9, PM)), 0, 0), -EDEADPEER);
	CHECK_EQ(fake_ipc(vfs, IPC_SENDREC, none(ENDPOINT_NONE), 0, 0), -EDEADPEER);
	CHECK_EQ(fake_ipc(vfs, IPC_SENDREC, none(ENDPOINT_ANY), 0, 0), -EDEADPEER);
	CHECK_EQ(fake_sendrec(vfs, prog, 0), -EPERM);
	privs[VFS].desc.sendrec_to = ~BIT(PM);
	CHECK_EQ(fake_sendrec(vfs, pm, 0), -EPERM);
	CHECK_EQ(fake_sendrec(pm, vfs, 0), -ERANK);
	CHECK_EQ(fake_sendrec(pm, pm, 0), -ERANK);
	m = none(pm->ep);
	m.type = TYPE_NOTIFY;
	CHECK_EQ(fake_ipc(driver, IPC_SENDREC, m, 0, 0), -EINVAL);
	m.type = 0;
	CHECK_EQ(fake_ipc(driver, IPC_SENDREC, m, 0, 0), -EINVAL);
	CHECK_EQ(fake_ipc(driver, IPC_SENDREC, none(pm->ep), USER_END - 4, 8), -EFAULT);
	CHECK_EQ(fake_ipc(driver, IPC_SENDREC, none(pm->ep), UINT64_MAX, 2), -EFAULT);
	CHECK_EQ(pm->state | vfs->state | driver->state, 0);
	CHECK(privs[PM].senders.head == NULL);
	check();
}

static void t_primitives_by_manifest(void)
{
	fake_cast();
	for (unsigned n = 0; n < NR_IPC; n++) {
		privs[VFS].desc.primitives = (BIT(NR_IPC) - 1) & ~BIT(n);
		CHECK_EQ(fake_ipc(vfs, IPC_SENDREC + n, none(pm->ep), 0, 0), -EPERM);
		if (n)
			CHECK_EQ(fake_ipc(prog, IPC_SENDREC + n, none(pm->ep), 0, 0), -EPERM);
	}
	check();
}

static void t_reply_refused(void)
{
	uint32_t serial;

	fake_cast();
	CHECK_EQ(fake_answer(pm, vfs, 0), -EDEADPEER);
	fake_sendrec(vfs, pm, 0);
	CHECK_EQ(fake_answer(pm, vfs, 0), -EDEADPEER);          /* not delivered yet */
	fake_receive(pm, ENDPOINT_ANY);
	serial = vfs->serial;
	CHECK_EQ(fake_answer_serial(pm, vfs->ep, serial - 1, 0), -EDEADPEER);
	CHECK_EQ(fake_answer_serial(pm, vfs->ep, serial + 1, 0), -EDEADPEER);
	CHECK_EQ(fake_answer_serial(pm, ENDPOINT(2, VFS), serial, 0), -EDEADPEER);
	CHECK_EQ(fake_answer(vm, vfs, 0), -EDEADPEER);          /* somebody else's call */
	CHECK_EQ(vfs->state, STATE_CALLING);
	CHECK_EQ(fake_answer(pm, vfs, 0), 0);
	CHECK_EQ(fake_answer_serial(pm, vfs->ep, serial, 0), -EDEADPEER);       /* twice */
	check();
}

static void t_serial_rises_over_a_restart(void)
{
	uint32_t serial;

	fake_cast();
	fake_sendrec(vfs, pm, 0);
	serial = vfs->serial;
	GIVES(0, rs, proc_destroy, .proc = vfs->ep);
	GIVES(0, rs, proc_create, .proc = ENDPOINT(1, VFS), .owner = ENDPOINT(1, VFS),
	      .space = VFS, .priv = VFS, .entry = TEXT_VA, .stack = RAM_VA);
	GIVES(0, rs, proc_resume, .proc = vfs->ep);
	fake_sendrec(vfs, pm, 0);
	CHECK(vfs->serial > serial);
	check();
}

static void t_serial_wraps(void)
{
	fake_cast();
	vfs->serial = UINT32_MAX;
	fake_sendrec(vfs, pm, 0);
	CHECK_EQ(vfs->serial, 1);
	check();
}

static void t_receive_filters(void)
{
	fake_cast();
	fake_receive(pm, vfs->ep);
	fake_sendrec(driver, pm, 1);
	CHECK_EQ(pm->state, STATE_RECEIVING);
	fake_notify(rs, pm);
	CHECK_EQ(pm->state, STATE_RECEIVING);
	fake_sendrec(vfs, pm, 2);
	CHECK_EQ(pm->state, 0);
	CHECK_EQ(pm->msg.w[0], 2);
	CHECK_EQ(fake_receive(pm, ENDPOINT_KERNEL), 0);
	CHECK_EQ(pm->msg.type, TYPE_NOTIFY);
	CHECK_EQ(pm->msg.w[0], BIT(RS));
	fake_receive(pm, ENDPOINT_KERNEL);
	CHECK_EQ(pm->state, STATE_RECEIVING);
	check();
}

static void t_receive_from_the_dead(void)
{
	fake_cast();
	CHECK_EQ(fake_receive(pm, ENDPOINT(7, VFS)), -EDEADPEER);
	CHECK_EQ(fake_receive(pm, ENDPOINT_NONE), -EDEADPEER);
	CHECK_EQ(pm->state, 0);
	fake_receive(pm, vfs->ep);
	fake_receive(vm, prog->ep);
	GIVES(0, rs, proc_destroy, .proc = vfs->ep);
	CHECK_EQ(pm->state, 0);
	CHECK_EQ((int64_t)pm->regs.rax, -EDEADPEER);
	CHECK_EQ(vm->state, STATE_RECEIVING);
	GIVES(0, rs, proc_destroy, .proc = prog->ep);
	CHECK_EQ((int64_t)vm->regs.rax, -EDEADPEER);
	CHECK_EQ(vm->state, 0);
	check();
}

/* ---- lending and replyreceive ---- */

static void lend(uint64_t bits)
{
	fake_cast();
	fake_ipc(vfs, IPC_SENDREC, none(pm->ep), RAM_VA + 100, 200 | bits);
	fake_receive(pm, ENDPOINT_ANY);
	memcpy(fake_at(vfs, RAM_VA + 100), "lent bytes", 10);
}

static int64_t answer_and_copy(unsigned dir, uint64_t remote, uint64_t len)
{
	struct message m = none(vfs->ep);

	m.w[0] = 5;
	m.w[4] = remote;
	m.w[5] = RAM_VA;
	m.w[6] = len | (uint64_t)dir << 32;
	return fake_ipc(pm, IPC_REPLYRECEIVE, m, vfs->serial | 1ull << 32, 0);
}

static void t_replyreceive(void)
{
	lend(CALL_LEND_READ | CALL_LEND_WRITE);
	CHECK_EQ(pm->regs.r15, 200 | CALL_LEND_READ | CALL_LEND_WRITE);
	fake_linux(prog, CALL_KILL, 9);
	CHECK_EQ(answer_and_copy(COPY_IN, 0, 10), 0);
	CHECK(memcmp(fake_at(pm, RAM_VA), "lent bytes", 10) == 0);
	CHECK_EQ(vfs->state, 0);
	CHECK_EQ(vfs->msg.w[0], 5);
	CHECK_EQ(vfs->msg.w[4] | vfs->msg.w[5] | vfs->msg.w[6], 0);
	CHECK(endpoint_eq(pm->msg.peer, prog->ep));     /* the next call came at once */
	CHECK_EQ(pm->msg.type, CALL_KILL);
	CHECK_EQ(pm->msg.w[0], 9);
	check();
}

static void t_replyreceive_stops(void)
{
	lend(CALL_LEND_READ);
	CHECK_EQ(answer_and_copy(COPY_OUT, 0, 10), -EPERM);
	CHECK_EQ(answer_and_copy(COPY_IN, 0, 201), -EPERM);
	CHECK_EQ(answer_and_copy(COPY_IN, 201, 0), -EPERM);
	CHECK_EQ(answer_and_copy(COPY_IN, UINT64_MAX, 2), -EPERM);
	CHECK_EQ(answer_and_copy(2, 0, 1), -EPERM);
	CHECK_EQ(vfs->state, STATE_CALLING);
	CHECK_EQ(pm->state, 0);
	fake_ipc(driver, IPC_SENDREC, none(pm->ep), RAM_VA + RAM_PAGES * PAGE_SIZE - 3,
		 100 | CALL_LEND_READ);
	fake_receive(pm, driver->ep);
	struct message m = none(driver->ep);
	m.w[5] = RAM_VA;
	m.w[6] = 10;
	CHECK_EQ(fake_ipc(pm, IPC_REPLYRECEIVE, m, driver->serial | 1ull << 32, 0), -EFAULT);
	CHECK_EQ(pm->msg.w[0], 0);
	CHECK_EQ(pm->msg.w[1], 3);
	CHECK_EQ(pm->msg.w[2], RAM_VA + RAM_PAGES * PAGE_SIZE);
	CHECK_EQ(driver->state, STATE_CALLING);
	check();
}

static void t_replyreceive_vector(void)
{
	struct copy *v;

	lend(CALL_LEND_READ | CALL_LEND_WRITE);
	v = fake_at(pm, RAM_VA + PAGE_SIZE);
	v[0] = (struct copy){ .dir = COPY_IN, .len = 4, .remote = 0, .local = RAM_VA };
	v[1] = (struct copy){ .dir = COPY_OUT, .len = 4, .remote = 5, .local = RAM_VA };
	v[2] = (struct copy){ .dir = COPY_OUT, .len = 4, .remote = 199, .local = RAM_VA };
	CHECK_EQ(fake_ipc(pm, IPC_REPLYRECEIVE, none(vfs->ep), vfs->serial | 3ull << 32,
			  RAM_VA + PAGE_SIZE), -EPERM);
	CHECK_EQ(pm->msg.w[0], 2);
	CHECK_EQ(fake_ipc(pm, IPC_REPLYRECEIVE, none(vfs->ep), vfs->serial | 9ull << 32,
			  RAM_VA + PAGE_SIZE), -EINVAL);
	CHECK_EQ(fake_ipc(pm, IPC_REPLYRECEIVE, none(vfs->ep), vfs->serial | 2ull << 32, 0),
	      -EINVAL);
	CHECK_EQ(fake_ipc(pm, IPC_REPLYRECEIVE, none(vfs->ep), vfs->serial | 2ull << 32, 8),
	      -EINVAL);
	CHECK_EQ(vfs->state, STATE_CALLING);
	CHECK_EQ(fake_ipc(pm, IPC_REPLYRECEIVE, none(vfs->ep), vfs->serial | 2ull << 32,
			  RAM_VA + PAGE_SIZE), 0);
	CHECK(memcmp(fake_at(vfs, RAM_VA + 100), "lent lents", 9) == 0);
	CHECK_EQ(vfs->state, 0);
	CHECK_EQ(pm->state, STATE_RECEIVING);
	check();
}

static void t_replyreceive_to_the_dead(void)
{
	fake_cast();
	fake_ipc(pm, IPC_REPLYRECEIVE, none(ENDPOINT(5, VFS)), 3 | 1ull << 32, 0);
	CHECK_EQ(pm->state, STATE_RECEIVING);
	check();
}

/* ---- forward, sendnb, notify ---- */

static void t_forward(void)
{
	fake_cast();
	fake_linux(prog, CALL_READ, 4);
	fake_receive(vfs, ENDPOINT_ANY);
	CHECK_EQ(fake_forward(vfs, prog, driver), 0);
	CHECK_EQ(prog->state, STATE_SENDING);
	CHECK_EQ(fake_answer(vfs, prog, 0), -EDEADPEER);
	fake_receive(driver, ENDPOINT_ANY);
	CHECK_EQ(driver->msg.w[0], 4);
	CHECK_EQ(fake_answer(driver, prog, 12), 0);
	CHECK_EQ(prog->regs.rax, 12);
	check();
}

static void t_forward_refused(void)
{
	fake_cast();
	CHECK_EQ(fake_forward(pm, prog, driver), -EPERM);
	CHECK_EQ(fake_forward(vfs, prog, driver), -EDEADPEER);
	fake_linux(prog, CALL_READ, 0);
	fake_receive(vfs, ENDPOINT_ANY);
	CHECK_EQ(fake_forward(vfs, prog, vfs), -EPERM);
	CHECK_EQ(fake_forward(vfs, prog, prog2), -EPERM);
	privs[VFS].desc.notify_to = ~BIT(PM);
	CHECK_EQ(fake_forward(vfs, prog, pm), -EPERM);
	driver->ep = ENDPOINT_NONE;
	driver->state = STATE_NEW;
	fake_core.current = vfs;
	CHECK_EQ(fake_forward(vfs, prog, driver), -EDEADPEER);
	logger->rank = PROGRAM_RANK;
	CHECK_EQ(fake_forward(vfs, prog, logger), -ERANK);
	CHECK_EQ(prog->state, STATE_CALLING);
	CHECK_EQ(fake_answer(vfs, prog, 0), 0);
}

/* orig_rax is pm's to change while it holds a call; what is delivered stays a Linux call. */
static void t_forward_forges_nothing(void)
{
	fake_cast();
	fake_linux(prog, CALL_READ, 0);
	fake_receive(vfs, ENDPOINT_ANY);
	prog->regs.orig_rax = TYPE_NOTIFY;
	CHECK_EQ(fake_forward(vfs, prog, driver), 0);
	fake_receive(driver, ENDPOINT_ANY);
	CHECK(driver->msg.type < NR_LINUX);
}

static void t_sendnb(void)
{
	struct message m;

	fake_cast();
	CHECK_EQ(fake_sendnb(pm, vfs, 0), -ENOTREADY);
	fake_receive(vfs, driver->ep);
	CHECK_EQ(fake_sendnb(pm, vfs, 0), -ENOTREADY);
	CHECK_EQ(fake_sendnb(driver, vfs, 8), 0);
	CHECK_EQ(vfs->state, 0);
	CHECK_EQ(vfs->msg.w[0], 8);
	CHECK_EQ((uint32_t)vfs->regs.r14, 0);
	CHECK_EQ(fake_sendnb(pm, pm, 0), -EPERM);
	CHECK_EQ(fake_sendnb(pm, prog, 0), -EPERM);
	privs[PM].desc.notify_to = ~BIT(VFS);
	CHECK_EQ(fake_sendnb(pm, vfs, 0), -EPERM);
	CHECK_EQ(fake_ipc(pm, IPC_SENDNB, none(ENDPOINT(4, VFS)), 0, 0), -EDEADPEER);
	fake_receive(vfs, ENDPOINT_ANY);
	m = none(vfs->ep);
	m.type = TYPE_FAULT;
	CHECK_EQ(fake_ipc(driver, IPC_SENDNB, m, 0, 0), -EINVAL);
	m.type = CALL_READ;
	CHECK_EQ(fake_ipc(driver, IPC_SENDNB, m, 0, 0), -EINVAL);
	CHECK_EQ(vfs->state, STATE_RECEIVING);
	check();
}

static void t_notify(void)
{
	fake_cast();
	CHECK_EQ(fake_notify(pm, vfs), 0);
	CHECK_EQ(fake_notify(pm, vfs), 0);
	CHECK_EQ(fake_notify(driver, vfs), 0);
	fake_sendrec(prog, vfs, 1);
	CHECK_EQ(fake_receive(vfs, ENDPOINT_ANY), 0);
	CHECK(endpoint_eq(vfs->msg.peer, ENDPOINT_KERNEL));
	CHECK_EQ(vfs->msg.type, TYPE_NOTIFY);
	CHECK_EQ(vfs->msg.w[0], BIT(PM) | BIT(DRIVER));
	CHECK_EQ(vfs->msg.w[1] | vfs->msg.w[2] | vfs->regs.r14 | vfs->regs.r15, 0);
	fake_receive(vfs, ENDPOINT_ANY);
	CHECK_EQ(vfs->msg.type, TYPE_TEST);
	fake_receive(vfs, ENDPOINT_ANY);
	CHECK_EQ(vfs->state, STATE_RECEIVING);
	CHECK_EQ(fake_notify(rs, vfs), 0);
	CHECK_EQ(vfs->state, 0);
	CHECK_EQ(vfs->msg.w[0], BIT(RS));
	check();
}

static void t_notify_refused(void)
{
	fake_cast();
	CHECK_EQ(fake_notify(pm, prog), -EPERM);
	CHECK_EQ(fake_notify(pm, pm), -EPERM);
	privs[PM].desc.notify_to = ~BIT(VFS);
	CHECK_EQ(fake_notify(pm, vfs), -EPERM);
	CHECK_EQ(fake_ipc(pm, IPC_NOTIFY, none(ENDPOINT(3, VM)), 0, 0), -EDEADPEER);
	CHECK_EQ(privs[VFS].services, 0);
	check();
}

/* ---- Linux calls and faults ---- */

static void t_linux_call(void)
{
	fake_cast();
	prog->regs.rsi = 11;
	prog->regs.r9 = 66;
	prog->regs.r12 = 99;
	fake_linux(prog, CALL_READ, 10);
	fake_receive(vfs, ENDPOINT_ANY);
	CHECK_EQ(vfs->msg.type, CALL_READ);
	CHECK_EQ(vfs->msg.w[0], 10);
	CHECK_EQ(vfs->msg.w[1], 11);
	CHECK_EQ(vfs->msg.w[5], 66);
	CHECK_EQ(vfs->msg.w[6], 0);
	CHECK_EQ(fake_answer(vfs, prog, (uint64_t)-4), 0);
	CHECK_EQ((int64_t)prog->regs.rax, -4);
	CHECK_EQ(prog->regs.rdi, 10);
	CHECK_EQ(prog->regs.r12, 99);
	check();
}

static void t_linux_routes(void)
{
	fake_cast();
	prog->word[PUBLIC_PID] = 42;
	CHECK_EQ(fake_linux(prog, CALL_GETPID, 0), 42);
	CHECK_EQ(fake_linux(prog, CALL_NOBODY, 0), -ENOSYS);
	CHECK_EQ(fake_linux(vfs, CALL_READ, 0), -ENOSYS);
	fake_linux(vfs, CALL_WRITE, 0);
	CHECK_EQ(vfs->state, STATE_SENDING);
	privs[PM].desc.posix[0] = 0;
	CHECK_EQ(fake_linux(pm, CALL_WRITE, 0), -ENOSYS);
	CHECK_EQ(fake_linux(logger, CALL_WRITE, 0), -ENOSYS);   /* its own: rank */
	CHECK_EQ(fake_syscall(prog, NR_LINUX), -ENOSYS);
	CHECK_EQ(fake_syscall(prog, UINT64_MAX), -ENOSYS);
	CHECK_EQ(fake_syscall(vfs->state ? pm : vfs, IPC_SENDREC + 64), -ENOSYS);
	check();
}

static void t_fault(void)
{
	fake_cast();
	fake_fault(prog, 0x123000, FAULT_WRITE | FAULT_USER);
	CHECK_EQ(prog->state, STATE_SENDING);
	fake_receive(vm, ENDPOINT_ANY);
	CHECK_EQ(vm->msg.type, TYPE_FAULT);
	CHECK_EQ(vm->msg.w[0], 0x123000);
	CHECK_EQ(vm->msg.w[1], FAULT_WRITE | FAULT_USER);
	CHECK_EQ(vm->msg.w[2], TEXT_VA);
	CHECK_EQ(fake_answer(vm, prog, 0), 0);
	CHECK_EQ(prog->state, 0);
	fake_fault(prog, 0x123000, FAULT_USER);
	fake_receive(vm, ENDPOINT_ANY);
	CHECK_EQ(fake_answer(vm, prog, 11), 0);
	CHECK_EQ(prog->state, STATE_PARKED);
	GIVES0(0, pm, proc_next);
	CHECK_EQ(REPLY(proc_next)->cause, CAUSE_EXCEPTION);
	CHECK_EQ(REPLY(proc_next)->vector, 14);
	CHECK_EQ(REPLY(proc_next)->code, 11);
	CHECK_EQ(REPLY(proc_next)->address, 0x123000);
	check();
}

static void t_fault_without_handler(void)
{
	fake_cast();
	fake_fault(driver, 0x5000, FAULT_USER);
	CHECK_EQ(driver->state, STATE_FROZEN);
	routes[PERSONALITY_PROGRAM][ROUTE_FAULT] = ROUTE_ENOSYS;
	fake_fault(prog, 0x5000, FAULT_USER);
	CHECK_EQ(prog->state, STATE_PARKED);
	check();
}

/* ---- death ---- */

static void t_server_dies(void)
{
	fake_cast();
	fake_sendrec(driver, pm, 0);
	fake_linux(prog, CALL_KILL, 0);
	fake_receive(pm, driver->ep);
	fake_receive(pm, prog->ep);
	fake_sendrec(vfs, pm, 0);
	fake_linux(prog2, CALL_KILL, 0);
	GIVES(0, rs, proc_destroy, .proc = pm->ep);
	CHECK_EQ((int64_t)driver->regs.rax, -EDEADPEER);        /* delivered */
	CHECK_EQ((int64_t)vfs->regs.rax, -EDEADPEER);           /* queued */
	CHECK_EQ((int64_t)prog->regs.rax, -EIO);
	CHECK_EQ(driver->state | vfs->state | prog->state, 0);
	CHECK_EQ(prog2->state, STATE_SENDING);                  /* waits for the next pm */
	check();
	GIVES(0, rs, proc_create, .proc = ENDPOINT(2, PM), .owner = ENDPOINT(2, PM), .space = PM,
	      .priv = PM, .entry = TEXT_VA, .stack = RAM_VA);
	GIVES(0, rs, proc_resume, .proc = ENDPOINT(2, PM));
	CHECK_EQ(fake_receive(pm, ENDPOINT_ANY), 0);
	CHECK(endpoint_eq(pm->msg.peer, prog2->ep));
	check();
}

static void t_replyreceive_bounded(void)
{
	struct copy *v;

	fake_cast();
	fake_linux(prog, CALL_READ, 0);
	fake_receive(vfs, ENDPOINT_ANY);
	v = fake_at(vfs, RAM_VA);
	for (unsigned i = 0; i < 5; i++)
		v[i] = (struct copy){ .dir = COPY_OUT, .len = RAM_PAGES * PAGE_SIZE,
				      .remote = RAM_VA, .local = RAM_VA };
	CHECK_EQ(fake_ipc(vfs, IPC_REPLYRECEIVE, none(prog->ep), prog->serial | 5ull << 32, RAM_VA),
		 -EINVAL);
	CHECK_EQ(prog->state, STATE_CALLING);
	CHECK_EQ(fake_ipc(vfs, IPC_REPLYRECEIVE, none(prog->ep), prog->serial | 4ull << 32, RAM_VA),
		 0);
	CHECK_EQ(prog->state, 0);
	check();
}

/* A route may name a service that rs has not started yet. */
static void t_server_not_born(void)
{
	unsigned space;

	fake_cast();
	routes[PERSONALITY_PROGRAM][CALL_NOBODY] = ROUTE_SERVER | 20;
	privs[20].desc = privs[VFS].desc;
	fake_linux(prog, CALL_NOBODY, 3);
	CHECK_EQ(prog->state, STATE_SENDING);
	check();
	space = fake_space(20);
	GIVES(0, rs, proc_create, .proc = ENDPOINT(1, 20), .owner = ENDPOINT(1, 20), .priv = 20,
	      .space = (uint16_t)space, .entry = TEXT_VA, .stack = RAM_VA);
	GIVES(0, rs, proc_resume, .proc = ENDPOINT(1, 20));
	CHECK_EQ(fake_receive(&procs[20], ENDPOINT_ANY), 0);
	CHECK_EQ(procs[20].msg.w[0], 3);
	check();
}

static void t_fault_server_dies(void)
{
	fake_cast();
	fake_fault(prog, 0x5000, FAULT_USER);
	fake_receive(vm, ENDPOINT_ANY);
	GIVES(0, rs, proc_destroy, .proc = vm->ep);
	CHECK_EQ(prog->state, STATE_PARKED);
	CHECK_EQ(prog->event.cause, CAUSE_EXCEPTION);
	check();
}

/* pm is told that its own client has parked, by pm's death: it must not wake for that. */
static void t_exception_server_dies_receiving(void)
{
	fake_cast();
	fake_linux(prog, CALL_KILL, 0);
	fake_receive(pm, ENDPOINT_ANY);
	GIVES(0, rs, proc_stop, .proc = prog->ep, .flags = STOP_SIGNAL);
	fake_receive(pm, ENDPOINT_ANY);
	fake_receive(pm, ENDPOINT_ANY);
	CHECK_EQ(pm->state, STATE_RECEIVING);
	GIVES(0, rs, proc_destroy, .proc = pm->ep);
	CHECK_EQ(prog->state, STATE_PARKED);
	check();
}

static void t_client_dies(void)
{
	uint32_t serial;

	fake_cast();
	fake_linux(prog, CALL_READ, 0);
	serial = prog->serial;
	fake_linux(prog2, CALL_READ, 0);
	GIVES(0, rs, proc_destroy, .proc = prog2->ep);
	CHECK(privs[VFS].senders.head == prog && privs[VFS].senders.tail == prog);
	fake_receive(vfs, ENDPOINT_ANY);
	GIVES(0, rs, proc_destroy, .proc = prog->ep);
	CHECK_EQ(fake_answer_serial(vfs, ENDPOINT(1, FIRST_PROGRAM), serial, 0), -EDEADPEER);
	check();
}

int main(void)
{
	TEST("a call reaches a server that waits, and its answer the caller",
	     t_rendezvous_waiting_server);
	TEST("a call waits for a server that is busy", t_rendezvous_waiting_client);
	TEST("callers are served first come first served, unless one is asked for", t_queue_order);
	TEST("sendrec is refused to the dead, the unlisted, equal ranks, bad types and ranges",
	     t_sendrec_refused);
	TEST("a primitive that the manifest does not list is refused", t_primitives_by_manifest);
	TEST("a reply reaches only the very call it answers", t_reply_refused);
	TEST("serials go on rising when a slot is used again", t_serial_rises_over_a_restart);
	TEST("a serial is never 0, not even after 2^32 calls", t_serial_wraps);
	TEST("a receive takes only what its filter admits", t_receive_filters);
	TEST("a receive from one peer ends with that peer", t_receive_from_the_dead);
	TEST("replyreceive copies, answers and receives", t_replyreceive);
	TEST("replyreceive answers nothing if a copy stops short", t_replyreceive_stops);
	TEST("replyreceive takes a vector of copies", t_replyreceive_vector);
	TEST("the copies of one replyreceive are bounded together", t_replyreceive_bounded);
	TEST("replyreceive to a caller that died goes on receiving", t_replyreceive_to_the_dead);
	TEST("a forwarded call is answered by the server that took it over", t_forward);
	TEST("forward is refused without right, call, listing or rank", t_forward_refused);
	TEST("a forwarded Linux call is always of a Linux type", t_forward_forges_nothing);
	TEST("sendnb delivers to a receiver that waits, or says so", t_sendnb);
	TEST("notifications coalesce, come first, and are taken once", t_notify);
	TEST("notify is refused to programs, the unlisted and the dead", t_notify_refused);
	TEST("a Linux call carries six arguments, its answer changes RAX only", t_linux_call);
	TEST("a Linux call goes where its route says", t_linux_routes);
	TEST("a page fault is a call to vm, that ends well or parks the program", t_fault);
	TEST("a fault that nobody resolves is an exception", t_fault_without_handler);
	TEST("a dead server's callers wake with an error, programs not served yet wait",
	      t_server_dies);
	TEST("a program's call waits for a server that is not started yet", t_server_not_born);
	TEST("a fault in the hands of a dead vm parks the program", t_fault_server_dies);
	TEST("a dying server is not woken by its own callers' stops",
	     t_exception_server_dies_receiving);
	TEST("a dead caller leaves the queue, and its answer goes nowhere", t_client_dies);
	return test_result();
}
