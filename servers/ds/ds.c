/* SPDX-License-Identifier: BSD-2-Clause
 * ds.c - the data store: names, changes of names, snapshots.
 *
 * Job:      the table of operations, and the check after a crash.
 * Speaks:   contracts/ds.
 * Touches:  the memory its clients lend.
 * Trusts:   rs, which may publish anybody. Nothing else in a request.
 * On crash: recovers in place.
 */
#include "ds.h"
#include <lib/complain.h>

#include <lib/print.h>

static err_t check(void)
{
	names_check();
	snapshots_check();
	return 0;
}

static const struct ds_ops ops = {
	.publish = do_ds_publish, .unpublish = do_ds_unpublish, .retrieve = do_ds_retrieve,
	.wait = do_ds_wait, .list = do_ds_list, .subscribe = do_ds_subscribe,
	.unsubscribe = do_ds_unsubscribe, .event_next = do_ds_event_next,
	.snapshot_store = do_ds_snapshot_store, .snapshot_fetch = do_ds_snapshot_fetch,
	.snapshot_drop = do_ds_snapshot_drop,
};

static size_t summary(char *to, size_t size)
{
	unsigned names = 0, waiters = 0, subscriptions = 0, snapshots = 0;

	for (unsigned i = 0; i < NAMES; i++)
		names += state.name[i].text[0] != '\0';
	for (unsigned i = 0; i < WAITERS; i++)
		waiters += state.waiter[i].client.v != 0;
	for (unsigned i = 0; i < SUBSCRIPTIONS; i++)
		subscriptions += state.subscription[i].client.v != 0;
	for (unsigned i = 0; i < SNAPSHOTS; i++)
		snapshots += state.snapshot[i].text[0] != '\0';
	return format(to, size, "%u names, %u waiting for one, %u subscriptions, %u snapshots, "
		      "%lu changes\n", names, waiters, subscriptions, snapshots,
		      (unsigned long)state.changes);
}

static const struct server server = {
	.name = "ds", .serves = { { .contract = &ds_contract, .ops = &ops } },
	.check = check, .summary = summary, .offended = complain_of_request_from_below,
};

int main(void)
{
	server_run(&server);
}
