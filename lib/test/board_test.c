/* SPDX-License-Identifier: BSD-2-Clause
 * board_test.c - a server's side of a board over its deaths: what is done is done once, and what it
 * dies of four times is refused, also if it had waited for something in between.
 *
 * Links: lib/board_server.c
 */
#include <string.h>

#include <contract/kernel.h>
#include <contract/vm.h>
#include <lib/board_server.h>
#include <lib/ipc.h>
#include <lib/server.h>
#include <tests/unit.h>

enum { FIRST = 3, OTHER = 5, EACH = 8 };

static struct { struct board board; char entries[BOARD_ENTRIES * EACH]; } memory;
static struct board *board = &memory.board;
static struct board_log board_log;
static const endpoint_t asker = ENDPOINT(1, 6);
static uint64_t numbers = 1000;

/* ---- what board_server.c uses ---- */

char state_start[1];
uint64_t undo_span;

void undo_log(const volatile void *at, size_t n) { (void)at; (void)n; }
void undo_commit(void) { }
err_t ipc_notify(endpoint_t to) { return to.v == asker.v ? 0 : -ESRCH; }
err_t vm_borrow(struct peer *to, const struct vm_borrow_request *req,
		struct vm_borrow_reply *reply)
{
	return to && req && reply ? -ENOENT : -ENOENT;
}
err_t sys_grant_copy(const struct grant_copy_request *req, struct grant_copy_reply *reply)
{
	return req && reply ? -EPERM : -EPERM;
}

static unsigned refusals, served;
void server_refused(void) { refusals++; }
void server_served(void) { served++; }

/* ---- the tests ---- */

static void ask(unsigned n)
{
	board->number[n] = ++numbers;
	board->phase[n] = BOARD_ASKED;
}

/* A life: all that is asked is begun; `dies`: of this one, at once or when it goes on. True: it has
 * been refused. */
static bool life(unsigned dies, bool waits)
{
	for (unsigned n = 0; n < BOARD_ENTRIES; n++) {
		err_t err;

		if (board->phase[n] != BOARD_ASKED)
			continue;
		err = board_begin(board, &board_log, n);
		if (err == -EALREADY)
			continue;
		if (err == -EIO) {
			CHECK_EQ(n, dies);
			board_done(board, &board_log, n);
			return true;
		}
		CHECK_EQ(err, 0);
		if (n == dies && !waits)
			return false;
		if (n == dies)
			board_later();
		else
			board_done(board, &board_log, n);
	}
	board_again(dies);
	return false;
}

static void dies_of(unsigned n, bool waits)
{
	ask(n);
	for (unsigned lives = 1; lives <= DEATHS_OF_ONE; lives++) {
		ask(n == FIRST ? OTHER : FIRST);        /* and something else each time */
		CHECK(!life(n, waits));
		CHECK_EQ(board->phase[n], BOARD_ASKED);
	}
	refusals = served = 0;
	CHECK(life(n, waits));
	CHECK_EQ(refusals, 1);
	CHECK(served != 0);
	CHECK_EQ(board->phase[n], BOARD_DONE);
	ask(n);                                         /* the next one there is another */
	CHECK_EQ(board_begin(board, &board_log, n), 0);
	board_done(board, &board_log, n);
}

static void t_at_once(void)
{
	dies_of(FIRST, false);
	dies_of(OTHER, false);
}

static void t_waited(void)
{
	dies_of(FIRST, true);
	dies_of(OTHER, true);
}

static void t_once(void)
{
	ask(FIRST);
	CHECK_EQ(board_begin(board, &board_log, FIRST), 0);
	board_done(board, &board_log, FIRST);
	board->phase[FIRST] = BOARD_ASKED;              /* as if we had died before that was seen */
	CHECK_EQ(board_begin(board, &board_log, FIRST), -EALREADY);
	CHECK_EQ(board->phase[FIRST], BOARD_DONE);
}

/* Deaths that are not of a request's making count for none. */
static void t_innocent(void)
{
	ask(FIRST);
	for (unsigned lives = 0; lives < 3 * DEATHS_OF_ONE; lives++) {
		CHECK_EQ(board_begin(board, &board_log, FIRST), 0);
		board_later();
	}
}

static void t_another(void)
{
	board->asker = asker;
	CHECK(!board_asker_changed(board, &board_log, endpoint_slot(asker)));   /* the first one */
	board->asker = ENDPOINT(2, endpoint_slot(asker));
	CHECK(board_asker_changed(board, &board_log, endpoint_slot(asker)));
	CHECK(!board_asker_changed(board, &board_log, endpoint_slot(asker)));
	board->asker = ENDPOINT(3, endpoint_slot(asker) + 1);
	CHECK(!board_asker_changed(board, &board_log, endpoint_slot(asker)));
	CHECK_EQ(board_log.asker.v, ENDPOINT(2, endpoint_slot(asker)).v);
}

static void t_not_asked(void)
{
	ask(FIRST);
	CHECK_EQ(board_begin(board, &board_log, FIRST), 0);
	board_later();
	CHECK(board_is_asked(board, FIRST));
	ask(FIRST);                                     /* by another life, and something else */
	CHECK(!board_is_asked(board, FIRST));
	board_done(board, &board_log, FIRST);
	CHECK_EQ(board->phase[FIRST], BOARD_ASKED);
	CHECK_EQ(board_begin(board, &board_log, FIRST), 0);
	board_done(board, &board_log, FIRST);
	CHECK_EQ(board->phase[FIRST], BOARD_DONE);
}

int main(void)
{
	TEST("what a server dies of at once four times is refused, nothing else", t_at_once);
	TEST("what it dies of when it goes on, likewise", t_waited);
	TEST("what is done is not done again", t_once);
	TEST("who asks is another when its endpoint is, and of that service", t_another);
	TEST("what another life asks is not answered with what its predecessor asked", t_not_asked);
	TEST("a request that waits while its server dies otherwise is not refused", t_innocent);
	return test_result();
}
