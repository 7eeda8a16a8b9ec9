/* SPDX-License-Identifier: BSD-2-Clause
 * devfs.h - what the files of devfs share.
 */
#ifndef DEVFS_DEVFS_H
#define DEVFS_DEVFS_H

#include "state.h"

enum { TYPE_MASK = 0170000, TYPE_DIR = 0040000, TYPE_CHAR = 0020000, TYPE_BLOCK = 0060000,
       TYPE_FILE = 0100000, TYPE_LINK = 0120000 };

/* ---- node.c ---- */
struct node *node_of(uint64_t file);                    /* NULL: there is none (any more) */
uint64_t file_of(const struct node *n);
unsigned node_index(const struct node *n);
bool is_dir(const struct node *n);
struct node *node_find(const struct node *dir, const char *name);
struct node *node_new(const struct node *dir, const char *name, uint32_t mode); /* NULL: full */
void node_remove(struct node *n);                       /* its entry; it lives while vfs holds it */
void node_forget(struct node *n);
bool is_empty(const struct node *dir);
bool is_below(const struct node *dir, const struct node *n);
int64_t now(void);

/* ---- devices.c ---- */
void devices_init(void);                                /* fresh: what there is always */
void devices_subscribe_again(void);                     /* once for each life */
void devices_changed(void);                             /* ds has news */

#endif
