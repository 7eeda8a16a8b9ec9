/* SPDX-License-Identifier: BSD-2-Clause
 * echo.c - answers every call with its own payload.
 *
 * Job:      the other end of the message benchmark, with nothing of the library's loop in the way.
 * Speaks:   anything.
 * Touches:  nothing.
 * Trusts:   nothing.
 * On crash: started again; holds no state.
 */
#include <lib/ipc.h>
#include <lib/service_ids.h>

int main(void)
{
	struct delivery d;

	ipc_notify(FIRST_ENDPOINT(ID_RS));
	if (ipc_receive(&d, ENDPOINT_ANY) != 0)
		return 1;
	for (;;) {
		if (d.serial == 0) {
			ipc_notify(FIRST_ENDPOINT(ID_RS));
			if (ipc_receive(&d, ENDPOINT_ANY) != 0)
				return 1;
			continue;
		}
		d.m.type = 0;
		if (ipc_replyreceive(&d, NULL, 0, NULL) != 0)
			return 1;
	}
}
