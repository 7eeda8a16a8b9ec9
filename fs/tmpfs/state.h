/* SPDX-License-Identifier: BSD-2-Clause
 * state.h - all that tmpfs remembers: nodes, entries of directories, pages.
 *
 * T1 node 1 is the root of what the boot archive holds; each other tree that is mounted has a root
 *    of its own. A node with links 0 and not in use by vfs is free.
 * T2 An entry's parent is a directory; entries of one directory form a doubly linked list.
 *    Each is in the hash bucket of its directory and name.
 * T3 A page row belongs to one (node, index), is in that hash bucket's list, or is free.
 */
#ifndef TMPFS_STATE_H
#define TMPFS_STATE_H

#include <abi/types.h>
#include <lib/undo.h>

enum {
	NR_NODES = 4096, NR_DIRENTS = 6144, NR_DATA_PAGES = 2048, NR_BUCKETS = 4096,
	NAME_MAX_ = 255, LINK_MAX_ = 1000,
	NR_TREES = 32,                  /* mounts of vfs */
};

struct node {
	uint32_t mode;                  /* 0: free */
	uint32_t uid, gid, links;
	uint64_t size, rdev;
	int64_t atime, mtime, ctime;
	uint64_t source;                /* offset in the boot archive; 0: pages */
	uint32_t pages;                 /* page rows it has */
	uint32_t parent;                /* directories: node above */
	uint32_t first, last;           /* directories: entries */
	uint32_t used;                  /* vfs has been told of it */
	uint32_t generation;
	uint32_t next_free;
};

struct dirent {
	uint32_t node;                  /* 0: free */
	uint32_t dir, next, prev;
	uint32_t chain;                 /* of its hash bucket */
	uint64_t pos;                   /* readdir position: rises, never reused in a directory */
	char name[NAME_MAX_ + 1];
};

struct page { uint32_t node, index, next; };

struct state {
	struct node node[NR_NODES];
	struct dirent dirent[NR_DIRENTS];
	struct page page[NR_DATA_PAGES];        /* row 0 is not used */
	uint32_t bucket[NR_BUCKETS];            /* of pages */
	uint32_t entry_bucket[NR_BUCKETS];
	uint32_t root_of[NR_TREES];     /* 0: not mounted, or a tree of the boot archive */
	uint32_t free_node, free_dirent, free_page;
	uint32_t nodes, pages;          /* in use */
	uint64_t next_pos;
	uint32_t generation;            /* of the next node; 0: the boot archive's, in any life */
	uint32_t abandoned;             /* vfs has begun afresh and not mounted a tree yet */
};

extern struct state state;
/* Bytes of the pages. They are not rolled back: a write that is repeated has the same result. */
extern uint8_t data[NR_DATA_PAGES][PAGE_SIZE];

#endif
