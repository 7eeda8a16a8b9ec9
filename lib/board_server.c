/* SPDX-License-Identifier: BSD-2-Clause
 * board_server.c - the server's side of a board, whatever its requests are.
 *
 * Job:      borrows the board; sees to it that a request is done once; moves the bytes that a
 *           request lends.
 * Speaks:   contracts/vm (borrow); the kernel call grant_copy.
 * Touches:  what is granted to this service, and the caller's memory.
 * Trusts:   vm for the address of what is lent; the kernel's checks of a grant.
 * On crash: remembers which requests have been done, if the service recovers in place.
 */
#include <contract/kernel.h>
#include <contract/vm.h>
#include <lib/board_server.h>
#include <lib/ipc.h>
#include <lib/peer.h>
#include <lib/server.h>

/* Not taken back: how often we died of each request, and which is being done: 1 + its entry. A
 * server may have two boards (tty): their numbers are not the same, and then what is counted here
 * begins anew. */
static struct { uint64_t number; uint32_t deaths; } begun[BOARD_ENTRIES] SECTION_UNDO;
static uint32_t doing SECTION_UNDO;

static struct peer vm = PEER("vm");
static void (*on_noted)(void);

static void answer(struct board *b, unsigned n, endpoint_t asker)
{
	board_barrier();
	b->phase[n] = BOARD_DONE;
	ipc_notify(asker);
}

err_t board_begin(struct board *b, struct board_log *log, unsigned n)
{
	uint64_t number = b->number[n];

	board_barrier();
	if (log->done[n] != 0 && log->done[n] == number) {
		answer(b, n, log->asker);
		return -EALREADY;
	}
	board_again(n);
	if (begun[n].number != number) {
		begun[n].number = number;
		begun[n].deaths = 0;
	}
	if (begun[n].deaths < DEATHS_OF_ONE)
		return 0;
	server_refused();
	return -EIO;
}

/* Whoever was being done when this life began: we died of it. */
void board_again(unsigned n)
{
	if (doing != 0)
		begun[doing - 1].deaths++;
	doing = n + 1;
}

void board_later(void)
{
	doing = 0;
}

bool board_is_asked(const struct board *b, unsigned n)
{
	return b->number[n] == begun[n].number;
}

void board_on_noted(void (*settle)(void))
{
	on_noted = settle;
}

void board_done(struct board *b, struct board_log *log, unsigned n)
{
	undo_before(&log->done[n], sizeof(log->done[n]));
	log->done[n] = begun[n].number;
	undo_commit();
	if (on_noted != NULL)
		on_noted();
	doing = 0;
	server_served();
	if (board_is_asked(b, n))
		answer(b, n, log->asker);
}

bool board_asker_changed(const struct board *b, struct board_log *log, unsigned service)
{
	endpoint_t now = { *(const volatile uint32_t *)&b->asker.v }, before = log->asker;

	if (endpoint_eq(now, before) || endpoint_slot(now) != service)
		return false;
	undo_before(&log->asker, sizeof(log->asker));
	log->asker = now;
	return before.v != 0;
}

err_t board_borrow(unsigned from, uint32_t key, size_t bytes, struct board **board)
{
	struct vm_borrow_request req = { .from = ENDPOINT(0, from), .key = key };
	struct vm_borrow_reply reply;
	err_t err = vm_borrow(&vm, &req, &reply);

	if (err != 0)
		return err;
	if (reply.len < bytes)
		return -EINVAL;
	*board = (struct board *)(uintptr_t)reply.address;
	return 0;
}

err_t board_move(grant_t data, uint64_t lent, uint32_t dir, uint64_t offset, uint64_t here,
		 size_t len)
{
	if (offset > lent || len > lent - offset)
		return -EINVAL;
	while (len > 0) {
		uint64_t part = len < COPY_MAX ? len : COPY_MAX;
		struct grant_copy_request req = {
			.grant = data, .dir = dir, .offset = offset, .local = here, .len = part,
		};
		struct grant_copy_reply reply;
		err_t err = sys_grant_copy(&req, &reply);

		if (err != 0)
			return err;
		offset += part;
		here += part;
		len -= part;
	}
	return 0;
}
