/* SPDX-License-Identifier: BSD-2-Clause
 * rtt.c - what a message and a kernel call cost.
 *
 * Job:      times round trips with the time-stamp counter, which under `-icount shift=0` counts
 *           instructions; prints one line for each and `rtt done`.
 * Speaks:   toy, to echo (a bare loop) and to toy (the library's loop, with its undo log).
 * Touches:  nothing.
 * Trusts:   its peers to answer.
 * On crash: started again, measures again.
 */
#include <contract/kernel.h>
#include <contract/toy.h>
#include <lib/assert.h>
#include <lib/peer.h>
#include <lib/print.h>
#include <lib/server.h>
#include <lib/service_ids.h>

enum { ROUNDS = 10000, ID_ECHO = 60 };

/* cycles() and report() are marks of tools/count.c: each a function, called where it is written. */
static __attribute__((noinline)) uint64_t cycles(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return lo | (uint64_t)hi << 32;
}

static struct message bare = { .type = TOY_SUM };

static void bare_round_trip(void)
{
	bare.peer = FIRST_ENDPOINT(ID_ECHO);
	bare.type = TOY_SUM;
	if (ipc_sendrec(&bare, NULL, 0) != 0)
		assert(!"echo answers");
}

static void library_round_trip(void)
{
	static struct peer toy = PEER("toy");
	struct toy_sum_reply reply;

	assert(toy_sum(&toy, &reply) == 0);
}

static void nothing(void)
{
}

static void kernel_call(void)
{
	struct proc_public_get_request req = { .proc = FIRST_ENDPOINT(ID_ECHO) };
	struct proc_public_get_reply reply;

	assert(sys_proc_public_get(&req, &reply) == 0);
}

static void refused_call(void)
{
	struct message m = { .peer = ENDPOINT_NONE };

	assert(ipc_kernel(0x10ff, &m) == -ENOSYS);
}

static __attribute__((noinline)) void report(const char *what, uint64_t spent)
{
	print("%s %lu\n", what, (unsigned long)(spent / ROUNDS));
}

static void measure(const char *what, void (*once)(void))
{
	uint64_t start;

	for (unsigned i = 0; i < 100; i++)
		once();
	start = cycles();
	for (unsigned i = 0; i < ROUNDS; i++)
		once();
	report(what, cycles() - start);
}

static void init(enum start_kind kind)
{
	measure("kernel entry and exit", refused_call);
	measure("kernel call", kernel_call);
	measure("nothing, the loop itself", nothing);
	measure("message round trip, bare", bare_round_trip);
	measure("message round trip, library", library_round_trip);
	print("rtt done\n");
}

int main(void)
{
	static const struct server rtt = { .name = "rtt", .init = init };

	server_run(&rtt);
}
