/* SPDX-License-Identifier: BSD-2-Clause
 * chardev.h - between vfs and the server of a character device: the entry of the board, and the
 * class library such a server is written with (lib/chardev_server.c).
 *
 * As lib/file.h, with struct chardev_ops, chardev_server_init, chardev_server_notified; no handler
 * may return NO_REPLY: a read that has nothing returns -EAGAIN with reply->seq = chardev_seq(line),
 * and when something comes the server calls chardev_event(line, events): vfs then asks again. So a
 * blocked reader costs the server nothing, and cancelling it neither.
 *
 * The manifest: `serves chardev`, `talks vm ds log` (and pm), `notifies vfs`, `calls grant_copy`.
 * Which device numbers a server has stands in servers/vfs/char.c.
 */
#ifndef LIB_CHARDEV_H
#define LIB_CHARDEV_H

#include <abi/errors.h>
#include <abi/kernel.h>
#include <abi/types.h>
#include <contract/chardev.h>
#include <lib/board.h>
#include <lib/server.h>

enum { CHARDEV_ARG = 256, CHARDEV_BOARD_KEY = 0x72616863, CHARDEV_DATA_MAX = PAGE_SIZE };

/* device numbers as in `device`: Linux's makedev for numbers below 2^32 */
#define CHARDEV_DEVICE(major, minor) \
	(((uint32_t)(minor) & 0xff) | ((uint32_t)(major) << 8) | \
	 (((uint32_t)(minor) & ~0xffu) << 12))

struct chardev_entry {
	uint32_t type;                  /* CHARDEV_, the operation */
	uint32_t unused;
	int32_t err;
	grant_t data;                   /* of read and write: at most CHARDEV_DATA_MAX bytes */
	uint64_t len;
	uint64_t w[MESSAGE_WORDS];      /* the request; stays as it is (lib/board.h, B2) */
	uint64_t answer[MESSAGE_WORDS]; /* the reply */
	uint32_t arg_len;               /* ioctl: bytes of arg that the program can give or take */
	uint32_t unused2;
	char arg[CHARDEV_ARG];          /* what arg points to: vfs fills it in, then the server */
};
_Static_assert(sizeof(struct chardev_entry) % 8 == 0, "entries are aligned");

enum { CHARDEV_BOARD_BYTES = (sizeof(struct board) + BOARD_ENTRIES * sizeof(struct chardev_entry) +
			   PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE };

/* unusual: is this seldom answered? Then it is not, once: see server_doubt(). NULL: nothing is. */
void chardev_server_init(const struct chardev_ops *ops, bool (*unusual)(uint32_t type, err_t err));
void chardev_server_notified(uint64_t services);
/* Called before that by who keeps anything on vfs's account. True: vfs has begun afresh; it has
 * nothing open. */
bool chardev_asker_changed(void);

/* What the handler called with c works on; for ioctl: arg and arg_len. */
struct chardev_entry *chardev_entry(const struct call *c);

err_t chardev_data_write(const struct call *c, uint64_t offset, const void *from, size_t len)
	MUST_CHECK;
err_t chardev_data_read(const struct call *c, uint64_t offset, void *to, size_t len) MUST_CHECK;

/* Something has changed on a line; `events`: what poll would answer now (POLLIN 1, POLLOUT 4,
 * POLLHUP 16, ...). Waiting readers, writers and polls are asked again. After a recovery call it
 * for each line: the crash may have come before vfs was told. */
void chardev_event(uint32_t line, uint32_t events);
uint32_t chardev_seq(uint32_t line);
uint32_t chardev_events(uint32_t line);                 /* as said last */

#endif
