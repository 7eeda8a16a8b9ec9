/* SPDX-License-Identifier: BSD-2-Clause
 * messages_test.c - acpi on the host, against messages of all kinds (tests/messages).
 */
#include <tests/messages/messages.h>

extern const struct fuzz_call power_fuzz[];
extern const unsigned power_fuzz_count;

const struct fuzzed fuzzed = {
	.name = "acpi", .messages = 100000,
	.protocol = { { power_fuzz, &power_fuzz_count } },
};
