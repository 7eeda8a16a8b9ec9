/* SPDX-License-Identifier: BSD-2-Clause
 * ds.h - what the files of ds share.
 */
#ifndef DS_DS_H
#define DS_DS_H

#include "state.h"

#include <lib/server.h>

/* names.c */
struct name *name_find(const char *text);       /* also a withdrawn one; NULL: none */
bool name_stands(const struct name *n);
err_t do_ds_publish(const struct call *c, const struct ds_publish_request *req);
err_t do_ds_unpublish(const struct call *c, const struct ds_unpublish_request *req);
err_t do_ds_retrieve(const struct call *c, const struct ds_retrieve_request *req,
		     struct ds_retrieve_reply *reply);
err_t do_ds_wait(const struct call *c, const struct ds_wait_request *req,
		 struct ds_wait_reply *reply);
err_t do_ds_list(const struct call *c, const struct ds_list_request *req,
		 struct ds_list_reply *reply);
void names_check(void);

/* subscriptions.c */
void subscribers_notify(const struct name *n);
void subscribers_forget(endpoint_t successor);  /* earlier generations of this service */
err_t do_ds_subscribe(const struct call *c, const struct ds_subscribe_request *req);
err_t do_ds_unsubscribe(const struct call *c, const struct ds_unsubscribe_request *req);
err_t do_ds_event_next(const struct call *c, struct ds_event_next_reply *reply);

/* snapshots.c */
err_t do_ds_snapshot_store(const struct call *c, const struct ds_snapshot_store_request *req);
err_t do_ds_snapshot_fetch(const struct call *c, const struct ds_snapshot_fetch_request *req,
			   struct ds_snapshot_fetch_reply *reply);
err_t do_ds_snapshot_drop(const struct call *c, const struct ds_snapshot_drop_request *req);
void snapshots_check(void);

#endif
