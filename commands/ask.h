/* SPDX-License-Identifier: BSD-2-Clause
 * ask.h - how a program finds a service and calls it.
 */
#ifndef COMMANDS_ASK_H
#define COMMANDS_ASK_H

#include <string.h>

#include <contract/ds.h>
#include <contract/rs.h>
#include <lib/ipc.h>
#include <lib/service_ids.h>

/* One call; the reply is copied out. `len` bytes at `range` are lent for writing. What IPC or the
 * service says. */
static inline err_t ask_at(endpoint_t to, uint32_t type, const void *req, size_t req_size,
			   void *reply, size_t reply_size, void *range, size_t len)
{
	enum { PAGE_BYTES = 4096 };
	struct message m = { .peer = to, .type = type };
	err_t err;

	memcpy(m.w, req, req_size);
	for (size_t at = 0; at < len; at += PAGE_BYTES) /* a service cannot bring pages in */
		((volatile char *)range)[at] = 0;
	if (len != 0)
		((volatile char *)range)[len - 1] = 0;
	err = ipc_sendrec(&m, range, len ? len | CALL_LEND_WRITE : 0);
	if (err != 0)
		return err;
	memcpy(reply, m.w, reply_size);
	return (err_t)m.type;
}

/* Where the service with this name is, as ds knows; where ds is, if it has begun afresh, rs does.
 * The name is shorter than 24 bytes. ENOENT: there is none. */
static inline err_t find_service(const char *name, endpoint_t *at)
{
	struct ds_retrieve_request req = { 0 };
	struct ds_retrieve_reply found;
	struct rs_status_request ds = { .name = "ds" };
	struct rs_status_reply status;
	endpoint_t to = FIRST_ENDPOINT(ID_DS);
	err_t err;

	strncpy(req.name, name, sizeof(req.name) - 1);
	err = ask_at(to, DS_RETRIEVE, &req, sizeof(req), &found, sizeof(found), NULL, 0);
	if (err == -EDEADPEER) {
		err = ask_at(FIRST_ENDPOINT(ID_RS), RS_STATUS, &ds, sizeof(ds), &status,
			     sizeof(status), NULL, 0);
		if (err == 0)
			err = ask_at(status.who, DS_RETRIEVE, &req, sizeof(req), &found,
				     sizeof(found), NULL, 0);
	}
	if (err == 0)
		*at = found.who;
	return err;
}

#endif
