/* SPDX-License-Identifier: BSD-2-Clause
 * messages_test.c - ramdisk on the host, against messages of all kinds (tests/messages).
 */
#include <lib/image.h>
#include <tests/messages/messages.h>

/* There is no boot archive. */
err_t image_find(const char *name, struct image *i)
{
	return name != NULL && i != NULL ? -ENOENT : -EINVAL;
}

const struct fuzzed fuzzed = {
	.name = "ramdisk", .messages = 100000,
	.notifiers = ~0ull,
};
