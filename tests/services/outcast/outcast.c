/* SPDX-License-Identifier: BSD-2-Clause
 * outcast.c - tries everything that its manifest does not list, and tells what was not refused.
 *
 * Job:      `sweep`: all that enters the kernel by `syscall`; `default`: the same with the
 *           primitives that a manifest without that line gives; `traps FIRST COUNT`: instructions
 *           that are to kill it, after each of which it goes on with the next.
 * Speaks:   anything, to anybody, in vain (tests/system/outcast.py).
 * Touches:  whatever it can.
 * Trusts:   nothing.
 * On crash: recovered; `progress` says which attempt that was.
 */
#include <string.h>

#include <lib/args.h>
#include <lib/ipc.h>
#include <lib/linux.h>
#include <lib/print.h>
#include <lib/server.h>
#include <lib/service_ids.h>

#include "outcast.h"

enum { TOLD_MAX = 100, BEATS = 3 };

static struct {
	uint32_t next;                  /* trap, or step */
	uint32_t told;
	uint64_t tried, refused;
} volatile progress SECTION_UNDO;

void judge(bool refused, const char *what, uint64_t a, int64_t result)
{
	progress.tried++;
	progress.refused += refused;
	if (!refused && progress.told++ < TOLD_MAX)
		print("<2>allowed: %s %lu = %ld\n", what, (unsigned long)a, (long)result);
}

static void tell_done(void)
{
	print("<2>done: %lu tried, %lu refused\n", (unsigned long)progress.tried,
	      (unsigned long)progress.refused);
}

__attribute__((noreturn)) static void loop(void)
{
	for (;;)
		__asm__ volatile("pause");
}

/* Whoever may receive gets what others send to it. Nobody does, but rs for its heartbeats, and ds
 * once, as to all whose name it did not know (note 0026). */
__attribute__((noreturn)) static void listen(void)
{
	for (unsigned n = 0;; n++) {
		struct raw r = { .rax = IPC_RECEIVE, .rdi = ENDPOINT_ANY.v };

		if (n % 2 == 1)         /* an answer to nobody, and then a receive */
			r = (struct raw){ .rax = IPC_REPLYRECEIVE, .r14 = n,
					  .rdi = FIRST_ENDPOINT(ID_DS).v };
		raw_enter(&r);
		judge(r.rax == 0 && r.rdi == (ENDPOINT_KERNEL.v | (uint64_t)TYPE_NOTIFY << 32) &&
		      (r.rsi & ~(BIT(ID_RS) | BIT(ID_DS))) == 0,
		      "a message from", r.rdi, (int64_t)r.rsi);
		ipc_notify(FIRST_ENDPOINT(ID_RS));
		if (n + 1 == BEATS)
			tell_done();
	}
}

static void sweep(bool listed)
{
	try_flags();
	try_kernel_calls();
	try_linux_calls();
	try_primitives(listed);
}

/* Ends by itself, which every service may, in two ways. */
__attribute__((noreturn)) static void sweep_and_exit(void)
{
	static const long ways[] = { LINUX_EXIT, LINUX_EXIT_GROUP };
	uint32_t n = progress.next;

	if (n == 0)
		sweep(false);
	else
		judge(false, "Linux call", (uint64_t)ways[n - 1], 0);
	progress.next = n + 1;
	if (n < COUNT(ways))
		linux_syscall(ways[n], 0, 0, 0);
	else
		tell_done();
	loop();
}

/* Instructions, from progress.next on. A recovery means that the one before was refused. */
__attribute__((noreturn)) static void spring(unsigned first, unsigned count)
{
	unsigned end = first + count, most = (unsigned)(traps_end - traps);

	end = end < most ? end : most;
	if (progress.next == 0)
		progress.next = first;
	else
		judge(true, "", 0, 0);
	while (progress.next < end) {
		const struct trap *t = &traps[progress.next];

		progress.next++;
		trap_run(t->run);
		judge(false, t->name, 0, 0);
	}
	tell_done();
	loop();
}

int main(void)
{
	const char *part = service_arg(0);

	ipc_notify(FIRST_ENDPOINT(ID_RS));
	if (part != NULL && strcmp(part, "traps") == 0)
		spring((unsigned)service_arg_number(1, 0), (unsigned)service_arg_number(2, 0));
	if (part == NULL || strcmp(part, "default") != 0)
		sweep_and_exit();
	sweep(true);
	listen();
}
