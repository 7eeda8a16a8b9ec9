/* SPDX-License-Identifier: BSD-2-Clause
 * messages_test.c - sched on the host, against messages of all kinds (tests/messages).
 */
#include <servers/sched/state.h>
#include <tests/messages/messages.h>

static void damage(unsigned n)
{
	state.row[70 + n] = (struct row){
		.proc = ENDPOINT(1, n == 0 ? 3 : 70 + n), .quantum = n != 1,
		.priority = n == 2 ? 200 : 3,
	};
}

extern const struct fuzz_call sched_fuzz[];
extern const unsigned sched_fuzz_count;

const struct fuzzed fuzzed = {
	.name = "sched", .messages = 100000,
	.protocol = { { sched_fuzz, &sched_fuzz_count } },
	.damage = damage, .damages = 3,
};
