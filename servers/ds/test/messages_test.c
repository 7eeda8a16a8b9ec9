/* SPDX-License-Identifier: BSD-2-Clause
 * messages_test.c - ds on the host, against messages of all kinds (tests/messages).
 */
#include <string.h>

#include <servers/ds/state.h>
#include <tests/messages/messages.h>

static void damage(unsigned n)
{
	switch (n) {
	case 0:                         /* a text without an end */
		memset(state.name[5].text, 'x', DS_NAME);
		break;
	case 1:                         /* two rows with one text */
		strcpy(state.name[7].text, "twice");
		strcpy(state.name[9].text, "twice");
		break;
	case 2:
		state.name[3].change = UINT64_MAX;
		break;
	case 3:
		memset(state.waiter[4].text, 'x', DS_NAME);
		break;
	case 4:
		state.snapshot[2].size = UINT32_MAX;
		break;
	}
}

extern const struct fuzz_call ds_fuzz[];
extern const unsigned ds_fuzz_count;

const struct fuzzed fuzzed = {
	.name = "ds", .messages = 100000,
	.protocol = { { ds_fuzz, &ds_fuzz_count } },
	.damage = damage, .damages = 5,
};
