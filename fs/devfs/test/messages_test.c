/* SPDX-License-Identifier: BSD-2-Clause
 * messages_test.c - devfs on the host, against messages of all kinds (tests/messages).
 */
#include <tests/messages/messages.h>

const struct fuzzed fuzzed = {
	.name = "devfs", .messages = 100000,
	.notifiers = BIT(ID_VFS) | BIT(ID_DS),
};
