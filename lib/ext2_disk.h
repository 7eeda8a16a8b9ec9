/* SPDX-License-Identifier: BSD-2-Clause
 * ext2_disk.h - what lies on an ext2 disk (all little-endian, as the machine is).
 * Spec: The Second Extended File System, Internal Layout (D. Poirier); e2fsprogs' ext2_fs.h.
 */
#ifndef LIB_EXT2_DISK_H
#define LIB_EXT2_DISK_H

#include <abi/types.h>
#include <lib/sums.h>

enum {
	SUPER_AT = 1024, SUPER_MAGIC = 0xef53, ROOT_INO = 2, NAME_LEN = 255, FIRST_INO_0 = 11,
	INODE_SIZE_0 = 128, DIRECT = 12, MAP_SLOTS = 15, LINKS_MAX = 32000, FAST_LINK = 60,
	INODE_DIR_INDEX = 0x1000, STATE_VALID = 1, STATE_ERRORS = 2, DIRENT_HEAD_LEN = 8,
};

/* Features. What is compatible needs no knowledge. */
enum {
	INCOMPAT_FILETYPE = 2, INCOMPAT_KNOWN = INCOMPAT_FILETYPE,
	RO_SPARSE_SUPER = 1, RO_LARGE_FILE = 2, RO_EXTRA_ISIZE = 0x40,
	RO_KNOWN = RO_SPARSE_SUPER | RO_LARGE_FILE | RO_EXTRA_ISIZE,
};

struct ext2_super {
	uint32_t inodes, blocks, reserved, free_blocks, free_inodes, first_data;
	uint32_t log_block, log_fragment, blocks_per_group, fragments_per_group, inodes_per_group;
	uint32_t mtime, wtime;
	uint16_t mounts, max_mounts, magic, state, errors, minor;
	uint32_t checked, interval, creator, revision;
	uint16_t reserved_uid, reserved_gid;
	uint32_t first_ino;
	uint16_t inode_size, group;
	uint32_t compat, incompat, ro_compat;
	uint8_t uuid[16], name[16], mounted_at[64];
	uint32_t algorithms;
	uint8_t prealloc[2];
	uint16_t reserved_gdt;
	uint8_t journal_uuid[16];
	uint32_t journal_ino, journal_dev, last_orphan;
	uint8_t unused[1024 - 236];
};
_Static_assert(sizeof(struct ext2_super) == 1024, "one superblock");
_Static_assert(offsetof(struct ext2_super, last_orphan) == 232, "s_last_orphan");

struct ext2_group {
	uint32_t block_bitmap, inode_bitmap, table;
	uint16_t free_blocks, free_inodes, dirs, flags;
	uint32_t unused[3];
};
_Static_assert(sizeof(struct ext2_group) == 32, "one group");

struct ext2_inode {
	uint16_t mode, uid;
	uint32_t size, atime, ctime, mtime, dtime;
	uint16_t gid, links;
	uint32_t sectors;               /* of 512 bytes, the map's own blocks too */
	uint32_t flags, version;
	uint32_t map[MAP_SLOTS];
	uint32_t generation, acl, size_high, fragment;
	uint16_t blocks_high, acl_high, uid_high, gid_high;
	uint32_t unused;
	/* Only in inodes of more than 128 bytes, as far as `extra` says. */
	uint16_t extra, checksum_high;
	uint32_t ctime_extra, mtime_extra, atime_extra, crtime, crtime_extra;
};
_Static_assert(offsetof(struct ext2_inode, extra) == 128, "the first inodes' end");
enum { EXTRA_OFFSET = 128, EXTRA_TIMES = 24, EXTRA_NEW = 32 };

struct ext2_dirent {
	uint32_t inode;                 /* 0: unused */
	uint16_t len;                   /* of the record */
	uint8_t name_len, type;
	char name[];
};

/* A file without a name, in an inode that is a boot loader's: SUMS_PAGE bytes of head, then as many
 * for each row of sums (lib/sums.h). They count if the superblock is what the head says. */
enum { SUMS_INO = 5, SUMS_PAGE = 4096, SUMS_MAGIC = 0x734b5331 };

struct sums_head {
	uint32_t magic, block_size, blocks;
	uint32_t super;                 /* sum of the superblock's 1,024 bytes */
	uint32_t sum;                   /* of this page, with 0 here */
	uint32_t unused[3];
	uint32_t row[SUMS_ROWS];        /* sum of each row */
	uint32_t unused2[SUMS_PAGE / 4 - 8 - SUMS_ROWS];
};
_Static_assert(sizeof(struct sums_head) == SUMS_PAGE, "a page");
_Static_assert(SUMS_ROW * sizeof(uint32_t) == SUMS_PAGE, "a row");

#endif
