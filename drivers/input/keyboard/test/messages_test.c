/* SPDX-License-Identifier: BSD-2-Clause
 * messages_test.c - keyboard on the host, against messages of all kinds (tests/messages).
 */
#include <tests/messages/messages.h>

const struct fuzzed fuzzed = {
	.name = "keyboard", .messages = 100000,
	.notifiers = ~0ull,
};
