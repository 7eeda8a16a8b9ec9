/* SPDX-License-Identifier: BSD-2-Clause
 * sweep.c - everything that enters the kernel by `syscall`, with arguments that would do something.
 *
 * Job:      tries every number with every kind of argument, at every slot.
 * Speaks:   whatever there is, by its number: nothing of the library's stubs is linked, or the
 *           image checker would know.
 * Touches:  nothing; `loot` is where the kernel would write.
 * Trusts:   nothing.
 * On crash: nothing here crashes it.
 */
#include <lib/args.h>
#include <lib/linux.h>
#include <lib/print.h>
#include <lib/service_ids.h>

#include "outcast.h"

enum { GENERATIONS = 16, NUMBERS_END = 0x2100, STRANGE = 8 };

static uint64_t loot[512];              /* zero, and it is to stay so */

static bool untouched(void)
{
	for (unsigned i = 0; i < COUNT(loot); i++)
		if (loot[i] != 0)
			return false;
	return true;
}

static int64_t enter(uint64_t number, const uint64_t *w, uint64_t rdi)
{
	struct raw r = { .rax = number, .rdi = rdi, .rsi = w[0], .rdx = w[1], .r10 = w[2],
			 .r8 = w[3], .r9 = w[4], .r12 = w[5], .r13 = w[6] };

	raw_enter(&r);
	return (int64_t)r.rax;
}

static uint64_t self(void)
{
	return FIRST_ENDPOINT(service_id()).v;
}

/* ---- kernel calls ---- */

/* Fields are packed into words differently by each call: each word takes each of these values. */
static uint64_t plausible(unsigned which, unsigned word)
{
	const uint64_t value[] = {
		0, 1, self(), FIRST_ENDPOINT(ID_DS).v, FIRST_ENDPOINT(ID_RS).v | self() << 32,
		(uint64_t)(uintptr_t)loot, service_id(), 0xfee00, 1ull << 32 | 1,
		self() << 32 | 1, (uint64_t)service_id() << 16 | service_id(), 64,
	};

	return value[(which / (word + 1) + word * 5 + which) % COUNT(value)];
}

static void try_kernel_call(uint64_t number)
{
	for (unsigned which = 0; which < 144; which++) {
		uint64_t w[MESSAGE_WORDS];
		int64_t result;

		for (unsigned i = 0; i < MESSAGE_WORDS; i++)
			w[i] = plausible(which, i);
		result = enter(number, w, 0);
		judge((result == -EPERM || (result == -ENOSYS && number >= 0x1040)) && untouched(),
		      "kernel call", number, result);
	}
}

void try_kernel_calls(void)
{
	/* As 64-bit numbers that look like something else when they are cut off. */
	static const uint64_t strange[STRANGE] = {
		BIT(63), BIT(63) | 1, BIT(32) | 1, BIT(32) | 0x1000, BIT(32) | 0x1010,
		UINT64_MAX, 0xffffffff, BIT(16) | 0x1010,
	};

	for (uint64_t n = IPC_SENDREC + NR_IPC; n < 0x1040; n++)
		try_kernel_call(n);
	for (uint64_t n = 0x400; n < NUMBERS_END; n++)
		if (n < IPC_SENDREC || n >= 0x1040)
			judge(enter(n, loot, 0) == -ENOSYS, "number", n, 0);
	for (unsigned i = 0; i < STRANGE; i++)
		judge(enter(strange[i], loot, 0) == -ENOSYS, "number", strange[i], 0);
	/* Every port, byte by byte. */
	for (uint64_t port = 0; port < 0x10000; port++) {
		struct port_op op = { .port = (uint16_t)port, .width = 1 };
		uint64_t w[MESSAGE_WORDS] = { (uint64_t)(uintptr_t)&op, 1 };

		judge(enter(0x103b, w, 0) == -EPERM && op.value == 0, "port", port, 0);
	}
}

/* ---- primitives ---- */

static bool nobody(int64_t result)
{
	return result == -EPERM || result == -EDEADPEER;
}

static void try_at(uint64_t number, endpoint_t to)
{
	static const char *const name[] = {
		"sendrec to", "receive from", "reply to", "replyreceive to", "forward to",
		"sendnb to", "notify",
	};
	/* The serial of a reply and of a forward; whom to forward to. */
	uint64_t w[MESSAGE_WORDS] = { 1, FIRST_ENDPOINT(ID_DS).v };
	struct raw r = { .rax = number, .rdi = to.v | (uint64_t)TYPE_CONTRACT << 32, .rsi = w[0],
			 .rdx = w[1], .r14 = 1 };

	if (number == IPC_SENDREC) {
		r.r14 = (uint64_t)(uintptr_t)loot;
		r.r15 = sizeof(loot) | CALL_LEND_READ | CALL_LEND_WRITE;
	}
	raw_enter(&r);
	judge(nobody((int64_t)r.rax), name[number - IPC_SENDREC], endpoint_slot(to),
	      (int64_t)r.rax);
}

static void try_everywhere(uint64_t number)
{
	for (unsigned slot = 0; slot < NR_PROCS; slot++)
		for (unsigned gen = 0; gen < GENERATIONS; gen++)
			try_at(number, ENDPOINT(gen, slot));
	try_at(number, ENDPOINT_NONE);
	if (number != IPC_RECEIVE)
		try_at(number, ENDPOINT_ANY);
	if (number != IPC_RECEIVE)
		try_at(number, ENDPOINT_KERNEL);
}

/* Every operation of every contract, and what is none, to every service. */
static void try_operations(void)
{
	for (unsigned id = 0; id < FIRST_PROGRAM; id++)
		for (uint64_t type = 0; type < NUMBERS_END; type++) {
			int64_t result = enter(IPC_SENDREC, loot,
					       FIRST_ENDPOINT(id).v | type << 32);

			judge(nobody(result), "operation at", id, result);
		}
}

/* With the primitives that everybody has unless the manifest lists others. A receive that is not
 * refused waits: it is tried from those who do not live. */
void try_primitives(bool listed)
{
	for (uint64_t n = IPC_SENDREC; n < IPC_SENDREC + NR_IPC; n++)
		if (!listed || (n != IPC_RECEIVE && n != IPC_REPLYRECEIVE))
			try_everywhere(n);
	for (unsigned slot = 0; listed && slot < NR_PROCS; slot++)
		try_at(IPC_RECEIVE, ENDPOINT(0x7fff, slot));
	try_operations();
	judge(untouched(), "loot", 0, 0);
}

/* ---- Linux calls ---- */

static void try_write(void)
{
	static const char text[] = "outcast writes\n";
	uint64_t good[MESSAGE_WORDS] = { (uint64_t)(uintptr_t)text, sizeof(text) - 1 };
	uint64_t kernel[MESSAGE_WORDS] = { 0xffffffff80100000, 8 };
	uint64_t absent[MESSAGE_WORDS] = { RS_ARCHIVE_VA, 8 };

	for (unsigned fd = 0; fd < 64; fd++) {
		int64_t result = enter(LINUX_WRITE, good, fd);

		judge(result == -EBADF, "write to descriptor", fd, result);
		result = enter(LINUX_WRITE, kernel, fd);
		judge(result < 0, "write of the kernel's memory", fd, result);
		result = enter(LINUX_WRITE, absent, fd);
		judge(result < 0, "write of the archive", fd, result);
	}
}

void try_linux_calls(void)
{
	for (uint64_t n = 0; n < NR_LINUX; n++) {
		if (n == LINUX_WRITE || n == LINUX_EXIT || n == LINUX_EXIT_GROUP)
			continue;
		for (unsigned which = 0; which < 24; which++) {
			uint64_t w[MESSAGE_WORDS];
			int64_t result;

			for (unsigned i = 0; i < MESSAGE_WORDS; i++)
				w[i] = plausible(which, i);
			result = enter(n, w, plausible(which, 7));
			judge(result == -ENOSYS && untouched(), "Linux call", n, result);
		}
	}
	try_write();
}

/* ---- flags ---- */

/* popf does not fault; it must not do anything either. */
void try_flags(void)
{
	const uint64_t iopl = 3 << 12, interrupts = 1 << 9;
	uint64_t before, after;

	__asm__ volatile("pushfq; pop %0" : "=r"(before));
	__asm__ volatile("push %0; popfq" : : "r"((before | iopl) & ~interrupts) : "cc");
	__asm__ volatile("pushfq; pop %0" : "=r"(after));
	judge((before & iopl) == 0 && (after & iopl) == 0, "IOPL by popf", after, 0);
	judge((after & interrupts) != 0, "interrupts off by popf", after, 0);
}
