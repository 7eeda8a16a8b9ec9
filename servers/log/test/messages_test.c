/* SPDX-License-Identifier: BSD-2-Clause
 * messages_test.c - log on the host, against messages of all kinds (tests/messages).
 */
#include <tests/messages/messages.h>

extern const struct fuzz_call log_fuzz[];
extern const unsigned log_fuzz_count;

const struct fuzzed fuzzed = {
	.name = "log", .messages = 100000,
	.protocol = { { log_fuzz, &log_fuzz_count } },
};
