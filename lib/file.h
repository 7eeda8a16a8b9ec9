/* SPDX-License-Identifier: BSD-2-Clause
 * file.h - between vfs and a file server: the entry of the board, and the class library that a
 * file server is written with (lib/file_server.c).
 *
 * A file server is
 *
 *	static err_t do_file_lookup(const struct call *c, const struct file_lookup_request *req)
 *	{
 *		struct file_entry *e = file_entry(c);
 *		... e->name is the name to look up; fill e->attr ...
 *		return 0;
 *	}
 *	static const struct file_ops ops = { .mount = do_file_mount, ... };
 *	static const struct server server = {
 *		.name = "tmpfs", .init = init, .on_notify = file_server_notified,
 *	};
 *	int main(void) { file_server_init(&ops); server_run(&server); }
 *
 * with `serves file`, `talks vm ds log`, `notifies vfs`, `calls grant_copy` in its manifest. Each
 * handler gets the request of contracts/file.contract; c->lent is the length of `data`, which
 * file_data_read and file_data_write move. Replies go to the reply struct, e->attr and e->name2:
 * it works on a copy of the entry.
 * After 0 the attributes named in the contract must be filled in: vfs caches them.
 */
#ifndef LIB_FILE_H
#define LIB_FILE_H

#include <abi/errors.h>
#include <abi/kernel.h>
#include <abi/types.h>
#include <contract/file.h>
#include <lib/board.h>
#include <lib/server.h>

enum { FILE_NAME = 256, FILE_BOARD_KEY = 0x656c6966 };

/* What a file is. Times: nanoseconds since 1970. */
struct file_attr {
	uint64_t file;                  /* the server's number; not 0 */
	uint64_t size;                  /* bytes; of a directory whatever is usual */
	uint64_t blocks;                /* of 512 bytes */
	uint64_t rdev;                  /* device: major << 32 | minor; magic: its argument */
	int64_t atime, mtime, ctime;
	uint32_t mode;                  /* with the type */
	uint32_t uid, gid;
	uint32_t links;
	uint32_t magic;                 /* FILE_MAGIC_, symbolic links of procfs; else 0 */
	uint32_t generation;            /* another one if the number was another file's before */
};

/* Links whose target vfs knows and no text says. rdev: pid | descriptor << 32. */
enum {
	FILE_MAGIC_NONE,
	FILE_MAGIC_SELF,                /* "PID" of the caller */
	FILE_MAGIC_THREAD,              /* "PID/task/TID" of the caller */
	FILE_MAGIC_EXE,
	FILE_MAGIC_CWD,
	FILE_MAGIC_ROOT,
	FILE_MAGIC_FD,
	/* Not links: vfs makes their content itself. rdev as above. */
	FILE_MAGIC_MOUNTS = 16,         /* /proc/mounts */
	FILE_MAGIC_MOUNTINFO,           /* /proc/PID/mountinfo */
	FILE_MAGIC_FD_DIR,              /* /proc/PID/fd: a FILE_MAGIC_FD link for each descriptor */
	FILE_MAGIC_MAPS,                /* /proc/PID/maps: vfs knows the names of files */
	FILE_MAGIC_UNIX,                /* /proc/net/unix */
};

/* flags in the reply of mount */
enum {
	FILE_MOUNT_READONLY = 1,
	FILE_MOUNT_DIRECT = 2,          /* no page cache: each read and write asks the server */
	FILE_MOUNT_VOLATILE = 4,        /* names and attributes change by themselves */
	FILE_MOUNT_MEMORY = 8,          /* no device: write back only what leaves the cache */
};

struct file_entry {
	uint32_t type;                  /* FILE_, the operation */
	uint32_t tree;                  /* vfs's number of the mount, from mount on the same */
	int32_t err;                    /* the reply */
	grant_t data;                   /* 0: none; the direction as the contract says */
	uint64_t len;                   /* bytes of data */
	uint64_t w[MESSAGE_WORDS];      /* the request; stays as it is (lib/board.h, B2) */
	uint64_t answer[MESSAGE_WORDS]; /* the reply */
	struct file_attr attr;          /* of set_attr, which else is the reply's */
	struct file_attr attr_now;      /* the reply */
	char name[FILE_NAME];           /* NUL-terminated; mount: the source as given to mount(2) */
	char name2[FILE_NAME];          /* mount: the type; the reply of readlink */
};
_Static_assert(sizeof(struct file_entry) % 8 == 0, "entries are aligned");

enum { FILE_BOARD_BYTES = (sizeof(struct board) + BOARD_ENTRIES * sizeof(struct file_entry) +
			   PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE };

/* ---- for file servers ---- */

/* Before server_run. */
void file_server_init(const struct file_ops *ops);
/* The server's on_notify, or called from there: handles what vfs asks. */
void file_server_notified(uint64_t services);
/* Called before that by who keeps anything on vfs's account. True: vfs has begun afresh; it has
 * mounted nothing and no file in use, and what it had asked it asks no more. */
bool file_asker_changed(void);

/* What the handler called with c works on: a copy of the entry, which goes back when it is done. */
struct file_entry *file_entry(const struct call *c);

/* Move bytes of `data`. A range beyond c->lent is -EINVAL. */
err_t file_data_write(const struct call *c, uint64_t offset, const void *from, size_t len)
	MUST_CHECK;
err_t file_data_read(const struct call *c, uint64_t offset, void *to, size_t len) MUST_CHECK;

/* A handler that returned NO_REPLY answers later: fill file_entry(c) (and its w with the reply
 * struct), then this. c needs only client and serial, which the handler was given. */
void file_complete(const struct call *c, err_t err);
/* Or it is called again, with a copy of the call that it was given, and may return NO_REPLY. */
void file_go_on(const struct call *c);

enum { FILE_DIRENT_HEAD = 19 };         /* bytes of struct linux_dirent64 before the name */

/* Append a struct linux_dirent64 to the records of readdir; false: it does not fit any more. */
struct file_dirents { char *at; size_t room, used; };
bool file_dirent(struct file_dirents *d, uint64_t ino, uint64_t next_pos, uint32_t mode,
		 const char *name);

#endif
