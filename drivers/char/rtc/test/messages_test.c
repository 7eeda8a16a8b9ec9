/* SPDX-License-Identifier: BSD-2-Clause
 * messages_test.c - rtc on the host, against messages of all kinds (tests/messages).
 */
#include <tests/messages/messages.h>

const struct fuzzed fuzzed = {
	.name = "rtc", .messages = 100000,
	.notifiers = BIT(ID_VFS),
};
