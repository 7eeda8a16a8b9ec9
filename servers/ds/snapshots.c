/* SPDX-License-Identifier: BSD-2-Clause
 * snapshots.c - bytes that services keep here to find them again after a fresh restart.
 *
 * Job:      snapshot_store, snapshot_fetch, snapshot_drop.
 * Speaks:   contracts/ds.
 * Touches:  the memory its clients lend.
 * Trusts:   nothing.
 * On crash: recovers in place.
 */
#include "ds.h"

#include <lib/print.h>

static uint8_t buffer[DS_CHUNK];        /* of no interest between two requests */

/* The slot is the key, not the endpoint: the next generation of a service finds what it left. */
static struct snapshot *find(const struct call *c, const char *text)
{
	for (unsigned i = 0; i < SNAPSHOTS; i++) {
		struct snapshot *s = &state.snapshot[i];

		if (s->text[0] != '\0' && s->slot == endpoint_slot(c->client) &&
		    strcmp(s->text, text) == 0)
			return s;
	}
	return NULL;
}

static struct snapshot *find_free(void)
{
	for (unsigned i = 0; i < SNAPSHOTS; i++)
		if (state.snapshot[i].text[0] == '\0')
			return &state.snapshot[i];
	return NULL;
}

err_t do_ds_snapshot_store(const struct call *c, const struct ds_snapshot_store_request *req)
{
	struct snapshot *s = find(c, req->name);
	err_t err;

	if (req->name[0] == '\0' || req->offset > (s == NULL ? 0 : s->size))
		return -EINVAL;
	if (s == NULL)
		s = find_free();
	if (s == NULL)
		return -ENOSPC;
	err = call_read(c, 0, buffer, c->lent);
	if (err != 0)
		return err;

	memcpy(s->text, req->name, sizeof(s->text));
	s->slot = endpoint_slot(c->client);
	memcpy(s->data + req->offset, buffer, c->lent);
	s->size = req->offset + (uint32_t)c->lent;
	return 0;
}

err_t do_ds_snapshot_fetch(const struct call *c, const struct ds_snapshot_fetch_request *req,
			   struct ds_snapshot_fetch_reply *reply)
{
	const struct snapshot *s = find(c, req->name);
	uint32_t n;

	if (s == NULL)
		return -ENOENT;
	n = req->offset < s->size ? s->size - req->offset : 0;
	if (n > c->lent)
		n = (uint32_t)c->lent;
	reply->size = s->size;
	reply->done = n;
	return call_write(c, 0, s->data + (n == 0 ? 0 : req->offset), n);
}

err_t do_ds_snapshot_drop(const struct call *c, const struct ds_snapshot_drop_request *req)
{
	struct snapshot *s = find(c, req->name);

	if (s == NULL)
		return -ENOENT;
	s->text[0] = '\0';
	return 0;
}

void snapshots_check(void)
{
	for (unsigned i = 0; i < SNAPSHOTS; i++) {
		struct snapshot *s = &state.snapshot[i];

		if (text_ends(s->text, DS_NAME) && s->size <= DS_SNAPSHOT)
			continue;
		print("recovery: snapshot %u of %u bytes is dropped\n", i, s->size);
		state_memset(s, 0, sizeof(*s));
	}
}
