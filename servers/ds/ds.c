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

static err_t check(void)
{
	err_t err = names_check();

	return err == 0 ? snapshots_check() : err;
}

static const struct ds_ops ops = {
	.publish = do_ds_publish, .unpublish = do_ds_unpublish, .retrieve = do_ds_retrieve,
	.wait = do_ds_wait, .list = do_ds_list, .subscribe = do_ds_subscribe,
	.unsubscribe = do_ds_unsubscribe, .event_next = do_ds_event_next,
	.snapshot_store = do_ds_snapshot_store, .snapshot_fetch = do_ds_snapshot_fetch,
	.snapshot_drop = do_ds_snapshot_drop,
};

static const struct server server = {
	.name = "ds", .serves = { { .contract = &ds_contract, .ops = &ops } },
	.check = check, .on_cancel = waiters_cancelled,
};

int main(void)
{
	server_run(&server);
}
