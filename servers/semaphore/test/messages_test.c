/* SPDX-License-Identifier: BSD-2-Clause
 * messages_test.c - semaphore on the host, against messages of all kinds (tests/messages).
 */
#include <tests/messages/messages.h>

extern const struct fuzz_call semaphore_fuzz[];
extern const unsigned semaphore_fuzz_count;

const struct fuzzed fuzzed = {
	.name = "semaphore", .messages = 100000,
	.protocol = { { semaphore_fuzz, &semaphore_fuzz_count } },
};
