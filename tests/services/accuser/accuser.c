/* SPDX-License-Identifier: BSD-2-Clause
 * accuser.c - a service that complains.
 *
 * Job:      complains of each service that its arguments name, and prints what comes of it; of ds
 *           twice more: of an answer of the life that has ended so, and of one of the next. Takes
 *           names in ds.
 * Speaks:   contracts/rs (complain), contracts/ds (retrieve).
 * Touches:  nothing.
 * Trusts:   nothing.
 * On crash: not started again.
 */
#include <contract/ds.h>
#include <lib/args.h>
#include <lib/clock.h>
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

static void accuse_lives_of_ds(void)
{
	struct peer of = PEER("ds"), other = PEER("log");
	uint64_t asked_ns = clock_monotonic_ns();
	err_t first, old, present;

	if (peer_find(&of) != 0)
		print("ds is not there\n");
	first = complain(of.at, RS_COMPLAINT_DATA, "just so");
	if (peer_find(&other) != 0)             /* its next life answers */
		print("log is not there\n");
	old = complain_of_answer(of.at, asked_ns, "an old answer");
	present = complain_of_answer(of.at, clock_monotonic_ns(), "a new answer");
	print("of lives of ds: %d %d %d\n", (int)first, (int)old, (int)present);
}

/* Who is sent what is for others would be one who took their names. */
static void take_names(void)
{
	struct ds_publish_request req = { .name = "nobody" };
	struct peer ds = PEER("ds");
	err_t other = ds_publish(&ds, &req), own = 0;
	unsigned n = 0;

	while (own == 0) {
		format(req.name, sizeof(req.name), "dev/accuser%u", n++);
		own = ds_publish(&ds, &req);
	}
	print("a name: %d; after %u devices: %d\n", (int)other, n - 1, (int)own);
}

static void init(enum start_kind kind)
{
	take_names();
	for (unsigned n = 0; service_arg(n) != NULL; n++)
		accuse(service_arg(n));
	accuse_lives_of_ds();
}

static const struct server server = { .name = "accuser", .init = init };

int main(void)
{
	server_run(&server);
}
