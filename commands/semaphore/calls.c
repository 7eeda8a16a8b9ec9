/* SPDX-License-Identifier: BSD-2-Clause
 * calls.c - semaphores for programs: what a program links.
 *
 * Job:      finds the service by its name and calls it.
 * Speaks:   contracts/semaphore; ask.h.
 * Touches:  errno.
 * Trusts:   nothing.
 * On crash: a recovery of the service is not seen. After a fresh start it has another endpoint and
 *           no semaphores: EIDRM, and open makes a new one.
 */
#include "semaphore.h"

#include <errno.h>
#include <string.h>

#include <commands/ask.h>
#include <contract/semaphore.h>

static endpoint_t service;              /* as it was found last */

static err_t find(void)
{
	err_t err = find_service("semaphore", &service);

	return err == -ENOENT ? -ESRCH : err;
}

/* One call; an id of an earlier life is no semaphore's, so that one can be asked again. */
static int ask(uint32_t type, const void *req, size_t req_size, void *reply, size_t reply_size)
{
	err_t err = service.v == 0 ? find() : 0;

	if (err == 0)
		err = ask_at(service, type, req, req_size, reply, reply_size, NULL, 0);
	if (err == -EDEADPEER) {
		err = find();
		if (err == 0 && type == SEMAPHORE_OPEN)
			err = ask_at(service, type, req, req_size, reply, reply_size, NULL, 0);
		else if (err == 0)
			err = -EIDRM;
	}
	if (err == 0)
		return 0;
	errno = err == -EDEADPEER ? ESRCH : err == -ERECOVERED ? EIO : -err;
	return -1;
}

int64_t skink_semaphore_open(const char *name, uint32_t value)
{
	struct semaphore_open_request req = { .value = value };
	struct semaphore_open_reply reply;

	if (strlen(name) >= sizeof(req.name)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(req.name, name);
	if (ask(SEMAPHORE_OPEN, &req, sizeof(req), &reply, sizeof(reply)) != 0)
		return -1;
	return reply.id;
}

int skink_semaphore_down(int64_t id, bool wait)
{
	struct semaphore_down_request req = { .id = (uint32_t)id, .wait = wait };

	return ask(SEMAPHORE_DOWN, &req, sizeof(req), &req, 0);
}

int skink_semaphore_up(int64_t id)
{
	struct semaphore_up_request req = { .id = (uint32_t)id };

	return ask(SEMAPHORE_UP, &req, sizeof(req), &req, 0);
}

int skink_semaphore_remove(int64_t id)
{
	struct semaphore_remove_request req = { .id = (uint32_t)id };

	return ask(SEMAPHORE_REMOVE, &req, sizeof(req), &req, 0);
}

int skink_semaphore_list(uint32_t *index, struct semaphore_info *info)
{
	struct semaphore_list_request req = { .index = *index };
	struct semaphore_list_reply reply;

	if (ask(SEMAPHORE_LIST, &req, sizeof(req), &reply, sizeof(reply)) != 0)
		return -1;
	*info = (struct semaphore_info){
		.id = reply.id, .value = reply.value, .waiting = reply.waiting,
	};
	memcpy(info->name, reply.name, sizeof(info->name));
	*index = reply.index + 1;
	return 0;
}
