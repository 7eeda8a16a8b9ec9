/* SPDX-License-Identifier: BSD-2-Clause
 * state.h - all that devfs remembers.
 *
 * D1  node[ROOT] is the root. A node with a name is an entry of node[parent], which is a directory.
 * D2  A node without a name is free, unless it is `held`: vfs still uses it, it has no entry.
 * D3  A file's number is generation << 16 | index; the generation rises when a node is freed.
 */
#ifndef DEVFS_STATE_H
#define DEVFS_STATE_H

#include <lib/file.h>
#include <lib/undo.h>

enum { NR_NODES = 256, NODE_NAME = 32, NODE_TARGET = 64, ROOT = 1 };

struct node {
	char name[NODE_NAME];
	char target[NODE_TARGET];       /* of a symbolic link */
	uint64_t rdev;
	int64_t atime, mtime, ctime;
	uint32_t mode;                  /* 0: free */
	uint32_t uid, gid;
	uint32_t generation;
	uint16_t parent;
	uint8_t held;                   /* vfs knows it */
	uint8_t device;                 /* 1 + row of devices.c that made it; 0: a program did */
};

struct state {
	struct node node[NR_NODES];
	uint32_t there;                 /* devices, a bit each, of which ds says that they are */
};

extern struct state state;

#endif
