/* SPDX-License-Identifier: BSD-2-Clause
 * ext2.h - what the files of ext2 share. All but io.c and ext2.c also run on the host (test/).
 *
 * An operation runs from its start to its end on cached blocks. One that misses a block returns
 * WAIT: what it changed is taken back, and it is done again when something has come from the disk.
 * What it returns otherwise is final; an error takes its changes back as well.
 */
#ifndef EXT2_H
#define EXT2_H

#include "state.h"
#include <lib/ext2_disk.h>
#include <lib/file.h>

#define WAIT NO_REPLY

enum { TYPE_MASK = 0170000, TYPE_DIR = 0040000, TYPE_LINK = 0120000, TYPE_FILE = 0100000,
       TYPE_CHAR = 0020000, TYPE_BLOCK = 0060000 };

/* ---- io.c, or the test: begin a transfer of a buffer. False: not now, too many are open. ---- */
bool io_read(unsigned buffer);
bool io_write(unsigned buffer);
void io_commit(void);                   /* what is in `state` stays */
uint64_t io_next_commit(void);          /* its stamp, > 0; commits of a request's end count, too */
bool io_is_committed(uint64_t stamp);
int64_t io_now(void);                   /* ns since 1970 */
void io_say(const char *what, uint64_t number);

/* ---- sum.c ---- */
void sum_written(const struct buffer *b, const void *at);       /* it is about to be */
void sum_unknown(uint32_t block);
/* Whether what was read is right. Its sum is *found, and was *known. */
bool sum_check(uint32_t block, const void *at, uint32_t *found, uint32_t *known);

/* ---- keep.c ---- */
void keep_block(unsigned n);            /* a dirty buffer, as it is now */
uint32_t kept_sum(unsigned n);
void keep_volume(void);
void keep_nothing(void);
void keep_start(void);                  /* a fresh one: what is there from before */

/* ---- sumfile.c: transactions of its own ---- */
err_t sums_load(void) MUST_CHECK;
void sums_store_begin(void);            /* nothing is dirty */
err_t sums_store(void) MUST_CHECK;
err_t sums_store_head(void) MUST_CHECK; /* those are on the disk */

/* ---- buffer.c ---- */
void buffers_init(void);
void buffers_recover(void);             /* transfers: then buffer_open for each that is open */
void buffer_open(unsigned buffer, uint32_t block, bool write);
void buffers_settle(void);              /* what is marked as under way and is not */
void buffers_forget(void);              /* all, and their sums; none is dirty */
void buffers_drop(void);                /* all */
bool buffer_adopt(unsigned n, uint32_t block);  /* it is this block, dirty. False: another is */
void journal_back(void);
bool buffer_waits(unsigned buffer, uint32_t block);     /* for this block, from the disk */
/* -EBADMSG: it is there, and wrong; another read would be no better. */
void buffer_done(unsigned buffer, bool write, err_t err);
err_t block_get(uint32_t block, void *at) MUST_CHECK;  /* *at: its bytes */
err_t block_zero(uint32_t block, void *at) MUST_CHECK;   /* zeros, dirty */
err_t block_over(uint32_t block, void *at) MUST_CHECK;  /* unread, to be overwritten */
void block_ahead(uint32_t block, bool wanted);       /* will be wanted soon */
/* A step of a search: what it gets may be evicted after the step. Ends before the next. */
void look_begin(void);
void look_end(void);
bool is_edited(const void *at);         /* by the operation that goes on */
void edit(const void *at);              /* before the block that `at` lies in changes */
void edit_data(const void *at);         /* the same for what needs not be taken back */
void edit_unsummed(const void *at);     /* and for what holds sums */
unsigned journal_room(void);
void op_begin(void);
err_t op_end(err_t err);                /* commit if 0, else take back; returns err */
err_t op_finish(err_t err);             /* the same, but with the answer: it is done once */
void journal_settle(void);              /* if what op_finish was given is committed */
void write_if_many(void);
void write_some(void);                  /* begin to write what is dirty */
void write_again(void);                 /* also what could not be written before */
bool buffers_busy(void);                /* transfers are under way */
bool dirty_before(uint64_t change);

/* ---- walk.c: where a search goes on after it had to wait; 0: at its beginning ---- */
enum walk_kind { WALK_NAME, WALK_ROOM, WALK_EMPTY, WALK_BELOW, WALK_ORPHAN, WALK_BLOCK,
		 WALK_INODE };
#define WALK_ANY UINT32_MAX
uint32_t walk_at(enum walk_kind kind, uint32_t what, uint32_t more, const char *name);
void walk_to(enum walk_kind kind, uint32_t what, uint32_t more, const char *name, uint32_t at);
void walk_forget(enum walk_kind kind, uint32_t what);
void walk_forget_at(enum walk_kind kind, uint32_t at);
/* A request stops running: its searches are kept while it waits. */
void walks_end(uint32_t request, bool waits);
void walks_forget(void);

/* ---- super.c ---- */
err_t volume_open(uint64_t disk_size, bool readonly) MUST_CHECK;
err_t super_get(struct ext2_super **s) MUST_CHECK;
err_t group_get(uint32_t group, struct ext2_group **g) MUST_CHECK;
err_t super_mark(bool clean) MUST_CHECK;
bool block_is_data(uint32_t block);
err_t fs_stat(struct file_stat_fs_reply *reply) MUST_CHECK;

/* ---- alloc.c ---- */
err_t block_alloc(uint32_t goal, uint32_t *block) MUST_CHECK;
err_t block_free(uint32_t block) MUST_CHECK;
err_t inode_alloc(uint32_t parent, bool dir, uint32_t *ino) MUST_CHECK;
err_t inode_free(uint32_t ino, bool dir) MUST_CHECK;
uint32_t group_first(uint32_t group);

/* ---- inode.c ---- */
err_t table_get(uint32_t ino, struct ext2_inode **i) MUST_CHECK;        /* whatever it is */
err_t inode_get(uint64_t ino, struct ext2_inode **i) MUST_CHECK;
err_t inode_new(uint32_t ino, const struct file_create_request *req, struct ext2_inode **i)
	MUST_CHECK;
uint32_t inode_type(const struct ext2_inode *i);
uint64_t inode_size(const struct ext2_inode *i);
err_t inode_resize(struct ext2_inode *i, uint64_t size) MUST_CHECK;
void inode_touch(struct ext2_inode *i, unsigned which);         /* FILE_SET_xTIME: now */
void attr_get(uint32_t ino, const struct ext2_inode *i, struct file_attr *a);
void attr_set(struct ext2_inode *i, uint32_t mask, const struct file_attr *a);
err_t orphan_add(uint32_t ino, struct ext2_inode *i) MUST_CHECK;
err_t orphan_next(uint32_t *ino) MUST_CHECK;                    /* *ino 0: none */
/* Its blocks, then itself; commits in between. */
err_t orphan_free(uint32_t ino) MUST_CHECK;

/* ---- map.c ---- */
err_t map_get(const struct ext2_inode *i, uint64_t n, uint32_t *block) MUST_CHECK;
err_t map_make(uint32_t ino, struct ext2_inode *i, uint64_t n, uint32_t *block, bool *fresh)
	MUST_CHECK;
/* Free all blocks from number `keep` on. -EAGAIN: some; commit, then go on. */
err_t map_cut(struct ext2_inode *i, uint64_t keep) MUST_CHECK;
uint64_t map_max(void);                 /* blocks of the longest file */

/* ---- dir.c ---- */
struct spot { struct ext2_dirent *entry; uint8_t *block; uint32_t base; };      /* of the block */
err_t dir_get(uint64_t ino, struct ext2_inode **i) MUST_CHECK;
uint32_t dir_blocks(const struct ext2_inode *dir);
err_t dir_block(const struct ext2_inode *dir, uint32_t n, uint8_t **at) MUST_CHECK;
struct ext2_dirent *dir_entry(uint8_t *at, uint32_t offset);    /* NULL: it makes no sense */
bool dir_matches(const struct ext2_dirent *e, const char *name, uint32_t len);
err_t dir_spot(const struct ext2_inode *dir, uint32_t position, struct spot *s) MUST_CHECK;
/* The entry once more, after others of its block have changed. */
err_t dir_again(const char *name, struct spot *s) MUST_CHECK;
err_t dir_parent(const struct ext2_inode *dir, struct spot *s) MUST_CHECK;      /* its `..` */
err_t dir_find(uint32_t ino, const struct ext2_inode *dir, const char *name, struct spot *s)
	MUST_CHECK;
err_t dir_add(uint32_t ino, struct ext2_inode *dir, const char *name, uint32_t child,
	      uint32_t mode) MUST_CHECK;
void dir_remove(uint32_t ino, struct ext2_inode *dir, const struct spot *s);
void dir_set(uint32_t ino, struct ext2_inode *dir, struct ext2_dirent *e, uint32_t child,
	     uint32_t mode);
err_t dir_make(uint32_t ino, struct ext2_inode *i, uint32_t parent) MUST_CHECK;
/* Or -ENOTEMPTY. */
err_t dir_is_empty(uint32_t ino, const struct ext2_inode *dir) MUST_CHECK;
err_t dir_list(uint64_t ino, uint64_t pos, struct file_dirents *d) MUST_CHECK;

/* ---- index.c: positions are bytes of the directory ---- */
enum { ROOM_CLASSES = 68, NOT_INDEXED = 1 };
/* NOT_INDEXED: the directory has to be searched. */
err_t index_find(uint32_t ino, const struct ext2_inode *dir, const char *name, struct spot *s)
	MUST_CHECK;
uint32_t index_room(uint32_t ino, uint32_t need);       /* there is none before this entry */
void index_added(uint32_t ino, const char *name, uint32_t need, uint32_t position);
/* The entry at `position` is unused now; the gap that it is in begins at `gap`. */
void index_removed(uint32_t ino, const char *name, uint32_t len, uint32_t position, uint32_t gap);
void index_drop(uint32_t ino);
void index_forget(void);                                /* all of them */
void index_settle(bool taken_back);                     /* the operation has ended */

/* ---- name.c ---- */
err_t fs_lookup(uint64_t dir, const char *name, struct file_attr *a) MUST_CHECK;
err_t fs_create(const struct file_create_request *req, const char *name, const char *target,
		struct file_attr *a) MUST_CHECK;
err_t fs_link(uint64_t dir, uint64_t file, const char *name, struct file_attr *a) MUST_CHECK;
err_t fs_unlink(uint64_t dir, const char *name, bool rmdir, struct file_attr *a) MUST_CHECK;

/* ---- rename.c ---- */
err_t fs_rename(const struct file_rename_request *req, const char *name, const char *name2,
		uint64_t *replaced, struct file_attr *a) MUST_CHECK;
bool name_is_good(const char *name);

/* ---- data.c: moves bytes between a buffer and whoever asked ---- */
typedef err_t (*move_fn)(void *context, uint64_t offset, void *bytes, uint32_t len);
err_t fs_read(uint64_t file, uint64_t pos, uint64_t len, move_fn put, void *context,
	      uint64_t *done) MUST_CHECK;
/* At most as many bytes as one transaction bears: *done. */
err_t fs_write(uint64_t file, uint64_t pos, uint64_t len, uint64_t size, move_fn get,
	       void *context, uint64_t *done) MUST_CHECK;
err_t fs_readlink(uint64_t file, char *target, uint32_t *len) MUST_CHECK;   /* BUFFER_SIZE */
/* Transactions of its own. */
err_t fs_set_attr(uint64_t file, uint32_t mask, const struct file_attr *to, struct file_attr *a)
	MUST_CHECK;

#endif
