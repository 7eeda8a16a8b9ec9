/* SPDX-License-Identifier: BSD-2-Clause
 * chardev_server.c - the class library of character devices: takes requests off vfs's board.
 *
 * Job:      borrows the board, decodes and checks each request by the generated dispatch, calls
 *           the handler, answers.
 * Speaks:   contracts/chardev; the rest through board_server.c.
 * Touches:  the board, which vfs lends; `data`, which vfs grants.
 * Trusts:   vfs for nothing but the board's existence: entries are copied before they are checked.
 * On crash: the board is borrowed again; it says what is still to do.
 */
#include <lib/board_server.h>
#include <lib/chardev.h>
#include <lib/service_ids.h>

extern const struct contract chardev_contract;

static const struct chardev_ops *chardev_ops;
static bool (*is_unusual)(uint32_t type, err_t err);
static struct board *board;
static struct chardev_entry work[BOARD_ENTRIES];
static struct board_log board_log SECTION_STATE;

void chardev_server_init(const struct chardev_ops *ops, bool (*unusual)(uint32_t type, err_t err))
{
	chardev_ops = ops;
	is_unusual = unusual;
}

struct chardev_entry *chardev_entry(const struct call *c)
{
	return &work[c->serial - 1];
}

static struct chardev_entry *shared(unsigned n)
{
	return board_entry(board, n, sizeof(struct chardev_entry));
}

static void complete(const struct call *c, err_t err)
{
	unsigned n = c->serial - 1;
	struct chardev_entry *to = shared(n);

	work[n].err = err;
	if (board_is_asked(board, n)) {
		memcpy(to->answer, work[n].w, sizeof(to->answer));
		if (err == 0)
			memcpy(to->arg, work[n].arg, sizeof(to->arg));
		to->err = err;
	}
	board_done(board, &board_log, n);
}

/* One request, as if it were a message: the generated decoder does the checks. */
static void serve(unsigned n, err_t refused)
{
	struct chardev_entry *e = &work[n];
	uint64_t reply[MESSAGE_WORDS] = { 0 };
	struct call c = {
		.client = board_log.asker,
		.serial = n + 1,
		.owner = board_log.asker,
		.lent_dir = GRANT_READ | GRANT_WRITE,
	};
	err_t err;

	*e = *shared(n);
	if (e->arg_len > CHARDEV_ARG)
		e->arg_len = CHARDEV_ARG;
	c.type = e->type;
	c.lent = e->data.v != 0 ? e->len : 0;
	err = refused != 0 ? refused : chardev_contract.dispatch(chardev_ops, &c, e->w, reply);
	memcpy(e->w, reply, sizeof(e->w));
	if (is_unusual != NULL)
		server_doubt(c.client, (uint32_t)board->number[n], e->type, err,
			     is_unusual(e->type, err));
	complete(&c, err);
}

/* Closes come first: nobody waits for them, but who asks for something afterwards counts on them,
 * and the entries of a board are in no order. */
static void serve_all(bool closes)
{
	for (unsigned n = 0; n < BOARD_ENTRIES; n++) {
		err_t err;

		if (board->phase[n] != BOARD_ASKED || (shared(n)->type == CHARDEV_CLOSE) != closes)
			continue;
		err = board_begin(board, &board_log, n);
		if (err != -EALREADY)
			serve(n, err);
	}
}

/* vfs lends the board before its first notification. */
static bool has_board(void)
{
	return board != NULL ||
	       board_borrow(ID_VFS, CHARDEV_BOARD_KEY, CHARDEV_BOARD_BYTES, &board) == 0;
}

bool chardev_asker_changed(void)
{
	return has_board() && board_asker_changed(board, &board_log, ID_VFS);
}

void chardev_server_notified(uint64_t services)
{
	if (!(services & BIT(ID_VFS)) || !has_board())
		return;
	chardev_asker_changed();        /* for who need not know */
	serve_all(true);
	serve_all(false);
}

err_t chardev_data_write(const struct call *c, uint64_t offset, const void *from, size_t len)
{
	return board_move(chardev_entry(c)->data, c->lent, COPY_OUT, offset,
			  (uint64_t)(uintptr_t)from, len);
}

err_t chardev_data_read(const struct call *c, uint64_t offset, void *to, size_t len)
{
	undo_before(to, len);
	return board_move(chardev_entry(c)->data, c->lent, COPY_IN, offset, (uint64_t)(uintptr_t)to,
			  len);
}

/* After a recovery vfs may have nothing to ask, and waits for this. Nothing is committed here: a
 * handler that dies afterwards is called again, or check() tells what is true then. */
void chardev_event(uint32_t line, uint32_t events)
{
	if (line >= BOARD_WORDS || !has_board())
		return;
	board->poll[line].events = events;
	board_barrier();
	board->poll[line].seq++;
	ipc_notify(board->asker);
}

uint32_t chardev_events(uint32_t line)
{
	return board != NULL && line < BOARD_WORDS ? board->poll[line].events : 0;
}

uint32_t chardev_seq(uint32_t line)
{
	return board != NULL && line < BOARD_WORDS ? board->poll[line].seq : 0;
}
