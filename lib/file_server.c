/* SPDX-License-Identifier: BSD-2-Clause
 * file_server.c - the class library of file servers: takes requests off vfs's board.
 *
 * Job:      borrows the board, decodes and checks each request by the generated dispatch, calls
 *           the handler, answers.
 * Speaks:   contracts/file; the rest through board_server.c.
 * Touches:  the board, which vfs lends; `data`, which vfs grants.
 * Trusts:   vfs for nothing but the board's existence: entries are copied before they are checked.
 * On crash: the board says what is still to do.
 */
#include <lib/assert.h>
#include <lib/board_server.h>
#include <lib/file.h>
#include <lib/server.h>
#include <lib/service_ids.h>

extern const struct contract file_contract;

static const struct file_ops *file_ops;
static struct board *board;
static struct file_entry work[BOARD_ENTRIES];
static struct board_log board_log SECTION_STATE;
static bool busy[BOARD_ENTRIES];        /* taken, not answered yet */

void file_server_init(const struct file_ops *ops)
{
	file_ops = ops;
}

struct file_entry *file_entry(const struct call *c)
{
	return &work[c->serial - 1];
}

static struct file_entry *shared(unsigned n)
{
	return board_entry(board, n, sizeof(struct file_entry));
}

/* vfs has looked at names, types and rights before it asks. What a disk says once, of what it was
 * to keep, is not asked for twice. */
static bool is_unusual(uint32_t type, err_t err)
{
	if (type == FILE_MOUNT || type == FILE_UNMOUNT || type == FILE_SYNC)
		return false;
	switch (err) {
	case -EIO:
	case -ENOSPC:
	case -ENOMEM:
	case -EINVAL:
	case -EFBIG:
	case -EMLINK:
	case -ENOTDIR:
	case -EISDIR:
	case -ENAMETOOLONG:
	case -EFAULT:
		return true;
	default:
		return false;
	}
}

static void complete(const struct call *c, err_t err)
{
	unsigned n = c->serial - 1;
	struct file_entry *to = shared(n);

	work[n].err = err;
	if (board_is_asked(board, n)) {
		memcpy(to->answer, work[n].w, sizeof(to->answer));
		to->attr_now = work[n].attr;
		if (work[n].type == FILE_READLINK)
			memcpy(to->name2, work[n].name2, sizeof(to->name2));
		to->err = err;
	}
	busy[n] = false;
	board_done(board, &board_log, n);
}

void file_complete(const struct call *c, err_t err)
{
	unsigned n = c->serial - 1;

	server_doubt(c->client, (uint32_t)board->number[n], work[n].type, err,
		     is_unusual(work[n].type, err));
	complete(c, err);
}

/* As if it were a message: the generated decoder does the checks. */
static void do_request(const struct call *c)
{
	struct file_entry *e = file_entry(c);
	uint64_t reply[MESSAGE_WORDS] = { 0 };
	err_t err = file_contract.dispatch(file_ops, c, e->w, reply);

	if (err == NO_REPLY) {
		board_later();
		return;
	}
	memcpy(e->w, reply, sizeof(e->w));
	file_complete(c, err);
}

void file_go_on(const struct call *c)
{
	board_again(c->serial - 1);
	do_request(c);
}

static void serve(unsigned n, err_t refused)
{
	struct file_entry *e = &work[n];
	struct call c = {
		.client = board_log.asker, .serial = n + 1, .owner = board_log.asker,
		.lent_dir = GRANT_READ | GRANT_WRITE,
	};

	*e = *shared(n);
	/* Or it would be done to another file. */
	assert(!board_is_asked(board, n) ||
	       strncmp(e->name, shared(n)->name, FILE_NAME - 1) == 0);
	busy[n] = true;
	e->name[FILE_NAME - 1] = '\0';
	e->name2[FILE_NAME - 1] = '\0';
	c.type = e->type;
	c.lent = e->data.v != 0 ? e->len : 0;
	if (refused != 0)
		complete(&c, refused);
	else
		do_request(&c);
}

/* vfs lends the board before its first notification. */
static bool has_board(void)
{
	return board != NULL ||
	       board_borrow(ID_VFS, FILE_BOARD_KEY, FILE_BOARD_BYTES, &board) == 0;
}

bool file_asker_changed(void)
{
	if (!has_board() || !board_asker_changed(board, &board_log, ID_VFS))
		return false;
	memset(busy, 0, sizeof(busy));
	return true;
}

void file_server_notified(uint64_t services)
{
	if (!(services & BIT(ID_VFS)) || !has_board())
		return;
	file_asker_changed();           /* for who need not know */
	for (unsigned n = 0; n < BOARD_ENTRIES; n++) {
		err_t err;

		if (board->phase[n] != BOARD_ASKED || busy[n])
			continue;
		err = board_begin(board, &board_log, n);
		if (err != -EALREADY)
			serve(n, err);
	}
}

err_t file_data_write(const struct call *c, uint64_t offset, const void *from, size_t len)
{
	return board_move(file_entry(c)->data, c->lent, COPY_OUT, offset, (uint64_t)(uintptr_t)from,
			  len);
}

err_t file_data_read(const struct call *c, uint64_t offset, void *to, size_t len)
{
	undo_before(to, len);
	return board_move(file_entry(c)->data, c->lent, COPY_IN, offset, (uint64_t)(uintptr_t)to,
			  len);
}

bool file_dirent(struct file_dirents *d, uint64_t ino, uint64_t next_pos, uint32_t mode,
		 const char *name)
{
	size_t len = strlen(name), size = (FILE_DIRENT_HEAD + len + 1 + 7) & ~(size_t)7;
	uint16_t reclen = (uint16_t)size;
	char *at = d->at + d->used;

	if (size > d->room - d->used)
		return false;
	memset(at, 0, size);
	memcpy(at, &ino, 8);
	memcpy(at + 8, &next_pos, 8);
	memcpy(at + 16, &reclen, 2);
	at[18] = (char)(mode >> 12 & 15);       /* DT_ is S_IFMT's upper bits */
	memcpy(at + FILE_DIRENT_HEAD, name, len);
	d->used += size;
	return true;
}
