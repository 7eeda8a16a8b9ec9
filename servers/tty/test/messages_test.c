/* SPDX-License-Identifier: BSD-2-Clause
 * messages_test.c - tty on the host, against messages of all kinds (tests/messages).
 */
#include <servers/tty/state.h>
#include <tests/messages/messages.h>

static void damage(unsigned n)
{
	struct line *l = &state.line[0];

	if (n == 0)
		l->in.head = l->in.tail + 100000;
	else
		l->out.head = l->out.tail + 100000;
}

const struct fuzzed fuzzed = {
	.name = "tty", .messages = 100000,
	.notifiers = BIT(ID_VFS) | BIT(ID_DS),
	.damage = damage, .damages = 2,
};
