/* SPDX-License-Identifier: BSD-2-Clause
 * iskey.c - sends the information server what a keyboard sends when a dump key is pressed.
 *
 *	iskey N: Shift+F<N>
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <contract/is.h>
#include <lib/ipc.h>
#include <lib/peer.h>

int main(int argc, char **argv)
{
	static struct peer is = PEER("is");
	struct is_key_request key = { .key = argc > 1 ? (uint32_t)atoi(argv[1]) : 0 };
	struct message m = { .type = IS_KEY };
	err_t err = peer_find(&is);

	m.peer = is.at;
	memcpy(m.w, &key, sizeof(key));
	if (err == 0)                   /* not by the stub: a wrong key is to be refused */
		err = ipc_sendrec(&m, NULL, 0);
	if (err == 0)
		err = (err_t)m.type;
	if (err != 0)
		fprintf(stderr, "iskey: %u: %s\n", key.key, strerror(-err));
	return err != 0;
}
