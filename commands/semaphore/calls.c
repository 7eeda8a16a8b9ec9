/* SPDX-License-Identifier: BSD-2-Clause
 * calls.c - semaphores for programs: what a program links.
 *
 * Job:      calls the service as its contract says.
 * Speaks:   contracts/semaphore.
 * Touches:  errno.
 * Trusts:   nothing.
 * On crash: a recovery of the service is not seen. After a fresh start it has another endpoint and
 *           no semaphores: EIDRM, and open makes a new one.
 */
#include "semaphore.h"

#include <errno.h>
#include <string.h>

#include <contract/semaphore.h>
#include <lib/peer.h>

static struct peer service = PEER("semaphore");

static int result(err_t err)
{
	if (err == 0)
		return 0;
	errno = err == -ENOLINK || err == -EDEADPEER ? ESRCH : err == -ERECOVERED ? EIO : -err;
	return -1;
}

/* Of what is not asked again: an id of an earlier life is no semaphore's. */
static int result_of_id(err_t err)
{
	return result(err == -EDEADPEER ? -EIDRM : err);
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
	if (result(semaphore_open(&service, &req, &reply)) != 0)
		return -1;
	return reply.id;
}

int skink_semaphore_down(int64_t id, bool wait)
{
	struct semaphore_down_request req = { .id = (uint32_t)id, .wait = wait };

	return result_of_id(semaphore_down(&service, &req));
}

int skink_semaphore_up(int64_t id)
{
	struct semaphore_up_request req = { .id = (uint32_t)id };

	return result_of_id(semaphore_up(&service, &req));
}

int skink_semaphore_remove(int64_t id)
{
	struct semaphore_remove_request req = { .id = (uint32_t)id };

	return result_of_id(semaphore_remove(&service, &req));
}

int skink_semaphore_list(uint32_t *index, struct semaphore_info *info)
{
	struct semaphore_list_request req = { .index = *index };
	struct semaphore_list_reply reply;

	if (result(semaphore_list(&service, &req, &reply)) != 0)
		return -1;
	*info = (struct semaphore_info){
		.id = reply.id, .value = reply.value, .waiting = reply.waiting,
	};
	memcpy(info->name, reply.name, sizeof(info->name));
	*index = reply.index + 1;
	return 0;
}
