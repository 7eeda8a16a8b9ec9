/* SPDX-License-Identifier: BSD-2-Clause
 * state.h - all that ext2 remembers: the mount, the disk's client, and beside them the buffers.
 *
 * E1 A block has at most one buffer; a buffer with a block is in its hash chain.
 * E2 READING: the disk fills it, nobody looks. WRITING: the disk reads it; it may be changed, which
 *    makes it DIRTY again. Never both, and one request for a buffer at a time.
 *    FAILED: it is DIRTY, and the disk did not take it; it is tried again at the next tick or sync.
 *    UNSUMMED: no sum of it is kept, for it holds sums.
 * E3 While a transaction is open the pre-image of each block that it changed is in `journal`.
 * E4 The disk's driver writes into `landing` only: a read has a place there, from its submission
 *    until its bytes are in the buffer, and are right. `bytes` it may read.
 */
#ifndef EXT2_STATE_H
#define EXT2_STATE_H

#include <abi/kernel.h>
#include <abi/types.h>
#include <lib/block.h>
#include <lib/sums.h>
#include <lib/undo.h>

enum { NR_BUFFERS = 1024, BUFFER_SIZE = 4096, NR_BUCKETS = 1024, JOURNAL_MAX = 128 };

enum { SUMS_UNSEEN, SUMS_NONE, SUMS_PLACE };     /* has the disk a place for sums? */

enum { B_VALID = 1, B_DIRTY = 2, B_READING = 4, B_WRITING = 8, B_ERROR = 16, B_RECENT = 32,
       B_FAILED = 64, B_UNSUMMED = 128, B_AHEAD = 256 };

struct buffer {
	uint32_t block;                 /* flags 0: none */
	uint32_t flags;
	uint32_t next;                  /* hash chain: 1 + number */
	uint32_t op;                    /* the operation that used it last */
	uint64_t dirty_since;           /* number of the change that made it dirty */
	uint64_t writing_since;         /* the same, of what is being written */
};

/* The mounted volume; `mounted` last of all. */
struct volume {
	uint32_t mounted, tree;
	uint32_t abandoned;             /* vfs has begun afresh and not mounted it yet */
	uint32_t readonly, filetype;
	uint32_t size, shift;           /* of a block */
	uint32_t blocks, first_data, blocks_per_group, groups, group_blocks;
	uint32_t inodes, inodes_per_group, inode_size, first_ino, revision;
	uint32_t table_blocks;          /* inode table of a group */
	uint32_t sums, sums_next;       /* SUMS_; the row that is to be loaded */
	uint32_t lost;                  /* blocks that were not on the disk: it is read-only */
	uint32_t unused;
};

struct state {
	struct volume volume;
	struct block_client disk;
	struct block_info_reply info;   /* of the disk; size 0: not asked yet */
	int32_t info_err;
	uint32_t info_asked;
	uint64_t places, again;         /* of `landing`: in use; of those, to be read again */
	struct { uint32_t buffer, block, tries, found; } place[RING_ENTRIES];
	uint64_t cleared;               /* when the driver's next life read the same, ns */
};

/* Not rolled back by the undo log: `journal` does that (buffer.c). */
struct cache {
	struct buffer buffer[NR_BUFFERS];
	uint32_t bucket[NR_BUCKETS];
	uint32_t hand, op, dirty, reading, writing, write_errors;
	uint32_t serial, looking;       /* of operations and looks; of the one that goes on, or 0 */
	uint64_t changes;
	uint32_t transactions;          /* that changed something */
	uint32_t wrong, lost;           /* reads of wrong bytes; that were given up */
};

/* Kept by every start (keep.c), as are bytes and image. */
struct kept {
	uint64_t magic;
	uint32_t starts;                /* fresh ones in a row that have not mounted it again */
	uint32_t volume_sum;
	struct volume volume;
	uint64_t of[NR_BUFFERS];        /* K1 */
	uint64_t ends;                  /* K3: the commit with which the journal ends; 0: none */
	uint32_t journal_used;
	struct { uint32_t buffer, fresh; uint64_t was; } journal[JOURNAL_MAX];
};

extern struct state state;
extern struct ring_memory ring;
extern struct cache cache;
extern struct kept kept;
extern uint8_t bytes[NR_BUFFERS][BUFFER_SIZE];
extern uint8_t image[JOURNAL_MAX][BUFFER_SIZE];
extern uint8_t landing[RING_ENTRIES][BUFFER_SIZE];
extern struct sums sums;

#endif
