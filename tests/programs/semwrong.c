/* SPDX-License-Identifier: BSD-2-Clause
 * semwrong.c - asks the semaphore server what it does not answer; prints the errors, one on a line.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <commands/ask.h>
#include <contract/semaphore.h>

static void try(const char *what, uint32_t type, const void *req, size_t size)
{
	struct message reply;
	endpoint_t service = ENDPOINT_NONE;
	err_t err = find_service("semaphore", &service);

	if (err == 0)
		err = ask_at(service, type, req, size, &reply.w, sizeof(reply.w), NULL, 0);

	printf("%s: %s\n", what, err == 0 ? "done" : strerror(-err));
}

int main(void)
{
	struct semaphore_open_request open = { .value = 1 };
	struct semaphore_down_request down = { .id = 1, .wait = 1 };
	struct semaphore_list_request list = { .index = 0xffffffff };
	struct semaphore_up_request up = { .id = 0xffffffff };

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
