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
#include <contract/rs.h>
#include <lib/ipc.h>
#include <lib/service_ids.h>

int main(int argc, char **argv)
{
	struct message m = { .peer = FIRST_ENDPOINT(ID_RS), .type = RS_STATUS };
	struct is_key_request key = { .key = argc > 1 ? (uint32_t)atoi(argv[1]) : 0 };
	struct rs_status_request who = { .name = "is" };
	struct rs_status_reply is;
	err_t err;

	memcpy(m.w, &who, sizeof(who));
	err = ipc_sendrec(&m, NULL, 0);
	memcpy(&is, m.w, sizeof(is));
	if (err == 0) {
		m = (struct message){ .peer = is.who, .type = IS_KEY };
		memcpy(m.w, &key, sizeof(key));
		err = ipc_sendrec(&m, NULL, 0);
	}
	if (err == 0)
		err = (err_t)m.type;
	if (err != 0)
		fprintf(stderr, "iskey: %u: %s\n", key.key, strerror(-err));
	return err != 0;
}
