/* SPDX-License-Identifier: BSD-2-Clause
 * subscriptions.c - who wants to know of which names.
 *
 * Job:      subscribe, unsubscribe, event_next. There is no queue: each subscription remembers the
 *           number of the last change it was told, and the table of names has the rest.
 * Speaks:   contracts/ds.
 * Touches:  nothing but state; notifies subscribers.
 * Trusts:   nothing.
 * On crash: recovers in place; a lost notification is made good by the next.
 */
#include "ds.h"

static bool fits(const char *pattern, const char *text)
{
	size_t len = strlen(pattern);

	if (len > 0 && pattern[len - 1] == '*')
		return strncmp(pattern, text, len - 1) == 0;
	return strcmp(pattern, text) == 0;
}

void subscribers_notify(const struct name *n)
{
	for (unsigned i = 0; i < SUBSCRIPTIONS; i++) {
		struct subscription *s = &state.subscription[i];

		if (s->client.v != 0 && fits(s->pattern, n->text) &&
		    ipc_notify(s->client) == -EDEADPEER)
			s->client.v = 0;
	}
}

void subscribers_forget(endpoint_t successor)
{
	for (unsigned i = 0; i < SUBSCRIPTIONS; i++) {
		struct subscription *s = &state.subscription[i];

		if (s->client.v != 0 && endpoint_slot(s->client) == endpoint_slot(successor) &&
		    !endpoint_eq(s->client, successor))
			s->client.v = 0;
	}
}

static struct subscription *find(endpoint_t client, const char *pattern)
{
	for (unsigned i = 0; i < SUBSCRIPTIONS; i++) {
		struct subscription *s = &state.subscription[i];

		if (endpoint_eq(s->client, client) && strcmp(s->pattern, pattern) == 0)
			return s;
	}
	return NULL;
}

/* All names that there are now are events for a new subscriber. */
err_t do_ds_subscribe(const struct call *c, const struct ds_subscribe_request *req)
{
	if (find(c->client, req->pattern) != NULL)
		return 0;
	for (unsigned i = 0; i < SUBSCRIPTIONS; i++) {
		struct subscription *s = &state.subscription[i];

		if (s->client.v != 0)
			continue;
		memcpy(s->pattern, req->pattern, sizeof(s->pattern));
		s->seen = 0;
		s->client = c->client;
		ipc_notify(c->client);
		return 0;
	}
	return -ENOSPC;
}

err_t do_ds_unsubscribe(const struct call *c, const struct ds_unsubscribe_request *req)
{
	struct subscription *s = find(c->client, req->pattern);

	if (s == NULL)
		return -ENOENT;
	s->client.v = 0;
	return 0;
}

/* The oldest change that one of the client's subscriptions has not been told. */
static const struct name *next_change(endpoint_t client)
{
	const struct name *next = NULL;

	for (unsigned i = 0; i < SUBSCRIPTIONS; i++) {
		const struct subscription *s = &state.subscription[i];

		if (!endpoint_eq(s->client, client))
			continue;
		for (unsigned k = 0; k < NAMES; k++) {
			const struct name *n = &state.name[k];

			if (n->text[0] != '\0' && n->change > s->seen &&
			    fits(s->pattern, n->text) && (next == NULL || n->change < next->change))
				next = n;
		}
	}
	return next;
}

err_t do_ds_event_next(const struct call *c, struct ds_event_next_reply *reply)
{
	const struct name *n = next_change(c->client);

	if (n == NULL)
		return -ENOENT;
	memcpy(reply->name, n->text, sizeof(reply->name));
	reply->who = n->who;
	for (unsigned i = 0; i < SUBSCRIPTIONS; i++) {
		struct subscription *s = &state.subscription[i];

		if (endpoint_eq(s->client, c->client) && s->seen < n->change)
			s->seen = n->change;
	}
	return 0;
}
