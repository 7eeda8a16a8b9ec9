/* SPDX-License-Identifier: BSD-2-Clause
 * names.c - what names stand for, and who waits for one.
 *
 * Job:      publish, unpublish, retrieve, wait, list.
 * Speaks:   contracts/ds.
 * Touches:  nothing but state.
 * Trusts:   rs, which may publish anybody.
 * On crash: recovers in place; a waiter's row stays, so it is answered by the successor.
 */
#include "ds.h"

#include <lib/print.h>
#include <lib/service_ids.h>

struct name *name_find(const char *text)
{
	for (unsigned i = 0; i < NAMES; i++)
		if (strcmp(state.name[i].text, text) == 0)
			return &state.name[i];
	return NULL;
}

bool name_stands(const struct name *n)
{
	return n != NULL && n->text[0] != '\0' && !endpoint_eq(n->who, ENDPOINT_NONE);
}

/* A free row, else the one withdrawn longest ago; NULL: all are in use. */
static struct name *name_room(void)
{
	struct name *oldest = NULL;

	for (unsigned i = 0; i < NAMES; i++) {
		struct name *n = &state.name[i];

		if (n->text[0] == '\0')
			return n;
		if (!name_stands(n) && (oldest == NULL || n->change < oldest->change))
			oldest = n;
	}
	return oldest;
}

/* rs may do anything with names, others announce devices: who might take the name of a service that
 * was stopped would be sent what is for that one. */
static bool may_change(const struct call *c, const char *text, const struct name *n)
{
	static const char device[] = "dev/";

	if (endpoint_slot(c->client) == ID_RS)
		return true;
	return strncmp(text, device, sizeof(device) - 1) == 0 &&
	       (!name_stands(n) || endpoint_slot(n->who) == endpoint_slot(c->client));
}

/* Are those that the caller has as many as it may have? */
static bool has_enough(const struct call *c)
{
	unsigned n = 0;

	if (endpoint_slot(c->client) == ID_RS)
		return false;
	for (unsigned i = 0; i < NAMES; i++)
		n += name_stands(&state.name[i]) &&
		     endpoint_slot(state.name[i].who) == endpoint_slot(c->client);
	return n >= NAMES_OF_ONE;
}

static void waiters_wake(const struct name *n)
{
	struct ds_wait_reply reply = { .who = n->who };

	for (unsigned i = 0; i < WAITERS; i++) {
		struct waiter *w = &state.waiter[i];
		endpoint_t client = w->client;

		if (client.v == 0 || strcmp(w->text, n->text) != 0 || endpoint_eq(w->old, n->who))
			continue;
		w->client.v = 0;
		call_reply(client, w->serial, 0, &reply, sizeof(reply));
	}
}

static void set(struct name *n, const char *text, endpoint_t who)
{
	strlcpy(n->text, text, sizeof(n->text));
	n->who = who;
	n->change = ++state.changes;
	if (name_stands(n))
		waiters_wake(n);
	subscribers_notify(n);
}

static void withdraw(struct name *n)
{
	n->who = ENDPOINT_NONE;
	n->change = ++state.changes;
	subscribers_notify(n);
}

/* The names of a service end with its life: all that stand for another life of this slot. */
static void names_forget(unsigned slot, endpoint_t but)
{
	for (unsigned i = 0; i < NAMES; i++) {
		struct name *n = &state.name[i];

		if (name_stands(n) && endpoint_slot(n->who) == slot && !endpoint_eq(n->who, but))
			withdraw(n);
	}
}

err_t do_ds_publish(const struct call *c, const struct ds_publish_request *req)
{
	struct name *n = name_find(req->name);
	endpoint_t who = req->who.v != 0 ? req->who : c->client;

	if (req->name[0] == '\0')
		return -EINVAL;
	if (endpoint_slot(c->client) != ID_RS && !endpoint_eq(c->client, who))
		return -EPERM;
	if (!may_change(c, req->name, n))
		return -EPERM;
	if (n != NULL && endpoint_eq(n->who, who))
		return 0;
	if (has_enough(c))
		return -ENOSPC;
	if (n == NULL)
		n = name_room();
	if (n == NULL)
		return -ENOSPC;

	/* If we have begun afresh it has to subscribe again; else it loses nothing. */
	if (endpoint_slot(c->client) == ID_RS && endpoint_slot(who) != ID_RS &&
	    n->text[0] == '\0' && ipc_notify(who) == -EDEADPEER)
		return 0;
	subscribers_forget(who);
	names_forget(endpoint_slot(who), who);
	set(n, req->name, who);
	return 0;
}

err_t do_ds_unpublish(const struct call *c, const struct ds_unpublish_request *req)
{
	struct name *n = name_find(req->name);

	if (req->name[0] == '\0' || !name_stands(n))
		return -ENOENT;
	if (!may_change(c, req->name, n))
		return -EPERM;
	if (endpoint_slot(c->client) == ID_RS)          /* it is stopped */
		names_forget(endpoint_slot(n->who), ENDPOINT_NONE);
	else
		withdraw(n);
	return 0;
}

err_t do_ds_retrieve(const struct call *c, const struct ds_retrieve_request *req,
		     struct ds_retrieve_reply *reply)
{
	const struct name *n = name_find(req->name);

	if (req->name[0] == '\0' || !name_stands(n))
		return -ENOENT;
	reply->who = n->who;
	return 0;
}

/* A process has one call at a time, so an older row of its slot is a call that has ended. */
static struct waiter *waiter_room(endpoint_t client)
{
	struct waiter *room = NULL;

	for (unsigned i = 0; i < WAITERS; i++) {
		struct waiter *w = &state.waiter[i];

		if (w->client.v != 0 && endpoint_slot(w->client) == endpoint_slot(client))
			return w;
		if (w->client.v == 0 && room == NULL)
			room = w;
	}
	return room;
}

err_t do_ds_wait(const struct call *c, const struct ds_wait_request *req,
		 struct ds_wait_reply *reply)
{
	const struct name *n = name_find(req->name);
	struct waiter *w;

	if (req->name[0] == '\0')
		return -EINVAL;
	if (name_stands(n) && !endpoint_eq(n->who, req->old)) {
		reply->who = n->who;
		return 0;
	}
	w = waiter_room(c->client);
	if (w == NULL)
		return -ENOSPC;

	strlcpy(w->text, req->name, sizeof(w->text));
	w->old = req->old;
	w->serial = c->serial;
	w->client = c->client;
	return NO_REPLY;
}

err_t do_ds_list(const struct call *c, const struct ds_list_request *req,
		 struct ds_list_reply *reply)
{
	uint32_t index = req->index;

	for (unsigned i = 0; i < NAMES; i++) {
		const struct name *n = &state.name[i];

		if (!name_stands(n) || index-- != 0)
			continue;
		memcpy(reply->name, n->text, sizeof(reply->name));
		reply->who = n->who;
		reply->changes = n->change;
		return 0;
	}
	return -ENOENT;
}

static void end_text(char *text, const char *what, unsigned row)
{
	if (text_ends(text, DS_NAME))
		return;
	text[DS_NAME - 1] = '\0';
	print("recovery: %s %u had no end: %s\n", what, row, text);
}

/* D1, D2: of two rows with one text the later change counts. */
static void check_name(unsigned row)
{
	struct name *n = &state.name[row], *other;

	end_text(n->text, "name", row);
	if (n->change > state.changes) {
		print("recovery: change %lu of %s is beyond %lu\n", (unsigned long)n->change,
		      n->text, (unsigned long)state.changes);
		n->change = ++state.changes;
	}
	other = n->text[0] != '\0' ? name_find(n->text) : n;
	if (other == n)
		return;
	print("recovery: two rows for %s\n", n->text);
	if (other->change < n->change)
		*other = *n;
	*n = (struct name){ .change = 0 };
}

void names_check(void)
{
	for (unsigned i = 0; i < NAMES; i++)
		check_name(i);
	for (unsigned i = 0; i < WAITERS; i++)
		end_text(state.waiter[i].text, "waiter", i);
	for (unsigned i = 0; i < SUBSCRIPTIONS; i++)
		end_text(state.subscription[i].pattern, "subscription", i);
}
