/* SPDX-License-Identifier: BSD-2-Clause
 * messages_test.c - is on the host, against messages of all kinds (tests/messages).
 */
#include <tests/messages/messages.h>

extern const struct fuzz_call is_fuzz[];
extern const unsigned is_fuzz_count;

const struct fuzzed fuzzed = {
	.name = "is", .messages = 100000,
	.protocol = { { is_fuzz, &is_fuzz_count } },
};
