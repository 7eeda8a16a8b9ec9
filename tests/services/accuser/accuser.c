/* SPDX-License-Identifier: BSD-2-Clause
 * accuser.c - a service that complains.
 *
 * Job:      complains of each service that its arguments name, and prints what comes of it.
 * Speaks:   contracts/rs (complain), contracts/ds (retrieve).
 * Touches:  nothing.
 * Trusts:   nothing.
 * On crash: not started again.
 */
#include <lib/args.h>
#include <lib/complain.h>
#include <lib/peer.h>
#include <lib/print.h>
#include <lib/server.h>

static void accuse(const char *name)
{
	struct peer of = PEER("");
	err_t err;

	strlcpy(of.name, name, sizeof(of.name));
	err = peer_find(&of);
	print("of %s: %d\n", name, (int)complain(of.at, RS_COMPLAINT_DATA, "just so"));
	if (err != 0)
		print("%s is not there\n", name);
}

static void init(enum start_kind kind)
{
	for (unsigned n = 0; service_arg(n) != NULL; n++)
		accuse(service_arg(n));
}

static const struct server server = { .name = "accuser", .init = init };

int main(void)
{
	server_run(&server);
}
