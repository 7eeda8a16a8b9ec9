/* SPDX-License-Identifier: BSD-2-Clause
 * messages_test.c - ext2 on the host, against messages of all kinds (tests/messages).
 */
#include <tests/messages/messages.h>

const struct fuzzed fuzzed = {
	.name = "ext2", .messages = 100000,
	.args = "virtio_blk\0vda\0", .notifiers = BIT(ID_VFS) | BIT(ID_DS),
};
