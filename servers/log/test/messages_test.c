/* SPDX-License-Identifier: BSD-2-Clause
 * messages_test.c - log on the host, against messages of all kinds (tests/messages).
 */
#include <string.h>

#include <servers/log/state.h>
#include <tests/messages/messages.h>

static void damage(unsigned n)
{
	switch (n) {
	case 0:
		memset(&state.line[7], 0xff, sizeof(state.line[7]));
		break;
	case 1:
		state.first = state.next + 3;
		break;
	case 2:
		state.next = state.first + 2 * LINES;
		break;
	case 3:
		state.viewer[1].shown = UINT64_MAX;
		break;
	case 4:
		state.partial[9].len = 255;
		break;
	case 5:                         /* a text without an end */
		memset(state.name[5], 'x', NAME);
		break;
	case 6:
		state.console = 12345;
		break;
	}
}

extern const struct fuzz_call log_fuzz[];
extern const unsigned log_fuzz_count;

const struct fuzzed fuzzed = {
	.name = "log", .messages = 100000,
	.protocol = { { log_fuzz, &log_fuzz_count } },
	.damage = damage, .damages = 7, .says_nothing = true,
};
