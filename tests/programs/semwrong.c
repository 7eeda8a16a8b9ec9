/* SPDX-License-Identifier: BSD-2-Clause
 * semwrong.c - asks the semaphore server what it does not answer; prints the errors, one on a line.
 *
 * semwrong NAME: opens that semaphore; prints its id.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <contract/semaphore.h>
#include <lib/ipc.h>
#include <lib/peer.h>

static void try(const char *what, uint32_t type, const void *req, size_t size)
{
	static struct peer service = PEER("semaphore");
	struct message m = { .type = type };
	err_t err = peer_find(&service);

	m.peer = service.at;
	memcpy(m.w, req, size);
	if (err == 0)
		err = ipc_sendrec(&m, NULL, 0);
	if (err == 0)
		err = (err_t)m.type;
	printf("%s: %s\n", what, err == 0 ? "done" : strerror(-err));
}

static int print_id(const char *name)
{
	struct semaphore_open_request open = { .value = 1 };
	struct semaphore_open_reply reply;
	struct peer service = PEER("semaphore");

	strncpy(open.name, name, sizeof(open.name) - 1);
	if (semaphore_open(&service, &open, &reply) != 0)
		return 1;
	printf("%u\n", reply.id);
	return 0;
}

int main(int argc, char **argv)
{
	struct semaphore_open_request open = { .value = 1 };
	struct semaphore_down_request down = { .id = 1, .wait = 1 };
	struct semaphore_list_request list = { .index = 0xffffffff };
	struct semaphore_up_request up = { .id = 0xffffffff };

	if (argc > 1)
		return print_id(argv[1]);
	try("unknown", SEMAPHORE_BASE + 63, &open, sizeof(open));
	try("none", SEMAPHORE_BASE, &open, sizeof(open));
	try("toy's", 0x4c1, &open, sizeof(open));
	try("no name", SEMAPHORE_OPEN, &open, sizeof(open));
	memset(open.name, 'a', sizeof(open.name));
	try("no end", SEMAPHORE_OPEN, &open, sizeof(open));
	try("no such", SEMAPHORE_DOWN, &down, sizeof(down));
	down.wait = 2;
	try("wait 2", SEMAPHORE_DOWN, &down, sizeof(down));
	try("up", SEMAPHORE_UP, &up, sizeof(up));
	try("remove", SEMAPHORE_REMOVE, &up, sizeof(up));
	try("list", SEMAPHORE_LIST, &list, sizeof(list));
	return 0;
}
