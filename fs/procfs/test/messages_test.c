/* SPDX-License-Identifier: BSD-2-Clause
 * messages_test.c - procfs on the host, against messages of all kinds (tests/messages).
 */
#include <tests/messages/messages.h>

const struct fuzzed fuzzed = {
	.name = "procfs", .messages = 100000,
	.notifiers = BIT(ID_VFS) | BIT(ID_DS),
};
