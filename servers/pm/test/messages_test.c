/* SPDX-License-Identifier: BSD-2-Clause
 * messages_test.c - pm on the host, against messages of all kinds (tests/messages).
 */
#include <servers/pm/state.h>
#include <tests/messages/messages.h>

static void damage(unsigned n)
{
	struct process *p = &state.process[0];

	while (p->state == PROCESS_FREE && p < &state.process[NR_PROCESSES - 1])
		p++;
	p->state = PROCESS_LIVE;
	if (n == 0)
		p->threads += 77;
	else
		p->parent = NR_PROCESSES + 1;
}

extern const struct fuzz_call pm_fuzz[];
extern const unsigned pm_fuzz_count;

const struct fuzzed fuzzed = {
	.name = "pm", .messages = 100000,
	.protocol = { { pm_fuzz, &pm_fuzz_count } }, .linux_calls = true,
	.notifiers = BIT(ID_VFS) | BIT(ID_VM),
	.damage = damage, .damages = 2,
};
