/* SPDX-License-Identifier: BSD-2-Clause
 * messages_test.c - uart on the host, against messages of all kinds (tests/messages).
 */
#include <tests/messages/messages.h>

const struct fuzzed fuzzed = {
	.name = "uart", .messages = 100000,
	.notifiers = ~0ull,
};
