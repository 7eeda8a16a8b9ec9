/* SPDX-License-Identifier: BSD-2-Clause
 * messages_test.c - tmpfs on the host, against messages of all kinds (tests/messages).
 */
#include <lib/image.h>
#include <fs/tmpfs/tmpfs.h>
#include <tests/messages/messages.h>

static bool check(void)
{
	return tree_check() == 0 && repairs == 0;
}

/* There is no boot archive. */
err_t image_find(const char *name, struct image *i)
{
	return name != NULL && i != NULL ? -ENOENT : -EINVAL;
}

const struct fuzzed fuzzed = {
	.name = "tmpfs", .messages = 100000,
	.notifiers = BIT(ID_VFS) | BIT(ID_DS),
	.check = check,
};
